"""Whether a quadrilateral is two papers side by side: the desk shows between them, from one side to the other."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from devices.imaging.fields import Picture

Quad = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
LONG, SHORT, MARGIN = 640, 80, 8  # places along the longer sides, across, and beyond either end: there lies the desk
LAST = MARGIN + SHORT - 1
DOWN = np.linspace(0, 1, SHORT)[:, None]  # of the way across, row by row
FROM, TO = 0.2, 0.8  # of the longer sides: nearer to an end it is printed
REACH = 24  # places to either side in which paper shows
LEANS = np.arange(-30, 31, 3)  # places between the ends of a gap
LEAST_STEP = 14.0  # levels between paper and desk
NEAR = 0.6  # of that step a gap may differ from the desk: papers throw shadows into it, a rule is darker
MOSTLY_PAPER = 0.5  # of the whole
MOST_OFF = 0.2  # of the way across where there is no paper on either side
LEAST_SHARE = 0.95  # of the way across that is the desk's, and both ends of it


class _Strip(NamedTuple):
    """A quadrilateral seen straight, SHORT×LONG: where the desk shows, and where no paper does."""

    is_desk: Mask
    is_off: Mask


class _Way(NamedTuple):
    """A way across a strip: the place of its middle, how much further on it ends, the desk's share of it."""

    at: int
    lean: int
    share: float


def split(frame: Picture, quad: Quad) -> tuple[Quad, Quad] | None:
    """Return the two papers of which a quadrilateral (4×2 px of `frame`, h×w×3, clockwise) is made, or None."""
    sides = np.linalg.norm(np.roll(quad, -1, 0) - quad, axis=1)
    turn = int(sides[1] + sides[3] > sides[0] + sides[2])
    corners = np.roll(quad, -turn, 0)  # the first side is a longer one
    flat = np.array([[0, MARGIN], [LONG - 1, MARGIN], [LONG - 1, LAST], [0, LAST]])
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), flat.astype(np.float32))
    strip = _seen(frame, matrix)
    way = None if strip is None else _clearest(strip.is_desk)
    if strip is None or way is None or way.share < LEAST_SHARE or strip.is_off[:, way.at].mean() > MOST_OFF:
        return None
    top = _gap(strip.is_desk[:16], way.at - 0.4 * way.lean)
    low = _gap(strip.is_desk[-16:], way.at + 0.4 * way.lean)
    left = [[0, MARGIN], [top[0], MARGIN], [low[0], LAST], [0, LAST]]
    right = [[top[1], MARGIN], [LONG - 1, MARGIN], [LONG - 1, LAST], [low[1], LAST]]
    one, other = cv2.perspectiveTransform(np.array([left, right], np.float64), np.linalg.inv(matrix))
    return one, other


def _seen(frame: Picture, matrix: Quad) -> _Strip | None:
    """Return what a frame shows of a quadrilateral, None where it is no paper: light print on a dark card."""
    size = (LONG, SHORT + 2 * MARGIN)
    colours = cv2.warpPerspective(frame, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    level = cv2.cvtColor(colours, cv2.COLOR_BGR2GRAY)
    page = level[MARGIN:-MARGIN]
    wide = np.ones((1, 2 * REACH + 1), np.uint8)
    paper = cv2.erode(cv2.dilate(page, wide), wide).astype(np.float32)
    desk = np.stack([np.median(rows, axis=0) for rows in (level[: MARGIN - 2], level[2 - MARGIN :])])
    under = cv2.blur((desk[:1] * (1 - DOWN) + desk[1:] * DOWN).astype(np.float32), (2 * REACH + 1, 1))
    seen = page.astype(np.float32)
    step = np.abs(paper - under)
    if (np.abs(seen - paper) < NEAR * step).mean() < MOSTLY_PAPER:
        return None
    is_off = step < LEAST_STEP  # beyond a paper that ends sooner than the other
    return _Strip((np.abs(seen - under) < NEAR * step) | is_off, is_off)


def _clearest(is_desk: Mask) -> _Way | None:
    """Return the clearest way from one side of a strip to the other, None where a third of it has none."""
    columns = np.arange(round(FROM * LONG), round(TO * LONG))
    thirds = (is_desk[at : at + SHORT // 3, columns].mean(axis=0).max() for at in (0, SHORT // 3, 2 * SHORT // 3))
    if min(thirds) < LEAST_SHARE - 0.1:
        return None
    best = _Way(0, 0, 0.0)
    for lean in LEANS:
        places = columns + np.rint(lean * (DOWN - 0.5)).astype(int)
        under = is_desk[np.arange(SHORT)[:, None], places]
        told = under.mean(axis=0) * under[0] * under[-1]
        if told.max() > best.share:
            best = _Way(int(columns[told.argmax()]), int(lean), float(told.max()))
    return best


def _gap(rows: npt.NDArray[np.bool_], at: float) -> tuple[float, float]:
    """Return where a gap begins and ends, of a few rows across it."""
    is_gap = rows.mean(axis=0) > 0.5
    place = int(np.clip(round(at), 1, LONG - 2))
    left, right = place, place
    while left > 0 and is_gap[left - 1]:
        left -= 1
    while right < LONG - 1 and is_gap[right + 1]:
        right += 1
    return left - 0.5, right + 0.5
