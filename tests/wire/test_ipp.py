"""IPP as a printer answers it, and what its reasons mean."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.api import DeviceState, HardwareFault, Jammed, NotReady, SupplyOut, SupplyState, WireFault
from devices.wire import ipp
from devices.wire.ipp_reasons import WORDS, device_of, fault_of, stem, supply_of, word_of

# RFC 8010 appendix A.1's header and attributes, for Get-Jobs
REQUEST = (
    b"\x01\x01\x00\x0a\x00\x00\x00\x01\x01"
    b"\x47\x00\x12attributes-charset\x00\x05utf-8"
    b"\x48\x00\x1battributes-natural-language\x00\x02en"
    b"\x45\x00\x0bprinter-uri\x00\x10ipp://p:631/ipp/"
    b"\x21\x00\x05limit\x00\x04\x00\x00\x00\x14"
    b"\x44\x00\x14requested-attributes\x00\x08job-name"
    b"\x44\x00\x00\x00\x09job-state\x03"
)


def _attribute(tag: int, name: str, raw: bytes) -> bytes:
    return struct.pack(">BH", tag, len(name)) + name.encode() + struct.pack(">H", len(raw)) + raw


ANSWER = (
    b"\x01\x01\x00\x00\x00\x00\x00\x01\x01"
    + _attribute(ipp.CHARSET, "attributes-charset", b"utf-8")
    + b"\x04"
    + _attribute(ipp.ENUM, "printer-state", b"\x00\x00\x00\x05")
    + _attribute(ipp.KEYWORD, "printer-state-reasons", b"media-empty-report")
    + _attribute(ipp.KEYWORD, "", b"paused")
    + _attribute(ipp.BOOLEAN, "printer-is-accepting-jobs", b"\x01")
    + _attribute(0x34, "media-col-ready", b"")
    + b"\x03"
)


def test_a_request_is_what_the_standard_says():
    limit = (ipp.INTEGER, "limit", 20)
    assert ipp.encode_request(ipp.Ask.GET_JOBS, "ipp://p:631/ipp/", ("job-name", "job-state"), limit) == REQUEST


def test_an_answer_becomes_groups_of_values():
    answer = ipp.decode_answer(ANSWER)
    assert answer.is_ok
    assert answer.of(ipp.GROUP_PRINTER) == (
        {
            "printer-state": (5,),
            "printer-state-reasons": ("media-empty-report", "paused"),
            "printer-is-accepting-jobs": (True,),
            "media-col-ready": (b"",),
        },
    )
    assert answer.of(ipp.GROUP_JOB) == ()
    assert not ipp.decode_answer(b"\x01\x01\x04\x06\x00\x00\x00\x01\x03").is_ok


def test_every_beginning_of_an_answer_is_cut_off():
    for length in range(len(ANSWER)):
        with pytest.raises(WireFault):
            ipp.decode_answer(ANSWER[:length])


@given(st.binary(max_size=200))
def test_any_bytes_are_an_answer_or_a_wire_fault(data):
    for raw in (data, ANSWER[:9] + data):
        try:
            ipp.decode_answer(raw)
        except WireFault:
            continue


@pytest.mark.parametrize("suffix", ["", "-error", "-warning", "-report"])
def test_the_stem_counts_and_the_suffix_does_not(suffix):
    for reason, word in WORDS.items():
        assert stem(reason + suffix) == reason
        assert word_of(["none", "cups-waiting-for-job-completed", reason + suffix]) == word


def test_the_worst_word_wins():
    assert word_of(["media-low-report", "media-empty-error", "media-jam-warning"]) == "jammed"
    assert word_of(["toner-low"]) == "toner_low"
    assert word_of([]) == word_of(["none", "com.example-odd"]) == ""
    assert supply_of(["toner-low", "media-empty"]) is SupplyState.OUT
    assert supply_of(["media-low"]) is SupplyState.LOW
    assert supply_of(["media-jam"]) is SupplyState.JAMMED
    assert supply_of(["none"]) is SupplyState.FULL


@pytest.mark.parametrize(
    ("word", "error", "code", "device"),
    [
        ("paper_out", SupplyOut, "paper_out_during", DeviceState.ONLINE),
        ("toner_out", SupplyOut, "toner_out", DeviceState.ONLINE),
        ("jammed", Jammed, "jammed", DeviceState.HARDWARE_ERROR),
        ("printer_error", HardwareFault, "printer_error", DeviceState.HARDWARE_ERROR),
        ("cover_open", NotReady, "cover_open", DeviceState.OFFLINE),
        ("offline", NotReady, "offline", DeviceState.OFFLINE),
    ],
)
def test_each_word_has_its_error_and_its_state(word, error, code, device):
    fault = fault_of(word, during=True)
    assert (type(fault), fault.code, device_of(word)) == (error, code, device)


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        (_attribute(ipp.INTEGER, "n", b"\x00\x00\x01"), "ipp_value"),  # RFC 8010 §3.9: four bytes
        (_attribute(ipp.ENUM, "n", b"\x00\x00\x00\x00\x05"), "ipp_value"),
        (_attribute(ipp.KEYWORD, "", b"a second value of nothing"), "ipp_order"),
    ],
)
def test_an_answer_that_follows_no_rule_says_which(attributes, code):
    with pytest.raises(WireFault, match=code):
        ipp.decode_answer(ANSWER[:9] + attributes + b"\x03")


def test_a_value_before_any_group_is_refused():
    with pytest.raises(WireFault, match="ipp_order"):
        ipp.decode_answer(ANSWER[:8] + _attribute(ipp.KEYWORD, "n", b"value") + b"\x03")


def test_an_answer_beyond_a_megabyte_is_not_looked_at():
    with pytest.raises(WireFault, match="ipp_size"):
        ipp.decode_answer(ANSWER[:9] + bytes(ipp.MAX_ANSWER))
