"""A contactless reader (PN532) on a pseudo terminal, a virtual card lying on it: `python -m devices.sim pn532 CARD`.

It is what libnfc finds at a serial port, so that programs written by others can read our cards. One card, of type A,
always there. Source: NXP UM0701-02; reference/devices.md §8.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import threading
import tty
from collections.abc import Callable, Sequence

from devices.sim.chips import CHIPS, make_chip
from devices.sim.control import Controls, announce, end_signal, serve_controls
from devices.sim.starting import Words
from devices.wire import pn532

TICK_S = 0.05
FIRMWARE = bytes.fromhex("32010607")  # PN532, version 1.6, all three kinds of card
TARGET = bytes.fromhex("010004200408010203067577810280")  # number, ATQA, SAK, UID, ATS: a card of ISO 14443-4 type A
OK = b"\x00"


def main(arguments: Sequence[str]) -> int:
    """Serve until told to end. Exit 0; 2 when there is no such card."""
    options = words().parse_args(arguments)
    ended = end_signal(options.tethered)
    with contextlib.ExitStack() as stack:
        try:
            reader = ContactlessReader(options.card)
        except ValueError as error:
            sys.stderr.write(f"sim pn532: {error}\n")
            return 2
        stack.callback(reader.close)
        handlers: dict[str, Callable[..., object]] = {
            "card": reader.put,
            "asked": reader.list_asked,
            "forget_asked": reader.forget,
        }
        announce(reader.link, serve_controls("pn532", options.control, handlers, CONTROLS, stack))
        while not ended.is_set():
            reader.turn()
    return 0


def words() -> Words:
    """Return the words of its command line."""
    parser = Words("pn532", "a contactless reader (PN532) on a pseudo terminal, with a virtual card on it")
    parser.add_argument(
        "card", metavar="KEY", help=f"one of {', '.join(CHIPS)}, or one of its variants, such as passport:large"
    )
    return parser


CONTROLS: Controls = {
    "card": ("card=KEY", "lay another card there; answers its key"),
    "asked": ("", "the first four bytes of the commands the card heard, as hexadecimal digits"),
    "forget_asked": ("", "forget them"),
}


class ContactlessReader:
    """The reader on its wire, and the card."""

    def __init__(self, card: str) -> None:
        """Take the card's key. Raises: ValueError."""
        self._chip = make_chip(card)
        self._master, self._slave = os.openpty()  # our hold on the slave keeps the master readable between clients
        tty.setraw(self._master)
        tty.setraw(self._slave)
        self.link = f"serial:{os.ttyname(self._slave)}"
        self._decoder = pn532.Decoder()
        self._lock = threading.Lock()
        self._asked: list[str] = []

    def put(self, card: str) -> str:
        """Lay another card there. Raises: ValueError."""
        chip = make_chip(card)
        with self._lock:
            self._chip = chip
        return card

    def list_asked(self) -> list[str]:
        """Return the first four bytes of the commands the card heard, as eight hexadecimal digits."""
        return list(self._asked)

    def forget(self) -> None:
        """Forget what was asked."""
        self._asked.clear()

    def close(self) -> None:
        """Let go of the wire."""
        os.close(self._master)
        os.close(self._slave)

    def turn(self) -> None:
        """Take in what has come and answer it."""
        if not select.select([self._master], [], [], TICK_S)[0]:
            return
        for data in self._decoder.feed(os.read(self._master, 4096)):
            if data[0] == pn532.TO_READER and len(data) > 1:
                os.write(self._master, pn532.ACK)
                answer = bytes((pn532.FROM_READER, data[1] + 1 & 0xFF)) + self._do(data[1], data[2:])
                os.write(self._master, pn532.encode_frame(answer))

    def _do(self, command: int, data: bytes) -> bytes:
        match command:
            case 0x00:  # diagnose: says the same again
                return data
            case 0x02:
                return FIRMWARE
            case 0x04:  # general status
                return bytes(5)
            case 0x06:  # registers: one byte for each address of two
                return bytes(len(data) // 2)
            case 0x4A:
                return self._find(data)
            case 0x40:
                return self._exchange(data[1:])  # after the target's number
            case 0x42:
                return self._exchange(data)
            case 0x44 | 0x52 | 0x54:  # deselect, release, select
                return OK
            case _:  # settings
                return b""

    def _find(self, data: bytes) -> bytes:
        """Return the card for type A at 106 kbit/s, nothing for the other kinds."""
        with self._lock:
            self._chip.reset()
        return b"\x01" + TARGET if data[1:2] == b"\x00" else b"\x00"

    def _exchange(self, apdu: bytes) -> bytes:
        self._asked.append(apdu[:4].hex())
        with self._lock:
            return OK + self._chip.answer(apdu)
