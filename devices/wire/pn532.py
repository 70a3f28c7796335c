"""Frames of the PN532, a reader chip for contactless cards, both ways.

Frame: 00 00 FF LEN LCS data DCS 00; for more than 255 bytes 00 00 FF FF FF LENhi LENlo LCS data DCS 00. LCS and DCS
make the sum of what they cover nought. Source: NXP UM0701-02 §6.2; reference/devices.md §8.
The only error is WireFault.
"""

from __future__ import annotations

from devices.api import WireFault

START = b"\x00\x00\xff"
ACK = b"\x00\x00\xff\x00\xff\x00"
TO_READER, FROM_READER = 0xD4, 0xD5
MAX_SHORT = 255
MAX_BYTES = 1024  # far above the 265 of the chip: a longer frame is noise


def encode_frame(data: bytes) -> bytes:
    """Return the frame of some data, whose first byte says who speaks. Raises: WireFault for none, or too much."""
    if not 0 < len(data) <= MAX_BYTES:
        raise WireFault("pn532", f"{len(data)} bytes")
    tail = data + bytes((-sum(data) % 256, 0))
    if len(data) <= MAX_SHORT:
        return START + bytes((len(data), -len(data) % 256)) + tail
    size = len(data).to_bytes(2, "big")
    return START + b"\xff\xff" + size + bytes((-sum(size) % 256,)) + tail


class Decoder:
    """Takes bytes in any pieces and gives the data of whole frames; ACKs and noise are passed over."""

    def __init__(self) -> None:
        self._heard = b""
        self.rejected = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Return the data of each frame that is whole now."""
        self._heard += data
        found = []
        while (at := self._heard.find(START)) >= 0:
            self._heard = self._heard[at:]
            frame = _cut(self._heard)
            if frame is None:
                break
            data, size = frame
            if data:
                found.append(data)
            elif size != len(ACK):
                self.rejected += 1
            self._heard = self._heard[size:]
        else:
            self._heard = self._heard[-2:]  # what may be the beginning of a start
        return found


def _cut(heard: bytes) -> tuple[bytes, int] | None:
    """Return (data, bytes used) of the frame at the start of `heard`; no data for an ACK or a wrong sum, None: wait."""
    if len(heard) < 6:
        return None
    if heard[3:5] == b"\x00\xff":
        return b"", len(ACK)
    head, size = 5, heard[3]
    if heard[3:5] == b"\xff\xff":
        if len(heard) < 8:
            return None
        head, size = 8, int.from_bytes(heard[5:7], "big")
        is_good = not sum(heard[5:8]) % 256
    else:
        is_good = not sum(heard[3:5]) % 256
    if not is_good or not 0 < size <= MAX_BYTES:
        return b"", len(START)
    whole = head + size + 2
    if len(heard) < whole:
        return None
    if sum(heard[head : head + size + 1]) % 256:
        return b"", len(START)
    return heard[head : head + size], whole
