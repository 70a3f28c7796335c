"""Every device pulled and plugged at any moment: told once, back once, soon, and nothing left behind.

Wires are cut by a relay between driver and far end, as pulling a cable does; a few times the far end itself is killed
on its pty. A new driver is a row in RIGS. With JINBAN_CHAOS the same is done 200 times.
"""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from devices.api import Deadline, DeviceError, DeviceKind, Status
from devices.lane import DeviceLane
from devices.registry import DRIVERS, make_device
from devices.sim.control import spawn
from tests.fixtures.printer import LONG
from tests.fixtures.scanner import SaneBench

IS_CHAOS = bool(os.environ.get("JINBAN_CHAOS"))
CUTS = 200 if IS_CHAOS else 10
SILENCES = 40 if IS_CHAOS else 2
KILLS = 20 if IS_CHAOS else 1  # each starts a process
WAIT_S = 45.0
COMMAND_S = 60.0
TESTS = Path(__file__).resolve().parents[1]
RSS_SLACK_KB = 24 * 1024  # of a Python process over 200 cycles; what leaks with each shows far above it

Ask = Callable[[Any, Deadline], object]


@dataclass(frozen=True)
class Rig:
    """How a driver is hung on a far end. `ask` is a command that is running when the plug is pulled."""

    kind: DeviceKind
    sim: str = ""
    tcp: tuple[str, ...] | None = ("--tcp",)  # None: its cable is no network line
    pty: tuple[str, ...] | None = None  # None: it has no pty, nor a socket in its place
    scheme: str = "tcp:"
    driver: str = ""  # where it is not the rig's own name
    share: int = 1  # one cut of so many: each look through it costs a process
    ask: Ask | None = None
    options: dict[str, object] = field(default_factory=dict)
    mute: tuple[tuple[str, dict[str, object]], ...] = ()  # controls that make it silent, and speak again


def _read(reader: Any, deadline: Deadline) -> object:
    return reader.read(deadline)


def _watch(camera: Any, deadline: Deadline) -> object:
    return camera.watch(lambda preview: None, deadline)


def _print(printer: Any, deadline: Deadline) -> object:
    return printer.print(LONG, deadline)


FAULT = (("fault", {"fault": "mute"}), ("mend", {}))
SWITCH = (("mute", {}), ("mute", {"on": False}))
RIGS: dict[str, Rig] = {
    "reader-samv": Rig(DeviceKind.READER, "reader", ("--tcp", "--baud", "0"), (), ask=_read, mute=FAULT),
    "printer-escpos": Rig(
        DeviceKind.PRINTER, "printer", ("--tcp", "--instant"), ("--serial", "--instant"), ask=_print, mute=SWITCH
    ),
    "reader-samv on USB": Rig(
        DeviceKind.READER, "reader", None, ("--usb", "split"), driver="reader-samv", ask=_read, mute=FAULT
    ),
    "reader-samv on HID": Rig(
        DeviceKind.READER, "reader", None, ("--hid",), driver="reader-samv", ask=_read, mute=FAULT
    ),
    "barcode-serial": Rig(DeviceKind.BARCODE, "barcode", ("--tcp",), (), ask=_read),
    "camera-http": Rig(DeviceKind.CAMERA, "camera", (), scheme="http://", ask=_watch),
    "camera-rtsp": Rig(DeviceKind.CAMERA, "rtsp", (), scheme="rtsp://", ask=_watch, share=4),
    "camera-folder": Rig(DeviceKind.CAMERA, scheme="folder:", ask=_watch),
    "scanner-sane": Rig(DeviceKind.SCANNER, scheme="sane:"),
    "auxiliaries-modbus": Rig(DeviceKind.AUXILIARIES, "auxiliaries", ("--tcp",), (), mute=FAULT),
}


# what stands between these drivers and their cable is a service of the system; their own suites take cable and service
# away, and the cards' counts threads, files and memory over as many cycles
ELSEWHERE = {
    "printer-escpos-cups": "contract/test_printer_cups.py",
    "document-printer-cups": "contract/test_document_printer.py",
    "card-pcsc": "chaos/test_card_cycles.py",
}
# needs a device node that gives pictures, and no kernel module of this machine makes one; all but opening the node is
# the code of camera-rtsp
NO_FAR_END = {"camera-v4l2"}


class Plug:
    """A plug that can be pulled, and the link that a driver opens. Pulling and plugging cost no process."""

    def __init__(
        self,
        link: str,
        pull: Callable[[], object],
        push: Callable[[], object],
        options: dict[str, object] | None = None,
    ) -> None:
        self.link, self.pull, self.push, self.options = link, pull, push, options or {}


@contextmanager
def _on_the_line(rig: Rig, folder: Path) -> Iterator[Plug]:
    with ExitStack() as undo:
        far = undo.enter_context(spawn(rig.sim, *(rig.tcp or ()), folder=folder))
        target, slash, path = far.link.removeprefix(rig.scheme).partition("/")
        line = undo.enter_context(spawn("line", "--target", target, folder=folder))
        link = rig.scheme + line.link.removeprefix("tcp:") + slash + path
        yield Plug(link, lambda: line.control.call("cut"), lambda: line.control.call("mend"))


@contextmanager
def _on_a_pty(rig: Rig, folder: Path) -> Iterator[Plug]:
    words, name = rig.pty or (), folder / "tty"
    with spawn(rig.sim, *words, "--symlink", str(name), folder=folder) as far:
        yield Plug(far.link, far.kill, far.start_again)


@contextmanager
def _as_a_folder(rig: Rig, folder: Path) -> Iterator[Plug]:
    place, away = folder / "stick", folder / "away"
    place.mkdir()
    yield Plug(f"folder:{place}", lambda: place.rename(away), lambda: away.rename(place))


@contextmanager
def _as_a_scanner(rig: Rig, folder: Path) -> Iterator[Plug]:
    """A scanner that SANE itself no longer knows: that is all a back end tells of a pulled cable."""
    bench = SaneBench(folder / "sane.d")
    yield Plug(
        "sane:test:1",
        lambda: bench.script(number_of_devices="1"),
        lambda: bench.script(number_of_devices="2"),
        {"config_dir": str(bench.folder)},
    )


CABLES = {"folder:": _as_a_folder, "sane:": _as_a_scanner}


class Watcher:
    """Hears what a lane says, and when."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.said: list[tuple[float, Status]] = []

    def hear(self, status: Status) -> None:
        with self._changed:
            self.said.append((time.monotonic(), status))
            self._changed.notify_all()

    def wait(self, ready: bool, from_number: int) -> float:
        """Return when the lane first said so, of what it has said from that number on."""

        def moment() -> float:
            return next((at for at, one in self.said[from_number:] if one.is_ready is ready), 0.0)

        with self._changed:
            assert self._changed.wait_for(lambda: moment() > 0, WAIT_S), (ready, self.said[from_number:])
            return moment()


def _counts() -> tuple[int, int, int]:
    """Return threads, descriptors and resident kilobytes of this process."""
    gc.collect()
    rss = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return threading.active_count(), len(os.listdir("/proc/self/fd")), int(rss.split()[1])  # noqa: PTH208


def _settled(threads: int, descriptors: int) -> tuple[int, int, int]:
    """Return the counts once they are no larger than these; a thread that has been told to end needs a moment."""
    until = time.monotonic() + WAIT_S
    while True:
        found = _counts()
        if (found[0] <= threads and found[1] <= descriptors) or time.monotonic() > until:
            return found
        time.sleep(0.02)


def _play(name: str, plug: Plug, eye: object, cycles: int) -> str:
    """Pull and plug so often, a command running every other time; return what was counted, as one line."""
    rig, watcher = RIGS[name], Watcher()
    ask = rig.ask
    options = {**rig.options, **plug.options}
    if rig.kind in (DeviceKind.CAMERA, DeviceKind.SCANNER):
        options["eye"] = eye
    lane = DeviceLane(
        name,
        lambda: make_device(rig.kind, rig.driver or name, plug.link, **options),
        kind=rig.kind,
        on_status=watcher.hear,
    ).start()
    watcher.wait(True, 0)
    before: tuple[int, int, int] | None = None
    gone_s, gone_asked_s, back_s, asked, answered = 0.0, 0.0, 0.0, 0, []
    for cycle in range(cycles):
        number = len(watcher.said)
        is_asking = ask is not None and cycle % 2 == 1
        if ask is not None and is_asking:
            asked += 1
            lane.call(cycle, ask, COMMAND_S, lambda turn, value: answered.append((turn, value)))
        pulled = time.monotonic()
        plug.pull()
        took_s = watcher.wait(False, number) - pulled
        gone_s, gone_asked_s = max(gone_s, took_s), max(gone_asked_s, took_s if is_asking else 0.0)
        lane.cancel(cycle)
        plugged = time.monotonic()
        plug.push()
        back_s = max(back_s, watcher.wait(True, number) - plugged)
        # on its way back a device may be mute for a moment instead of away: another word of the same loss
        news = [is_ready for is_ready, _ in groupby(status.is_ready for _, status in watcher.said[number:])]
        assert news == [False, True], f"cycle {cycle}: {watcher.said[number:]}"
        if cycle == 1:  # once around with and without a command: what is loaded late is loaded
            before = _counts()
    assert before is not None
    until = time.monotonic() + WAIT_S
    while len(answered) < asked and time.monotonic() < until:
        time.sleep(0.01)
    assert [turn for turn, _ in answered] == [cycle for cycle in range(cycles) if ask is not None and cycle % 2]
    assert all(isinstance(value, DeviceError) for _, value in answered) or name == "printer-escpos"
    after = _settled(before[0], before[1])
    assert after[0] <= before[0], f"threads {before[0]} → {after[0]}"
    assert after[1] <= before[1], f"descriptors {before[1]} → {after[1]}"
    assert after[2] <= before[2] + RSS_SLACK_KB, f"kilobytes {before[2]} → {after[2]}"
    assert lane.stop(WAIT_S), "a thread did not end"
    return (
        f"hotplug {name} {plug.link.partition(':')[0]}: {cycles} cycles, {asked} in a command, gone ≤ {gone_s:.2f} s "
        f"(in a command {gone_asked_s:.2f} s), "
        f"back ≤ {back_s:.2f} s, threads {before[0]}→{after[0]}, descriptors {before[1]}→{after[1]}, "
        f"RSS {before[2] // 1024}→{after[2] // 1024} MB"
    )


@pytest.mark.parametrize("name", [name for name, rig in RIGS.items() if rig.tcp is not None])
def test_a_cable_pulled_and_plugged_again_and_again(name, tmp_path, camera_eye):
    rig = RIGS[name]
    with CABLES.get(rig.scheme, _on_the_line)(rig, tmp_path) as plug:
        print(_play(name, plug, camera_eye, CUTS // rig.share))  # noqa: T201 - the line that `make chaos` shows


@pytest.mark.parametrize("name", [name for name, rig in RIGS.items() if rig.pty is not None])
def test_a_serial_port_that_vanishes_and_comes_back_under_its_name(name, tmp_path):
    with _on_a_pty(RIGS[name], tmp_path) as plug:
        print(_play(name, plug, None, 1 + KILLS))  # noqa: T201


@pytest.mark.parametrize("name", [name for name, rig in RIGS.items() if rig.mute])
def test_a_device_that_falls_silent_with_its_cable_in_place(name, tmp_path):
    """A device switched off behind a serial adapter hangs nothing up: only asking shows it."""
    rig = RIGS[name]
    with spawn(rig.sim, *(rig.pty or ()), "--symlink", str(tmp_path / "tty"), folder=tmp_path) as far:
        (hush, hushed), (speak, spoken) = rig.mute
        plug = Plug(far.link, lambda: far.control.call(hush, **hushed), lambda: far.control.call(speak, **spoken))
        print(_play(name, plug, None, SILENCES))  # noqa: T201


def test_every_registered_driver_is_pulled():
    pulled = {rig.driver or name for name, rig in RIGS.items()}
    assert set(DRIVERS) == pulled | set(ELSEWHERE) | NO_FAR_END, "give the new driver a row in RIGS"
    assert all((TESTS / path).is_file() for path in ELSEWHERE.values())
