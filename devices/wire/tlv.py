"""BER-TLV as chip cards use it: a tag, a length, a value; a constructed value holds more of them.

Source: ISO/IEC 7816-4 §5.2.2; EMV Book 3 annex B (padding of 00 between objects).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from devices.api import WireFault

CONSTRUCTED = 0x20
LONG_TAG = 0x1F
MAX_TAG_BYTES = 3
MAX_LENGTH_BYTES = 3
MAX_DEPTH = 8  # an EMV or travel document object nests four deep


class Node(msgspec.Struct, frozen=True):
    """One object. A constructed one has `children`, a primitive one none."""

    tag: int
    value: bytes
    children: tuple[Node, ...] = ()

    def __repr__(self) -> str:  # a value may be anything of a person
        return f"Node({self.tag:X}, {len(self.value)} bytes)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("tag", f"{self.tag:X}"), ("bytes", len(self.value))]


def decode_tlv(data: bytes, depth: int = 0) -> tuple[Node, ...]:
    """Return the objects that `data` is made of; 00 between them is padding. Raises: WireFault("tlv")."""
    if depth > MAX_DEPTH:
        raise WireFault("tlv", "nested too deep")
    found = []
    at = 0
    while at < len(data):
        if data[at] == 0x00:
            at += 1
            continue
        tag, at = _tag(data, at)
        length, at = _length(data, at)
        value = data[at : at + length]
        if len(value) != length:
            raise WireFault("tlv", f"{tag:X} is longer than what came")
        at += length
        children = decode_tlv(value, depth + 1) if is_constructed(tag) else ()
        found.append(Node(tag, value, children))
    return tuple(found)


def decode_flat(data: bytes) -> tuple[tuple[int, bytes], ...]:
    """Return (tag, value) of the objects that fill `data` exactly, what is inside them untouched.

    Raises: WireFault("tlv").
    """
    found = []
    at = 0
    while at < len(data):
        tag, start, length = decode_head(data, at)
        at = start + length
        if at > len(data):
            raise WireFault("tlv", f"{tag:X} is longer than what came")
        found.append((tag, data[start:at]))
    return tuple(found)


def decode_head(data: bytes, at: int = 0) -> tuple[int, int, int]:
    """Return tag, begin and length of the value of the object at `at`; the value need not have come yet.

    Raises: WireFault("tlv").
    """
    if at >= len(data):
        raise WireFault("tlv", "nothing came")
    tag, start = _tag(data, at)
    length, start = _length(data, start)
    return tag, start, length


def pick(pairs: tuple[tuple[int, bytes], ...], tag: int) -> bytes:
    """Return the first value with this tag. Raises: WireFault("tlv") where there is none."""
    for one, value in pairs:
        if one == tag:
            return value
    raise WireFault("tlv", f"no {tag:X}")


def encode_tlv(tag: int, *values: bytes) -> bytes:
    """Return one object; several values are its parts in order. Raises: WireFault("tlv")."""
    value = b"".join(values)
    name = tag.to_bytes(max(1, (tag.bit_length() + 7) // 8), "big")
    if _tag(name, 0) != (tag, len(name)) or name[0] == 0:
        raise WireFault("tlv", f"{tag:X} is no tag")
    if len(value) < 0x80:
        return name + bytes((len(value),)) + value
    length = len(value).to_bytes((len(value).bit_length() + 7) // 8, "big")
    if len(length) > MAX_LENGTH_BYTES:
        raise WireFault("tlv", "too long")
    return name + bytes((0x80 | len(length),)) + length + value


def walk(nodes: tuple[Node, ...]) -> Iterator[Node]:
    """Return every object, an outer one before what it holds."""
    for node in nodes:
        yield node
        yield from walk(node.children)


def find_all(nodes: tuple[Node, ...], tag: int) -> tuple[Node, ...]:
    """Return each object with this tag, at any depth."""
    return tuple(node for node in walk(nodes) if node.tag == tag)


def value_of(nodes: tuple[Node, ...], tag: int) -> bytes:
    """Return the first value with this tag, at any depth; b"" where there is none."""
    return next((node.value for node in walk(nodes) if node.tag == tag), b"")


def is_constructed(tag: int) -> bool:
    """Whether a tag says that its value is made of objects."""
    first = tag >> (8 * (max(1, (tag.bit_length() + 7) // 8) - 1))
    return bool(first & CONSTRUCTED)


def decode_tag_lengths(data: bytes) -> tuple[tuple[int, int], ...]:
    """Return the (tag, length) pairs of a data object list, such as a PDOL. Raises: WireFault("tlv")."""
    found = []
    at = 0
    while at < len(data):
        tag, at = _tag(data, at)
        length, at = _length(data, at)
        found.append((tag, length))
    return tuple(found)


def _tag(data: bytes, at: int) -> tuple[int, int]:
    """Return the tag at `at` and where it ends."""
    end = at + 1
    if data[at] & LONG_TAG == LONG_TAG:
        while end < len(data) and data[end] & 0x80:
            end += 1
        end += 1
    if end > len(data) or end - at > MAX_TAG_BYTES:
        raise WireFault("tlv", "a tag without an end")
    return int.from_bytes(data[at:end], "big"), end


def _length(data: bytes, at: int) -> tuple[int, int]:
    """Return the length at `at` and where it ends."""
    if at >= len(data):
        raise WireFault("tlv", "a tag without a length")
    first, at = data[at], at + 1
    if first < 0x80:
        return first, at
    size = first & 0x7F
    if not 1 <= size <= MAX_LENGTH_BYTES or at + size > len(data):
        raise WireFault("tlv", "a length of no form")
    return int.from_bytes(data[at : at + size], "big"), at + size
