"""Half a slip: what it says of itself, and that no row of it hangs on the slip of the next person."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator

import pytest

from app.commands.print_test import LEFT, TEST_STRIP, print_test
from devices.api import Cancelled, Deadline, Jammed, Left, NotReady, Strip, StripPicture, SupplyOut
from devices.drivers.glyphs import rasterize
from devices.drivers.printer_escpos import EscposPrinter
from devices.links import open_link
from devices.sim.control import spawn
from devices.wire.strip import encode_strip
from tests.fixtures.printer import FAST, LONG, PATIENT, SLIP, PrinterRig, soon, wait_until

HALF = b"".join(one.data for one in encode_strip(LONG, rasterize)[:2])
PICTURE = encode_strip(Strip((StripPicture(576, 16, bytes(72 * 16)),)), rasterize)[0].data[:600]
TEST_ROWS = sum(one.rows for one in encode_strip(TEST_STRIP, rasterize))


@pytest.fixture(scope="module")
def paced_printer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrinterRig]:
    place = tmp_path_factory.mktemp("paced")
    with spawn("printer", "--tcp", "--mm-per-s", "200", "--undrawn", "--out", str(place), folder=place) as process:
        yield PrinterRig(process)


@pytest.fixture
def paced(paced_printer: PrinterRig) -> PrinterRig:
    """A far end whose paper takes its time, as from the box."""
    paced_printer.call("reset")
    return paced_printer


def while_printing(rig: PrinterRig, act: Callable[[], object]) -> threading.Thread:
    """Do something as soon as there are rows on the paper; return who does."""

    def work() -> None:
        wait_until(lambda: rig.call("rows_out") > 0, "the job to begin")
        act()

    worker = threading.Thread(target=work)
    worker.start()
    return worker


def whole(rig: PrinterRig) -> list[bool]:
    return [job["is_complete"] for job in rig.jobs()]


def test_what_a_killed_program_left_is_cut_off_before_the_first_slip(printer_rig):
    """Two slices and the beginning of a picture: so much is in a printer whose program is killed under a slip."""
    link = open_link(printer_rig.link)
    link.open()
    link.write(HALF + PICTURE, soon())
    wait_until(lambda: printer_rig.call("rows_out") > 0, "the rows of the person before")
    link.close()
    driver = EscposPrinter(printer_rig.link, **FAST)
    driver.open(soon())
    assert driver.status(soon()).is_ready
    assert printer_rig.jobs() == []  # looking moves no paper
    driver.print(SLIP, soon())
    before, slip = printer_rig.jobs()
    assert before["rows"][0].startswith("第 0 行")
    assert (slip["is_complete"], slip["rows"][0]) == (True, "收件凭证")
    driver.close()


def test_a_slip_through_a_queue_is_cut_from_what_hung_there(slip_rig, cups_server):
    from devices.drivers.printer_escpos_cups import CupsReceiptPrinter

    left = cups_server.link("SLIP")
    driver = CupsReceiptPrinter(left)
    driver._send("half", HALF, "application/vnd.cups-raw", {}, soon())
    driver.print(SLIP, soon())
    before, slip = slip_rig.wait_for_jobs(2)
    assert before["rows"][0].startswith("第 0 行")
    assert slip["rows"][0] == "收件凭证"
    driver.close()


@pytest.mark.parametrize(("fault", "error"), [("cover_open", NotReady), ("jam", Jammed)])
def test_a_job_that_broke_off_is_cut_as_soon_as_the_printer_is_well(paced, fault, error):
    driver = EscposPrinter(paced.link, mm_per_s=150.0, **PATIENT)
    worker = while_printing(paced, lambda: paced.call(fault))
    with pytest.raises(error) as raised:
        driver.print(LONG, soon())
    worker.join()
    assert raised.value.left is Left.PART
    assert not driver.status(soon()).is_ready
    assert whole(paced) == []
    paced.call("mend")
    assert driver.status(soon()).is_ready
    paced.wait_for_jobs(1)
    assert whole(paced) == [False]
    driver.close()


def test_a_job_called_off_is_cut_at_once(paced):
    """A terminal that is ended in order calls off what its lanes do, and asks nothing more."""
    called_off = threading.Event()
    driver = EscposPrinter(paced.link, mm_per_s=150.0, **PATIENT)
    worker = while_printing(paced, called_off.set)
    with pytest.raises(Cancelled) as raised:
        driver.print(LONG, Deadline(60, called_off))
    worker.join()
    assert raised.value.left is Left.PART
    driver.close()
    paced.wait_for_jobs(1)
    assert whole(paced) == [False]


def test_before_the_job_nothing_was_left(printer, printer_rig):
    printer_rig.call("paper_out_after")
    with pytest.raises(SupplyOut) as raised:
        printer.print(SLIP, soon())
    assert raised.value.left is Left.NOTHING


@pytest.mark.parametrize("one", [signal.SIGINT, signal.SIGTERM])
def test_print_test_called_off_takes_its_half_slip_along(paced, one, capsys):
    worker = while_printing(paced, lambda: os.kill(os.getpid(), one))
    before = signal.getsignal(one)  # whatever a test before this one left
    assert print_test(paced.link, as_json=True) == 1
    worker.join()
    told = json.loads(capsys.readouterr().out)
    assert (told["printed"], told["code"], told["left"]) == (False, "called_off", "part")
    paced.wait_for_jobs(1)
    assert whole(paced) == [False]
    assert signal.getsignal(one) is before


def test_print_test_says_what_trouble_under_the_slip_left(paced, capsys):
    worker = while_printing(paced, lambda: paced.call("cover_open"))
    assert print_test(paced.link) == 1
    worker.join()
    told = capsys.readouterr().err
    assert LEFT[Left.PART] in told
    assert "the cover is open" in told


def test_print_test_says_that_nobody_knows_when_all_of_it_was_sent(paced, capsys):
    paced.call("paper_out_after", lines=TEST_ROWS)  # the very last row: the slip is there, its cut is not
    assert print_test(paced.link, as_json=True) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["printed"], told["code"], told["left"]) == (None, "paper_out_during", "unknown")
