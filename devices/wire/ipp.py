"""The little of IPP that asks a printer how it is and what became of a job: requests and answers ↔ values.

Source: RFC 8010 §3 (encoding), RFC 8011 §4.2.5 and §4.2.6 (Get-Printer-Attributes, Get-Jobs).
"""

from __future__ import annotations

import struct
from enum import IntEnum

import msgspec

from devices.api import WireFault

VERSION = b"\x01\x01"
REQUEST_ID = 1
MAX_ANSWER = 1024 * 1024
GROUP_OPERATION, GROUP_JOB, GROUP_END, GROUP_PRINTER, FIRST_VALUE = 0x01, 0x02, 0x03, 0x04, 0x10
INTEGER, BOOLEAN, ENUM, KEYWORD, URI, CHARSET, LANGUAGE = 0x21, 0x22, 0x23, 0x44, 0x45, 0x47, 0x48
FIRST_TEXT, LAST_TEXT = 0x41, 0x49
FIRST_ERROR = 0x0400

Value = int | bool | str | bytes


class Ask(IntEnum):
    """Operations we use."""

    GET_JOBS = 0x000A
    GET_PRINTER = 0x000B


class Group(msgspec.Struct, frozen=True):
    """One group of attributes of an answer; every attribute is a tuple of values."""

    tag: int
    values: dict[str, tuple[Value, ...]]


class Answer(msgspec.Struct, frozen=True):
    """What a printer answered."""

    status: int
    groups: tuple[Group, ...] = ()

    @property
    def is_ok(self) -> bool:
        """Whether the printer did what was asked."""
        return self.status < FIRST_ERROR

    def of(self, tag: int) -> tuple[dict[str, tuple[Value, ...]], ...]:
        """Return the groups of one kind: a printer's is one, jobs are as many as there are."""
        return tuple(group.values for group in self.groups if group.tag == tag)


def encode_request(ask: Ask, uri: str, wanted: tuple[str, ...], *more: tuple[int, str, str | int]) -> bytes:
    """Return a request about the printer `uri`; `more` are (tag, name, value) before the wanted attributes."""
    attributes: list[tuple[int, str, str | int]] = [
        (CHARSET, "attributes-charset", "utf-8"),
        (LANGUAGE, "attributes-natural-language", "en"),
        (URI, "printer-uri", uri),
        *more,
    ]
    attributes += [(KEYWORD, "" if at else "requested-attributes", name) for at, name in enumerate(wanted)]
    head = VERSION + struct.pack(">HIB", ask, REQUEST_ID, GROUP_OPERATION)
    return head + b"".join(_attribute(*one) for one in attributes) + bytes((GROUP_END,))


def decode_answer(data: bytes) -> Answer:
    """Return a printer's answer. Raises: WireFault when it is cut off, too long or follows no rule."""
    if len(data) < 9 or len(data) > MAX_ANSWER:
        raise WireFault("ipp_size")
    (status,) = struct.unpack(">H", data[2:4])
    groups: list[tuple[int, dict[str, tuple[Value, ...]]]] = []
    at, name = 8, ""
    while True:
        tag = _byte(data, at)
        at += 1
        if tag == GROUP_END:
            return Answer(status, tuple(Group(of, values) for of, values in groups))
        if tag < FIRST_VALUE:
            groups.append((tag, {}))
            name = ""
            continue
        raw_name, at = _counted(data, at)
        raw, at = _counted(data, at)
        name = raw_name.decode("utf-8", "replace") or name
        if not groups or not name:
            raise WireFault("ipp_order")
        values = groups[-1][1]
        values[name] = (*values.get(name, ()), _value(tag, raw)) if not raw_name else (_value(tag, raw),)


def _attribute(tag: int, name: str, value: str | int) -> bytes:
    raw = struct.pack(">i", value) if isinstance(value, int) else value.encode()
    named = name.encode()
    return struct.pack(">BH", tag, len(named)) + named + struct.pack(">H", len(raw)) + raw


def _value(tag: int, raw: bytes) -> Value:
    if tag in (INTEGER, ENUM):
        if len(raw) != 4:
            raise WireFault("ipp_value")
        return int.from_bytes(raw, "big", signed=True)
    if tag == BOOLEAN:
        return raw not in (b"", b"\0")
    return raw.decode("utf-8", "replace") if FIRST_TEXT <= tag <= LAST_TEXT else raw


def _byte(data: bytes, at: int) -> int:
    if at >= len(data):
        raise WireFault("ipp_cut_off")
    return data[at]


def _counted(data: bytes, at: int) -> tuple[bytes, int]:
    if at + 2 > len(data):
        raise WireFault("ipp_cut_off")
    end = at + 2 + int.from_bytes(data[at : at + 2], "big")
    if end > len(data):
        raise WireFault("ipp_cut_off")
    return data[at + 2 : end], end
