"""A screen's picture as PNG."""

from __future__ import annotations

import struct
import zlib

from PySide6.QtGui import QImage

TRUE_COLOUR = (8, 2, 0, 0, 0)  # bits a sample, RGB, deflate, the five filters, not interlaced
NO_FILTER = b"\0"


def encode_png(picture: QImage) -> bytes:
    """Return a picture as the bytes of a PNG file, without its transparency.

    Rows stay as they are: in the flat colours of a screen nothing is won by the filters that Qt tries on each row, and
    they take two thirds of its time. Zlib's fastest level, for the same reason.
    """
    plain = picture.convertToFormat(QImage.Format.Format_RGB888)
    width, height, step = plain.width(), plain.height(), plain.bytesPerLine()
    pixels = bytes(plain.constBits())
    rows = [pixels[at : at + 3 * width] for at in range(0, height * step, step)]
    data = zlib.compress(NO_FILTER + NO_FILTER.join(rows), 1)
    head = struct.pack(">IIBBBBB", width, height, *TRUE_COLOUR)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(name)))
