"""Thin dark lines, straight from end to end: the shadow that a paper's edge throws where paper and desk are alike.

At half the size, where faint steps are looked for, such a line of one or two px is gone: both its flanks fall together.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from devices.imaging.fields import PARAMETERS, UNIT, Fields, Gradient, OutlineParameters
from devices.imaging.lines import CROWD_PX, Lined, Votes, lined_of, straight

SIGMA_PX = 1.3
BORDER_PX = 3  # a line along the frame's end is none
LEAST_CURVE = 0.05  # levels a px²
MEDIAN_STRIDE = 2
Levels = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.intp]
Degrees = npt.NDArray[np.float64]


def find_ridges(fields: Fields, parameters: OutlineParameters = PARAMETERS) -> Lined | None:
    """Return the straight dark lines with what lies along them, or None where too few are for a page."""
    p = parameters
    height, width = fields.lab.shape[:2]
    return lined_of(fields, straight(_voters(fields, p), (width, height), 0.0, p.ridges, p), p)


def _voters(fields: Fields, p: OutlineParameters) -> Votes:
    """Return the px along which it is darker than to either side, above what the plainer half of the picture shows."""
    curve, apart, mixed = _curves(fields.planes[0])
    tau = p.ridge_tau * float(np.median(curve[::MEDIAN_STRIDE, ::MEDIAN_STRIDE])) + LEAST_CURVE
    rows, columns, turn = _crests(curve, apart, mixed, p.ridge_floor * tau)
    ridge = np.zeros(curve.shape, np.uint8)
    ridge[rows, columns] = 1
    if len(rows) > p.ridge_votes:
        kept = np.linspace(0, len(rows) - 1, p.ridge_votes).astype(int)
        rows, columns, turn = rows[kept], columns[kept], turn[kept]
    size = curve[rows, columns]
    crowd = cv2.boxFilter(ridge, -1, (CROWD_PX, CROWD_PX), normalize=False, borderType=cv2.BORDER_CONSTANT)
    crowd = crowd[rows, columns] / CROWD_PX
    weight = size / (size + tau) / np.maximum(1, crowd / p.line_crowd) ** 2
    height, width = curve.shape
    order = np.argsort(turn)
    return Votes(columns[order] - (width - 1) / 2, rows[order] - (height - 1) / 2, turn[order], weight[order])


def _curves(level: Gradient) -> tuple[Levels, Levels, Levels]:
    """Return how sharply each px lies in a valley (h×w levels a px², 0 on a hill), half of how much more it curves
    across than down, and how it curves aslant; `level` in units.
    """
    soft = cv2.GaussianBlur(level.astype(np.float32), (0, 0), SIGMA_PX)
    xx, yy, xy = (cv2.Sobel(soft, cv2.CV_32F, *order, scale=0.25 / UNIT) for order in ((2, 0), (0, 2), (1, 1)))
    apart = cv2.addWeighted(xx, 0.5, yy, -0.5, 0)
    curve = cv2.addWeighted(xx, 0.5, yy, 0.5, 0) + cv2.magnitude(apart, xy)
    return np.maximum(curve, 0), np.asarray(apart, np.float32), np.asarray(xy, np.float32)


def _crests(curve: Levels, apart: Levels, mixed: Levels, least: float) -> tuple[Numbers, Numbers, Degrees]:
    """Return rows and columns of the px that are at least `least` and no less than those beside them across the
    valley, and the ways across it, degrees 0 to 180.
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
    return rows + b, columns + b, np.rad2deg(across.astype(np.float64)) % 180
