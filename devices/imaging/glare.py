"""The reflection of a lamp on a page: white beyond white, where the ink is gone, and the paper falls off around it."""

from __future__ import annotations

import cv2
import numpy as np

from devices.imaging.fields import Picture, darkest, fit_long

LONG_PX = 520  # a highlight is larger than characters: it is looked for on a small page
WHITE = 243  # of the darkest channel: ink and tint have vanished
FALL = 8.0  # levels from white to the paper around; a page that is bright as a whole does not fall
SHARES = (0.0004, 0.4)  # of the page; smaller is noise, larger is a page too bright


def glare_percent(page: Picture) -> float:
    """Return the largest highlight's share of a page (h×w×3 BGR), percent."""
    dark = cv2.blur(darkest(fit_long(page, LONG_PX)), (3, 3))
    white = cv2.morphologyEx(cv2.inRange(dark, WHITE, 255), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    paper = np.asarray(cv2.morphologyEx(dark, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8)), np.uint8)  # without its ink
    count, labels, stats, _ = cv2.connectedComponentsWithStats(white)
    largest = 0
    for number in range(1, count):
        area = int(stats[number, cv2.CC_STAT_AREA])
        if area <= max(largest, SHARES[0] * white.size) or area > SHARES[1] * white.size:
            continue
        box = stats[number, :4]
        if _fall(paper, labels, number, (int(box[0]), int(box[1]), int(box[2]), int(box[3])), area) >= FALL:
            largest = area
    return 100.0 * largest / max(1, int(white.size))


def _fall(
    paper: Picture,
    labels: np.ndarray[tuple[int, ...], np.dtype[np.int32]],
    number: int,
    box: tuple[int, int, int, int],
    area: int,
) -> float:
    """Return by how many levels the paper around a highlight is darker than white."""
    x, y, wide, high = box
    reach = max(6, int(0.6 * area**0.5))
    part = np.s_[max(0, y - reach) : y + high + reach, max(0, x - reach) : x + wide + reach]
    spot = np.asarray(labels[part] == number, np.uint8)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    ring = cv2.dilate(spot, disc) > cv2.dilate(spot, np.ones((5, 5), np.uint8))
    around = paper[part][ring]
    return 250.0 - float(np.median(around)) if around.size >= 20 else 0.0
