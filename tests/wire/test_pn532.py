"""Frames of the contactless reader: the reference's vector, any pieces, any noise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.api import WireFault
from devices.wire.pn532 import ACK, MAX_BYTES, Decoder, encode_frame

ASK_VERSION = "00 00 FF 02 FE D4 02 2A 00"
TELL_VERSION = "00 00 FF 06 FA D5 03 32 01 06 07 E8 00"
payloads = st.one_of(st.binary(min_size=1, max_size=40), st.binary(min_size=250, max_size=270))


def test_frames_are_those_of_the_reference():
    assert encode_frame(bytes.fromhex("D402")) == bytes.fromhex(ASK_VERSION)
    assert encode_frame(bytes.fromhex("D50332010607")) == bytes.fromhex(TELL_VERSION)


def test_a_long_frame_has_the_extended_form():
    frame = encode_frame(b"\xd5" + bytes(255))
    assert frame[:8].hex() == "0000ffffff0100ff"
    assert Decoder().feed(frame) == [b"\xd5" + bytes(255)]
    assert encode_frame(bytes(1)[:0] + b"\xd5" * 255)[3:5].hex() == "ff01"


@given(st.lists(payloads, max_size=4), st.integers(1, 50))
def test_frames_in_any_pieces_are_read(found, step):
    stream = b"\x55\x55\x00" + ACK.join(encode_frame(one) for one in found) + ACK
    decoder = Decoder()
    read = [one for at in range(0, len(stream), step) for one in decoder.feed(stream[at : at + step])]
    assert read == found
    assert decoder.rejected == 0


@given(st.binary(max_size=60), payloads)
def test_noise_never_raises_and_a_wrong_sum_is_passed_over(noise, payload):
    Decoder().feed(noise)
    frame = bytearray(encode_frame(payload))
    frame[-2] ^= 0x40
    decoder = Decoder()
    read = decoder.feed(bytes(frame) + encode_frame(b"\xd4\x02") + bytes(MAX_BYTES + 20))
    assert payload not in read
    assert decoder.rejected >= 1


@pytest.mark.parametrize("size", [0, MAX_BYTES + 1])
def test_a_frame_without_data_or_with_too_much_is_refused(size):
    with pytest.raises(WireFault):
        encode_frame(bytes(size))


def test_a_frame_waits_for_its_last_byte_in_either_form():
    for data in (b"\xd5\x03", b"\xd5" + bytes(300)):
        frame, decoder = encode_frame(data), Decoder()
        assert [one for byte in frame for one in decoder.feed(bytes((byte,)))] == [data]
        assert decoder.rejected == 0


@pytest.mark.parametrize(
    "text",
    [
        "00 00 FF 02 FF D4 02 2A 00",  # LCS
        "00 00 FF 02 FE D4 02 2B 00",  # DCS
        "00 00 FF FF FF 01 00 FE D4 00",  # LCS of the long form
        "00 00 FF FF FF 04 01 FB D4 00",  # 1025 bytes
        "00 00 FF FF FF 00 00 00 D4 00",  # none
    ],
)
def test_a_frame_of_no_form_is_counted_and_passed_over(text):
    decoder = Decoder()
    assert decoder.feed(bytes.fromhex(text) + ACK + encode_frame(b"\xd4\x02")) == [b"\xd4\x02"]
    assert decoder.rejected == 1
