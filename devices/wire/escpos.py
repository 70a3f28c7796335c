"""ESC/POS as a receipt printer hears it: operations ↔ bytes, and the status byte both ways.

Only what a slip needs and every printer of the family knows: ESC @ a d E, GS ! V ( k v 0, FS & ., LF, DLE EOT,
DLE DC4. Text travels as GB18030 in Chinese mode; the decoder refuses Chinese bytes outside it, because a printer
would print them as European letters. Source: reference/devices.md §9.
"""

from __future__ import annotations

import re
from enum import IntEnum, IntFlag
from typing import Literal, NoReturn

import msgspec

from devices.api import WireFault
from devices.wire.escpos_more import More, encode_more, take_more

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
_REAL_TIME = re.compile(rb"\x10(?:\x04[\x01-\x04]|\x14\x08\x01\x03\x14\x01\x06\x02\x08)")
_REAL_TIME_STARTS = (*(CLEAR[:n] for n in range(len(CLEAR) - 1, 0, -1)), b"\x10\x04")
_RISKY = re.compile(rb"\x10[\x04\x05\x14]")


# ── encode ─────────────────────────────────────────────────────────────────────────────────


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
    if any(character < " " or "\x7f" <= character <= "\x80" for character in text):
        raise WireFault("text_control")
    try:
        return text.encode("gb18030")
    except UnicodeEncodeError as error:
        raise WireFault("text_code") from error


def is_in_font(character: str) -> bool:
    """Whether a Chinese receipt printer has the character: ASCII and GBK. Beyond that fonts differ; we draw it."""
    if " " <= character <= "~":
        return True
    try:
        code = character.encode("gbk")
    except UnicodeEncodeError:
        return False
    return len(code) == 2 and code == character.encode("gb18030")


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
    if _REAL_TIME.search(raw):
        raise WireFault("real_time_inside")
    return raw


# ── decode ─────────────────────────────────────────────────────────────────────────────────


def decode(data: bytes) -> tuple[Operation, ...]:
    """Return the operations of a whole stream, real-time ones first as a printer obeys them.

    Raises: WireFault on an unknown command, text outside Chinese mode or a cut-off end.
    """
    decoder = Decoder()
    operations: list[Operation] = list(decoder.feed(data))
    decoder.end()
    while (found := decoder.take()) is not None:
        operations.append(found[0])
    if decoder.pending:
        raise WireFault("cut_off")
    return tuple(operations)


class Decoder:
    """Bytes in as they arrive; real-time commands out at once, the others one by one with their raw bytes."""

    def __init__(self, *, knows_more: bool = False) -> None:
        """`knows_more`: take the commands of other programs too, instead of refusing what we never send."""
        self._knows_more = knows_more
        self._held = b""  # may yet become a real-time command
        self._buffer = b""
        self._is_chinese = False

    @property
    def pending(self) -> bytes:
        """Return what has arrived and is not a whole command yet."""
        return self._buffer + self._held

    def feed(self, data: bytes) -> tuple[RealTime, ...]:
        """Take bytes in and return the real-time commands among them."""
        data = self._held + data
        found = tuple(_real_time(match[0]) for match in _REAL_TIME.finditer(data))
        rest = _REAL_TIME.sub(b"", data)
        self._held = next((start for start in _REAL_TIME_STARTS if rest.endswith(start)), b"")
        self._buffer += rest[: len(rest) - len(self._held)]
        return found

    def take(self) -> tuple[Operation, bytes] | None:
        """Return the next whole operation with its bytes, or None. Raises: WireFault, having dropped one byte."""
        try:
            found = _take(self._buffer, self._is_chinese, self._knows_more)
        except WireFault:
            self._buffer = self._buffer[1:]
            raise
        if found is None:
            return None
        operation, used = found
        raw, self._buffer = self._buffer[:used], self._buffer[used:]
        if isinstance(operation, Chinese):
            self._is_chinese = operation.is_on
        elif isinstance(operation, Reset):
            self._is_chinese = False
        return operation, raw

    def end(self) -> None:
        """Say that nothing more comes: what looked like the start of a real-time command is data."""
        self._buffer, self._held = self._buffer + self._held, b""

    def clear(self) -> None:
        """Forget what has arrived, as DLE DC4 does."""
        self._held = self._buffer = b""


_Found = tuple[Operation, int] | None


def _real_time(raw: bytes) -> RealTime:
    return ClearBuffer() if raw == CLEAR else Ask(raw[2])  # type: ignore[arg-type]  # the pattern allows 1 to 4


def _take(data: bytes, is_chinese: bool, knows_more: bool) -> _Found:
    if not data:
        return None
    if data[0] == LF:
        return LineFeed(), 1
    if data[0] in (ESC, FS, GS):
        return _take_command(data, knows_more)
    if 0x20 <= data[0] <= 0x7E or data[0] >= 0x81:
        return _take_text(data, is_chinese)
    raise WireFault("unknown_command", data[:2].hex(" "))


def _take_text(data: bytes, is_chinese: bool) -> _Found:
    """One run of characters, up to a control byte or a character whose end has not arrived."""
    at = 0
    while at < len(data):
        if 0x20 <= data[at] <= 0x7E:
            at += 1
            continue
        if not 0x81 <= data[at] <= 0xFE:
            break
        if not is_chinese:
            if at:
                break
            raise WireFault("text_outside_chinese_mode", data[:2].hex(" "))
        length = 4 if len(data) > at + 1 and 0x30 <= data[at + 1] <= 0x39 else 2
        if len(data) < at + length:
            break
        at += length
    if at == 0:
        if data[0] == 0xFF:
            raise WireFault("unknown_command", data[:2].hex(" "))
        return None
    try:
        return Text(data[:at].decode("gb18030")), at
    except UnicodeDecodeError as error:
        raise WireFault("text_code", data[:4].hex(" ")) from error


def _take_command(data: bytes, knows_more: bool) -> _Found:
    if len(data) < 2:
        return None
    lead, letter = data[0], data[1]
    plain: dict[tuple[int, int], Operation] = {
        (ESC, 0x40): Reset(),
        (FS, 0x26): Chinese(True),
        (FS, 0x2E): Chinese(False),
    }
    if (lead, letter) in plain:
        return plain[lead, letter], 2
    takers = {
        (ESC, 0x61): _take_align,
        (ESC, 0x45): lambda raw: (Bold(bool(raw[2] & 1)), 3),
        (ESC, 0x64): lambda raw: (Feed(raw[2]), 3),
        (GS, 0x21): _take_size,
        (GS, 0x56): _take_cut,
        (GS, 0x28): _take_qr,
        (GS, 0x76): _take_raster,
    }
    if (lead, letter) not in takers:
        try:
            return take_more(data) if knows_more else _unknown(data)
        except KeyError:
            _unknown(data)
    return takers[lead, letter](data) if len(data) > 2 else None


def _unknown(data: bytes) -> NoReturn:
    raise WireFault("unknown_command", data[:2].hex(" ")) from None


def _take_align(data: bytes) -> _Found:
    return Place(Align(_known(data[2] & ~0x30 if data[2] >= 48 else data[2], range(3), data))), 3


def _take_size(data: bytes) -> _Found:
    _known(data[2] & 0x88, (0,), data)
    return Size((data[2] >> 4) + 1, (data[2] & 7) + 1), 3


def _take_cut(data: bytes) -> _Found:
    mode = _known(data[2], (0, 1, 48, 49, 65, 66), data)
    if mode < 65:
        return Cut(bool(mode & 1), None), 3
    return (Cut(mode == 66, data[3]), 4) if len(data) > 3 else None


def _take_raster(data: bytes) -> _Found:
    _known(data[2], (0x30,), data)
    if len(data) < 8:
        return None
    _known(data[3], (0, 48), data)
    width, height = int.from_bytes(data[4:6], "little"), int.from_bytes(data[6:8], "little")
    size = width * height
    if not 0 < size <= MAX_RASTER_BYTES:
        raise WireFault("raster_size")
    return (Raster(width, height, data[8 : 8 + size]), 8 + size) if len(data) >= 8 + size else None


def _take_qr(data: bytes) -> _Found:
    _known(data[2], (0x6B,), data)
    if len(data) < 5:
        return None
    length = int.from_bytes(data[3:5], "little")
    if not 3 <= length <= MAX_QR_BYTES + 3:
        raise WireFault("qr_size")
    if len(data) < 5 + length:
        return None
    _known(data[5], (49,), data)
    function, parameters = data[6], data[7 : 5 + length]
    return _qr_operation(function, parameters, data), 5 + length


def _qr_operation(function: int, parameters: bytes, data: bytes) -> Operation:
    if function == 80 and len(parameters) > 1:
        _known(parameters[0], (48,), data)
        return QrStore(parameters[1:])
    _known(len(parameters), (2,) if function == 65 else (1,), data)
    first = parameters[0]
    match _known(function, (65, 67, 69, 81), data):
        case 65:
            _known(parameters[1], (0,), data)
            return QrModel(_known(first, (49, 50), data))
        case 67:
            return QrSize(_known(first, range(1, 17), data))
        case 69:
            return QrLevel(_known(first, range(48, 52), data))
        case _:
            _known(first, (48,), data)
            return QrPrint()


def _known(value: int, allowed: range | tuple[int, ...], data: bytes) -> int:
    if value not in allowed:
        raise WireFault("unknown_command", data[:8].hex(" "))
    return value


# ── status ─────────────────────────────────────────────────────────────────────────────────


class Signal(IntFlag):
    """What the status bytes tell. Several may hold at once; none means all is well."""

    NONE = 0
    OFFLINE = 1
    COVER_OPEN = 2
    PAPER_END = 4
    PAPER_LOW = 8
    ERROR = 16
    CUTTER = 32
    UNRECOVERABLE = 64
    AUTO_RECOVERABLE = 128


_STATUS_BITS: dict[int, tuple[tuple[Signal, int], ...]] = {
    1: ((Signal.OFFLINE, 0x08),),
    2: ((Signal.COVER_OPEN, 0x04), (Signal.PAPER_END, 0x20), (Signal.ERROR, 0x40)),
    3: ((Signal.CUTTER, 0x08), (Signal.UNRECOVERABLE, 0x20), (Signal.AUTO_RECOVERABLE, 0x40)),
    4: ((Signal.PAPER_LOW, 0x0C), (Signal.PAPER_END, 0x60)),
}


def encode_status(n: int, signals: Signal) -> bytes:
    """Return a printer's one answer byte to DLE EOT n."""
    byte = 0x12
    for signal, bits in _STATUS_BITS[n]:
        if signal in signals:
            byte |= bits
    return bytes((byte,))


def decode_status(n: int, answer: bytes) -> Signal:
    """Return what one answer byte to DLE EOT n tells. Raises: WireFault when it is not one byte or a fixed bit is off.

    Source: reference/devices.md §9.2; 12 when all is well, 16 with the drawer pin high.
    """
    if len(answer) != 1 or answer[0] & 0x93 != 0x12:
        raise WireFault("status_bits")
    signals = Signal.NONE
    for signal, bits in _STATUS_BITS[n]:
        if answer[0] & bits:
            signals |= signal
    if n == 3 and answer[0] != 0x12:
        signals |= Signal.ERROR
    return signals
