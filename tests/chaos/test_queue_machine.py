"""A model of queue, network and crash: every misfortune in any order, and still nothing lost and nothing twice.

The real store and the real sync loop, with the platform in memory behind `Delivery`. Small in `make test`, 120 runs of
40 steps in `make chaos`.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from kiosk.services.slip import Word
from kiosk.session.outgoing import word_of
from offline_queue.api import (
    Answer,
    Busy,
    Kind,
    PauseReason,
    Refused,
    State,
    Ticket,
    Unauthorised,
    Unreachable,
)
from offline_queue.plan import Plan, Window
from offline_queue.retention import Retention
from offline_queue.sync import SyncLoop
from tests.fixtures.queue import WALL_S, Bench, build_manifest, make_facts, make_parts, make_sid

RUNS, LENGTH = (120, 40) if os.environ.get("JINBAN_CHAOS") else (20, 30)
MEMORY_DISK = Path("/dev/shm")  # noqa: S108  durability is not what is tested here
DAY_S = 86_400.0
LARGE = 40_000
SUBMISSIONS = 6
SEEN: Counter[str] = Counter()


class Killed(BaseException):
    """The process dies at this very point."""


EVERYWHERE = ["drop_reply", "drop_request", "500", "401", "429", "maintenance", "portal", "clock", "killed", "moved"]
FAULTS = st.one_of(
    st.tuples(st.sampled_from(["upload", "put", "status"]), st.sampled_from(EVERYWHERE)),
    st.tuples(st.just("put"), st.sampled_from(["202", "409", "422", "422 foreign", "no receipt"])),
    st.tuples(st.just("upload"), st.sampled_from(["410", "423"])),
    st.tuples(st.just("probe"), st.sampled_from(["drop_reply", "429", "portal"])),
)


PEOPLE = st.sampled_from(["nudge", "requeue", "resume", "hours"])
NETWORK = st.sampled_from(["down", "up", "up", "thin", "wide", "fast", "uploads lost", "forging", "honest", "honest"])
MACHINE = st.sampled_from(
    [
        "killed",
        "killed while sealing",
        "reboot",
        "reboot without battery",
        "clock set right",
        "ten years on",
        "ten years back",
        "a month on",
    ]
)


def _fault(word: str) -> object:
    return {
        "drop_reply": "drop_reply",
        "drop_request": Unreachable("timeout"),
        "500": Unreachable("server_error", status=500),
        "202": Answer("processing", retry_after_s=3.0, status=202),
        "409": Busy("in_progress", 2.0, 409),
        "410": Unreachable("upload_gone", status=410),
        "422": Refused("refused", 422),
        "422 foreign": Refused("no_such_word", 422),
        "423": Busy("busy", 2.0, 423),
        "no receipt": Answer("committed"),
        "401": Unauthorised("bad_assertion", 401),
        "429": Busy("busy", 4.0, 429),
        "maintenance": Busy("maintenance", 90.0, 503),
        "moved": Busy("moved", 0.0, 0),
        "portal": Unreachable("portal", status=302, pause=PauseReason.PORTAL),
        "clock": Unreachable("certificate_time", pause=PauseReason.CLOCK),
        "killed": Killed(),
    }[word]


class QueueMachine(RuleBasedStateMachine):
    """One terminal, one platform, and everything that can come between them."""

    def __init__(self) -> None:
        super().__init__()
        base = str(MEMORY_DISK) if MEMORY_DISK.is_dir() else None
        self.folder = tempfile.TemporaryDirectory(dir=base, ignore_cleanup_errors=True)
        self.bench = Bench(Path(self.folder.name) / "state")
        self.clock = self.bench.clock
        self.platform = self.bench.platform
        self.tickets: dict[str, Ticket] = {}
        self.after: dict[str, str] = {}
        self.words: dict[str, Word] = {}
        self.rng = random.Random(7)
        self.plan = Plan(large_from_bytes=LARGE)
        self.bytes_per_s = 0.0
        self.platform.upload = self._paced(self.platform.upload)
        self.open()

    def open(self) -> None:
        """Start the process."""
        self.store = self.bench.open()
        self.loop = SyncLoop(
            self.store,
            self.platform,
            self.bench.verifier,
            self.clock,
            lambda change: SEEN.update([change.cause]),
            rng=self.rng,
            plan=self.plan,
            retention=Retention(self.store, self.clock, tombstone_days=10**6),  # the clock here jumps by decades
        )

    def reopen(self) -> None:
        """The process is gone: what it held comes back only from the disk."""
        self.store.close()
        self.open()

    def _paced(self, inner):
        def upload(sid, part, progress) -> None:
            last = part.acked_offset

            def paced(url: str, offset: int) -> None:
                nonlocal last
                if self.bytes_per_s:
                    self.clock.turn(max(offset - last, 0) / self.bytes_per_s)
                last = offset
                progress(url, offset)

            inner(sid, part, paced)

        return upload

    # ── what people do ──────────────────────────────────────────────────────────────────────

    @rule(
        first=st.integers(0, SUBMISSIONS),
        is_large=st.booleans(),
        is_correction=st.booleans(),
        faults=st.lists(FAULTS, min_size=1, max_size=4),
    )
    def submit(self, first: int, is_large: bool, is_correction: bool, faults: list[tuple[str, str]]) -> None:
        """Two of them, into a storm: what is spoiled bites while they are on their way."""
        self._submit(first, is_large, False)
        self._submit(first + 1, False, is_correction)
        for operation, word in faults:
            self.platform.script[operation].append(_fault(word))
        for _ in faults:
            self._step()

    def _submit(self, number: int, is_large: bool, is_correction: bool) -> None:
        sid = make_sid(number)
        small = (50,) if number % 2 else ()  # forms in a row travel otherwise than scans
        parts = make_parts((LARGE + 5000, 40) if is_large else small, number)
        after = make_sid(number - 1) if is_correction and make_sid(number - 1) in self.tickets else ""
        kind = Kind.CORRECTION if after else Kind.SUBMISSION
        facts = make_facts(kind, after_sid=after, clock_ok=self.clock.is_sure)
        if sid not in self.tickets:
            self.after[sid] = after
        ticket = self.store.put(sid, parts, build_manifest(), facts, self.bench.opener.keys)
        assert self.tickets.setdefault(sid, ticket) == ticket, "the same submission, the same number"

    @rule(number=st.integers(0, SUBMISSIONS), hours=st.sampled_from([None, (22 * 60, 6 * 60), (0, 60)]), what=PEOPLE)
    def people(self, number: int, hours: tuple[int, int] | None, what: str) -> None:
        """What citizens, technicians and operators do beside handing in."""
        match what:
            case "nudge":
                self.loop.nudge(make_sid(number))
            case "requeue":
                for outcome in self.store.outcomes((State.DEAD,)):
                    self.store.requeue(outcome.sid)
            case "resume":
                self.loop.resume()
            case _:
                self.plan = Plan(large_from_bytes=LARGE, window=Window(*hours) if hours else None)
                self.reopen()
        self._step()

    # ── what the network, the machine and the clock do ──────────────────────────────────────

    @rule(faults=st.lists(FAULTS, min_size=1, max_size=3))
    def spoil(self, faults: list[tuple[str, str]]) -> None:
        """Requests to come meet faults."""
        for operation, word in faults:
            self.platform.script[operation].append(_fault(word))
        self._step()

    @rule(what=NETWORK)
    def network(self, what: str) -> None:
        """The line and the platform change."""
        match what:
            case "down" | "up":
                self.platform.is_down = what == "down"
            case "thin" | "wide" | "fast":
                self.bytes_per_s = {"thin": 8_000.0, "wide": 1_000_000.0, "fast": 0.0}[what]
            case "uploads lost":
                self.platform.uploads = dict.fromkeys(self.platform.uploads, b"")
            case _:
                self.platform.forge = (lambda receipt: None) if what == "forging" else (lambda receipt: receipt)
        self._step()

    @rule(times=st.integers(1, 6), seconds=st.sampled_from([0.0, 0.5, 5.0, 60.0, 1000.0, 8 * 3600.0]))
    def step(self, times: int, seconds: float) -> None:
        """Time passes, and the loop runs."""
        for _ in range(times):
            self.clock.turn(seconds)
            self._step()

    @rule(number=st.integers(0, SUBMISSIONS), what=MACHINE)
    def machine(self, number: int, what: str) -> None:
        """The process ends, the machine boots, the clock jumps."""
        match what:
            case "killed":
                self.reopen()
            case "killed while sealing":
                self._die_while_sealing(number)
            case "reboot":
                self.clock.reboot()
                self.reopen()
            case "reboot without battery":
                self.clock.wall, self.clock.is_sure = 0.0, False
                self.clock.reboot()
                self.reopen()
            case "clock set right":
                self.clock.wall, self.clock.is_sure = WALL_S, True
            case _:
                self.clock.wall += {"ten years on": 3650, "ten years back": -3650, "a month on": 31}[what] * DAY_S
                self.clock.is_sure = abs(self.clock.wall - WALL_S) < 300 * DAY_S
        self._step()

    def _die_while_sealing(self, number: int) -> None:
        def die(parts: object) -> bytes:
            raise Killed

        try:
            self.store.put(make_sid(number), make_parts((50,)), die, make_facts(), self.bench.opener.keys)
        except Killed:
            self.reopen()

    def _step(self) -> None:
        try:
            self.loop.step()
        except Killed:
            self.reopen()

    # ── what always holds ───────────────────────────────────────────────────────────────────

    @invariant()
    def nothing_is_lost_and_nothing_takes_effect_twice(self) -> None:
        stored = {outcome.sid: outcome for outcome in self.store.outcomes()}
        assert set(stored) == set(self.tickets)
        assert all(count == 1 for count in self.platform.commits.values())
        for sid, outcome in stored.items():
            assert outcome.intake_number == self.tickets[sid].intake_number
            if outcome.state in {State.DELIVERED, State.SHREDDED}:
                assert sid in self.platform.commits, "delivered means that the platform has it"
                assert outcome.case_number, "and that its receipt is here"
            if outcome.state is State.DEAD:
                assert outcome.dead_reason == "refused", "dead only by a terminal code of ours"

    @invariant()
    def a_correction_never_overtakes_its_submission(self) -> None:
        order = list(self.platform.commits)
        for sid, after in self.after.items():
            if after and sid in order:
                assert after in order[: order.index(sid)]

    @invariant()
    def people_are_told_no_more_than_is_known(self) -> None:
        for outcome in self.store.outcomes():
            word, before = word_of(outcome), self.words.get(outcome.sid)
            assert before is not Word.DELIVERED or word is Word.DELIVERED, "received is never taken back"
            assert before in {None, Word.QUEUED, Word.HELD} or word is not Word.QUEUED, "sent is never unsent"
            self.words[outcome.sid] = word

    @invariant()
    def every_stop_has_a_reason(self) -> None:
        pause = self.store.stats().pause
        for entry in self.store.entries((State.READY,)):
            if entry.attempts or entry.outcome.sent_once:
                assert entry.last_code or pause or entry.outcome.sid in self._recovered()

    def _recovered(self) -> set[str]:
        """Return what came back from a killed process or a technician: its reason is the restart."""
        return {row.sid for row in self.store.unaudited(10_000) if row.cause in {"recovered", "requeued"}}

    def teardown(self) -> None:
        """Once everything works again, everything arrives, corrections after their submissions."""
        self.platform.is_down, self.bytes_per_s, self.plan = False, 0.0, Plan()
        self.reopen()
        self.platform.forge = lambda receipt: receipt
        self.platform.script = {operation: [] for operation in self.platform.script}
        for outcome in self.store.outcomes((State.DEAD,)):
            self.store.requeue(outcome.sid)
        self.loop.resume()
        for _ in range(400):
            self.clock.turn(min(self.loop.step(), 1000.0))
            if all(outcome.state is State.SHREDDED for outcome in self.store.outcomes()):
                break
        assert not {outcome.sid for outcome in self.store.outcomes() if outcome.state is not State.SHREDDED}
        assert self.platform.commits == dict.fromkeys(self.tickets, 1)
        self.a_correction_never_overtakes_its_submission()
        assert not list((self.bench.folder / "blobs").rglob("*.ksb1"))
        SEEN.update({"runs": 1, "submissions": len(self.tickets)})
        self.store.close()
        self.folder.cleanup()


QueueMachine.TestCase.settings = settings(
    max_examples=RUNS, stateful_step_count=LENGTH, deadline=None, suppress_health_check=list(HealthCheck)
)


@pytest.mark.expected_log("no valid receipt 3 times")
class TestQueueMachine(QueueMachine.TestCase):
    """The machine as a test."""


@pytest.fixture(scope="module", autouse=True)
def told() -> Iterator[None]:
    """Print the counts at the end."""
    yield
    sys.stdout.write(
        f"\nchaos queue machine: {SEEN.pop('runs')} runs, {SEEN.pop('submissions')} submissions, "
        f"{SEEN.total()} changes of state for {len(SEEN)} causes, 0 lost, 0 twice\n"
    )
