"""APDUs: golden bytes, there and back, and nothing but WireFault from bytes of no form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.api import WireFault
from devices.wire.apdu import (
    Command,
    Response,
    build_read_record,
    build_select,
    decode_command,
    decode_response,
    encode_command,
    encode_response,
    with_expected,
    without_expected,
)

byte = st.integers(0, 255)
lengths = st.one_of(st.integers(0, 300), st.sampled_from((255, 256, 257, 65535)))
commands = st.builds(
    Command,
    byte,
    byte,
    byte,
    byte,
    lengths.map(lambda size: bytes(at % 251 for at in range(size))),
    st.one_of(st.integers(0, 257), st.sampled_from((65535, 65536))),
)

# reference/devices.md §5 (VPCD-4, VPCD-6), §7; case 2 to 4 extended after ISO/IEC 7816-3 §12.1
GOLDEN = [
    (Command(0x00, 0xA4, 0x04, 0x0C, bytes.fromhex("A0000002471001")), "00A4040C07A0000002471001"),
    (Command(0x00, 0xB0, 0x00, 0x00, b"", 10), "00B000000A"),
    (Command(0x00, 0x84, 0x00, 0x00, b"", 8), "0084000008"),
    (Command(0x80, 0xA8, 0x00, 0x00, bytes.fromhex("8300"), 256), "80A8000002830000"),
    (Command(0x00, 0x44, 0x00, 0x00), "00440000"),
    (Command(0x00, 0xB0, 0x00, 0x00, b"", 65536), "00B00000000000"),
    (Command(0x00, 0xB0, 0x00, 0x00, b"", 257), "00B00000000101"),
    (Command(0x00, 0xCB, 0x3F, 0xFF, b"\x5c\x00", 65536), "00CB3FFF0000025C000000"),
]


@pytest.mark.parametrize(("command", "text"), GOLDEN)
def test_golden_commands_both_ways(command, text):
    assert encode_command(command).hex().upper() == text
    assert decode_command(bytes.fromhex(text)) == command


def test_the_usual_commands():
    pse = b"1PAY.SYS.DDF01"
    assert build_select(pse).hex().upper() == "00A404000E315041592E5359532E4444463031"
    assert build_read_record(1, 1 << 3 | 4).hex().upper() == "00B2010C00"


@given(commands)
def test_a_command_comes_back_as_it_was(command):
    assert decode_command(encode_command(command)) == command


@given(st.binary(max_size=64), st.integers(0, 0xFFFF))
def test_an_answer_comes_back_as_it_was(data, sw):
    assert decode_response(encode_response(Response(data, sw))) == Response(data, sw)


@given(st.binary(max_size=300))
def test_bytes_of_no_form_raise_wirefault_alone(data):
    for decode in (decode_command, decode_response, without_expected):
        try:
            decode(data)
        except WireFault:
            continue


@pytest.mark.parametrize(
    "command",
    [Command(256, 0, 0, 0), Command(0, 0, 0, 0, bytes(65536)), Command(0, 0, 0, 0, b"", 65537)],
)
def test_what_no_command_can_hold_is_refused(command):
    with pytest.raises(WireFault):
        encode_command(command)


def test_t0_names_no_length_beside_data():
    assert without_expected(bytes.fromhex("80A8000002830000")).hex() == "80a80000028300"
    for whole in ("00B000000A", "00A4040C07A0000002471001", "00440000", "00CB3FFF0000025C000000"):
        assert without_expected(bytes.fromhex(whole)) == bytes.fromhex(whole)


def test_a_wrong_length_is_asked_again():
    assert with_expected(bytes.fromhex("00B2010C00"), 0x12).hex() == "00b2010c12"
    assert with_expected(bytes.fromhex("00B2010C05"), 0).hex() == "00b2010c00"


def test_what_is_in_them_does_not_show():
    assert "313233" not in repr(Command(0, 0x20, 0, 0, b"123"))
    assert "123" not in repr(Command(0, 0x20, 0, 0, b"123"))
    assert "secret" not in f"{Response(b'secret', 0x9000)!r} {Response(b'secret', 0x9000)}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00A404",  # ISO/IEC 7816-3 §12.1: a header has four bytes
        "00A4040000A0",  # Lc 00 in the short form, and yet data
        "00A4040003A000",  # Lc 3, two bytes of data
        "00A4040002A0000000",  # Le of two bytes behind short data
        "00A404000000",  # extended form without its length's second byte
        "00A40400000002A0",  # extended Lc 2, one byte of data
        "00A40400000001A000",  # Le of one byte behind extended data
    ],
)
def test_a_command_whose_lengths_do_not_add_up_is_refused(text):
    with pytest.raises(WireFault, match="command"):
        decode_command(bytes.fromhex(text))


def test_an_answer_is_data_and_two_bytes():
    assert decode_response(bytes.fromhex("6F009000")) == Response(b"\x6f\x00", 0x9000)
    assert encode_response(Response(b"", 0x6A82)) == bytes.fromhex("6A82")
    for text in ("", "90"):
        with pytest.raises(WireFault, match="response"):
            decode_response(bytes.fromhex(text))


def test_what_is_printed_in_colours_shows_no_more():
    assert Command(0, 0x20, 0, 0, b"1234").__rich_repr__() == [("ins", "20"), ("bytes", 4)]
    assert Response(b"secret", 0x9000).__rich_repr__() == [("bytes", 6), ("sw", "9000")]
