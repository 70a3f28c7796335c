"""The files of an eMRTD chip, both ways: EF.COM, DG1 (the zone) and DG2 (the face).

Source: ICAO Doc 9303-10 (data structure), ISO/IEC 7816-11 and CBEFF (7F61…), ISO/IEC 19794-5:2005 (face record).
Pure; the only error is WireFault.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec

from devices.api import PictureKind, Private, WireFault
from devices.wire.mrz import SHAPES, Mrz, decode_mrz, encode_mrz
from devices.wire.tlv import decode_flat, encode_tlv, pick

APPLICATION = bytes.fromhex("A0000002471001")
SELECT_CARD_ACCESS = bytes.fromhex("00A4020C02011C")


class File(IntEnum):
    """File identifiers. Those of the application, and EF.CardAccess in the master file."""

    COM = 0x011E
    DG1 = 0x0101
    DG2 = 0x0102
    SOD = 0x011D
    CARD_ACCESS = 0x011C


TAGS: dict[int, int] = {0x61: 1, 0x75: 2, 0x63: 3, 0x76: 4} | {  # first byte of a data group's file → its number
    tag: number
    for number, tag in enumerate((0x65, 0x66, 0x67, 0x68, 0x69, 0x6A, 0x6B, 0x6C, 0x6D, 0x6E, 0x6F, 0x70), 5)
}


class Common(msgspec.Struct, frozen=True):
    """EF.COM: version of the data structure and the data groups there are, by number."""

    version: str  # "0107"
    unicode: str  # "040000"
    groups: tuple[int, ...]


class Face(msgspec.Struct, frozen=True):
    """The picture of DG2, as coded by whoever issued the document."""

    kind: PictureKind
    picture: Private[bytes]
    width_px: int = 0
    height_px: int = 0


def decode_common(data: bytes) -> Common:
    """Return EF.COM. Raises: WireFault."""
    objects = decode_flat(pick(decode_flat(data), 0x60))
    try:
        version, unicode = (pick(objects, tag).decode("ascii") for tag in (0x5F01, 0x5F36))
    except UnicodeDecodeError:
        raise WireFault("com_version") from None
    return Common(version, unicode, tuple(TAGS[tag] for tag in pick(objects, 0x5C) if tag in TAGS))


def encode_common(common: Common) -> bytes:
    """Return EF.COM."""
    tag_of = {number: tag for tag, number in TAGS.items()}
    body = (
        encode_tlv(0x5F01, common.version.encode("ascii"))
        + encode_tlv(0x5F36, common.unicode.encode("ascii"))
        + encode_tlv(0x5C, bytes(tag_of[number] for number in common.groups))
    )
    return encode_tlv(0x60, body)


def decode_dg1(data: bytes) -> Mrz:
    """Return the zone that DG1 holds. Raises: WireFault."""
    return decode_mrz(decode_zone_text(data))


def decode_zone_text(data: bytes) -> str:
    """Return the zone of DG1 as it is written, a line end between its lines. Raises: WireFault."""
    value = pick(decode_flat(pick(decode_flat(data), 0x61)), 0x5F1F)
    try:
        text = value.decode("ascii")
    except UnicodeDecodeError:
        raise WireFault("mrz_character") from None
    width = next((width for lines, width in SHAPES.values() if lines * width == len(text)), None)
    if width is None:
        raise WireFault("mrz_length", str(len(text)))
    return "\n".join(text[at : at + width] for at in range(0, len(text), width))


def encode_dg1(mrz: Mrz) -> bytes:
    """Return DG1 of a zone."""
    return encode_tlv(0x61, encode_tlv(0x5F1F, encode_mrz(mrz).replace("\n", "").encode("ascii")))


# ── DG2 ────────────────────────────────────────────────────────────────────────────────────

_FORMAT = b"FAC\x00010\x00"
_RECORD_HEAD, _FACE_HEAD, _POINT, _PICTURE_HEAD = 14, 20, 8, 12
_KINDS = (PictureKind.JPEG, PictureKind.JPEG2000)
_STARTS = {PictureKind.JPEG: (b"\xff\xd8\xff",), PictureKind.JPEG2000: (b"\x00\x00\x00\x0cjP", b"\xff\x4f\xff\x51")}
_HEADER = bytes.fromhex("8101028201008702010188020008")  # a face; format owner 0101, type 0008


def decode_dg2(data: bytes) -> Face:
    """Return the first face of DG2.

    Shape: 75 { 7F61 { 02 count, 7F60 { A1 header, 5F2E or 7F2E face record } } }.
    Raises: WireFault if there is none, or its record is not of ISO/IEC 19794-5.
    """
    group = pick(decode_flat(pick(decode_flat(data), 0x75)), 0x7F61)
    template = dict(decode_flat(pick(decode_flat(group), 0x7F60)))
    record = template.get(0x5F2E) or template.get(0x7F2E)
    if record is None:
        raise WireFault("face_format", "no record")
    return _decode_record(record)


def encode_dg2(face: Face) -> bytes:
    """Return DG2 with one face, without feature points."""
    record = _encode_record(face)
    template = encode_tlv(0x7F60, encode_tlv(0xA1, _HEADER) + encode_tlv(0x5F2E, record))
    return encode_tlv(0x75, encode_tlv(0x7F61, encode_tlv(0x02, b"\x01") + template))


def _decode_record(record: bytes) -> Face:
    if not record.startswith(_FORMAT):
        raise WireFault("face_format", "not 19794-5")
    if len(record) < _RECORD_HEAD + _FACE_HEAD:
        raise WireFault("face_length")
    size = int.from_bytes(record[_RECORD_HEAD : _RECORD_HEAD + 4], "big")
    points = int.from_bytes(record[_RECORD_HEAD + 4 : _RECORD_HEAD + 6], "big")
    at = _RECORD_HEAD + _FACE_HEAD + points * _POINT
    head = record[at : at + _PICTURE_HEAD]
    picture = record[at + _PICTURE_HEAD : _RECORD_HEAD + size]
    if len(head) < _PICTURE_HEAD or not picture or _RECORD_HEAD + size > len(record):
        raise WireFault("face_length")
    # what the picture begins with decides: issuers are known to name the wrong kind
    for kind, starts in _STARTS.items():
        if picture.startswith(starts):
            return Face(kind, Private(picture), int.from_bytes(head[2:4], "big"), int.from_bytes(head[4:6], "big"))
    raise WireFault("face_format", "picture")


def _encode_record(face: Face) -> bytes:
    picture = face.picture.reveal()
    head = bytes((1, _KINDS.index(face.kind))) + face.width_px.to_bytes(2, "big") + face.height_px.to_bytes(2, "big")
    head += bytes((1, 2, 0, 0, 0, 0))  # sRGB, digital camera; device and quality not told
    size = _FACE_HEAD + _PICTURE_HEAD + len(picture)
    face_head = size.to_bytes(4, "big") + bytes(_FACE_HEAD - 4)
    whole = (_RECORD_HEAD + size).to_bytes(4, "big")
    return _FORMAT + whole + (1).to_bytes(2, "big") + face_head + head + picture
