"""A finger's signature: strokes to pictures. The SVG is for redrawing at any size, the PNG for every eye."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator

Point = tuple[float, float, int, float]
"""x and y in 0…1 of the pad, milliseconds since the first point, pressure in 0…1 (0 = the pad does not feel any)."""
Stroke = tuple[Point, ...]

WIDTH_PX, HEIGHT_PX = 1200, 400  # 3 : 1, the pad's shape
PEN_PX = 9.0
LIGHTEST, HEAVIEST = 0.5, 1.5  # of the pen: the least and the greatest pressure; without any it is 1
SCALE = 3  # drawn three times as large and averaged: smooth edges without a drawing library's own smoothing


def draw_signature(strokes: tuple[Stroke, ...]) -> bytes:
    """Return a PNG of the strokes, black on white, 1200 × 400 px, no metadata. The pen is as wide as it was pressed."""
    from PIL import Image, ImageDraw  # late: only a signed submission needs it

    image = Image.new("L", (WIDTH_PX * SCALE, HEIGHT_PX * SCALE), 255)
    pen = ImageDraw.Draw(image)
    for stroke in strokes:
        placed = [(x * WIDTH_PX * SCALE, y * HEIGHT_PX * SCALE, width * SCALE) for x, y, width in _widths(stroke)]
        for (x, y, width), (to_x, to_y, _) in itertools.pairwise(placed):
            pen.line(((x, y), (to_x, to_y)), fill=0, width=round(width))
        for x, y, width in placed:  # round joints and round ends; a circle takes its rim beside its diameter
            radius = (width - 1) / 2
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=0)
    out = io.BytesIO()
    image.resize((WIDTH_PX, HEIGHT_PX), Image.Resampling.LANCZOS).save(out, "PNG", optimize=True)
    return out.getvalue()


def compose_svg(strokes: tuple[Stroke, ...]) -> bytes:
    """Return the strokes as SVG, in the PNG's pixels to a tenth: paths alone, no times, no metadata, nothing active."""
    paths = "".join(
        f'<path d="M{" L".join(points)}" stroke-width="{width:g}"/>\n'
        for stroke in strokes
        for points, width in _runs(stroke)
    )
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH_PX} {HEIGHT_PX}">\n'
    pen = '<g fill="none" stroke="#000" stroke-linecap="round" stroke-linejoin="round">\n'
    return f"{head}{pen}{paths}</g>\n</svg>\n".encode()


def has_pressure(strokes: tuple[Stroke, ...]) -> bool:
    """Whether the pad has felt how hard was pressed."""
    return any(pressure > 0 for stroke in strokes for _, _, _, pressure in stroke)


def _widths(stroke: Stroke) -> Iterator[tuple[float, float, float]]:
    """Yield x, y and the pen's width in px."""
    for x, y, _, pressure in stroke:
        share = LIGHTEST + (HEAVIEST - LIGHTEST) * pressure if pressure > 0 else 1.0
        yield x, y, round(PEN_PX * share, 1)


def _runs(stroke: Stroke) -> Iterator[tuple[list[str], float]]:
    """Yield the points of one path after the other: a path has one width, and begins where the former ended."""
    points: list[str] = []
    width = 0.0
    for x, y, new in _widths(stroke):
        place = f"{x * WIDTH_PX:.1f} {y * HEIGHT_PX:.1f}"
        if points and new != width:
            yield [*points, place], width
            points = []
        points.append(place)
        width = new
    if len(points) == 1:
        points *= 2  # a dot: a path that goes nowhere, with round ends
    if points:
        yield points, width
