"""Which side of a resident ID card lies there, and which way up: by where its colours and tones are, without reading.

The back bears a red and gold emblem in its top left corner and no portrait; the front bears a portrait on the right
and a long number below, and no red. Places: GA 450. A card of another kind is neither.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import cv2
import numpy as np

from devices.imaging.fields import Picture

K = 4  # px per mm at which a card is looked at
SIZE = (342, 216)  # 85.6 × 54.0 mm
RED_LEVELS = 45  # by which red exceeds both other channels in the emblem
EMBLEM_SHARE = 0.22  # of the emblem's square that is red; half of a square is a disc's inner two thirds
ELSEWHERE_SHARE = 0.05
EMBLEM = (5, 4, 20, 21)  # left, top, width, height in mm
PORTRAIT = (57, 8, 23, 30)
PALE = (5, 8, 23, 30)  # the portrait's place on a card turned upside down, seen on one that is not
NUMBER = (28, 43, 52, 6)
GAP = (28, 39.5, 26, 3)  # between address and number nothing is printed
TONE = 205  # of 255 of the card's own ground: a face, hair and a coat are darker on the whole, writing is not


class Side(StrEnum):
    """A side of a resident ID card."""

    FRONT = "front"
    BACK = "back"
    NEITHER = ""


class Seen(NamedTuple):
    """What lies there, and by how many degrees clockwise it must be turned to be read (0, 90, 180 or 270)."""

    side: Side
    turn_deg: int
    is_known: bool = False  # whether anything says so, on a page of writing as well


def tell_side(card: Picture) -> Seen:
    """Return which side a straightened card (h×w×3 BGR, any size, any way up) shows; of another card: 0 degrees."""
    first = 90 if card.shape[0] > card.shape[1] else 0
    if first:
        card = np.asarray(cv2.rotate(card, cv2.ROTATE_90_CLOCKWISE), np.uint8)
    small = np.asarray(cv2.resize(card, SIZE, interpolation=cv2.INTER_AREA), np.uint8)
    ways = [(turn, small if not turn else np.asarray(cv2.rotate(small, cv2.ROTATE_180), np.uint8)) for turn in (0, 180)]
    backs = [turn for turn, picture in ways if _has_emblem(picture)]
    if len(backs) == 1:
        return Seen(Side.BACK, first + backs[0], True)
    fronts = [turn for turn, picture in ways if not backs and _has_portrait(picture)]
    return Seen(Side.FRONT, first + fronts[0], True) if len(fronts) == 1 else Seen(Side.NEITHER, 0)


def _has_emblem(card: Picture) -> bool:
    b, g, r = cv2.split(card)
    red = cv2.inRange(cv2.subtract(r, cv2.max(b, g)), RED_LEVELS, 255)
    inside = _part(red, EMBLEM)
    elsewhere = cv2.countNonZero(red) - cv2.countNonZero(inside)
    return cv2.countNonZero(inside) > EMBLEM_SHARE * inside.size and elsewhere < ELSEWHERE_SHARE * (
        red.size - inside.size
    )


def _has_portrait(card: Picture) -> bool:
    """Whether a field of soft tones is on the right, none on the left, and one line of figures low on the card."""
    grey = cv2.cvtColor(card, cv2.COLOR_BGR2GRAY)
    paper = cv2.blur(cv2.dilate(grey, np.ones((25, 25), np.uint8)), (41, 41))
    even = cv2.divide(grey, paper, scale=255)
    dark = cv2.inRange(cv2.blur(even, (9, 9)), 0, TONE)
    portrait, other = (cv2.countNonZero(_part(dark, place)) for place in (PORTRAIT, PALE))
    if portrait < 0.3 * PORTRAIT[2] * PORTRAIT[3] * K * K or portrait < 2.5 * other:
        return False
    ink = cv2.inRange(cv2.subtract(cv2.blur(even, (21, 21)), even), 22, 255)
    number, gap = (cv2.countNonZero(_part(ink, place)) for place in (NUMBER, GAP))
    return number > 0.06 * NUMBER[2] * NUMBER[3] * K * K and number > 2.5 * gap * NUMBER[3] / GAP[3]


def _part(picture: cv2.typing.MatLike, place: tuple[float, float, float, float]) -> Picture:
    left, top, wide, high = (round(mm * K) for mm in place)
    return np.asarray(picture[top : top + high, left : left + wide], np.uint8)
