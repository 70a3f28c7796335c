"""A code scanner's bytes: suffixes, charsets, limits, and any bytes at all."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.api import MAX_CODE_CHARS, WireFault
from devices.wire import barcode
from devices.wire.barcode import Decoder, Suffix, decode_code, encode_code

VECTOR = bytes.fromhex("36 39 30 31 32 33 34 35 36 37 38 39 32 0D 0A")  # reference/devices.md §13
TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=60)


def test_the_known_vector_is_the_known_number() -> None:
    assert [decode_code(one) for one in Decoder().feed(VECTOR)] == ["6901234567892"]
    assert encode_code("6901234567892", Suffix.CRLF) == VECTOR


@given(TEXTS, st.sampled_from(Suffix), st.sampled_from(["utf-8", "gb18030"]), st.integers(1, 9))
def test_what_is_encoded_comes_back_however_it_is_cut(text: str, suffix: Suffix, charset: str, size: int) -> None:
    data = encode_code(text, suffix, charset)
    decoder = Decoder(suffix)
    found = [code for at in range(0, len(data), size) for code in decoder.feed(data[at : at + size])]
    found += decoder.silence()
    assert [decode_code(code, charset) for code in found] == [text]
    assert (decoder.is_midway, decoder.cut, decoder.too_long) == (False, 0, 0)


def test_silence_ends_a_code_only_where_there_is_no_suffix() -> None:
    silent, suffixed = Decoder(Suffix.NONE), Decoder(Suffix.CR)
    assert (silent.feed(b"A1"), silent.silence(), silent.silence()) == ((), (b"A1",), ())
    assert (suffixed.feed(b"A1"), suffixed.silence(), suffixed.cut) == ((), (), 1)
    assert suffixed.feed(b"B2\r") == (b"B2",)


def test_several_codes_at_once_and_bare_suffixes() -> None:
    assert Decoder().feed(b"\r\n\r\nA\r\nB\nC\r\n") == (b"A", b"B", b"C")
    assert Decoder(Suffix.CRLF).feed(b"A\rB\r\n\r\n") == (b"A\rB",)


@pytest.mark.parametrize("suffix", list(Suffix))
def test_a_flood_is_dropped_counted_and_never_held(suffix: Suffix) -> None:
    decoder = Decoder(suffix)
    for _ in range(100):
        assert decoder.feed(b"x" * 1000) == ()
    assert len(decoder._data) <= barcode.MAX_BYTES + 1
    assert decoder.flood == 100_000
    ending = encode_code("", suffix)
    assert decoder.feed(ending) + decoder.silence() == ()
    assert (decoder.too_long, decoder.is_midway) == (1, False)
    assert decoder.feed(encode_code("next", suffix)) + decoder.silence() == (b"next",)


def test_another_charset_and_too_long_a_text_are_wire_faults() -> None:
    for data, charset, code in (
        ("编号".encode("gb18030"), "utf-8", "code_charset"),
        ("é".encode(), "ascii", "code_charset"),
        (b"x" * (MAX_CODE_CHARS + 1), "ascii", "code_too_long"),
        (b"", "ascii", "code_too_long"),
    ):
        with pytest.raises(WireFault) as refused:
            decode_code(data, charset)
        assert refused.value.code == code
    with pytest.raises(WireFault):
        encode_code("编号", charset="ascii")


@given(st.lists(st.binary(max_size=64), max_size=8), st.sampled_from(Suffix), st.sampled_from(barcode.CHARSETS))
def test_any_bytes_are_codes_or_wire_faults(chunks: list[bytes], suffix: Suffix, charset: str) -> None:
    decoder = Decoder(suffix)
    for chunk in chunks:
        for code in (*decoder.feed(chunk), *decoder.silence()):
            with contextlib.suppress(WireFault):
                assert decode_code(code, charset)
