"""Desks and papers by chance, at the size of the outline search: what no frame of benchmarks/frames shows.

The map of paper learns from both, so that it learns what a paper's end looks like rather than how our frames are drawn.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Points = npt.NDArray[np.float64]
Luck = np.random.Generator
SIZE = (480, 270)  # of a picture, w × h
WIDE, HIGH = 960, 540  # drawn at twice that size
EMPTY, BEYOND, NEAR_TONE, CLUTTERED, ON_PAPER, SHADOWED, ROUNDED = 0.18, 0.1, 0.5, 0.5, 0.35, 0.8, 0.4  # of pictures
SPEECHLESS = np.full((4, 2), np.nan)


def invent(rng: Luck) -> tuple[Picture, Points]:
    """Return a picture (h×w×3 BGR) and its paper's corners in its px, clockwise from the least x + y; NaN for none."""
    scene, corners = _desk(rng), SPEECHLESS
    if rng.random() < CLUTTERED:
        _scatter(rng, scene, None)
    if rng.random() > EMPTY:
        corners, length, width = _place(rng)
        cover = _lay(rng, scene, corners, length, width)
        if rng.random() < ON_PAPER:
            _scatter(rng, scene, cover)
    seen = np.clip(scene * _light(rng)[..., None] * rng.uniform(0.6, 1.1), 0, 255)
    small = cv2.resize(seen, SIZE, interpolation=cv2.INTER_AREA)
    if rng.random() < 0.3:
        small = cv2.GaussianBlur(small, (0, 0), rng.uniform(0.4, 1.2))
    small = small + rng.normal(0, 10 ** rng.uniform(-0.7, 0.4), small.shape)
    corners = np.roll(corners, -int(corners.sum(axis=1).argmin()), axis=0) / 2 - 0.25
    return np.clip(np.rint(small), 0, 255).astype(np.uint8), corners


def _clouds(rng: Luck, high: int, wide: int, channels: int, sizes: list[tuple[float, float]]) -> Floats:
    """Return sums of soft noise, each of so many px and so many levels."""
    total = np.zeros((high, wide, channels), np.float32)
    for size, levels in sizes:
        grid = (max(2, int(high / size)), max(2, int(wide / size)), channels)
        soft = cv2.resize(rng.normal(0, 1, grid).astype(np.float32), (wide, high), interpolation=cv2.INTER_CUBIC)
        total += levels * soft.reshape(high, wide, channels)
    return total


def _desk(rng: Luck) -> Floats:
    """Return a desk: clouds, stripes like wood, a grid, veins, coloured grain, or plain."""
    tone = rng.uniform(30, 245, 3)
    if rng.random() < 0.6:  # mostly without much colour
        tone = tone.mean() + rng.normal(0, 8, 3)
    scene = np.full((HIGH, WIDE, 3), tone, np.float32)
    levels = 10 ** rng.uniform(-0.3, 1.3)
    kind = int(rng.integers(0, 6))
    if kind <= 1:
        sizes = [(2.0**step, levels * rng.uniform(0, 0.6)) for step in range(1, 9)]
        scene += _clouds(rng, HIGH, WIDE, 1, sizes) * rng.uniform(0.6, 1.2, 3)
    elif kind == 2:
        scene += _stripes(rng, levels)[..., None] * rng.uniform(0.7, 1.1, 3)
    elif kind == 3:
        step, width = int(rng.integers(12, 140)), int(rng.integers(1, 6))
        levels *= rng.choice((-1, 1))
        for at in range(int(rng.integers(0, step)), WIDE, step):
            scene[:, at : at + width] += levels
        for at in range(int(rng.integers(0, step)), HIGH, step):
            scene[at : at + width] += levels
    elif kind == 4:
        scene = _veined(rng, scene, levels)
    else:
        scene += _clouds(rng, HIGH, WIDE, 3, [(2.0**step, levels * 0.5 * rng.random()) for step in (1, 2, 5, 7)])
    return np.asarray(scene, np.float32)


def _stripes(rng: Luck, levels: float) -> Floats:
    """Return levels that change across one direction only, a little bent."""
    length, turn = WIDE + HIGH, rng.uniform(0, np.pi)
    row = np.zeros((1, length), np.float32)
    for size in (2, 4, 8, 16, 32, 64):
        some = rng.normal(0, 1, (1, max(4, length // size))).astype(np.float32)
        row += cv2.resize(some, (length, 1), interpolation=cv2.INTER_CUBIC) * np.float32(levels * rng.uniform(0, 0.7))
    y, x = np.mgrid[:HIGH, :WIDE].astype(np.float32)
    bent = _clouds(rng, HIGH, WIDE, 1, [(120, 8 * rng.random())])[..., 0]
    at = x * np.cos(turn) + y * np.sin(turn) + (WIDE if np.cos(turn) < 0 else 0) + bent
    return np.asarray(row[0][np.clip(at, 0, length - 1).astype(int)], np.float32)


def _veined(rng: Luck, scene: Floats, levels: float) -> Floats:
    for _ in range(int(rng.integers(3, 40))):
        way = np.cumsum(rng.normal(0, 25, (int(rng.integers(3, 15)), 2)), axis=0) + rng.uniform(0, 1, 2) * (WIDE, HIGH)
        vein = np.zeros((HIGH, WIDE), np.uint8)
        cv2.polylines(vein, [way.astype(np.int32)], False, 255, int(rng.integers(1, 5)), cv2.LINE_AA)
        scene += vein[..., None] / np.float32(255) * (levels * rng.choice((-1, 1))) * rng.uniform(0.7, 1.2, 3)
    return np.asarray(cv2.GaussianBlur(scene, (0, 0), rng.uniform(0.5, 2)), np.float32)


def _scatter(rng: Luck, scene: Floats, paper: Floats | None) -> None:
    """Lay up to four pens, cables, rings and discs, and spots of light or stain (changed in place); where there is a
    paper (its cover, h×w) what would hide more than a 25th of it is left out.
    """
    for _ in range(int(rng.integers(0, 5))):
        thing, kind = np.zeros((HIGH, WIDE), np.uint8), int(rng.integers(0, 4))
        colour, at = rng.uniform(0, 255, 3), rng.uniform(0, 1, 2) * (WIDE, HIGH)
        if kind == 0:
            turn = rng.uniform(0, 2 * np.pi)
            end = at + rng.uniform(60, 300) * np.array([np.cos(turn), np.sin(turn)])
            ends = [(int(x), int(y)) for x, y in (at, end)]
            cv2.line(thing, ends[0], ends[1], 255, int(rng.integers(3, 16)), cv2.LINE_AA)
        elif kind == 1:
            share, knots = np.linspace(0, 1, 30)[:, None], rng.uniform(-0.2, 1.2, (4, 2)) * (WIDE, HIGH)
            weights = (1 - share) ** 3, 3 * share * (1 - share) ** 2, 3 * share**2 * (1 - share), share**3
            way = sum(weight * knot for weight, knot in zip(weights, knots, strict=True))
            cv2.polylines(thing, [np.asarray(way, np.int32)], False, 255, int(rng.integers(2, 9)), cv2.LINE_AA)
        elif kind == 2:
            size, width = (
                (10 ** rng.uniform(1, 2.4, 2)).astype(int),
                -1 if rng.random() < 0.5 else int(rng.integers(2, 8)),
            )
            middle, axes = (int(at[0]), int(at[1])), (int(size[0]), int(size[1]))
            cv2.ellipse(thing, middle, axes, float(rng.uniform(0, 180)), 0, 360, 255, width, cv2.LINE_AA)
        else:
            y, x = np.mgrid[:HIGH, :WIDE].astype(np.float32)
            near = ((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * rng.uniform(20, 150) ** 2)
            scene += rng.uniform(-40, 90) * np.exp(-near)[..., None]
            continue
        if paper is not None and (thing[paper > 0] > 0).mean() > 0.04:
            continue
        cover = thing[..., None] / np.float32(255)
        cast = cv2.GaussianBlur(np.roll(thing, (3, 3), (0, 1)), (0, 0), 3)[..., None] / np.float32(255)
        scene *= 1 - 0.3 * rng.random() * cast
        scene[:] = scene * (1 - cover) + colour * cover


def _place(rng: Luck) -> tuple[Points, int, int]:
    """Return a paper's corners as it is laid (px of the large picture), its length and its width in px; some reach
    beyond the picture, or fill it.
    """
    is_beyond = rng.random() < BEYOND
    while True:
        shape, area = (
            float(rng.choice((2**0.5, 2**0.5, 1.585, rng.uniform(1, 3)))),
            rng.uniform(0.03, 0.7) * WIDE * HIGH * (rng.uniform(1, 5) if is_beyond else 1),
        )
        width = np.sqrt(area / shape)
        length = shape * width
        turn = np.deg2rad(
            rng.choice((0, 90, 180, 270)) + (rng.normal(0, 9) if rng.random() < 0.75 else rng.uniform(-45, 45))
        )
        turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        corners = np.array([[-length, -width], [length, -width], [length, width], [-length, width]]) / 2 @ turned.T
        corners *= 1 + rng.uniform(-0.06, 0.06, (4, 1))  # as if seen aslant
        if is_beyond:
            return corners + rng.uniform(0.1, 0.9, 2) * (WIDE, HIGH), max(20, int(length)), max(20, int(width))
        if (np.ptp(corners, axis=0) <= (0.97 * WIDE, 0.97 * HIGH)).all():
            least, most = 8 - corners.min(axis=0), np.array([WIDE, HIGH]) - 8 - corners.max(axis=0)
            return corners + rng.uniform(least, np.maximum(least, most)), max(20, int(length)), max(20, int(width))


def _lay(rng: Luck, scene: Floats, corners: Points, length: int, width: int) -> Floats:
    """Lay a paper with its shadow (changed in place) and return its cover, h×w, 0 to 1."""
    page = _page(rng, length, width)
    if rng.random() < NEAR_TONE:
        desk, own = (np.median(some.reshape(-1, 3)[::31], axis=0) for some in (scene, page))
        page = page + (desk + rng.uniform(-12, 12) + rng.normal(0, 1.5, 3) - own)
    flat = np.array([[-0.5, -0.5], [length - 0.5, -0.5], [length - 0.5, width - 0.5], [-0.5, width - 0.5]], np.float32)
    matrix = cv2.getPerspectiveTransform(flat, corners.astype(np.float32))
    seen = cv2.warpPerspective(
        page.astype(np.float32), matrix, (WIDE, HIGH), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
    )
    shape, round_px = np.full((width, length), 255, np.uint8), int(rng.uniform(0, 0.06) * min(length, width))
    if rng.random() < ROUNDED and round_px > 2:
        shape[:] = 0
        cv2.rectangle(shape, (round_px, 0), (length - 1 - round_px, width - 1), 255, -1)
        cv2.rectangle(shape, (0, round_px), (length - 1, width - 1 - round_px), 255, -1)
        for x in (round_px, length - 1 - round_px):
            for y in (round_px, width - 1 - round_px):
                cv2.circle(shape, (x, y), round_px, 255, -1, cv2.LINE_AA)
    cover = cv2.warpPerspective(shape, matrix, (WIDE, HIGH), flags=cv2.INTER_LINEAR).astype(np.float32) / 255
    if rng.random() < SHADOWED:
        away = tuple(int(step) for step in rng.integers(-5, 6, 2))
        cast = cv2.GaussianBlur(np.roll(cover, away, (0, 1)), (0, 0), 10 ** rng.uniform(-0.1, 0.9))
        scene *= 1 - (rng.uniform(0.03, 0.45) * cast)[..., None]
    scene[:] = scene * (1 - cover[..., None]) + seen * cover[..., None]
    return np.asarray(cover, np.float32)


def _page(rng: Luck, length: int, width: int) -> Floats:
    """Return a paper: rows of writing, a table, a picture, a frame, or blank; a quarter with a seal."""
    tone = rng.uniform(200, 255) + rng.normal(0, 3, 3) if rng.random() < 0.75 else rng.uniform(60, 255, 3)
    page = np.full((width, length, 3), tone, np.float32)
    ink = rng.uniform(0, 120, 3) if rng.random() < 0.3 else np.full(3, rng.uniform(0, 90))
    margin, kind = rng.uniform(0.05, 0.18) * min(length, width), int(rng.integers(0, 6))
    right, bottom = length - margin, width - margin
    if kind <= 1:
        _write(rng, page, ink, (margin, margin, right, bottom * (1 if rng.random() < 0.6 else rng.uniform(0.3, 1))))
    elif kind == 2:
        _rule(rng, page, ink, margin)
    elif kind == 3:
        (x0, x1), (y0, y1) = (np.sort(rng.uniform(margin, end, 2)).astype(int) for end in (right, bottom))
        if x1 - x0 > 8 and y1 - y0 > 8:
            sizes = [(2.0**step, 12 * rng.random()) for step in (1, 3, 5, 6)]
            page[y0:y1, x0:x1] = rng.uniform(40, 220, 3) + _clouds(rng, y1 - y0, x1 - x0, 3, sizes)
        _write(rng, page, ink, (margin, y1 + 8, right, bottom))
    elif kind == 4:
        colour = tuple(float(level) for level in rng.uniform(0, 200, 3))
        at = int(margin)
        cv2.rectangle(page, (at, at), (int(right), int(bottom)), colour, int(rng.integers(1, 10)))
        _write(rng, page, ink, (1.6 * margin, 1.6 * margin, length - 1.6 * margin, width - 1.6 * margin))
    if rng.random() < 0.25:
        x, y = (int(share * size) for share, size in zip(rng.uniform(0.2, 0.8, 2), (length, width), strict=True))
        cv2.circle(page, (x, y), int(0.08 * min(length, width) + 3), (40.0, 40.0, 200.0), 2)
    return page


def _write(rng: Luck, page: Floats, ink: npt.NDArray[np.float64], box: tuple[float, float, float, float]) -> None:
    """Fill a box (left, top, right, bottom) with rows of dashes that stand for writing (changed in place)."""
    left, top, right, bottom = box
    size, y = rng.uniform(6, 18), top
    while y + 0.6 * size < bottom:
        end, x = left + (right - left) * (1 if rng.random() < 0.8 else rng.uniform(0.2, 1)), left
        while x < end - 3:
            dash = rng.uniform(0.3, 1) * size
            if rng.random() < 0.9:
                stop = int(min(end, x + 0.8 * dash))
                page[int(y) : int(y + 0.55 * size), int(x) : stop] = ink * rng.uniform(0.8, 1.2) + rng.uniform(0, 70)
            x += dash
        y += size * rng.uniform(1.1, 1.3)


def _rule(rng: Luck, page: Floats, ink: npt.NDArray[np.float64], margin: float) -> None:
    """Rule a table with writing and shaded cells (changed in place)."""
    high, wide = page.shape[:2]
    columns, rows = (int(count) for count in rng.integers(2, 9, 2))
    x, y = (np.linspace(margin, end - margin, count + 1).astype(int) for end, count in ((wide, columns), (high, rows)))
    width = int(rng.integers(1, 4))
    for at in x:
        page[y[0] : y[-1] + width, at : at + width] = ink
    for at in y:
        page[at : at + width, x[0] : x[-1] + width] = ink
    for column in range(columns):
        for row in range(rows):
            if rng.random() < 0.6:
                _write(rng, page, ink, (x[column] + 5.0, y[row] + 5.0, x[column + 1] - 5.0, y[row + 1] - 3.0))
            elif rng.random() < 0.2:
                page[y[row] + width : y[row + 1], x[column] + width : x[column + 1]] *= rng.uniform(0.7, 0.95)


def _light(rng: Luck) -> Floats:
    """Return the light, h×w: a gradient, a vignette, and in a third a shadow's edge."""
    y, x = np.mgrid[-1 : 1 : HIGH * 1j, -1 : 1 : WIDE * 1j].astype(np.float32)
    turn = rng.uniform(0, 2 * np.pi)
    light = 1 - rng.uniform(0, 0.3) * (x * np.cos(turn) + y * np.sin(turn))
    light *= 1 - rng.uniform(0, 0.15) * (x * x + y * y)
    if rng.random() < 0.35:
        turn, soft = rng.uniform(0, 2 * np.pi), 10 ** rng.uniform(0.7, 1.9)
        across = x * np.cos(turn) + y * np.sin(turn) - rng.uniform(-0.7, 0.7)
        light *= 1 - rng.uniform(0.1, 0.5) / (1 + np.exp(-across * soft))
    return np.asarray(light, np.float32)
