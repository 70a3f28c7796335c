"""What speaks for a candidate's sides: an edge, a steady step or a dark seam along them, an end at their corners."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from devices.imaging.fields import SUMS, UNIT, Fields, OutlineParameters, Quads
from devices.imaging.quads import normals_of

Scores = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float64]
ACROSS = np.arange(-7, 8)  # px inward at which a side is looked at
MIDDLE = 7  # of those: the side itself
SEAMS = (-2, -1, 0, 1)  # a shadow lies outside more than inside
SEAM_ARM = 4
FRAMED = np.array([-7, -6, -5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16])  # px inward: beyond a frame, and within it
NEAR = 2
SHARP_LEVELS = 0.4  # noise of a side's step
BEYOND_POINTS = 8
BEYOND_PX = (4.0, 10.0, 30.0)  # from the corner; over at least, over at most
BOW_PX = 8  # to either side at which a round thing's edge is looked for
FAINT = 0.25  # levels²: an edge that is hardly there goes on nowhere


def along(quads: Quads, points: int) -> tuple[Quads, Quads]:
    """Return sample points n×4×points×2 at 6–94 % of every side, and the sides' inward normals n×4×2."""
    sides = np.roll(quads, -1, 1) - quads
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
    across = _across(fields, samples, normals, offsets)
    grouped = across.reshape(len(offsets), len(quads), 4, p.groups, -1).mean(axis=4)
    strength = np.abs(grouped).max(axis=0)
    half = p.groups // 2 + 1
    rated = np.maximum(grouped, -p.darker * grouped)
    ends = [np.median(part, axis=3).argmax(axis=0) for part in (rated[..., :half], rated[..., -half:])]
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
    at = nearest(fields, samples[..., None, :], normals[:, :, None, None, :] * ACROSS[:, None])
    seen = np.take(fields.sums.reshape(-1, 3), at, axis=0) * (
        np.array([1, p.chroma_weight, p.chroma_weight], np.float32) / SUMS
    )
    (step, size, sharp), (rim, clear), seam = _step(seen, p), _rim(seen, p), _seam(seen[..., 0], p)
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
    sides = np.roll(quads, -1, 1) - quads
    lengths = np.linalg.norm(sides, axis=2)[:, :, None]
    units = sides / (lengths + 1e-9)
    gap, least, most = BEYOND_PX
    at = gap + np.linspace(0, 1, BEYOND_POINTS) * np.clip(0.2 * lengths, least, most)
    steps = units[:, :, None, :] * at[..., None]
    own = _across(fields, samples, normals, np.arange(-2, 3)).mean(axis=3)
    energy = (own * own).sum(axis=0) + FAINT * len(own)
    ratios, known = [], []
    for spots in (quads[:, :, None, :] - steps, np.roll(quads, -1, 1)[:, :, None, :] + steps):
        other = _across(fields, spots, normals, np.arange(-3, 4)).mean(axis=3)
        alike = [(own * other[shift : shift + len(own)]).sum(axis=0) / energy for shift in range(3)]
        inside = ((spots >= 0) & (spots < np.array(fields.size))).all(axis=3).mean(axis=2)
        known.append(inside > 0.6)
        ratios.append(np.where(known[-1], np.clip(np.max(alike, axis=0), 0, 1), 0))
    beyond = np.sort(np.concatenate(ratios, axis=1), axis=1)[:, :-1].sum(axis=1)
    seen = np.maximum(np.concatenate(known, axis=1).sum(axis=1), 2) / 8
    beyond = beyond / (p.beyond_ends * seen)
    return np.asarray(1 - p.beyond * np.minimum(1, beyond) - p.beyond_most * np.clip(beyond - 1, 0, 1))


def bows(fields: Fields, quads: Quads, p: OutlineParameters) -> npt.NDArray[np.bool_]:
    """Return which candidates (n) are round: at both ends of three sides the edge lies further in than between."""
    samples, normals = along(quads, p.points)
    offsets = np.arange(-BOW_PX, BOW_PX + 1)
    grouped = _across(fields, samples, normals, offsets).reshape(len(offsets), len(quads), 4, p.groups, -1).mean(axis=4)
    at = offsets[np.abs(grouped).argmax(axis=0)]
    third = p.groups // 3
    bow = (at[:, :, 0] + at[:, :, -1]) / 2 - at[:, :, third : p.groups - third].mean(axis=2)
    return np.asarray(np.sort(bow, axis=1)[:, 1] > p.bow)


def on_its_like(fields: Fields, quad: Floats, p: OutlineParameters) -> npt.NDArray[np.bool_]:
    """Return which sides (of 4×2 px) have paper as light on both their sides: those of a frame printed on a page.

    Paper is what is lightest within reach of a printed frame, but for the few lightest px.
    """
    samples, normals = along(quad[None], p.points)
    at = nearest(fields, samples[..., None, :], normals[:, :, None, None, :] * FRAMED[:, None])
    seen = np.take(fields.sums[..., 0].ravel(), at)[0] / SUMS
    inner, outer = seen[..., FRAMED > 0], seen[..., FRAMED < 0]
    paper = _middle(np.sort(inner, axis=2)[None, ..., inner.shape[2] * 3 // 4])[0]
    beyond = _middle(outer.mean(axis=2)[None])[0]
    return np.asarray(np.abs(paper - beyond) < p.alike)


def of_sides(sides: Scores, weakest: float = 0.5) -> Scores:
    """Return the mean and the weakest of four sides, n×4 → n; `weakest`: how much that one counts."""
    return np.asarray((1 - weakest) * sides.mean(axis=1) + weakest * sides.min(axis=1))


def _step(seen: Floats, p: OutlineParameters) -> tuple[Scores, Scores, Scores]:
    """Return the step in levels that four fifths of every side reach, its middle, and how much of it lies at the side
    itself (0 to 1): n×4×points×15×3 → n×4 each.
    """
    inner, outer = ([seen[..., MIDDLE + side * offset, :] for offset in (3, 5, 7)] for side in (1, -1))
    difference = _of_three(inner) - _of_three(outer)  # of three: a rule printed along the side hits one of them
    light = p.slope_share * _lesser(_middle(inner[2] - inner[0]), _middle(outer[0] - outer[2]))
    middle = _middle(difference) - light
    towards = middle / (np.linalg.norm(middle, axis=2, keepdims=True) + 1e-6)
    steady = _weakest(_towards(difference - light[:, :, None], towards))
    near = _towards(seen[..., MIDDLE + NEAR, :] - seen[..., MIDDLE - NEAR, :], towards)  # a highlight's rim is wide
    wide = _middle(_towards(difference, towards))
    return np.minimum(steady, p.step_near * _weakest(near)), np.linalg.norm(middle, axis=2), _sharp(near, wide, p)


def _rim(seen: Floats, p: OutlineParameters) -> tuple[Scores, Scores]:
    """Return the step in levels from the desk beyond the edge's shadow to the paper's rim of 2 and 3 px, and how much
    of it lies at the side itself, as `_step` does: writing may begin at 4 px.
    """
    inner, outer = ((seen[..., MIDDLE + a, :] + seen[..., MIDDLE + b, :]) / 2 for a, b in ((2, 3), (-4, -5)))
    before = _middle(outer - (seen[..., 0, :] + seen[..., 1, :]) / 2)  # over 2 px; and within, times 2, over 2 px too
    light = 3 * _lesser(before, 2 * _middle(seen[..., MIDDLE + 3, :] - seen[..., MIDDLE + 2, :]))
    middle = _middle(inner - outer)
    wide = np.linalg.norm(middle, axis=2)
    middle = middle - light
    towards = middle / (np.linalg.norm(middle, axis=2, keepdims=True) + 1e-6)
    near = _towards(seen[..., MIDDLE + NEAR, :] - seen[..., MIDDLE - NEAR, :], towards)
    return _weakest(_towards(inner - outer - light[:, :, None], towards)), _sharp(near, wide, p)


def _sharp(near: Floats, wide: Scores, p: OutlineParameters) -> Scores:
    """Return how much of a step (n×4) lies within NEAR px (n×4×points), 0 to 1: of light and stains little does."""
    least, most = p.sharp
    share = (_middle(near) + SHARP_LEVELS) / (np.maximum(wide, 0) + 1e-6)
    return np.clip((share - least) / (most - least), 0, 1)


def _towards(colours: Floats, ways: Floats) -> Floats:
    """Return how far each colour (n×4×points×3) lies in its side's way (n×4×3)."""
    x, y, z = (colours[..., axis] * ways[:, :, None, axis] for axis in range(3))
    return np.asarray(x + y + z)


def _seam(level: Floats, p: OutlineParameters) -> Scores:
    """Return how many levels four fifths of every side are darker than both their sides: n×4×points×15 → n×4.

    What is as dark as ink is a printed rule and counts less; a slope that bends, a highlight's foot, is none.
    """
    found = np.zeros(level.shape[:2])
    for at in (MIDDLE + offset for offset in SEAMS):
        arms = [level[..., at + arm] - level[..., at] for arm in (-SEAM_ARM, SEAM_ARM)]
        middle = np.sort([_middle(arm) for arm in arms], axis=0)
        is_between = middle[0] > -p.seam_slope * middle[1]
        found = np.maximum(found, np.where(is_between, _weakest((arms[0] + arms[1]) / 2), 0))
    return np.where(found > p.seam_ink, p.seam_ink**2 / np.maximum(found, 1e-6), found)


def _weakest(values: Floats) -> Scores:
    """Return what four fifths of the samples (axis 2) reach, at least 0."""
    return np.maximum(0, np.partition(values, values.shape[2] // 5, axis=2)[:, :, values.shape[2] // 5])


def _cornered(strength: Scores, tau: float, p: OutlineParameters) -> Scores:
    """Return what is left of a score (0–1) where the sides do not reach their corners: n×4×groups → n.

    One corner may lie under a finger. What is round, a cup or a plate, has sides only where they touch it.
    """
    usual = p.uneven * np.median(strength, axis=2, keepdims=True)
    stretches = strength / (strength + tau + usual)
    corners = (np.roll(stretches[:, :, -1], 1, axis=1) + stretches[:, :, 0]) / 2
    return np.asarray(np.minimum(1, p.no_corner + (1 - p.no_corner) / p.corner_edge * np.sort(corners, axis=1)[:, 1]))


def _across(fields: Fields, samples: Quads, normals: Quads, offsets: npt.NDArray[np.intp]) -> Floats:
    """Return the gradient across the sides at every sample moved inward, in levels: offsets×n×4×points."""
    at = nearest(fields, samples[None], normals[None, :, :, None, :] * offsets[:, None, None, None, None])
    x, y = (np.take(field, at) for field in (fields.gx, fields.gy))
    return np.asarray((x * normals[:, :, None, 0] + y * normals[:, :, None, 1]) / (2 * UNIT))


def nearest(fields: Fields, samples: Quads, moved: Quads) -> npt.NDArray[np.intp]:
    """Return the numbers, row by row, of the pixels nearest to the samples moved by so many px (each …×2)."""
    spots = samples + moved
    np.rint(spots, out=spots)
    width, height = fields.size
    x, y = (np.clip(spots[..., axis], 0, most - 1) for axis, most in ((0, width), (1, height)))
    return np.asarray(y * width + x).astype(np.intp)


def _lesser(a: Floats, b: Floats) -> Floats:
    """Return the smaller of two slopes where they go the same way, else 0."""
    return np.asarray(np.where(a * b > 0, np.sign(a) * np.minimum(np.abs(a), np.abs(b)), 0))


def _of_three(values: list[Floats]) -> Floats:
    """Return the middle one of three, element by element."""
    a, b, c = values
    return np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), c))


def _middle(values: Floats) -> Floats:
    """Return the mean of the middle half along the samples (axis 2): nearly the median, and finer than whole levels."""
    ordered = np.sort(values, axis=2)
    count = values.shape[2]
    return np.asarray(ordered[:, :, count // 4 : count - count // 4].mean(axis=2))
