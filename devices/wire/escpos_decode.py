"""ESC/POS bytes → operations, as a printer takes them: what is urgent at once, the rest one by one.

Chinese bytes outside Chinese mode are refused, because a printer would print them as European letters.
Source: reference/devices.md §9.
"""

from __future__ import annotations

from typing import NoReturn

from devices.api import WireFault
from devices.wire.escpos import (
    CLEAR,
    ESC,
    FS,
    GS,
    LF,
    MAX_QR_BYTES,
    MAX_RASTER_BYTES,
    REAL_TIME,
    Align,
    Ask,
    Bold,
    Chinese,
    ClearBuffer,
    Cut,
    Feed,
    LineFeed,
    Operation,
    Place,
    QrLevel,
    QrModel,
    QrPrint,
    QrSize,
    QrStore,
    Raster,
    RealTime,
    Reset,
    Size,
    Text,
)
from devices.wire.escpos_more import take_more

_STARTS = (*(CLEAR[:n] for n in range(len(CLEAR) - 1, 0, -1)), b"\x10\x04")  # of a real-time command


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
        found = tuple(_real_time(match[0]) for match in REAL_TIME.finditer(data))
        rest = REAL_TIME.sub(b"", data)
        self._held = next((start for start in _STARTS if rest.endswith(start)), b"")
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
