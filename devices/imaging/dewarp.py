"""A paper seen askew made straight: its true side ratio, its format, its pixels, its lines of writing level."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from devices.api import Corners
from devices.imaging.fields import Picture

MM_PER_INCH = 25.4
FORMATS_MM = {  # ISO 216; ISO/IEC 7810 ID-1; one page of a passport, ISO/IEC 7810 ID-3
    "a4": (210.0, 297.0),
    "card": (85.6, 53.98),
    "a5": (148.0, 210.0),
    "passport": (125.0, 88.0),
}
TOLD_BY_RATIO = ("a4", "card")  # an A5 and a passport's page have an A4's shape: only a known scale tells them
MOST_DPI = 300  # more than a platform asks of a scan; smaller files
FREE_LONG_MM = 297.0  # a paper of unknown format and scale is taken to be as long as an A4
LEAST_SHORT_MM = 50.0  # a receipt of 57 mm is the narrowest paper that a platform is sent
FORMAT_SHARE = 0.08  # by which a side, or the ratio of two, may miss a format and still be of it


class Flat(NamedTuple):
    """A page made straight (h×w×3 BGR), its format (a key of FORMATS_MM, or free), and what was captured, per axis."""

    picture: Picture
    format: str
    dpi: int  # the worse axis: never more than the camera saw
    dpi_x: float
    dpi_y: float
    ratio: float  # long side / short side as seen, perspective taken out
    most_dpi: float = 0.0  # as of Measured


class Measured(NamedTuple):
    """What a paper's outline says: its format, its size, what was captured per axis, long side / short side."""

    format: str
    size_mm: tuple[float, float]  # width, height
    dpi_x: float
    dpi_y: float
    ratio: float
    most_dpi: float  # the worse axis; where nobody knows the paper's size as much as it may have


def dewarp(
    still: Picture, corners: Corners, accepts: str = "any", px_per_mm: float = 0.0, most_px: int = 1_000_000
) -> Flat:
    """Return the page inside `corners` (px of `still`, clockwise from the top left), never scaled up.

    `px_per_mm` is the desk's scale in this still as a calibration found it; 0.0 where it is not known. Then the
    shape alone tells the format, and an A5 passes for an A4. `most_px`: the long side that is enough.
    """
    quad = np.array(corners, np.float64)
    seen = measure(quad, (still.shape[1], still.shape[0]), accepts, px_per_mm)
    width_mm, height_mm = seen.size_mm
    dpi = max(1, int(min(seen.dpi_x, seen.dpi_y, MOST_DPI, most_px * MM_PER_INCH / max(seen.size_mm))))
    size = (max(1, round(width_mm * dpi / MM_PER_INCH)), max(1, round(height_mm * dpi / MM_PER_INCH)))
    return Flat(straighten(still, quad, size), seen.format, dpi, seen.dpi_x, seen.dpi_y, seen.ratio, seen.most_dpi)


def measure(
    quad: npt.NDArray[np.float64], size: tuple[int, int], accepts: str = "any", px_per_mm: float = 0.0
) -> Measured:
    """Return format, size and fineness of the paper inside `quad` (4×2 px of a picture of `size`), as `dewarp` does."""
    width_px, height_px = mean_sides(quad)
    ratio = true_ratio(quad, size)  # width / height
    long_ratio = max(ratio, 1 / ratio)
    long_mm = max(width_px, height_px) / px_per_mm if px_per_mm > 0 else 0.0
    name = accepts if accepts in FORMATS_MM else nearest_format(long_ratio, long_mm)
    most = 0.0
    if name in FORMATS_MM:
        if name == "a4" and accepts not in FORMATS_MM and not long_mm:
            most = max(width_px, height_px) / max(FORMATS_MM["passport"]) * MM_PER_INCH
        short_mm, long_mm = sorted(FORMATS_MM[name])
    else:
        if not long_mm:
            most = min(width_px, height_px) / LEAST_SHORT_MM * MM_PER_INCH
        long_mm = long_mm or FREE_LONG_MM
        short_mm = long_mm / long_ratio
    width_mm, height_mm = (long_mm, short_mm) if ratio > 1 else (short_mm, long_mm)
    dpi_x, dpi_y = width_px / width_mm * MM_PER_INCH, height_px / height_mm * MM_PER_INCH
    return Measured(name, (width_mm, height_mm), dpi_x, dpi_y, long_ratio, most or min(dpi_x, dpi_y))


def level(still: Picture, corners: Corners, flat: Flat, skew_deg: float) -> Flat:
    """Return the page turned back by `skew_deg` about its middle, drawn anew from the still: one resampling, not two.

    Where the turned paper no longer covers the page, its own lightest colour stands in for the desk.
    """
    if not skew_deg:
        return flat
    height, width = flat.picture.shape[:2]
    quad = np.array(corners, np.float64)
    picture = straighten(still, quad, (width, height), skew_deg)
    paper = np.percentile(flat.picture[::16, ::16].reshape(-1, 3), 80, axis=0)
    edges = np.array([[[-0.5, -0.5], [width - 0.5, -0.5], [width - 0.5, height - 0.5], [-0.5, height - 0.5]]])
    turned = cv2.perspectiveTransform(edges, _turned(width, height, skew_deg))[0]
    outside = np.full((height, width), 255, np.uint8)
    cv2.fillConvexPoly(outside, np.round(turned).astype(np.int32), 0)
    picture = np.asarray(cv2.copyTo(np.full_like(picture, paper), outside, picture), np.uint8)
    return flat._replace(picture=picture)


def straighten(frame: Picture, quad: npt.NDArray[np.float64], size: tuple[int, int], skew_deg: float = 0.0) -> Picture:
    """Return the quadrilateral's content as a picture of `size` (w, h) px; outer edges lie at −0.5 and w − 0.5.

    `skew_deg` turns it back about its middle, counter-clockwise where positive.
    """
    w, h = size
    target = np.array([[-0.5, -0.5], [w - 0.5, -0.5], [w - 0.5, h - 0.5], [-0.5, h - 0.5]], np.float32)
    matrix = cv2.getPerspectiveTransform(quad.astype(np.float32), target)
    shrink = float(np.mean(mean_sides(quad))) / max(1.0, (w + h) / 2)
    flags = cv2.INTER_AREA if shrink > 2 else cv2.INTER_LINEAR
    if shrink > 2:  # a thumbnail: average first, so that the warp does not alias
        small = cv2.resize(frame, None, fx=1 / shrink, fy=1 / shrink, interpolation=flags)
        matrix = cv2.getPerspectiveTransform((((quad + 0.5) / shrink) - 0.5).astype(np.float32), target)
        frame = small
    if skew_deg:
        matrix = _turned(w, h, skew_deg) @ matrix
    flat = cv2.warpPerspective(frame, matrix, (w, h), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(flat, dtype=np.uint8)


def mean_sides(quad: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return mean width (top, bottom) and height (left, right) of a quadrilateral, px."""
    sides = np.linalg.norm(np.roll(quad, -1, 0) - quad, axis=1)
    return float(sides[0] + sides[2]) / 2, float(sides[1] + sides[3]) / 2


def nearest_format(long_ratio: float, long_mm: float = 0.0) -> str:
    """Return the format of nearest shape (and, where `long_mm` is known, of that length), `free` where none is near."""

    def miss(name: str) -> float:
        by_shape = abs(long_ratio / side_ratio(name) - 1)
        return max(by_shape, abs(long_mm / max(FORMATS_MM[name]) - 1)) if long_mm else by_shape

    best = min(FORMATS_MM if long_mm else TOLD_BY_RATIO, key=miss)
    return best if miss(best) <= FORMAT_SHARE else "free"


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


def _turned(width: int, height: int, skew_deg: float) -> npt.NDArray[np.float64]:
    """Return the 3×3 matrix that turns a page of that size back by `skew_deg` about its middle."""
    middle = ((width - 1) / 2, (height - 1) / 2)
    return np.vstack([cv2.getRotationMatrix2D(middle, skew_deg, 1.0), [0, 0, 1]])
