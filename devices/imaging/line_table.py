"""Thousands of quadrilaterals rated at once: what speaks for a line is summed from end to end, a side is a stretch."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from devices.imaging.evidence import of_sides
from devices.imaging.fields import Fields, OutlineParameters, Quads
from devices.imaging.grow import ACROSS, LEVEL, step_and_seam
from devices.imaging.quads import areas

Floats = npt.NDArray[np.float64]
Sides = npt.NDArray[np.intp]  # n×4 numbers of lines
STEP_PX = 3  # between samples along a line
GAP, BEYOND = 2, 7  # samples after a corner; over which a side might go on


def rate(fields: Fields, lines: Floats, quads: Quads, sides: Sides, p: OutlineParameters) -> tuple[Floats, Floats]:
    """Return how much speaks for each quadrilateral (n, 0 to 1) and how far inward its sides lie (n×4 px).

    `quads` n×4×2 px clockwise on screen, `sides` the lines (rows nx, ny, d of `lines`) after each corner.
    """
    foot, along, sums = _sums(fields, lines, p)
    reach = p.line_reach
    stop = np.roll(quads, -1, 1)
    base, way = foot[sides], along[sides]
    at = np.sort(np.stack([((spots - base) * way).sum(axis=2) for spots in (quads, stop)]), axis=0)
    trim = 0.06 * (at[1] - at[0])
    half = (sums.shape[1] - 1) // 2

    def mean(low: Floats, high: Floats) -> Floats:
        first, last = (np.clip(np.rint(v / STEP_PX).astype(int) + half, 0, 2 * half - 1) for v in (low, high))
        last = np.maximum(last, first)
        return np.asarray((sums[sides, last + 1] - sums[sides, first]) / (last + 1 - first)[..., None, None])

    own = mean(at[0] + trim, at[1] - trim)
    strength = np.maximum(np.abs(own[..., 0]), p.seam_most * own[..., 1])
    best = strength.argmax(axis=2)
    strength = strength.max(axis=2)
    kept = np.take_along_axis(own, best[..., None, None], axis=2)[:, :, 0]
    steps = STEP_PX * np.array([GAP, GAP + BEYOND])
    goes_on = []
    for low, high in ((at[0] - steps[1], at[0] - steps[0]), (at[1] + steps[0], at[1] + steps[1])):
        other = np.take_along_axis(mean(low, high), best[..., None, None], axis=2)[:, :, 0]
        goes_on.append(np.clip((kept * other).sum(axis=2) / ((kept * kept).sum(axis=2) + 0.02), 0, 1))
    beyond = np.sort(np.concatenate(goes_on, axis=1), axis=1)[:, :-1].sum(axis=1)
    share = np.clip(areas(quads) / (fields.size[0] * fields.size[1]), 0, 1)
    rated = of_sides(strength) * (1 - p.beyond * np.minimum(1, beyond / p.beyond_ends))
    rated *= 0.8 + 0.2 * np.sqrt(np.minimum(share / 0.25, 1))
    middle = quads.mean(axis=1)[:, None]
    inward = np.sign(((middle - base) * lines[sides, :2]).sum(axis=2))
    return rated, (best - float(reach)) * inward


def _sums(fields: Fields, lines: Floats, p: OutlineParameters) -> tuple[Floats, Floats, Floats]:
    """Return each line's foot and direction (n×2 each), and sums along it: n×(samples + 1)×offsets×2.

    Summed are step and seam.
    """
    width, height = fields.size
    reach = p.line_reach
    half = int(np.hypot(width, height) / STEP_PX) + 1
    t = np.arange(-half, half + 1) * STEP_PX
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    foot = middle + lines[:, :2] * (lines[:, 2] - lines[:, :2] @ middle)[:, None]
    along = np.stack([-lines[:, 1], lines[:, 0]], axis=1)
    offsets = np.arange(-reach - ACROSS, reach + ACROSS + 1)
    spots = (foot[:, None] + along[:, None] * t[:, None])[:, :, None] + lines[:, None, None, :2] * offsets[:, None]
    both = cv2.merge([fields.gx, fields.gy])
    grid = spots.reshape(len(lines), -1, 2).astype(np.float32)
    seen = cv2.remap(both, grid, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT).reshape(*spots.shape)
    n = lines[:, :2].astype(np.float32) / LEVEL
    across = seen[..., 0] * n[:, None, None, 0] + seen[..., 1] * n[:, None, None, 1]
    found = np.stack(step_and_seam(across, 2, p), axis=3)
    return foot, along, np.cumsum(np.pad(found, ((0, 0), (1, 0), (0, 0), (0, 0))), axis=1)
