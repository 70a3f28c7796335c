"""SAM-V inside USB HID reports of 64 bytes, as 中正-type readers wrap it. Little-endian, unlike the frame they carry.

    request: 88 | SRN(2) | LEN(2) = n+1 | CMD | n bytes | SUM(2)
    answer : AA | SRN(2) | LEN(2) = n+3 | result(1) | packet number(2) | n ≤ 54 bytes | SUM(2)

SUM adds up every byte from LEN to the last of the data. Source: reference/devices.md §4.8, one or two unnamed sources;
what LEN of an answer counts and that packets count up from 0 are our reading. Nothing of it has met a reader.
Pure; the only error is WireFault.
"""

from __future__ import annotations

import msgspec

from devices.api import WireFault

REPORT = 64
ASK, TELL = 0x88, 0xAA
ID_CARD = 0xB1  # the CMD that passes a SAM-V frame on; B0 is the contact chip, B2 a 64-byte card
CHUNK = 54
_ASK_HEAD, _TELL_HEAD, _SUM = 6, 8, 2
MAX_FRAME = REPORT - _ASK_HEAD - _SUM


class Told(msgspec.Struct, frozen=True):
    """One report of an answer: a piece of the SAM-V frame. `result` 0 is good."""

    number: int
    data: bytes
    result: int = 0


def encode_ask(frame: bytes, command: int = ID_CARD) -> bytes:
    """Return the 64-byte report that carries a request. Raises: WireFault if it does not fit one."""
    if len(frame) > MAX_FRAME or not 0 <= command <= 0xFF:
        raise WireFault("hid_long", f"{len(frame)} bytes")
    return _close(bytes((ASK, 0, 0)), bytes((command,)) + frame)


def decode_ask(report: bytes) -> tuple[int, bytes]:
    """Return CMD and the bytes that a request's report carries. Raises: WireFault."""
    body = _body(report, ASK, _ASK_HEAD)
    return body[0], body[1:]


def encode_tell(told: Told) -> bytes:
    """Return the 64-byte report of a piece of an answer. Raises: WireFault if it does not fit one."""
    if len(told.data) > CHUNK or not 0 <= told.number <= 0xFFFF or not 0 <= told.result <= 0xFF:
        raise WireFault("hid_long", f"{len(told.data)} bytes")
    return _close(bytes((TELL, 0, 0)), bytes((told.result,)) + told.number.to_bytes(2, "little") + told.data)


def decode_tell(report: bytes) -> Told:
    """Return the piece of an answer in a report. Raises: WireFault."""
    body = _body(report, TELL, _TELL_HEAD)
    return Told(int.from_bytes(body[1:3], "little"), body[3:], body[0])


def _close(head: bytes, body: bytes) -> bytes:
    counted = len(body).to_bytes(2, "little") + body
    return (head + counted + sum(counted).to_bytes(2, "little")).ljust(REPORT, b"\0")


def _body(report: bytes, mark: int, head: int) -> bytes:
    """Return what LEN counts. Raises: WireFault if mark, LEN or SUM is wrong."""
    if len(report) != REPORT or report[0] != mark:
        raise WireFault("hid_report", f"{len(report)} bytes")
    length = int.from_bytes(report[3:5], "little")
    end = 5 + length
    if not head - 5 <= length <= REPORT - 5 - _SUM:
        raise WireFault("hid_length", f"{length}")
    if sum(report[3:end]) != int.from_bytes(report[end : end + _SUM], "little"):
        raise WireFault("hid_sum")
    return report[5:end]
