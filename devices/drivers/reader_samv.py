"""A resident ID card reader that speaks SAM-V, over a serial line or TCP.

The answers carry no mark of their question. So an answer that was not waited for is awaited before anything else is
asked: a former person's card can never be taken for the next one's.
Source: reference/devices.md §4; nothing here has met a physical reader.
"""

from __future__ import annotations

import time

from msgspec.structs import replace

from devices.api import (
    Capabilities,
    Deadline,
    DeviceError,
    DeviceKind,
    DeviceState,
    HardwareFault,
    IdCard,
    Link,
    NotReady,
    Private,
    Status,
    TimedOut,
    UserFault,
    WireFault,
)
from devices.links import open_link
from devices.wire import samv
from devices.wire.samv import Answer, Command, Request, Result
from devices.wire.samv_records import decode_text_record

DRIVER = "reader-samv"
MUTE = "mute"
SPEEDS = (115200, 57600, 38400, 19200, 9600)  # the order in which Routon's library looks
SPEED_S = 0.3  # status is answered at once by a reader that hears it
ANSWER_S = 1.0  # to the first byte of an answer that needs no reading of the card
READ_S = 4.0  # the reader reads the whole chip before its first byte
GAP_S = 0.3  # silence that ends an answer; a USB adapter holds bytes back 16 ms, a byte at 9600 takes 1 ms
FIND_S = 0.3  # between two questions for a card (§4.5)
TRIES = 2  # a disturbed line is asked once more
SELECTS = 3  # a card that is found and cannot be selected lies there badly, or is broken
MAX_ANSWER = 16384  # a reader that never stops talking is not one

CARD_REFUSED = frozenset({Result.CARD_REFUSED_SAM, Result.SAM_REFUSED_CARD, Result.NOT_VERIFIED, Result.CARD_TYPE})
SOUND = frozenset({Result.SUCCESS, Result.CARD_FOUND, Result.NO_CARD, Result.NOTHING_APPENDED})  # no faults
NOT_KNOWN = frozenset({Result.COMMAND, 0x23, Result.UNKNOWN})  # what a reader says to a command it lacks


class SamvReader:
    """Reads identity cards. All calls come from one thread."""

    kind = DeviceKind.READER

    def __init__(self, address: str, *, answer_s: float = ANSWER_S, read_s: float = READ_S) -> None:
        """Take `serial:PATH[?baud=N]` (N is tried first, then the other speeds), `tcp:HOST:PORT` or `pipe:PATH`."""
        self._was_found = False
        self._links = tuple(open_link(one) for one in _addresses(address))
        self._link: Link | None = None
        self._answer_s = answer_s
        self._read_s = read_s
        self._owed_until = 0.0  # an answer is still under way, at the latest until then (monotonic)
        self._found_at = -FIND_S
        self._has_fingerprint = True
        self._identifier = ""

    # ── Device ─────────────────────────────────────────────────────────────────────────────

    def open(self, deadline: Deadline) -> None:
        """Connect, find the reader's speed and make sure it answers.

        Raises: NotReady, TimedOut("mute"), WireFault("garbled"), HardwareFault, Cancelled.
        """
        if self._link is not None:
            return
        answer = self._find_speed(deadline)
        try:
            _refuse(answer, Result.SUCCESS)
            self._identifier = self._sam_id(deadline)
        except DeviceError:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the reader; closing twice is harmless."""
        link, self._link = self._link, None
        if link is not None:
            link.close()

    def status(self, deadline: Deadline) -> Status:
        """Return how the reader is. A reader that is away, mute or garbled is a state too. Raises: Cancelled."""
        try:
            answer = self._ask(Command.STATUS, deadline)
        except NotReady as error:
            return Status(self.kind, DRIVER, DeviceState.NO_DEVICE, code=error.code)
        except (TimedOut, WireFault) as error:
            return Status(self.kind, DRIVER, DeviceState.OFFLINE, code=error.code)
        if answer.sw3 != Result.SUCCESS:
            return Status(self.kind, DRIVER, DeviceState.HARDWARE_ERROR, code=answer.meaning)
        return Status(self.kind, DRIVER, DeviceState.ONLINE)

    def capabilities(self) -> Capabilities:
        """Return what this reader can do; `provisional` is what only one source tells."""
        return Capabilities(
            kind=self.kind,
            driver=DRIVER,
            features=("card_R", "card_J", "card_I", "card_Y", "extra_addresses", "card_present"),
            provisional=("card_J", "card_I", "card_Y", "card_pulled"),
            identifier=self._identifier,
        )

    # ── IdReader ───────────────────────────────────────────────────────────────────────────

    def read(self, deadline: Deadline) -> IdCard:
        """Return the next card laid down.

        A card that was read, or failed to be, has to be lifted before it is seen again.
        Raises: UserFault("card_unreadable" | "card_pulled"), TimedOut("no_card" | "mute" | "deadline"), Cancelled,
        HardwareFault, WireFault, NotReady.
        """
        refused = 0
        while not (self._find(deadline) and self._select(deadline)):  # _find keeps its distance and ends in time
            refused = refused + 1 if self._was_found else 0
            if refused == SELECTS:
                raise UserFault("card_unreadable")
        card = self.read_record(deadline)
        return replace(card, extra_addresses=self._read_addresses(deadline))

    def is_card_present(self, deadline: Deadline) -> bool:
        """Whether the card just read, or another one, lies there. Raises: DeviceError."""
        answer = self._ask(Command.READ_ADDRESSES, deadline, self._read_s)
        if answer.sw3 in (Result.SUCCESS, Result.NOTHING_APPENDED):
            return True
        return self._is_found(deadline)

    def read_record(self, deadline: Deadline) -> IdCard:
        """Return text and photo of the selected card: 30 10, or 30 01 where the reader lacks it. Raises: as `read`."""
        for attempt in range(TRIES):
            has_fingerprint, answer = self._ask_record(deadline)
            if answer.sw3 == Result.READ_FAILED:
                raise self._why_unread(deadline)
            _refuse(answer, Result.SUCCESS)
            try:
                data = samv.decode_card_data(answer.data, has_fingerprint)  # the fingerprint goes no further than here
                return replace(decode_text_record(data.text), photo=Private(data.photo))
            except WireFault:
                if attempt == TRIES - 1:
                    raise
        raise WireFault("garbled")

    # ── steps ──────────────────────────────────────────────────────────────────────────────

    def _find(self, deadline: Deadline) -> bool:
        try:
            deadline.wait(max(0.0, self._found_at + FIND_S - time.monotonic()))
            return self._is_found(deadline)
        except TimedOut as error:
            if error.code == MUTE:
                raise
            raise TimedOut("no_card") from error

    def _is_found(self, deadline: Deadline) -> bool:
        self._found_at = time.monotonic()
        answer = self._ask(Command.FIND, deadline)
        self._was_found = _refuse(answer, Result.CARD_FOUND, Result.NO_CARD) == Result.CARD_FOUND
        return self._was_found

    def _select(self, deadline: Deadline) -> bool:
        answer = self._ask(Command.SELECT, deadline)
        return _refuse(answer, Result.SUCCESS, Result.SELECT_FAILED, Result.NO_CARD) == Result.SUCCESS

    def _ask_record(self, deadline: Deadline) -> tuple[bool, Answer]:
        """Return whether the answer holds a fingerprint's length, and the answer."""
        if self._has_fingerprint:
            try:
                answer = self._ask(Command.READ_FINGERPRINT, deadline, self._read_s)
            except TimedOut:
                deadline.check()
            else:
                if answer.sw3 not in NOT_KNOWN:
                    return True, answer
        answer = self._ask(Command.READ, deadline, self._read_s)
        self._has_fingerprint = False
        return False, answer

    def _why_unread(self, deadline: Deadline) -> UserFault:
        """Return what the person should hear: a card that can still be selected has not been pulled (provisional)."""
        is_there = self._ask(Command.SELECT, deadline).sw3 == Result.SUCCESS
        return UserFault("card_unreadable" if is_there else "card_pulled")

    def _read_addresses(self, deadline: Deadline) -> tuple[Private[str], ...]:
        """Return the appended addresses; none where the reader cannot say. A good card is not lost over them."""
        try:
            answer = self._ask(Command.READ_ADDRESSES, deadline, self._read_s)
        except (TimedOut, WireFault):
            deadline.check()
            return ()
        if answer.sw3 == Result.READ_FAILED:  # an address may have been added: half a card is no card
            raise UserFault("card_pulled")
        if answer.sw3 != Result.SUCCESS:
            return ()
        try:
            return tuple(Private(address) for address in samv.decode_addresses(answer.data))
        except WireFault:
            return ()

    def _sam_id(self, deadline: Deadline) -> str:
        try:
            return samv.decode_sam_id(self._ask(Command.SAM_ID, deadline).data)
        except (TimedOut, WireFault):  # a reader without an id reads cards just as well
            deadline.check()
            return ""

    def _find_speed(self, deadline: Deadline) -> Answer:
        fault: DeviceError | None = None
        for link in self._links:
            deadline.check()
            link.open()
            self._link = link
            try:
                return self._ask_once(Command.STATUS, deadline, SPEED_S)
            except (TimedOut, WireFault) as error:
                fault = fault or error  # what it was like at the speed it should have
                self.close()
            except DeviceError:
                self.close()
                raise
        raise fault or TimedOut(MUTE)

    # ── one question, one answer ───────────────────────────────────────────────────────────

    def _ask(self, command: Command, deadline: Deadline, wait_s: float = 0.0) -> Answer:
        """Return the reader's answer. Raises: NotReady, Cancelled, TimedOut("mute" | "deadline"), WireFault."""
        for attempt in range(TRIES):
            try:
                return self._ask_once(command, deadline, wait_s or self._answer_s)
            except WireFault:
                if attempt == TRIES - 1:
                    raise
        raise WireFault("garbled")

    def _ask_once(self, command: Command, deadline: Deadline, wait_s: float) -> Answer:
        link = self._link
        if link is None:
            raise NotReady("noDevice", "not open")
        self._settle(link, deadline)
        link.drain()
        self._owed_until = time.monotonic() + wait_s
        try:
            _say(link, samv.encode_request(Request(command)), deadline, wait_s)
            answer = _listen(link, deadline, wait_s)
        except (WireFault, NotReady):  # it came, or never will; when called off, it still may
            self._owed_until = 0.0
            raise
        self._owed_until = 0.0
        return answer

    def _settle(self, link: Link, deadline: Deadline) -> None:
        """Wait for the answer to a question that was called off, and throw it away."""
        left_s = self._owed_until - time.monotonic()
        if left_s > 0:
            try:
                _listen(link, deadline, left_s)
            except (TimedOut, WireFault):
                deadline.check()
        self._owed_until = 0.0


def _say(link: Link, frame: bytes, deadline: Deadline, wait_s: float) -> None:
    """Send a request. Raises: NotReady, Cancelled, TimedOut("mute" | "deadline")."""
    try:
        link.write(frame, Deadline(min(wait_s, deadline.left_s()), deadline.cancelled))
    except TimedOut as error:  # nobody takes the bytes
        deadline.check()
        raise TimedOut(MUTE) from error


def _listen(link: Link, deadline: Deadline, wait_s: float) -> Answer:
    """Return the first whole answer. Raises: NotReady, Cancelled, TimedOut("mute" | "deadline"), WireFault."""
    decoder = samv.Decoder()
    heard = 0
    try:
        while heard < MAX_ANSWER:
            quiet_s = GAP_S if heard else wait_s
            data = link.read(4096, Deadline(min(quiet_s, deadline.left_s()), deadline.cancelled))
            heard += len(data)
            for payload in decoder.feed(data):
                return samv.decode_answer(payload)
    except TimedOut as error:
        for payload in decoder.flush():
            return samv.decode_answer(payload)
        deadline.check()
        if not heard:
            raise TimedOut(MUTE) from error
    raise WireFault("garbled", f"{heard} bytes")


def _refuse(answer: Answer, *expected: Result) -> int:
    """Return SW3 when it is one of the expected. Raises: UserFault, HardwareFault, WireFault("out_of_step")."""
    if answer.sw3 in expected:
        return answer.sw3
    if answer.sw3 in SOUND:  # the answer to another question
        raise WireFault("out_of_step", answer.meaning)
    if answer.sw3 in CARD_REFUSED:
        raise UserFault("card_unreadable", answer.meaning)
    raise HardwareFault(answer.meaning)


def _addresses(address: str) -> tuple[str, ...]:
    """Return the links to try: for a serial port the speed it names, then the others."""
    if not address.startswith("serial:"):
        return (address,)
    open_link(address)  # refuses a speed that is none
    path, _, query = address.partition("?")
    named = int(query.removeprefix("baud=")) if query else SPEEDS[0]
    return tuple(f"{path}?baud={speed}" for speed in (named, *(speed for speed in SPEEDS if speed != named)))
