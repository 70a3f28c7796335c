"""Thin dark lines, straight from end to end: the shadow that a paper's edge throws where paper and desk are alike.

At half the size, where faint steps are looked for, such a line of one or two px is gone: both its flanks fall together.
How much of a side lies on such a line tells papers from what veins and grain happen to join.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from devices.imaging.evidence import along, look
from devices.imaging.fields import PARAMETERS, UNIT, Fields, Gradient, OutlineParameters, Picture, Quads
from devices.imaging.line_table import STEP_PX
from devices.imaging.lines import CROWD_PX, Lined, Votes, lined_of, quads_of, straight
from devices.imaging.quads import NEXT, apart, areas, usual

SIGMA_PX = 1.3
BORDER_PX = 4  # a line along the frame's end is none
LEAST_CURVE = 0.05  # levels a px²
MEDIAN_STRIDE = 3
RISE_PX = (2, 3, 4)  # from the bottom of a valley: writing may begin beyond
RISE = 0.4  # px²: levels that a valley rises to either side, for its curve; a dark line of two px has 2 to 3
INK_CURVE = 4.5  # levels a px²: no edge throws so dark a shadow; what is darker is printed and speaks for no side
WAYS = 8  # in which a line may lie, a bit each
BITS = np.array([sum(1 << (way + beside) % WAYS for beside in (-1, 0, 1)) for way in range(WAYS)], np.uint8)
SECTORS = 64  # of half a turn: the way across, fine enough for px that lie 4 off
OFFSETS = np.array([-2, -1, 0, 1])  # px inward: the shadow lies outside more than inside
POINTS = 40  # of a side
TRIM = 0.05  # of a side, at its ends
TWIN_PX = 4.0
Levels = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.intp]


class Crests(NamedTuple):
    """The px that are darker than both their sides: rows, columns, the way across (degrees 0 to 180), how sharply."""

    rows: Numbers
    columns: Numbers
    turn: Floats
    curve: Levels


class Ridged(NamedTuple):
    """The straight dark lines with what lies along them (None: too few for a page), and where it is darkest: a picture
    (h×w) whose bits tell the ways across.
    """

    lined: Lined | None
    ways: Picture


def find_ridges(fields: Fields, parameters: OutlineParameters = PARAMETERS, helps_others: bool = True) -> Ridged | None:
    """Return the dark lines of a picture, or None where they are too few for a page and not `helps_others`: there are
    no other candidates that they might speak for.
    """
    p = parameters
    soft = cv2.GaussianBlur(fields.planes[0].astype(np.float32), (0, 0), SIGMA_PX, borderType=cv2.BORDER_REPLICATE)
    curve, apart_, mixed = _curves(soft)
    tau = p.ridge_tau * _median(curve[::MEDIAN_STRIDE, ::MEDIAN_STRIDE]) + LEAST_CURVE
    crests = _crests(soft, curve, apart_, mixed, p.ridge_floor * tau)
    lines = straight(_voters(crests, fields.size, tau, p), fields.size, 0.0, p.ridges, p)
    lined = lined_of(fields, lines, p)
    return Ridged(lined, _ways(crests, fields.size)) if lined is not None or helps_others else None


def from_ridges(fields: Fields, ridged: Ridged, parameters: OutlineParameters = PARAMETERS) -> Quads:
    """Return candidates of which all sides lie on dark lines, n×4×2 px, best first: those whose least side is dark from
    end to end, and large ones, for what is printed on a page has dark lines as well.
    """
    p = parameters
    if ridged.lined is None:
        return np.empty((0, 4, 2), np.float64)
    quads, sides = quads_of(fields, ridged.lined, p)
    if not len(quads):
        return quads
    rated = _covered_lines(ridged.lined, ridged.ways, quads, sides).min(axis=1)
    rated *= np.maximum(areas(quads), 0) ** p.ridge_area * (1 + p.shape_sought * usual(quads, fields.size, p))
    quads = quads[np.argsort(-rated, kind="stable")[: 5 * p.line_quads]]
    return quads[apart(quads, TWIN_PX)[: p.line_quads]]


def covered(ridged: Ridged, quads: Quads) -> Floats:
    """Return the share of every side (n×4) along which it is darkest, 0 to 1."""
    samples, normals = along(quads, POINTS)
    (ways,) = look((ridged.ways,), samples, normals, OFFSETS)
    return np.asarray(((ways >> _way_of(normals)[..., None]) & 1).mean(axis=3).max(axis=0))


def _covered_lines(lined: Lined, ways: Picture, quads: Quads, sides: Numbers) -> Floats:
    """Return `covered` for quadrilaterals whose sides lie on lines, each line summed once from end to end."""
    lines, _, table = lined
    half = (table.sums.shape[1] - 1) // 2
    t = (np.arange(2 * half) - half) * STEP_PX
    x, y = (
        (table.foot[:, None, axis] + table.along[:, None, axis] * t).astype(np.float32) for axis in (0, 1)
    )  # each n×samples
    seen = cv2.remap(ways, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT)
    total = np.cumsum(np.pad((seen >> _way_of(lines[:, :2])[:, None]) & 1, ((0, 0), (1, 0))), axis=1)
    ends = np.sort(np.stack([table.place(sides, spot) for spot in (quads, np.take(quads, NEXT, axis=1))]), axis=0)
    trim = TRIM * (ends[1] - ends[0])
    first, last = (
        np.clip(np.rint(at / STEP_PX).astype(int) + half, 0, 2 * half - 1) for at in (ends[0] + trim, ends[1] - trim)
    )
    last = np.maximum(first, last)
    return np.asarray((total[sides, last + 1] - total[sides, first]) / (last + 1 - first))


def _way_of(normals: Floats) -> Numbers:
    """Return the number of the way (0 to 7) across lines of such normals (…×2)."""
    turn = np.arctan2(normals[..., 1], normals[..., 0]) % np.pi
    return np.asarray(np.rint(turn / np.pi * WAYS).astype(np.intp) % WAYS)


def _ways(crests: Crests, size: tuple[int, int]) -> Picture:
    """Return the crests but for ink, a px wider, in bits: each in its way and in the two beside it."""
    width, height = size
    faint = crests.curve < INK_CURVE
    rows, columns = crests.rows[faint], crests.columns[faint]
    way = np.rint(crests.turn[faint] / 180 * WAYS).astype(np.intp) % WAYS
    wide = np.zeros((height + 2, width + 2), np.uint8)
    wide[rows + 1, columns + 1] = BITS[way]
    bits = wide[:-2] | wide[1:-1] | wide[2:]
    return np.asarray(bits[:, :-2] | bits[:, 1:-1] | bits[:, 2:], np.uint8)


def _voters(crests: Crests, size: tuple[int, int], tau: float, p: OutlineParameters) -> Votes:
    """Return the px that are darker than both their sides; evenly thinned where they are too many."""
    width, height = size
    rows, columns, turn, curve = crests
    ridge = np.zeros((height, width), np.uint8)
    ridge[rows, columns] = 1
    if len(rows) > p.ridge_votes:
        kept = np.linspace(0, len(rows) - 1, p.ridge_votes).astype(int)
        rows, columns, turn, curve = rows[kept], columns[kept], turn[kept], curve[kept]
    crowd = cv2.boxFilter(ridge, -1, (CROWD_PX, CROWD_PX), normalize=False, borderType=cv2.BORDER_CONSTANT)
    weight = curve / (curve + tau) / np.maximum(1, crowd[rows, columns] / CROWD_PX / p.line_crowd) ** 2
    x, y = (np.asarray(at - (size - 1) / 2, np.float64) for at, size in ((columns, width), (rows, height)))
    return Votes(x, y, turn, np.asarray(weight, np.float64))


def _curves(soft: Gradient | Levels) -> tuple[Levels, Levels, Levels]:
    """Return how sharply each px lies in a valley (h×w levels a px², 0 on a hill), half of how much more it curves
    across than down, and how it curves aslant; `soft` in units.
    """
    xx, yy, xy = (cv2.Sobel(soft, cv2.CV_32F, *order, scale=0.25 / UNIT) for order in ((2, 0), (0, 2), (1, 1)))
    apart_ = cv2.addWeighted(xx, 0.5, yy, -0.5, 0)
    curve = cv2.addWeighted(xx, 0.5, yy, 0.5, 0) + cv2.magnitude(apart_, xy)
    return np.maximum(curve, 0), np.asarray(apart_, np.float32), np.asarray(xy, np.float32)


def _crests(soft: Levels, curve: Levels, apart_: Levels, mixed: Levels, least: float) -> Crests:
    """Return the px whose curve is at least `least` and no less than beside them across the valley, and that are darker
    than both its sides: the foot of a step and of a bright line, a cutting mat's, curve alike.
    """
    high, wide, b = *curve.shape, BORDER_PX

    def beside(down: int, right: int) -> Levels:
        one, two = (
            curve[b + way * down : high - b + way * down, b + way * right : wide - b + way * right] for way in (-1, 1)
        )
        return np.asarray(cv2.max(one, two), np.float32)

    own, across, aslant = (one[b:-b, b:-b] for one in (curve, apart_, mixed))
    half = cv2.magnitude(across, aslant) / 2  # within 30° of an axis the way across is that axis
    most = beside(1, -1)
    cv2.copyTo(beside(1, 1), cv2.compare(aslant, 0, cv2.CMP_GT), most)
    cv2.copyTo(beside(0, 1), cv2.compare(across, half, cv2.CMP_GT), most)
    cv2.copyTo(beside(1, 0), cv2.compare(across, -half, cv2.CMP_LT), most)
    crest = np.zeros(curve.shape, np.bool_)
    crest[b:-b, b:-b] = (own > least) & (own >= most)
    at = np.flatnonzero(crest)
    curved, mixed_, apart_, level = (one.ravel()[at] for one in (curve, mixed, apart_, soft))
    whole = cv2.phase(apart_, mixed_, angleInDegrees=True) if len(at) else mixed_  # a third of a degree is enough
    turn = np.asarray(whole, np.float32).ravel() / 2
    beyond = np.take(_beyond(curve.shape[1]), np.rint(turn * (SECTORS / 180)).astype(np.intp) % SECTORS, axis=0)
    beyond += at[:, None]
    seen = np.take(soft.ravel(), beyond).T  # numpy takes the most of three in a row twenty times as long
    one, two = (np.maximum(np.maximum(a, b), c) for a, b, c in (seen[:3], seen[3:]))
    is_dark = np.minimum(one, two) - level > UNIT * RISE * curved
    rows, columns = np.divmod(at[is_dark], curve.shape[1])
    return Crests(rows, columns, turn[is_dark].astype(np.float64), curved[is_dark])


def _median(values: Levels) -> float:
    """Return the upper of the middle values; np.median takes five times as long."""
    return float(np.partition(values.ravel(), values.size // 2)[values.size // 2])


@cache
def _beyond(width: int) -> Numbers:
    """Return how far on in a picture of such width the px to either side of one lie, SECTORS ways across × 6."""
    angle = np.arange(SECTORS) * (np.pi / SECTORS)
    right, down = (np.rint(np.multiply.outer(way, RISE_PX)) for way in (np.cos(angle), np.sin(angle)))
    one = (down * width + right).astype(np.intp)
    return np.concatenate([one, -one], axis=1)
