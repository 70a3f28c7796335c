"""The sync loop: one thread that brings what is stored to the platform (queue-and-sync.md §5, §10, §11).

It decides what goes next and when; how one attempt runs is attempt.py, whether sending makes sense now is line.py.
The visit's own submission goes before all others.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable

from offline_queue.api import (
    Cause,
    Change,
    Clock,
    Consignment,
    Delivery,
    Line,
    Outcome,
    QueueError,
    State,
    Verifier,
)
from offline_queue.attempt import Courier
from offline_queue.breaker import Breaker
from offline_queue.leases import Turn
from offline_queue.line import Gate, Pace
from offline_queue.plan import Plan
from offline_queue.retention import Retention
from offline_queue.store import QueueStore

log = logging.getLogger(__name__)

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
        plan: Plan | None = None,
        rng: random.Random | None = None,
    ) -> None:
        """`on_change` and `on_line` are called from the sync thread, after the store has committed."""
        self._store = store
        self._clock = clock
        self._on_change = on_change
        self._on_line = on_line
        self._retention = retention or Retention(store, clock)
        self._pace = pace or Pace()
        self._rng = rng or random.SystemRandom()
        breaker = Breaker(store, clock, self._rng, self._pace.return_jitter_s)
        pause = store.stats().pause
        self._gate = Gate(clock, self._pace, self._rng, delivery.probe, self._show_line, breaker, pause)
        self._courier = Courier(
            store,
            delivery,
            verifier,
            clock,
            self._gate,
            pace=self._pace,
            plan=plan or Plan(),
            rng=self._rng,
            tell=self._tell,
            must_yield=self._must_yield,
            next_turn=self._next_turn,
        )
        self._leased: Consignment | None = None  # ahead, and not yet begun
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._changed = threading.Condition()
        self._is_stopping = False
        self._preferred = ""
        self._is_urgent = False
        self._wants_probe = False
        self._wants_resume = False
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
        self._leased = self._courier.take_leased() or self._leased
        if self._leased is None or self._next_turn() is None:
            self._courier.write_receipt()
        wait_s, is_back = self._gate.wait_s()
        is_wanted = self._leased is not None and self._leased.sid == self._preferred
        if wait_s > 0 or is_back or (self._is_urgent and not is_wanted):
            self._give_back()
        if is_back:
            self._store.hasten()
        if wait_s > 0:
            return wait_s
        is_urgent, self._is_urgent = self._is_urgent, False
        claimed, self._leased = self._leased, None
        if claimed is None:
            claimed = self._store.claim(
                self._preferred,
                is_due_waived=is_urgent,
                is_unsent_first=self._courier.is_thin,
                marks_sending=True,
            )
        if claimed is None:
            return self._tidy()
        outcome = Outcome(claimed.sid, claimed.intake_number, State.CLAIMED, claimed.sent_once)
        self._tell(State.READY, outcome, Cause.CLAIMED)
        self._held = claimed.sid
        self._courier.attempt(claimed)
        self._held = ""
        return 0.0

    def _next_turn(self) -> Turn | None:
        """Return who may go next without another look around, None where somebody wants something first."""
        if self._is_stopping or self._is_urgent or self._wants_probe or self._wants_resume:
            return None
        return Turn(self._preferred, is_unsent_first=self._courier.is_thin, marks_sending=True)

    def _give_back(self) -> None:
        """Let go of what was leased and not begun. It was marked as sending: it counts as *may have been sent*."""
        self._courier.write_receipt()
        if self._leased is not None:
            self._store.release(self._leased.sid, Cause.INTERRUPTED)
            self._leased = None

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
        self._let_go()

    def _let_go(self) -> None:
        """End: what was leased ahead comes back now, or at the next opening where the store cannot write."""
        self._leased = self._courier.take_leased() or self._leased
        try:
            self._give_back()
        except QueueError as error:
            self._note_trouble(str(error))

    def _is_over_after(self, wait_s: float) -> bool:
        """Wait, or until somebody wakes the loop; return whether it is to stop."""
        if wait_s > 0:
            self._wake.wait(min(wait_s, self._pace.idle_s))
        self._wake.clear()
        return self._is_stopping

    # ── telling, tidying ────────────────────────────────────────────────────────────────────

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
            if not self._courier.ask_late(letter):
                return

    def _must_yield(self, sid: str) -> bool:
        return self._is_stopping or (self._is_urgent and self._preferred != sid)

    def _note_trouble(self, what: str) -> None:
        if what != self._trouble:
            self._trouble = what
            log.log(logging.ERROR if what else logging.INFO, "sync loop: %s", what or "works again")
