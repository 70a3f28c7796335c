"""Card readers of the PC/SC service (pcscd). The only file that imports pyscard.

The service is looked at with a fresh context each time: a context made before pcscd went away, or before a reader was
plugged in, tells nothing of what came after. pcscd counts insertions and removals itself, so a card changed between two
looks is not missed. Every call runs on a thread of the link's own, because none of them takes a deadline.
Source: reference/devices.md §5; behaviour measured with pcscd 1.9.9.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import msgspec

from devices.api import Deadline, DeviceError, NotReady, UserFault
from devices.links.caller import LOOK_S, Caller

ANY = "*"
ANSWER_S = 10.0  # a card that calculates asks for more time; readers give up on a mute one in about two seconds
GONE_S = 1.0  # pcscd looks every 0.2 to 0.4 s; a card still there after a second was not pulled
CLOSE_S = 2.0  # to power a card down

NO_SERVICE = "noService"
NO_DEVICE = "noDevice"
REMOVED = "card_removed"
UNREADABLE = "card_unreadable"
IN_USE = "inUse"

PRESENT, POWERLESS = 0x20, 0x200  # SCARD_STATE_PRESENT, SCARD_STATE_MUTE
COUNT_SHIFT = 16  # pcscd keeps its count of insertions and removals in the upper half of the state

# what PC/SC reports, as whose move it is (pcsclite.h)
_FAULTS: dict[int, tuple[type[DeviceError], str]] = {
    0x80100003: (NotReady, NO_SERVICE),  # SCARD_E_INVALID_HANDLE: pcscd was started anew
    0x80100009: (NotReady, NO_DEVICE),  # SCARD_E_UNKNOWN_READER
    0x8010000B: (NotReady, IN_USE),  # SCARD_E_SHARING_VIOLATION
    0x8010000C: (UserFault, REMOVED),  # SCARD_E_NO_SMARTCARD
    0x8010000F: (UserFault, UNREADABLE),  # SCARD_E_PROTO_MISMATCH
    0x80100013: (NotReady, NO_SERVICE),  # SCARD_F_COMM_ERROR: pcscd went away under the call
    0x80100017: (NotReady, NO_DEVICE),  # SCARD_E_READER_UNAVAILABLE
    0x8010001C: (UserFault, UNREADABLE),  # SCARD_E_CARD_UNSUPPORTED
    0x8010001D: (NotReady, NO_SERVICE),  # SCARD_E_NO_SERVICE
    0x8010001E: (NotReady, NO_SERVICE),  # SCARD_E_SERVICE_STOPPED
    0x8010002E: (NotReady, NO_DEVICE),  # SCARD_E_NO_READERS_AVAILABLE
    0x80100066: (UserFault, UNREADABLE),  # SCARD_W_UNRESPONSIVE_CARD
    0x80100067: (UserFault, UNREADABLE),  # SCARD_W_UNPOWERED_CARD
    0x80100069: (UserFault, REMOVED),  # SCARD_W_REMOVED_CARD
}
# an exchange that failed: only asking again tells whether the card is still there
_IN_DOUBT = frozenset({0x80100016, 0x8010002F, 0x80100068, 0x80100001})  # NOT_TRANSACTED, COMM, RESET_CARD, F_INTERNAL


class Slot(msgspec.Struct, frozen=True):
    """One reader, looked at once. Two cards never have the same `insertion` while pcscd runs."""

    reader: str
    is_present: bool
    is_powerless: bool
    insertion: int


class PcscLink:
    """One reader of the PC/SC service. All calls come from one thread."""

    def __init__(self, address: str, *, answer_s: float = ANSWER_S) -> None:
        """Take `pcsc:NAME`, the beginning of a reader's name, or `pcsc:*` for the first one. Raises: ValueError."""
        kind, _, name = address.partition(":")
        if kind != "pcsc" or not name.strip():
            raise ValueError(f"link {address!r}: allowed is pcsc:READER NAME, its beginning, or pcsc:* for the first")
        self.address = address
        self._prefix = "" if name.strip() == ANY else name.strip()
        self._answer_s = answer_s
        self._caller = Caller()

    def readers(self, deadline: Deadline) -> tuple[str, ...]:
        """Return the names of all readers there are. Raises: NotReady("noService"), TimedOut, Cancelled."""
        return tuple(one.reader for one in self._look(deadline))

    def slot(self, deadline: Deadline) -> Slot:
        """Return how our reader is now. Raises: NotReady("noService" | "noDevice"), TimedOut, Cancelled."""
        for one in self._look(deadline):
            if one.reader.startswith(self._prefix):
                return one
        raise NotReady(NO_DEVICE, self.address)

    def connect(self, deadline: Deadline) -> PcscCard:
        """Return the card in the reader, powered and ours alone; it tells which insertion it is.

        Raises: UserFault("card_removed" | "card_unreadable"), NotReady, TimedOut, Cancelled.
        """
        slot = self.slot(deadline)
        held = self._caller.call(lambda: _connect(slot.reader), deadline, self._answer_s, _release)
        return PcscCard(self._caller, held, self._answer_s)

    def close(self) -> None:
        """End the link's thread; one that a mute card holds ends when the card is lifted. Twice is harmless."""
        self._caller.close()

    def _look(self, deadline: Deadline) -> tuple[Slot, ...]:
        found: tuple[Slot, ...] = self._caller.call(_look, deadline, self._answer_s)
        return found


class PcscCard:
    """A connected card."""

    def __init__(self, caller: Caller, held: _Held, answer_s: float) -> None:
        self._caller = caller
        self._held = held
        self._answer_s = answer_s
        self._is_open = True

    @property
    def atr(self) -> bytes:
        """Return what the card said when it was powered."""
        return self._held.atr

    @property
    def insertion(self) -> int:
        """Return which insertion this card is."""
        return self._held.slot.insertion

    @property
    def is_block(self) -> bool:
        """Whether the card speaks T=1, which takes a command whole; T=0 does not."""
        return self._held.is_block

    def exchange(self, apdu: bytes, deadline: Deadline) -> bytes:
        """Return the card's answer as it came, its status word at the end.

        Raises: UserFault("card_removed" | "card_unreadable"), NotReady, TimedOut("mute" | "deadline"), Cancelled.
        """
        if not self._is_open:
            raise NotReady(NO_DEVICE, "not open")
        found: bytes = self._caller.call(lambda: _transmit(self._held, apdu), deadline, self._answer_s)
        return found

    def close(self) -> None:
        """Power the card down, so that nothing it was shown stays open. Twice is harmless."""
        if self._is_open:
            self._is_open = False
            job = self._caller.post(lambda: _release(self._held))
            if not self._caller.is_held_up:  # else it is done when the call that is still out comes back
                job.done.wait(CLOSE_S)


# ── what runs on the link's own thread ─────────────────────────────────────────────────────


class _Held(msgspec.Struct):
    """A connection: pyscard's context and handle, and what the card said."""

    context: Any
    handle: Any
    slot: Slot  # as it was when the card was ours
    is_block: bool  # T=1, which takes a command whole
    atr: bytes
    is_lost: bool = False


def _look() -> tuple[Slot, ...]:
    from smartcard import scard

    context = _context()
    try:
        code, names = scard.SCardListReaders(context, [])
        if _code(code) == 0x8010002E:
            return ()
        _check(code)
        return _slots(context, names)
    finally:
        scard.SCardReleaseContext(context)


def _slots(context: Any, names: Iterable[str]) -> tuple[Slot, ...]:
    from smartcard import scard

    code, states = scard.SCardGetStatusChange(context, 0, [(name, scard.SCARD_STATE_UNAWARE) for name in names])
    _check(code)
    return tuple(
        Slot(name, bool(state & PRESENT), bool(state & POWERLESS), state >> COUNT_SHIFT) for name, state, _ in states
    )


def _connect(reader: str) -> _Held:
    from smartcard import scard

    context = _context()
    both = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
    try:
        code, handle, protocol = scard.SCardConnect(context, reader, scard.SCARD_SHARE_EXCLUSIVE, both)
        _check(code)
        code, _, _, _, atr = scard.SCardStatus(handle)
        _check(code)
        (slot,) = _slots(context, [reader])
    except DeviceError:
        scard.SCardReleaseContext(context)
        raise
    return _Held(context, handle, slot, protocol == scard.SCARD_PROTOCOL_T1, bytes(atr))


def _transmit(held: _Held, apdu: bytes) -> bytes:
    from smartcard import scard

    protocol = scard.SCARD_PCI_T1 if held.is_block else scard.SCARD_PCI_T0
    code, answer = scard.SCardTransmit(held.handle, protocol, list(apdu))
    if _code(code) in _IN_DOUBT or (not code and len(answer) < 2):  # a card pulled while it thinks: success, no bytes
        held.is_lost = True
        raise UserFault(REMOVED if _is_gone(held.slot) else UNREADABLE, f"{_code(code):08X}")
    held.is_lost = bool(code)
    _check(code)
    return bytes(answer)


def _is_gone(slot: Slot) -> bool:
    """Whether the card was pulled; pcscd itself notices only at its next look, up to 0.4 s after the failed exchange.

    SCardReconnect would tell at once, but makes pcscd 1.9.9 call the reader empty without its own watch knowing; a card
    put back before that watch's next look is then never seen.
    """
    until = time.monotonic() + GONE_S
    while time.monotonic() < until:
        if not any(one.reader == slot.reader and one.is_present and one.insertion == slot.insertion for one in _look()):
            return True
        time.sleep(LOOK_S)
    return False


def _release(held: _Held) -> None:
    from smartcard import scard

    # powering a card down that is gone has the same effect as SCardReconnect, see _is_gone
    scard.SCardDisconnect(held.handle, scard.SCARD_LEAVE_CARD if held.is_lost else scard.SCARD_UNPOWER_CARD)
    scard.SCardReleaseContext(held.context)


def _context() -> Any:
    from smartcard import scard

    code, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
    if code:
        raise NotReady(NO_SERVICE, f"{_code(code):08X}")
    return context


def _check(code: int) -> None:
    """Raise what a PC/SC code means; nothing for success."""
    if code:
        error, word = _FAULTS.get(_code(code), (UserFault, UNREADABLE))
        raise error(word, f"{_code(code):08X}")


def _code(code: int) -> int:
    return code & 0xFFFFFFFF
