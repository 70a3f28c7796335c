"""The reflection of a lamp on a page: a bump of white that falls off to every side. Strong light alone does not.

Light that falls from a side swells in one direction, to the end of the page; a lamp's reflection is higher than all
that surrounds it. What an opening with a square larger than any reflection takes away is such a bump; it takes nothing
from a slope, however steep, nor from the border of a shadow.
"""

from __future__ import annotations

import cv2
import numpy as np

from devices.imaging.fields import Picture, darkest, fit_long, lightest

LONG_PX = 520  # a highlight is larger than characters: it is looked for on a small page
COARSE = 4  # and its light on one that is smaller still
WHITE = 248  # of the darkest channel: ink and tint have vanished
FALL = 6  # levels by which the paper around is darker
PALE = 215  # on a coloured paper a reflection need not be white to hide what is there:
BURNT = 250  # its lightest channel is at its end,
STANDS_OUT = 60  # and it stands out by far
REACH = 41  # px of the coarse page, a third of its length: no reflection is as large
WRITING = 7  # px of the coarse page that are bridged, a line of writing or a printed bar


def glare_percent(page: Picture, dark: Picture | None = None) -> float:
    """Return the largest highlight's share of a page (h×w×3 BGR), percent; `dark`: its darkest channel, where it is
    known and the page no longer than is looked at.
    """
    small = fit_long(page, LONG_PX)
    dark = darkest(small) if dark is None else dark
    if dark.max() < PALE:  # a page in its usual light: nothing shines
        return 0.0
    size = (max(1, small.shape[1] // COARSE), max(1, small.shape[0] // COARSE))
    paper = paper_light(dark, size)
    burnt = cv2.inRange(cv2.resize(lightest(small), size, interpolation=cv2.INTER_AREA), BURNT, 255)
    white, pale = cv2.inRange(paper, WHITE, 255), cv2.bitwise_and(burnt, cv2.inRange(paper, PALE, 255))
    if not cv2.countNonZero(cv2.bitwise_or(white, pale)):
        return 0.0
    bump = _bump(paper)
    white = cv2.bitwise_and(white, cv2.inRange(bump, FALL, 255))
    pale = cv2.bitwise_and(pale, cv2.inRange(bump, STANDS_OUT, 255))
    shining = cv2.bitwise_or(white, pale)
    _, _, stats, _ = cv2.connectedComponentsWithStats(shining)
    return 100.0 * int(stats[1:, cv2.CC_STAT_AREA].max(initial=0)) / int(shining.size)


def paper_light(dark: Picture, size: tuple[int, int]) -> Picture:
    """Return how light the paper is without what is written on it, at `size` (w, h); `dark` is h×w, some 500 px."""
    even = cv2.blur(dark, (3, 3))  # noise would count as light: of every few pixels the lightest is kept
    paper = np.ascontiguousarray(cv2.dilate(even, np.ones((2, 2), np.uint8))[::2, ::2])
    paper = cv2.morphologyEx(paper, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    paper = cv2.resize(paper, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.morphologyEx(paper, cv2.MORPH_CLOSE, np.ones((WRITING, WRITING), np.uint8)), np.uint8)


def _bump(paper: Picture) -> Picture:
    """Return by how many levels each pixel (h×w) is above all that surrounds it; beyond its end the page goes on."""
    wide = cv2.copyMakeBorder(paper, REACH, REACH, REACH, REACH, cv2.BORDER_REPLICATE)
    ground = cv2.morphologyEx(wide, cv2.MORPH_OPEN, np.ones((REACH, REACH), np.uint8))
    return np.asarray(cv2.subtract(paper, ground[REACH:-REACH, REACH:-REACH]), np.uint8)
