"""Modbus RTU: coils that switch relays, discrete inputs that feel contacts. Bytes ↔ values, no port and no clock.

A frame is unit, function, data and CRC-16, low byte first. Here are functions 01, 02, 05 and 0F with their exceptions,
for both ends: the driver encodes requests and decodes answers, the simulator the other way round.
Source: MODBUS Application Protocol Specification V1.1b3 §6 and §7, MODBUS over Serial Line V1.02 §2.5.1 and §6.2.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec

from devices.api import WireFault

BROADCAST = 0
LAST_UNIT = 247
MAX_BITS = 2000  # specification §6.1: what one read may ask for
MAX_FRAME = 256
CRC_BYTES = 2
EXCEPTION = 0x80  # set in the function of an answer that refuses
ON, OFF = 0xFF00, 0x0000  # the two values of function 05


class Function(IntEnum):
    """What is asked."""

    READ_COILS = 0x01
    READ_INPUTS = 0x02
    WRITE_COIL = 0x05
    WRITE_COILS = 0x0F


READS = (Function.READ_COILS, Function.READ_INPUTS)


class Refusal(IntEnum):
    """Exception codes, specification §7."""

    ILLEGAL_FUNCTION = 0x01
    ILLEGAL_ADDRESS = 0x02
    ILLEGAL_VALUE = 0x03
    DEVICE_FAILURE = 0x04
    ACKNOWLEDGE = 0x05
    BUSY = 0x06
    MEMORY_PARITY = 0x08
    GATEWAY_PATH = 0x0A
    GATEWAY_SILENT = 0x0B


class Request(msgspec.Struct, frozen=True):
    """One request. `bits` are what is written; a read asks for `count` and has none."""

    unit: int
    function: Function
    address: int
    count: int = 1
    bits: tuple[bool, ...] = ()


class Answer(msgspec.Struct, frozen=True):
    """One answer: `bits` of a read (filled up to whole bytes), or address and count written, or a refusal's code."""

    unit: int
    function: Function
    bits: tuple[bool, ...] = ()
    address: int = 0
    count: int = 0
    refusal: int = 0


def crc16(data: bytes) -> int:
    """Return the check over `data`: reflected polynomial A001, initial value FFFF."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc


def encode_request(request: Request) -> bytes:
    """Return the frame of a request. Raises: WireFault for one that the specification does not allow."""
    _check(request)
    head = bytes((request.unit, request.function)) + request.address.to_bytes(2, "big")
    match request.function:
        case Function.WRITE_COIL:
            body = (ON if request.bits[0] else OFF).to_bytes(2, "big")
        case Function.WRITE_COILS:
            packed = _pack(request.bits)
            body = len(request.bits).to_bytes(2, "big") + bytes((len(packed),)) + packed
        case _:
            body = request.count.to_bytes(2, "big")
    return _closed(head + body)


def decode_request(frame: bytes) -> Request:
    """Return the request of a frame. Raises: WireFault."""
    unit, function, body = _opened(frame)
    address, number = int.from_bytes(body[:2], "big"), int.from_bytes(body[2:4], "big")
    if function is Function.WRITE_COIL and len(body) == 4 and number in (ON, OFF):
        found = Request(unit, function, address, 1, (number == ON,))
    elif function is Function.WRITE_COILS and len(body) >= 6 and body[4] == len(body) - 5 == _bytes_for(number):
        found = Request(unit, function, address, number, _unpack(body[5:])[:number])
    elif function in READS and len(body) == 4:
        found = Request(unit, function, address, number)
    else:
        raise WireFault("request")
    _check(found)
    return found


def encode_answer(answer: Answer) -> bytes:
    """Return the frame of an answer. Raises: WireFault."""
    if answer.refusal:
        if not 0 < answer.refusal < 256:
            raise WireFault("refusal")
        return _closed(bytes((answer.unit, answer.function | EXCEPTION, answer.refusal)))
    head = bytes((answer.unit, answer.function))
    if answer.function in READS:
        packed = _pack(answer.bits)
        if not 0 < len(packed) <= _bytes_for(MAX_BITS):
            raise WireFault("bits")
        return _closed(head + bytes((len(packed),)) + packed)
    if not 0 <= answer.address < 65536 or not 0 <= answer.count < 65536:
        raise WireFault("range")
    number = (ON if answer.bits[:1] == (True,) else OFF) if answer.function is Function.WRITE_COIL else answer.count
    return _closed(head + answer.address.to_bytes(2, "big") + number.to_bytes(2, "big"))


def decode_answer(frame: bytes) -> Answer:
    """Return the answer of a frame. Raises: WireFault for a wrong length, check or function."""
    if len(frame) == 5 and frame[1] & EXCEPTION:
        unit, function, body = _opened(bytes((frame[0], frame[1] & ~EXCEPTION)) + frame[2:], frame)
        if not body[0]:
            raise WireFault("refusal")
        return Answer(unit, function, refusal=body[0])
    unit, function, body = _opened(frame)
    if function in READS:
        if len(body) < 2 or body[0] != len(body) - 1:
            raise WireFault("answer")
        return Answer(unit, function, bits=_unpack(body[1:]))
    address, number = int.from_bytes(body[:2], "big"), int.from_bytes(body[2:4], "big")
    if len(body) != 4 or (function is Function.WRITE_COIL and number not in (ON, OFF)):
        raise WireFault("answer")
    if function is Function.WRITE_COIL:
        return Answer(unit, function, bits=(number == ON,), address=address, count=1)
    return Answer(unit, function, address=address, count=number)


def is_answer_to(answer: Answer, request: Request) -> bool:
    """Whether an answer belongs to a request: unit, function, and what a write repeats."""
    if (answer.unit, answer.function) != (request.unit, request.function):
        return False
    if answer.refusal:
        return True
    if request.function in READS:
        return len(answer.bits) == 8 * _bytes_for(request.count)
    if request.function is Function.WRITE_COIL:
        return (answer.address, answer.bits) == (request.address, request.bits)
    return (answer.address, answer.count) == (request.address, len(request.bits))


class AnswerDecoder:
    """Finds the answer to one request among what arrives: a line that turns around makes noise before it."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._found = bytearray()

    @property
    def has_heard(self) -> bool:
        """Whether anything has come at all."""
        return bool(self._found)

    def feed(self, data: bytes) -> Answer | None:
        """Take bytes in; return the answer once it is whole. Raises: WireFault("flood") when none comes of too much."""
        self._found += data
        for at in range(len(self._found) - 4):
            length = self._length_at(at)
            if length and at + length <= len(self._found):
                try:
                    answer = decode_answer(bytes(self._found[at : at + length]))
                except WireFault:
                    continue
                if is_answer_to(answer, self._request):
                    return answer
        if len(self._found) > 2 * MAX_FRAME:
            raise WireFault("flood")
        return None

    def _length_at(self, at: int) -> int:
        """Return how long an answer that begins here would be, 0 when none can."""
        unit, function, third = self._found[at : at + 3]
        if unit != self._request.unit:
            return 0
        if function == self._request.function | EXCEPTION:
            return 5
        if function != self._request.function:
            return 0
        return 5 + third if self._request.function in READS else 8


class RequestDecoder:
    """Finds whole requests among what arrives; what is none is dropped byte by byte. For the far end."""

    def __init__(self) -> None:
        self._found = bytearray()

    def feed(self, data: bytes) -> list[Request]:
        """Take bytes in; return the requests that are whole now."""
        self._found += data
        requests: list[Request] = []
        while len(self._found) >= 8:
            length = 9 + self._found[6] if self._found[1] == Function.WRITE_COILS else 8
            if length <= MAX_FRAME:
                if len(self._found) < length:
                    break
                try:
                    requests.append(decode_request(bytes(self._found[:length])))
                except WireFault:
                    length = 1
            else:
                length = 1
            del self._found[:length]
        return requests


def _check(request: Request) -> None:
    """Raise WireFault for what the specification does not allow."""
    if not BROADCAST <= request.unit <= LAST_UNIT:
        raise WireFault("unit")
    is_read = request.function in READS
    count = request.count if is_read else len(request.bits)
    most = {Function.WRITE_COIL: 1, Function.WRITE_COILS: 0x7B0}.get(request.function, MAX_BITS)
    if not 0 < count <= most or not 0 <= request.address <= 65536 - count or (is_read and request.bits):
        raise WireFault("range")


def _closed(data: bytes) -> bytes:
    if not 0 <= data[0] <= LAST_UNIT:
        raise WireFault("unit")
    return data + crc16(data).to_bytes(CRC_BYTES, "little")


def _opened(frame: bytes, checked: bytes = b"") -> tuple[int, Function, bytes]:
    """Return unit, function and what lies between them and a check that holds. Raises: WireFault."""
    whole = checked or frame
    if not 5 <= len(whole) <= MAX_FRAME:
        raise WireFault("length")
    if crc16(whole[:-CRC_BYTES]).to_bytes(CRC_BYTES, "little") != whole[-CRC_BYTES:]:
        raise WireFault("crc")
    if frame[0] > LAST_UNIT or frame[1] not in tuple(Function):
        raise WireFault("function")
    return frame[0], Function(frame[1]), frame[2:-CRC_BYTES]


def _bytes_for(bits: int) -> int:
    return (bits + 7) // 8


def _pack(bits: tuple[bool, ...]) -> bytes:
    """Return bits as bytes, the first in the lowest place (specification §6.1)."""
    return sum(1 << n for n, bit in enumerate(bits) if bit).to_bytes(_bytes_for(len(bits)), "little")


def _unpack(data: bytes) -> tuple[bool, ...]:
    return tuple(bool(byte >> n & 1) for byte in data for n in range(8))
