"""The files of an eMRTD chip: literal bytes, round trips, and nothing but WireFault."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.api import PictureKind, Private, WireFault
from devices.sim.chips.passport_files import ERIKSSON, PERMIT, draw_face
from devices.sim.chips.passport_signer import Signing, build_sod
from devices.wire import emrtd, sod
from devices.wire.emrtd import Common, Face
from devices.wire.tlv import decode_flat, decode_head, encode_tlv

# EF.COM of ICAO 9303-11 appendix D.4: version 0107, Unicode 040000, DG1 and DG2; its first four bytes are the vector's
COM = "60145F0104303130375F36063034303030305C026175"
JPEG = bytes.fromhex("FFD8FFE000104A464946") + b"picture" + bytes.fromhex("FFD9")
# one face record as ISO/IEC 19794-5 has it, written out by hand
FACE_RECORD = (
    "46414300" "30313000" "00000041" "0001"  # FAC, 010, 65 bytes, one face
    "00000033" "0000" "00" "00" "00" "000000" "0000" "000000" "000000"  # 51 bytes, no feature points
    "01" "00" "00F0" "0140" "01" "02" "0000" "0000"  # full frontal, JPEG, 240 × 320
)  # fmt: skip


def test_the_common_file_is_that_of_the_standard():
    common = Common("0107", "040000", (1, 2))
    assert emrtd.encode_common(common).hex().upper() == COM
    assert emrtd.decode_common(bytes.fromhex(COM)) == common


def test_the_zone_comes_out_of_dg1_as_it_went_in():
    for zone in (ERIKSSON, PERMIT):
        data = emrtd.encode_dg1(zone)
        assert emrtd.decode_dg1(data) == zone
    assert emrtd.encode_dg1(ERIKSSON).hex().upper().startswith("615B5F1F58503C55544F4552494B53534F4E")


def test_the_zone_stays_as_it_was_written():
    """An empty optional field may have 0 or < for its check digit; reading it changes neither."""
    body = "L898902C36UTO7408122F1204159" + "<" * 14
    for check, last in (("<", "8"), ("0", "8")):
        text = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\n" + body + check + last
        data = encode_tlv(0x61, encode_tlv(0x5F1F, text.replace("\n", "").encode()))
        assert emrtd.decode_zone_text(data) == text
        assert emrtd.decode_dg1(data).number.reveal() == "L898902C3"


def test_a_face_record_is_laid_out_as_the_standard_has_it():
    face = Face(PictureKind.JPEG, Private(JPEG), 240, 320)
    data = emrtd.encode_dg2(face)
    assert bytes.fromhex(FACE_RECORD) + JPEG in data
    assert emrtd.decode_dg2(data) == face


@pytest.mark.parametrize("start", ["0000000C6A5020200D0A870A", "FF4FFF51"], ids=("JP2", "code stream"))
def test_what_the_picture_begins_with_decides_its_kind(start):
    face = Face(PictureKind.JPEG2000, Private(bytes.fromhex(start) + b"rest"), 1, 2)
    data = emrtd.encode_dg2(face)
    assert emrtd.decode_dg2(data) == face
    lying = emrtd.encode_dg2(Face(PictureKind.JPEG, face.picture, 1, 2))
    assert emrtd.decode_dg2(lying) == face


@pytest.mark.parametrize("size", [14_500, 15_000, 37_000, 140_000])
def test_a_drawn_face_has_the_size_asked_for(size):
    from io import BytesIO

    from PIL import Image

    picture = draw_face(size)
    assert len(picture) == size
    with Image.open(BytesIO(picture)) as image:
        image.load()
        assert image.size == (240, 320)


def test_feature_points_before_the_picture_are_passed_over():
    record = bytearray(bytes.fromhex(FACE_RECORD) + JPEG)
    points = b"\x01\x02\x03\x04\x05\x06\x07\x08" * 3
    record[34:34] = points
    record[14:18] = (int.from_bytes(record[14:18], "big") + len(points)).to_bytes(4, "big")
    record[18:20] = (3).to_bytes(2, "big")
    inner = encode_tlv(0x7F60, encode_tlv(0xA1, b"") + encode_tlv(0x7F2E, bytes(record)))
    data = encode_tlv(0x75, encode_tlv(0x7F61, encode_tlv(0x02, b"\x01") + inner))
    assert emrtd.decode_dg2(data).picture.reveal() == JPEG


def test_the_security_object_comes_apart_as_it_was_put_together():
    groups = ((1, b"one"), (2, b"two"))
    whole = build_sod(Signing.GOOD, groups)
    found = sod.decode_sod(whole)
    assert found.hashes == {number: found.compute_hash(data) for number, data in groups}
    assert (found.hash_name, found.digest_name) == ("sha256", "sha256")
    assert sod.encode_sod(found) == whole
    assert sod.encode_attributes("sha256", found.content) == found.attributes


@pytest.mark.parametrize("size", [0, 1, 127, 128, 255, 256, 65_535, 65_536])
def test_lengths_are_written_in_their_shortest_form(size):
    data = encode_tlv(0x53, bytes(size))
    assert decode_flat(data) == ((0x53, bytes(size)),)
    assert decode_head(data[:6]) == (0x53, len(data) - size, size)
    assert len(data) - size == 2 + (size > 127) + (size > 255) + (size > 65_535)


READERS = (emrtd.decode_common, emrtd.decode_dg1, emrtd.decode_dg2, sod.decode_sod, sod.decode_master_list)


@given(st.binary(max_size=120))
def test_random_bytes_are_nothing_but_a_wire_fault(data):
    for read in READERS:
        with pytest.raises(WireFault):
            read(data)


@given(st.data())
def test_spoiled_files_are_nothing_but_a_wire_fault(data):
    files = (
        bytes.fromhex(COM),
        emrtd.encode_dg1(ERIKSSON),
        emrtd.encode_dg2(Face(PictureKind.JPEG, Private(JPEG))),
        build_sod(Signing.GOOD, ((1, b"one"), (2, b"two"))),
    )
    for whole, read in zip(files, READERS, strict=False):
        spoiled = bytearray(whole)
        for _ in range(data.draw(st.integers(1, 3))):
            spoiled[data.draw(st.integers(0, len(spoiled) - 1))] = data.draw(st.integers(0, 255))
        with contextlib.suppress(WireFault):
            read(bytes(spoiled[: data.draw(st.integers(0, len(spoiled)))] if data.draw(st.booleans()) else spoiled))


@pytest.mark.parametrize(
    ("read", "text", "code"),
    [
        (emrtd.decode_common, "600F5F010230315F36063034303030FF5C00", "tlv"),  # a length that does not fit
        (emrtd.decode_common, "60125F0104303130FF5F36063034303030305C00", "com_version"),
        (emrtd.decode_zone_text, "61055F1F0250FF", "mrz_character"),
        (emrtd.decode_zone_text, "61055F1F02503C", "mrz_length"),
        (emrtd.decode_dg2, "750A7F61077F6004A1028100", "face_format"),  # a template without a record
    ],
)
def test_a_file_of_no_form_says_what_is_wrong(read, text, code):
    with pytest.raises(WireFault, match=code):
        read(bytes.fromhex(text))


def face_file(record: bytes) -> bytes:
    """Return DG2 with this record."""
    template = encode_tlv(0x7F60, encode_tlv(0xA1, b"") + encode_tlv(0x5F2E, record))
    return encode_tlv(0x75, encode_tlv(0x7F61, encode_tlv(0x02, b"\x01") + template))


@pytest.mark.parametrize(
    ("at", "replacement", "code"),
    [
        (0, "46415800", "face_format"),  # FAX
        (33, "", "face_length"),  # ends inside the face's head
        (14, "00000034", "face_length"),  # says one byte more than there are
        (14, "00000020", "face_length"),  # says there is no picture
        (18, "0003", "face_length"),  # feature points that are not there
        (46, "474946383961", "face_format"),  # a GIF
    ],
)
def test_a_face_record_of_no_form_says_what_is_wrong(at, replacement, code):
    record = bytes.fromhex(FACE_RECORD) + JPEG[:19]
    assert len(record) == 65
    assert emrtd.decode_dg2(face_file(record)).picture.reveal() == JPEG[:19]
    new = bytes.fromhex(replacement)
    wrong = record[:at] + new + record[at + len(new) :] if new else record[:at]
    with pytest.raises(WireFault, match=code):
        emrtd.decode_dg2(face_file(wrong))
