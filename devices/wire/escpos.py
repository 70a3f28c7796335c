"""ESC/POS as a receipt printer hears it: operations, and operations → bytes.

Only what a slip needs and every printer of the family knows: ESC @ a d E, GS ! V ( k v 0, FS & ., LF, DLE EOT,
DLE DC4. Text travels as GB18030 in Chinese mode. The way back is escpos_decode, a printer's answers escpos_status.
Source: reference/devices.md §9.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Literal

import msgspec

from devices.api import WireFault
from devices.wire.escpos_more import More, encode_more

ESC, FS, GS, DLE, LF = 0x1B, 0x1C, 0x1D, 0x10, 0x0A
DOTS_PER_MM = 8  # 203 dpi heads, 80 mm paper: 576 dots of 72 mm
COLUMN_DOTS = 12  # font A 12×24, Chinese 24×24
LINE_DOTS = 30  # default line pitch, 3.75 mm
MAX_RASTER_BYTES = 72 * 4096  # half a metre of paper; a longer picture is a length field gone wrong
MAX_QR_BYTES = 331  # version 13, level M, byte mode: 69 modules, 552 dots at 8 dots each


class Align(IntEnum):
    """ESC a n."""

    LEFT = 0
    CENTER = 1
    RIGHT = 2


class Reset(msgspec.Struct, frozen=True, tag="reset"):
    """ESC @: forget every mode and what is not yet printed."""


class Chinese(msgspec.Struct, frozen=True, tag="chinese"):
    """FS & and FS . : bytes from 81 on are GB18030, or letters of a code page."""

    is_on: bool


class Place(msgspec.Struct, frozen=True, tag="place"):
    """ESC a: where the next lines stand."""

    align: Align


class Size(msgspec.Struct, frozen=True, tag="size"):
    """GS !: how many times wider and higher, 1 to 8."""

    width: int
    height: int


class Bold(msgspec.Struct, frozen=True, tag="bold"):
    """ESC E."""

    is_on: bool


class Text(msgspec.Struct, frozen=True, tag="text"):
    """Characters for the line that is being set."""

    text: str


class LineFeed(msgspec.Struct, frozen=True, tag="lf"):
    """Print the line and advance."""


class Feed(msgspec.Struct, frozen=True, tag="feed"):
    """ESC d: print and advance by lines, 0 to 255."""

    lines: int


class Raster(msgspec.Struct, frozen=True, tag="raster"):
    """GS v 0: a picture, rows of whole bytes, most significant bit left, 1 = black."""

    width_bytes: int
    height: int
    data: bytes


class QrModel(msgspec.Struct, frozen=True, tag="qr_model"):
    """GS ( k function 65: model 1 (49) or 2 (50)."""

    model: int = 50


class QrSize(msgspec.Struct, frozen=True, tag="qr_size"):
    """GS ( k function 67: dots a module, 1 to 16."""

    dots: int


class QrLevel(msgspec.Struct, frozen=True, tag="qr_level"):
    """GS ( k function 69: L 48, M 49, Q 50, H 51."""

    level: int


class QrStore(msgspec.Struct, frozen=True, tag="qr_store"):
    """GS ( k function 80: keep the payload."""

    payload: bytes


class QrPrint(msgspec.Struct, frozen=True, tag="qr_print"):
    """GS ( k function 81: print what was kept."""


class Cut(msgspec.Struct, frozen=True, tag="cut"):
    """GS V: cut here, or (feed_dots given) feed to the cutter first."""

    is_partial: bool = True
    feed_dots: int | None = 0


class Ask(msgspec.Struct, frozen=True, tag="ask"):
    """DLE EOT n, obeyed at once: 1 printer, 2 offline cause, 3 error, 4 paper."""

    n: Literal[1, 2, 3, 4]


class ClearBuffer(msgspec.Struct, frozen=True, tag="clear"):
    """DLE DC4 8, obeyed at once: drop everything received and not yet printed; cheap printers do not know it."""


RealTime = Ask | ClearBuffer
Operation = (
    Reset
    | Chinese
    | Place
    | Size
    | Bold
    | Text
    | LineFeed
    | Feed
    | Raster
    | QrModel
    | QrSize
    | QrLevel
    | QrStore
    | QrPrint
    | Cut
    | More
    | RealTime
)

CLEAR = bytes((DLE, 0x14, 8, 1, 3, 20, 1, 6, 2, 8))
CLEARED = bytes((0x37, 0x25, 0x00))  # the answer to it in Epson's and Citizen's manuals; no status has bit 0 set
# A printer obeys these even inside a picture's bytes, so nothing else we send may hold them.
REAL_TIME = re.compile(rb"\x10(?:\x04[\x01-\x04]|\x14\x08\x01\x03\x14\x01\x06\x02\x08)")
_CONTROL = re.compile("[\x00-\x1f\x7f\x80]")
_RISKY = re.compile(rb"\x10[\x04\x05\x14]")


def encode(operations: tuple[Operation, ...]) -> bytes:
    """Return the bytes of operations. Raises: WireFault if a number is out of range or a picture holds a command."""
    return b"".join(encode_operation(operation) for operation in operations)


def encode_operation(operation: Operation) -> bytes:  # noqa: PLR0911, PLR0912 - one arm a command
    """Return the bytes of one operation. Raises: WireFault."""
    match operation:
        case Reset():
            return bytes((ESC, 0x40))
        case Chinese(is_on):
            return bytes((FS, 0x26 if is_on else 0x2E))
        case Place(align):
            return bytes((ESC, 0x61, align))
        case Size(width, height):
            return bytes((GS, 0x21, (_within(width, 1, 8) - 1) << 4 | (_within(height, 1, 8) - 1)))
        case Bold(is_on):
            return bytes((ESC, 0x45, is_on))
        case Text(text):
            return encode_text(text)
        case LineFeed():
            return bytes((LF,))
        case Feed(lines):
            return bytes((ESC, 0x64, _within(lines, 0, 255)))
        case Raster():
            return _encode_raster(operation)
        case QrModel(model):
            return _qr(65, _within(model, 49, 50), 0)
        case QrSize(dots):
            return _qr(67, _within(dots, 1, 16))
        case QrLevel(level):
            return _qr(69, _within(level, 48, 51))
        case QrStore(payload):
            return _encode_store(payload)
        case QrPrint():
            return _qr(81, 48)
        case Cut(is_partial, None):
            return bytes((GS, 0x56, is_partial))
        case Cut(is_partial, feed_dots):
            return bytes((GS, 0x56, 65 + is_partial, _within(feed_dots or 0, 0, 255)))
        case Ask(n):
            return bytes((DLE, 0x04, _within(n, 1, 4)))
        case More():
            return encode_more(operation)
        case _:
            return CLEAR


def encode_text(text: str) -> bytes:
    """Return GB18030 bytes of one line's text. Raises: WireFault on a control character or a lone surrogate."""
    if _CONTROL.search(text):
        raise WireFault("text_control")
    try:
        return text.encode("gb18030")
    except UnicodeEncodeError as error:
        raise WireFault("text_code") from error


def is_in_font(text: str) -> bool:
    """Whether a Chinese receipt printer has each character: ASCII and GBK. Beyond that fonts differ; we draw it."""
    try:
        code = text.encode("gbk")
    except UnicodeEncodeError:
        return False
    return code == text.encode("gb18030") and _CONTROL.search(text) is None


def defuse(data: bytes) -> bytes:
    """Return picture bytes in which no pair looks like a real-time command; one dot turns black for each."""
    return _RISKY.sub(lambda pair: bytes((DLE, pair[0][1] | 0x08)), data)


def _encode_raster(raster: Raster) -> bytes:
    width, height = raster.width_bytes, raster.height
    if not 0 < width * height <= MAX_RASTER_BYTES or width * height != len(raster.data) or width < 0:
        raise WireFault("raster_size")
    head = bytes((GS, 0x76, 0x30, 0)) + width.to_bytes(2, "little") + height.to_bytes(2, "little")
    return _harmless(head + raster.data)


def _encode_store(payload: bytes) -> bytes:
    if not 0 < len(payload) <= MAX_QR_BYTES:
        raise WireFault("qr_size")
    return _harmless(_qr(80, 48, *payload))


def _qr(function: int, *parameters: int) -> bytes:
    length = 2 + len(parameters)
    return bytes((GS, 0x28, 0x6B)) + length.to_bytes(2, "little") + bytes((49, function, *parameters))


def _within(value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise WireFault("parameter")
    return value


def _harmless(raw: bytes) -> bytes:
    if REAL_TIME.search(raw):
        raise WireFault("real_time_inside")
    return raw
