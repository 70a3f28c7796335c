"""A signature as strokes, as SVG and as PNG: one shape, no more than the pad, nothing hostile comes through."""

from __future__ import annotations

import io
import json
import math
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from devices.api import Private
from kiosk.services.signature import HEIGHT_PX, WIDTH_PX, compose_svg, draw_signature, has_pressure
from kiosk.services.submission import build_submission
from kiosk.session.flow.signature import MAX_MS, decode_stroke
from kiosk.session.session import State
from tests.unit.test_submission import facts_of

PLAIN = (((0.1, 0.25, 0, 0.0), (0.5, 0.3333, 16, 0.0)), ((0.0, 1.0, 40, 0.0),))
PRESSED = (((0.1, 0.5, 0, 0.2), (0.2, 0.5, 10, 0.2), (0.3, 0.5, 20, 0.8), (0.4, 0.5, 30, 1.0)),)
GOLDEN = b"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1200 400">
<g fill="none" stroke="#000" stroke-linecap="round" stroke-linejoin="round">
<path d="M120.0 100.0 L600.0 133.3" stroke-width="9"/>
<path d="M0.0 400.0 L0.0 400.0" stroke-width="9"/>
</g>
</svg>
"""
share = st.floats(0, 1, allow_nan=False)
strokes = st.lists(
    st.lists(st.tuples(share, share, st.integers(0, MAX_MS), share), min_size=1, max_size=12).map(tuple), max_size=5
).map(tuple)


def test_golden_svg():
    assert compose_svg(PLAIN) == GOLDEN


def test_the_pen_is_as_wide_as_it_was_pressed():
    text = compose_svg(PRESSED).decode()
    assert re.findall(r'd="(.*?)" stroke-width="(.*?)"', text) == [
        ("M120.0 200.0 L240.0 200.0 L360.0 200.0", "6.3"),
        ("M360.0 200.0 L480.0 200.0", "11.7"),
        ("M480.0 200.0 L480.0 200.0", "13.5"),
    ]
    assert has_pressure(PRESSED)
    assert not has_pressure(PLAIN)


@given(strokes)
def test_any_strokes_give_one_harmless_picture(some):
    svg = compose_svg(some)
    root = ElementTree.fromstring(svg)  # noqa: S314 - our own bytes
    assert {node.tag.rpartition("}")[2] for node in root.iter()} <= {"svg", "g", "path"}
    for path in root.iter("{http://www.w3.org/2000/svg}path"):
        assert set(path.attrib) == {"d", "stroke-width"}
        assert 4.5 <= float(path.attrib["stroke-width"]) <= 13.5
        numbers = [float(one) for one in re.findall(r"[\d.]+", path.attrib["d"])]
        assert all(0 <= x <= WIDTH_PX and 0 <= y <= HEIGHT_PX for x, y in zip(numbers[::2], numbers[1::2], strict=True))


@settings(max_examples=15)
@given(strokes)
def test_any_strokes_can_be_drawn(some):
    with Image.open(io.BytesIO(draw_signature(some))) as picture:
        assert (picture.size, picture.mode, picture.info) == ((WIDTH_PX, HEIGHT_PX), "L", {})
        assert (picture.getextrema()[0] < 255) == bool(some)


@pytest.mark.parametrize("some", [PLAIN, PRESSED, (((0.2, 0.2, 0, 0.5), (0.8, 0.9, 9, 0.6), (0.5, 0.1, 20, 0.0)),)])
def test_svg_and_png_show_the_same(qapp, some):
    """Qt's own SVG renderer draws what we draw, but for soft edges."""
    from PySide6.QtCore import QBuffer, QByteArray
    from PySide6.QtGui import QImage, QPainter
    from PySide6.QtSvg import QSvgRenderer

    image = QImage(WIDTH_PX, HEIGHT_PX, QImage.Format.Format_Grayscale8)
    image.fill(255)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    QSvgRenderer(QByteArray(compose_svg(some))).render(painter)
    painter.end()
    kept = QBuffer()
    kept.open(QBuffer.OpenModeFlag.WriteOnly)
    image.save(kept, "PNG")
    with (
        Image.open(io.BytesIO(bytes(kept.data().data()))) as theirs,
        Image.open(io.BytesIO(draw_signature(some))) as ours,
    ):
        apart = ImageChops.difference(theirs.convert("L"), ours).histogram()
        ink = sum(ours.histogram()[:128])
    assert sum(apart[160:]) <= 0.02 * ink + 4


@pytest.mark.parametrize(
    "text",
    [
        "[0.1,0.1,NaN]",
        "[0.1,1e999,1]",
        "[-0.1,0.1,1]",
        "[0.1,1.1,1]",
        "[0.1,0.1,-1]",
        f"[0.1,0.1,{MAX_MS + 1}]",
        "[0.1,0.1]",
        "[[0.1,0.1,1]]",
        '["0.1",0.1,1]',
        "[]",
        "",
        "null",
        '{"points":[0.1,0.1,1]}',
        '{"points":[0.1,0.1,1],"pressure":[]}',
        '{"points":[0.1,0.1,1],"pressure":[1.1]}',
        '{"points":[0.1,0.1,1],"pressure":[-0.1]}',
        '{"points":[0.1,0.1,1],"pressure":[0.5,0.5]}',
        '{"points":[],"pressure":[]}',
        '{"points":[0.1,0.1,1],"pressure":[0.5],"more":1}',
        "[" + "0.1,0.1,1," * 100_000 + "0.1,0.1,1]",
        "\ud800",
    ],
)
def test_what_is_no_stroke_inside_the_pad_is_none(text):
    assert decode_stroke(text) is None


def test_strokes_with_and_without_pressure_are_understood():
    assert decode_stroke("[0.1,0.2,3]") == ((0.1, 0.2, 3, 0.0),)
    assert decode_stroke('{"points":[0,1,3.9,1,0,4],"pressure":[0.25,1]}') == ((0, 1, 3, 0.25), (1, 0, 4, 1))


@given(st.text(max_size=60))
def test_any_text_is_a_stroke_or_none(text):
    found = decode_stroke(text)
    assert found is None or all(math.isfinite(n) for point in found for n in point)


def test_pressure_travels_with_the_strokes(catalogue):
    parts = {part.name: part.data for part in build_submission(facts_of(catalogue, strokes=Private(PRESSED)))[0]}
    sent = json.loads(parts["signature-strokes"])
    assert (sent["v"], sent["strokes"][0][2]) == (2, [3000, 5000, 20, 8000])
    assert parts["signature-svg"] == compose_svg(PRESSED)


@pytest.mark.parametrize("dots", [1, 30])
def test_dots_alone_are_no_signature_and_the_screen_says_so(walk, dots):
    walk.go(State.SIGN)
    walk.press("clear_signature") if walk.session.strokes.reveal() else None
    for n in range(dots):
        walk.do("stroke", f"[{n / 40},0.5,0]")
    walk.press("sign_done")
    assert walk.state is State.SIGN
    assert walk.view.notes[0].text == "请先用手指写上姓名"
