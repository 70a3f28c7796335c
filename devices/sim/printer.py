"""A receipt printer in a process of its own: `python -m devices.sim printer --tcp`, `--serial` or `--node`.

It keeps every slip as `job-NNN/slip.bin` (bytes as received) and `slip.png`. A pseudo terminal with a speed hears
nothing of bytes that come at another. Killing the process is unplugging it.
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

from devices.sim.control import Controls, announce, end_signal, serve_controls
from devices.sim.printer_far_end import FarEnd, as_json
from devices.sim.starting import ANY_PORT, Name, Words, address, baud, listen, number, place, speed_of, told

TICK_S = 0.02
LINE_CHUNK = 64  # bytes read at once from a line with a speed


def main(arguments: Sequence[str]) -> int:
    """Serve until told to end. Exit 0."""
    options = words().parse(arguments, has_terminal=lambda options: options.serial or options.node)
    out = options.out or Path(tempfile.mkdtemp(prefix="printer-"))
    with told(out):
        out.mkdir(parents=True, exist_ok=True)
    ended = end_signal(options.tethered)
    with contextlib.ExitStack() as stack:
        wire = _wire(options)
        stack.callback(wire.close)
        far_end = FarEnd(out, 0.0 if options.instant else options.mm_per_s, not options.undrawn)
        printer = _Printer(far_end, wire)
        control = options.control or out / "printer.sock"
        address = serve_controls("printer", control, printer.handlers(), CONTROLS, stack)
        announce(wire.link, address)
        while not ended.is_set():
            printer.turn()
    return 0


def _wire(options: argparse.Namespace) -> _Wire:
    if options.serial or options.node:
        return _Serial(options.symlink, options.baud, is_node=options.node)
    return _Tcp(options.tcp or ANY_PORT)


def words() -> Words:
    """Return the words of its command line."""
    parser = Words("printer", "a receipt printer, ESC/POS, 80 mm")
    wire = parser.add_mutually_exclusive_group()
    wire.add_argument(
        "--tcp", nargs="?", const=ANY_PORT, type=address, metavar="HOST:PORT", help="listen there (the default)"
    )
    wire.add_argument("--serial", action="store_true", help="make a pseudo terminal")
    wire.add_argument("--node", action="store_true", help="make a device node, as a USB printer has one")
    parser.add_argument(
        "--symlink", type=place, metavar="FILE", help="with --serial or --node: a lasting name for the pseudo terminal"
    )
    parser.add_argument(
        "--baud",
        type=baud,
        default=0,
        metavar="N",
        help="with --serial: carry bytes no faster than this line, and hear none of another speed; 0: of any",
    )
    parser.add_argument("--out", type=place, metavar="DIR", help="folder for the slips; else a new one under /tmp")
    parser.add_argument(
        "--mm-per-s", type=number(1, 1000), default=150.0, metavar="N", help="speed of the paper; 150 when left out"
    )
    parser.add_argument("--instant", action="store_true", help="print at once")
    parser.add_argument("--undrawn", action="store_true", help="leave no picture of a slip")
    return parser


_ON = "on=true"
CONTROLS: Controls = {
    "paper_out_after": ("lines=0", "the paper ends after so many more rows of dots, 8 to a millimetre; 0: now"),
    "near_end": (_ON, "the roll is nearly empty; on=false ends it, here and in the next nine"),
    "cover_open": (_ON, "the cover is open"),
    "jam": (_ON, "the blade is stuck"),
    "hot": (_ON, "the head is too hot"),
    "broken": (_ON, "a fault that nobody at the counter can mend"),
    "offline": (_ON, "it is switched off line"),
    "mute": (_ON, "it answers nothing"),
    "garbage": (_ON, "it answers nonsense"),
    "no_clear": (_ON, "it does not know the command that clears its buffer"),
    "one_answer": (_ON, "it answers one status question of several"),
    "refill": ("", "put a new roll in; it prints on"),
    "mend": ("", "put everything right, paper included"),
    "reset": ("", "begin anew, as from the box"),
    "faults": ("", "each fault, and whether it holds now"),
    "jobs": ("", "every slip that came out, with its lines, codes and files"),
    "last": ("", "the newest of them"),
    "errors": ("", "operations that no printer would understand"),
    "buffered": ("", "how many operations wait to be printed"),
    "rows_out": ("", "how many rows of dots have come out"),
}


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
        self._listener = listen(address)
        self.link = f"tcp:{address.rpartition(':')[0]}:{self._listener.getsockname()[1]}"
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
        self._baud = baud if not is_node else 0
        self._byte_s = 10 / baud if baud else 0.0
        self._arriving = b""
        self._due_at = 0.0

    def receive(self, wait_s: float) -> bytes:
        if not self._arriving:
            ready, _, _ = select.select([self._master], [], [], wait_s)
            if not ready:
                return b""
            speed = speed_of(self._master)
            self._arriving = os.read(self._master, LINE_CHUNK if self._byte_s else 4096)
            if self._baud and speed != self._baud:  # no stop bit where one should be: nothing of it is heard
                self._arriving = b""
                return b""
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
