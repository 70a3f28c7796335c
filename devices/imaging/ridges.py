"""Thin dark lines, straight from end to end: the shadow that a paper's edge throws where paper and desk are alike.

At half the size, where faint steps are looked for, such a line of one or two px is gone: both its flanks fall together.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from devices.imaging.fields import PARAMETERS, Fields, OutlineParameters
from devices.imaging.lines import CROWD_PX, Lined, Votes, lined_of, straight

SIGMA_PX = 1.3
BORDER_PX = 3  # a line along the frame's end is none
LEAST_CURVE = 0.05  # levels a px²
Levels = npt.NDArray[np.float32]


def find_ridges(fields: Fields, parameters: OutlineParameters = PARAMETERS) -> Lined | None:
    """Return the straight dark lines with what lies along them, or None where too few are for a page."""
    p = parameters
    height, width = fields.lab.shape[:2]
    return lined_of(fields, straight(_voters(fields, p), (width, height), 0.0, p.ridges, p), p)


def _voters(fields: Fields, p: OutlineParameters) -> Votes:
    """Return the px along which it is darker than to either side, above what the plainer half of the picture shows."""
    curve, normal = _curves(fields.lab[..., 0])
    tau = p.ridge_tau * float(np.median(curve)) + LEAST_CURVE
    ridge = _crests(curve, normal, p.ridge_floor * tau)
    rows, columns = np.nonzero(ridge)
    if len(rows) > p.line_votes:
        kept = np.linspace(0, len(rows) - 1, p.line_votes).astype(int)
        rows, columns = rows[kept], columns[kept]
    size = curve[rows, columns].astype(np.float64)
    crowd = cv2.blur(ridge, (CROWD_PX, CROWD_PX), borderType=cv2.BORDER_CONSTANT)[rows, columns] / 255 * CROWD_PX
    weight = size / (size + tau) / np.maximum(1, crowd / p.line_crowd) ** 2
    turn = np.rad2deg(normal[rows, columns].astype(np.float64)) % 180
    height, width = curve.shape
    both = np.concatenate([turn, turn + 180])  # a line without a brighter side
    order = np.argsort(both, kind="stable")
    x, y, weight = (np.tile(one, 2)[order] for one in (columns - (width - 1) / 2, rows - (height - 1) / 2, weight))
    return Votes(x, y, both[order], weight)


def _curves(level: npt.NDArray[np.uint8]) -> tuple[Levels, Levels]:
    """Return how sharply each px lies in a valley (h×w levels a px², 0 on a hill) and the way across it (radians)."""
    soft = cv2.GaussianBlur(level.astype(np.float32), (0, 0), SIGMA_PX)
    xx, yy, xy = (cv2.Sobel(soft, cv2.CV_32F, *order, scale=0.25) for order in ((2, 0), (0, 2), (1, 1)))
    apart = (xx - yy) / 2
    curve = (xx + yy) / 2 + cv2.magnitude(apart, xy)
    return np.maximum(curve, 0), np.asarray(0.5 * np.arctan2(xy, apart), np.float32)


def _crests(curve: Levels, normal: Levels, least: float) -> npt.NDArray[np.uint8]:
    """Return the px (255) that are at least `least` and no less than those beside them across the valley."""
    high = curve > least
    high[:BORDER_PX] = high[-BORDER_PX:] = False
    high[:, :BORDER_PX] = high[:, -BORDER_PX:] = False
    rows, columns = np.nonzero(high)
    across = normal[rows, columns]
    dx, dy = np.rint(np.cos(across)).astype(np.intp), np.rint(np.sin(across)).astype(np.intp)
    own = curve[rows, columns]
    is_crest = (own >= curve[rows + dy, columns + dx]) & (own >= curve[rows - dy, columns - dx])
    crests = np.zeros(curve.shape, np.uint8)
    crests[rows[is_crest], columns[is_crest]] = 255
    return crests
