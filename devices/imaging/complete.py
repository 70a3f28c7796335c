"""A page from three of its sides: the fourth lies where most speaks for it. What pairs of lines alone leave out."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from devices.imaging.evidence import along, of_sides
from devices.imaging.fields import PARAMETERS, Fields, OutlineParameters, Quads
from devices.imaging.grow import ACROSS, leaning, seen_across, speaks
from devices.imaging.lines import Lined
from devices.imaging.quads import apart, clockwise, crossings, moved, plausible, usual

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.intp]
NONE: Quads = np.empty((0, 4, 2), np.float64)
RELAX_PX, RELAX_STEP = 10, 2  # how far an end of a side is moved, in which steps
TILTS = (-12, -6, 0, 6, 12)  # px between the ends of the fourth side
NEAREST_PX = 20  # at which it may lie
STRIDE = 6  # px between places at which the two sides beside it are rated
LEAST_COS = 0.5  # of an angle between sides
TWIN_PX, PEAK_PX = 5.0, 8
FIRST = 0.5  # of the base: so much of the two sides beside it must be there
ANYWHERE = 25  # percent
REACH_SHARE = 0.85  # of the frame's long side: the longest page


class Threes(NamedTuple):
    """Three sides each: a base between two corners, and where the sides beside it go.

    `sides`: n×2 lines, `corners` and `ways` n×2×2, `base`: how much speaks for it (n).
    """

    sides: Numbers
    corners: Floats
    ways: Floats
    base: Floats


def completed(fields: Fields, lined: Lined | None, parameters: OutlineParameters = PARAMETERS) -> tuple[Quads, float]:
    """Return candidates of which three sides lie on lines, n×4×2 px, those first for which most speaks, and how much
    speaks for a side just anywhere on this desk (0 to 1): marble is full of faint lines.
    """
    p = parameters
    threes = _threes(fields, lined, p) if lined is not None else None
    if lined is None or threes is None:
        return NONE, 0.0
    found, rated, anywhere = _with_fourth(fields, lined, threes, p)
    if not len(found):
        return NONE, anywhere
    fit = plausible(found, fields.size, p)
    found = found[fit][np.argsort(-rated[fit], kind="stable")]
    return found[apart(found, TWIN_PX)[: p.complete_keep]], anywhere


def relaxed(fields: Fields, quads: Quads, parameters: OutlineParameters = PARAMETERS) -> Quads:
    """Return the candidates (n×4×2 px) with each side's two ends moved to where most speaks for it."""
    p = parameters
    if not len(quads):
        return quads
    samples, normals = along(quads, p.points)
    offsets = np.arange(-RELAX_PX - ACROSS, RELAX_PX + ACROSS + 1)
    spots = samples[:, :, None] + normals[:, :, None, None, :] * offsets[:, None, None]
    step, seam = seen_across(fields, spots, normals[:, :, None, None, :], 2, p)
    places = np.arange(-RELAX_PX, RELAX_PX + 1, RELAX_STEP)
    ends = np.array(list(product(places, places)))
    share = np.linspace(0.06, 0.94, p.points)
    rows = np.rint(ends[:, :1] * (1 - share) + ends[:, 1:] * share).astype(int) + RELAX_PX
    columns = np.arange(p.points)
    strength = speaks(step[:, :, rows, columns].mean(axis=3), seam[:, :, rows, columns].mean(axis=3), p)
    return moved(quads, ends[strength.argmax(axis=2)].astype(np.float64))


def _threes(fields: Fields, lined: Lined, p: OutlineParameters) -> Threes | None:
    """Return the three sides for which most speaks, none nearly twice."""
    lines, pairs, table = lined
    beside = np.repeat(pairs, len(lines), axis=0)
    across = np.tile(np.arange(len(lines)), len(pairs))
    cosine = (lines[beside, :2] * lines[across, None, :2]).sum(axis=2)
    square = (np.abs(cosine) < LEAST_COS).all(axis=1)
    beside, across = beside[square], across[square]
    corners = np.stack([crossings(lines[beside[:, side]], lines[across]) for side in (0, 1)], axis=1)
    length = np.linalg.norm(corners[:, 1] - corners[:, 0], axis=1)
    inside = (corners > -3) & (corners < np.array(fields.size) + 2)
    base = table.strength(across, corners[:, 0], corners[:, 1], p)
    fit = inside.all(axis=(1, 2)) & (length > p.shortest_side_share * min(fields.size)) & (base > p.complete_least)
    beside, across, corners, length, base = (one[fit] for one in (beside, across, corners, length, base))
    way = table.along[beside]
    way = way * np.sign((way * lines[across, None, :2]).sum(axis=2))[..., None]
    ways = np.concatenate([way, -way])
    beside, corners, base, length = (np.concatenate([one, one]) for one in (beside, corners, base, length))
    first = corners + FIRST * length[:, None, None] * ways
    three = np.stack([base, *(table.strength(beside[:, s], corners[:, s], first[:, s], p) for s in (0, 1))], axis=1)
    rated = of_sides(three)
    best = np.argsort(-rated, kind="stable")[: 6 * p.complete]
    best = best[rated[best] > p.complete_least]
    if not len(best):
        return None
    far = corners[best] + 40 * ways[best]
    best = best[apart(np.concatenate([corners[best], far[:, ::-1]], axis=1), TWIN_PX)[: p.complete]]
    return Threes(beside[best], corners[best], ways[best], base[best])


def _with_fourth(fields: Fields, lined: Lined, threes: Threes, p: OutlineParameters) -> tuple[Quads, Floats, float]:
    """Return each three sides with the best places of a fourth, how much speaks for them, and for any place at all:
    what three in four places exceed; those outside the frame do not count.
    """
    beside, corners, ways, base = threes
    count = round(REACH_SHARE * max(fields.size)) - NEAREST_PX
    lengths = NEAREST_PX + np.arange(count)
    share = np.linspace(0.06, 0.94, p.points, dtype=np.float32)
    wide = NEAREST_PX + np.arange(-ACROSS, count + ACROSS)
    ends = (corners[:, :, None] + ways[:, :, None] * wide[:, None]).astype(np.float32)  # n×2×lengths×2
    spots = ends[:, 0, :, None] * (1 - share)[:, None] + ends[:, 1, :, None] * share[:, None]
    side = corners[:, 1] - corners[:, 0]
    normals = np.stack([-side[:, 1], side[:, 0]], axis=1) / (np.linalg.norm(side, axis=1)[:, None] + 1e-9)
    step, seam = seen_across(fields, spots, normals[:, None, None, :], 1, p)
    fourth, tilts = leaning(step, seam, TILTS, p)
    seen = fourth[fourth > 0]
    anywhere = float(np.percentile(seen, ANYWHERE)) if len(seen) else 0.0
    stops = corners[:, :, None] + ways[:, :, None] * lengths[::STRIDE, None]
    sides = np.repeat(beside[:, :, None], stops.shape[2], axis=2)
    rated = lined.table.strength(sides, np.broadcast_to(corners[:, :, None], stops.shape), stops, p)
    two = np.repeat(rated, STRIDE, axis=2)[:, :, :count]
    four = np.stack([np.broadcast_to(base[:, None], fourth.shape), two[:, 0], two[:, 1], fourth], axis=2)
    share_of_frame = np.linalg.norm(side, axis=1)[:, None] * lengths / (fields.size[0] * fields.size[1])
    marks = of_sides(four.reshape(-1, 4)).reshape(fourth.shape)
    marks = marks * (0.8 + 0.2 * np.sqrt(np.minimum(share_of_frame / 0.25, 1)))
    far = corners[:, ::-1, None] + ways[:, ::-1, None] * lengths[:, None]
    near = np.broadcast_to(corners[:, :, None], far.shape)
    shapes = np.concatenate([near, far], axis=1).swapaxes(1, 2).reshape(-1, 4, 2)
    marks *= 1 + p.shape_sought * usual(shapes, fields.size, p).reshape(marks.shape)
    quads, best = [], []
    for number, row in enumerate(marks):
        for _ in range(p.complete_peaks):
            place = int(row.argmax())
            if row[place] <= p.complete_least:
                break
            lean = tilts[number, place] / 2
            far = corners[number] + ways[number] * np.array([[lengths[place] - lean], [lengths[place] + lean]])
            quads.append(np.concatenate([corners[number], far[::-1]]))
            best.append(float(row[place]))
            row[max(0, place - PEAK_PX) : place + PEAK_PX + 1] = 0
    return clockwise(np.array(quads)) if quads else NONE, np.array(best), anywhere
