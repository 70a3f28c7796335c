"""A finger's signature: strokes to a picture."""

from __future__ import annotations

import io

Stroke = tuple[tuple[float, float, int], ...]

WIDTH_PX, HEIGHT_PX = 1200, 400  # 3 : 1, the pad's shape
PEN_PX = 9
SCALE = 2  # drawn twice as large and averaged: smooth edges without a drawing library's own smoothing


def draw_signature(strokes: tuple[Stroke, ...]) -> bytes:
    """Return a PNG of the strokes, black on white, 1200 × 400 px, no metadata.

    Strokes: points (x, y, ms), x and y in 0…1 of the pad.
    """
    from PIL import Image, ImageDraw  # late: only a signed submission needs it

    image = Image.new("L", (WIDTH_PX * SCALE, HEIGHT_PX * SCALE), 255)
    pen = ImageDraw.Draw(image)
    radius = PEN_PX * SCALE / 2
    for stroke in strokes:
        points = [(x * WIDTH_PX * SCALE, y * HEIGHT_PX * SCALE) for x, y, _ in stroke]
        if len(points) > 1:
            pen.line(points, fill=0, width=PEN_PX * SCALE, joint="curve")
        for x, y in (points[0], points[-1]):
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=0)
    out = io.BytesIO()
    image.resize((WIDTH_PX, HEIGHT_PX), Image.Resampling.LANCZOS).save(out, "PNG", optimize=True)
    return out.getvalue()
