"""SAM-V over USB bulk endpoints: which takes which bytes, and which is asked next. Two framings, sources disagree.

Split: the first seven bytes (preamble and LEN) go one way, the rest another; two endpoints out, two in.
Whole: one endpoint out, one in, the answer in packets of 64 bytes.
Source: reference/devices.md §4.8; neither framing has met a reader. Pure; the only error is WireFault.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from devices.api import WireFault
from devices.wire.samv import LENGTH_END, MAX_LEN, MIN_LEN, PREAMBLE

IN = 0x80  # the bit of an endpoint's address that means towards us
PACKET = 64  # a full-speed bulk packet; a buffer of whole packets never overflows


class Framing(StrEnum):
    """How a frame lies on the endpoints."""

    SPLIT = "split"
    WHOLE = "whole"


class Ways(msgspec.Struct, frozen=True):
    """The endpoints by direction, the one for the head first."""

    framing: Framing
    outs: tuple[int, ...]
    ins: tuple[int, ...]


def choose_ways(endpoints: tuple[int, ...]) -> Ways:
    """Return the framing that a device's bulk endpoints mean: four → split, two → whole.

    Raises: WireFault("usb_endpoints") for any other set.
    """
    ins = tuple(sorted(one for one in endpoints if one & IN))
    outs = tuple(sorted(one for one in endpoints if not one & IN))
    framing = {(2, 2): Framing.SPLIT, (1, 1): Framing.WHOLE}.get((len(outs), len(ins)))
    if framing is None:
        raise WireFault("usb_endpoints", " ".join(f"{one:02x}" for one in endpoints))
    return Ways(framing, outs, ins)


def encode_transfers(frame: bytes, ways: Ways) -> tuple[tuple[int, bytes], ...]:
    """Return the transfers, (endpoint, bytes), that carry a request out."""
    if ways.framing is Framing.WHOLE:
        return ((ways.outs[0], frame),)
    return ((ways.outs[0], frame[:LENGTH_END]), (ways.outs[1], frame[LENGTH_END:]))


def decode_transfer(endpoint: int, data: bytes, ways: Ways) -> bytes:
    """Return the bytes of a request that a transfer out carries. Raises: WireFault if they came the wrong way."""
    is_head = data.startswith(PREAMBLE) and len(data) == LENGTH_END
    if endpoint not in ways.outs or (ways.framing is Framing.SPLIT and is_head != (endpoint == ways.outs[0])):
        raise WireFault("usb_way", f"{endpoint:02x}")
    return data


def encode_packets(frame: bytes, ways: Ways, packet: int = PACKET) -> tuple[tuple[int, bytes], ...]:
    """Return the packets, (endpoint, bytes), in which an answer comes in."""
    if ways.framing is Framing.WHOLE:
        return tuple((ways.ins[0], frame[at : at + packet]) for at in range(0, len(frame), packet))
    rest = range(LENGTH_END, len(frame), packet)
    return ((ways.ins[0], frame[:LENGTH_END]), *((ways.ins[1], frame[at : at + packet]) for at in rest))


def next_transfer(heard: bytes, ways: Ways) -> tuple[int, int]:
    """Return (endpoint, bytes to ask for) when `heard` is what has come of an answer so far.

    A head that makes no sense is not followed: the endpoint of heads is asked again.
    """
    if ways.framing is Framing.SPLIT and heard.startswith(PREAMBLE) and len(heard) >= LENGTH_END:
        length = int.from_bytes(heard[len(PREAMBLE) : LENGTH_END], "big")
        left = LENGTH_END + length - len(heard)
        if MIN_LEN <= length <= MAX_LEN and left > 0:
            return ways.ins[1], -(-left // PACKET) * PACKET
    return ways.ins[0], PACKET
