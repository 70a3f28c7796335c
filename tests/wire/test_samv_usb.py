"""SAM-V over USB bulk endpoints and inside HID reports: which bytes go where, and nothing but WireFault."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.api import WireFault
from devices.wire import samv, samv_hid
from devices.wire.samv import Answer, Command, Request, Result
from devices.wire.samv_hid import Told
from devices.wire.samv_usb import (
    Framing,
    choose_ways,
    decode_transfer,
    encode_packets,
    encode_transfers,
    next_transfer,
)

SPLIT = choose_ways((0x02, 0x81, 0x06, 0x85))
WHOLE = choose_ways((0x81, 0x02))
FIND = samv.encode_request(Request(Command.FIND))
HID_FIND = "88 00 00 0B 00 B1 AA AA AA 96 69 00 03 20 01 22 FF 03"  # the reference's computed example
LONG = samv.encode_answer(Answer(Result.SUCCESS, bytes(range(256)) * 5))


# ── USB ────────────────────────────────────────────────────────────────────────────────────


def test_four_endpoints_mean_split_and_two_mean_whole():
    assert (SPLIT.framing, SPLIT.outs, SPLIT.ins) == (Framing.SPLIT, (0x02, 0x06), (0x81, 0x85))
    assert (WHOLE.framing, WHOLE.outs, WHOLE.ins) == (Framing.WHOLE, (0x02,), (0x81,))


@pytest.mark.parametrize("endpoints", [(), (0x02,), (0x81,), (0x02, 0x06), (0x02, 0x81, 0x82), (1, 2, 3, 0x81)])
def test_other_endpoints_are_no_reader(endpoints):
    with pytest.raises(WireFault, match="usb_endpoints"):
        choose_ways(endpoints)


def test_a_request_goes_out_split_after_seven_bytes_or_whole():
    head, rest = bytes.fromhex("AA AA AA 96 69 00 03"), bytes.fromhex("20 01 22")
    assert encode_transfers(FIND, SPLIT) == ((0x02, head), (0x06, rest))
    assert encode_transfers(FIND, WHOLE) == ((0x02, FIND),)
    assert decode_transfer(0x02, head, SPLIT) + decode_transfer(0x06, rest, SPLIT) == FIND
    assert decode_transfer(0x02, FIND, WHOLE) == FIND


@pytest.mark.parametrize(("endpoint", "part"), [(0x02, FIND), (0x06, FIND[:7]), (0x02, FIND[7:]), (0x81, FIND[:7])])
def test_what_comes_the_wrong_way_is_refused(endpoint, part):
    with pytest.raises(WireFault, match="usb_way"):
        decode_transfer(endpoint, part, SPLIT)


def test_the_rest_of_a_split_answer_is_asked_for_in_whole_packets():
    assert next_transfer(b"", SPLIT) == (0x81, 64)
    assert next_transfer(LONG[:7], SPLIT) == (0x85, 1344)  # 1284 bytes: 21 packets
    assert next_transfer(LONG[:1000], SPLIT) == (0x85, 320)
    assert next_transfer(LONG, SPLIT) == (0x81, 64)
    assert next_transfer(LONG[:7], WHOLE) == (0x81, 64)


@pytest.mark.parametrize("head", ["00" * 7, "AA AA AA 96 69 00 02", "AA AA AA 96 69 FF FF", "AA AA AA"])
def test_a_head_that_makes_no_sense_is_not_followed(head):
    assert next_transfer(bytes.fromhex(head), SPLIT) == (0x81, 64)


@pytest.mark.parametrize("ways", [SPLIT, WHOLE], ids=["split", "whole"])
@given(payload=st.binary(min_size=3, max_size=700))
def test_every_answer_comes_in_as_it_went_out(ways, payload):
    frame = samv.encode_answer(Answer(payload[0], payload[1:]))
    heard = b""
    for endpoint, data in encode_packets(frame, ways):
        asked, size = next_transfer(heard, ways)
        assert (asked, len(data) <= size) == (endpoint, True)
        heard += data
    assert heard == frame


# ── HID ────────────────────────────────────────────────────────────────────────────────────


def test_find_in_a_report_is_the_literal_bytes_of_the_reference():
    report = samv_hid.encode_ask(FIND)
    assert report == bytes.fromhex(HID_FIND).ljust(64, b"\0")
    assert samv_hid.decode_ask(report) == (0xB1, FIND)


def test_a_piece_of_an_answer_is_the_literal_bytes():
    report = samv_hid.encode_tell(Told(1, bytes.fromhex("DD EE")))
    assert report == bytes.fromhex("AA 00 00 05 00 00 01 00 DD EE D1 01").ljust(64, b"\0")
    assert samv_hid.decode_tell(report) == Told(1, bytes.fromhex("DD EE"))


@given(st.integers(0, 0xFFFF), st.binary(max_size=54), st.integers(0, 255))
def test_every_piece_comes_back(number, data, result):
    told = Told(number, data, result)
    report = samv_hid.encode_tell(told)
    assert len(report) == 64
    assert samv_hid.decode_tell(report) == told


@given(st.binary(max_size=56), st.integers(0, 255))
def test_every_request_comes_back(frame, command):
    assert samv_hid.decode_ask(samv_hid.encode_ask(frame, command)) == (command, frame)


def test_what_does_not_fit_a_report_is_refused():
    for wrong in (lambda: samv_hid.encode_ask(bytes(57)), lambda: samv_hid.encode_tell(Told(0, bytes(55)))):
        with pytest.raises(WireFault, match="hid_long"):
            wrong()


@pytest.mark.parametrize(
    ("at", "value", "code"),
    [(0, 0x88, "hid_report"), (3, 0, "hid_length"), (3, 60, "hid_length"), (8, 0xDC, "hid_sum"), (10, 0, "hid_sum")],
)
def test_a_wrong_report_says_what_is_wrong(at, value, code):
    report = bytearray(samv_hid.encode_tell(Told(1, bytes.fromhex("DD EE"))))
    report[at] = value
    with pytest.raises(WireFault, match=code):
        samv_hid.decode_tell(bytes(report))


@given(st.binary(max_size=80))
def test_random_bytes_raise_only_wire_faults(data):
    for report in (data, data[:64].ljust(64, b"\0"), b"\xaa" + data[:63].ljust(63, b"\0")):
        with contextlib.suppress(WireFault):
            samv_hid.decode_tell(report)
        with contextlib.suppress(WireFault):
            samv_hid.decode_ask(report)
    with contextlib.suppress(WireFault):
        choose_ways(tuple(data[:6]))
    for ways in (SPLIT, WHOLE):
        endpoint, size = next_transfer(data, ways)
        assert endpoint in ways.ins
        assert 0 < size <= 4160
        with contextlib.suppress(WireFault):
            decode_transfer(0x02, data, ways)


def test_an_answer_comes_in_packets_of_64_bytes_or_its_head_alone_first():
    answer = samv.encode_answer(Answer(Result.SUCCESS, bytes(100)))  # 111 bytes
    assert [(end, len(data)) for end, data in encode_packets(answer, WHOLE)] == [(0x81, 64), (0x81, 47)]
    assert [(end, len(data)) for end, data in encode_packets(answer, SPLIT)] == [(0x81, 7), (0x85, 64), (0x85, 40)]
