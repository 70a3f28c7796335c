"""What the outline search looks at: a small picture, its strongest gradients, its noise, and eight oriented maps."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import msgspec
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Quads = npt.NDArray[np.float64]  # n×4×2 px, clockwise on screen


class OutlineParameters(msgspec.Struct, frozen=True):
    """Every number of the search in one place, so that a sweep is possible. Source: reference/imaging.md §2."""

    side_px: int = 480
    chroma_weight: float = 1.5
    noise_factor: float = 1.6
    tau_floor: float = 2.5
    tau_factor: float = 1.1
    directions: int = 8
    canny: tuple[tuple[float, float, float], ...] = ((7, 2.2, 0.5), (18, 4, 0.45), (40, 9, 0.45))  # floor, × n, low
    contours: int = 5
    contour_box_share: float = 0.02
    good_score: float = 0.82
    least_score: float = 0.45
    area_share: tuple[float, float] = (0.015, 0.985)
    corner_cos: float = 0.6
    side_difference: float = 0.5
    shortest_side_share: float = 0.06
    points: int = 28
    keep: int = 60
    step_floor: float = 2.5
    outermost: float = 0.92
    crispness: float = 0.7  # of the step 7 px off, that must show within 2 px: a lamp's reflection swells slowly
    line_share: float = 0.035
    lines: int = 18
    line_pairs: int = 60


PARAMETERS = OutlineParameters()


class Fields(NamedTuple):
    """A frame prepared for the search, all at 1/f of its size (h×w)."""

    factor: int
    lab: Picture  # h×w×3
    gx: npt.NDArray[np.int16]
    gy: npt.NDArray[np.int16]
    noise: float  # in levels of (|gx|+|gy|)/2
    tau: float
    maps: tuple[Picture, ...]  # oriented strength, dilated 5×5
    smooth_lab: Floats  # blurred 3×3, a and b weighted

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the small picture, px."""
        return self.lab.shape[1], self.lab.shape[0]


def shrink_factor(width_px: int, height_px: int, parameters: OutlineParameters = PARAMETERS) -> int:
    """Return the integer by which a frame is shrunk: 1080p gives 4, a 3264 px still 7."""
    return max(1, -(-max(width_px, height_px) // parameters.side_px))


def shrink(frame: Picture, factor: int) -> Picture:
    """Return the frame cropped to a multiple of `factor` and averaged down."""
    if factor == 1:
        return frame
    h, w = frame.shape[0] // factor * factor, frame.shape[1] // factor * factor
    small = cv2.resize(frame[:h, :w], (w // factor, h // factor), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8)


def prepare(frame: Picture, parameters: OutlineParameters = PARAMETERS) -> Fields:
    """Return the fields of a BGR frame (h×w×3 uint8)."""
    p = parameters
    factor = shrink_factor(frame.shape[1], frame.shape[0], p)
    lab = cv2.cvtColor(shrink(frame, factor), cv2.COLOR_BGR2LAB)
    soft = cv2.GaussianBlur(lab, (5, 5), 1)
    gx3 = cv2.Sobel(soft, cv2.CV_16S, 1, 0, ksize=3)
    gy3 = cv2.Sobel(soft, cv2.CV_16S, 0, 1, ksize=3)
    gx, gy, strength = _strongest(gx3, gy3, p.chroma_weight)
    noise = p.noise_factor * float(np.median(strength)) + 1
    maps = []
    kernel = np.ones((5, 5), np.uint8)
    fx, fy = gx.astype(np.float32), gy.astype(np.float32)
    for k in range(p.directions):
        angle = k * np.pi / p.directions
        along = cv2.addWeighted(fx, float(np.cos(angle)) / 2, fy, float(np.sin(angle)) / 2, 0)
        maps.append(cv2.dilate(cv2.convertScaleAbs(along), kernel))
    smooth = cv2.blur(lab, (3, 3)).astype(np.float32)
    smooth[:, :, 1:] *= p.chroma_weight
    return Fields(factor, lab, gx, gy, noise, max(p.tau_floor, p.tau_factor * noise), tuple(maps), smooth)


def _strongest(
    gx3: npt.NDArray[np.int16], gy3: npt.NDArray[np.int16], weight: float
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int16], Floats]:
    """Return, per pixel, the gradient of the channel with the largest magnitude, and that magnitude."""
    best_x, best_y = gx3[:, :, 0].copy(), gy3[:, :, 0].copy()
    best = np.abs(best_x) + np.abs(best_y)
    for channel in (1, 2):
        gx = (gx3[:, :, channel] * np.float32(weight)).astype(np.int16)
        gy = (gy3[:, :, channel] * np.float32(weight)).astype(np.int16)
        size = np.abs(gx) + np.abs(gy)
        wins = size > best
        np.copyto(best_x, gx, where=wins)
        np.copyto(best_y, gy, where=wins)
        np.copyto(best, size, where=wins)
    return best_x, best_y, np.asarray(best, np.float32) / np.float32(2)
