"""What an ID card reader is behind its wire: a SAM, a field, at most one card in it, and things that go wrong.

No sockets and no clock: `answer(request)` gives what the reader says. Rules: reference/devices.md §4.5.4.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from devices.api import IdCard
from devices.wire import samv
from devices.wire.samv import Answer, CardData, Command, ManagementNumber, Request, Result
from devices.wire.samv_records import encode_text_record

SAM_ID = "05.01-20200115-0000123456-0305419896"  # synthetic: vector SAM-28
READS = frozenset({Command.READ, Command.READ_FINGERPRINT})


class Fault(StrEnum):
    """What can be scripted. The first group spoils the wire, the second is said by the reader."""

    BAD_CHECK = "bad_check"
    TRUNCATED = "truncated"
    NOISE = "noise"  # before a good answer
    GARBAGE = "garbage"  # instead of an answer
    MUTE = "mute"
    SPLIT = "split"  # the answer comes in small pieces with pauses
    SELF_TEST = "self_test"  # 60
    NOT_AUTHORISED = "not_authorised"  # 66
    CARD_REFUSED_SAM = "card_refused_sam"  # 31
    SAM_REFUSED_CARD = "sam_refused_card"  # 32
    READ_FAILED = "read_failed"  # 41, and the card must be lifted
    LIFTED = "lifted"  # the card is taken away while it is read


SAID = {
    Fault.SELF_TEST: Result.SELF_TEST,
    Fault.NOT_AUTHORISED: Result.NOT_AUTHORISED,
    Fault.CARD_REFUSED_SAM: Result.CARD_REFUSED_SAM,
    Fault.SAM_REFUSED_CARD: Result.SAM_REFUSED_CARD,
    Fault.READ_FAILED: Result.READ_FAILED,
    Fault.LIFTED: Result.READ_FAILED,
}
WHERE = {  # a fault strikes these commands unless told otherwise
    Fault.MUTE: "any",
    Fault.GARBAGE: "any",
    Fault.SELF_TEST: "any",
    Fault.NOT_AUTHORISED: "any",
    Fault.CARD_REFUSED_SAM: "select",
    Fault.SAM_REFUSED_CARD: "select",
}
LASTING = frozenset({Fault.MUTE, Fault.GARBAGE, Fault.SELF_TEST, Fault.NOT_AUTHORISED})
COMMANDS: dict[str, frozenset[int]] = {
    "status": frozenset({Command.STATUS}),
    "find": frozenset({Command.FIND}),
    "select": frozenset({Command.SELECT}),
    "read": READS,
    "addresses": frozenset({Command.READ_ADDRESSES}),
    "any": frozenset(),
}


class Script(msgspec.Struct):
    """One scripted fault; `times` 0 lasts until it is mended."""

    fault: Fault
    on: str
    times: int


class Said(msgspec.Struct, frozen=True):
    """What goes onto the wire: nothing when mute, else an answer and how the wire treats it."""

    answer: Answer | None
    wire: Fault | None = None


class FarEnd:
    """One reader. Not thread-safe: its process holds a lock around every call."""

    def __init__(self, has_fingerprint: bool = True, fingerprint: bytes = b"") -> None:
        self.card: IdCard | None = None
        self.is_found = self.is_selected = self.is_read = self.is_blocked = False
        self.asked: list[int] = []
        self.script: list[Script] = []
        self._has_fingerprint = has_fingerprint
        self._fingerprint = fingerprint

    # ── the hand ───────────────────────────────────────────────────────────────────────────

    def put(self, card: IdCard) -> None:
        """Lay a card down, in place of the one that lies there."""
        self.card = card
        self._forget()

    def take(self) -> None:
        """Lift the card."""
        self.card = None
        self._forget()

    def fault(self, fault: str, times: int | None = None, on: str = "") -> None:
        """Script a fault for the next `times` commands of the sort `on`; 0 lasts. Raises: ValueError."""
        found = Fault(fault)
        sort = on or WHERE.get(found, "read")
        if sort not in COMMANDS:
            raise ValueError(f"on {on!r}: allowed are {', '.join(COMMANDS)}")
        count = times if times is not None else 0 if found in LASTING else 1
        self.script.append(Script(found, sort, count))

    def mend(self) -> None:
        """Take all scripted faults away."""
        self.script.clear()

    @property
    def is_mute(self) -> bool:
        """Whether it says nothing to anything."""
        return any(script.fault is Fault.MUTE and script.on == "any" for script in self.script)

    def _forget(self) -> None:
        self.is_found = self.is_selected = self.is_read = self.is_blocked = False

    # ── the wire ───────────────────────────────────────────────────────────────────────────

    def answer(self, request: Request) -> Said:
        """Return what the reader says to a request."""
        self.asked.append(request.command)
        fault = self._struck(request.command)
        if fault is Fault.MUTE:
            return Said(None)
        if fault in SAID:
            if fault is Fault.LIFTED:
                self.take()
            self.is_blocked = self.is_blocked or fault is Fault.READ_FAILED
            return Said(Answer(SAID[fault]))
        return Said(self._obey(request.command), fault)

    def wrong(self) -> Answer:
        """Return what a SAM says to bytes whose check is wrong."""
        return Answer(Result.CHECKSUM)

    def _struck(self, command: int) -> Fault | None:
        for script in self.script:
            if script.on == "any" or command in COMMANDS[script.on]:
                if script.times == 1:
                    self.script.remove(script)
                elif script.times:
                    script.times -= 1
                return script.fault
        return None

    def _obey(self, command: int) -> Answer:
        match command:
            case Command.RESET:
                self.is_found = self.is_selected = False
            case Command.STATUS | Command.MAX_RF_FRAME:
                pass
            case Command.SAM_ID:
                return Answer(Result.SUCCESS, samv.encode_sam_id(SAM_ID))
            case Command.FIND:
                self.is_found = self.card is not None and not self.is_read and not self.is_blocked
                return Answer(Result.CARD_FOUND, bytes(4)) if self.is_found else Answer(Result.NO_CARD)
            case Command.SELECT:
                self.is_selected = self.is_found
                return Answer(Result.SUCCESS, bytes(8)) if self.is_selected else Answer(Result.SELECT_FAILED)
            case Command.READ | Command.READ_FINGERPRINT | Command.READ_ADDRESSES | Command.READ_NUMBER:
                return self._read(command)
            case _:
                return Answer(Result.UNKNOWN)
        return Answer(Result.SUCCESS)

    def _read(self, command: int) -> Answer:
        card = self.card
        if command == Command.READ_FINGERPRINT and not self._has_fingerprint:
            return Answer(Result.UNKNOWN)
        if card is None or not self.is_selected or self.is_blocked:
            return Answer(Result.READ_FAILED)
        if command == Command.READ_NUMBER:
            number = ManagementNumber(bytes(4), bytes(8), bytes(range(16)))
            return Answer(Result.SUCCESS, samv.encode_management_number(number))
        if command == Command.READ_ADDRESSES:
            addresses = tuple(address.reveal() for address in card.extra_addresses)
            if not addresses:
                return Answer(Result.NOTHING_APPENDED)
            return Answer(Result.SUCCESS, samv.encode_addresses(addresses))
        self.is_read = True
        has_fingerprint = command == Command.READ_FINGERPRINT
        photo = card.photo.reveal().ljust(samv.PHOTO_BYTES, b"\0")
        data = CardData(encode_text_record(card), photo, self._fingerprint if has_fingerprint else b"")
        return Answer(Result.SUCCESS, samv.encode_card_data(data, has_fingerprint))
