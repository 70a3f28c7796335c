"""A paper seen askew made straight: its true side ratio, its format, its pixels, its shadow taken away."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from devices.api import Corners
from devices.imaging.fields import Picture

MM_PER_INCH = 25.4
FORMATS_MM = {"a4": (210.0, 297.0), "card": (85.6, 53.98)}  # ISO 216; ISO/IEC 7810 ID-1
MOST_DPI = 300  # more than a platform asks of a scan; smaller files
FREE_LONG_MM = 297.0  # a paper of unknown format is taken to be as long as an A4
_STRETCH = np.clip((np.arange(256) - 20) * (255 / (238 - 20)), 0, 255).astype(np.uint8)  # paper's grain becomes white


class Flat(NamedTuple):
    """A page made straight (h×w×3 BGR), its format (a4, card, free), and what was really captured, per axis."""

    picture: Picture
    format: str
    dpi: int  # the worse axis: never more than the camera saw
    dpi_x: float
    dpi_y: float
    ratio: float  # long side / short side as seen, perspective taken out


def dewarp(still: Picture, corners: Corners, accepts: str = "any") -> Flat:
    """Return the page inside `corners` (px of `still`, clockwise from the top left), never scaled up."""
    quad = np.array(corners, np.float64)
    width_px, height_px = mean_sides(quad)
    ratio = true_ratio(quad, (still.shape[1], still.shape[0]))  # width / height
    long_ratio = max(ratio, 1 / ratio)
    name = accepts if accepts in FORMATS_MM else nearest_format(long_ratio)
    short_mm, long_mm = sorted(FORMATS_MM[name]) if name in FORMATS_MM else (FREE_LONG_MM / long_ratio, FREE_LONG_MM)
    width_mm, height_mm = (long_mm, short_mm) if ratio > 1 else (short_mm, long_mm)
    dpi_x, dpi_y = width_px / width_mm * MM_PER_INCH, height_px / height_mm * MM_PER_INCH
    dpi = max(1, int(min(dpi_x, dpi_y, MOST_DPI)))
    size = (max(1, round(width_mm * dpi / MM_PER_INCH)), max(1, round(height_mm * dpi / MM_PER_INCH)))
    return Flat(straighten(still, quad, size), name, dpi, dpi_x, dpi_y, long_ratio)


def straighten(frame: Picture, quad: npt.NDArray[np.float64], size: tuple[int, int]) -> Picture:
    """Return the quadrilateral's content as a picture of `size` (w, h) px; outer edges lie at −0.5 and w − 0.5."""
    w, h = size
    target = np.array([[-0.5, -0.5], [w - 0.5, -0.5], [w - 0.5, h - 0.5], [-0.5, h - 0.5]], np.float32)
    matrix = cv2.getPerspectiveTransform(quad.astype(np.float32), target)
    shrink = float(np.mean(mean_sides(quad))) / max(1.0, (w + h) / 2)
    flags = cv2.INTER_AREA if shrink > 2 else cv2.INTER_LINEAR
    if shrink > 2:  # a thumbnail: average first, so that the warp does not alias
        small = cv2.resize(frame, None, fx=1 / shrink, fy=1 / shrink, interpolation=flags)
        matrix = cv2.getPerspectiveTransform((((quad + 0.5) / shrink) - 0.5).astype(np.float32), target)
        frame = small
    flat = cv2.warpPerspective(frame, matrix, (w, h), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(flat, dtype=np.uint8)


def mean_sides(quad: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return mean width (top, bottom) and height (left, right) of a quadrilateral, px."""
    sides = np.linalg.norm(np.roll(quad, -1, 0) - quad, axis=1)
    return float(sides[0] + sides[2]) / 2, float(sides[1] + sides[3]) / 2


def nearest_format(long_ratio: float) -> str:
    """Return the format whose side ratio is nearest, `free` where none is within 8 %."""
    best = min(FORMATS_MM, key=lambda name: abs(long_ratio / side_ratio(name) - 1))
    return best if abs(long_ratio / side_ratio(best) - 1) <= 0.08 else "free"


def side_ratio(name: str) -> float:
    """Return long side / short side of a format."""
    return max(FORMATS_MM[name]) / min(FORMATS_MM[name])


def true_ratio(quad: npt.NDArray[np.float64], size: tuple[int, int]) -> float:
    """Return width / height of the rectangle whose perspective view `quad` is; the lens looks through the middle.

    Where the view is nearly square-on the sides themselves say it. Source: Zhang and He, whiteboard scanning (2003).
    """
    middle = np.array([(size[0] - 1) / 2, (size[1] - 1) / 2])
    scale = float(max(size))
    tl, tr, br, bl = ([*((corner - middle) / scale), 1.0] for corner in quad)
    m1, m2, m3, m4 = np.array(tl), np.array(tr), np.array(bl), np.array(br)
    k2 = np.dot(np.cross(m1, m4), m3) / np.dot(np.cross(m2, m4), m3)
    k3 = np.dot(np.cross(m1, m4), m2) / np.dot(np.cross(m3, m4), m2)
    n2, n3 = k2 * m2 - m1, k3 * m3 - m1
    width, height = mean_sides(quad)
    plain = width / height
    if abs(n2[2]) < 0.02 or abs(n3[2]) < 0.02:  # no vanishing point worth the name on one axis
        return plain
    focal2 = -(n2[0] * n3[0] + n2[1] * n3[1]) / (n2[2] * n3[2])
    if not 0.3 < focal2 < 25:  # focal length between 0.55 and 5 times the frame's long side
        return plain
    lens = np.diag([1 / focal2, 1 / focal2, 1.0])
    ratio = float(np.sqrt((n2 @ lens @ n2) / (n3 @ lens @ n3)))
    return ratio if 0.85 < ratio / plain < 1.18 else plain


def clean(page: Picture) -> Picture:
    """Return the page with shadow and tint divided away; dark regions and coloured ink keep their colour.

    One gain per place for all three channels beyond the paper's own tint, at most × 2.2, so red stays red.
    Source: reference/imaging.md §7, shadow.
    """
    h, w = page.shape[:2]
    small = cv2.resize(page, (max(1, w // 8), max(1, h // 8)), interpolation=cv2.INTER_AREA)
    paper = cv2.GaussianBlur(cv2.medianBlur(cv2.dilate(small, np.ones((7, 7), np.uint8)), 21), (0, 0), 3)
    gain = np.clip(246.0 / np.maximum(paper.astype(np.float32), 1), 1.0, 2.2)
    whitest = paper.max(axis=2)
    coloured = whitest.astype(np.int16) - paper.min(axis=2) > 60  # a photograph or a stamp's field, not paper
    gain[coloured | (whitest < 90)] = 1.0
    full = cv2.resize(cv2.GaussianBlur(gain, (0, 0), 2), (w, h), interpolation=cv2.INTER_LINEAR)
    even = cv2.multiply(page, full, dtype=cv2.CV_8U)
    return np.asarray(cv2.LUT(even, _STRETCH), dtype=np.uint8)


def text_turn(page: Picture) -> int:
    """Return 90 where lines of writing clearly run down the page, else 0 (upside down is not told apart)."""
    grey = cv2.cvtColor(page, cv2.COLOR_BGR2GRAY)
    scale = 480 / max(grey.shape)
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else grey
    ink = cv2.adaptiveThreshold(small, 1, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, 15, 12)
    ruled = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((1, 24), np.uint8))
    ruled |= cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((24, 1), np.uint8))
    m = max(1, ink.shape[0] // 20), max(1, ink.shape[1] // 20)
    ink = (ink & ~ruled)[m[0] : -m[0], m[1] : -m[1]].astype(np.float32)
    if ink.size == 0 or ink.mean() < 0.004:
        return 0
    rows, columns = ink.mean(axis=1), ink.mean(axis=0)
    across, down = float(np.square(np.diff(rows)).mean()), float(np.square(np.diff(columns)).mean())
    return 90 if down > 1.6 * across else 0  # upright pages of seven kinds: 1.8–3.3 the other way
