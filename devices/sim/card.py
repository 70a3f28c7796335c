"""A chip card in a process of its own: `python -m devices.sim card social|bank|…`, over vpcd, the virtual reader.

The card is a TCP client of the reader: to connect is to insert, to close is to remove. When pcscd goes away the card
stays where it is, and speaks again when pcscd is back.
Protocol: reference/devices.md §5 (VPCD-1 to 7).
"""

from __future__ import annotations

import contextlib
import random
import select
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from devices.sim.chips import CHIPS, Chip, list_cards, make_chip
from devices.sim.control import Controls, announce, end_signal, serve_controls
from devices.sim.starting import Words, target

VPCD = "127.0.0.1:35963"
READER = "pcsc:Virtual PCD"
TICK_S = 0.05
SLOW_S = 0.4
POWER_OFF, POWER_ON, RESET, GET_ATR = b"\x00", b"\x01", b"\x02", b"\x04"


class Fault(StrEnum):
    """What can go wrong with a card."""

    REMOVED = "removed"  # pulled instead of answering
    NOT_FOUND = "not_found"  # 6A82
    FAILED = "failed"  # 6F00
    GARBAGE = "garbage"  # bytes of no form, and 9000
    SHORT = "short"  # half of the answer's data
    LONG = "long"  # data with bytes too many
    EMPTY = "empty"  # 9000 and nothing else
    SLOW = "slow"
    MUTE = "mute"  # never answers; told again to have it speak
    ENDLESS = "endless"  # 61FF, for ever
    NO_ATR = "no_atr"  # does not speak when powered; in force until mended


@dataclass
class _Script:
    fault: Fault
    times: int
    on: int  # the command's INS; -1 for any
    after: int  # so many of them are answered first


def main(arguments: Sequence[str]) -> int:
    """Serve until told to end. Exit 0; 2 when there is no such card."""
    options = words().parse_args(arguments)
    ended = end_signal(options.tethered)
    with contextlib.ExitStack() as stack:
        try:
            card = VirtualCard(options.vpcd, options.card)
        except ValueError as error:
            sys.stderr.write(f"sim card: {error}\n")
            return 2
        stack.callback(card.take)
        address = serve_controls("card", options.control, card.handlers(), CONTROLS, stack)
        if not options.out:
            card.insert()
        announce(READER, address)
        while not ended.is_set():
            card.turn()
    return 0


def words() -> Words:
    """Return the words of its command line."""
    parser = Words("card", "a chip card in the virtual reader vpcd")
    parser.add_argument(
        "card", metavar="KEY", help=f"one of {', '.join(CHIPS)}, or one of its variants, such as social:pin"
    )
    parser.add_argument("--vpcd", default=VPCD, type=target, metavar="HOST:PORT", help=f"where vpcd listens, {VPCD}")
    parser.add_argument("--out", action="store_true", help="not in the reader at the start")
    return parser


CONTROLS: Controls = {
    "insert": ("card=KEY", "put the card, or another one, into the reader; answers its key"),
    "take": ("", "pull the card, at once"),
    "fault": (
        "fault, times=1, on, after=0",
        "spoil the next `times` answers to commands with INS `on` (two hexadecimal digits; left out: any), after so "
        f"many good ones; faults are {', '.join(Fault)}",
    ),
    "mend": ("", "end all faults"),
    "cards": ("", "the cards there are"),
    "state": ("", "the card, whether it is in, and what is left of the faults"),
    "asked": ("", "the first four bytes of the commands that came, as hexadecimal digits"),
    "forget_asked": ("", "forget them"),
}


class VirtualCard:
    """A chip, its place in or out of the reader, and its faults. The wire is served by `turn`, on one thread."""

    def __init__(self, vpcd: str, key: str) -> None:
        """Take where vpcd listens and the card's key. Raises: ValueError."""
        host, _, port = vpcd.rpartition(":")
        if not host or not port.isdecimal():
            raise ValueError(f"vpcd {vpcd!r}: HOST:PORT is needed")
        self._place = (host, int(port))
        self._chip: Chip = make_chip(key)
        self._key = key
        self._is_in = False
        self._conn: socket.socket | None = None
        self._heard = b""
        self._script: list[_Script] = []
        self._asked: list[str] = []
        self._noise = random.Random(7)
        self._lock = threading.Lock()
        self._hurry = threading.Event()  # ends a slow answer: the card was taken

    # ── controls ───────────────────────────────────────────────────────────────────────────

    def handlers(self) -> dict[str, Callable[..., object]]:
        """Return the controls by name."""
        return {
            "insert": self.insert,
            "take": self.take,
            "fault": self.fault,
            "mend": self.mend,
            "cards": list_cards,
            "state": self.state,
            "asked": lambda: list(self._asked),
            "forget_asked": self._asked.clear,
        }

    def insert(self, card: str | None = None) -> str:
        """Put the card, or another one, into the reader; return its key. Raises: ValueError."""
        if card is not None and (card != self._key or self._is_in):
            chip = make_chip(card)
            self.take()
            with self._lock:
                self._chip, self._key = chip, card
        self._hurry.clear()
        self._is_in = True
        return self._key

    def take(self) -> None:
        """Pull the card, at once."""
        self._is_in = False
        self._hurry.set()
        with self._lock:
            self._drop()

    def fault(self, fault: str, times: int = 1, on: str = "", after: int = 0) -> None:
        """Spoil the next `times` answers to commands with INS `on` (two digits; "" any), after `after` good ones."""
        self._script.append(_Script(Fault(fault), times, int(on, 16) if on else -1, after))

    def mend(self) -> None:
        """Forget all faults."""
        self._script.clear()

    def state(self) -> dict[str, object]:
        """Return the card, whether it is in, and what is left of the faults."""
        return {
            "card": self._key,
            "is_in": self._is_in,
            "is_connected": self._conn is not None,
            "faults": [script.fault.value for script in self._script],
        }

    # ── wire ───────────────────────────────────────────────────────────────────────────────

    def turn(self) -> None:
        """Connect when the card is in, and answer what has come."""
        with self._lock:
            if self._is_in and self._conn is None:
                self._connect()
            conn = self._conn
        if conn is None:
            self._hurry.wait(TICK_S) if self._is_in else time.sleep(TICK_S)
            return
        try:
            if not select.select([conn], [], [], TICK_S)[0]:
                return
            data = conn.recv(65536)
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)  # vpcd sends length and bytes apart
        except (OSError, ValueError):  # taken meanwhile
            data = b""
        if not data:
            with self._lock:
                if self._conn is conn:
                    self._drop()
            return
        self._heard += data
        while (message := self._next_message()) is not None:
            self._serve(conn, message)

    def _next_message(self) -> bytes | None:
        size = int.from_bytes(self._heard[:2], "big")
        if len(self._heard) < 2 + size or len(self._heard) < 2:
            return None
        message, self._heard = self._heard[2 : 2 + size], self._heard[2 + size :]
        return message

    def _serve(self, conn: socket.socket, message: bytes) -> None:
        if message in (POWER_OFF, POWER_ON, RESET):
            self._chip.reset()
            return
        if message == GET_ATR:
            is_mute = any(script.fault is Fault.NO_ATR for script in self._script)
            answer: bytes | None = b"" if is_mute else self._chip.atr
        else:
            self._asked.append(message[:4].hex())
            answer = self._answer(message)
        if answer is not None:
            with contextlib.suppress(OSError):
                conn.sendall(len(answer).to_bytes(2, "big") + answer)

    def _answer(self, apdu: bytes) -> bytes | None:
        fault = self._next_fault(apdu)
        if fault is Fault.REMOVED:
            self.take()
        if fault in (Fault.REMOVED, Fault.MUTE):
            return None
        if fault is Fault.SLOW:
            self._hurry.wait(SLOW_S)
        return self._spoil(self._chip.answer(apdu), fault)

    def _spoil(self, good: bytes, fault: Fault | None) -> bytes:
        data, sw = good[:-2], good[-2:]
        match fault:
            case Fault.NOT_FOUND:
                return b"\x6a\x82"
            case Fault.FAILED:
                return b"\x6f\x00"
            case Fault.GARBAGE:
                return self._noise.randbytes(max(9, len(data))) + b"\x90\x00"
            case Fault.SHORT:
                return data[: len(data) // 2] + sw
            case Fault.LONG:
                return data + data[:7] + sw
            case Fault.EMPTY:
                return b"\x90\x00"
            case Fault.ENDLESS:
                return bytes(200) + b"\x61\xff"
            case _:
                return good

    def _next_fault(self, apdu: bytes) -> Fault | None:
        for script in self._script:
            if script.fault is Fault.NO_ATR or script.on not in (-1, apdu[1]):
                continue
            if script.after:
                script.after -= 1
                continue
            script.times -= 1
            if script.times <= 0:
                self._script.remove(script)
            return script.fault
        return None

    def _connect(self) -> None:
        try:
            conn = socket.create_connection(self._place, 1.0)
        except OSError:  # no pcscd there, or not yet
            return
        conn.settimeout(None)
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._heard = b""
        self._chip.reset()
        self._conn = conn

    def _drop(self) -> None:
        conn, self._conn = self._conn, None
        if conn is not None:
            with contextlib.suppress(OSError):
                conn.shutdown(socket.SHUT_RDWR)  # wakes whoever reads
            conn.close()
