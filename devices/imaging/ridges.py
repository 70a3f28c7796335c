"""Thin dark lines, straight from end to end: the shadow that a paper's edge throws where paper and desk are alike.

At half the size, where faint steps are looked for, such a line of one or two px is gone: both its flanks fall together.
How much of a side lies on such a line tells papers from what veins and grain happen to join.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from devices.imaging.evidence import along, nearest
from devices.imaging.fields import PARAMETERS, Fields, OutlineParameters, Picture, Quads
from devices.imaging.line_table import STEP_PX
from devices.imaging.lines import CROWD_PX, Lined, Votes, lined_of, quads_of, straight
from devices.imaging.quads import apart, areas

SIGMA_PX = 1.3
BORDER_PX = 3  # a line along the frame's end is none
LEAST_CURVE = 0.05  # levels a px²
RISE_PX = (2, 3, 4)  # from the bottom of a valley: writing may begin beyond
RISE = 0.4  # px²: levels that a valley rises to either side, for its curve; a dark line of two px has 2 to 3
WAYS = 8  # in which a line may lie, a bit each
OFFSETS = (-2, -1, 0, 1)  # px inward: the shadow lies outside more than inside
POINTS = 40  # of a side
TRIM = 0.05  # of a side, at its ends
TWIN_PX = 4.0
Levels = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]


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
    curve, normal = _curves(soft)
    tau = p.ridge_tau * float(np.median(curve)) + LEAST_CURVE
    crests = _crests(soft, curve, normal, p.ridge_floor * tau)
    votes = _voters(curve, normal, crests, tau, p)
    return Ridged(lined_of(fields, straight(votes, (width, height), 0.0, p.ridges, p), p), _ways(crests, normal))


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
    way = _way_of(normals)
    found = [
        ((np.take(ridged.ways, nearest(fields, samples, normals[:, :, None] * offset)) >> way[:, :, None]) & 1)
        for offset in OFFSETS
    ]
    return np.asarray(np.max([one.mean(axis=2) for one in found], axis=0))


def _covered_lines(fields: Fields, lined: Lined, ways: Picture, quads: Quads, sides: npt.NDArray[np.intp]) -> Floats:
    """Return `covered` for quadrilaterals whose sides lie on lines, each line summed once from end to end."""
    lines, _, table = lined
    half = (table.sums.shape[1] - 1) // 2
    t = (np.arange(2 * half) - half) * STEP_PX
    spots = table.foot[:, None] + table.along[:, None] * t[:, None]
    inside = ((spots >= 0) & (spots < np.array(fields.size))).all(axis=2)
    seen = np.take(ways, nearest(fields, spots, np.zeros(2))) >> _way_of(lines[:, :2])[:, None] & 1
    total = np.cumsum(np.pad(seen * inside, ((0, 0), (1, 0))), axis=1)
    ends = np.sort(np.stack([table.place(sides, spot) for spot in (quads, np.roll(quads, -1, 1))]), axis=0)
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


def _ways(crests: Picture, normal: Levels) -> Picture:
    """Return the crests, a px wider, in bits: each in its way and in the two beside it."""
    way = np.rint(normal % np.pi / np.pi * WAYS).astype(np.intp) % WAYS
    wide = np.ones((3, 3), np.uint8)
    bits = np.zeros(crests.shape, np.uint8)
    for number in range(WAYS):
        near = crests * np.isin(way, [(number + beside) % WAYS for beside in (-1, 0, 1)])
        bits |= (cv2.dilate(near, wide) > 0).astype(np.uint8) << np.uint8(number)
    return bits


def _voters(curve: Levels, normal: Levels, crests: Picture, tau: float, p: OutlineParameters) -> Votes:
    """Return the px along which it is darker than to either side; evenly thinned where they are too many."""
    rows, columns = np.nonzero(crests)
    if len(rows) > p.line_votes:
        kept = np.linspace(0, len(rows) - 1, p.line_votes).astype(int)
        rows, columns = rows[kept], columns[kept]
    size = curve[rows, columns].astype(np.float64)
    crowd = cv2.blur(crests, (CROWD_PX, CROWD_PX), borderType=cv2.BORDER_CONSTANT)[rows, columns] / 255 * CROWD_PX
    weight = size / (size + tau) / np.maximum(1, crowd / p.line_crowd) ** 2
    turn = np.rad2deg(normal[rows, columns].astype(np.float64)) % 180
    height, width = curve.shape
    both = np.concatenate([turn, turn + 180])  # a line without a brighter side
    order = np.argsort(both, kind="stable")
    x, y, weight = (np.tile(one, 2)[order] for one in (columns - (width - 1) / 2, rows - (height - 1) / 2, weight))
    return Votes(x, y, both[order], weight)


def _curves(soft: Levels) -> tuple[Levels, Levels]:
    """Return how sharply each px lies in a valley (h×w levels a px², 0 on a hill) and the way across it (radians)."""
    xx, yy, xy = (cv2.Sobel(soft, cv2.CV_32F, *order, scale=0.25) for order in ((2, 0), (0, 2), (1, 1)))
    apart = (xx - yy) / 2
    curve = (xx + yy) / 2 + cv2.magnitude(apart, xy)
    return np.maximum(curve, 0), np.asarray(0.5 * np.arctan2(xy, apart), np.float32)


def _crests(soft: Levels, curve: Levels, normal: Levels, least: float) -> Picture:
    """Return the px (255) whose curve is at least `least` and no less than beside them across the valley, and that are
    darker than both its sides: the foot of a step and of a bright line, a cutting mat's, curve alike.
    """
    high = curve > least
    high[:BORDER_PX] = high[-BORDER_PX:] = False
    high[:, :BORDER_PX] = high[:, -BORDER_PX:] = False
    rows, columns = np.nonzero(high)
    cos, sin = np.cos(normal[rows, columns]), np.sin(normal[rows, columns])

    def at(field: Levels, px: int) -> Levels:
        down, right = (rows + np.rint(px * sin).astype(np.intp), columns + np.rint(px * cos).astype(np.intp))
        return np.asarray(field[down.clip(0, field.shape[0] - 1), right.clip(0, field.shape[1] - 1)])

    own, level = curve[rows, columns], soft[rows, columns]
    is_crest = (own >= at(curve, 1)) & (own >= at(curve, -1))
    for side in (1, -1):
        is_crest &= np.max([at(soft, side * px) for px in RISE_PX], axis=0) - level > RISE * own
    crests = np.zeros(curve.shape, np.uint8)
    crests[rows[is_crest], columns[is_crest]] = 255
    return crests
