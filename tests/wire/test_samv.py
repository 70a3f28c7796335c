"""SAM-V frames: every vector of the reference as literal bytes, resynchronising, and nothing but WireFault."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.api import WireFault
from devices.wire import samv
from devices.wire.samv import Answer, CardData, Command, Decoder, ManagementNumber, Request, Result

REQUESTS = {
    "SAM-01": (Command.RESET, b"", "AA AA AA 96 69 00 03 10 FF EC"),
    "SAM-02": (Command.STATUS, b"", "AA AA AA 96 69 00 03 11 FF ED"),
    "SAM-03": (Command.SAM_ID, b"", "AA AA AA 96 69 00 03 12 FF EE"),
    "SAM-04": (Command.FIND, b"", "AA AA AA 96 69 00 03 20 01 22"),
    "SAM-05": (Command.SELECT, b"", "AA AA AA 96 69 00 03 20 02 21"),
    "SAM-06": (Command.READ, b"", "AA AA AA 96 69 00 03 30 01 32"),
    "SAM-07": (Command.READ_FINGERPRINT, b"", "AA AA AA 96 69 00 03 30 10 23"),
    "SAM-08": (Command.READ_ADDRESSES, b"", "AA AA AA 96 69 00 03 30 03 30"),
    "SAM-09": (Command.READ_NUMBER, b"", "AA AA AA 96 69 00 03 30 05 36"),
    "SAM-10": (Command.MAX_RF_FRAME, b"\x50", "AA AA AA 96 69 00 04 61 FF 50 CA"),
}
SAM_22 = "AA AA AA 96 69 00 04 00 00 80 84"
SAM_ID = "05 00 01 00 B3 3A 34 01 40 E2 01 00 78 56 34 12"
ANSWERS = {
    "SAM-20": (Result.SUCCESS, "", "success", "AA AA AA 96 69 00 04 00 00 90 94"),
    "SAM-21": (Result.CARD_FOUND, "00" * 4, "card_found", "AA AA AA 96 69 00 08 00 00 9F 00 00 00 00 97"),
    "SAM-22": (Result.NO_CARD, "", "no_card", SAM_22),
    "SAM-23": (
        Result.SUCCESS,
        "00" * 8,
        "success",
        "AA AA AA 96 69 00 0C 00 00 90 00 00 00 00 00 00 00 00 9C",
    ),
    "SAM-24": (Result.SELECT_FAILED, "", "select_failed", "AA AA AA 96 69 00 04 00 00 81 85"),
    "SAM-25": (Result.READ_FAILED, "", "read_failed", "AA AA AA 96 69 00 04 00 00 41 45"),
    "SAM-26": (Result.NOTHING_APPENDED, "", "nothing_appended", "AA AA AA 96 69 00 04 00 00 91 95"),
    "SAM-27": (Result.SELF_TEST, "", "self_test", "AA AA AA 96 69 00 04 00 00 60 64"),
    "SAM-28": (
        Result.SUCCESS,
        SAM_ID,
        "success",
        "AA AA AA 96 69 00 14 00 00 90 05 00 01 00 B3 3A 34 01 40 E2 01 00 78 56 34 12 97",
    ),
}
SAM_29 = "AA AA AA 96 69 05 08 00 00 90 01 00 04 00 20 5F 09 4E" + " 20 00" * 13 + " 31 00"
REJECTED = {"SAM-40": "AA AA AA 96 69 00 03 20 01 21", "SAM-41": "AA AA AA 96 69 00 03 20 00 22"}
SAM_42 = "00 13 AA " + SAM_22

payloads = st.binary(min_size=2, max_size=60)


def frame(payload: bytes) -> bytes:
    """Return a frame by the rules of the reference, written a second time."""
    body = (len(payload) + 1).to_bytes(2, "big") + payload
    check = 0
    for byte in body:
        check ^= byte
    return bytes.fromhex("AA AA AA 96 69") + body + bytes([check])


def decoded(data: bytes) -> tuple[bytes, ...]:
    return Decoder().feed(data)


@pytest.mark.parametrize("vector", REQUESTS)
def test_each_request_is_the_literal_frame_and_back(vector):
    command, data, literal = REQUESTS[vector]
    assert samv.encode_request(Request(command, data)) == bytes.fromhex(literal)
    (payload,) = decoded(bytes.fromhex(literal))
    assert samv.decode_request(payload) == Request(command, data)


@pytest.mark.parametrize("vector", ANSWERS)
def test_each_answer_is_the_literal_frame_and_back(vector):
    result, data, meaning, literal = ANSWERS[vector]
    answer = Answer(result, bytes.fromhex(data))
    assert samv.encode_answer(answer) == bytes.fromhex(literal)
    (payload,) = decoded(bytes.fromhex(literal))
    assert samv.decode_answer(payload) == answer
    assert samv.decode_answer(payload).meaning == meaning


def test_sam_28_prints_as_the_makers_print_it():
    assert samv.decode_sam_id(bytes.fromhex(SAM_ID)) == "05.01-20200115-0000123456-0305419896"
    assert samv.encode_sam_id("05.01-20200115-0000123456-0305419896") == bytes.fromhex(SAM_ID)


def test_sam_29_begins_a_read_answer_of_1295_bytes():
    text = ("张三".ljust(15) + "1").ljust(128).encode("utf-16-le")
    answer = samv.encode_answer(
        Answer(Result.SUCCESS, samv.encode_card_data(CardData(text, bytes(1024)), has_fingerprint=False))
    )
    assert len(answer) == 1295
    assert answer[:46] == bytes.fromhex(SAM_29)
    (payload,) = decoded(answer)
    card = samv.decode_card_data(samv.decode_answer(payload).data, has_fingerprint=False)
    assert card == CardData(text, bytes(1024))


@pytest.mark.parametrize(("fingerprint", "length"), [(0, 1297), (1024, 2321)])
def test_a_fingerprint_read_has_the_length_of_the_reference(fingerprint, length):
    card = CardData(b" \0" * 128, bytes(1024), bytes(fingerprint))
    answer = samv.encode_answer(Answer(Result.SUCCESS, samv.encode_card_data(card, has_fingerprint=True)))
    assert len(answer) == length
    assert answer[10:16] == bytes.fromhex("0100 0400") + fingerprint.to_bytes(2, "big")
    assert samv.decode_card_data(samv.decode_answer(decoded(answer)[0]).data, has_fingerprint=True) == card


@pytest.mark.parametrize("vector", REJECTED)
def test_a_wrong_check_is_rejected(vector):
    decoder = Decoder()
    assert decoder.feed(bytes.fromhex(REJECTED[vector])) == ()
    assert decoder.rejected == 1


def test_sam_42_is_found_behind_noise_and_an_extra_aa():
    assert decoded(bytes.fromhex(SAM_42)) == (bytes.fromhex("00 00 80"),)


# ── resynchronising ────────────────────────────────────────────────────────────────────────


def test_a_good_frame_inside_a_bad_one_is_found():
    inner = frame(b"\0\0\x80")
    outer = bytearray(frame(b"\0\0\x90" + inner + b"tail"))
    outer[-1] ^= 1
    decoder = Decoder()
    assert decoder.feed(bytes(outer)) == (b"\0\0\x80",)
    assert decoder.rejected == 1


@pytest.mark.parametrize("length", [0, 2, 4097, 0xFFFF])
def test_a_length_that_cannot_be_does_not_hold_up_the_next_frame(length):
    broken = samv.PREAMBLE + length.to_bytes(2, "big")
    assert decoded(broken + frame(b"\0\0\x90")) == (b"\0\0\x90",)


def test_a_truncated_frame_gives_up_what_it_swallowed_when_nothing_more_comes():
    cut = frame(b"\0\0\x90" + bytes(1286))[:600]
    decoder = Decoder()
    assert decoder.feed(cut + frame(b"\0\0\x41")) == ()
    assert decoder.flush() == (b"\0\0\x41",)
    assert decoder.flush() == ()
    assert decoder.feed(frame(b"\0\0\x90")) == (b"\0\0\x90",)


def test_flushing_forgets_the_beginning_of_a_frame():
    decoder = Decoder()
    assert decoder.feed(samv.PREAMBLE + b"\0") == ()
    assert decoder.flush() == ()
    assert decoder.rejected == 1
    assert decoder.feed(b"\x04\0\0\x90\x94") == ()


@given(st.lists(payloads, max_size=5), st.data())
def test_frames_arrive_whole_however_they_are_cut(sent, data):
    stream = b"".join(map(frame, sent))
    decoder = Decoder()
    found: list[bytes] = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += decoder.feed(stream[:size])
        stream = stream[size:]
    assert found == sent
    assert decoder.rejected == 0


@given(st.binary(max_size=40).filter(lambda noise: samv.PREAMBLE not in noise + samv.PREAMBLE[:4]), payloads)
def test_noise_without_a_preamble_costs_nothing(noise, payload):
    assert decoded(noise + frame(payload)) == (payload,)


@given(st.binary(max_size=9000))
def test_after_any_bytes_the_next_frame_is_found(noise):
    decoder = Decoder()
    decoder.feed(noise)
    found = decoder.feed(frame(b"\0\0\x90")) + decoder.flush()
    assert b"\0\0\x90" in found


# ── values ─────────────────────────────────────────────────────────────────────────────────


@given(st.integers(0, 0xFFFF), st.binary(max_size=4093))
def test_requests_come_back_as_they_were(command, data):
    (payload,) = decoded(samv.encode_request(Request(command, data)))
    assert samv.decode_request(payload) == Request(command, data)


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255), st.binary(max_size=4092))
def test_answers_come_back_as_they_were(sw1, sw2, sw3, data):
    (payload,) = decoded(samv.encode_answer(Answer(sw3, data, sw1, sw2)))
    assert samv.decode_answer(payload) == Answer(sw3, data, sw1, sw2)


@given(st.binary(min_size=256, max_size=256), st.binary(max_size=1100), st.binary(max_size=1100))
def test_card_blocks_come_back_as_they_were(text, photo, fingerprint):
    with_one = CardData(text, photo, fingerprint)
    assert samv.decode_card_data(samv.encode_card_data(with_one, True), True) == with_one
    without = CardData(text, photo)
    assert samv.decode_card_data(samv.encode_card_data(without, False), False) == without


@given(st.tuples(st.integers(0, 65535), st.integers(0, 65535), *[st.integers(0, 2**32 - 1)] * 3))
def test_sam_ids_come_back_as_they_were(numbers):
    text = "{:02d}.{:02d}-{:08d}-{:010d}-{:010d}".format(*numbers)
    assert samv.decode_sam_id(samv.encode_sam_id(text)) == text


line = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=35).map(
    lambda text: text.encode("utf-16-le")[:70].decode("utf-16-le", "ignore").rstrip(" ")
)


@given(st.lists(line, max_size=4).map(tuple))
def test_appended_addresses_come_back_as_they_were(addresses):
    assert samv.decode_addresses(samv.encode_addresses(addresses)) == addresses


@given(st.binary(min_size=28, max_size=28))
def test_management_numbers_come_back_as_they_were(data):
    assert samv.encode_management_number(samv.decode_management_number(data)) == data


@given(st.binary(max_size=1400))
def test_random_bytes_raise_only_wire_faults(data):
    decoders = (
        samv.decode_request,
        samv.decode_answer,
        samv.decode_addresses,
        samv.decode_sam_id,
        samv.decode_management_number,
        lambda block: samv.decode_card_data(block, True),
        lambda block: samv.decode_card_data(block, False),
    )
    for decode in decoders:
        with contextlib.suppress(WireFault):
            decode(data)
    for payload in Decoder().feed(data):
        assert len(payload) >= 2


@pytest.mark.parametrize(
    "encode",
    [
        lambda: samv.encode_request(Request(-1)),
        lambda: samv.encode_request(Request(0x10000)),
        lambda: samv.encode_request(Request(Command.FIND, bytes(4094))),
        lambda: samv.encode_answer(Answer(0x90, bytes(4093))),
        lambda: samv.encode_answer(Answer(256)),
        lambda: samv.encode_card_data(CardData(bytes(255), b""), True),
        lambda: samv.encode_card_data(CardData(bytes(256), b"", b"x"), False),
        lambda: samv.encode_card_data(CardData(bytes(256), bytes(70000)), False),
        lambda: samv.encode_addresses(("",) * 5),
        lambda: samv.encode_addresses(("字" * 36,)),
        lambda: samv.encode_sam_id("05.01"),
        lambda: samv.encode_sam_id("05.01-1-2-99999999999"),
        lambda: samv.encode_management_number(ManagementNumber(b"", b"", b"")),
    ],
)
def test_what_does_not_fit_is_not_encoded(encode):
    with pytest.raises(WireFault):
        encode()


@pytest.mark.parametrize(
    "data",
    [b"", bytes(5), bytes.fromhex("0100 0400"), bytes.fromhex("0200 0400 0000") + bytes(1536)],
)
def test_blocks_whose_lengths_do_not_add_up_are_refused(data):
    with pytest.raises(WireFault, match="card_lengths"):
        samv.decode_card_data(data, True)


def test_the_fingerprint_length_is_big_endian():
    data = bytes.fromhex("0100 0400 0004") + bytes(256 + 1024 + 4)
    assert len(samv.decode_card_data(data, True).fingerprint) == 4


def test_an_unlisted_result_keeps_its_byte():
    assert Answer(0x5A).meaning == "sw3_5a"
    assert all(Answer(code).meaning == word for code, word in samv.MEANINGS.items())


def test_the_blocks_of_a_card_do_not_show_in_its_repr():
    assert repr(CardData(b"secret", b"face", b"finger")) == "CardData(6, 4, 6 bytes)"


def test_a_payload_too_short_for_its_head_is_refused():
    for data in (b"", b"\x20"):
        with pytest.raises(WireFault, match="request_short"):
            samv.decode_request(data)
    for data in (b"", b"\x00\x00"):
        with pytest.raises(WireFault, match="answer_short"):
            samv.decode_answer(data)


def test_addresses_and_numbers_have_their_lengths():
    address = "北京市".ljust(35).encode("utf-16-le")
    assert samv.decode_addresses(address + address) == ("北京市", "北京市")
    assert samv.encode_addresses(("北京市",)) == address
    for data in (address[:-1], address * 5):
        with pytest.raises(WireFault, match="address_lengths"):
            samv.decode_addresses(data)
    numbers = bytes(range(28))
    assert samv.decode_management_number(numbers) == ManagementNumber(numbers[:4], numbers[4:12], numbers[12:])
    assert samv.encode_management_number(samv.decode_management_number(numbers)) == numbers
    with pytest.raises(WireFault, match="number_length"):
        samv.decode_management_number(bytes(27))
    with pytest.raises(WireFault, match="sam_id_length"):
        samv.decode_sam_id(bytes(15))
