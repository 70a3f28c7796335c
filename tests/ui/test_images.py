"""Pictures: codes that can be read back, thumbnails, the live desk, drawn icons."""

from __future__ import annotations

import gc
import re
import sys
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from msgspec.structs import replace
from PySide6.QtCore import QSize
from PySide6.QtGui import QImage

from tests.ui.gallery import views
from ui import images, probe

ROOT = Path(__file__).parents[2]


def pixels(image: QImage) -> np.ndarray:
    rgb = image.convertToFormat(QImage.Format.Format_RGB888)
    flat = np.frombuffer(rgb.constBits(), np.uint8).reshape(rgb.height(), rgb.bytesPerLine())
    return flat[:, : rgb.width() * 3].reshape(rgb.height(), rgb.width(), 3)


@pytest.mark.parametrize("payload", ["JB1:0330-2611-2300017:K7Q4", "https%3A//x/?a=1&b=2#c"])
def test_a_code_on_the_screen_can_be_photographed(qapp, payload):
    from ui.bridge import code_source

    identifier = code_source(payload).removeprefix("image://code/")
    image = images.Codes().requestImage(identifier, QSize(), QSize(300, 300))
    assert image.width() <= 300
    text, _, _ = cv2.QRCodeDetector().detectAndDecode(pixels(image))
    assert text == payload


def test_the_code_on_the_slip_screen_can_be_photographed(open_screen, tmp_path):
    screen = open_screen((1080, 1920))
    view = views("zh")["slip"]
    screen.show(view)
    screen.grab(tmp_path / "slip.png")
    text, _, _ = cv2.QRCodeDetector().detectAndDecode(cv2.imread(str(tmp_path / "slip.png")))
    assert text == view.code


def test_a_thumbnail_is_decoded_no_larger_than_it_is_shown(qapp):
    jpeg = cv2.imencode(".jpg", np.full((2448, 3264, 3), 200, np.uint8))[1].tobytes()
    asked = []
    pages = images.Pages(lambda key: asked.append(key) or jpeg)
    image = pages.requestImage("M-BANK/0", QSize(), QSize(144, 192))
    assert asked == ["M-BANK/0"]
    assert (image.width(), image.height()) == (144, 108)


def test_a_page_is_decoded_once_for_as_long_as_it_is_the_same(qapp):
    light, dark = (cv2.imencode(".jpg", np.full((320, 240, 3), level, np.uint8))[1].tobytes() for level in (200, 60))
    taken = [light]
    pages = images.Pages(lambda key: taken[-1])
    first = pages.requestImage("M-BANK/0", QSize(), QSize(144, 192))
    assert pages.requestImage("M-BANK/0", QSize(), QSize(144, 192)).cacheKey() == first.cacheKey()
    assert pages.requestImage("M-BANK/0", QSize(), QSize(72, 96)).width() == 72
    taken.append(dark)  # taken anew under the same name
    assert pages.requestImage("M-BANK/0", QSize(), QSize(72, 96)).pixelColor(0, 0).red() < 100


def test_no_page_stays_when_the_visit_is_over(open_screen):
    jpeg = cv2.imencode(".jpg", np.full((320, 240, 3), 230, np.uint8))[1].tobytes()

    def held() -> tuple[int, int]:
        """How many hold the page's bytes, and how many pictures Python keeps."""
        gc.collect()
        return sys.getrefcount(jpeg), sum(isinstance(one, QImage) for one in gc.get_objects())

    screen = open_screen((1080, 1920), page_jpeg=lambda key: jpeg)
    screen.show(views("zh")["attract"])
    before = held()
    screen.show(views("zh")["scan-kept"])
    while_there = held()
    assert min(now - then for now, then in zip(while_there, before, strict=True)) >= 2  # two pages are shown
    screen.show(views("zh")["farewell"])
    screen.show(views("zh")["attract"])
    assert held() == before


def test_no_picture_is_asked_for_on_another_thread():
    asynchronous = [
        path.name
        for path in (ROOT / "ui" / "qml").rglob("*.qml")
        if re.search(r"asynchronous:\s*true", path.read_text())
    ]
    assert asynchronous == []


@pytest.mark.parametrize("jpeg", [None, b"", b"not a picture"])
def test_a_page_that_is_gone_or_broken_is_a_grey_field(qapp, jpeg):
    image = images.Pages(lambda key: jpeg).requestImage("M-BANK/0", QSize(), QSize(144, 192))
    assert (image.width(), image.height()) == (1, 1)


class Desk:
    """Frames with one colour each."""

    def __init__(self):
        self.number = 0

    def latest(self):
        self.number += 1
        return self.number, 320, 180, bytes((10 * self.number % 250, 120, 40)) * (320 * 180)


def test_the_live_desk_is_asked_for_while_it_is_live_and_forgotten_after(open_screen, qtbot, tmp_path):
    desk = Desk()
    screen = open_screen((1080, 1920), frames=desk)
    screen.show(views("zh")["scan"])
    qtbot.waitUntil(lambda: desk.number >= 3)
    screen.grab(tmp_path / "scan.png")
    preview = next(
        item for item in probe.items(screen.window) if item.metaObject().className().startswith("ScanPreview")
    )
    spot = probe.centre_of(preview)
    colour = QImage(str(tmp_path / "scan.png")).pixelColor(spot)
    assert (colour.green(), colour.blue()) == (120, 40)
    screen.show(views("zh")["review"])
    asked = desk.number
    qtbot.wait(120)
    assert desk.number == asked


def test_an_outline_is_drawn_on_the_picture_it_was_found_in(open_screen):
    desk = Desk()
    screen = open_screen((1080, 1920), frames=desk)
    view = views("zh")["scan"]
    assert view.scan.outline
    screen.show(replace(view, scan=replace(view.scan, outline=())))
    screen.terminal.show(view)  # no turn of the loop between: the timer has not asked
    drawn = {item.property("source").toString() for item in probe.items(screen.window) if item.property("source")}
    assert f"image://eye/{desk.number}" in drawn
    asked = desk.number
    screen.terminal.show(replace(view, title="also"))
    assert desk.number == asked


def test_every_icon_that_is_named_is_drawn(qapp):
    drawn = {path.stem for path in images.ICONS.glob("*.svg")}
    named = set(images.WORDS.values())
    for path in (ROOT / "ui" / "qml").rglob("*.qml"):
        named |= set(re.findall(r'\b(?:icon|name): "([a-z-]+)"', path.read_text(encoding="utf-8")))
    for view in views("zh").values():
        named |= {row.icon for row in view.rows} | {tile.icon for tile in view.tiles}
    assert {images.WORDS.get(name, name) for name in named - {""}} - drawn == set()


def test_icons_take_the_colour_asked_for_and_unknown_ones_are_a_sheet_of_paper(qapp):
    icons = images.Icons()
    red = icons.requestImage("check/ff0000", QSize(), QSize(48, 48))
    assert any(red.pixelColor(x, y).red() > 200 for x in range(48) for y in range(48))
    unknown = icons.requestImage("..%2F..%2Fetc/14213d", QSize(), QSize(48, 48))
    assert unknown == icons.requestImage("document/14213d", QSize(), QSize(48, 48))
    assert icons.requestImage("window:社会事务/14213d", QSize(), QSize(48, 48)) == icons.requestImage(
        "social/14213d", QSize(), QSize(48, 48)
    )


def test_no_picture_asks_for_more_than_its_share_of_memory(qapp):
    from PySide6.QtGui import QImageReader

    images.Pages(lambda key: None)
    assert QImageReader.allocationLimit() == images.DECODE_LIMIT_MB


def test_a_taken_page_shows_on_the_scan_screen(open_screen):
    jpeg = cv2.imencode(".jpg", np.full((1200, 900, 3), 230, np.uint8))[1].tobytes()
    asked = []
    screen = open_screen((1080, 1920), page_jpeg=lambda key: asked.append(key) or jpeg)
    screen.show(views("zh")["scan-kept"])
    assert set(asked) == {"M-BANK/0", "M-BANK/1"}
    screen.show(msgspec.structs.replace(views("zh")["review"]))
