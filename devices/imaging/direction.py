"""Which way up a page of writing lies: by how ink and strokes are shared between the upper and lower half of its lines.

No character is read. Chinese and Latin lines are heavier in some heights than in others: roofs and bars above, feet and
falling strokes below, commas and full stops at the foot. One line says little, a page of them much.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from devices.imaging.direction_weights import WEIGHTS
from devices.imaging.fields import Picture, fit_long, lightest

Floats = npt.NDArray[np.float32]

LONG_PX = 1500  # 130 dpi of an A4: characters of 3.5 mm are 18 px high
ROWS = 16  # to which every line is scaled
LINE_PX = (9, 70)  # height of what may be a line of writing
LEAST_LINES = 3
LEAST_GAPS = 0.3  # of the height; running text has 0.4 to 0.7 between its lines, 0.1 to 0.45 between its columns
MORE_GAPS = 1.4  # times as much one way as the other
STRIP_PX = 400
LEAST_SURE = 3.0  # times its own spread that the mean of the lines must be off zero
RULE_SHARE = 0.25  # of the page's side: ink that runs on for so long is a rule
MARGIN = 0.03


class Direction(NamedTuple):
    """Degrees clockwise to upright (0, 90, 180, 270), and whether that is known; an unknown turn is 0."""

    turn_deg: int
    is_known: bool


def find_direction(page: Picture) -> Direction:
    """Return how a straightened page (h×w×3 BGR) must be turned; `is_known` False where its lines do not say."""
    ink = _ink(page)
    across, down = gap_share(ink), gap_share(ink.T)
    if max(across, down) < max(LEAST_GAPS, MORE_GAPS * min(across, down)):
        return Direction(0, False)
    is_level = across > down
    sure = sureness(text_lines(ink if is_level else np.rot90(ink)))
    if abs(sure) < LEAST_SURE:
        return Direction(0, False)
    if is_level:
        return Direction(0 if sure > 0 else 180, True)
    return Direction(270 if sure > 0 else 90, True)  # np.rot90 turned it 270 degrees clockwise


def sureness(lines: list[Floats]) -> float:
    """Return by how many times its own spread the mean score of the lines is off zero; above zero they are upright."""
    if len(lines) < LEAST_LINES:
        return 0.0
    scores = np.array([float(line_feature(line) @ WEIGHTS) for line in lines])
    weights = np.array([line.shape[1] for line in lines], np.float64)
    mean = float((scores * weights).sum() / weights.sum())
    spread = float(np.sqrt((weights**2 * (scores - mean) ** 2).sum()) / weights.sum())
    return mean / max(spread, 0.02)


def line_feature(line: Floats) -> Floats:
    """Return what tells up from down in one line (ROWS × w, ink 0 to 1): 40 numbers that change sign when it is turned.

    For ink, upright, level, rising and falling strokes: the share of the upper rows less that of the lower ones.
    """
    across = cv2.Sobel(line, cv2.CV_32F, 1, 0, ksize=3)
    down = cv2.Sobel(line, cv2.CV_32F, 0, 1, ksize=3)
    product = across * down
    parts = []
    for part in (line, np.abs(across), np.abs(down), np.maximum(product, 0), np.maximum(-product, 0)):
        share = part.sum(axis=1)
        share = share / max(float(share.sum()), 1e-6)
        parts.append((share - share[::-1])[: ROWS // 2])
    return np.asarray(np.concatenate(parts) * 10, np.float32)


def text_lines(ink: Floats) -> list[Floats]:
    """Return the lines of writing of a page (h×w, ink 0 to 1), each scaled to ROWS high."""
    found: list[Floats] = []
    for part in _strips(ink):
        level = cv2.blur(part.mean(axis=1).reshape(-1, 1), (1, 3)).ravel()
        is_ink = level > max(0.012, 0.25 * float(np.percentile(level, 90)))
        edges = np.flatnonzero(np.diff(np.concatenate([[0], is_ink.astype(np.int8), [0]])))
        for start, stop in zip(edges[::2], edges[1::2], strict=True):
            if not LINE_PX[0] <= stop - start <= LINE_PX[1]:
                continue
            columns = np.flatnonzero(part[start:stop].max(axis=0) > 0.25)
            if len(columns) < 2 * (stop - start):
                continue
            line = part[start:stop, columns[0] : columns[-1] + 1]
            wide = max(ROWS, round(line.shape[1] * ROWS / (stop - start)))
            found.append(np.asarray(cv2.resize(line, (wide, ROWS), interpolation=cv2.INTER_AREA), np.float32))
    return found


def gap_share(ink: Floats) -> float:
    """Return which share of the height between the first and the last line is free of ink, strip by strip.

    Chinese stands in columns too, but those are set solid: between lines there is air.
    """
    shares, weights = [0.0], [1e-6]
    for part in _strips(ink):
        level = part.mean(axis=1)
        full = float(np.percentile(level, 90))
        rows = np.flatnonzero(level > 0.2 * full)
        if full < 0.01 or not len(rows):
            continue
        shares.append(float((level[rows[0] : rows[-1] + 1] < 0.12 * full).mean()))
        weights.append(float(part.sum()))
    return float(np.average(shares, weights=weights))


def _strips(ink: Floats) -> list[Floats]:
    """Return the page cut from top to bottom: a table's columns do not share their lines."""
    width = ink.shape[1]
    count = max(1, round(width / STRIP_PX))
    return [np.ascontiguousarray(ink[:, width * n // count : width * (n + 1) // count]) for n in range(count)]


def _ink(page: Picture) -> Floats:
    """Return how dark each pixel is beside its paper, 0 to 1, without rules, seals and margins."""
    grey = lightest(fit_long(page, LONG_PX))  # seals and red frames vanish
    paper = cv2.medianBlur(
        cv2.dilate(cv2.resize(grey, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA), np.ones((5, 5), np.uint8)), 9
    )
    field = cv2.resize(paper, (grey.shape[1], grey.shape[0]), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    dark = np.clip((1 - grey.astype(np.float32) / np.maximum(field, 1)) * 2 - 0.16, 0, 1)
    height, width = dark.shape
    solid = (dark > 0.2).astype(np.uint8)
    for shape in ((1, max(9, int(RULE_SHARE * width / 2))), (max(9, int(RULE_SHARE * height / 2)), 1)):
        rule = cv2.morphologyEx(solid, cv2.MORPH_OPEN, np.ones(shape, np.uint8))
        dark[cv2.dilate(rule, np.ones((3, 3), np.uint8)) > 0] = 0
    edge_y, edge_x = max(1, int(MARGIN * height)), max(1, int(MARGIN * width))
    return np.ascontiguousarray(dark[edge_y:-edge_y, edge_x:-edge_x].astype(np.float32))
