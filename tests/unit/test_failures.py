"""The table of failures: every row can be said, every error of a device leads to one, none is shadowed."""

from __future__ import annotations

import inspect

import pytest
from msgspec.structs import replace

import devices.api
from devices.api import DeviceError, DeviceKind, DeviceState, Status, SupplyState
from kiosk.station.failures import FAILURES, Move, failure_of
from kiosk.station.texts import own_texts
from tests.fixtures.flow import make_station

DEVICE_ERRORS = tuple(
    kind.__name__ for _, kind in inspect.getmembers(devices.api, inspect.isclass) if issubclass(kind, DeviceError)
)


def test_every_row_has_its_sentence_and_every_technicians_row_a_remedy():
    texts = own_texts()
    for row in FAILURES:
        assert texts.has(row.text)
        assert texts.has(f"failures.whose_{row.move.value}")
        assert not row.remedy or texts.has(row.remedy)
        assert row.remedy or row.move is not Move.TECHNICIAN, row.code


def test_every_remedy_and_every_failure_text_is_used():
    used = {row.text for row in FAILURES} | {row.remedy for row in FAILURES}
    known = {key for key in own_texts().table if key.startswith(("failures.", "remedies."))}
    assert {key for key in known - used if not key.startswith("failures.whose_")} == set()


def test_no_row_stands_in_the_shadow_of_another():
    for row in FAILURES[:-1]:
        for kind in row.kinds:
            for code in row.codes or ("a code nobody knows",):
                assert failure_of(kind, code) is row


@pytest.mark.parametrize("kind", DEVICE_ERRORS)
@pytest.mark.parametrize("device", ["Reader", "Camera", "Printer"])
def test_every_device_error_names_whose_move_it_is(kind, device):
    row = failure_of(kind, "anything", device)
    assert row.move in Move
    if kind in ("NotReady", "TimedOut", "HardwareFault", "WireFault"):
        assert device in row.kinds


def test_an_unknown_failure_goes_to_the_staff_and_never_shows_its_code():
    row = failure_of("ValueError", "0x80070057 C:\\")
    assert (row.code, row.move) == ("F00", Move.ATTENDANT)
    assert "0x" not in own_texts()(row.text, "en")


def test_codes_are_those_of_the_product():
    for row in FAILURES:
        assert row.code[0] == "F"
        assert 0 <= int(row.code[1:]) <= 29


def test_no_room_is_told_from_other_reasons_not_to_store():
    for code in ("free_floor", "database_full", "DiskFull"):
        assert failure_of("NotStored", code).text == "failures.disk_full"
    for code in ("signer_unavailable", "store_silent", "no_key", ""):
        assert failure_of("NotStored", code).text == "failures.not_stored"


# ── health ───────────────────────────────────────────────────────────────────────────────


def test_a_station_says_which_device_is_away_and_why():
    station = make_station(away=(DeviceKind.READER,))
    assert station.device_fault(DeviceKind.READER) == ("Reader", "noDevice")
    assert station.device_fault(DeviceKind.CAMERA) == ("", "")
    assert not station.has(DeviceKind.READER)
    assert station.has(DeviceKind.CAMERA)


def test_a_device_nobody_configured_is_away():
    bare = replace(make_station(), devices={})
    assert bare.device_fault(DeviceKind.PRINTER) == ("Printer", "not_configured")
    assert not bare.has(DeviceKind.PRINTER)
    assert bare.pause is bare.queue.pause


def test_a_printer_without_paper_is_there_but_not_to_be_counted_on():
    out = Status(DeviceKind.PRINTER, "test", DeviceState.ONLINE, supply=SupplyState.OUT, code="paper_out")
    station = replace(make_station(), devices={DeviceKind.PRINTER: out})
    assert station.device_fault(DeviceKind.PRINTER) == ("Printer", "paper_out")
    assert failure_of("", "paper_out", "Printer").code == "F18"
