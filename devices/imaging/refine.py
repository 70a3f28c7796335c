"""A coarse outline made exact on the still: a line fitted to the edge profiles of every side."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from devices.imaging.fields import Picture
from devices.imaging.quads import NEXT, crossings, frame_corners
from devices.imaging.values import Outline

Points = npt.NDArray[np.float64]
Lines = npt.NDArray[np.float64]  # n×3: nx, ny, d with n·p = d
Floats = npt.NDArray[np.float32]
DARKER = 0.7  # what an edge that darkens inward counts: of a shadow's two edges the paper's brightens
PROFILES = (24, 160)  # a side: one in 8 px
FINE_PX = 2  # over which a slope is seen at last: over more, what lies beside an edge moves it
LEAST_STRENGTH = 0.35  # of the usual one, that an edge must have
LEAST_PROFILES = 8  # must show an edge


def refine_outline(still: Picture, outline: Outline, factor: float) -> Outline:
    """Return the outline with sub-pixel corners, px of `still` (h×w×3 BGR).

    `factor`: how many px of the still one px of the coarse search was. Where the edge is lost the coarse side stays.
    Source: reference/imaging.md §2, refinement.
    """
    if outline.corners == frame_corners(still.shape[1], still.shape[0]):
        return outline  # a paper that fills the frame
    corners = np.array(outline.corners, np.float64)
    box = max(1, round(0.6 * factor))
    for reach, over in ((max(4.0, 3.5 * factor), box), (max(4.0, 1.6 * factor), min(box, FINE_PX))):
        lines = _side_lines(still, corners, reach, over, factor)
        before = np.roll(lines, 1, 0)
        if (np.abs(before[:, 0] * lines[:, 1] - before[:, 1] * lines[:, 0]) < 0.2).any():  # nearly parallel
            break
        moved = crossings(before, lines)
        if np.abs(moved - corners).max() > 8 * factor:
            break
        corners = moved
    points = [(float(x), float(y)) for x, y in corners]
    return Outline((points[0], points[1], points[2], points[3]), outline.score, outline.others)


def _side_lines(still: Picture, corners: Points, reach: float, box: int, factor: float) -> Lines:
    """Return the lines of the four sides, the coarse one where fewer than eight profiles show an edge."""
    ends = np.take(corners, NEXT, axis=0)
    sides = ends - corners
    lengths = np.hypot(sides[:, 0], sides[:, 1]) + 1e-9
    normals = np.stack([-sides[:, 1], sides[:, 0]], axis=1) / lengths[:, None]
    count = int(np.clip(lengths.max() / 8, *PROFILES))
    base = corners[:, None] + np.linspace(0.08, 0.92, count)[:, None] * sides[:, None]  # 4×count×2
    found, keep = edges_along(still, base, normals, reach, box)
    points = base + found[..., None] * normals[:, None]
    lines = np.concatenate([normals, (normals * corners).sum(axis=1)[:, None]], axis=1)
    for side in np.flatnonzero(keep.sum(axis=1) >= LEAST_PROFILES):
        line = _fit(points[side, keep[side]], float(lengths[side]), factor)
        middle = (corners[side] + ends[side]) / 2
        if line is not None and abs(line[:2] @ middle - line[2]) <= reach:
            lines[side] = line
    return lines


def edges_along(
    still: Picture, base: Points, normals: Points, reach: float, box: int
) -> tuple[Points, npt.NDArray[np.bool_]]:
    """Return how far inward of places on the sides (4×count×2 px) their edges lie, px, and which show one.

    `box`: the px over which a slope is seen.
    """
    found, strength = _edges(profiles_across(still, base, normals, int(np.ceil(reach))), reach, box)
    usual = np.sort(strength, axis=1)[:, 4 * (base.shape[1] - 1) // 5, None]
    return found, strength > LEAST_STRENGTH * usual


def profiles_across(still: Picture, base: Points, normals: Points, half: int) -> npt.NDArray[np.int32]:
    """Return what is seen across the sides from −half to half px inward, each with its two neighbours summed:
    4×count×(2 half + 1)×3, in thirds of a level.
    """
    offsets = np.arange(-half, half + 1)
    x, y = (
        (base[:, :, None, axis] + offsets * normals[:, None, None, axis]).astype(np.float32).reshape(-1, len(offsets))
        for axis in (0, 1)
    )
    seen = cv2.remap(still, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    wide = np.pad(
        seen.reshape(*base.shape[:2], len(offsets), 3).astype(np.int32), ((0, 0), (1, 1), (0, 0), (0, 0)), "edge"
    )
    return np.asarray(wide[:, :-2] + wide[:, 1:-1] + wide[:, 2:])


def _edges(profiles: npt.NDArray[np.int32], reach: float, box: int) -> tuple[Points, Floats]:
    """Return, per profile (sides×count×m×3), how far inward its edge lies (sub-pixel px) and how strong it is."""
    sides, count, m, _ = profiles.shape
    total = np.zeros((sides, count, m + 1, 3), np.int32)
    np.cumsum(profiles, axis=2, out=total[:, :, 1:])
    at = np.arange(box, m - box + 1)  # the edge lies between at − 1 and at
    slope = (total[:, :, 2 * box :] - 2 * total[:, :, box : m - box + 1] + total[:, :, : m - 2 * box + 1]).astype(
        np.float32
    )
    slope /= 3 * box
    typical = np.partition(np.ascontiguousarray(slope.transpose(0, 2, 3, 1)), count // 2, axis=3)[..., count // 2]
    typical = typical.reshape(sides, -1)  # positions × channels
    best = np.maximum(typical, -DARKER * typical).argmax(axis=1)
    each = np.arange(sides)
    sign = np.where(typical[each, best] < 0, -1, 1).astype(np.float32)
    places = at - 0.5 - (m - 1) // 2
    window = np.exp(-0.7 * (places / reach) ** 2).astype(np.float32)
    signed = slope[each, :, :, best % 3] * (sign[:, None] * window)[:, None]
    peak = signed.argmax(axis=2)
    inner = np.clip(peak, 1, len(at) - 2)
    left, top, right = (
        np.take_along_axis(signed, (inner + step)[..., None], 2)[..., 0].astype(np.float64) for step in (-1, 0, 1)
    )
    bend = left - 2 * top + right
    shift = np.where(np.abs(bend) > 1e-9, 0.5 * (left - right) / np.where(np.abs(bend) > 1e-9, bend, 1), 0)
    return places[inner] + np.clip(shift, -0.5, 0.5), np.take_along_axis(signed, peak[..., None], 2)[..., 0]


@lru_cache(maxsize=256)
def _pairs(count: int) -> npt.NDArray[np.int64]:
    """Return 60 pairs of numbers below `count`, 2×60, the same ones every time."""
    return np.random.default_rng(1).integers(0, count, (60, 2)).T


def _fit(points: Points, length: float, factor: float) -> Points | None:
    """Return the line most points agree on: fixed-seed pairs, then three rounds of weighted least squares."""
    first, second = _pairs(len(points))
    a = points[first]
    step = points[second] - a
    apart = np.hypot(step[:, 0], step[:, 1])
    usable = apart > length / 4
    if not usable.any():
        return None
    a = a[usable]
    normals = np.stack([-step[usable, 1], step[usable, 0]], axis=1) / apart[usable, None]
    distance = np.abs(points @ normals.T - (a * normals).sum(axis=1))
    best = int(np.argmax((distance < max(0.6, 0.35 * factor)).sum(axis=0)))
    normal, d = normals[best], float(normals[best] @ a[best])
    for _ in range(3):
        r = np.abs(points @ normal - d)
        weight = 1 / np.maximum(1, r / 0.5) ** 2
        weight[r > max(1.5, 0.6 * factor)] = 0
        if (weight > 0).sum() < 4:
            return None
        share = weight / weight.sum()
        middle = share @ points
        spread = points - middle
        (xx, xy), (_, yy) = (spread * share[:, None]).T @ spread
        turn = 0.5 * np.arctan2(2 * xy, xx - yy)
        normal = np.array([-np.sin(turn), np.cos(turn)])
        d = float(normal @ middle)
    return np.array([*normal, d])
