"""Print taken for a paper: blocks of it on a paper that goes on around them, and papers that fill the frame."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from devices.imaging.cut import seen_along
from devices.imaging.fields import UNIT, Fields, Picture
from devices.imaging.quads import NEXT

Floats = npt.NDArray[np.float32]
Quad = npt.NDArray[np.float64]

LONG_UNITS = 960  # a unit is that part of the frame's long side: a line of 9 points on an A4 that fills it has 10
POINTS = 160  # a side,
FEW_POINTS = 24  # and for a first look
REACH, NEAR = 14, 4  # places without that are looked at, and those to either side in which the side itself lies
ACROSS = np.array([*range(-REACH, REACH + 1), *range(REACH + 2, 25, 2)])  # units: as far within as a row and its gap
LIGHTEST = -2  # in order: between characters paper is never far away, and one is lighter by noise
ALIKE = 0.1  # of the paper's level: the same paper
INK, FAINT = 0.15, 0.03  # of it: print is darker by so much; what is less, noise apart, is bare
INK_SHARE, BARE_SHARE = 0.15, 0.12  # of a side's points: writing has both,
DENSE, DENSE_INK, DENSE_BARE = 0.25, 0.35, 0.3  # bold rows set solid leave little paper between them,
MOSTLY_INK = 0.5  # and what shows so much print without bare places is a rule, or writing set solid
RULED = 0.2  # of the paper's level, at four fifths of a side: a rule
MOST_NOISE = 6.0  # levels
RULE_PLACES = 10  # so far from the side a rule may lie, beyond which there is nothing:
NOTHING = 0.02  # of the paper's level
FRAME_SHARE = 0.02  # of the frame's long side: there a side lies on the frame


def is_print(frame: Picture, quad: Quad) -> bool:
    """Whether the quadrilateral (4×2 px of `frame`, clockwise) is a block of writing, a table or a frame on a paper
    that goes on beyond it.

    Then the same paper lies on both sides of every side; and the edge that was found there is ink, which writing has
    here and not there: between characters nothing is seen of it. A paper's own edge is a step, or a faint line that
    runs on. A side on the frame tells nothing, and one of the four may be the paper's own.
    """
    lines = np.stack([quad, quad[NEXT]], axis=1)
    x, y = lines.mean(axis=1).T
    away = np.min([x, y, frame.shape[1] - 1 - x, frame.shape[0] - 1 - y], axis=0)
    is_framed = away < FRAME_SHARE * max(frame.shape[:2])
    outer, inner, _ = _beside(_seen(frame, lines, FEW_POINTS))
    if int((_is_alike(outer, inner, DENSE) | is_framed).sum()) < 3:
        return False
    seen = _seen(frame, lines, POINTS)
    outer, inner, dark = _beside(seen.min(axis=3, keepdims=True))  # red ink is ink
    paper = np.minimum(outer[:, 0, :, LIGHTEST], inner[:, 0, :, LIGHTEST])
    noise = np.median(outer[:, 0, :, LIGHTEST] - outer[:, 0, :, 0], axis=1)[:, None]
    level = np.median(paper, axis=1)[:, None] + 1
    depth = paper - dark[:, 0, :, REACH - NEAR : REACH + NEAR + 1].min(axis=2)
    is_alike = _is_alike(*_beside(seen)[:2])
    ink = (depth > INK * level + np.minimum(noise, MOST_NOISE)).mean(axis=1)
    bare = (depth < FAINT * level + noise).mean(axis=1)
    is_dense = _is_alike(outer, inner, DENSE) & (ink >= DENSE_INK) & (bare >= DENSE_BARE)
    is_written = is_dense | is_alike & (ink >= INK_SHARE) & (bare >= BARE_SHARE)
    darker = np.median(paper[..., None] - dark[:, 0], axis=1) / level  # 4×places: what runs along a side
    rule = darker[:, REACH - RULE_PLACES : REACH + RULE_PLACES + 1].argmax(axis=1)[:, None] + REACH - RULE_PLACES
    beyond = np.where(np.arange(len(ACROSS)) < rule - NEAR, np.abs(darker), 0).max(axis=1)
    by_rule = is_alike & (np.take_along_axis(darker, rule, 1)[:, 0] >= RULED) & (beyond < NOTHING)
    is_printed = is_written | by_rule | (is_alike & (ink >= MOSTLY_INK))
    is_ruled = by_rule | is_alike & (np.percentile(depth, 20, axis=1) >= RULED * level[:, 0])
    printed, written = int(is_printed.sum()), int(is_written.sum())
    if int((is_printed | is_framed).sum()) == 4:
        return printed >= 2
    return printed == 3 and (written >= 2 or int(is_ruled.sum()) == 3)


def _seen(frame: Picture, lines: Quad, count: int) -> Picture:
    """Return the colours at `count` points of each line, ACROSS it from without to within: 4×points×places×3."""
    offsets = ACROSS * max(frame.shape[:2]) / LONG_UNITS
    middle = lines.mean(axis=1, keepdims=True)
    return seen_along(frame, middle + 0.94 * (lines - middle), count, offsets)


def _beside(seen: Picture) -> tuple[Floats, Floats, Floats]:
    """Return what lies without and within, in order of its level, and everything: 4×channels×points×levels each."""
    planes = np.ascontiguousarray(seen.transpose(0, 3, 1, 2))
    sides = planes[..., : REACH - NEAR + 1], planes[..., REACH + NEAR :]
    outer, inner = (np.sort(side, axis=3).astype(np.float32) for side in sides)
    return outer, inner, planes.astype(np.float32)


def _is_alike(outer: Floats, inner: Floats, most: float = ALIKE) -> npt.NDArray[np.bool_]:
    """Return which sides have the same paper without and within, of their levels in order; `most`: that
    they may differ, of the paper's level.
    """
    paper = np.minimum(outer[..., LIGHTEST], inner[..., LIGHTEST]).min(axis=1)
    steps = np.median(inner[..., LIGHTEST] - outer[..., LIGHTEST], axis=2)
    return np.asarray(np.abs(steps).max(axis=1) < most * (np.median(paper, axis=1) + 1))


CLOSED_PX = 15  # of the search's picture: over which paper shows between what is printed
STROKE = 0.28  # of the paper's level that ink is darker at that size: grain, veins and grids of desks are less
GRAIN = 0.06  # what is darker by more and is no ink
MOST_GRAIN = 0.25  # of the picture: photographs; wood has half
STROKE_LEVELS = 8
LEAST_INK = 0.003  # of the picture
EDGE_PX = 4  # around a quadrilateral, its own edge
RULE_PX = 40  # what runs on for so long is a rule
STRIP_PX = 60  # about as wide a piece of a row
ROW_PX = (2, 20)  # its height
ROW_INK = (0.1, 0.8)  # of its pixels,
ROW_BEGINS, ROW_ENDS = 0.08, 0.05  # of those of one line of pixels within and beside it
ROW_CHANGES = 6  # between ink and paper along one of its lines
LEAST_PIECES = 14  # of rows
LEAST_INK_BESIDE, LEAST_PIECES_BESIDE = 0.0006, 4  # beside what may be a picture on their paper
LEAST_AROUND = 0.6  # of a side
TILE_PX = 12
TONES = 40  # levels of a tone's logarithm: one is 2.5 percent
TILE_STEP = (3.0, 6.0, 6.0)  # from one tile to the next, of lightness' logarithm and of the colours
LEAST_REACHED = 0.7  # of a side of the frame


def fills(fields: Fields, quad: Quad | None = None) -> bool:
    """Whether rows of print stand on a paper that reaches the frame's end: then four corners cannot show.

    `quad` (4×2 px of the search's picture): what was found, darker than what is around it; then fewer rows beside it
    will do, and their paper must lie around it: a card on a desk has none.
    """
    level = cv2.convertScaleAbs(fields.planes[0], alpha=1 / UNIT)
    closed = cv2.morphologyEx(level, cv2.MORPH_CLOSE, np.ones((CLOSED_PX, CLOSED_PX), np.uint8))
    step = cv2.subtract(closed, level)
    ink = cv2.compare(step, cv2.max(cv2.convertScaleAbs(closed, alpha=STROKE), STROKE_LEVELS), cv2.CMP_GT)
    if quad is not None:
        (left, top), (right, bottom) = quad.min(axis=0).astype(int), quad.max(axis=0).astype(int)
        ink[max(0, top - EDGE_PX) : bottom + EDGE_PX, max(0, left - EDGE_PX) : right + EDGE_PX] = 0
    if cv2.countNonZero(ink) < (LEAST_INK if quad is None else LEAST_INK_BESIDE) * ink.size:
        return False
    grain = cv2.compare(step, cv2.convertScaleAbs(closed, alpha=GRAIN), cv2.CMP_GT)
    grain[cv2.dilate(ink, np.ones((7, 7), np.uint8)) > 0] = 0
    if cv2.countNonZero(grain) > MOST_GRAIN * ink.size:
        return False
    for shape in ((1, RULE_PX), (RULE_PX, 1)):
        rule = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones(shape, np.uint8))
        ink[cv2.dilate(rule, np.ones((3, 3), np.uint8)) > 0] = 0
    pieces = max(_row_pieces(ink), _row_pieces(ink.T)[:, ::-1], key=len)
    if len(pieces) < (LEAST_PIECES if quad is None else LEAST_PIECES_BESIDE):
        return False
    paper = _paper_of(fields, closed, pieces)
    if quad is not None:
        return _lies_around(paper, quad)
    return any(side.mean() >= LEAST_REACHED for side in (paper[0], paper[-1], paper[:, 0], paper[:, -1]))


def _row_pieces(ink: npt.NDArray[np.uint8]) -> npt.NDArray[np.intp]:
    """Return the middles (n×2 px: x, y) of the pieces of level rows of writing in ink (h×w, 0 or 255)."""
    count = max(1, round(ink.shape[1] / STRIP_PX))
    width = ink.shape[1] // count
    strips = np.ascontiguousarray(ink[:, : count * width]).reshape(-1, count, width) > 0  # h×strips×px
    share = strips.mean(axis=2)
    changes = (strips[:, :, 1:] != strips[:, :, :-1]).sum(axis=2)
    padded = np.zeros((len(share) + 2, count), np.int8)
    padded[1:-1] = share > ROW_BEGINS
    edges = np.diff(padded, axis=0)
    found: list[tuple[int, int]] = []
    for strip in range(count):
        column = share[:, strip]
        for start, stop in zip(np.flatnonzero(edges[:, strip] > 0), np.flatnonzero(edges[:, strip] < 0), strict=True):
            if not ROW_PX[0] <= stop - start <= ROW_PX[1]:
                continue
            beside = column[max(0, start - 2) : start], column[stop : stop + 2]
            if (
                ROW_INK[0] <= column[start:stop].mean() <= ROW_INK[1]
                and changes[start:stop, strip].max() >= ROW_CHANGES
                and all(not len(air) or air.min() <= ROW_ENDS for air in beside)
            ):
                found.append((strip * width + width // 2, int(start + stop) // 2))
    return np.array(found, np.intp).reshape(-1, 2)


def _paper_of(fields: Fields, closed: Picture, pieces: npt.NDArray[np.intp]) -> npt.NDArray[np.uint8]:
    """Return the tiles (1, else 0) of the paper on which those pieces of rows stand."""
    size = (max(3, fields.size[0] // TILE_PX), max(3, fields.size[1] // TILE_PX))
    tones = [cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in (closed, *fields.planes[1:])]
    lightness = TONES * np.log(np.maximum(tones[0], 1).astype(np.float32))
    tiles = cv2.merge([lightness, *(one.astype(np.float32) / UNIT for one in tones[1:])])
    at = np.minimum(pieces * np.array(size) // np.array(fields.size), np.array(size) - 1)
    x, y = at[np.argsort(lightness[at[:, 1], at[:, 0]])[len(at) // 2]]
    mask = np.zeros((size[1] + 2, size[0] + 2), np.uint8)
    cv2.floodFill(tiles, mask, (int(x), int(y)), (0, 0, 0), TILE_STEP, TILE_STEP, 4 | cv2.FLOODFILL_MASK_ONLY)
    return np.asarray(mask[1:-1, 1:-1], np.uint8)


def _lies_around(paper: npt.NDArray[np.uint8], quad: Quad) -> bool:
    """Whether the paper's tiles lie along three sides and more of what is in the quadrilateral."""
    height, width = paper.shape
    sides = quad[NEXT] - quad
    outward = np.stack([sides[:, 1], -sides[:, 0]], axis=1) / (np.linalg.norm(sides, axis=1)[:, None] + 1e-9)
    share = np.linspace(0.1, 0.9, 15)[:, None]
    points = (quad[:, None] + share * sides[:, None] + 1.2 * TILE_PX * outward[:, None]) // TILE_PX
    x, y = points.astype(int)[..., 0], points.astype(int)[..., 1]
    is_inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    seen = paper[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)] * is_inside
    return int((seen.mean(axis=1) >= LEAST_AROUND).sum()) >= 3
