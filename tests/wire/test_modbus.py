"""Modbus RTU frames: literal bytes both ways, any values back, any bytes only WireFault."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.api import WireFault
from devices.wire import modbus
from devices.wire.modbus import Answer, AnswerDecoder, Function, Refusal, Request, RequestDecoder

# The data of the specification's own examples (V1.1b3 §6.2, §6.5, §6.11), and the frames relay boards' makers print.
REQUESTS = {
    "01 05 00 00 ff 00 8c 3a": Request(1, Function.WRITE_COIL, 0, 1, (True,)),
    "01 05 00 00 00 00 cd ca": Request(1, Function.WRITE_COIL, 0, 1, (False,)),
    "01 0f 00 00 00 08 01 ff be d5": Request(1, Function.WRITE_COILS, 0, 8, (True,) * 8),
    "01 02 00 00 00 08 79 cc": Request(1, Function.READ_INPUTS, 0, 8),
    "01 01 00 00 00 08 3d cc": Request(1, Function.READ_COILS, 0, 8),
}
BITS = tuple(bit == "1" for bit in "1011001110")  # CD 01, lowest first: the example of §6.11
PLAIN = {  # function and data as the specification prints them; the check is ours
    "05 00 ac ff 00": Request(17, Function.WRITE_COIL, 172, 1, (True,)),
    "0f 00 13 00 0a 02 cd 01": Request(17, Function.WRITE_COILS, 19, 10, BITS),
    "02 00 c4 00 16": Request(17, Function.READ_INPUTS, 196, 22),
    "01 00 13 00 13": Request(17, Function.READ_COILS, 19, 19),
}
ANSWERS = {
    "05 00 ac ff 00": Answer(17, Function.WRITE_COIL, bits=(True,), address=172, count=1),
    "0f 00 13 00 0a": Answer(17, Function.WRITE_COILS, address=19, count=10),
    "02 03 ac db 35": Answer(17, Function.READ_INPUTS, bits=tuple(bit == "1" for bit in "001101011101101110101100")),
    "81 02": Answer(17, Function.READ_COILS, refusal=Refusal.ILLEGAL_ADDRESS),
}


def framed(text: str, unit: int = 17) -> bytes:
    data = bytes((unit,)) + bytes.fromhex(text)
    return data + modbus.crc16(data).to_bytes(2, "little")


def test_the_check_is_that_of_the_catalogues_and_of_the_serial_line_guide():
    assert modbus.crc16(b"123456789") == 0x4B37
    assert modbus.crc16(b"\x02\x07") == 0x1241


@pytest.mark.parametrize(("raw", "request_"), REQUESTS.items())
def test_makers_frames_stand_both_ways(raw, request_):
    assert modbus.encode_request(request_) == bytes.fromhex(raw)
    assert modbus.decode_request(bytes.fromhex(raw)) == request_


@pytest.mark.parametrize(("raw", "request_"), PLAIN.items())
def test_the_specifications_requests_stand_both_ways(raw, request_):
    assert modbus.encode_request(request_) == framed(raw)
    assert modbus.decode_request(framed(raw)) == request_


@pytest.mark.parametrize(("raw", "answer"), ANSWERS.items())
def test_the_specifications_answers_stand_both_ways(raw, answer):
    assert modbus.encode_answer(answer) == framed(raw)
    assert modbus.decode_answer(framed(raw)) == answer


bits = st.lists(st.booleans(), min_size=1, max_size=200).map(tuple)
requests = st.one_of(
    st.builds(Request, st.integers(0, 247), st.sampled_from(modbus.READS), st.integers(0, 60000), st.integers(1, 2000)),
    st.builds(
        lambda unit, at, bit: Request(unit, Function.WRITE_COIL, at, 1, (bit,)),
        st.integers(0, 247),
        st.integers(0, 65535),
        st.booleans(),
    ),
    st.builds(
        lambda unit, at, found: Request(unit, Function.WRITE_COILS, at, len(found), found),
        st.integers(0, 247),
        st.integers(0, 65000),
        bits,
    ),
)


@given(st.lists(requests, max_size=4), st.lists(st.integers(0, 200), max_size=6))
def test_requests_arrive_whole_however_they_are_cut(sent, cuts):
    stream = b"".join(map(modbus.encode_request, sent))
    decoder, found, at = RequestDecoder(), [], 0
    for cut in [*sorted(cuts), len(stream)]:
        found += decoder.feed(stream[at:cut])
        at = max(at, cut)
    assert found == sent


@given(requests, st.data())
def test_the_answer_is_found_behind_noise_and_in_pieces(request_, data):
    answer = data.draw(st.sampled_from([answer_to(request_), Answer(request_.unit, request_.function, refusal=4)]))
    noise = data.draw(st.binary(max_size=9).filter(lambda some: request_.unit not in some))
    stream, decoder = noise + modbus.encode_answer(answer), AnswerDecoder(request_)
    cut = data.draw(st.integers(0, len(stream) - 1))
    assert decoder.feed(stream[:cut]) is None
    assert decoder.feed(stream[cut:]) == modbus.decode_answer(modbus.encode_answer(answer))


def answer_to(request: Request) -> Answer:
    if request.function in modbus.READS:
        return Answer(request.unit, request.function, bits=(True,) * request.count)
    bits = request.bits if request.function is Function.WRITE_COIL else ()
    return Answer(request.unit, request.function, bits=bits, address=request.address, count=len(request.bits))


@given(st.binary(max_size=300), requests)
def test_noise_raises_only_wire_fault(noise, request_):
    for decode in (modbus.decode_request, modbus.decode_answer):
        try:
            decode(noise)
        except WireFault:
            continue
    RequestDecoder().feed(noise)
    AnswerDecoder(request_).feed(noise)


def test_a_flood_without_an_answer_is_a_fault():
    decoder = AnswerDecoder(Request(1, Function.READ_INPUTS, 0, 8))
    with pytest.raises(WireFault, match="flood"):
        decoder.feed(b"\x01\x02" * 300)


@pytest.mark.parametrize(
    "request_",
    [
        Request(248, Function.READ_COILS, 0, 1),
        Request(1, Function.READ_COILS, 0, 0),
        Request(1, Function.READ_COILS, 0, 2001),
        Request(1, Function.READ_COILS, 65535, 2),
        Request(1, Function.READ_INPUTS, 0, 1, (True,)),
        Request(1, Function.WRITE_COIL, 0, 1),
        Request(1, Function.WRITE_COIL, 0, 2, (True, True)),
        Request(1, Function.WRITE_COILS, 0, 0),
        Request(1, Function.WRITE_COILS, -1, 1, (True,)),
    ],
)
def test_what_the_specification_does_not_allow_is_not_sent(request_):
    with pytest.raises(WireFault):
        modbus.encode_request(request_)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(1, Function.READ_COILS),
        Answer(1, Function.READ_COILS, bits=(True,) * 2001),
        Answer(248, Function.READ_COILS, bits=(True,)),
        Answer(1, Function.READ_COILS, refusal=256),
        Answer(1, Function.WRITE_COILS, address=65536),
    ],
)
def test_an_answer_that_cannot_be_is_not_sent(answer):
    with pytest.raises(WireFault):
        modbus.encode_answer(answer)


def test_another_requests_answer_is_not_believed():
    asked = Request(1, Function.READ_INPUTS, 0, 8)
    assert modbus.is_answer_to(Answer(1, Function.READ_INPUTS, bits=(False,) * 8), asked)
    for answer in (
        Answer(2, Function.READ_INPUTS, bits=(False,) * 8),
        Answer(1, Function.READ_COILS, bits=(False,) * 8),
        Answer(1, Function.READ_INPUTS, bits=(False,) * 16),
    ):
        assert not modbus.is_answer_to(answer, asked)
    written = Request(1, Function.WRITE_COILS, 4, 2, (True, False))
    assert not modbus.is_answer_to(Answer(1, Function.WRITE_COILS, address=4, count=3), written)
    assert not modbus.is_answer_to(
        Answer(1, Function.WRITE_COIL, bits=(False,), address=4), Request(1, Function.WRITE_COIL, 4, 1, (True,))
    )


@pytest.mark.parametrize(
    "text",
    [
        "05 00 ac ff 01",  # neither on nor off
        "05 00 ac ff 00 00",
        "0f 00 13 00 0a 01 cd",  # ten bits in one byte
        "0f 00 13 00 0a",
        "0f 00 13 00 0a 02 cd 01 00",
        "01 00 13 00",
        "02 00 13 00 13 00",
        "01 00 13 07 d1",  # 2001 coils
        "03 00 6b 00 03",  # holding registers: none of ours
    ],
)
def test_a_request_of_no_form_is_refused(text):
    with pytest.raises(WireFault):
        modbus.decode_request(framed(text))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("81 00", "refusal"),
        ("83 02", "function"),
        ("02 03 ac db", "answer"),  # says three bytes, has two
        ("02 00", "length"),  # four bytes and a check are the least
        ("02 00 00", "answer"),
        ("05 00 ac ff", "answer"),
        ("05 00 ac ff 01", "answer"),
        ("0f 00 13 00 0a 00", "answer"),
    ],
)
def test_an_answer_of_no_form_says_what_is_wrong(text, code):
    raw = framed(text) if code != "length" else framed(text)[:-1]
    with pytest.raises(WireFault, match=code):
        modbus.decode_answer(raw)


def test_a_frame_with_a_wrong_check_or_of_no_unit_is_refused():
    good = framed("05 00 ac ff 00")
    with pytest.raises(WireFault, match="crc"):
        modbus.decode_answer(good[:-1] + bytes((good[-1] ^ 1,)))
    with pytest.raises(WireFault, match="function"):
        modbus.decode_answer(framed("05 00 ac ff 00", unit=248))
    with pytest.raises(WireFault, match="length"):
        modbus.decode_request(b"\x01" * 4)


def test_only_some_refusals_and_writes_answer_a_request():
    read = Request(17, Function.READ_COILS, 19, 19)
    assert modbus.is_answer_to(Answer(17, Function.READ_COILS, refusal=2), read)
    decoder = AnswerDecoder(read)
    assert not decoder.has_heard
    assert decoder.feed(framed("01 01 ff")) is None  # eight coils: not what was asked for
    assert decoder.has_heard
    assert decoder.feed(framed("05 00 ac ff 00") + framed("81 02")) == Answer(17, Function.READ_COILS, refusal=2)


def test_an_answer_is_found_behind_another_units_and_one_with_a_wrong_check():
    decoder = AnswerDecoder(Request(17, Function.WRITE_COIL, 172, 1, (True,)))
    good = framed("05 00 ac ff 00")
    assert decoder.feed(framed("05 00 ac ff 00", unit=9) + good[:-1] + b"\x00" + good[:5]) is None
    assert decoder.feed(good[5:]) == Answer(17, Function.WRITE_COIL, bits=(True,), address=172, count=1)


def test_requests_are_found_behind_noise_and_a_length_that_cannot_be():
    many, one = framed("0f 00 13 00 0a 02 cd 01"), framed("05 00 ac ff 00")
    decoder = RequestDecoder()
    assert decoder.feed(b"\x11\x0f\x00\x13\x00\x0a\xff" + many[:9]) == []  # says 255 bytes of coils
    assert decoder.feed(many[9:]) == [PLAIN["0f 00 13 00 0a 02 cd 01"]]
    assert decoder.feed(b"\x00" + one) == [PLAIN["05 00 ac ff 00"]]
