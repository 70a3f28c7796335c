"""What every A4 printer driver promises, against a real cupsd and a printer written by others."""

from __future__ import annotations

import threading

import pytest

from devices.api import (
    Cancelled,
    Deadline,
    DeviceKind,
    DeviceState,
    HardwareFault,
    Jammed,
    NotReady,
    Private,
    Sheet,
    SupplyOut,
    SupplyState,
    WireFault,
)
from devices.drivers.cups_queue import PREFIX
from devices.drivers.document_printer_cups import CupsDocumentPrinter
from tests.fixtures.printer import soon, wait_until

# the smallest page that every reader opens
PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>endobj\nxref\n0 4\n0000000000 65535 f \n"
    b"0000000009 00000 n \n0000000052 00000 n \n0000000101 00000 n \ntrailer<</Size 4/Root 1 0 R>>\nstartxref\n164\n"
    b"%%EOF\n"
)
SHEET = Sheet("material-list", Private(PDF), pages=1)


def test_a_good_job_is_printed_once_and_leaves_nothing(a4, paper_printer, cups_server):
    done = a4.print(SHEET, soon())
    assert (done.pages, done.supply) == (1, SupplyState.FULL)
    assert len(paper_printer.received()) == 1
    assert cups_server.jobs() == []
    assert cups_server.kept_files() == []


def test_the_printer_gets_our_document_byte_for_byte(paper_printer, cups_server):
    driver = CupsDocumentPrinter(cups_server.link("A4-raw"))
    driver.print(SHEET, soon())
    driver.close()
    assert paper_printer.received() == [PDF]


def test_a_title_is_all_that_queue_and_printer_see(a4, paper_printer, cups_server):
    a4.print(SHEET, soon())
    (name,) = {title.partition("-")[2] for title in paper_printer.titles()}
    assert name.startswith(f"{PREFIX}material-list-")
    with pytest.raises(WireFault):
        a4.print(Sheet("王小明", Private(PDF), pages=1), soon())
    assert len(paper_printer.received()) == 1


def test_status_is_ready_only_when_the_printer_says_so(a4):
    status = a4.status(soon())
    assert (status.kind, status.device, status.supply, status.code) == (
        DeviceKind.DOCUMENT_PRINTER,
        DeviceState.ONLINE,
        SupplyState.FULL,
        "",
    )
    assert status.is_ready


@pytest.mark.parametrize(
    ("reason", "error", "code"),
    [
        ("media-empty-error", SupplyOut, "paper_out_during"),
        ("media-jam-error", Jammed, "jammed"),
        ("cover-open-error", NotReady, "cover_open"),
        ("toner-empty-error", SupplyOut, "toner_out"),
    ],
)
def test_trouble_under_the_job_is_told_and_the_job_called_off(a4, paper_printer, cups_server, reason, error, code):
    paper_printer.complain(reason)
    with pytest.raises(error) as raised:
        a4.print(SHEET, soon())
    assert raised.value.code == code
    assert cups_server.jobs() == []
    paper_printer.complain()
    # the queue goes on repeating the old complaint; the printer itself is asked
    wait_until(lambda: a4.status(soon()).code == "", "the printer to be well")
    assert a4.print(SHEET, soon()).supply is SupplyState.FULL


def test_a_complaint_that_passes_does_not_stop_the_job(paper_printer, cups_server):
    driver = CupsDocumentPrinter(cups_server.link("A4"), patience_s=60.0)
    paper_printer.complain("media-empty-error")
    mended = threading.Timer(1.0, paper_printer.complain)
    mended.start()
    assert driver.print(SHEET, soon()).pages == 1
    mended.join()
    driver.close()


def test_little_paper_prints_and_says_so(a4, paper_printer):
    paper_printer.complain("media-low-error")
    worker = threading.Timer(2.0, paper_printer.complain)
    worker.start()
    assert a4.print(SHEET, soon()).pages == 1
    worker.join()


def test_a_job_the_printer_aborts_is_never_a_success(a4, paper_printer, cups_server):
    paper_printer.abort()
    with pytest.raises(HardwareFault) as raised:  # cupsd calls it completed; the printer tells
        a4.print(SHEET, soon())
    assert raised.value.code in ("job_aborted", "job_canceled")
    assert cups_server.jobs() == []


def test_a_printer_that_is_gone_is_offline_and_nothing_comes_out_later(a4, paper_printer, cups_server):
    paper_printer.stop()
    try:
        status = a4.status(soon())
        assert (status.device, status.supply, status.code) == (DeviceState.OFFLINE, SupplyState.UNKNOWN, "offline")
        with pytest.raises(NotReady) as raised:
            a4.print(SHEET, soon())
        assert raised.value.code == "offline"
        assert cups_server.jobs() == []
    finally:
        paper_printer.start()
    assert a4.status(soon()).is_ready
    assert paper_printer.received() == []


def test_a_printer_that_goes_under_the_job_is_called_off_at_our_deadline(paper_printer, cups_server):
    driver = CupsDocumentPrinter(cups_server.link("A4"))
    paper_printer.complain("media-low-error")  # holds the job
    raised: list[BaseException] = []

    def work() -> None:
        try:
            driver.print(SHEET, Deadline(5.0))
        except Exception as fault:
            raised.append(fault)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        wait_until(lambda: bool(cups_server.jobs()), "the job to begin")
        paper_printer.stop()
        worker.join(45)
        assert [(type(one), one.code) for one in raised if isinstance(one, NotReady)] == [(NotReady, "offline")]
        assert cups_server.jobs() == []
    finally:
        paper_printer.complain()
        paper_printer.start()
    driver.close()


def test_a_job_called_off_is_cancelled(a4, paper_printer, cups_server):
    paper_printer.complain("media-low-error")
    called_off = threading.Event()
    raised: list[BaseException] = []

    def work() -> None:
        try:
            a4.print(SHEET, Deadline(40, called_off))
        except Cancelled as fault:
            raised.append(fault)

    worker = threading.Thread(target=work)
    worker.start()
    wait_until(lambda: bool(cups_server.jobs()), "the job to begin")
    called_off.set()
    worker.join(45)
    assert [type(one) for one in raised] == [Cancelled]
    assert cups_server.jobs() == []


def test_opening_cancels_what_a_former_run_of_ours_left_and_nothing_else(a4, paper_printer, cups_server, tmp_path):
    page = tmp_path / "page.pdf"
    page.write_bytes(PDF)
    cups_server.run("cupsdisable", "A4")
    try:
        assert a4.status(soon()).code == "paused"
        for title in (f"{PREFIX}material-list-0a1b2c3d", "somebody's letter"):
            cups_server.run("lp", "-d", "A4", "-t", title, str(page))
        cups_server.run("lp", "-U", "another", "-d", "A4", "-t", f"{PREFIX}of-another-user", str(page))
        assert len(cups_server.jobs()) == 3
        a4.open(soon())
        assert len(cups_server.jobs()) == 2
        with pytest.raises(NotReady) as raised:
            a4.print(SHEET, soon())
        assert raised.value.code == "paused"
    finally:
        cups_server.run("cancel", "-a", "A4")
        cups_server.run("cupsenable", "A4")


def test_a_queue_that_takes_no_jobs_is_offline(a4, cups_server):
    cups_server.run("cupsreject", "A4")
    try:
        assert (a4.status(soon()).device, a4.status(soon()).code) == (DeviceState.OFFLINE, "queue_refuses")
        with pytest.raises(NotReady):
            a4.print(SHEET, soon())
    finally:
        cups_server.run("cupsaccept", "A4")


def test_a_queue_or_server_that_is_not_there_is_no_device(cups_server, tmp_path):
    for link in (cups_server.link("NONE"), f"cups:A4@{tmp_path}/none.sock", "cups:A4@127.0.0.1:1"):
        driver = CupsDocumentPrinter(link)
        assert driver.status(soon()).device is DeviceState.NO_DEVICE
        for ask in (driver.open, lambda deadline, driver=driver: driver.print(SHEET, deadline)):
            with pytest.raises(NotReady) as raised:
                ask(soon())
            assert raised.value.code == "noDevice"
        driver.close()


def test_what_is_no_document_is_refused_before_anything_is_sent(a4, paper_printer):
    for sheet in (
        Sheet("x", Private(b"\x1b%-12345X@PJL"), pages=1),
        Sheet("x", Private(PDF), pages=0),
        Sheet("x", Private(PDF), pages=10, copies=100),
        Sheet("x/../y", Private(PDF), pages=1),
    ):
        with pytest.raises(WireFault):
            a4.print(sheet, soon())
    assert paper_printer.received() == []


def test_a_print_server_that_is_started_again_is_found_again(a4, paper_printer, cups_server):
    assert a4.status(soon()).is_ready
    cups_server.stop()
    assert a4.status(soon()).device is DeviceState.NO_DEVICE
    cups_server.start_again()
    assert a4.status(soon()).is_ready
    assert a4.print(SHEET, soon()).pages == 1


def test_capabilities_name_what_no_hardware_has_confirmed(a4):
    told = a4.capabilities()
    assert told.kind is DeviceKind.DOCUMENT_PRINTER
    assert "job_state" in told.features
    assert told.provisional
