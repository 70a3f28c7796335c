"""The words between the product and its eye: number, message, payload over one socket pair."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable

import msgspec

from devices.api import WireFault
from devices.imaging.values import Answer, Request

HEAD = struct.Struct(">III")  # request number, bytes of the message, bytes of the payload
MAX_MESSAGE = 1_000_000
MAX_PAYLOAD = 64_000_000

_encode = msgspec.msgpack.Encoder().encode
_decode_answer: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)
_decode_request: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)


def send(link: socket.socket, number: int, message: Request | Answer, payload: bytes = b"") -> None:
    """Write one message and its payload. Raises: OSError where the other end is gone."""
    body = _encode(message)
    link.sendall(HEAD.pack(number, len(body), len(payload)) + body)
    if payload:
        link.sendall(payload)


def receive_answer(read: Callable[[int], bytes]) -> tuple[int, Answer, bytes]:
    """Return the next answer, its number and payload. Raises: WireFault, and what `read` raises."""
    number, body, payload = _receive(read)
    try:
        return number, _decode_answer.decode(body), payload
    except msgspec.MsgspecError as error:
        raise WireFault("eye_answer", "not a message of ours") from error


def receive_request(read: Callable[[int], bytes]) -> tuple[int, Request, bytes]:
    """Return the next request, its number and payload. Raises: WireFault, and what `read` raises."""
    number, body, payload = _receive(read)
    try:
        return number, _decode_request.decode(body), payload
    except msgspec.MsgspecError as error:
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


def _receive(read: Callable[[int], bytes]) -> tuple[int, bytes, bytes]:
    number, body, payload = HEAD.unpack(read(HEAD.size))
    if body > MAX_MESSAGE or payload > MAX_PAYLOAD:
        raise WireFault("eye_length", f"{body} and {payload} bytes")
    return number, read(body), read(payload)
