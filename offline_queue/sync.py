"""The sync loop: brings what is stored to the platform, exactly once in effect (queue-and-sync.md §5, §10, §11).

The loop itself asks the verifier before anything counts as delivered; no delivery can declare it. Once a PUT may have
left, the next attempt asks for the status first. The visit's own submission goes before all others.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable

import msgspec

from offline_queue.api import (
    CODES,
    Action,
    Answer,
    AnswerFault,
    Busy,
    Cause,
    Change,
    Clock,
    Consignment,
    Delivery,
    DiskFull,
    Line,
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
from offline_queue.line import Gate, Pace
from offline_queue.retention import Retention
from offline_queue.store import QueueStore

log = logging.getLogger(__name__)

PUT_ROUNDS = 3  # PUT, bring what it misses, PUT again; more is the platform's trouble, not ours
BAD_RECEIPTS_ALARM = 3
GONE = (404, 410)
FINAL = frozenset({State.DELIVERED, State.SHREDDED, State.DEAD})


class SyncLoop:
    """One thread that owns sending. `step` does one thing and is what tests drive."""

    def __init__(
        self,
        store: QueueStore,
        delivery: Delivery,
        verifier: Verifier,
        clock: Clock,
        on_change: Callable[[Change], None],
        *,
        on_line: Callable[[Line], None] = lambda line: None,
        retention: Retention | None = None,
        pace: Pace | None = None,
        rng: random.Random | None = None,
    ) -> None:
        """`on_change` and `on_line` are called from the sync thread, after the store has committed."""
        self._store = store
        self._delivery = delivery
        self._verifier = verifier
        self._clock = clock
        self._on_change = on_change
        self._on_line = on_line
        self._retention = retention or Retention(store, clock)
        self._pace = pace or Pace()
        self._rng = rng or random.SystemRandom()
        self._gate = Gate(clock, self._pace, self._rng, delivery.probe, self._show_line, store.stats().pause)
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._changed = threading.Condition()
        self._is_stopping = False
        self._preferred = ""
        self._is_urgent = False
        self._wants_probe = False
        self._wants_resume = False
        self._bad_receipts: dict[str, int] = {}
        self._state = State.READY  # of the submission in hand
        self._held = ""  # its sid, until its lease has ended
        self._late_check_at_s = clock.mono_s() + self._pace.late_check_s
        self._trouble = ""

    # ── from any thread ─────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Start the sync thread."""
        self._thread = threading.Thread(target=self._run, name="sync", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 40.0) -> bool:
        """End the thread at the next acknowledged request; return whether it ended. A claimed item comes back."""
        self._is_stopping = True
        self._wake.set()
        if self._thread is None:
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def nudge(self, sid: str = "") -> None:
        """Try at once, `sid` before all others, even one that is being uploaded."""
        if sid:
            self._preferred = sid
            self._is_urgent = True
        self._wants_probe = True
        self._wake.set()

    def network_returned(self) -> None:
        """Probe at once; if the platform answers, everything that waited for the line goes."""
        self.nudge()

    def resume(self) -> None:
        """End a pause whose reason a person, an enrolment or a command has removed."""
        self._wants_resume = True
        self._wake.set()

    @property
    def line(self) -> Line:
        """Return what is known of the way to the platform."""
        return self._gate.line

    def wait_settled(self, sid: str, timeout_s: float) -> Outcome | None:
        """Return the outcome of `sid` once it is final, or as it stands at the time-out."""

        def found() -> Outcome | None:
            outcome = self._store.find(sid)
            return outcome if outcome and outcome.state in FINAL else None

        with self._changed:
            self._changed.wait_for(found, timeout_s)
        return self._store.find(sid)

    # ── the sync thread ─────────────────────────────────────────────────────────────────────

    def step(self) -> float:
        """Do one thing: probe, deliver one submission, or tidy up. Return seconds until there may be more to do.

        Raises: DiskFull, StoreCorrupt if the store cannot write it down.
        """
        self._take_wishes()
        if self._held:  # the store could not write how the last attempt ended
            self._store.release(self._held, Cause.RECOVERED)
            self._held = ""
        wait_s, is_back = self._gate.wait_s()
        if is_back:
            self._store.hasten()
        if wait_s > 0:
            return wait_s
        is_urgent, self._is_urgent = self._is_urgent, False
        claimed = self._store.claim(self._preferred, is_due_waived=is_urgent)
        if claimed is None:
            return self._tidy()
        self._tell(
            State.READY, Outcome(claimed.sid, claimed.intake_number, State.CLAIMED, claimed.sent_once), Cause.CLAIMED
        )
        self._held = claimed.sid
        self._attempt(claimed)
        self._held = ""
        return 0.0

    def _run(self) -> None:
        wait_s = self._rng.uniform(0.0, self._pace.start_jitter_s)
        while not self._is_over_after(wait_s):
            try:
                wait_s = self.step()
                self._note_trouble("")
            except QueueError as error:
                self._note_trouble(str(error))
                wait_s = self._pace.busy_s
            except Exception as error:  # our own defect: the queue must not stand still for ever because of it
                self._note_trouble(type(error).__name__)
                wait_s = self._pace.busy_s

    def _is_over_after(self, wait_s: float) -> bool:
        """Wait, or until somebody wakes the loop; return whether it is to stop."""
        if wait_s > 0:
            self._wake.wait(min(wait_s, self._pace.idle_s))
        self._wake.clear()
        return self._is_stopping

    def _attempt(self, item: Consignment) -> None:
        """Deliver one claimed submission and write down how it went, whatever happens."""
        self._state = State.CLAIMED
        try:
            self._deliver(item)
        except _Interrupted:
            self._release(item, Cause.INTERRUPTED)
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
            code = error.code if isinstance(error, QueueError) else type(error).__name__
            log.error("defect at %s: %s", item.sid, code)
            self._release(item, Cause.DEFECT, self._jitter(item), is_counted=True, code=code)

    def _deliver(self, item: Consignment) -> None:
        needed = tuple(part for part in item.parts if part.acked_offset < part.size)
        if item.sent_once:
            self._mark_sending(item)
            answer = self._ask_status(item)
            if answer.state in {"committed", "processing"}:
                return self._take(item, answer)
            needed = self._missing(item, answer, needed)
        for _ in range(PUT_ROUNDS):
            for part in needed:
                self._upload(item, part)
            self._mark_sending(item)
            answer = self._delivery.put(item)
            needed = self._missing(item, answer, ())
            if not needed:
                break
        return self._take(item, answer)

    def _take(self, item: Consignment, answer: Answer) -> None:
        """Believe a commit only with a verified receipt; wait for anything less."""
        if answer.state == "committed":
            self._accept(item.sid, item.seq, item.manifest_sha256, answer.receipt)
            self._gate.answered()
        elif answer.state in {"processing", "parts_missing"}:
            self._gate.answered()
            wait_s = bounded_wait(answer.retry_after_s, self._pace.busy_s)
            self._release(item, Cause.WAITING, wait_s, status=answer.status, code=answer.state)
        else:
            raise AnswerFault("unexpected_state")

    def _accept(self, sid: str, seq: int, manifest_sha256: str, signed: SignedObject | None) -> None:
        if signed is None:
            raise AnswerFault("no_receipt")
        receipt = self._verifier.verify_receipt(signed, sid, self._store.device_id, seq, manifest_sha256)
        outcome = self._store.settle_delivered(sid, signed, receipt)
        self._bad_receipts.pop(sid, None)
        self._tell(self._state, outcome, Cause.LATE_RECEIPT if self._state is State.DEAD else Cause.RECEIPT)

    def _ask_status(self, item: Consignment) -> Answer:
        try:
            return self._delivery.status(item.sid)
        except Refused:
            return Answer("unknown")  # only the answer to a PUT is final: a technician may have had it repaired

    def _missing(self, item: Consignment, answer: Answer, otherwise: tuple[PartUpload, ...]) -> tuple[PartUpload, ...]:
        """Return the parts that the platform says it lacks. One it had acknowledged starts again from nothing."""
        if answer.state != "parts_missing":
            return otherwise
        missing = tuple(part for part in item.parts if part.name in answer.missing)
        for part in missing:
            self._store.progress(item.sid, part.name, "", 0)
        return tuple(msgspec.structs.replace(part, upload_url="", acked_offset=0) for part in missing)

    def _upload(self, item: Consignment, part: PartUpload) -> None:
        acked = part.acked_offset
        url = part.upload_url

        def progress(upload_url: str, acked_offset: int) -> None:
            nonlocal acked, url
            url, acked = upload_url, acked_offset
            self._store.progress(item.sid, part.name, upload_url, acked_offset)
            if self._is_stopping or (self._is_urgent and self._preferred != item.sid):
                raise _Interrupted

        try:
            self._delivery.upload(item.sid, part, progress)
        except Unreachable as error:
            if error.status in GONE and error.pause is PauseReason.NONE:
                self._store.progress(item.sid, part.name, "", 0)
                raise _UploadGone(error.status) from error
            raise
        if acked < part.size:  # the last acknowledgement was lost, and the platform holds it all
            self._store.progress(item.sid, part.name, url, part.size)

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
            self._gate.overloaded(error.retry_after_s)
        wait_s = bounded_wait(error.retry_after_s, self._pace.busy_s)
        self._release(item, Cause.WAITING, wait_s, status=error.status, code=error.code or "busy")

    def _bad_receipt(self, item: Consignment, error: AnswerFault) -> None:
        count = self._bad_receipts[item.sid] = self._bad_receipts.get(item.sid, 0) + 1
        if count == BAD_RECEIPTS_ALARM:
            log.error("no valid receipt %d times: %s %s", count, item.sid, error.code)
        self._release(item, Cause.BAD_RECEIPT, self._jitter(item), is_counted=True, code="bad_receipt")

    def _unreachable(self, item: Consignment, error: Unreachable) -> None:
        self._gate.transport_fault(error)
        if error.pause is PauseReason.NONE:
            wait_s = self._jitter(item)
            code = "unreachable" if error.status == 0 else error.code or "gateway"
            self._release(item, Cause.UNREACHABLE, wait_s, is_counted=True, status=error.status, code=code)
        else:
            self._release(item, Cause.PAUSED, status=error.status, code=error.pause.value)

    def _jitter(self, item: Consignment) -> float:
        return full_jitter(item.attempts, self._rng)

    # ── telling, tidying ────────────────────────────────────────────────────────────────────

    def _mark_sending(self, item: Consignment) -> None:
        """Write down, before the first byte of the PUT, that it may take effect from here on."""
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

    def _tell(self, old: State, outcome: Outcome, cause: Cause) -> None:
        try:
            self._on_change(Change(outcome.sid, old, outcome.state, cause.value, outcome))
        except Exception as error:  # a listener's defect must not undo what the store has settled
            log.error("listener failed at %s: %s", outcome.sid, type(error).__name__)
        with self._changed:
            self._changed.notify_all()

    def _show_line(self, line: Line) -> None:
        self._store.set_pause(line.pause)
        self._on_line(line)

    def _take_wishes(self) -> None:
        wants_probe, self._wants_probe = self._wants_probe, False
        wants_resume, self._wants_resume = self._wants_resume, False
        if wants_resume:
            self._gate.resume()
        if wants_probe:
            self._gate.hurry()

    def _tidy(self) -> float:
        """Nothing is due: shred, ask once in a while about dead letters; return seconds until something is."""
        for outcome in self._retention.run():
            self._tell(State.DELIVERED, outcome, Cause.SHREDDED)
        if self._clock.mono_s() >= self._late_check_at_s:
            self._late_check_at_s = self._clock.mono_s() + self._pace.late_check_s
            self._ask_about_dead_letters()
        due_s = self._store.wait_s()
        return self._pace.idle_s if due_s is None else min(due_s, self._pace.idle_s)

    def _ask_about_dead_letters(self) -> None:
        """A receipt may arrive after the refusal: the truth is late, not lost."""
        for letter in self._store.dead_letters():
            self._state = State.DEAD
            try:
                answer = self._delivery.status(letter.sid)
                if answer.state == "committed":
                    self._accept(letter.sid, letter.seq, letter.manifest_sha256, answer.receipt)
            except (Refused, AnswerFault):
                continue
            except (Unreachable, Busy, Unauthorised):
                return  # no hurry: the next round asks again

    def _note_trouble(self, what: str) -> None:
        if what != self._trouble:
            self._trouble = what
            log.log(logging.ERROR if what else logging.INFO, "sync loop: %s", what or "works again")


class _Interrupted(Exception):
    """The upload gives way: shutdown, or the visit's own submission."""


class _UploadGone(Exception):
    """The platform no longer has an upload; it starts again from nothing."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status
