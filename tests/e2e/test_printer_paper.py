"""The paper ends under the job: the error says so, and no old slip ever comes out for the next person."""

from __future__ import annotations

import threading

import pytest

from devices.api import Jammed, Left, NotReady, Strip, StripLine, SupplyOut
from devices.drivers.printer_escpos import EscposPrinter
from devices.links import open_link
from devices.sim.control import spawn
from tests.fixtures.printer import FAST, LONG, PATIENT, SLIP, PrinterRig, soon, wait_until


@pytest.mark.parametrize("lines", [1, 4, 7])
def test_paper_ends_under_the_job(printer, printer_rig, lines):
    printer_rig.call("paper_out_after", lines=lines)
    with pytest.raises(SupplyOut) as raised:
        printer.print(SLIP, soon())
    assert raised.value.code == "paper_out_during"
    assert printer_rig.call("buffered") == 0
    assert not printer.status(soon()).is_ready

    printer_rig.call("refill")
    assert printer.status(soon()).is_ready
    stubs = printer_rig.jobs()  # what was on the old paper, pulled out with it
    assert not any(job["is_complete"] for job in stubs)
    printer.print(Strip((StripLine("下一位"),)), soon())
    assert [job["rows"] for job in printer_rig.jobs()[len(stubs) :]] == [["下一位"]]
    assert printer_rig.jobs()[-1]["is_complete"]


def test_paper_that_ends_after_the_bytes_were_taken_is_still_noticed(tmp_path):
    """The far end prints slowly, so everything is in its buffer long before the paper ends."""
    with spawn(
        "printer", "--tcp", "--mm-per-s", "400", "--undrawn", "--out", str(tmp_path), folder=tmp_path
    ) as process:
        rig = PrinterRig(process)
        rig.call("paper_out_after", lines=58)
        driver = EscposPrinter(rig.link, mm_per_s=300.0, **PATIENT)
        with pytest.raises(SupplyOut) as raised:
            driver.print(LONG, soon())
        assert (raised.value.code, raised.value.left) == ("paper_out_during", Left.UNKNOWN)
        rig.call("refill")
        driver.print(SLIP, soon())
        assert [job["is_complete"] for job in rig.wait_for_jobs(2)] == [False, True]
        assert rig.jobs()[0]["rows"][-1].startswith("第 57 行")
        driver.close()


@pytest.mark.parametrize(("fault", "error"), [("cover_open", NotReady), ("jam", Jammed)])
def test_a_stop_in_the_middle_breaks_the_job_off(tmp_path, fault, error):
    with spawn(
        "printer", "--tcp", "--mm-per-s", "200", "--undrawn", "--out", str(tmp_path), folder=tmp_path
    ) as process:
        rig = PrinterRig(process)
        driver = EscposPrinter(rig.link, mm_per_s=150.0, **PATIENT)
        raised: list[BaseException] = []

        def work() -> None:
            try:
                driver.print(LONG, soon())
            except Exception as fault_seen:
                raised.append(fault_seen)

        worker = threading.Thread(target=work)
        worker.start()
        wait_until(lambda: rig.call("rows_out") > 0, "the job to begin")
        rig.call(fault)
        worker.join(20)
        assert [type(one) for one in raised] == [error]
        assert rig.call("buffered") == 0
        rig.call("mend")
        driver.print(SLIP, soon())
        assert [job["is_complete"] for job in rig.wait_for_jobs(2)] == [False, True]  # the stub was cut off first
        assert rig.jobs()[1]["rows"][0] == "收件凭证"
        driver.close()


def test_no_row_is_repeated_over_several_slips(printer, printer_rig):
    for n in range(5):
        printer.print(Strip((StripLine(f"第 {n} 张"),)), soon())
    assert [job["rows"] for job in printer_rig.jobs()] == [[f"第 {n} 张"] for n in range(5)]


def test_an_unknown_command_spoils_the_job(tmp_path):
    """The far end is strict, so that a driver's slip of the pen cannot pass."""
    with spawn("printer", "--tcp", "--instant", "--undrawn", "--out", str(tmp_path), folder=tmp_path) as process:
        rig = PrinterRig(process)
        link = open_link(rig.link)
        link.open()
        link.write(b"\x1b@\x1b\x0c??\n\xd6\xd0\n\x1c&\x95\x34\xb2\x35\n\x1c.\x1dVB\x00", soon())
        wait_until(lambda: len(rig.jobs()) == 1, "the slip")
        (job,) = rig.jobs()
        assert not job["is_complete"]
        assert job["errors"][0].startswith("unknown_command 1b 0c")
        assert any(error.startswith("text_outside_chinese_mode") for error in job["errors"])
        assert "no_glyph U+20BB7" in job["errors"]
        assert rig.call("errors")
        link.close()


def test_the_driver_works_at_the_far_ends_full_speed(tmp_path):
    with spawn("printer", "--tcp", "--instant", "--undrawn", "--out", str(tmp_path), folder=tmp_path) as process:
        rig = PrinterRig(process)
        driver = EscposPrinter(rig.link, **FAST)
        assert driver.print(LONG, soon()).lines == 60
        assert rig.jobs()[0]["is_complete"]
        driver.close()


def test_a_printer_that_cannot_forget_prints_little_and_not_on_the_next_slip(tmp_path):
    """A cheap printer ignores DLE DC4: what it still holds is short, and is cut off before the next slip begins."""
    with spawn(
        "printer", "--tcp", "--mm-per-s", "150", "--undrawn", "--out", str(tmp_path), folder=tmp_path
    ) as process:
        rig = PrinterRig(process)
        rig.call("no_clear")
        rig.call("paper_out_after", lines=5)
        driver = EscposPrinter(rig.link, mm_per_s=140.0, **PATIENT)
        with pytest.raises(SupplyOut):
            driver.print(LONG, soon())
        rig.call("refill")
        wait_until(lambda: rig.call("buffered") == 0, "the rest to come out")
        driver.print(SLIP, soon())
        stub, slip = rig.wait_for_jobs(2)
        assert len(stub["rows"]) <= 5 + 2 * 8 + 12  # two slices and what was ahead of the paper, of 60 rows
        assert (slip["is_complete"], slip["rows"][0]) == (True, "收件凭证")
        driver.close()
