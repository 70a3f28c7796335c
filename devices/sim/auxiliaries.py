"""A relay board in a process of its own: `python -m devices.sim auxiliaries` (a pty) or `--tcp`. It speaks Modbus RTU.

Killing the process is unplugging it.
"""

from __future__ import annotations

import contextlib
import os
import random
import select
import socket
import threading
import tty
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path

from devices.sim.control import Controls, announce, end_signal, serve_controls
from devices.sim.starting import ANY_PORT, Name, Words, address, listen, place, whole
from devices.wire import modbus
from devices.wire.modbus import Answer, Function, Refusal, Request, RequestDecoder

COILS, INPUTS = 16, 16
LAST_UNIT = 247  # Modbus over serial line V1.02 §2.2
TICK_S = 0.05
FLOOD_BYTES = 4096
NAMES = {"cabinetDoor": 0, "tamperSensor": 1, "upsEngaged": 2, "upsLow": 3, "proximitySensor": 4}


class Fault(StrEnum):
    """What can be scripted."""

    BAD_CRC = "bad_crc"
    MUTE = "mute"
    GARBAGE = "garbage"
    TRUNCATED = "truncated"
    NOISE = "noise"  # before a good answer, as a line makes when it turns around
    SPLIT = "split"  # byte by byte
    FLOOD = "flood"
    OTHER_UNIT = "other_unit"  # another board of the line answers
    FAILURE = "failure"  # exception 04
    BUSY = "busy"  # exception 06
    FUNCTION = "function"  # exception 01
    ADDRESS = "address"  # exception 02


SAID = {
    Fault.FUNCTION: Refusal.ILLEGAL_FUNCTION,
    Fault.FAILURE: Refusal.DEVICE_FAILURE,
    Fault.BUSY: Refusal.BUSY,
    Fault.ADDRESS: Refusal.ILLEGAL_ADDRESS,
}


class FarEnd:
    """One board: coils, inputs, and things that go wrong. No sockets and no clock."""

    def __init__(self, unit: int) -> None:
        self.unit = unit
        self.coils = [False] * COILS
        self.inputs = [False] * INPUTS
        self.asked: list[str] = []
        self.faults: list[tuple[Fault, int]] = []  # with how often it will strike yet; 0 lasts
        self._noise = random.Random(7)

    def answer(self, request: Request) -> list[bytes]:
        """Return what goes onto the line, piece by piece; nothing for another unit's request."""
        if request.unit not in (self.unit, modbus.BROADCAST):
            return []
        self.asked.append(f"{request.function:02x}")
        fault = self._struck()
        if fault in SAID:
            return [modbus.encode_answer(Answer(self.unit, request.function, refusal=SAID[fault]))]
        answer = self._obey(request)
        if request.unit == modbus.BROADCAST:
            return []
        return self._spoilt(modbus.encode_answer(answer), fault)

    def _obey(self, request: Request) -> Answer:
        end = request.address + (len(request.bits) or request.count)
        bank = self.inputs if request.function is Function.READ_INPUTS else self.coils
        if end > len(bank):
            return Answer(self.unit, request.function, refusal=Refusal.ILLEGAL_ADDRESS)
        if request.bits:
            self.coils[request.address : end] = request.bits
            bits = request.bits if request.function is Function.WRITE_COIL else ()
            return Answer(self.unit, request.function, bits=bits, address=request.address, count=len(request.bits))
        return Answer(self.unit, request.function, bits=tuple(bank[request.address : end]))

    def _struck(self) -> Fault | None:
        if not self.faults:
            return None
        fault, times = self.faults[0]
        if times == 1:
            self.faults.pop(0)
        elif times:
            self.faults[0] = (fault, times - 1)
        return fault

    def _spoilt(self, frame: bytes, fault: Fault | None) -> list[bytes]:
        match fault:
            case Fault.MUTE:
                return []
            case Fault.BAD_CRC:
                return [frame[:-1] + bytes((frame[-1] ^ 0x55,))]
            case Fault.GARBAGE:
                return [self._noise.randbytes(len(frame))]
            case Fault.TRUNCATED:
                return [frame[: len(frame) // 2]]
            case Fault.NOISE:
                return [b"\x00\xff" + bytes((self.unit,)) + frame]
            case Fault.SPLIT:
                return [frame[at : at + 1] for at in range(len(frame))]
            case Fault.FLOOD:
                return [self._noise.randbytes(FLOOD_BYTES)]
            case Fault.OTHER_UNIT:
                return [modbus.encode_answer(Answer(self.unit + 1, Function.READ_COILS, bits=(True,) * 8))]
            case _:
                return [frame]


class _Line:
    """The far end's wire: a pty whose name can last, or a TCP port; one client at a time."""

    def __init__(self, tcp: str, symlink: Path | None) -> None:
        self._listener = self._client = None
        self._name: Name | None = None
        self._ends: list[int] = []
        if tcp:
            self._listener = listen(tcp)
            self.link = f"tcp:{tcp.rpartition(':')[0]}:{self._listener.getsockname()[1]}"
            return
        self._ends = list(os.openpty())  # our hold on the slave keeps the master readable between clients
        for end in self._ends:
            tty.setraw(end)
        os.set_blocking(self._ends[0], False)
        self._name = Name(symlink, os.ttyname(self._ends[1]))
        self.link = f"serial:{self._name.path}"

    _listener: socket.socket | None
    _client: socket.socket | None

    def receive(self) -> bytes:
        """Return what has come within a tick, b"" for nothing."""
        ends = [end for end in (self._listener, self._client) if end is not None] or self._ends[:1]
        ready, _, _ = select.select(ends, [], [], TICK_S)
        if self._ends:
            return os.read(self._ends[0], 4096) if ready else b""
        if self._client in ready and self._client is not None:
            with contextlib.suppress(OSError):
                if data := self._client.recv(4096):
                    return data
            self._client.close()
            self._client = None
        if self._listener in ready and self._listener is not None:
            newcomer, _ = self._listener.accept()
            if self._client is not None:
                self._client.close()
            self._client = newcomer
        return b""

    def send(self, data: bytes) -> None:
        """Send bytes; whoever has gone, or does not read, hears nothing."""
        with contextlib.suppress(OSError):
            if self._ends:
                os.write(self._ends[0], data)
            elif self._client is not None:
                self._client.sendall(data)

    def close(self) -> None:
        """Let go of the wire."""
        for taken in (self._client, self._listener):
            if taken is not None:
                taken.close()
        for end in self._ends:
            os.close(end)
        if self._name is not None:
            self._name.close()


class _Board:
    """The far end on its wire, and its controls; one lock for both."""

    def __init__(self, far_end: FarEnd, line: _Line) -> None:
        self._far_end = far_end
        self._line = line
        self._decoder = RequestDecoder()
        self._lock = threading.Lock()

    def turn(self) -> None:
        """Take in what has come and answer it. A tick of silence ends a frame, as 3.5 characters do on a real line."""
        data = self._line.receive()
        if not data:
            self._decoder = RequestDecoder()
            return
        for request in self._decoder.feed(data):
            with self._lock:
                pieces = self._far_end.answer(request)
            for piece in pieces:
                self._line.send(piece)

    def handlers(self) -> dict[str, Callable[..., object]]:
        """Return the controls by name."""
        far_end = self._far_end
        found: dict[str, Callable[..., object]] = {
            "lit": lambda: [n for n, is_on in enumerate(far_end.coils) if is_on],
            "feel": self.feel,
            "fault": self.fault,
            "mend": self.mend,
            "reset": self.reset,
            "asked": lambda: list(far_end.asked),
            "forget_asked": far_end.asked.clear,
            "state": lambda: {
                "coils": far_end.coils,
                "inputs": far_end.inputs,
                "faults": [f for f, _ in far_end.faults],
            },
        }
        return {name: self._locked(handler) for name, handler in found.items()}

    def feel(self, name: str | int, on: bool = True) -> None:
        """Close or open a contact, by number or by its name in the usual wiring. Raises: ValueError."""
        number = name if isinstance(name, int) else NAMES.get(name, -1)
        if not 0 <= number < INPUTS:
            raise ValueError(f"name {name!r}: allowed are {', '.join(NAMES)} and 0 to {INPUTS - 1}")
        self._far_end.inputs[number] = bool(on)

    def fault(self, fault: str, times: int = 0) -> None:
        """Script a fault for the next `times` requests; 0 lasts. Raises: ValueError."""
        self._far_end.faults.append((Fault(fault), times))

    def mend(self) -> None:
        """Take all faults away, and let every contact rest."""
        self._far_end.faults.clear()
        self._far_end.inputs[:] = [False] * INPUTS

    def reset(self) -> None:
        """Be as after a power cut."""
        self._far_end.coils[:] = [False] * COILS

    def _locked(self, handler: Callable[..., object]) -> Callable[..., object]:
        def call(**arguments: object) -> object:
            with self._lock:
                return handler(**arguments)

        return call


def main(arguments: Sequence[str]) -> int:
    """Serve until told to end. Exit 0."""
    options = words().parse(arguments, has_terminal=lambda options: not options.tcp)
    ended = end_signal(options.tethered)
    with contextlib.ExitStack() as stack:
        line = _Line(options.tcp or "", options.symlink)
        stack.callback(line.close)
        board = _Board(FarEnd(options.unit), line)
        announce(line.link, serve_controls("auxiliaries", options.control, board.handlers(), CONTROLS, stack))
        while not ended.is_set():
            board.turn()
    return 0


def words() -> Words:
    """Return the words of its command line."""
    parser = Words("auxiliaries", f"a relay board that speaks Modbus RTU, {COILS} coils and {INPUTS} contacts")
    parser.add_argument("--tcp", nargs="?", const=ANY_PORT, type=address, metavar="HOST:PORT", help="not on a pty")
    parser.add_argument("--symlink", type=place, metavar="FILE", help="a lasting name for the pseudo terminal")
    parser.add_argument(
        "--unit", type=whole(1, LAST_UNIT), default=1, metavar="N", help="the board's address on the line; 1"
    )
    return parser


CONTROLS: Controls = {
    "lit": ("", "the coils that are on"),
    "feel": ("name, on=true", f"close or open a contact, by number or as {', '.join(NAMES)}"),
    "fault": (
        "fault, times=0",
        f"spoil the next `times` answers (0: until mended); faults are {', '.join(Fault)}",
    ),
    "mend": ("", "end all faults, and let every contact rest"),
    "reset": ("", "be as after a power cut: all coils off"),
    "asked": ("", "the functions that were asked for, as hexadecimal digits"),
    "forget_asked": ("", "forget them"),
    "state": ("", "coils, contacts and faults"),
}
