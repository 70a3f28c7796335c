"""A screen's picture as PNG: what any reader of pictures finds in it."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from PySide6.QtGui import QColor, QImage

from ui.png import encode_png


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (640, 33)])  # rows of 3 and 15 bytes are padded by Qt
def test_another_reader_finds_the_same_pixels(size: tuple[int, int]) -> None:
    width, height = size
    picture = QImage(width, height, QImage.Format.Format_RGB32)
    colours = [(x * 7 % 256, y * 31 % 256, (x ^ y) % 256) for y in range(height) for x in range(width)]
    for at, colour in enumerate(colours):
        picture.setPixelColor(at % width, at // width, QColor(*colour))
    with Image.open(io.BytesIO(encode_png(picture))) as read:
        assert (read.format, read.mode, read.size) == ("PNG", "RGB", size)
        assert read.tobytes() == bytes(value for colour in colours for value in colour)
    again = QImage.fromData(encode_png(picture))
    assert again.convertToFormat(QImage.Format.Format_RGB32) == picture
