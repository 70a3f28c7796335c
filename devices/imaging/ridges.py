"""Thin dark lines, straight from end to end: the shadow that a paper's edge throws where paper and desk are alike.

At half the size, where faint steps are looked for, such a line of one or two px is gone: both its flanks fall together.
How much of a side lies on such a line tells papers from what veins and grain happen to join.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from devices.imaging.evidence import along, seen_along
from devices.imaging.fields import PARAMETERS, Fields, OutlineParameters, Picture, Quads
from devices.imaging.line_table import STEP_PX
from devices.imaging.lines import CROWD_PX, Lined, Votes, lined_of, quads_of, straight
from devices.imaging.quads import NEXT, apart, areas

SIGMA_PX = 1.3
BORDER_PX = 3  # a line along the frame's end is none
LEAST_CURVE = 0.05  # levels a px²
SPARE_PX = 1  # a valley's side may be looked at so far beyond the frame's end
RISE_PX = (2, 3, 4)  # from the bottom of a valley: writing may begin beyond
RISE = 0.4  # px²: levels that a valley rises to either side, for its curve; a dark line of two px has 2 to 3
WAYS = 8  # in which a line may lie, a bit each
BITS = np.array([sum(1 << (way + beside) % WAYS for beside in (-1, 0, 1)) for way in range(WAYS)], np.uint8)
OFFSETS = np.array([-2, -1, 0, 1])  # px inward: the shadow lies outside more than inside
POINTS = 40  # of a side
TRIM = 0.05  # of a side, at its ends
TWIN_PX = 4.0
MEDIAN_STRIDE = 2
Levels = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]


class Crests(NamedTuple):
    """Where it is darkest: rows, columns, and the way across, radians −π/2 to π/2."""

    rows: npt.NDArray[np.intp]
    columns: npt.NDArray[np.intp]
    across: Floats


class Ridged(NamedTuple):
    """The straight dark lines with what lies along them (None: too few for a page), and where it is darkest: a picture
    (h×w) whose bits tell the ways across.
    """

    lined: Lined | None
    ways: Picture


def find_ridges(fields: Fields, parameters: OutlineParameters = PARAMETERS) -> Ridged:
    """Return the dark lines of a picture."""
    p = parameters
    height, width = fields.lab.shape[:2]
    soft = cv2.GaussianBlur(fields.lab[..., 0].astype(np.float32), (0, 0), SIGMA_PX)
    curve, apart, mixed = _curves(soft)
    tau = p.ridge_tau * float(np.median(curve[::MEDIAN_STRIDE, ::MEDIAN_STRIDE])) + LEAST_CURVE
    crests = _crests(soft, curve, apart, mixed, p.ridge_floor * tau)
    votes = _voters(curve, crests, tau, p)
    return Ridged(lined_of(fields, straight(votes, (width, height), 0.0, p.ridges, p), p), _ways(crests, curve.shape))


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
    rated = (
        _covered_lines(fields, ridged.lined, ridged.ways, quads, sides).min(axis=1)
        * np.maximum(areas(quads), 0) ** p.ridge_area
    )
    quads = quads[np.argsort(-rated, kind="stable")[: 5 * p.line_quads]]
    return quads[apart(quads, TWIN_PX)[: p.line_quads]]


def covered(fields: Fields, ridged: Ridged, quads: Quads) -> Floats:
    """Return the share of every side (n×4) along which it is darkest, 0 to 1."""
    samples, normals = along(quads, POINTS)
    (seen,) = seen_along([ridged.ways], samples, normals, OFFSETS)
    return np.asarray((seen >> _way_of(normals)[..., None] & 1).mean(axis=3).max(axis=0))


def _covered_lines(fields: Fields, lined: Lined, ways: Picture, quads: Quads, sides: npt.NDArray[np.intp]) -> Floats:
    """Return `covered` for quadrilaterals whose sides lie on lines, each line summed once from end to end."""
    lines, _, table = lined
    half = (table.sums.shape[1] - 1) // 2
    t = (np.arange(2 * half) - half) * STEP_PX
    spots = table.foot[:, None] + table.along[:, None] * t[:, None]
    inside = ((spots >= 0) & (spots < np.array(fields.size))).all(axis=2)
    (seen,) = seen_along([ways], spots, lines[:, :2], np.array([0]))
    lies = seen[0] >> _way_of(lines[:, :2])[:, None] & 1
    total = np.cumsum(np.pad(lies * inside, ((0, 0), (1, 0))), axis=1)
    ends = np.sort(np.stack([table.place(sides, spot) for spot in (quads, np.take(quads, NEXT, axis=1))]), axis=0)
    trim = TRIM * (ends[1] - ends[0])
    first, last = (
        np.clip(np.rint(at / STEP_PX).astype(int) + half, 0, 2 * half - 1) for at in (ends[0] + trim, ends[1] - trim)
    )
    last = np.maximum(first, last)
    return np.asarray((total[sides, last + 1] - total[sides, first]) / (last + 1 - first))


def _way_of(normals: Floats) -> npt.NDArray[np.intp]:
    """Return the number of the way (0 to 7) across lines of such normals (…×2)."""
    turn = np.arctan2(normals[..., 1], normals[..., 0]) % np.pi
    return np.asarray(np.rint(turn / np.pi * WAYS).astype(np.intp) % WAYS)


def _ways(crests: Crests, shape: tuple[int, ...]) -> Picture:
    """Return the crests, a px wider, in bits (a picture of `shape`): each in its way and in the two beside it."""
    way = np.rint(crests.across % np.pi / np.pi * WAYS).astype(np.intp) % WAYS
    bits = np.zeros((shape[0] + 2, shape[1] + 2), np.uint8)
    bits[crests.rows + 1, crests.columns + 1] = BITS[way]
    row = bits[:, :-2] | bits[:, 1:-1] | bits[:, 2:]
    return np.asarray(row[:-2] | row[1:-1] | row[2:])


def _voters(curve: Levels, crests: Crests, tau: float, p: OutlineParameters) -> Votes:
    """Return the px along which it is darker than to either side; evenly thinned where they are too many."""
    rows, columns, across = crests
    ridge = np.zeros(curve.shape, np.uint8)
    ridge[rows, columns] = 1
    if len(rows) > p.ridge_votes:
        kept = np.linspace(0, len(rows) - 1, p.ridge_votes).astype(int)
        rows, columns, across = rows[kept], columns[kept], across[kept]
    size = curve[rows, columns].astype(np.float64)
    crowd = cv2.boxFilter(ridge, -1, (CROWD_PX, CROWD_PX), normalize=False, borderType=cv2.BORDER_CONSTANT)
    weight = size / (size + tau) / np.maximum(1, crowd[rows, columns] / CROWD_PX / p.line_crowd) ** 2
    turn = np.rad2deg(across.astype(np.float64)) % 180
    height, width = curve.shape
    order = np.argsort(turn)
    return Votes(columns[order] - (width - 1) / 2, rows[order] - (height - 1) / 2, turn[order], weight[order])


def _curves(soft: Levels) -> tuple[Levels, Levels, Levels]:
    """Return how sharply each px lies in a valley (h×w levels a px², 0 on a hill), half of how much more it curves
    across than down, and how it curves aslant.
    """
    xx, yy, xy = (cv2.Sobel(soft, cv2.CV_32F, *order, scale=0.25) for order in ((2, 0), (0, 2), (1, 1)))
    apart = cv2.addWeighted(xx, 0.5, yy, -0.5, 0)
    curve = cv2.addWeighted(xx, 0.5, yy, 0.5, 0) + cv2.magnitude(apart, xy)
    return np.maximum(curve, 0), np.asarray(apart, np.float32), np.asarray(xy, np.float32)


def _crests(soft: Levels, curve: Levels, apart: Levels, mixed: Levels, least: float) -> Crests:
    """Return the px whose curve is at least `least` and no less than beside them across the valley, and that are
    darker than both its sides: the foot of a step and of a bright line, a cutting mat's, curve alike.
    """
    high, wide, b = *curve.shape, BORDER_PX

    def beside(down: int, right: int) -> Levels:
        one, two = (
            curve[b + way * down : high - b + way * down, b + way * right : wide - b + way * right] for way in (-1, 1)
        )
        return np.asarray(cv2.max(one, two), np.float32)

    own, apart, mixed = (one[b:-b, b:-b] for one in (curve, apart, mixed))
    half = cv2.magnitude(apart, mixed) / 2  # within 30° of an axis the way across is that axis
    most = beside(1, -1)
    cv2.copyTo(beside(1, 1), cv2.compare(mixed, 0, cv2.CMP_GT), most)
    cv2.copyTo(beside(0, 1), cv2.compare(apart, half, cv2.CMP_GT), most)
    cv2.copyTo(beside(1, 0), cv2.compare(apart, -half, cv2.CMP_LT), most)
    rows, columns = np.divmod(np.flatnonzero((own > least) & (own >= most)), own.shape[1])
    across = 0.5 * np.arctan2(mixed[rows, columns], apart[rows, columns])
    around = cv2.copyMakeBorder(soft, SPARE_PX, SPARE_PX, SPARE_PX, SPARE_PX, cv2.BORDER_REPLICATE)
    flat, stride = around.ravel(), around.shape[1]
    for side in (1, -1):
        place = (rows + b + SPARE_PX) * stride + columns + b + SPARE_PX
        down, right = side * np.sin(across), side * np.cos(across)
        beyond = [flat[place + _whole(px * down) * stride + _whole(px * right)] for px in RISE_PX]
        rises = np.flatnonzero(np.max(beyond, axis=0) - flat[place] > RISE * own[rows, columns])
        rows, columns, across = rows[rises], columns[rises], across[rises]
    return Crests(rows + b, columns + b, across)


def _whole(px: Floats) -> npt.NDArray[np.intp]:
    return np.rint(px).astype(np.intp)
