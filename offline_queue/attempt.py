"""One attempt at one submission: upload, PUT, receipt, and how it ended written down whatever happens (§5, §10, §11).

The verifier is asked here, before anything counts as delivered; no delivery can declare it. Once a PUT may have left,
the next attempt asks for the status first. On a thin line, or while large parts wait for the night, the PUT goes
first (202), so that the desk sees what is coming; then the parts, smallest first.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable

import msgspec

from offline_queue.ahead import Ahead, Brought
from offline_queue.api import (
    CODES,
    Action,
    Answer,
    AnswerFault,
    Busy,
    Cause,
    Clock,
    Consignment,
    Delivery,
    DiskFull,
    Outcome,
    PartUpload,
    PauseReason,
    QueueError,
    Refused,
    SignedObject,
    State,
    StoreCorrupt,
    Unauthorised,
    Unreachable,
    Verifier,
)
from offline_queue.backoff import bounded_wait, full_jitter
from offline_queue.leases import Turn
from offline_queue.line import Gate, Pace
from offline_queue.plan import LOOK_AGAIN_S, LinkEstimate, Plan
from offline_queue.store import QueueStore

log = logging.getLogger(__name__)

PUT_ROUNDS = 3  # PUT, bring what it misses, PUT again; more is the platform's trouble, not ours
BAD_RECEIPTS_ALARM = 3
GONE = (404, 410)
LINK_BPS = "link_bps"

Tell = Callable[[State, Outcome, Cause], None]


class Courier:
    """Takes claimed submissions to the platform, one at a time. Owned by the sync thread."""

    def __init__(
        self,
        store: QueueStore,
        delivery: Delivery,
        verifier: Verifier,
        clock: Clock,
        gate: Gate,
        *,
        pace: Pace,
        plan: Plan,
        rng: random.Random,
        tell: Tell,
        must_yield: Callable[[str], bool],
        next_turn: Callable[[], Turn | None],
    ) -> None:
        """`must_yield(sid)` says, between two pieces, whether the upload of `sid` has to give way.

        `next_turn()` says what may be leased together with a receipt, None for nothing.
        """
        self._store = store
        self._delivery = delivery
        self._verifier = verifier
        self._clock = clock
        self._gate = gate
        self._pace = pace
        self._plan = plan
        self._rng = rng
        self._tell = tell
        self._must_yield = must_yield
        self._ahead = Ahead(store, delivery, next_turn=next_turn, tell=tell, on_defect=self._defect)
        self._bad_receipts: dict[str, int] = {}
        self._estimate = LinkEstimate(store.note(LINK_BPS))
        self._state = State.READY  # of the submission in hand
        self._has_advanced = False

    @property
    def is_thin(self) -> bool:
        """Whether the line is so slow that forms go before scans."""
        return self._plan.is_thin(self._estimate.bps)

    def take_leased(self) -> Consignment | None:
        """Return the submission that was leased ahead; whoever takes it answers for it."""
        return self._ahead.take_leased()

    def write_receipt(self) -> None:
        """Write down a receipt that waits for the next form to leave. Raises: DiskFull, StoreCorrupt; it is kept."""
        self._ahead.write_receipt()

    def attempt(self, item: Consignment) -> None:
        """Deliver one claimed submission and write down how it went, whatever happens.

        Raises: DiskFull, StoreCorrupt if the store cannot write it down.
        """
        self._state = State.CLAIMED
        self._has_advanced = False
        if item.is_sending:
            self._state = State.SENDING
            outcome = Outcome(item.sid, item.intake_number, State.SENDING, True)
            self._tell(State.CLAIMED, outcome, Cause.SENDING)
        try:
            self._deliver(item)
        except _Interrupted:
            self._release(item, Cause.INTERRUPTED)
        except _ForTheNight as error:
            self._release(item, Cause.WAITING, error.wait_s, code="night_window")
        except Refused as error:
            self._refused(item, error)
        except (DiskFull, StoreCorrupt):
            raise
        except Unauthorised as error:
            self._gate.unauthorised(error.code)
            self._release(item, Cause.PAUSED, status=error.status, code=error.code)
        except Busy as error:
            self._busy(item, error)
        except AnswerFault as error:
            self._bad_receipt(item, error)
        except Unreachable as error:
            self._unreachable(item, error)
        except _UploadGone as error:
            self._release(item, Cause.WAITING, wait_s=self._pace.busy_s, status=error.status, code="upload_gone")
        except Exception as error:  # a blob that cannot be read, or a defect: this item waits, the rest goes on
            self._defect(item, error)

    def ask_late(self, letter: Consignment) -> bool:
        """Ask about one dead letter: its receipt may have come late. Return whether to ask on about others."""
        self._state = State.DEAD
        try:
            answer = self._delivery.status(letter.sid)
            if answer.state == "committed":
                self._accept(letter, answer.receipt)
        except (Refused, AnswerFault):
            return True
        except (Unreachable, Busy, Unauthorised):
            return False  # no hurry: the next round asks again
        return True

    # ── the way of one submission ────────────────────────────────────────────────────────────

    def _deliver(self, item: Consignment) -> None:
        needed = tuple(part for part in item.parts if part.acked_offset < part.size)
        held_s = max((self._plan.held_s(part, self._clock) for part in needed), default=0.0)
        if item.sent_once:
            if held_s and all(self._plan.held_s(part, self._clock) for part in needed):
                raise _ForTheNight(held_s)  # nothing else is missing: not worth a question
            self._mark_sending(item)
            answer = self._ask_status(item)
            if answer.state in {"committed", "processing"}:
                return self._take(item, answer)
            needed = self._missing(item, answer, needed)
        elif needed and (self.is_thin or held_s):
            return self._announce(item)
        for _ in range(PUT_ROUNDS):
            self._upload_all(item, needed)
            self._mark_sending(item)
            answer = self._ahead.put(item)
            needed = self._missing(item, answer, ())
            if not needed:
                break
        return self._take(item, answer)

    def _announce(self, item: Consignment) -> None:
        """PUT before the parts: the platform keeps it and says what it lacks. They go at its next turn."""
        self._mark_sending(item)
        answer = self._ahead.put(item)
        if answer.state != "parts_missing":
            return self._take(item, answer)
        self._gate.answered()
        return self._release(item, Cause.WAITING, status=answer.status, code="announced")

    def _upload_all(self, item: Consignment, needed: tuple[PartUpload, ...]) -> None:
        """Bring what may go now. Raises: _ForTheNight if some of it may not."""
        parts = sorted(needed, key=lambda part: part.size) if self.is_thin else needed
        held_s = 0.0
        for part in parts:
            wait_s = self._plan.held_s(part, self._clock)
            if wait_s:
                held_s = max(held_s, wait_s)
            else:
                self._upload(item, part)
        if held_s:
            raise _ForTheNight(held_s)

    def _take(self, item: Consignment, answer: Answer) -> None:
        """Believe a commit only with a verified receipt; wait for anything less."""
        if answer.state == "committed":
            self._accept(item, answer.receipt)
            self._gate.answered()
        elif answer.state in {"processing", "parts_missing"}:
            self._gate.answered()
            wait_s = bounded_wait(answer.retry_after_s, self._pace.busy_s)
            self._release(item, Cause.WAITING, wait_s, status=answer.status, code=answer.state)
        else:
            raise AnswerFault("unexpected_state")

    def _accept(self, item: Consignment, signed: SignedObject | None) -> None:
        if signed is None:
            raise AnswerFault("no_receipt")
        device = self._store.device_id
        receipt = self._verifier.verify_receipt(signed, item.sid, device, item.seq, item.manifest_sha256)
        self._bad_receipts.pop(item.sid, None)
        if self._state is State.DEAD:
            outcome = self._store.settle_delivered(item.sid, signed, receipt)
            self._tell(State.DEAD, outcome, Cause.LATE_RECEIPT)
        else:
            self._ahead.accept(Brought(item, signed, receipt))

    def _ask_status(self, item: Consignment) -> Answer:
        try:
            return self._delivery.status(item.sid)
        except Refused:
            return Answer("unknown")  # only the answer to a PUT is final: a technician may have had it repaired

    def _missing(self, item: Consignment, answer: Answer, otherwise: tuple[PartUpload, ...]) -> tuple[PartUpload, ...]:
        """Return the parts that the platform says it lacks. One it had acknowledged whole starts again from nothing."""
        if answer.state != "parts_missing":
            return otherwise
        unfinished = {part.name: part for part in otherwise}
        missing = []
        for part in item.parts:
            if part.name in answer.missing and part.name in unfinished:
                missing.append(part)  # broken off: its address is good, and HEAD tells how far it came
            elif part.name in answer.missing:
                self._store.progress(item.sid, part.name, "", 0)
                missing.append(msgspec.structs.replace(part, upload_url="", acked_offset=0))
        return tuple(missing)

    def _upload(self, item: Consignment, part: PartUpload) -> None:
        acked, url, since_s = part.acked_offset, part.upload_url, -1.0

        def progress(upload_url: str, acked_offset: int) -> None:
            nonlocal acked, url, since_s
            now_s = self._clock.mono_s()
            if since_s >= 0.0:  # the first call says where the upload stands, the others that a piece went up
                self._estimate.note(acked_offset - acked, now_s - since_s)
            self._has_advanced |= acked_offset > acked
            url, acked, since_s = upload_url, acked_offset, now_s
            self._store.progress(item.sid, part.name, upload_url, acked_offset)
            if self._must_yield(item.sid):
                raise _Interrupted
            wait_s = self._plan.held_s(part, self._clock)
            if wait_s and acked_offset < part.size:
                raise _ForTheNight(wait_s)

        try:
            self._delivery.upload(item.sid, part, progress)
        except Unreachable as error:
            if error.status in GONE and error.pause is PauseReason.NONE:
                self._store.progress(item.sid, part.name, "", 0)
                raise _UploadGone(error.status) from error
            raise
        if acked < part.size:  # the last acknowledgement was lost, and the platform holds it all
            self._store.progress(item.sid, part.name, url, part.size)
        noted = self._estimate.news()
        if noted:
            self._store.set_notes({LINK_BPS: noted})

    # ── answers (§10) ───────────────────────────────────────────────────────────────────────

    def _refused(self, item: Consignment, error: Refused) -> None:
        if CODES.get(error.code) is not Action.TERMINAL:  # not our platform's word: a gateway spoke
            return self._unreachable(item, Unreachable(error.code, status=error.status))
        self._gate.answered()
        log.info("refused: %s %s", item.sid, error.code)
        outcome = self._store.settle_dead(item.sid, error.code, error.status)
        return self._tell(self._state, outcome, Cause.REFUSED)

    def _busy(self, item: Consignment, error: Busy) -> None:
        if error.status in {429, 503}:
            self._gate.overloaded(error)
        wait_s = bounded_wait(error.retry_after_s, self._pace.busy_s)
        self._release(item, Cause.WAITING, wait_s, status=error.status, code=error.code or "busy")

    def _bad_receipt(self, item: Consignment, error: AnswerFault) -> None:
        count = self._bad_receipts[item.sid] = self._bad_receipts.get(item.sid, 0) + 1
        if count == BAD_RECEIPTS_ALARM:
            log.error("no valid receipt %d times: %s %s", count, item.sid, error.code)
        self._release(item, Cause.BAD_RECEIPT, self._jitter(item), is_counted=True, code="bad_receipt")

    def _unreachable(self, item: Consignment, error: Unreachable) -> None:
        is_cut = self._has_advanced and error.status == 0
        self._gate.transport_fault(error, has_advanced=is_cut)
        code = "unreachable" if error.status == 0 else error.code or "gateway"
        if error.pause is not PauseReason.NONE:
            self._release(item, Cause.PAUSED, status=error.status, code=error.pause.value)
        elif is_cut:  # it gets on: neither counted nor put off
            wait_s = self._rng.uniform(0.0, self._pace.resume_s)
            self._release(item, Cause.UNREACHABLE, wait_s, status=error.status, code=code)
        else:
            self._release(item, Cause.UNREACHABLE, self._jitter(item), is_counted=True, status=error.status, code=code)

    def _defect(self, item: Consignment, error: Exception) -> None:
        code = error.code if isinstance(error, QueueError) else type(error).__name__
        log.error("defect at %s: %s", item.sid, code)
        self._release(item, Cause.DEFECT, self._jitter(item), is_counted=True, code=code)

    def _jitter(self, item: Consignment) -> float:
        return full_jitter(item.attempts, self._rng)

    # ── the store ───────────────────────────────────────────────────────────────────────────

    def _mark_sending(self, item: Consignment) -> None:
        """Write down, before the first byte of the PUT, that it may take effect from here on."""
        self._has_advanced = False  # whatever breaks from here on is no cut of an upload
        if self._state is not State.SENDING:
            outcome = self._store.mark_sending(item.sid)
            old, self._state = self._state, State.SENDING
            self._tell(old, outcome, Cause.SENDING)

    def _release(
        self,
        item: Consignment,
        cause: Cause,
        wait_s: float = 0.0,
        *,
        is_counted: bool = False,
        status: int = 0,
        code: str = "",
    ) -> None:
        outcome = self._store.release(item.sid, cause, wait_s=wait_s, is_counted=is_counted, status=status, code=code)
        self._tell(self._state, outcome, cause)


class _Interrupted(Exception):
    """The upload gives way: shutdown, or the visit's own submission."""


class _ForTheNight(Exception):
    """Large parts wait for their hours; everything else has gone."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(wait_s)
        self.wait_s = min(wait_s, LOOK_AGAIN_S)


class _UploadGone(Exception):
    """The platform no longer has an upload; it starts again from nothing."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status
