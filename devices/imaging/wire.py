"""The words between the product and its eye: number, message, payload over one socket pair."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable

import msgspec

from devices.api import Cancelled, Deadline, TimedOut, WireFault
from devices.imaging.values import Answer, Request

HEAD = struct.Struct(">III")  # request number, bytes of the message, bytes of the payload
MAX_MESSAGE = 1_000_000
MAX_PAYLOAD = 64_000_000
MIDWAY_S = 1.0  # a message that has begun may end after the caller's deadline: it cannot be taken back, only broken off

_encode = msgspec.msgpack.Encoder().encode
_decode_answer: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)
_decode_request: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)


def send(write: Callable[[bytes], object], number: int, message: Request | Answer, payload: bytes = b"") -> None:
    """Write one message and its payload. Raises: what `write` raises."""
    body = _encode(message)
    write(HEAD.pack(number, len(body), len(payload)) + body)
    if payload:
        write(payload)


def receive_answer(read: Callable[[int], bytes]) -> tuple[int, Answer, bytes]:
    """Return the next answer, its number and payload. Raises: WireFault, and what `read` raises."""
    number, body, payload = _receive(read)
    try:
        return number, _decode_answer.decode(body), payload
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise WireFault("eye_answer", "not a message of ours") from error


def receive_request(read: Callable[[int], bytes]) -> tuple[int, Request, bytes]:
    """Return the next request, its number and payload. Raises: WireFault, and what `read` raises."""
    number, body, payload = _receive(read)
    try:
        return number, _decode_request.decode(body), payload
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise WireFault("eye_request", "not a message of ours") from error


def read_exactly(link: socket.socket, count: int) -> bytes:
    """Return exactly `count` bytes. Raises: EOFError where the other end closed, OSError."""
    data = bytearray(count)
    view, at = memoryview(data), 0
    while at < count:
        got = link.recv_into(view[at:])
        if got == 0:
            raise EOFError
        at += got
    return bytes(data)


class Patience:
    """Speaks with the eye until a deadline, waking to see whether it was called off."""

    def __init__(self, link: socket.socket, deadline: Deadline, most_s: float) -> None:
        self._link, self._deadline = link, deadline
        self._until = time.monotonic() + most_s
        self._midway_until = 0.0
        self.is_midway = False

    def is_over(self) -> bool:
        """Whether the process had its time, whatever the caller's deadline says."""
        return time.monotonic() >= self._until

    def write(self, data: bytes) -> None:
        """Send all bytes. Raises: TimedOut, Cancelled before the first byte or MIDWAY_S after it, OSError."""
        view = memoryview(data)
        while view:
            if self._deadline.cancelled.is_set() and time.monotonic() >= self._midway_until:
                raise Cancelled("eye")
            self._link.settimeout(self._slice_s())
            try:
                view = view[self._link.send(view[: 1 << 20]) :]
            except TimeoutError:
                continue
            self._begin()

    def read(self, count: int) -> bytes:
        """Return exactly `count` bytes. Raises: TimedOut, Cancelled between two messages, EOFError, OSError."""
        data = bytearray()
        while len(data) < count:
            if self._deadline.cancelled.is_set() and not self.is_midway:
                raise Cancelled("eye")
            self._link.settimeout(self._slice_s())
            try:
                part = self._link.recv(min(count - len(data), 1 << 20))
            except TimeoutError:
                continue
            if not part:
                raise EOFError
            self._begin()
            data += part
        return bytes(data)

    def _begin(self) -> None:
        if not self.is_midway:
            self.is_midway, self._midway_until = True, time.monotonic() + MIDWAY_S

    def _slice_s(self) -> float:
        """Return how long the next wait may last, seconds. Raises: TimedOut."""
        now = time.monotonic()
        left = min(max(self._deadline.left_s(), self._midway_until - now), self._until - now)
        if left <= 0:
            raise TimedOut("eye")
        return min(left, 0.1)


def _receive(read: Callable[[int], bytes]) -> tuple[int, bytes, bytes]:
    number, body, payload = HEAD.unpack(read(HEAD.size))
    if body > MAX_MESSAGE or payload > MAX_PAYLOAD:
        raise WireFault("eye_length", f"{body} and {payload} bytes")
    return number, read(body), read(payload)
