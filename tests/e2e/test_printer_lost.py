"""The cable is pulled, the printer falls silent or talks nonsense, the connection is dropped."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from devices.api import DeviceState, HardwareFault, NotReady, SupplyState, TimedOut
from devices.drivers.printer_escpos import EscposPrinter
from devices.sim.control import spawn
from tests.fixtures.printer import FAST, LONG, SLIP, PrinterRig, soon, wait_until


@pytest.fixture(params=["--tcp", "--serial", "--node"])
def slow_rig(request, tmp_path):
    """A far end at real speed, which keeps its address when it is plugged in again."""
    place = (
        ["--tcp", _free_port()] if request.param == "--tcp" else [request.param, "--symlink", str(tmp_path / "port")]
    )
    with spawn("printer", *place, "--mm-per-s", "150", "--undrawn", "--out", str(tmp_path), folder=tmp_path) as process:
        yield PrinterRig(process)


def _free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


def _print_in_background(driver: EscposPrinter) -> tuple[threading.Thread, list[BaseException]]:
    raised: list[BaseException] = []

    def work() -> None:
        try:
            driver.print(LONG, soon())
        except Exception as fault:
            raised.append(fault)

    worker = threading.Thread(target=work)
    worker.start()
    return worker, raised


def test_unplugged_under_the_job_and_plugged_in_again(slow_rig):
    driver = EscposPrinter(slow_rig.link, **FAST)
    driver.open(soon())
    worker, raised = _print_in_background(driver)
    wait_until(lambda: slow_rig.call("rows_out") > 0, "the job to begin")
    slow_rig.process.kill()
    worker.join(20)
    assert [type(fault) for fault in raised] == [NotReady]
    status = driver.status(soon())
    assert (status.device, status.is_ready) == (DeviceState.NO_DEVICE, False)
    with pytest.raises(NotReady):
        driver.print(SLIP, soon())

    slow_rig.process.start_again()
    assert driver.status(soon()).is_ready
    driver.print(SLIP, soon())
    slow_rig.wait_for_jobs(1)
    assert [job["is_complete"] for job in slow_rig.jobs()] == [True]
    driver.close()


@pytest.mark.parametrize(("fault", "error"), [("mute", TimedOut), ("garbage", HardwareFault)])
def test_silence_or_nonsense_under_the_job_is_never_a_success(slow_rig, fault, error):
    driver = EscposPrinter(slow_rig.link, answer_s=2.0, mm_per_s=120.0)
    worker, raised = _print_in_background(driver)
    wait_until(lambda: slow_rig.call("rows_out") > 0, "the job to begin")
    slow_rig.call(fault)
    worker.join(20)
    assert [type(one) for one in raised] == [error]
    assert slow_rig.call("buffered") == 0  # it was told to forget the rest, even unheard
    slow_rig.call("mend")
    driver.print(SLIP, soon())
    assert [job["is_complete"] for job in slow_rig.wait_for_jobs(2)] == [False, True]
    driver.close()


def test_a_printer_that_hangs_up_on_a_quiet_client_is_called_again(tmp_path: Path):
    with spawn("printer", "--tcp", "--instant", "--undrawn", "--out", str(tmp_path), folder=tmp_path) as process:
        rig = PrinterRig(process)
        driver = EscposPrinter(rig.link, **FAST)
        driver.open(soon())
        other = EscposPrinter(rig.link, **FAST)
        other.open(soon())  # takes the only connection this printer has
        other.close()
        driver.print(SLIP, soon())
        assert rig.jobs()[0]["is_complete"]
        driver.close()


def test_a_printer_that_cannot_be_read_is_never_printed_on():
    """A node that only takes bytes: its state is unknown, and unknown stops."""
    driver = EscposPrinter("pipe:/dev/null", answer_s=0.1)
    status = driver.status(soon())
    assert (status.device, status.supply, status.code) == (DeviceState.OFFLINE, SupplyState.UNKNOWN, "no_answer")
    for ask in (driver.open, lambda deadline: driver.print(SLIP, deadline)):
        with pytest.raises(TimedOut):
            ask(soon())
    driver.close()


def test_nobody_at_the_address_is_no_device():
    driver = EscposPrinter(f"tcp:{_free_port()}")  # nobody listens there any more
    assert driver.status(soon()).device is DeviceState.NO_DEVICE
    with pytest.raises(NotReady):
        driver.open(soon())
