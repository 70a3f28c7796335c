"""What a blank page shows that is not there: specks of dirt on the glass or the sheet, streaks of a dirty feeder.

First of all it must be a white page: on one that is dark, or dark in part, nothing can be counted.
"""

from __future__ import annotations

import cv2
import msgspec
import numpy as np
import numpy.typing as npt

MARGIN_MM = 6.0  # the sheet's own edge and its shadow
GROUND_MM = 8.0  # a dark thing wider than this is no speck but shading
DARKER = 28  # grey levels below the paper around it; paper's own grain stays below 12 (our simulated sheets)
SPECK_MM = 0.25  # smaller ones disappear in a scan of text
STREAK_MM = 20.0  # longer than any speck, and many times longer than wide
STREAK_SHAPE = 8.0
MOST_SPECKS = 20  # our guess of a glass that wants wiping; no source
MOST_STREAKS = 0
LEAST_WHITE = 160  # grey level of white paper in the worst light we would let pass; our guess, half-tone is 128
MOST_DARK = 0.02  # share of the page that may lie in a shadow darker than that: a clip, the arm of the camera
MM_PER_INCH = 25.4


class Specks(msgspec.Struct, frozen=True):
    """How clean a blank page came out."""

    specks: int
    streaks: int
    largest_mm: float
    white: int  # grey level of the page, half of it is brighter
    dark: float  # share of the page that is darker than white paper

    @property
    def is_white(self) -> bool:
        """Whether it was a blank page at all, and lit."""
        return self.white >= LEAST_WHITE and self.dark <= MOST_DARK

    @property
    def is_clean(self) -> bool:
        """Whether it was a white page and the glass need not be wiped."""
        return self.is_white and self.specks <= MOST_SPECKS and self.streaks <= MOST_STREAKS


def count_specks(gray: npt.NDArray[np.uint8], dpi: int) -> Specks:
    """Return the specks and streaks on a blank page, told from the paper around them.

    Shape: h×w uint8; a margin of 6 mm is left out. Raises: ValueError for a picture smaller than its margins.
    """
    dots = dpi / MM_PER_INCH
    margin = round(MARGIN_MM * dots)
    page = np.ascontiguousarray(gray[margin:-margin, margin:-margin]) if margin else gray
    if gray.ndim != 2 or dpi <= 0 or min(page.shape, default=0) < round(GROUND_MM * dots):
        raise ValueError("a page of this size and dpi is all margin")
    side = max(3, round(GROUND_MM * dots))
    ground = cv2.morphologyEx(page, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    dark = (cv2.subtract(ground, page) >= DARKER).astype(np.uint8)
    _, _, boxes, _ = cv2.connectedComponentsWithStats(dark, connectivity=8)
    specks = streaks = 0
    largest = 0.0
    for _, _, width, height, area in boxes[1:]:
        long_mm, short_mm = max(width, height) / dots, max(1.0, min(width, height)) / dots
        if long_mm >= STREAK_MM and long_mm / short_mm >= STREAK_SHAPE:
            streaks += 1
        elif area >= max(2.0, (SPECK_MM * dots) ** 2 / 2):
            specks += 1
        else:
            continue
        largest = max(largest, long_mm)
    share = float(np.mean(ground < LEAST_WHITE))
    return Specks(specks, streaks, round(float(largest), 1), int(np.median(page)), round(share, 3))


def count_specks_of(jpeg: bytes, dpi: int) -> Specks:
    """Return the same of an encoded page of our own. Raises: WireFault, ValueError."""
    from devices.imaging.decode import decode_picture

    picture, _ = decode_picture(jpeg)
    return count_specks(np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8), dpi)
