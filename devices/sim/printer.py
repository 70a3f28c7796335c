"""A receipt printer in a process of its own: `python -m devices.sim printer --tcp`, `--serial` or `--node`.

It keeps every slip as `job-NNN/slip.bin` (bytes as received) and `slip.png`. Controls: paper_out_after(lines),
near_end, cover_open, jam, hot, broken, offline, mute, garbage, no_clear, one_answer (each with on=false to end it),
refill, mend, reset; to look: faults, jobs, last, errors, buffered, rows_out. Killing the process is unplugging it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import socket
import tempfile
import threading
import time
import tty
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from devices.sim.control import ControlServer, announce, end_signal
from devices.sim.printer_far_end import FarEnd, as_json
from devices.sim.starting import Name

TICK_S = 0.02
LINE_CHUNK = 64  # bytes read at once from a line with a speed


def main(arguments: Sequence[str]) -> int:
    """Serve until told to end. Exit 0."""
    options = _parser().parse_args(arguments)
    out = options.out or Path(tempfile.mkdtemp(prefix="printer-"))
    ended = end_signal(options.tethered)
    with contextlib.ExitStack() as stack:
        wire = _wire(options)
        stack.callback(wire.close)
        printer = _Printer(FarEnd(out, 0.0 if options.instant else options.mm_per_s), wire)
        control = ControlServer(options.control or out / "printer.sock", printer.handlers())
        control.start()
        stack.callback(control.stop)
        announce(wire.link, control.address)
        while not ended.is_set():
            printer.turn()
    return 0


def _wire(options: argparse.Namespace) -> _Wire:
    if options.serial or options.node:
        return _Serial(options.symlink, options.baud, is_node=options.node)
    return _Tcp(options.tcp or "127.0.0.1:0")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sim printer", description="a simulated ESC/POS receipt printer, 80 mm")
    wire = parser.add_mutually_exclusive_group()
    wire.add_argument("--tcp", nargs="?", const="127.0.0.1:0", metavar="HOST:PORT", help="listen there (the default)")
    wire.add_argument("--serial", action="store_true", help="make a pseudo terminal")
    wire.add_argument("--node", action="store_true", help="make a device node, as a USB printer has one")
    parser.add_argument("--symlink", type=Path, help="with --serial or --node: a lasting name for the pseudo terminal")
    parser.add_argument("--baud", type=int, default=0, help="with --serial: take bytes no faster than this line")
    parser.add_argument("--out", type=Path, help="folder for the slips")
    parser.add_argument("--mm-per-s", type=float, default=150.0, help="speed of the paper")
    parser.add_argument("--instant", action="store_true", help="print at once")
    parser.add_argument("--control", type=Path, help="path of the control socket")
    parser.add_argument("--tethered", action="store_true", help="end when standard input closes")
    return parser


class _Wire(ABC):
    """One connection at a time to whoever drives the printer."""

    link: str

    @abstractmethod
    def receive(self, wait_s: float) -> bytes:
        """Return what has come within `wait_s`, b"" for nothing."""

    @abstractmethod
    def send(self, data: bytes) -> None:
        """Send an answer; a client that has gone hears nothing."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the wire."""


class _Tcp(_Wire):
    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._listener = socket.create_server((host, int(port)))
        self.link = f"tcp:{host}:{self._listener.getsockname()[1]}"
        self._client: socket.socket | None = None

    def receive(self, wait_s: float) -> bytes:
        ends = [self._listener, *([self._client] if self._client else [])]
        ready, _, _ = select.select(ends, [], [], wait_s)
        if self._client in ready and self._client is not None:
            with contextlib.suppress(OSError):
                if data := self._client.recv(4096):
                    return data
            self._drop()
        if self._listener in ready:
            newcomer, _ = self._listener.accept()
            self._drop()  # the newest connection has the printer; the older one hears that it lost it
            self._client = newcomer
        return b""

    def send(self, data: bytes) -> None:
        if self._client is not None:
            with contextlib.suppress(OSError):
                self._client.sendall(data)

    def close(self) -> None:
        self._drop()
        self._listener.close()

    def _drop(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


class _Serial(_Wire):
    def __init__(self, symlink: Path | None, baud: int, *, is_node: bool = False) -> None:
        self._master, self._slave = os.openpty()  # our hold on the slave keeps the master readable between clients
        tty.setraw(self._master)
        tty.setraw(self._slave)
        path = os.ttyname(self._slave)
        self._name = Name(symlink, path)
        speed = f"?baud={baud}" if baud and not is_node else ""
        self.link = f"{'pipe' if is_node else 'serial'}:{self._name.path}{speed}"
        self._byte_s = 10 / baud if baud else 0.0
        self._arriving = b""
        self._due_at = 0.0

    def receive(self, wait_s: float) -> bytes:
        if not self._arriving:
            ready, _, _ = select.select([self._master], [], [], wait_s)
            if not ready:
                return b""
            self._arriving = os.read(self._master, LINE_CHUNK if self._byte_s else 4096)
            self._due_at = max(self._due_at, time.monotonic()) + len(self._arriving) * self._byte_s
        if (busy_s := self._due_at - time.monotonic()) > 0:
            time.sleep(min(busy_s, wait_s))  # the line is still carrying them
            if time.monotonic() < self._due_at:
                return b""
        data, self._arriving = self._arriving, b""
        return data

    def send(self, data: bytes) -> None:
        time.sleep(len(data) * self._byte_s)
        os.write(self._master, data)

    def close(self) -> None:
        self._name.close()
        os.close(self._master)
        os.close(self._slave)


class _Printer:
    """The far end on its wire, and its controls; one lock for both."""

    def __init__(self, far_end: FarEnd, wire: _Wire) -> None:
        self._far_end = far_end
        self._wire = wire
        self._lock = threading.Lock()

    def turn(self) -> None:
        """Take in what has come, answer, print what is due."""
        data = self._wire.receive(TICK_S)
        with self._lock:
            answer = self._far_end.hear(data)
            if answer:
                self._wire.send(answer)
            self._far_end.advance(time.monotonic())

    def handlers(self) -> dict[str, Callable[..., object]]:
        """Return the controls by name."""
        far_end = self._far_end
        found: dict[str, Callable[..., object]] = {
            "paper_out_after": lambda lines=0: far_end.end_paper_after(int(lines)),
            "refill": far_end.refill,
            "mend": far_end.mend,
            "reset": far_end.reset,
            "faults": far_end.faults,
            "jobs": lambda: as_json(far_end.jobs),
            "last": lambda: as_json(far_end.jobs[-1]) if far_end.jobs else None,
            "errors": lambda: as_json(far_end.errors),
            "buffered": lambda: far_end.buffered,
            "rows_out": lambda: far_end.rows_out,
        }
        switches = (
            ("near_end", "is_near_end"),
            ("cover_open", "is_cover_open"),
            ("jam", "is_jammed"),
            ("hot", "is_hot"),
            ("broken", "is_broken"),
            ("offline", "is_offline"),
            ("mute", "is_mute"),
            ("garbage", "is_garbled"),
            ("no_clear", "knows_no_clear"),
            ("one_answer", "answers_one"),
        )
        for name, attribute in switches:
            found[name] = _switch(far_end, attribute)
        locked = {name: self._locked(handler) for name, handler in found.items()}
        for name in ("jobs", "last"):
            locked[name] = self._drawn(locked[name])
        return locked

    def _drawn(self, handler: Callable[..., object]) -> Callable[..., object]:
        """Answer when the pictures are there; the wire goes on meanwhile."""

        def call(**arguments: Any) -> object:
            self._far_end.wait_for_pictures()
            return handler(**arguments)

        return call

    def _locked(self, handler: Callable[..., object]) -> Callable[..., object]:
        def call(**arguments: Any) -> object:
            with self._lock:
                return handler(**arguments)

        return call


def _switch(far_end: FarEnd, attribute: str) -> Callable[..., object]:
    def turn(on: bool = True) -> None:
        setattr(far_end, attribute, bool(on))

    return turn
