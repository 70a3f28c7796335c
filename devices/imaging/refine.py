"""A coarse outline made exact on the still: a line fitted to the edge profiles of every side."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from devices.imaging.fields import Picture
from devices.imaging.quads import crossing
from devices.imaging.values import Outline

Points = npt.NDArray[np.float64]
Line = npt.NDArray[np.float64]  # nx, ny, d with n·p = d
DARKER = 0.7  # what an edge that darkens inward counts: of a shadow's two edges the paper's brightens


def refine_outline(still: Picture, outline: Outline, factor: float) -> Outline:
    """Return the outline with sub-pixel corners, px of `still` (h×w×3 BGR).

    `factor`: how many px of the still one px of the coarse search was. Where the edge is lost the coarse side stays.
    Source: reference/imaging.md §2, refinement.
    """
    corners = np.array(outline.corners, np.float64)
    for reach in (max(4.0, 3.5 * factor), max(4.0, 1.6 * factor)):
        lines = [_side_line(still, corners[i], corners[(i + 1) % 4], reach, factor) for i in range(4)]
        met = [crossing(lines[i - 1], lines[i]) for i in range(4)]
        if any(corner is None for corner in met):
            break
        moved = np.array(met, np.float64)
        if np.abs(moved - corners).max() > 8 * factor:
            break
        corners = moved
    points = [(float(x), float(y)) for x, y in corners]
    return Outline((points[0], points[1], points[2], points[3]), outline.score)


def _side_line(still: Picture, start: Points, stop: Points, reach: float, factor: float) -> Line:
    """Return the line of one side, the coarse one where fewer than eight profiles show an edge."""
    side = stop - start
    length = float(np.hypot(*side)) + 1e-9
    normal = np.array([-side[1], side[0]]) / length
    coarse = np.array([*normal, normal @ start])
    count = int(np.clip(length / 8, 24, 90))
    at = np.linspace(0.08, 0.92, count)
    base = start + at[:, None] * side
    offsets = np.arange(-np.ceil(reach), np.ceil(reach) + 1)
    spots = (base[:, None, :] + offsets[None, :, None] * normal).astype(np.float32)
    seen = cv2.remap(still, spots, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    found, strength = _edges(cv2.blur(seen.astype(np.float32), (1, 3)), offsets, reach, factor)
    keep = strength > 0.35 * float(np.percentile(strength, 80))
    if int(keep.sum()) < 8:
        return coarse
    points = base[keep] + found[keep, None] * normal
    line = _fit(points, length, factor)
    middle = (start + stop) / 2
    if line is None or abs(line[:2] @ middle - line[2]) > reach:
        return coarse
    return line


def _edges(
    profiles: npt.NDArray[np.float32], offsets: npt.NDArray[np.float64], reach: float, factor: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return, per profile (n×m×3), where its edge lies on `offsets` (sub-pixel) and how strong it is."""
    box = max(1, round(0.6 * factor))
    total = np.cumsum(np.pad(profiles.astype(np.float64), ((0, 0), (1, 0), (0, 0))), axis=1)
    m = profiles.shape[1]
    at = np.arange(box, m - box + 1)  # the edge lies between at − 1 and at
    slope = (total[:, at + box] - 2 * total[:, at] + total[:, at - box]) / box
    typical = np.median(slope, axis=0)  # positions × channels
    places = offsets[0] + at - 0.5
    rated = np.maximum(typical, -DARKER * typical)
    _, channel = np.unravel_index(np.argmax(rated), typical.shape)
    sign = np.sign(typical.flat[np.argmax(rated)]) or 1.0
    signed = sign * slope[:, :, channel] * np.exp(-0.7 * (places / reach) ** 2)
    peak = np.argmax(signed, axis=1)
    rows = np.arange(len(signed))
    inner = np.clip(peak, 1, len(at) - 2)
    left, top, right = signed[rows, inner - 1], signed[rows, inner], signed[rows, inner + 1]
    bend = left - 2 * top + right
    shift = np.where(np.abs(bend) > 1e-9, 0.5 * (left - right) / np.where(np.abs(bend) > 1e-9, bend, 1), 0)
    return places[inner] + np.clip(shift, -0.5, 0.5), signed[rows, peak]


def _fit(points: Points, length: float, factor: float) -> Line | None:
    """Return the line most points agree on: fixed-seed pairs, then three rounds of weighted least squares."""
    rng = np.random.default_rng(1)
    pairs = rng.integers(0, len(points), (60, 2))
    a, b = points[pairs[:, 0]], points[pairs[:, 1]]
    step = b - a
    apart = np.hypot(step[:, 0], step[:, 1])
    usable = apart > length / 4
    if not usable.any():
        return None
    normals = np.stack([-step[usable, 1], step[usable, 0]], axis=1) / apart[usable, None]
    distance = np.abs(points @ normals.T - (a[usable] * normals).sum(axis=1))
    votes = (distance < max(0.6, 0.35 * factor)).sum(axis=0)
    best = int(np.argmax(votes))
    normal, d = normals[best], float(normals[best] @ a[usable][best])
    for _ in range(3):
        r = np.abs(points @ normal - d)
        weight = 1 / np.maximum(1, r / 0.5) ** 2
        weight[r > max(1.5, 0.6 * factor)] = 0
        if (weight > 0).sum() < 4:
            return None
        middle = (points * weight[:, None]).sum(axis=0) / weight.sum()
        spread = points - middle
        _, vectors = np.linalg.eigh((spread * weight[:, None]).T @ spread)
        normal, d = vectors[:, 0], float(vectors[:, 0] @ middle)
    return np.array([*normal, d])
