"""One suite over every code reader driver, over each line, against the simulated scanner."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devices.api import (
    Cancelled,
    Code,
    CodeReader,
    CodeSource,
    Deadline,
    Device,
    DeviceKind,
    DeviceState,
    NotReady,
    TimedOut,
    UserFault,
    WireFault,
)
from devices.lane import DeviceLane
from devices.registry import DRIVERS, device_mistakes, make_device
from devices.sim.control import SimProcess, spawn
from tests.fixtures.reader import wait_until

SLIP = "SIM-20261123-000123-4 0a1b2c"


class Asked(Deadline):
    """A deadline that tells when somebody waits by it: what was shown before is gone by then."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.asked = threading.Event()

    def left_s(self) -> float:
        self.asked.set()
        return super().left_s()


class Counter:
    """A scanner's driver, its far end, and reading while a code is held before it."""

    def __init__(self, driver: str, sim: SimProcess) -> None:
        self.driver, self.sim = driver, sim
        self.reader: CodeReader = self.make()

    def make(self, **options: Any) -> CodeReader:
        """Return a driver for the far end, not opened."""
        return make_device(DeviceKind.BARCODE, self.driver, self.sim.link, **options)  # type: ignore[return-value]

    def read(self, do: str, reader: CodeReader | None = None, seconds: float = 45, **arguments: object) -> Code:
        """Return what a read gives while the far end does something. Raises: DeviceError."""
        reader = reader or self.reader
        reader.open(Deadline(45))
        wait_until(lambda: self.sim.control.call("state")["has_listener"], "the line")
        deadline = Asked(seconds)
        shower = threading.Thread(target=lambda: deadline.asked.wait(45) and self.sim.control.call(do, **arguments))
        shower.start()
        try:
            return reader.read(deadline)
        finally:
            shower.join()
            reader.close()

    def reads(self, text: str) -> bool:
        """Whether a code is read that is shown at once; what the end of a former one was on goes with that."""
        try:
            return self.read("show", seconds=3, text=text).text.reveal() == text
        except TimedOut:
            return False


@pytest.fixture(scope="module", params=["serial", "tcp"])
def sim(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimProcess]:
    words = ["--tcp"] if request.param == "tcp" else []
    with spawn("barcode", *words, folder=tmp_path_factory.mktemp("codes")) as process:
        yield process


@pytest.fixture(params=[name for name in DRIVERS if name.startswith("barcode-")])
def counter(request: pytest.FixtureRequest, sim: SimProcess) -> Iterator[Counter]:
    found = Counter(request.param, sim)
    yield found
    found.reader.close()


def test_it_is_a_device_and_says_what_it_can(counter: Counter) -> None:
    assert isinstance(counter.reader, Device)
    counter.reader.open(Deadline(45))
    counter.reader.open(Deadline(45))  # again: harmless
    assert counter.reader.capabilities().features == ("read",)
    status = counter.reader.status(Deadline(45))
    assert (status.kind, status.device) == (DeviceKind.BARCODE, DeviceState.ONLINE)
    counter.reader.close()
    counter.reader.close()


def test_a_code_is_read_as_it_was_shown_and_hidden_from_logs(counter: Counter) -> None:
    code = counter.read("show", text=SLIP)
    assert (code.text.reveal(), code.source) == (SLIP, CodeSource.SCANNER)
    assert SLIP not in repr(code)


@pytest.mark.parametrize("suffix", ["cr", "lf", "crlf", "none"])
@pytest.mark.parametrize(
    ("text", "charset"), [("粤贵阳罚〔2026〕第12号", "gb18030"), ("办件 A-1", "utf-8"), ("A-1", "ascii")]
)
def test_each_suffix_and_charset_it_is_set_up_for(counter: Counter, suffix: str, text: str, charset: str) -> None:
    reader = counter.make(suffix=suffix, charset=charset)
    assert counter.read("show", reader, text=text, suffix=suffix, charset=charset).text.reveal() == text


def test_a_code_torn_apart_on_its_way_is_one_code(counter: Counter) -> None:
    assert counter.read("show", text=SLIP, pieces=6, split_ms=120).text.reveal() == SLIP


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("b1e0bac50d0a", "code_charset"),
        ("ff00fe0d0a", "code_charset"),
        ("41" * 5000 + "0d", "code_too_long"),
        ("4142", "code_cut"),
    ],
)
def test_what_is_no_code_for_us_is_told_and_the_next_one_is_read(counter: Counter, data: str, code: str) -> None:
    with pytest.raises(UserFault) as refused:
        counter.read("send", data=data)
    assert refused.value.code == code
    assert counter.read("show", text=SLIP).text.reveal() == SLIP


def test_a_flood_without_an_end_is_a_broken_scanner_and_ends(counter: Counter) -> None:
    with pytest.raises(WireFault, match="code_flood"):
        counter.read("flood", count=80_000)
    wait_until(lambda: counter.reads(SLIP), "the next code")


def test_what_was_shown_before_anybody_asked_is_dropped(counter: Counter) -> None:
    counter.reader.open(Deadline(45))
    wait_until(lambda: counter.sim.control.call("state")["has_listener"], "the line")
    assert counter.sim.control.call("show", text="the last person's") > 0
    assert counter.reader.status(Deadline(45)).is_ready
    assert counter.read("show", text=SLIP).text.reveal() == SLIP


@pytest.mark.parametrize("ends", [b"\r", b""], ids=["with its end", "without"])
def test_a_code_that_had_begun_before_anybody_asked_is_not_read_by_half(ends: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        reader = make_device(DeviceKind.BARCODE, "", f"tcp:127.0.0.1:{server.getsockname()[1]}")
        reader.open(Deadline(45))
        scanner, _ = server.accept()
        with scanner:
            scanner.sendall(b"the last person's\rSIM-2026")  # on loopback what was sent has come
            deadline, read = Asked(45), []
            thread = threading.Thread(target=lambda: read.append(reader.read(deadline)))  # type: ignore[attr-defined]
            thread.start()
            assert deadline.asked.wait(45)
            scanner.sendall(b"1123-000123-4" + ends)
            while not read:
                thread.join(1.5)  # longer than the rest of a code may take
                scanner.sendall(SLIP.encode() + b"\r")
            thread.join(45)
        reader.close()
    assert read[0].text.reveal() == SLIP


def test_a_read_ends_when_called_off_or_at_its_deadline(counter: Counter) -> None:
    counter.reader.open(Deadline(45))
    off = threading.Event()
    threading.Timer(0.1, off.set).start()
    with pytest.raises(Cancelled):
        counter.reader.read(Deadline(45, off))
    with pytest.raises(TimedOut):
        counter.reader.read(Deadline(0.1))


@pytest.mark.parametrize("driver", [name for name in DRIVERS if name.startswith("barcode-")])
def test_a_pulled_plug_is_told_once_and_the_next_one_is_found(driver: str, tmp_path: Path) -> None:
    link = tmp_path / "scanner.tty"
    told: list[DeviceState] = []
    with spawn("barcode", "--symlink", str(link), folder=tmp_path) as far:
        lane = DeviceLane(
            driver,
            lambda: make_device(DeviceKind.BARCODE, driver, far.link),
            kind=DeviceKind.BARCODE,
            on_status=lambda status: told.append(status.device),
            poll_s=0.2,
        ).start()
        try:
            wait_until(lambda: told[-1:] == [DeviceState.ONLINE], "the scanner")
            answers: list[object] = []
            lane.call(1, lambda device, deadline: device.read(deadline), 45, lambda turn, value: answers.append(value))  # type: ignore[attr-defined]
            far.kill()
            wait_until(lambda: bool(answers), "the read to end")
            assert isinstance(answers[0], NotReady)
            wait_until(lambda: told[-1:] == [DeviceState.NO_DEVICE], "the loss")
            far.start_again()
            wait_until(lambda: told[-1:] == [DeviceState.ONLINE], "the return")
            assert told.count(DeviceState.NO_DEVICE) == 1
        finally:
            assert lane.stop()


def test_a_scanner_whose_line_was_left_has_no_listener_and_loses_the_code(counter: Counter) -> None:
    counter.reader.open(Deadline(45))
    wait_until(lambda: counter.sim.control.call("state")["has_listener"], "the line")
    counter.reader.close()
    is_serial = counter.sim.link.startswith("serial:")  # a pty cannot tell
    assert counter.sim.control.call("state")["has_listener"] is is_serial
    assert (counter.sim.control.call("show", text=SLIP) > 0) is is_serial


def test_a_line_that_is_not_there_is_no_device(tmp_path: Path) -> None:
    reader = make_device(DeviceKind.BARCODE, "", f"serial:{tmp_path / 'nowhere'}")
    with pytest.raises(NotReady):
        reader.open(Deadline(45))
    assert reader.status(Deadline(45)).device is DeviceState.NO_DEVICE


@pytest.mark.parametrize("options", [{"suffix": "tab"}, {"charset": "latin-1"}, {"silence_ms": 10}])
def test_options_it_does_not_know_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="allowed"):
        make_device(DeviceKind.BARCODE, "", "serial:/dev/ttyACM0", **options)
    assert list(device_mistakes(DeviceKind.BARCODE, "", "serial:/dev/ttyACM0", {"suffix": 1}))
