"""A receipt printer that speaks ESC/POS, over TCP, a serial line or a USB printer's node.

Three rules carry it. No answer is unknown and unknown stops. A job is sent no faster than paper comes out, with the
status asked between slices, so that little is left inside the printer when it stops. `Printed` is said only after
the paper has had the time to come out and the status asked for after that was good. Nothing is printed twice.

Who printed before us, and whether that came to its end, nobody knows: our first slip begins with a cut, so that no row
of a person before hangs on it. A job of ours that broke off is cut as soon as the printer is well (docs/adr/0034).

Questions go out together, behind the slice they follow: a round trip costs as much as a row of text on a fast line,
and on a USB adapter many times that.
"""

from __future__ import annotations

import time
from contextlib import suppress
from enum import Enum, auto

from devices.api import (
    Cancelled,
    Capabilities,
    Deadline,
    DeviceError,
    DeviceKind,
    DeviceState,
    HardwareFault,
    Jammed,
    Left,
    NotReady,
    Printed,
    Status,
    Strip,
    SupplyOut,
    SupplyState,
    TimedOut,
    WireFault,
)
from devices.drivers.glyphs import rasterize as draw
from devices.links import bytes_per_s, open_link
from devices.wire import escpos
from devices.wire.escpos import DOTS_PER_MM
from devices.wire.escpos_status import Signal, decode_status
from devices.wire.strip import Rasterize, Slice, encode_strip

DRIVER = "printer-escpos"
ANSWER_S = 1.0  # a printer answers DLE EOT within milliseconds, in any state but off
LEAST_S = 0.5  # for the answer alone, once the line has carried what went before the question
AHEAD_S = 0.3  # keeps the head fed; about this much may be lost inside when the paper ends
POLL_S = 0.1
CUT_S = 0.4
CLEAR_S = 0.3
SILENT_CLEAR_S = 0.1  # of a printer that has just said nothing: the lane asks next, and soon
EVERYTHING = (1, 2, 3, 4)
WHILE_PRINTING = (1, 4)  # is it still at it, and is there paper


class _Rest(Enum):
    """What may hang in the printer from before."""

    NONE = auto()
    PERHAPS = auto()  # we have not printed yet
    OURS = auto()  # a job of ours broke off


class EscposPrinter:
    """Prints strips in text mode; rows with characters the printer lacks go out as pictures."""

    kind = DeviceKind.PRINTER

    def __init__(
        self,
        address: str,
        *,
        rasterize: Rasterize = draw,
        mm_per_s: float = 80.0,
        cut_s: float = CUT_S,
        answer_s: float = ANSWER_S,
    ) -> None:
        """Take a link (`tcp:HOST:PORT`, `serial:PATH?baud=19200`, `pipe:/dev/usb/lp0`) and how slow the printer may be.

        `mm_per_s` is the slowest speed of the paper, `cut_s` the time of the blade.
        """
        self._link = open_link(address)
        self._bytes_per_s = bytes_per_s(address)
        self._rasterize = rasterize
        self._mm_per_s = mm_per_s
        self._cut_s = cut_s
        self._answer_s = answer_s
        self._is_open = False
        self._hears_one = False  # it answers one question of several that come together
        self._rest = _Rest.PERHAPS
        self._left = Left.NOTHING  # of the job under way

    def open(self, deadline: Deadline) -> None:
        """Connect and make sure a printer answers. Raises: NotReady, TimedOut, HardwareFault."""
        if not self._is_open:
            self._link.open()
            self._is_open = True
        try:
            self._ask((1,), deadline)
        except DeviceError:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the printer; closing twice is harmless."""
        self._is_open = False
        self._link.close()

    def status(self, deadline: Deadline) -> Status:
        """Return what the four status bytes tell; cut off what a broken job of ours left. Raises: Cancelled.

        A printer that is not there, says nothing or talks nonsense is a state too, and never a ready one.
        """
        try:
            signals = self._first_signals(deadline)
            if self._rest is _Rest.OURS and _is_well(signals):
                self._cut_rest(deadline)
            return self._status(_device(signals), _supply(signals), _code(signals))
        except NotReady as fault:
            return self._status(DeviceState.NO_DEVICE, SupplyState.UNKNOWN, fault.code)
        except (TimedOut, HardwareFault) as fault:
            return self._status(DeviceState.OFFLINE, SupplyState.UNKNOWN, fault.code)

    def capabilities(self) -> Capabilities:
        """Return what this printer can do; nothing here has met a physical device."""
        return Capabilities(
            kind=self.kind,
            driver=DRIVER,
            features=("chinese_text", "rare_characters", "qr", "partial_cut", "status"),
            provisional=("clear_buffer", "cutter_jam", "gbk_font"),
            dpi=203,
            width_px=576,
        )

    def print(self, strip: Strip, deadline: Deadline) -> Printed:
        """Print and cut. Raises: SupplyOut, Jammed, HardwareFault, TimedOut, NotReady, Cancelled, WireFault.

        An error's `left` says what is on the paper. WireFault only for a strip that cannot be printed at all (a code
        too large for the paper).
        """
        started = time.monotonic()
        self._left = Left.NOTHING
        slices = encode_strip(strip, self._rasterize)
        self._refuse(self._first_signals(deadline), during=False)
        try:
            signals = self._run(slices, deadline)
        except DeviceError as fault:
            fault.left = self._left
            self._break_off(SILENT_CLEAR_S if isinstance(fault, TimedOut) else CLEAR_S)
            if isinstance(fault, Cancelled):  # the printer is well, and who calls off may be about to end
                self.status(Deadline(self._answer_s + CLEAR_S))
            raise
        return Printed(
            lines=sum(one.rows for one in slices),
            ms=(time.monotonic() - started) * 1000,
            supply=_supply(signals),
        )

    def _run(self, slices: tuple[Slice, ...], deadline: Deadline) -> Signal:
        out_at = time.monotonic()
        if self._rest is not _Rest.NONE:
            self._cut_rest(deadline)
            out_at = time.monotonic() + self._cut_s
        for at, one in enumerate(slices, start=1):
            deadline.check("print")
            self._left = Left.UNKNOWN if at == len(slices) else Left.PART
            self._look(deadline, behind=one.data)
            # The answer came behind the slice on the line, so the slice has arrived by now.
            out_at = max(out_at, time.monotonic()) + one.height_dots / DOTS_PER_MM / self._mm_per_s
            self._wait_for_paper(out_at - AHEAD_S, deadline)
        out_at += self._cut_s
        self._wait_for_paper(out_at - POLL_S, deadline)
        deadline.wait(max(0.0, out_at - time.monotonic()))
        signals = self._ask(EVERYTHING, deadline)
        self._refuse(signals, during=True)
        return signals

    def _wait_for_paper(self, until: float, deadline: Deadline) -> None:
        while (left_s := until - time.monotonic()) > 0:
            deadline.wait(min(POLL_S, left_s))
            self._look(deadline)

    def _look(self, deadline: Deadline, behind: bytes = b"") -> None:
        """Ask whether the printer still prints, behind these bytes; on trouble, ask for all of it and raise."""
        signals = self._ask(WHILE_PRINTING, deadline, behind)
        if signals & ~Signal.PAPER_LOW:
            self._refuse(signals | self._ask(EVERYTHING, deadline), during=True)

    def _refuse(self, signals: Signal, during: bool) -> None:
        if _is_well(signals):
            return
        code = _code(signals)
        if code == "paper_out":
            raise SupplyOut("paper_out_during" if during else "paper_out")
        if code == "jammed":
            raise Jammed("jammed")
        if code in ("printer_error", "overheated"):
            raise HardwareFault(code)
        raise NotReady(code)

    def _break_off(self, wait_s: float) -> None:
        """Make the printer forget the rest of the job, so that no old slip comes out for the next person."""
        self._rest = _Rest.OURS
        with suppress(DeviceError):
            self._clear(Deadline(2 * wait_s), wait_s)

    def _cut_rest(self, deadline: Deadline) -> None:
        """Have what may hang in the printer fall off. A full cut: nobody's slip is joined to it."""
        self._clear(deadline)
        self._link.write(escpos.encode((escpos.Reset(), escpos.Cut(is_partial=False))), deadline)
        self._rest = _Rest.NONE

    def _clear(self, deadline: Deadline, wait_s: float = CLEAR_S) -> None:
        self._link.write(escpos.CLEAR, deadline)
        patience, answer = Deadline(wait_s, deadline.cancelled), b""
        with suppress(TimedOut):  # nothing may follow before the answer; a printer that does not know it gives none
            while len(answer) < len(escpos.CLEARED):
                answer += self._link.read(len(escpos.CLEARED) - len(answer), patience)

    def _first_signals(self, deadline: Deadline) -> Signal:
        """Ask all of it, on a new connection if the old one was dropped: many printers hang up on a quiet client."""
        if self._is_open:
            with suppress(NotReady):
                return self._ask(EVERYTHING, deadline)
        self._link.open()
        self._is_open = True
        return self._ask(EVERYTHING, deadline)

    def _ask(self, kinds: tuple[int, ...], deadline: Deadline, behind: bytes = b"") -> Signal:
        """Ask DLE EOT n for each kind, behind these bytes; return what the answers tell, one byte each, in order.

        Raises: TimedOut, NotReady, HardwareFault, Cancelled.
        """
        signals, left = Signal.NONE, kinds
        while left:
            asked = left[:1] if self._hears_one else left
            answers = self._exchange(asked, deadline, behind)
            if len(answers) < len(asked):  # it is well, and forgets a question while it answers the one before
                self._hears_one = True
                signals, left, behind = Signal.NONE, kinds, b""
                continue
            for n, byte in zip(asked, answers, strict=True):
                signals |= self._decode(n, byte)
            left, behind = left[len(asked) :], b""
        return signals

    def _exchange(self, kinds: tuple[int, ...], deadline: Deadline, behind: bytes) -> bytes:
        """Return the answers, one at least. Raises: TimedOut, NotReady, Cancelled.

        Called off or not, they are waited for: an answer nobody takes would be that to the next question.
        """
        questions = escpos.encode(tuple(escpos.Ask(n) for n in kinds))  # type: ignore[arg-type]  # 1 to 4
        wait_s = max(self._answer_s, LEAST_S + len(behind) / self._bytes_per_s)
        answers = b""
        try:
            self._link.drain()  # a late answer to an older question would be believed
            self._link.write(behind + questions, deadline)
            patience = Deadline(min(wait_s, deadline.left_s()))
            while len(answers) < len(kinds):
                answers += self._link.read(len(kinds) - len(answers), patience)
                patience = Deadline(min(LEAST_S, deadline.left_s()))  # the rest comes with the first or not at all
        except TimedOut as fault:
            if not answers or not deadline.left_s():
                raise TimedOut("no_answer") from fault
        except NotReady:
            self.close()
            raise
        return answers

    def _decode(self, n: int, byte: int) -> Signal:
        try:
            return decode_status(n, bytes((byte,)))
        except WireFault as fault:
            raise HardwareFault("answer_garbled") from fault

    def _status(self, device: DeviceState, supply: SupplyState, code: str) -> Status:
        return Status(self.kind, DRIVER, device=device, supply=supply, code=code, at_mono_s=time.monotonic())


def _is_well(signals: Signal) -> bool:
    return _code(signals) in ("", "paper_low")


def _code(signals: Signal) -> str:
    """The one word that matters most, "" when all is well."""
    order = (
        (Signal.CUTTER, "jammed"),  # in a kiosk the cutter stops on paper caught in it
        (Signal.AUTO_RECOVERABLE, "overheated"),
        (Signal.UNRECOVERABLE, "printer_error"),
        (Signal.COVER_OPEN, "cover_open"),
        (Signal.PAPER_END, "paper_out"),
        (Signal.ERROR, "printer_error"),  # last: an open cover is an error to some printers too
        (Signal.OFFLINE, "offline"),
        (Signal.PAPER_LOW, "paper_low"),
    )
    return next((word for signal, word in order if signals & signal), "")


def _device(signals: Signal) -> DeviceState:
    code = _code(signals)
    if code in ("jammed", "overheated", "printer_error"):
        return DeviceState.HARDWARE_ERROR
    return DeviceState.OFFLINE if code in ("cover_open", "offline") else DeviceState.ONLINE


def _supply(signals: Signal) -> SupplyState:
    if signals & Signal.CUTTER:
        return SupplyState.JAMMED
    if signals & Signal.PAPER_END:
        return SupplyState.OUT
    return SupplyState.LOW if signals & Signal.PAPER_LOW else SupplyState.FULL
