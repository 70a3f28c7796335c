"""Records of a social security card: golden bytes of the reference, there and back, and nothing but WireFault."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.api import WireFault
from devices.wire import social
from devices.wire.social import CardField, HolderField, HolderRule, Region

FIELDS = (*CardField, *HolderField)


def test_the_environment_is_named_as_the_reference_says():
    assert b"sx1.sh." + "社会保障".encode("gbk") == social.AID
    assert len(social.AID) == 15


def test_golden_commands_and_records():
    assert social.build_select_file(social.CARD_FILE).hex().upper() == "00A4000002EF05"
    assert social.build_read(CardField.CARD_NUMBER, Region(read_p2=0x00)).hex().upper() == "00B207000B"
    assert social.build_read(CardField.CARD_NUMBER, Region(read_p2=0x2C)).hex().upper() == "00B2072C0B"
    assert social.build_read(HolderField.NAME).hex().upper() == "00B2090420"
    assert social.build_verify("123456").hex().upper() == "0020000003123456"
    record = bytes.fromhex("0709413132333435363738")
    assert social.decode_field(CardField.CARD_NUMBER, social.decode_record(record, 7)) == "A12345678"
    assert social.encode_record(7, social.encode_field(CardField.CARD_NUMBER, "A12345678")) == record


def test_a_region_may_number_and_open_the_holder_otherwise():
    region = Region("65", HolderRule.PIN, {HolderField.ID_NUMBER: 1, HolderField.NAME: 2}, 0x02)
    assert social.build_select_file(social.HOLDER_FILE, region).hex().upper() == "00A4020002EF06"
    assert social.build_read(HolderField.NAME, region)[2] == 2


def test_the_longest_prefix_counts():
    wide, narrow = Region("44"), Region("4401", HolderRule.PSAM)
    assert social.region_for("440103", (wide, narrow)) is narrow
    assert social.region_for("440303", (narrow, wide)) is wide
    assert social.region_for("110105", (narrow, wide)) is social.STANDARD


@given(st.sampled_from((HolderField.NAME, CardField.CARD_NUMBER)), st.text("张桂兰𠮷㐀龘ABC·x", max_size=9))
def test_texts_come_back_as_they_were(field, text):
    value = text.encode("gb18030")
    if len(value) > social.SIZES[field]:
        with pytest.raises(WireFault):
            social.encode_field(field, text)
    else:
        assert social.decode_field(field, social.encode_field(field, text)) == text


@given(st.sampled_from(FIELDS), st.binary(max_size=40), st.integers(0, 255))
def test_bytes_of_no_form_raise_wirefault_alone(field, data, number):
    try:
        text = social.decode_field(field, social.decode_record(data, number))
        social.decode_date(text)
    except WireFault:
        return
    assert text.isprintable()


@given(st.binary(max_size=40), st.integers(0, 255))
def test_a_record_says_its_number_and_its_length(data, number):
    try:
        value = social.decode_record(data, number)
    except WireFault:
        return
    assert data[:2] == bytes((number, len(value)))


def test_dates():
    assert social.decode_date("19491231") == date(1949, 12, 31)
    assert social.decode_date("00000000") is None
    assert social.decode_date("FFFFFFFF") is None
    for wrong in ("20190230", "ABCDEF01", "2019"):
        with pytest.raises(WireFault):
            social.decode_date(wrong)


def test_a_sex_may_be_written_or_packed():
    assert social.decode_field(HolderField.SEX, b"2") == "2"
    assert social.decode_field(HolderField.SEX, b"\x02") == "2"


@pytest.mark.parametrize("pin", ["", "123", "12345678901234", "12a4", "１２３４"])
def test_what_is_no_pin_is_not_sent(pin):
    with pytest.raises(WireFault):
        social.build_verify(pin)


@pytest.mark.parametrize("text", ["", "07", "0809413132333435363738", "07094131323334353637"])
def test_a_record_of_another_number_or_cut_short_is_refused(text):
    with pytest.raises(WireFault, match="record"):
        social.decode_record(bytes.fromhex(text), 7)
    assert social.decode_record(bytes.fromhex("0702413120"), 7) == b"A1"  # filling behind the value


def test_a_record_that_cannot_be_is_not_written():
    for number, value in ((0, b""), (255, b""), (7, bytes(256))):
        with pytest.raises(WireFault, match="record"):
            social.encode_record(number, value)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        (CardField.CARD_NUMBER, "41" * 10),  # ten bytes of nine
        (HolderField.BIRTH_DATE, "194912"),  # packed, and too short
        (HolderField.NAME, "FF41"),  # no GB18030
        (HolderField.NAME, "0741"),  # a bell
    ],
)
def test_a_value_that_is_not_the_fields_is_refused(field, text):
    with pytest.raises(WireFault, match="record"):
        social.decode_field(field, bytes.fromhex(text))


@pytest.mark.parametrize(
    ("field", "text"),
    [(HolderField.NAME, "\ud800"), (HolderField.BIRTH_DATE, "1949年"), (CardField.CARD_NUMBER, "A123456789")],
)
def test_a_text_that_has_no_room_or_no_bytes_is_not_written(field, text):
    with pytest.raises(WireFault, match="record"):
        social.encode_field(field, text)


def test_packed_digits_stay_digits_and_a_pin_of_odd_length_is_filled():
    assert social.decode_field(HolderField.BIRTH_DATE, bytes.fromhex("19491231")) == "19491231"
    assert social.encode_field(HolderField.BIRTH_DATE, "19491231") == bytes.fromhex("19491231")
    assert social.build_verify("12345").hex().upper() == "002000000312345F"
