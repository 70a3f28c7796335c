"""An ID card reader in a process of its own: `python -m devices.sim reader` (a pty), `--tcp`, `--usb`, `--hid`.

It carries bytes no faster than its line would, and hears noise when the other side speaks at another speed.
Killing the process is unplugging it.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from devices.api import IdCard
from devices.sim.cards import card_from, load_cards
from devices.sim.control import Controls, announce, end_signal, serve_controls
from devices.sim.people import people
from devices.sim.reader_far_end import COMMANDS, FarEnd, Fault, Said
from devices.sim.reader_wires import HidBus, Pty, Tcp, UsbBus, Wire
from devices.sim.starting import ANY_PORT, Words, address, baud, place, whole
from devices.wire import samv
from devices.wire.samv_usb import Framing

BITS = 10  # a byte on an 8N1 line
CHUNK = 64  # bytes a USB adapter hands over at once
TICK_S = 0.05
LONGEST_FINGERPRINT = 1024  # devices.md §4: what a card holds
PAUSE_S = 0.02  # between the pieces of a split answer


def main(arguments: Sequence[str]) -> int:
    """Serve until told to end. Exit 0; 2 when cards, address or files cannot be used."""
    options = words().parse(arguments, has_terminal=lambda options: not options.tcp)
    ended = end_signal(options.tethered)
    with contextlib.ExitStack() as stack:
        try:
            reader = _start(options, stack)
        except (ValueError, OSError) as error:
            sys.stderr.write(f"sim reader: {error}\n")
            return 2
        while not ended.is_set():
            reader.turn()
    return 0


def _start(options: argparse.Namespace, stack: contextlib.ExitStack) -> _Reader:
    """Return the reader, announced; `stack` takes it down. Raises: ValueError, OSError."""
    cards = load_cards(options.cards) if options.cards else {}
    wire = _wire(options, stack)
    stack.callback(wire.close)
    far_end = FarEnd(not options.no_fingerprint, bytes(options.fingerprint_bytes))
    reader = _Reader(far_end, wire, options.baud, cards)
    if options.put:
        reader.put(options.put)
    announce(wire.link, serve_controls("reader", options.control, reader.handlers(), CONTROLS, stack))
    return reader


def _wire(options: argparse.Namespace, stack: contextlib.ExitStack) -> Wire:
    """Return the wire the options ask for. Raises: ValueError, OSError."""
    if options.tcp:
        return Tcp(options.tcp)
    if not (options.usb or options.hid):
        return Pty(options.symlink)
    path = options.symlink
    if path is None:
        path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="reader-"))) / "bus"
    return HidBus(path) if options.hid else UsbBus(path, Framing(options.usb))


def words() -> Words:
    """Return the words of its command line."""
    parser = Words("reader", "a reader of resident ID cards (SAM-V)")
    parser.add_argument(
        "--tcp", nargs="?", const=ANY_PORT, type=address, metavar="HOST:PORT", help="listen there, not on a pty"
    )
    parser.add_argument("--usb", choices=[one.value for one in Framing], help="bulk endpoints, on a socket")
    parser.add_argument("--hid", action="store_true", help="HID reports, on a socket")
    parser.add_argument(
        "--symlink", type=place, metavar="FILE", help="a lasting name for the pseudo terminal or the socket"
    )
    parser.add_argument(
        "--baud",
        type=baud,
        default=115200,
        metavar="N",
        help="speed of the line, 115200 when left out; 0 carries bytes at once and at any speed",
    )
    parser.add_argument(
        "--cards", type=place, metavar="FILE", help="a JSON file of cards by key, besides the invented people"
    )
    parser.add_argument("--put", metavar="KEY", help="lay this card down at the start")
    parser.add_argument("--no-fingerprint", action="store_true", help="an older reader, which lacks 30 10")
    parser.add_argument(
        "--fingerprint-bytes",
        type=whole(0, LONGEST_FINGERPRINT),
        default=0,
        metavar="N",
        help="length of the fingerprint on every card",
    )
    return parser


CONTROLS: Controls = {
    "put": ("card=KEY or {fields}", "lay a card down, the first one when none is named; answers its key"),
    "take": ("", "lift the card"),
    "fault": (
        "fault, times, on",
        f"spoil the next `times` answers (0: until mended) to commands of the sort `on`, {', '.join(COMMANDS)}; "
        f"faults are {', '.join(Fault)}",
    ),
    "mend": ("", "end all faults"),
    "cards": ("", "the cards that can be put"),
    "state": ("", "what lies there and how far it was read"),
    "asked": ("", "the commands that came, as hexadecimal digits"),
    "forget_asked": ("", "forget them"),
}


class _Reader:
    """The far end on its wire, and its controls; one lock for both."""

    def __init__(self, far_end: FarEnd, wire: Wire, baud: int, cards: dict[str, IdCard]) -> None:
        self._far_end = far_end
        self._wire = wire
        self._byte_s = BITS / baud if baud and wire.has_speed else 0.0
        self._given = cards
        self._lying = ""
        self._lock = threading.Lock()
        self._decoder = samv.Decoder()
        self._noise = random.Random(7)

    # ── controls ───────────────────────────────────────────────────────────────────────────

    def handlers(self) -> dict[str, Callable[..., object]]:
        """Return the controls by name."""
        far_end = self._far_end
        found: dict[str, Callable[..., object]] = {
            "put": self.put,
            "take": self.take,
            "fault": far_end.fault,
            "mend": far_end.mend,
            "cards": self.cards,
            "state": self.state,
            "asked": lambda: [f"{command:04x}" for command in far_end.asked],
            "forget_asked": far_end.asked.clear,
        }
        return {name: self._locked(handler) for name, handler in found.items()}

    def put(self, card: str | dict[str, object] | None = None) -> str:
        """Lay a card down by key, or by its fields; return its key. Raises: ValueError."""
        if isinstance(card, dict):
            self._far_end.put(card_from(card))
            self._lying = "given"
            return self._lying
        known = self._known()
        key = card if card is not None else next(iter(known))
        if key not in known:
            raise ValueError(f"card {key!r}: allowed are {', '.join(known)}")
        self._far_end.put(known[key])
        self._lying = key
        return key

    def take(self) -> None:
        """Lift the card."""
        self._far_end.take()
        self._lying = ""

    def cards(self) -> list[dict[str, str]]:
        """Return the cards that can be put: key, name and what they are good for."""
        given = [
            {"key": key, "name": card.name.reveal(), "note_zh": "", "note_en": ""} for key, card in self._given.items()
        ]
        return given + [
            {
                "key": person.key,
                "name": person.card.name.reveal() or person.card.english_name.reveal(),
                "note_zh": person.note_zh,
                "note_en": person.note_en,
            }
            for person in people(date.today()).values()
            if person.key not in self._given
        ]

    def state(self) -> dict[str, object]:
        """Return what lies there and how far it was read."""
        far_end = self._far_end
        return {
            "card": self._lying if far_end.card is not None else "",
            "is_found": far_end.is_found,
            "is_selected": far_end.is_selected,
            "is_read": far_end.is_read,
            "faults": [script.fault.value for script in far_end.script],
        }

    def _known(self) -> dict[str, IdCard]:
        return {**self._given, **{key: person.card for key, person in people(date.today()).items()}, **self._given}

    def _locked(self, handler: Callable[..., object]) -> Callable[..., object]:
        def call(**arguments: object) -> object:
            with self._lock:
                return handler(**arguments)

        return call

    # ── wire ───────────────────────────────────────────────────────────────────────────────

    def turn(self) -> None:
        """Take in what has come and answer it."""
        data, baud = self._wire.receive(TICK_S)
        if not data:
            return
        heard_at = time.monotonic() + len(data) * self._byte_s
        if baud and self._byte_s and abs(BITS / baud - self._byte_s) > 1e-9:
            if not self._far_end.is_mute:
                self._wire.send(self._noise.randbytes(3))  # at the wrong speed both sides hear noise
            return
        rejected = self._decoder.rejected
        payloads = self._decoder.feed(data)
        for payload in payloads:
            with self._lock:
                said = self._far_end.answer(samv.decode_request(payload))
            self._say(said, heard_at)
        if not payloads and self._decoder.rejected > rejected:
            self._say(Said(self._far_end.wrong()), heard_at)

    def _say(self, said: Said, from_s: float) -> None:
        """Put an answer onto the wire, each piece when its last byte would have arrived."""
        if said.answer is None:
            return
        frame = self._spoil(samv.encode_answer(said.answer), said.wire)
        size = 7 if said.wire is Fault.SPLIT else CHUNK
        pause_s = PAUSE_S if said.wire is Fault.SPLIT and len(frame) < 40 * size else 0.0
        done = 0
        for number, piece in enumerate(self._wire.cut(frame, size)):
            done = min(len(frame), done + size)
            due = from_s + done * self._byte_s + pause_s * number
            time.sleep(max(0.0, due - time.monotonic()))
            self._wire.send(piece)

    def _spoil(self, frame: bytes, fault: Fault | None) -> bytes:
        match fault:
            case Fault.BAD_CHECK:
                return frame[:-1] + bytes((frame[-1] ^ 0x55,))
            case Fault.TRUNCATED:
                return frame[: len(frame) // 2]
            case Fault.NOISE:
                return self._noise.randbytes(20) + samv.PREAMBLE[:3] + frame
            case Fault.GARBAGE:
                return self._noise.randbytes(len(frame))
            case _:
                return frame
