"""What speaks for a candidate's sides: an edge, a steady step or a dark seam along them, an end at their corners."""

from __future__ import annotations

from functools import cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from devices.imaging.fields import UNIT, Fields, Gradient, OutlineParameters, Quads
from devices.imaging.quads import BEFORE, NEXT, normals_of

Scores = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float64]
ACROSS = np.arange(-7, 8)  # px inward at which a side is looked at
MIDDLE = 7  # of those: the side itself
STEPS = MIDDLE + np.array([-7, -6, -5, -4, -3, -2, 2, 3, 5, 7])  # of those: where a step is looked for
SEAMS = (-2, -1, 0, 1)  # a shadow lies outside more than inside
SEAM_ARM = 4
DARKENED = np.array([-7, -5, -3, 3, 5, 7, 9, 11])  # px inward: a lasting difference, no shadow's
FRAMED = np.array([-7, -6, -5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16])  # px inward: beyond a frame, and within it
SHARP_LEVELS = 0.4  # noise of a side's step
TIE_PX = 0.002  # a place half-way between pixels is the former one's at every offset; else every second is seen twice
BEYOND_POINTS = 8
BEYOND_PX = (4.0, 10.0, 30.0)  # from the corner; over at least, over at most
BOW_PX = 8  # to either side at which a round thing's edge is looked for
FAINT = 0.25  # levels²: an edge that is hardly there goes on nowhere


def along(quads: Quads, points: int) -> tuple[Quads, Quads]:
    """Return sample points n×4×points×2 at 6–94 % of every side, and the sides' inward normals n×4×2."""
    sides = np.take(quads, NEXT, axis=1) - quads
    at = _places(points)
    return quads[:, :, None, :] + sides[:, :, None, :] * at[None, None, :, None], normals_of(quads)


@cache
def _places(points: int) -> Floats:
    return np.linspace(0.06, 0.94, points)


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
    only help, and writing under it does not. A seam is never certain: what is printed has some as well. Where three
    sides step clearly and one not at all, they belong to several things: what reaches in from the frame's edge.
    """
    samples, normals = along(quads, p.points)
    level, *chroma = look(fields.means, samples, normals, ACROSS)
    colours = np.stack([level, *chroma], axis=1)[STEPS] * np.float32(1 / UNIT)
    (step, size, sharp), (rim, clear), seam = _step(colours, p), _rim(colours, p), _seam(level, p)
    stepped = sharp * step / (step + p.step_floor)
    stepped = np.maximum(stepped, clear * np.minimum(p.rim_most, rim / (rim + p.rim_floor)))
    steady = np.maximum(stepped, np.minimum(p.seam_most, seam / (seam + p.seam_floor)))
    ordered = np.sort(size + 2 * seam, axis=1)
    agreed = np.minimum(1, (ordered[:, 0] + p.step_floor) / (p.least_of_others * ordered[:, 2] + 1e-6))
    return np.asarray(steady * agreed[:, None])


def ends(fields: Fields, quads: Quads, p: OutlineParameters) -> Scores:
    """Return what is left of a score (0–1, n) because sides go on beyond their corners: a grid's do, a paper's do not.

    One of the eight ends may: a pen lies there, or the next board. What lies outside the frame tells nothing.
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
    known = ((spots >= 0) & (spots < np.array(fields.size))).all(axis=4).mean(axis=3) > 0.6
    ratios = np.where(known, np.clip(np.max(alike, axis=0), 0, 1), 0)
    beyond = np.sort(np.concatenate(list(ratios), axis=1), axis=1)[:, :-1].sum(axis=1)
    beyond = beyond / (p.beyond_ends * np.maximum(known.sum(axis=(0, 2)), 2) / 8)
    return np.asarray(1 - p.beyond * np.minimum(1, beyond) - p.beyond_most * np.clip(beyond - 1, 0, 1))


def bows(fields: Fields, quads: Quads, p: OutlineParameters) -> npt.NDArray[np.bool_]:
    """Return which candidates (n) are round: at both ends of three sides the edge lies further in than between."""
    samples, normals = along(quads, p.points)
    offsets = np.arange(-BOW_PX, BOW_PX + 1)
    grouped = _stretches(_across(fields, samples, normals, offsets), p.groups)
    at = offsets[np.abs(grouped).argmax(axis=0)]
    third = p.groups // 3
    bow = (at[:, :, 0] + at[:, :, -1]) / 2 - at[:, :, third : p.groups - third].mean(axis=2)
    return np.asarray(np.sort(bow, axis=1)[:, 1] > p.bow)


def on_its_like(fields: Fields, quad: Floats, p: OutlineParameters) -> npt.NDArray[np.bool_]:
    """Return which sides (of 4×2 px) have paper as light on both their sides: those of a frame printed on a page.

    Paper is what is lightest within reach of a printed frame, but for the few lightest px.
    """
    samples, normals = along(quad[None], p.points)
    (level,) = look(fields.means[:1], samples, normals, FRAMED)
    inner, outer = level[FRAMED > 0, 0] / UNIT, level[FRAMED < 0, 0] / UNIT  # px×4×points
    paper = _middle(np.sort(inner, axis=0)[len(inner) * 3 // 4])
    return np.asarray(np.abs(paper - _middle(outer.mean(axis=0))) < p.alike)


def darkens(fields: Fields, quad: Floats, p: OutlineParameters) -> npt.NDArray[np.bool_]:
    """Return which sides (of 4×2 px) are darker within: those of a picture printed on a page, hardly a paper's."""
    samples, normals = along(quad[None], p.points)
    (level,) = look(fields.means[:1], samples, normals, DARKENED)
    inner, outer = (_middle(level[one, 0].mean(axis=0)) for one in (DARKENED > 0, DARKENED < 0))
    return np.asarray(inner < outer)


def of_sides(sides: Scores, weakest: float = 0.5) -> Scores:
    """Return the mean and the weakest of four sides, n×4 → n; `weakest`: how much that one counts."""
    return np.asarray((1 - weakest) * sides.mean(axis=1) + weakest * sides.min(axis=1))


def _step(colours: Floats, p: OutlineParameters) -> tuple[Scores, Scores, Scores]:
    """Return the step in levels that four fifths of every side reach, its middle, and how much of it lies at the side
    itself (0 to 1): colours at STEPS, 10×3×n×4×points → n×4 each.
    """
    far_out, _, mid_out, _, out, near_out, near_in, inner, mid_in, far_in = colours
    difference = _of_three(inner, mid_in, far_in) - _of_three(out, mid_out, far_out)  # a printed rule hits one of them
    light = p.slope_share * _lesser(_middle(far_in - inner), _middle(out - far_out))
    middle = _middle(difference) - light
    size = np.sqrt((middle * middle).sum(axis=0))
    towards = middle / (size + 1e-6)
    wide = _towards(difference, towards)
    steady = _weakest(wide - (light * towards).sum(axis=0)[..., None])
    near = _towards(near_in - near_out, towards)  # a highlight's rim is wide
    return np.minimum(steady, p.step_near * _weakest(near)), size, _sharp(near, _middle(wide), p.sharp)


def _rim(colours: Floats, p: OutlineParameters) -> tuple[Scores, Scores]:
    """Return the step in levels from the desk beyond the edge's shadow to the paper's rim of 2 and 3 px, and how much
    of it lies at the side itself, as `_step` does: writing may begin at 4 px.
    """
    far_out, wide_out, mid_out, shade, _, near_out, near_in, inner, _, _ = colours
    outer = (shade + mid_out) / 2
    difference = (near_in + inner) / 2 - outer
    light = 3 * _lesser(_middle(outer - (far_out + wide_out) / 2), 2 * _middle(inner - near_in))  # over 2 px each
    middle = _middle(difference)
    wide = np.sqrt((middle * middle).sum(axis=0))
    middle = middle - light
    towards = middle / (np.sqrt((middle * middle).sum(axis=0)) + 1e-6)
    near = _towards(near_in - near_out, towards)
    return _weakest(_towards(difference - light[..., None], towards)), _sharp(near, wide, p.rim_sharp)


def _sharp(near: Floats, wide: Scores, limits: tuple[float, float]) -> Scores:
    """Return how much of a step (n×4) lies within 2 px (n×4×points), 0 to 1: of light and stains little does."""
    least, most = limits
    share = (_middle(near) + SHARP_LEVELS) / (np.maximum(wide, 0) + 1e-6)
    return np.clip((share - least) / (most - least), 0, 1)


def _towards(colours: Floats, ways: Floats) -> Floats:
    """Return how far each colour (3×n×4×points) lies in its side's way (3×n×4)."""
    x, y, z = colours * ways[..., None]
    return np.asarray(x + y + z)


def _seam(level: Gradient, p: OutlineParameters) -> Scores:
    """Return how many levels four fifths of every side are darker than both their sides: 15×n×4×points in units → n×4.

    What is as dark as ink is a printed rule and counts less; a slope that bends, a highlight's foot, is none.
    """
    first, last = MIDDLE + SEAMS[0], MIDDLE + SEAMS[-1] + 1
    outer, inner = (level[first + arm : last + arm] - level[first:last] for arm in (-SEAM_ARM, SEAM_ARM))
    least, most = np.sort([_middle(outer), _middle(inner)], axis=0)
    found = np.where(least > -p.seam_slope * most, _weakest(outer + inner), 0).max(axis=0) / (2 * UNIT)
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
    x, y = look(fields.slopes, samples, normals, offsets)
    nx, ny = (normals[..., None, axis].astype(np.float32) / (2 * UNIT) for axis in (0, 1))
    return np.asarray(x * nx + y * ny)


def look(
    planes: tuple[npt.NDArray[Any], ...], samples: Quads, normals: Quads, offsets: npt.NDArray[np.intp]
) -> list[Gradient]:
    """Return what the planes (h×w) hold nearest to the samples moved inward, offsets×…n×4×points each."""
    moved = offsets.astype(np.float32).reshape(-1, *[1] * (samples.ndim - 1))
    spots = (
        (samples[..., axis] - TIE_PX).astype(np.float32) + moved * normals[..., None, axis].astype(np.float32)
        for axis in (0, 1)
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
