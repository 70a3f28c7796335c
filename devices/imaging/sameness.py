"""A page known again: by a picture of it in which no character can be read."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from devices.imaging.fields import Picture

WIDE, HIGH = 48, 68  # of an A4: 4.4 mm a pixel, larger than its characters
SCALE = 200.0  # levels a unit of darkness
# Largest difference over a few pixels, in darkness (0 to 1). One page seen twice: under 0.01 in the same light, to 0.07
# in quite another; pages of running text from 0.13, tables 0.07, cards 0.1; register pages of one form 0.014 to 0.06.
SAME_DARKNESS = 0.06
TWIN_DARKNESS = 0.012  # for two stills of one visit, under one lamp: register pages of one form are told apart


def fingerprint(page: Picture) -> bytes:
    """Return 48×68 signed levels of a page (h×w×3 BGR), long side down: its ink without its light."""
    grey = cv2.cvtColor(page, cv2.COLOR_BGR2GRAY)
    if grey.shape[1] > grey.shape[0]:
        grey = cv2.rotate(grey, cv2.ROTATE_90_CLOCKWISE)
    small = cv2.resize(grey, (WIDE, HIGH), interpolation=cv2.INTER_AREA).astype(np.float32)
    paper = cv2.blur(cv2.dilate(small, np.ones((7, 7), np.uint8)), (9, 9))
    dark = np.clip(1 - small / np.maximum(paper, 1), 0, 1)
    ink = dark - cv2.GaussianBlur(dark, (0, 0), 2)  # a shadow's edge is softer than that
    return bytes(np.clip(np.round(ink * SCALE), -127, 127).astype(np.int8).tobytes())


def is_same_page(a: bytes, b: bytes) -> bool:
    """Whether two fingerprints show the same page, either way up; pages of one form may count as the same."""
    return darkness_apart(a, b) < SAME_DARKNESS


def find_twin(mark: bytes, seen: tuple[bytes, ...]) -> int:
    """Return which of `seen` certainly shows the same page, -1 for none."""
    return next((number for number, other in enumerate(seen) if darkness_apart(mark, other) < TWIN_DARKNESS), -1)


def darkness_apart(a: bytes, b: bytes) -> float:
    """Return the largest difference of two fingerprints in darkness, either way up; 1.0 where one is none."""
    if len(a) != WIDE * HIGH or len(b) != WIDE * HIGH:
        return 1.0
    first, second = _levels(a), _levels(b)
    inner, least = first[1:-1, 1:-1], SCALE
    for other in (second, second[::-1, ::-1]):
        for y in range(3):
            for x in range(3):  # outlines differ by a pixel
                apart = cv2.absdiff(inner, np.ascontiguousarray(other[y : y + HIGH - 2, x : x + WIDE - 2]))
                least = min(least, float(cv2.blur(apart, (5, 5)).max()))
    return least / SCALE


def _levels(mark: bytes) -> npt.NDArray[np.float32]:
    return np.frombuffer(mark, np.int8).reshape(HIGH, WIDE).astype(np.float32)
