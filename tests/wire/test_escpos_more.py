"""Commands of other programs: taken whole, given back byte for byte, and no noise stops the decoder."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.api import WireFault
from devices.wire import escpos, escpos_decode
from devices.wire.escpos_more import LENGTHS, More, encode_more, take_more

fixed = st.sampled_from(sorted(LENGTHS)).flatmap(
    lambda key: st.binary(min_size=LENGTHS[key], max_size=LENGTHS[key]).map(lambda raw: More(*key, raw))
)
counted = st.binary(max_size=40).map(lambda raw: More(0x1C, 0x28, b"A" + len(raw).to_bytes(2, "little") + raw))


@given(fixed | counted, st.binary(max_size=8))
def test_a_command_is_taken_whole_and_given_back(more, rest):
    raw = encode_more(more)
    assert take_more(raw + rest) == (more, len(raw))
    for length in range(2, len(raw)):
        assert take_more(raw[:length]) is None


@given(
    st.lists(st.sampled_from((b"\x1b", b"\x1c(", b"\x1d", b"\x10\x04", b"A", b"\xff\xff", b"\x00", b"!", b"\xd6\xd0")))
)
def test_no_noise_stops_a_decoder_that_knows_more(pieces):
    decoder = escpos_decode.Decoder(knows_more=True)
    decoder.feed(b"".join(pieces))
    decoder.end()
    for _ in range(sum(map(len, pieces)) + 1):
        try:
            if decoder.take() is None:
                return
        except WireFault:
            continue
    pytest.fail("the decoder does not move on")


@pytest.mark.parametrize(("bits", "mode"), [(0x00, (1, 1, False)), (0x38, (2, 2, True)), (0x10, (1, 2, False))])
def test_a_print_mode_says_its_size(bits, mode):
    assert More(0x1B, 0x21, bytes((bits,))).mode == mode
    assert More(0x1B, 0x74, bytes((bits,))).mode is None


def test_a_command_of_another_program_stands_both_ways_and_waits_for_its_last_byte():
    page, font = More(0x1B, 0x74, b"\x00"), More(0x1C, 0x28, bytes.fromhex("43 02 00 30 32"))
    for more, raw in ((page, "1B 74 00"), (font, "1C 28 43 02 00 30 32")):
        data = bytes.fromhex(raw)
        assert escpos.encode((more,)) == data
        decoder = escpos_decode.Decoder(knows_more=True)
        for byte in data[:-1]:
            decoder.feed(bytes((byte,)))
            assert decoder.take() is None
        decoder.feed(data[-1:])
        assert decoder.take() == (more, data)


def test_what_no_program_sends_is_refused_by_a_decoder_that_knows_more():
    decoder = escpos_decode.Decoder(knows_more=True)
    decoder.feed(b"\x1b\x00A")
    with pytest.raises(WireFault, match="unknown_command"):
        decoder.take()
