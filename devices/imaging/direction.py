"""Which way up a page of writing lies: by the small shapes its strokes make, and how high in the line each stands.

No character is read. Around every pixel of a line nine pixels, ink or paper, are one of 512 shapes; near ones and ones
two apart are counted. A shape and its place are worth a learned number: what is right for a line is wrong for the same
line turned over. One line says much, a page of them nearly everything; unless they agree nothing is said.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from devices.imaging.direction_weights import LEVEL, LEVEL_BIAS, UPRIGHT
from devices.imaging.fields import Picture, fit_long, lightest, shrink

Floats = npt.NDArray[np.float32]

LONG_PX = 1250  # 107 dpi of an A4: a sign of 9 points is 13 px high; at 1500 no more is told
LEAST_PX = 60  # short side: three lines of letters of 5 px
CORE, BESIDE = 16, 6  # rows to which a line's body is scaled, and those seen above and below it: ascenders, descenders
ROWS = CORE + 2 * BESIDE
ROWS_PER_BAND = 2
BANDS = ROWS // ROWS_PER_BAND
SHAPES = 512
APART = (1, 2)  # px between the nine that make a shape
GAP = 4  # blank columns between two lines that are looked at side by side
LINE_PX = (5, 70)  # height of what may be a line of writing
STRIP_PX = 300  # askew by a degree a line of that length moves by 5 px
FAINT = 0.15  # of ink: less is paper
STROKE = 0.62  # of a line's mean ink: more is stroke
LEAST_LINES = 3
MOST_SAID = 3.0  # log odds, of one line: a drawing must not outvote a page
LEAST_LEVEL = -1.0  # log odds that the mean line is one; a photograph's have -2.8
LEAST_APART = 1.2  # by which they must be above those the other way
LEAST_MEAN = 0.25  # log odds of the mean line
LEAST_SURE = 3.0  # times its own spread that the mean of the lines must be off zero
ENOUGH_PX = 12_000  # columns of lines, each CORE rows high: what more there is says the same
SEEN = 64  # of 255: ink in a column
SOLID = 52  # of 255: ink of a rule
DARKNESS = np.clip((255 - np.arange(256)) * 2.0 - 41, 0, 255).astype(np.uint8)  # of the share of the paper's light
RULE_SHARE = 0.25  # of the page's side: ink that runs on for so long is a rule
MARGIN = 0.03


class Direction(NamedTuple):
    """Degrees clockwise to upright (0, 90, 180, 270), and whether that is known; an unknown turn is 0."""

    turn_deg: int
    is_known: bool


class Said(NamedTuple):
    """What the lines of a page say: by the mean line (its log odds count for its length), and by how many times its
    own spread that mean is off zero."""

    mean: float
    sure: float


def find_direction(page: Picture) -> Direction:
    """Return how a straightened page (h×w×3 BGR) must be turned; `is_known` False where its lines do not say."""
    if min(page.shape[:2]) < LEAST_PX:
        return Direction(0, False)
    ink = find_strokes(page)
    across, down = (find_shapes(text_lines(seen)) for seen in (ink, _turned(ink)))
    levels = [lines.weigh(LEVEL, LEVEL_BIAS).mean for lines in (across, down)]
    is_level = levels[0] >= levels[1]
    lines = across if is_level else down
    if lines.number < LEAST_LINES or max(levels) < max(LEAST_LEVEL, min(levels) + LEAST_APART):
        return Direction(0, False)
    said = lines.weigh(UPRIGHT)
    if abs(said.mean) < LEAST_MEAN or abs(said.sure) < LEAST_SURE:
        return Direction(0, False)
    if is_level:
        return Direction(0 if said.mean > 0 else 180, True)
    return Direction(270 if said.mean > 0 else 90, True)  # it was turned 270 degrees clockwise


def _turned(ink: Picture) -> Picture:
    return np.asarray(cv2.rotate(ink, cv2.ROTATE_90_COUNTERCLOCKWISE), np.uint8)


class Lines(NamedTuple):
    """Lines of writing side by side: the number of the shape around each of their pixels (APART × ROWS × columns, a
    band's shapes after those of the band above), where each line starts, and how wide each is, with its gap."""

    shapes: npt.NDArray[np.intp]
    starts: npt.NDArray[np.intp]
    widths: npt.NDArray[np.float64]

    @property
    def number(self) -> int:
        """Return how many they are."""
        return len(self.starts)

    def weigh(self, table: Floats, bias: float = 0.0) -> Said:
        """Return what they say by what each shape is worth in `table`."""
        if not len(self.starts):
            return Said(0.0, 0.0)
        worth = np.take(table, self.shapes).sum(axis=(0, 1), dtype=np.float64)
        scores = np.clip(np.add.reduceat(worth, self.starts) / self.widths + bias, -MOST_SAID, MOST_SAID)
        mean = float((scores * self.widths).sum() / self.widths.sum())
        spread = float(np.sqrt((self.widths**2 * (scores - mean) ** 2).sum()) / self.widths.sum())
        return Said(mean, mean / max(spread, 0.02))


def find_shapes(lines: list[Floats]) -> Lines:
    """Return the shapes of lines of writing (ROWS × w each, ink 0 to 1): strokes are what is darker than most ink."""
    if not lines:
        return Lines(np.zeros((len(APART), ROWS, 0), np.intp), np.zeros(0, np.intp), np.zeros(0))
    gap = np.zeros((ROWS, GAP), np.float32)
    row = np.concatenate([part for line in lines for part in (line, gap)], axis=1)
    widths = np.array([line.shape[1] + GAP for line in lines])
    starts = np.concatenate([[0], np.cumsum(widths)[:-1]])
    is_ink = row > FAINT
    amount, count = (np.add.reduceat(one.sum(axis=0), starts) for one in (np.where(is_ink, row, 0), is_ink))
    least = np.repeat(STROKE * amount / np.maximum(count, 1), widths)
    stroke = (row > least).astype(np.float32)
    band = (np.arange(ROWS) // ROWS_PER_BAND * SHAPES)[:, None]
    found = []
    for number, apart in enumerate(APART):
        kernel = np.zeros((2 * apart + 1, 2 * apart + 1), np.float32)
        kernel[::apart, ::apart] = 2.0 ** np.arange(9).reshape(3, 3)
        code = cv2.filter2D(stroke, cv2.CV_32F, kernel, borderType=cv2.BORDER_CONSTANT)
        found.append(code.astype(np.intp) + band + number * BANDS * SHAPES)
    return Lines(np.stack(found), starts, widths.astype(np.float64))


def text_lines(ink: Picture) -> list[Floats]:
    """Return lines of writing of a page (h×w, ink 0 to 255) as ROWS × w, ink 0 to 1: their bodies scaled to CORE rows,
    what is above and below them with them, as far as half the way to the next line. Of a full page every n-th one.
    """
    found = _cut_lines(ink)
    columns = sum(one.part.shape[1] * CORE / (one.stop - one.start) for one in found)
    every = max(1, round(columns / ENOUGH_PX))
    return [_scaled(*line) for line in found[::every]]


def letter_px(ink: Picture) -> float:
    """Return how high letters are in the lower of the lines of a page (h×w, ink 0 to 255), all but a tenth of them
    being higher: a Chinese sign, or a Latin letter without what it has above and below. 0.0 where there are none."""
    heights = [one.stop - one.start for one in _cut_lines(ink)]
    return float(np.percentile(heights, 10)) if heights else 0.0


class _Line(NamedTuple):
    """A line in its strip (h×w): the rows of its body, and how many are free above and below it."""

    part: Picture
    start: int
    stop: int
    above: float
    below: float


def _cut_lines(ink: Picture) -> list[_Line]:
    found = []
    for part in _strips(ink):
        level = cv2.blur(part.mean(axis=1, dtype=np.float32).reshape(-1, 1), (1, 3)).ravel()
        is_ink = level > max(3.0, 0.25 * float(np.percentile(level, 90)))
        edges = np.flatnonzero(np.diff(np.concatenate([[0], is_ink.astype(np.int8), [0]])))
        bounds = np.concatenate([[-edges[0]], edges, [2 * len(level) - edges[-1]]]) if len(edges) else edges
        for at in range(1, len(bounds) - 1, 2):
            start, stop = int(bounds[at]), int(bounds[at + 1])
            if not LINE_PX[0] <= stop - start <= LINE_PX[1]:
                continue
            columns = np.flatnonzero(part[start:stop].max(axis=0) > SEEN)
            if len(columns) < 2 * (stop - start):
                continue
            line = part[:, columns[0] : columns[-1] + 1]
            above, below = (start - int(bounds[at - 1])) / 2, (int(bounds[at + 2]) - stop) / 2
            found.append(_Line(line, start, stop, above, below))
    return found


def _scaled(part: Picture, start: int, stop: int, above: float, below: float) -> Floats:
    """Return the line whose body lies in rows `start` to `stop` of a strip (h×w) as ROWS rows; what is free is 0."""
    scale = (stop - start) / CORE
    most = BESIDE * scale
    first, last = int(np.ceil(start - min(above, most))), int(stop + min(below, most))
    top, bottom = (round(BESIDE + (row - start) / scale) for row in (first, last))
    top, bottom = max(0, top), min(ROWS, bottom)
    wide = max(ROWS, round(part.shape[1] / scale))
    line = np.zeros((ROWS, wide), np.float32)
    way = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
    seen = cv2.resize(np.ascontiguousarray(part[first:last]), (wide, bottom - top), interpolation=way)
    line[top:bottom] = seen * np.float32(1 / 255)
    return line


def _strips(ink: Picture) -> list[Picture]:
    """Return the page cut from top to bottom: a table's columns do not share their lines."""
    width = ink.shape[1]
    count = max(1, round(width / STRIP_PX))
    return [np.ascontiguousarray(ink[:, width * n // count : width * (n + 1) // count]) for n in range(count)]


def find_strokes(page: Picture) -> Picture:
    """Return how dark each pixel of a page is beside its paper, 0 to 255, without rules, seals and margins."""
    grey = lightest(fit_long(page, LONG_PX))  # seals and red frames vanish
    height, width = grey.shape
    cells = shrink(grey, min(8, width, height))
    paper = cv2.medianBlur(cv2.dilate(cells, np.ones((3, 3), np.uint8)), 5)
    light = cv2.resize(paper, (width, height), interpolation=cv2.INTER_LINEAR)
    dark = cv2.LUT(cv2.divide(grey, light, scale=255), DARKNESS)
    solid = cv2.inRange(dark, SOLID, 255)
    wide, high = (int(RULE_SHARE * side / 2) | 9 for side in (width, height))
    rules = cv2.bitwise_or(_runs(solid, (wide, 1)), _runs(solid, (1, high)))
    dark = cv2.subtract(dark, cv2.dilate(rules, np.ones((3, 3), np.uint8)))
    edge_y, edge_x = max(1, int(MARGIN * height)), max(1, int(MARGIN * width))
    return np.ascontiguousarray(dark[edge_y:-edge_y, edge_x:-edge_x], np.uint8)


def _runs(solid: cv2.typing.MatLike, size: tuple[int, int]) -> cv2.typing.MatLike:
    """Return 255 in and around the runs of `solid` (0 or 255) that fill a window of `size`: an opening, by sums."""
    middles = cv2.inRange(cv2.blur(solid, size, borderType=cv2.BORDER_CONSTANT), 255, 255)
    return cv2.inRange(cv2.blur(middles, size, borderType=cv2.BORDER_CONSTANT), 1, 255)
