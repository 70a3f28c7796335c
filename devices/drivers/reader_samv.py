"""A resident ID card reader that speaks SAM-V: over a serial line, TCP, USB bulk endpoints or USB HID reports.

Source: reference/devices.md §4; nothing here has met a physical reader.
"""

from __future__ import annotations

import time

from msgspec.structs import replace

from devices.api import (
    Cancelled,
    Capabilities,
    Deadline,
    DeviceError,
    DeviceKind,
    DeviceState,
    IdCard,
    Link,
    NotReady,
    Private,
    Status,
    TimedOut,
    UserFault,
    WireFault,
)
from devices.drivers.photo_decoder import PhotoDecoder
from devices.drivers.samv_faults import NOT_KNOWN, refuse
from devices.drivers.samv_line import open_lines
from devices.drivers.samv_talk import MUTE, TRIES, Talk
from devices.wire import samv
from devices.wire.samv import Answer, Command, ManagementNumber, Result
from devices.wire.samv_records import decode_text_record

DRIVER = "reader-samv"
ANSWER_S = 1.0  # to the first byte of an answer that needs no reading of the card
READ_S = 4.0  # the reader reads the whole chip before its first byte
FIND_S = 0.3  # between two questions for a card (§4.5)
SELECTS = 3  # a card that is found and cannot be selected lies there badly, or is broken
FEATURES = (
    *("card_R", "card_J", "card_I", "card_Y"),
    *("extra_addresses", "card_present", "management_number", "rf_frame"),
)
# what one source alone tells, or our reading of it
PROVISIONAL = ("card_J", "card_I", "card_Y", "card_pulled", "management_number", "rf_frame")
PHOTO = "photo"  # a feature only where a decoder is configured


class SamvReader:
    """Reads identity cards. All calls come from one thread."""

    kind = DeviceKind.READER

    def __init__(
        self,
        address: str,
        *,
        answer_s: float = ANSWER_S,
        read_s: float = READ_S,
        rf_frame: int = 0,
        photo_decoder: str = "",
        lines: tuple[Link, ...] = (),
    ) -> None:
        """Take where the reader hangs, and what the station knows of it.

        `serial:PATH[?baud=N]` (N is tried first, then the other speeds), `tcp:HOST:PORT`, `pipe:PATH`, `usb:VID:PID`,
        `hid:VID:PID` (each with `?serial=`), `usb:auto`, `hid:auto`. `rf_frame` is the byte of command 61 FF, sent when
        the reader is opened; 0 leaves the reader as it is. `photo_decoder` is the path of a program (photo_decoder.py).
        `lines` stand in for those the address names.
        Raises: ValueError naming what is allowed.
        """
        if not 0 <= rf_frame <= 0xFF:
            raise ValueError(f"rf_frame {rf_frame!r}: a byte, 1 to 255")
        self._talk = Talk(lines or open_lines(address), answer_s)
        self._read_s = read_s
        self._rf_frame = rf_frame
        self._photos = PhotoDecoder(photo_decoder)
        self._was_found = False
        self._found_at = -FIND_S
        self._has_fingerprint = True
        self._identifier = ""

    # ── Device ─────────────────────────────────────────────────────────────────────────────

    def open(self, deadline: Deadline) -> None:
        """Connect, find the reader's speed and make sure it answers; one that is not well is reset once.

        Raises: NotReady, TimedOut("mute"), WireFault("garbled"), HardwareFault, Cancelled.
        """
        if self._talk.is_open:
            return
        answer = self._talk.open(deadline)
        try:
            if answer.sw3 != Result.SUCCESS:
                answer = self._reset(answer, deadline)
            refuse(answer, Result.SUCCESS)
            self._identifier = self._sam_id(deadline)
            self._set_rf_frame(deadline)
        except DeviceError:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the reader; closing twice is harmless."""
        self._talk.close()

    def status(self, deadline: Deadline) -> Status:
        """Return how the reader is. A reader that is away, mute or garbled is a state too. Raises: Cancelled."""
        try:
            answer = self._talk.ask(Command.STATUS, deadline)
        except NotReady as error:
            return Status(self.kind, DRIVER, DeviceState.NO_DEVICE, code=error.code)
        except TimedOut:  # whether its own second has passed or ours: status is answered at once
            return Status(self.kind, DRIVER, DeviceState.OFFLINE, code=MUTE)
        except WireFault as error:
            return Status(self.kind, DRIVER, DeviceState.OFFLINE, code=error.code)
        if answer.sw3 != Result.SUCCESS:
            return Status(self.kind, DRIVER, DeviceState.HARDWARE_ERROR, code=answer.meaning)
        return Status(self.kind, DRIVER, DeviceState.ONLINE)

    def capabilities(self) -> Capabilities:
        """Return what this reader can do; `provisional` is what only one source tells, or no reader has confirmed."""
        line = self._talk.description
        unproven = (line.replace(" ", "_"),) if line.startswith(("usb", "hid")) else ()
        photo = (PHOTO,) if self._photos.is_configured else ()
        return Capabilities(
            kind=self.kind,
            driver=DRIVER,
            features=(*FEATURES, *unproven, *photo),
            provisional=(*PROVISIONAL, *unproven, *photo),
            identifier=self._identifier,
            line=line,
        )

    # ── IdReader ───────────────────────────────────────────────────────────────────────────

    def read(self, deadline: Deadline) -> IdCard:
        """Return the next card laid down.

        A card that was read, or failed to be, has to be lifted before it is seen again.
        Raises: UserFault ("card_unreadable", "card_pulled" or the reader's word for why it refused the card),
        TimedOut("no_card" | "mute" | "deadline"), Cancelled, HardwareFault, Unsupported, WireFault, NotReady.
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
        answer = self._talk.ask(Command.READ_ADDRESSES, deadline, self._read_s)
        if answer.sw3 in (Result.SUCCESS, Result.NOTHING_APPENDED):
            return True
        return self._is_found(deadline)

    # ── what only this kind of reader can do ───────────────────────────────────────────────

    def read_record(self, deadline: Deadline) -> IdCard:
        """Return text and photo of the selected card: 30 10, or 30 01 where the reader lacks it. Raises: as `read`."""
        for attempt in range(TRIES):
            has_fingerprint, answer = self._ask_record(deadline)
            if answer.sw3 == Result.READ_FAILED:
                raise self._why_unread(deadline)
            refuse(answer, Result.SUCCESS)
            try:
                data = samv.decode_card_data(answer.data, has_fingerprint)  # the fingerprint goes no further than here
                return replace(decode_text_record(data.text), photo=Private(data.photo))
            except WireFault:
                if attempt == TRIES - 1:
                    raise
        raise WireFault("garbled")

    def read_management_number(self, deadline: Deadline) -> ManagementNumber:
        """Return the numbers of the selected card itself, not of its owner. Raises: as `read`."""
        answer = self._talk.ask(Command.READ_NUMBER, deadline, self._read_s)
        refuse(answer, Result.SUCCESS)
        return samv.decode_management_number(answer.data)

    def decode_photo(self, card: IdCard, deadline: Deadline) -> Private[bytes]:
        """Return a card's portrait as a BMP, by the station's decoder. It never belongs to a read: nobody waits for it.

        Raises: Unsupported("photo_not_available", why), Cancelled.
        """
        return self._photos.decode(card.photo, deadline)

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
        answer = self._talk.ask(Command.FIND, deadline)
        self._was_found = refuse(answer, Result.CARD_FOUND, Result.NO_CARD) == Result.CARD_FOUND
        return self._was_found

    def _select(self, deadline: Deadline) -> bool:
        """Return whether the card was selected; one that slipped away meanwhile is looked for again."""
        answer = self._talk.ask(Command.SELECT, deadline)
        slipped = (Result.SELECT_FAILED, Result.NO_CARD, Result.READ_FAILED)
        return refuse(answer, Result.SUCCESS, *slipped) == Result.SUCCESS

    def _ask_record(self, deadline: Deadline) -> tuple[bool, Answer]:
        """Return whether the answer holds a fingerprint's length, and the answer."""
        if self._has_fingerprint:
            try:
                answer = self._talk.ask(Command.READ_FINGERPRINT, deadline, self._read_s)
            except TimedOut:
                deadline.check()
            else:
                if answer.sw3 not in NOT_KNOWN:
                    return True, answer
        answer = self._talk.ask(Command.READ, deadline, self._read_s)
        self._has_fingerprint = False
        return False, answer

    def _why_unread(self, deadline: Deadline) -> UserFault:
        """Return what the person should hear: a card that can still be selected has not been pulled (provisional)."""
        is_there = self._talk.ask(Command.SELECT, deadline).sw3 == Result.SUCCESS
        return UserFault("card_unreadable" if is_there else "card_pulled")

    def _read_addresses(self, deadline: Deadline) -> tuple[Private[str], ...]:
        """Return the appended addresses; none where the reader cannot say. A good card is not lost over them."""
        try:
            answer = self._talk.ask(Command.READ_ADDRESSES, deadline, self._read_s)
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

    def _reset(self, answer: Answer, deadline: Deadline) -> Answer:
        """Return the status after a reset, or the one before it when the reader does not hear of that."""
        try:
            self._talk.ask(Command.RESET, deadline)
            return self._talk.ask(Command.STATUS, deadline)
        except Cancelled:
            raise
        except DeviceError:
            return answer

    def _sam_id(self, deadline: Deadline) -> str:
        try:
            return samv.decode_sam_id(self._talk.ask(Command.SAM_ID, deadline).data)
        except (TimedOut, WireFault):  # a reader without an id reads cards just as well
            deadline.check()
            return ""

    def _set_rf_frame(self, deadline: Deadline) -> None:
        """Tell the reader how long its radio frames may be. One that does not know the command reads cards as it is."""
        if self._rf_frame:
            answer = self._talk.ask(Command.MAX_RF_FRAME, deadline, data=bytes((self._rf_frame,)))
            if answer.sw3 not in NOT_KNOWN:
                refuse(answer, Result.SUCCESS)
