"""What speaks for a candidate's sides: an edge, a steady step or a dark seam along them, an end at their corners."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from devices.imaging.fields import SUMS, UNIT, Fields, Gradient, OutlineParameters, Quads
from devices.imaging.quads import BEFORE, NEXT, normals_of

Scores = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float64]
ACROSS = np.arange(-7, 8)  # px inward at which a side is looked at
MIDDLE = 7  # of those: the side itself
STEPS = MIDDLE + np.array([-7, -5, -3, -2, 2, 3, 5, 7])  # of those: where a step is looked for
SEAMS = (-2, -1, 0, 1)  # a shadow lies outside more than inside
SEAM_ARM = 4
BEYOND_POINTS = 8
BEYOND_PX = (4.0, 10.0, 30.0)  # from the corner; over at least, over at most
BOW_PX = 8  # inward at which a round thing's edge is looked for
SWELL_PX = 4
FAINT = 0.25  # levels²: an edge that is hardly there goes on nowhere


def along(quads: Quads, points: int) -> tuple[Quads, Quads]:
    """Return sample points n×4×points×2 at 6–94 % of every side, and the sides' inward normals n×4×2."""
    sides = np.take(quads, NEXT, axis=1) - quads
    at = np.linspace(0.06, 0.94, points)
    return quads[:, :, None, :] + sides[:, :, None, :] * at[None, None, :, None], normals_of(quads)


def edges(fields: Fields, quads: Quads, reach: int, p: OutlineParameters) -> tuple[Scores, Quads, Scores]:
    """Return how significant the edge under every stretch of the sides is (n×4×groups), where it lies at both ends of
    each side (n×4×2 px inward), and what is left of the score for the corners' sake (n).

    A candidate may be `reach` px off. Averaged along a seventh of a side at a time, so that noise and writing cancel;
    the stretches of a side need not agree: a photograph brightens here and darkens there. Of two edges that rim a
    shadow the paper's is the inner one, which brightens inward.
    """
    samples, normals = along(quads, p.points)
    offsets = np.arange(-reach, reach + 1)
    grouped = _stretches(_across(fields, samples, normals, offsets), p.groups)
    strength = np.abs(grouped).max(axis=0)
    half = p.groups // 2 + 1
    rated = np.maximum(grouped, -p.darker * grouped)
    ends = [_median(part).argmax(axis=0) for part in (rated[..., :half], rated[..., -half:])]
    shift = np.stack(ends, axis=2) - float(reach)
    return strength / (strength + p.group_tau * fields.tau), shift, _cornered(strength, p.group_tau * fields.tau, p)


def steadiness(fields: Fields, quads: Quads, p: OutlineParameters) -> Scores:
    """Return how steadily every side is a step or a seam, n×4, 0 to 1.

    A step is what lies inside less what lies outside; a slope that goes on to both sides is taken off: light and
    reflections swell, paper begins. A seam is darker than both: where paper and desk are alike, what is seen is the
    thin shadow of the paper's edge. The weakest fifth of a side speaks for it, so that dark veins beside it
    only help, and writing under it does not. A seam is never certain: what is printed has some as well.
    """
    samples, normals = along(quads, p.points)
    level, *chroma = _seen(fields.sums, samples, normals, ACROSS)
    weights = np.array([1, p.chroma_weight, p.chroma_weight], np.float32) / SUMS
    colours = np.stack([level, *chroma], axis=1)[STEPS] * weights[:, None, None, None]
    step, seam = _step(colours, p), _seam(level, p)
    return np.maximum(step / (step + p.step_floor), np.minimum(p.seam_most, seam / (seam + p.seam_floor)))


def ends(fields: Fields, quads: Quads, p: OutlineParameters) -> Scores:
    """Return what is left of a score (0–1, n) because sides go on beyond their corners: a grid's do, a paper's do not.

    One of the eight ends may: a pen lies there, or the next board.
    """
    samples, normals = along(quads, p.points // 2)
    after = np.take(quads, NEXT, axis=1)
    sides = after - quads
    lengths = np.hypot(sides[..., 0], sides[..., 1])[:, :, None]
    gap, least, most = BEYOND_PX
    at = gap + np.linspace(0, 1, BEYOND_POINTS) * np.clip(0.2 * lengths, least, most)
    steps = (sides / (lengths + 1e-9))[:, :, None, :] * at[..., None]
    own = _across(fields, samples, normals, np.arange(-2, 3)).mean(axis=3)
    energy = (own * own).sum(axis=0) + FAINT * len(own)
    spots = np.stack([quads[:, :, None, :] - steps, after[:, :, None, :] + steps])  # 2×n×4×points×2
    other = _across(fields, spots, normals, np.arange(-3, 4)).mean(axis=4)  # offsets×2×n×4
    alike = [(own[:, None] * other[shift : shift + len(own)]).sum(axis=0) / energy for shift in range(3)]
    inside = ((spots >= 0) & (spots < np.array(fields.size))).all(axis=4).mean(axis=3)
    ratios = np.where(inside > 0.6, np.clip(np.max(alike, axis=0), 0, 1), 0)
    beyond = np.sort(np.concatenate(list(ratios), axis=1), axis=1)[:, :-1].sum(axis=1)
    return np.asarray(1 - p.beyond * np.minimum(1, beyond / p.beyond_ends))


def bows(fields: Fields, quads: Quads, p: OutlineParameters) -> npt.NDArray[np.bool_]:
    """Return which candidates (n) are round: three of the sides lose their edge inward at both ends."""
    samples, normals = along(quads, p.points)
    offsets = np.arange(-2, BOW_PX + 1)
    grouped = _stretches(_across(fields, samples, normals, offsets), p.groups)
    at = offsets[np.abs(grouped).argmax(axis=0)]
    third = p.groups // 3
    bow = (at[:, :, 0] + at[:, :, -1]) / 2 - at[:, :, third : p.groups - third].mean(axis=2)
    return np.asarray(np.sort(bow, axis=1)[:, 1] > p.bow)


def swells(fields: Fields, quads: Quads, p: OutlineParameters) -> npt.NDArray[np.bool_]:
    """Return which candidates (n) a lamp's reflection makes: on three of the sides what 4 px part is less than half of
    what 14 px do. A paper's edge out of focus reaches four fifths.
    """
    samples, normals = along(quads, p.points)
    level, *chroma = (_middle(seen) / SUMS for seen in _seen(fields.sums, samples, normals, ACROSS))
    colours = np.stack([level, *(p.chroma_weight * one for one in chroma)])  # 3×15×n×4
    far = colours[:, -3:].mean(axis=1) - colours[:, :3].mean(axis=1)
    near = colours[:, SWELL_PX:] - colours[:, :-SWELL_PX]
    ratio = np.sqrt((near * near).sum(axis=0)).max(axis=0) / (np.sqrt((far * far).sum(axis=0)) + FAINT)
    return np.asarray(np.sort(ratio, axis=1)[:, 2] < p.swell)


def of_sides(sides: Scores, weakest: float = 0.5) -> Scores:
    """Return the mean and the weakest of four sides, n×4 → n; `weakest`: how much that one counts."""
    return np.asarray((1 - weakest) * sides.mean(axis=1) + weakest * sides.min(axis=1))


def _step(colours: Floats, p: OutlineParameters) -> Scores:
    """Return the step in levels that four fifths of every side reach: colours at STEPS, 8×3×n×4×points → n×4."""
    far_out, mid_out, out, near_out, near_in, inner, mid_in, far_in = colours
    difference = _of_three(inner, mid_in, far_in) - _of_three(out, mid_out, far_out)  # a printed rule hits one of them
    light = p.slope_share * _lesser(_middle(far_in - inner), _middle(out - far_out))
    middle = _middle(difference) - light
    towards = middle / (np.sqrt((middle * middle).sum(axis=0)) + 1e-6)
    steady = _weakest(_towards(difference - light[..., None], towards))
    near = near_in - near_out  # a highlight's rim is wide
    return np.minimum(steady, p.step_near * _weakest(_towards(near, towards)))


def _towards(colours: Floats, ways: Floats) -> Floats:
    """Return how far each colour (3×n×4×points) lies in its side's way (3×n×4)."""
    x, y, z = colours * ways[..., None]
    return np.asarray(x + y + z)


def _seam(level: Gradient, p: OutlineParameters) -> Scores:
    """Return how many levels four fifths of every side are darker than both their sides: 15×n×4×points sums → n×4.

    What is as dark as ink is a printed rule and counts less.
    """
    first, last = MIDDLE + SEAMS[0], MIDDLE + SEAMS[-1] + 1
    arms = level[first - SEAM_ARM : last - SEAM_ARM] + level[first + SEAM_ARM : last + SEAM_ARM]
    found = _weakest(arms - 2 * level[first:last]).max(axis=0) / (2 * SUMS)
    return np.asarray(np.where(found > p.seam_ink, p.seam_ink**2 / np.maximum(found, 1e-6), found))


def _weakest(values: npt.NDArray[Any]) -> Scores:
    """Return what four fifths of the samples (last axis) reach, at least 0."""
    fifth = values.shape[-1] // 5
    return np.asarray(np.maximum(0, np.partition(values, fifth, axis=-1)[..., fifth]))


def _cornered(strength: Scores, tau: float, p: OutlineParameters) -> Scores:
    """Return what is left of a score (0–1) where the sides do not reach their corners: n×4×groups → n.

    One corner may lie under a finger. What is round, a cup or a plate, has sides only where they touch it.
    """
    usual = p.uneven * _median(strength)[..., None]
    stretches = strength / (strength + tau + usual)
    corners = (np.take(stretches[:, :, -1], BEFORE, axis=1) + stretches[:, :, 0]) / 2
    return np.asarray(np.minimum(1, p.no_corner + (1 - p.no_corner) / p.corner_edge * np.sort(corners, axis=1)[:, 1]))


def _across(fields: Fields, samples: Quads, normals: Quads, offsets: npt.NDArray[np.intp]) -> Floats:
    """Return the gradient across the sides at every sample moved inward, in levels: offsets×…n×4×points."""
    x, y = _seen(fields.slopes, samples, normals, offsets)
    nx, ny = (normals[..., None, axis].astype(np.float32) / (2 * UNIT) for axis in (0, 1))
    return np.asarray(x * nx + y * ny)


def _seen(
    planes: tuple[Gradient, ...], samples: Quads, normals: Quads, offsets: npt.NDArray[np.intp]
) -> list[Gradient]:
    """Return what the planes (h×w) hold nearest to the samples moved inward, offsets×…n×4×points each."""
    moved = offsets.astype(np.float32).reshape(-1, *[1] * (samples.ndim - 1))
    spots = (
        samples[..., axis].astype(np.float32) + moved * normals[..., None, axis].astype(np.float32) for axis in (0, 1)
    )
    x, y = (one.reshape(-1, samples.shape[-2]) for one in spots)
    shape = (len(offsets), *samples.shape[:-1])
    return [
        np.asarray(cv2.remap(plane, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE), np.int16).reshape(shape)
        for plane in planes
    ]


def _stretches(across: Floats, groups: int) -> Floats:
    """Return the means over `groups` stretches of every side: …×points → …×groups."""
    parts = across.reshape(*across.shape[:-1], groups, -1)
    return np.asarray(sum(parts[..., number] for number in range(parts.shape[-1])) / parts.shape[-1])


def _lesser(a: Floats, b: Floats) -> Floats:
    """Return the smaller of two slopes where they go the same way, else 0."""
    return np.asarray(np.where(a * b > 0, np.sign(a) * np.minimum(np.abs(a), np.abs(b)), 0))


def _of_three(a: Floats, b: Floats, c: Floats) -> Floats:
    """Return the middle one of three, element by element."""
    return np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), c))


def _middle(values: npt.NDArray[Any]) -> Floats:
    """Return the mean of the middle half of the samples (last axis): nearly the median, and finer than whole levels."""
    ordered = np.sort(values, axis=-1)
    count = values.shape[-1]
    return np.asarray(ordered[..., count // 4 : count - count // 4].mean(axis=-1))


def _median(values: Floats) -> Floats:
    """Return the median along the last axis; np.median takes a tenth of a millisecond to begin."""
    ordered = np.sort(values, axis=-1)
    count = values.shape[-1]
    return np.asarray((ordered[..., (count - 1) // 2] + ordered[..., count // 2]) / 2)
