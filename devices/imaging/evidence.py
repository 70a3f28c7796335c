"""What speaks for a candidate's sides: an edge, a steady step or a dark seam along them, an end at their corners."""

from __future__ import annotations

from functools import cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from devices.imaging.fields import UNIT, Fields, Gradient, OutlineParameters, Quads
from devices.imaging.quads import BEFORE, NEXT, flat, normals_of, pairs

Scores = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float64]
ACROSS = np.arange(-7, 8)  # px inward at which a side is looked at
MIDDLE = 7  # of those: the side itself
STEPS = MIDDLE + np.array([-7, 7, -5, 5, -3, 3, -4, -6, -2, 2])  # of those: where a step is looked for
SEAMS = (-2, -1, 0, 1)  # a shadow lies outside more than inside
SEAM_ARM = 4
DARKENED = np.array([-7, -5, -3, 3, 5, 7, 9, 11])  # px inward: a lasting difference, no shadow's
FRAMED = np.array([-7, -6, -5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16])  # px inward: beyond a frame, and within it
OUTSIDE = 3  # of either lie outside
SHARP_LEVELS = 0.4  # noise of a side's step
TIE_PX = 0.002  # a place half-way between pixels is the former one's at every offset; else every second is seen twice
BEYOND_POINTS = 8
BEYOND_PX = (4.0, 10.0, 30.0)  # from the corner; over at least, over at most
OUTWARD = np.linspace(0, 1, BEYOND_POINTS)
BESIDE = np.arange(-3, 4)  # px inward, of a side's place there
BOW_PX = 8  # to either side at which a round thing's edge is looked for
FAINT = 0.25  # levels²: an edge that is hardly there goes on nowhere


def along(quads: Quads, points: int) -> tuple[Quads, Quads]:
    """Return sample points n×4×points×2 at 6–94 % of every side, and the sides' inward normals n×4×2."""
    spots = flat(quads)
    sides = spots.take(NEXT, axis=1) - spots
    return pairs(spots[..., None] + sides[..., None] * _places(points)), normals_of(quads)


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
    reflections swell, paper begins. A rim is the same from the desk beyond the edge's shadow to the paper's first 3 px,
    for writing may begin at 4. Of both what lies within 2 px of the side counts: a highlight's rim is wide.
    A seam is darker than both: where paper and desk are alike, what is seen is the thin shadow of the paper's edge.
    The weakest fifth of a side speaks for it, so that dark veins beside it only help, and writing under it does not.
    A seam is never certain: what is printed has some as well. Where three sides step clearly and one not at all, they
    belong to several things: what reaches in from the frame's edge.
    """
    samples, normals = along(quads, p.points)
    seen = look(fields.means, samples, normals, ACROSS)
    (step, rim), (sharp, clear), size = _steps(np.array([plane[STEPS] for plane in seen]) * np.float32(1 / UNIT), p)
    seam = _seam(seen[0], p)
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
    corners = flat(quads)[..., None]
    after = corners.take(NEXT, axis=1)
    sides = after - corners
    lengths = np.abs(sides)
    gap, least, most = BEYOND_PX
    at = gap + OUTWARD * np.minimum(np.maximum(0.2 * lengths, least), most)
    steps = sides / (lengths + 1e-9) * at
    spots = pairs(np.concatenate([corners - steps, after + steps, flat(samples)], axis=2))
    seen = _across(fields, spots, normals, BESIDE)  # once for what lies beyond either end, and for the side itself
    own = _mean(seen[1:-1, ..., 2 * BEYOND_POINTS :])[..., None]
    beyond = seen[..., : 2 * BEYOND_POINTS].reshape(*seen.shape[:3], 2, BEYOND_POINTS)
    other = _mean(beyond)  # offsets×n×4×2
    energy = (own * own).sum(axis=0) + FAINT * len(own)
    alike = [(own * other[shift : shift + len(own)]).sum(axis=0) for shift in range(3)]
    ratio = np.maximum(np.maximum(alike[0], alike[1]), alike[2]) / energy
    x, y = (spots[:, :, : 2 * BEYOND_POINTS, axis] for axis in (0, 1))
    seen_there = (x >= 0) & (x < fields.size[0]) & (y >= 0) & (y < fields.size[1])
    known = seen_there.reshape(-1, 8, BEYOND_POINTS).sum(axis=2) > 0.6 * BEYOND_POINTS
    ratios = np.where(known, np.minimum(np.maximum(ratio.reshape(-1, 8), 0), 1), 0)
    goes_on = np.sort(ratios, axis=1)[:, :-1].sum(axis=1)
    goes_on = goes_on / (p.beyond_ends * np.maximum(known.sum(axis=1), 2) / 8)
    return np.asarray(1 - p.beyond * np.minimum(1, goes_on) - p.beyond_most * np.minimum(np.maximum(goes_on - 1, 0), 1))


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
    outer, inner = level[:OUTSIDE, 0], np.sort(level[OUTSIDE:, 0], axis=0)  # px×4×points
    paper, desk = _middle(np.array([inner[len(inner) * 3 // 4], outer.sum(axis=0) / OUTSIDE]))
    return np.asarray(np.abs(paper - desk) < UNIT * p.alike)


def darkens(fields: Fields, quad: Floats, p: OutlineParameters) -> npt.NDArray[np.bool_]:
    """Return which sides (of 4×2 px) are darker within: those of a picture printed on a page, hardly a paper's."""
    samples, normals = along(quad[None], p.points)
    (level,) = look(fields.means[:1], samples, normals, DARKENED)
    outer, inner = level[:OUTSIDE, 0].sum(axis=0) / OUTSIDE, level[OUTSIDE:, 0].sum(axis=0) / (len(level) - OUTSIDE)
    without, within = _middle(np.array([outer, inner]))
    return np.asarray(within < without)


def of_sides(sides: Scores, weakest: float = 0.5) -> Scores:
    """Return the mean and the weakest of four sides, n×4 → n; `weakest`: how much that one counts."""
    return np.asarray((1 - weakest) * sides.mean(axis=1) + weakest * sides.min(axis=1))


def _steps(colours: Floats, p: OutlineParameters) -> tuple[Scores, Scores, Scores]:
    """Return the levels that four fifths of every side step, and rise at their rim; how much of either lies at the side
    itself (0 to 1): 2×n×4 each; and the step's middle, n×4. Colours at STEPS: 3×10×n×4×points.
    """
    far, mid, near = colours[:, :2], colours[:, 2:4], colours[:, 4:6]  # without and within, 3×2×n×4×points each
    shade, wide, without, within = (colours[:, number] for number in range(6, 10))
    outer, inner = (mid[:, 0] + shade) / 2, near[:, 1]
    parts = np.empty((3, 2, *shade.shape), np.float32)  # of a step and of a rim: light's slopes to both sides, both
    ordered = _of_three(near, mid, far)  # a printed rule hits one of them
    np.subtract(near[:, 0], far[:, 0], out=parts[0, 0])
    np.subtract(far[:, 1], inner, out=parts[1, 0])
    np.subtract(ordered[:, 1], ordered[:, 0], out=parts[2, 0])
    np.subtract(outer, (far[:, 0] + wide) / 2, out=parts[0, 1])
    np.subtract(inner, within, out=parts[1, 1])
    np.subtract((within + inner) / 2, outer, out=parts[2, 1])
    slopes_out, slopes_in, whole = _middle(parts)  # 2×3×n×4 each
    slopes_in[1] *= 2  # seen over 1 px, not over 2
    light = (
        _of_three(slopes_out, slopes_in, np.float32(0)) * np.array([p.slope_share, 3], np.float32)[:, None, None, None]
    )
    clear = whole - light
    size = np.sqrt(np.add.reduce(clear * clear, axis=1))
    towards = clear / (size[:, None] + 1e-6)
    lie = np.empty((2, 2, *shade.shape[1:]), np.float32)
    for number, part in enumerate((within - without, parts[2])):
        np.add.reduce(part * towards[..., None], axis=1, out=lie[number])
    lie.sort(axis=-1)
    weakest = lie[..., lie.shape[-1] // 5]
    beside, across = _mean_of_ordered(lie)
    steady = np.maximum(0, weakest[1] - np.add.reduce(light * towards, axis=1))
    steady[0] = np.minimum(steady[0], p.step_near * np.maximum(0, weakest[0, 0]))
    across[1] = np.sqrt(np.add.reduce(whole[1] * whole[1], axis=0))
    least, most = np.array([p.sharp, p.rim_sharp], np.float32).T[:, :, None, None]
    share = (beside + SHARP_LEVELS) / (np.maximum(across, 0) + 1e-6)
    return steady, np.minimum(np.maximum((share - least) / (most - least), 0), 1), size[0]


def _seam(level: Gradient, p: OutlineParameters) -> Scores:
    """Return how many levels four fifths of every side are darker than both their sides: 15×n×4×points in units → n×4.

    What is as dark as ink is a printed rule and counts less; a slope that bends, a highlight's foot, is none.
    """
    first, last = MIDDLE + SEAMS[0], MIDDLE + SEAMS[-1] + 1
    own = level[first:last]
    parts = np.empty((3, *own.shape), np.int16)
    np.subtract(level[first - SEAM_ARM : last - SEAM_ARM], own, out=parts[0])
    np.subtract(level[first + SEAM_ARM : last + SEAM_ARM], own, out=parts[1])
    np.add(parts[0], parts[1], out=parts[2])
    parts.sort(axis=-1)
    one, two = _mean_of_ordered(parts[:2])
    both = np.maximum(0, parts[2, ..., parts.shape[-1] // 5])
    found = np.where(np.minimum(one, two) > -p.seam_slope * np.maximum(one, two), both, 0).max(axis=0) / (2 * UNIT)
    return np.asarray(np.where(found > p.seam_ink, p.seam_ink**2 / np.maximum(found, 1e-6), found))


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
    inward = offsets.astype(np.float32).reshape(-1, *[1] * (normals.ndim - 1)) * flat(normals).astype(np.complex64)
    spots = (flat(samples) - complex(TIE_PX, TIE_PX)).astype(np.complex64) + inward[..., None]
    grid = spots.view(np.float32).reshape(-1, samples.shape[-2], 2)
    places, _ = cv2.convertMaps(grid, None, cv2.CV_16SC2, nninterpolation=True)  # rounded once for all planes
    shape = (len(offsets), *samples.shape[:-1])
    nothing = np.empty(0, np.uint16)
    return [
        np.asarray(
            cv2.remap(plane, places, nothing, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE), np.int16
        ).reshape(shape)
        for plane in planes
    ]


def _stretches(across: Floats, groups: int) -> Floats:
    """Return the means over `groups` stretches of every side: …×points → …×groups."""
    parts = across.reshape(*across.shape[:-1], groups, -1)
    return np.asarray(sum(parts[..., number] for number in range(parts.shape[-1])) / parts.shape[-1])


def _of_three(a: Floats, b: Floats, c: Floats | np.float32) -> Floats:
    """Return the middle one of three; beside 0: the smaller of two slopes where they go the same way, else 0."""
    return np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), c))


def _middle(values: npt.NDArray[Any]) -> Floats:
    """Return the mean of the middle half of the samples (last axis): nearly the median, and finer than whole levels."""
    return _mean_of_ordered(np.sort(values, axis=-1))


def _mean_of_ordered(ordered: npt.NDArray[Any]) -> Floats:
    count = ordered.shape[-1]
    return _mean(ordered[..., count // 4 : count - count // 4])


def _mean(values: npt.NDArray[Any]) -> Floats:
    """Return the mean of the last axis; ndarray.mean takes twice as long to begin."""
    return np.asarray(np.add.reduce(values, axis=-1) / np.float32(values.shape[-1]))


def _median(values: Floats) -> Floats:
    """Return the median along the last axis; np.median takes a tenth of a millisecond to begin."""
    ordered = np.sort(values, axis=-1)
    count = values.shape[-1]
    return np.asarray((ordered[..., (count - 1) // 2] + ordered[..., count // 2]) / 2)
