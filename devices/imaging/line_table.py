"""Thousands of quadrilaterals rated at once: what speaks for a line is summed from end to end, a side is a stretch."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from devices.imaging.evidence import of_sides
from devices.imaging.fields import Fields, OutlineParameters, Quads
from devices.imaging.grow import ACROSS, LEVEL, step_and_seam
from devices.imaging.quads import NEXT, areas, usual

Floats = npt.NDArray[np.float64]
Sides = npt.NDArray[np.intp]  # n×4 numbers of lines
STEP_PX = 3  # between samples along a line
GAP, BEYOND = 2, 7  # samples after a corner; over which a side might go on


class Table(NamedTuple):
    """Each line's foot and direction (n×2 each), and sums of step and seam along it: n×(samples + 1)×offsets×2."""

    foot: Floats
    along: Floats
    sums: npt.NDArray[np.float32]

    def place(self, sides: Sides, spots: Floats) -> Floats:
        """Return how far along their lines the spots (…×2 px) lie."""
        return np.asarray(((spots - self.foot[sides]) * self.along[sides]).sum(axis=-1))

    def mean(self, sides: Sides, low: Floats, high: Floats) -> Floats:
        """Return the means over stretches of lines, …×offsets×2."""
        half = (self.sums.shape[1] - 1) // 2
        first, last = (np.clip(np.rint(v / STEP_PX).astype(int) + half, 0, 2 * half - 1) for v in (low, high))
        last = np.maximum(last, first)
        count = (last + 1 - first).astype(np.float32)
        return np.asarray((self.sums[sides, last + 1] - self.sums[sides, first]) / count[..., None, None])


def rate(
    fields: Fields, lines: Floats, table: Table, quads: Quads, sides: Sides, p: OutlineParameters
) -> tuple[Floats, Floats]:
    """Return how much speaks for each quadrilateral (n, 0 to 1) and how far inward its sides lie (n×4 px).

    `quads` n×4×2 px clockwise on screen, `sides` the lines (rows nx, ny, d of `lines`) after each corner.
    """
    reach = p.line_reach
    base = table.foot[sides]
    at = np.sort(np.stack([table.place(sides, spots) for spots in (quads, np.take(quads, NEXT, axis=1))]), axis=0)
    trim = 0.06 * (at[1] - at[0])
    own = table.mean(sides, at[0] + trim, at[1] - trim)
    strength = np.maximum(np.abs(own[..., 0]), p.seam_most * own[..., 1])
    best = strength.argmax(axis=2)
    strength = np.take_along_axis(strength, best[..., None], axis=2)[..., 0]
    kept = np.take_along_axis(own, best[..., None, None], axis=2)[:, :, 0]
    steps = STEP_PX * np.array([GAP, GAP + BEYOND])
    goes_on = []
    for low, high in ((at[0] - steps[1], at[0] - steps[0]), (at[1] + steps[0], at[1] + steps[1])):
        other = np.take_along_axis(table.mean(sides, low, high), best[..., None, None], axis=2)[:, :, 0]
        goes_on.append(np.clip((kept * other).sum(axis=2) / ((kept * kept).sum(axis=2) + 0.02), 0, 1))
    beyond = np.sort(np.concatenate(goes_on, axis=1), axis=1)[:, :-1].sum(axis=1)
    share = np.clip(areas(quads) / (fields.size[0] * fields.size[1]), 0, 1)
    rated = of_sides(strength) * (1 - p.beyond * np.minimum(1, beyond / p.beyond_ends))
    rated *= 0.8 + 0.2 * np.sqrt(np.minimum(share / 0.25, 1))
    rated *= 1 + p.shape_sought * usual(quads, fields.size, p)
    middle = quads.mean(axis=1)[:, None]
    inward = np.sign(((middle - base) * lines[sides, :2]).sum(axis=2))
    return rated, (best - float(reach)) * inward


def build_table(fields: Fields, lines: Floats, p: OutlineParameters) -> Table:
    """Return what lies along each line (rows nx, ny, d), from one end of the frame to the other."""
    width, height = fields.size
    reach = p.line_reach
    half = int(np.hypot(width, height) / 2 / STEP_PX) + 3
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
    step, seam = step_and_seam(across, 2, p)
    sums = np.zeros((len(lines), len(t) + 1, step.shape[2], 2), np.float32)
    for number, one in enumerate((step, seam)):
        np.cumsum(one, axis=1, out=sums[:, 1:, :, number])
    return Table(foot, along, sums)
