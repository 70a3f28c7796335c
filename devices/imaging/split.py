"""Whether a quadrilateral is two papers side by side: the desk shows between them, from one side to the other."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from devices.imaging.fields import Picture

Quad = npt.NDArray[np.float64]
LONG, SHORT, MARGIN = 640, 80, 8  # places along the longer sides, across, and beyond either end: there lies the desk
FROM, TO = 0.2, 0.8  # of the longer sides: nearer to an end it is printed
REACH = 24  # places to either side in which paper shows
LEANS = np.arange(-30, 31, 3)  # places between the ends of a gap
LEAST_STEP = 14.0  # levels between paper and desk
NEAR = 0.6  # of that step a gap may differ from the desk: papers throw shadows into it, a rule is darker
MOSTLY_PAPER = 0.5  # of the whole
MOST_OFF = 0.2  # of the way across where there is no paper on either side
LEAST_SHARE = 0.95  # of the way across that is the desk's, and both ends of it


def split(frame: Picture, quad: Quad) -> tuple[Quad, Quad] | None:
    """Return the two papers of which a quadrilateral (4×2 px of `frame`, h×w×3, clockwise) is made, or None."""
    sides = np.linalg.norm(np.roll(quad, -1, 0) - quad, axis=1)
    turn = int(sides[1] + sides[3] > sides[0] + sides[2])
    corners = np.roll(quad, -turn, 0)  # the first side is a longer one
    flat = np.array([[0, MARGIN], [LONG - 1, MARGIN], [LONG - 1, MARGIN + SHORT - 1], [0, MARGIN + SHORT - 1]])
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), flat.astype(np.float32))
    size = (LONG, SHORT + 2 * MARGIN)
    colours = cv2.warpPerspective(frame, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    level = cv2.cvtColor(colours, cv2.COLOR_BGR2GRAY)
    page = level[MARGIN:-MARGIN]
    wide = np.ones((1, 2 * REACH + 1), np.uint8)
    paper = cv2.erode(cv2.dilate(page, wide), wide).astype(np.float32)
    desk = np.stack([np.median(rows, axis=0) for rows in (level[: MARGIN - 2], level[2 - MARGIN :])])
    share = np.linspace(0, 1, SHORT)[:, None]
    under = cv2.blur((desk[:1] * (1 - share) + desk[1:] * share).astype(np.float32), (2 * REACH + 1, 1))
    seen = page.astype(np.float32)
    step = np.abs(paper - under)
    is_off = step < LEAST_STEP  # beyond a paper that ends sooner than the other
    is_desk = (np.abs(seen - under) < NEAR * step) | is_off
    if (np.abs(seen - paper) < NEAR * step).mean() < MOSTLY_PAPER:
        return None  # light print on a dark card is no paper
    columns = np.arange(round(FROM * LONG), round(TO * LONG))
    thirds = (is_desk[at : at + SHORT // 3, columns].mean(axis=0).max() for at in (0, SHORT // 3, 2 * SHORT // 3))
    if min(thirds) < LEAST_SHARE - 0.1:
        return None
    best, at, lean = 0.0, 0, 0
    for one in LEANS:
        places = columns + np.rint(one * (share - 0.5)).astype(int)
        under_it = is_desk[np.arange(SHORT)[:, None], places]
        told = under_it.mean(axis=0) * under_it[0] * under_it[-1]
        if told.max() > best:
            best, at, lean = float(told.max()), int(columns[told.argmax()]), int(one)
    if best < LEAST_SHARE or is_off[:, at].mean() > MOST_OFF:
        return None
    back = np.linalg.inv(matrix)
    halves = []
    ends = [
        _gap(is_desk[rows], at + shift) for rows, shift in ((slice(0, 16), -0.4 * lean), (slice(-16, None), 0.4 * lean))
    ]
    (top_left, top_right), (low_left, low_right) = ends
    low = MARGIN + SHORT - 1
    for shape in (
        [[0, MARGIN], [top_left, MARGIN], [low_left, low], [0, low]],
        [[top_right, MARGIN], [LONG - 1, MARGIN], [LONG - 1, low], [low_right, low]],
    ):
        halves.append(cv2.perspectiveTransform(np.array([shape], np.float64), back)[0])
    return halves[0], halves[1]


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
