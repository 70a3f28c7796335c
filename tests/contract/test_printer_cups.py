"""A receipt printer behind a raw queue of a real cupsd: bytes untouched, and no more claimed than the queue knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from devices.api import DeviceKind, DeviceState, NotReady, Strip, StripCode, SupplyState, TimedOut, WireFault
from devices.drivers.cups_queue import PREFIX, CupsQueue
from devices.drivers.glyphs import rasterize
from devices.drivers.printer_escpos_cups import CupsReceiptPrinter
from devices.registry import DEFAULTS, driver_for
from devices.wire.strip import encode_strip
from tests.fixtures.printer import SLIP, Deadline, soon, wait_until


@pytest.fixture
def slip_queue(slip_rig, cups_server):
    driver = CupsReceiptPrinter(cups_server.link("SLIP"), patience_s=0.5)
    driver.open(soon())
    yield driver
    driver.close()


def test_the_bytes_of_a_slip_reach_the_printer_untouched(slip_queue, slip_rig, cups_server):
    done = slip_queue.print(SLIP, soon())
    (job,) = slip_rig.wait_for_jobs(1)
    assert job["is_complete"]
    assert Path(job["bin"]).read_bytes() == b"".join(one.data for one in encode_strip(SLIP, rasterize))
    assert (done.lines, done.supply) == (len(job["rows"]), SupplyState.UNKNOWN)
    assert cups_server.kept_files() == []


def test_it_claims_no_more_than_the_queue_knows(slip_queue, slip_rig):
    told = slip_queue.capabilities()
    assert "status" not in told.features
    assert "printed" in told.provisional
    slip_rig.call("paper_out_after")
    status = slip_queue.status(soon())
    assert (status.kind, status.device, status.supply) == (
        DeviceKind.PRINTER,
        DeviceState.ONLINE,
        SupplyState.UNKNOWN,  # never "full": nobody has asked the printer
    )


def test_a_queue_that_stands_still_is_offline_and_takes_no_slip(slip_queue, slip_rig, cups_server):
    cups_server.run("cupsdisable", "SLIP")
    try:
        status = slip_queue.status(soon())
        assert (status.device, status.code, status.is_ready) == (DeviceState.OFFLINE, "paused", False)
        with pytest.raises(NotReady) as raised:
            slip_queue.print(SLIP, soon())
        assert raised.value.code == "paused"
        left = CupsQueue(cups_server.link("SLIP"))
        left.send("slip", b"the slip of the person before", "application/vnd.cups-raw", {}, soon())
        assert len(cups_server.jobs()) == 1
        slip_queue.close()
        slip_queue.open(soon())
        assert cups_server.jobs() == []
    finally:
        cups_server.run("cupsenable", "SLIP")
    slip_queue.print(SLIP, soon())
    assert [job["is_complete"] for job in slip_rig.wait_for_jobs(1)] == [True]


def test_a_printer_nobody_reaches_is_called_off_and_prints_nothing_later(slip_rig, cups_server):
    link = cups_server.add("AWAY", "ipp://127.0.0.1:1/ipp/print")
    driver = CupsReceiptPrinter(link)
    with pytest.raises((TimedOut, NotReady)):
        driver.print(SLIP, Deadline(2.0))
    wait_until(lambda: cups_server.jobs() == [], "the job to be gone")
    assert cups_server.kept_files() == []
    cups_server.run("lpadmin", "-x", "AWAY")
    assert driver.status(soon()).device is DeviceState.NO_DEVICE
    driver.close()


def test_a_code_too_large_is_refused_before_anything_is_sent(slip_queue, slip_rig, cups_server):
    with pytest.raises(WireFault):
        slip_queue.print(Strip((StripCode("x" * 400),)), soon())
    assert slip_rig.jobs() == []


def test_the_title_in_the_queue_names_nobody(slip_queue, slip_rig, cups_server):
    slip_queue.print(SLIP, soon())
    told = cups_server.run("lpstat", "-W", "completed", "-o", "SLIP")
    assert "330402" not in told
    assert PREFIX == "jinban-"


@pytest.mark.parametrize(
    "link", ["cups:", "cups:A4@", "cups:a b", "cups:a/b", "cups:A4@host:port", "tcp:127.0.0.1:1", "cups:A4@a b"]
)
def test_a_queue_that_cannot_be_says_what_is_allowed(link):
    with pytest.raises(ValueError, match="allowed are cups:QUEUE"):
        CupsReceiptPrinter(link)


def test_a_cups_link_means_the_driver_of_its_kind():
    assert driver_for(DeviceKind.PRINTER, "cups:SLIP") == "printer-escpos-cups"
    assert driver_for(DeviceKind.DOCUMENT_PRINTER, "cups:A4") == "document-printer-cups"
    assert [kind for kind, link in DEFAULTS if link == "cups"] == [DeviceKind.PRINTER, DeviceKind.DOCUMENT_PRINTER]
