"""What a bank card tells: golden bytes of the reference, masking at once, and nothing but WireFault."""

from __future__ import annotations

import tracemalloc
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.api import Private, WireFault
from devices.wire import emv
from devices.wire.emv import FileEntry
from devices.wire.tlv import decode_tag_lengths, encode_tlv

TODAY = date(2026, 11, 29)
ODD = bytes.fromhex("5A0A6217001234567890128F")  # reference/devices.md §7
digits = st.text("0123456789", min_size=12, max_size=19)


def record(*parts: bytes) -> bytes:
    """Return a record of these objects."""
    return encode_tlv(0x70, *parts)


def test_golden_commands_and_answers():
    assert emv.build_options_request((), TODAY).hex().upper() == "80A8000002830000"
    options = emv.decode_options(bytes.fromhex("800A3C00080101001001 0100".replace(" ", "")))
    assert options.profile.hex().upper() == "3C00"
    assert options.files == (FileEntry(1, 1, 1), FileEntry(2, 1, 1))
    packed = encode_tlv(0x77, encode_tlv(0x82, b"\x3c\x00"), encode_tlv(0x94, bytes.fromhex("0801010010010100")))
    assert emv.decode_options(packed) == options


def test_the_terminal_says_what_a_pdol_asks():
    pdol = ((0x9F66, 4), (0x9F02, 6), (0x9F1A, 2), (0x5F2A, 2), (0x9A, 3), (0x9F37, 4))
    said = emv.build_options_request(pdol, TODAY).hex().upper()
    assert said == "80A8000017" + "8315" + "26000000" + "000000000000" + "0156" + "0156" + "261129" + "00000000" + "00"
    with pytest.raises(WireFault):
        emv.build_options_request(((0x9F02, 300),), TODAY)


def test_a_pdol_that_asks_for_more_than_there_is_room_for_is_refused_before_it_is_built():
    pdol = decode_tag_lengths(bytes.fromhex("9F0283FFFFFF") * 4)
    tracemalloc.start()
    try:
        with pytest.raises(WireFault, match="PDOL"):
            emv.build_options_request(pdol, TODAY)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_the_example_number_with_nineteen_digits_is_masked():
    assert emv.decode_fields([record(ODD)]).masked_number == "621700*********0128"


@given(digits)
def test_no_number_leaves_whole(number):
    padded = bytes.fromhex(number + "f" * (len(number) % 2))
    track = number + "d3012201000000000"
    both = record(encode_tlv(0x57, bytes.fromhex(track + "f" * (len(track) % 2))), encode_tlv(0x5A, padded))
    for fields in (emv.decode_fields([both]), emv.decode_fields([record(encode_tlv(0x57, both[4 : 4 + both[3]]))])):
        assert len(fields.masked_number) == len(number)
        assert fields.masked_number == number[:6] + "*" * (len(number) - 10) + number[-4:]
        shown = f"{fields!r} {fields}"
        assert number not in shown
        assert "3012201" not in shown


@pytest.mark.parametrize("number", ["", "12345678901", "1" * 20, "12345678901a", "１２３４５６７８９０１２"])
def test_what_is_no_number_is_refused(number):
    with pytest.raises(WireFault) as found:
        emv.mask_number(Private(number))
    assert not number or number not in str(found.value)


def test_a_directory_is_read_by_priority():
    entries = [
        encode_tlv(0x61, encode_tlv(0x4F, bytes((0xA0, 0, 0, 3, kind))), encode_tlv(0x87, bytes((priority,))))
        for kind, priority in ((1, 2), (2, 0), (3, 0x81))
    ]
    found = emv.decode_applications(record(*entries, encode_tlv(0x61, encode_tlv(0x4F, b"\x01"))))
    assert [one.name[-1] for one in found] == [3, 1, 2]


def test_expiry_and_sequence():
    def fields(value: str) -> emv.Fields:
        return emv.decode_fields([record(ODD, encode_tlv(0x5F24, bytes.fromhex(value)), encode_tlv(0x5F34, b"\x07"))])

    assert (fields("301231").valid_until, fields("301231").sequence) == (date(2030, 12, 31), "07")
    assert fields("280200").valid_until == date(2028, 2, 29)
    assert fields("301331").valid_until is None
    assert fields("30ff31").valid_until is None


@pytest.mark.parametrize("files", ["0801", "08010201F8010100", "08020100", "08003F00", "0801FF00"])
def test_a_file_list_of_no_form_is_refused(files):
    with pytest.raises(WireFault):
        emv.decode_options(encode_tlv(0x80, b"\x3c\x00", bytes.fromhex(files)))


@given(st.binary(max_size=200), st.sampled_from((0x6F, 0x70, 0x77, 0x80)))
def test_bytes_of_no_form_raise_wirefault_alone(data, tag):
    whole = encode_tlv(tag, data) if len(data) < 128 else data
    for decode in (
        emv.decode_directory_file,
        emv.decode_applications,
        emv.decode_application,
        emv.decode_name,
        emv.decode_options,
        lambda given: emv.decode_fields([given]),
    ):
        try:
            decode(whole)
        except WireFault:
            continue


def test_the_directory_names_its_file():
    answer = "6F15840E315041592E5359532E4444463031A503880101"  # EMV book 1 §11.3.4, of a card with SFI 1
    assert emv.decode_directory_file(bytes.fromhex(answer)) == 1
    for text in ("6F04A5028800", "6F05A503880100", "6F05A50388010B", "6F06A50488020101"):
        with pytest.raises(WireFault, match="no directory"):
            emv.decode_directory_file(bytes.fromhex(text))


def test_an_application_says_its_name_its_label_and_what_it_asks():
    answer = bytes.fromhex("6F1B 8408A000000333010101 A50F 5004504F5854 9F3806 9F6604 5F2A02".replace(" ", ""))
    assert emv.decode_name(answer).hex().upper() == "A000000333010101"
    assert emv.decode_application(answer) == ("POXT", ((0x9F66, 4), (0x5F2A, 2)))
    for text in ("6F00", "6F068404A0000003", "6F138411" + "A0" * 17):
        with pytest.raises(WireFault, match="no application name"):
            emv.decode_name(bytes.fromhex(text))


def test_a_number_told_in_track_2_alone_is_masked_too():
    track = encode_tlv(0x57, bytes.fromhex("6217001234567890128D30122010000000"))
    assert emv.decode_fields([record(track)]).masked_number == "621700*********0128"
