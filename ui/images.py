"""Pictures for QML: drawn icons, the live desk, taken pages, codes to photograph.

QML names a picture by `image://…` only; what stands behind the name is checked here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QSize, Qt
from PySide6.QtGui import QColor, QImage, QImageReader, QPainter
from PySide6.QtQuick import QQuickImageProvider
from PySide6.QtSvg import QSvgRenderer

from kiosk.session.view import Frames

ICONS = Path(__file__).resolve().parent.parent / "assets" / "icons"
NAME = re.compile(r"[a-z][a-z0-9-]{0,40}")
DECODE_LIMIT_MB = 128  # reference/security.md §8: a picture never asks for more memory than this
INK = "#14213D"  # the colour icons are drawn in; replaced by the one asked for

# What the drawn pictures' colours become in the high-contrast theme (black, white, yellow).
HIGH = {
    "#14213D": "#FFFFFF",
    "#43506A": "#FFFFFF",
    "#09508B": "#FFE100",
    "#083F70": "#FFE100",
    "#E8F1F9": "#262626",
    "#F5F7FA": "#000000",
    "#FFFFFF": "#000000",
    "#D5DCE6": "#8C8C8C",
    "#B9D3E8": "#4D4D4D",
    "#8FB8DA": "#666666",
    "#7A4700": "#FFE100",
    "#14603B": "#FFFFFF",
}

# The attract screen's scene in that theme: night over the lake, boat and pavilion in yellow.
NIGHT = HIGH | {
    "#09508B": "#262626",
    "#E8F1F9": "#000000",
    "#B9D3E8": "#404040",
    "#8FB8DA": "#595959",
    "#F5F7FA": "#FFFFFF",
    "#FFFFFF": "#FFF59A",
}

# A tile without an icon of its own takes the one of its word in the catalogue's vocabularies.
WORDS = {
    "投资项目": "project",
    "不动产登记": "estate",
    "商事登记": "business",
    "社会事务": "social",
    "医保社保": "medical",
    "公安服务": "police",
    "其他综合事务": "other",
    "教育": "education",
    "医疗": "medical",
    "社保": "insurance",
    "户籍": "household",
    "养老": "eldercare",
    "住房": "housing",
    "交通": "transport",
    "环保": "environment",
    "食品安全": "food",
    "公共服务": "public",
}


class Icons(QQuickImageProvider):
    """`image://icon/<name>/<rrggbb>` in one colour, `image://icon/<name>/normal|high|night` as drawn."""

    def __init__(self) -> None:
        super().__init__(QQuickImageProvider.ImageType.Image)

    def requestImage(self, id_: str, size: QSize, requested: QSize) -> QImage:  # noqa: N802  Qt's name
        """Return the drawn icon at the requested size."""
        name, _, tint = id_.rpartition("/")
        source = _drawing(unquote(name))
        if tint in ("high", "night"):
            for plain, high in (NIGHT if tint == "night" else HIGH).items():
                source = source.replace(plain, f"@{high[1:]}")
            source = source.replace("@", "#")
        elif tint != "normal":
            source = source.replace(INK, QColor(f"#{tint}").name())
        renderer = QSvgRenderer(QByteArray(source.encode()))
        target = renderer.defaultSize()
        target.scale(_asked(requested, target), Qt.AspectRatioMode.KeepAspectRatio)
        image = QImage(target, QImage.Format.Format_ARGB32_Premultiplied)
        image.fill(Qt.GlobalColor.transparent)
        painter = QPainter(image)
        renderer.render(painter)
        painter.end()
        return image


@lru_cache(maxsize=128)
def _drawing(name: str) -> str:
    for word in (name, WORDS.get(name.rpartition(":")[2], ""), "document"):
        path = ICONS / f"{word}.svg"
        if NAME.fullmatch(word) and path.is_file():
            return path.read_text(encoding="utf-8")
    raise FileNotFoundError(ICONS / "document.svg")


def _asked(requested: QSize, otherwise: QSize) -> QSize:
    width = requested.width() if requested.width() > 0 else otherwise.width()
    height = requested.height() if requested.height() > 0 else otherwise.height()
    return QSize(min(width, 4096), min(height, 4096))


class Eye(QQuickImageProvider):
    """`image://eye/<number>`: the newest preview. The number only makes QML ask again."""

    def __init__(self, frames: Frames | None) -> None:
        super().__init__(QQuickImageProvider.ImageType.Image)
        self._frames = frames
        self._frame: tuple[int, int, int, bytes] | None = None

    def poll(self) -> int:
        """Fetch the newest frame and return its number; 0 while there is none."""
        if self._frames is not None:
            self._frame = self._frames.latest()
        return self._frame[0] if self._frame is not None else 0

    def clear(self) -> None:
        """Forget the frame."""
        self._frame = None

    def requestImage(self, id_: str, size: QSize, requested: QSize) -> QImage:  # noqa: N802  Qt's name
        """Return the frame as it came, or one grey pixel."""
        if self._frame is None:
            return _grey()
        _, width, height, rgb = self._frame
        return QImage(rgb, width, height, 3 * width, QImage.Format.Format_RGB888).convertToFormat(
            QImage.Format.Format_RGB32
        )


class Pages(QQuickImageProvider):
    """`image://page/<material>/<index>`: a page just taken, as a thumbnail; decoded once, forgotten with the visit."""

    def __init__(self, page_jpeg: Callable[[str], bytes | None]) -> None:
        super().__init__(QQuickImageProvider.ImageType.Image)
        self._page_jpeg = page_jpeg
        self._decoded: dict[str, tuple[bytes, QSize, QImage]] = {}
        QImageReader.setAllocationLimit(DECODE_LIMIT_MB)

    def warm(self) -> None:
        """Load what decodes a page: the first one in a visit would wait 10 ms for it."""
        buffer = QBuffer()
        buffer.open(QIODevice.OpenModeFlag.WriteOnly)
        _grey().save(buffer, "JPEG")
        self._decode(bytes(buffer.data().data()), QSize())

    def forget(self) -> None:
        """Keep no picture: the visit is over."""
        self._decoded = {}

    def requestImage(self, id_: str, size: QSize, requested: QSize) -> QImage:  # noqa: N802  Qt's name
        """Return the page, decoded no larger than it is shown."""
        jpeg = self._page_jpeg(unquote(id_))
        if not jpeg:
            self._decoded.pop(id_, None)
            return _grey()
        known = self._decoded.get(id_)
        if known is not None and known[0] is jpeg and known[1] == requested:  # a page taken anew is other bytes
            return known[2]
        image = self._decode(jpeg, requested)
        self._decoded[id_] = (jpeg, QSize(requested), image)
        return image

    def _decode(self, jpeg: bytes, requested: QSize) -> QImage:
        buffer = QBuffer()
        buffer.setData(QByteArray(jpeg))
        buffer.open(QIODevice.OpenModeFlag.ReadOnly)
        reader = QImageReader(buffer, QByteArray(b"jpeg"))
        full = reader.size()
        if full.isValid():
            full.scale(_asked(requested, full), Qt.AspectRatioMode.KeepAspectRatio)
            reader.setScaledSize(full)
        image = reader.read()
        return image if not image.isNull() else _grey()


class Codes(QQuickImageProvider):
    """`image://code/<payload>`: a QR code, black on white with its quiet zone, whole dots a module."""

    def __init__(self) -> None:
        super().__init__(QQuickImageProvider.ImageType.Image)

    def requestImage(self, id_: str, size: QSize, requested: QSize) -> QImage:  # noqa: N802  Qt's name
        """Return the code at the largest whole multiple that fits the requested size."""
        import segno  # not on the way to the first frame

        matrix = tuple(segno.make_qr(unquote(id_), error="m").matrix_iter(scale=1, border=4))
        side = len(matrix)
        image = QImage(side, side, QImage.Format.Format_RGB32)
        image.fill(Qt.GlobalColor.white)
        black = QColor(Qt.GlobalColor.black)
        for y, line in enumerate(matrix):
            for x, dark in enumerate(line):
                if dark:
                    image.setPixelColor(x, y, black)
        asked = _asked(requested, QSize(side * 8, side * 8))
        scale = max(1, min(asked.width(), asked.height()) // side)
        return image.scaled(side * scale, side * scale)


def _grey() -> QImage:
    image = QImage(1, 1, QImage.Format.Format_RGB32)
    image.fill(QColor("#D5DCE6"))
    return image
