"""A slow serial line and the printer's real pace: said to be printed only when the paper is out."""

from __future__ import annotations

from devices.drivers.printer_escpos import EscposPrinter
from devices.sim.control import spawn
from tests.fixtures.printer import FAST, PATIENT, SLIP, PrinterRig, soon


def test_a_slip_prints_at_19200_baud(tmp_path):
    with spawn(
        "printer", "--serial", "--baud", "19200", "--instant", "--out", str(tmp_path), folder=tmp_path
    ) as process:
        rig = PrinterRig(process)
        assert "baud=19200" in rig.link
        driver = EscposPrinter(rig.link, **FAST)
        driver.open(soon())
        driver.print(SLIP, soon())
        assert [job["is_complete"] for job in rig.jobs()] == [True]
        driver.close()


def test_printed_is_said_only_when_the_slip_is_out(tmp_path):
    with spawn(
        "printer", "--tcp", "--mm-per-s", "250", "--undrawn", "--out", str(tmp_path), folder=tmp_path
    ) as process:
        rig = PrinterRig(process)
        driver = EscposPrinter(rig.link, **PATIENT)
        driver.print(SLIP, soon())
        assert [job["is_complete"] for job in rig.jobs()] == [True]  # asked at once, not waited for
        driver.close()
