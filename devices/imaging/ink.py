"""What is written on a page: the strokes of dark ink as a mask, and the places whose colour or tone must be kept."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from devices.imaging.cleanup import find_tones
from devices.imaging.fields import Picture, shrink
from devices.imaging.layers import Box

MM_PER_INCH = 25.4
WINDOW_MM = 5.2  # Sauvola's window: 41 px at 200 dpi (reference/imaging.md §7)
K = 0.25  # 0.2 in the reference, on pages as they came; sharpened ones bear more, and small signs stay open
SPREAD = 1.4  # between pixels, of the spread between quarter pixels; thin strokes are averaged away there
SHARPEN = 1.2  # of what a blur takes away: lens and sensor close the gaps inside a 9-point sign
SOLID = 96  # darker than that is ink wherever it is: the inside of a black bar has no neighbours to stand out from
CHROMA = 48  # levels between a pixel's channels that make it coloured, seen at a quarter of the size
INK_CHROMA = 45  # the same at full size: the fringe of black print stays below it, a seal's and a pen's ink above
JOIN_MM = 2.5  # coloured marks nearer than that make one place
PAD_MM = 1.0
LEAST_COLOUR_MM2 = 0.6  # a smaller coloured speck is left to the background
LEAST_TONE_MM = 6.0
CUT_PX = 60  # of the quarter-size page: a place smaller than that square is never cut
RIM_MM = 0.4  # of the page's edge, where the desk shines through: left to the background
FINE_DPI = 150  # a quarter of it still shows soft tones; coarser pages are seen at half their size
GRID = 16  # px: a JPEG's own blocks, so that a patch begins and ends with one


class Kept(NamedTuple):
    """What of a page must stay a picture: coloured marks (writing may run through them) and tones (a photograph)."""

    colours: tuple[Box, ...]
    tones: tuple[Box, ...]


def find_ink(page: Picture, kept: Kept, dpi: int) -> npt.NDArray[np.uint8]:
    """Return the mask of dark ink on a clean page (h×w×3 BGR), 255 where there is ink; nothing inside a photograph.

    Red and blue ink is no dark ink where its colour is kept. Sauvola's threshold, from sums at a quarter of the size.
    """
    light = np.asarray(cv2.cvtColor(page, cv2.COLOR_BGR2GRAY), np.uint8)
    for box in kept.colours:  # there red and blue count as light, elsewhere a coloured speck as ink
        light[box.part] = page[box.part].max(axis=2)
    sharp = cv2.addWeighted(light, 1 + SHARPEN, cv2.GaussianBlur(light, (5, 5), 1.2), -SHARPEN, 0)
    mask = cv2.compare(sharp, _threshold(light, dpi), cv2.CMP_LT)
    for box in kept.colours:
        inside = page[box.part]
        b, g, r = cv2.split(inside)
        chroma = cv2.subtract(cv2.max(cv2.max(b, g), r), cv2.min(cv2.min(b, g), r))
        mask[box.part][chroma > INK_CHROMA] = 0
    for box in kept.tones:
        mask[box.part] = 0
    rim = max(1, round(RIM_MM / MM_PER_INCH * dpi))
    mask[:rim], mask[-rim:], mask[:, :rim], mask[:, -rim:] = 0, 0, 0, 0
    return np.asarray(mask, dtype=np.uint8)


def find_kept(page: Picture, dpi: int) -> Kept:
    """Return the places of a clean page (h×w×3 BGR) that a mask of dark ink cannot tell."""
    by = small_by(dpi)
    small = shrink(page, by)
    dots = dpi / MM_PER_INCH / by
    size = (page.shape[1], page.shape[0])
    tone_mask = find_tones(small)
    tones = [box for box in _boxes(tone_mask, 0) if min(box.w, box.h) >= LEAST_TONE_MM * dots]
    b, g, r = cv2.split(small)
    chroma = cv2.subtract(cv2.max(cv2.max(b, g), r), cv2.min(cv2.min(b, g), r))
    coloured = cv2.inRange(chroma, CHROMA, 255)
    pad = round(PAD_MM * dots)
    for box in tones:
        coloured[max(0, box.y - pad) : box.y + box.h + pad, max(0, box.x - pad) : box.x + box.w + pad] = 0
    join = max(1, round(JOIN_MM * dots))
    joined = cv2.dilate(coloured, np.ones((join, join), np.uint8))
    least = LEAST_COLOUR_MM2 * dots * dots
    colours = [box for box in _boxes(joined, 0) if cv2.countNonZero(coloured[box.part]) >= least]
    thin = [part for box in _merge(colours) for part in _cut(box, joined)]
    return Kept(
        tuple(_full(box, pad, size, by) for box in thin), tuple(_full(box, pad, size, by) for box in _merge(tones))
    )


def small_by(dpi: int) -> int:
    """Return by how much a page is shrunk for its tones and its paper: they then have 50 to 75 dpi."""
    return 4 if dpi >= FINE_DPI else 2


def boxes_of(mask: npt.NDArray[np.uint8], size: tuple[int, int]) -> tuple[Box, ...]:
    """Return the places set in a mask at a quarter of the size as boxes of the page (`size` px), overlaps made one."""
    return tuple(_full(box, 1, size, 4) for box in _merge(_boxes(mask, 0)))


def ink_colour(page: Picture, mask: npt.NDArray[np.uint8]) -> tuple[int, int, int]:
    """Return the colour (BGR) that the ink of a page has on the whole: its darkest strokes', black where unsure."""
    strokes = page[::3, ::3][mask[::3, ::3] > 0]
    if len(strokes) < 50:
        return (0, 0, 0)
    level = strokes.max(axis=1)
    b, g, r = (int(v) for v in strokes[level <= np.percentile(level, 15)].mean(axis=0))
    return (b, g, r)


def _threshold(light: Picture, dpi: int) -> npt.NDArray[np.uint8]:
    """Return Sauvola's threshold m · (1 + k (s/128 − 1)) at every pixel, at least SOLID."""
    h, w = light.shape[0] // 4 * 4, light.shape[1] // 4 * 4
    small = cv2.resize(light[:h, :w], (w // 4, h // 4), interpolation=cv2.INTER_AREA).astype(np.float32)
    side = max(3, round(WINDOW_MM / MM_PER_INCH * dpi / 4) | 1)
    mean = cv2.blur(small, (side, side))
    spread = SPREAD * cv2.sqrt(np.maximum(cv2.blur(small * small, (side, side)) - mean * mean, 0))
    level = np.maximum(mean * (1 + K * (spread / 128 - 1)), SOLID)
    return np.asarray(
        cv2.resize(level.astype(np.uint8), light.shape[::-1], interpolation=cv2.INTER_LINEAR), dtype=np.uint8
    )


def _boxes(mask: npt.NDArray[np.uint8], least: int) -> list[Box]:
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    return [Box(*(int(v) for v in stats[i, :4])) for i in range(1, count) if stats[i, cv2.CC_STAT_AREA] > least]


def _merge(boxes: list[Box]) -> list[Box]:
    """Return the boxes with those that overlap made one, in reading order."""
    left = sorted(boxes, key=lambda box: (box.y, box.x))
    found: list[Box] = []
    while left:
        box = left.pop(0)
        over = [other for other in (*left, *found) if _overlap(box, other)]
        if not over:
            found.append(box)
            continue
        left = [other for other in left if other not in over]
        found = [other for other in found if other not in over]
        left.insert(0, _around([box, *over]))
    return sorted(found, key=lambda box: (box.y, box.x))


def _cut(box: Box, mask: npt.NDArray[np.uint8]) -> list[Box]:
    """Return the box as it is where the mask fills a third of it, else its halves, drawn in: a frame is four strips."""
    if box.w * box.h < CUT_PX * CUT_PX or cv2.countNonZero(mask[box.part]) > 0.35 * box.w * box.h:
        return [box]
    halves = (
        (Box(box.x, box.y, box.w // 2, box.h), Box(box.x + box.w // 2, box.y, box.w - box.w // 2, box.h))
        if box.w > box.h
        else (Box(box.x, box.y, box.w, box.h // 2), Box(box.x, box.y + box.h // 2, box.w, box.h - box.h // 2))
    )
    found = []
    for half in halves:
        x, y, w, h = cv2.boundingRect(mask[half.part])
        if w and h:
            found += _cut(Box(half.x + x, half.y + y, w, h), mask)
    return found


def _overlap(a: Box, b: Box) -> bool:
    return a.x < b.x + b.w and b.x < a.x + a.w and a.y < b.y + b.h and b.y < a.y + a.h


def _around(boxes: list[Box]) -> Box:
    x, y = min(box.x for box in boxes), min(box.y for box in boxes)
    return Box(x, y, max(box.x + box.w for box in boxes) - x, max(box.y + box.h for box in boxes) - y)


def _full(box: Box, pad: int, size: tuple[int, int], by: int) -> Box:
    """Return a box of a page shrunk `by` in px of the page, padded, its sides on the grid of JPEG blocks."""
    x, y = max(0, by * (box.x - pad)) // GRID * GRID, max(0, by * (box.y - pad)) // GRID * GRID
    right = min(size[0], -(-by * (box.x + box.w + pad) // GRID) * GRID)
    low = min(size[1], -(-by * (box.y + box.h + pad) // GRID) * GRID)
    return Box(x, y, right - x, low - y)
