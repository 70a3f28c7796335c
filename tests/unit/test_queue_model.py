"""A model of the queue under every misfortune in any order: nothing is lost, nothing takes effect twice."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from offline_queue.api import Answer, Busy, PauseReason, Refused, State, Ticket, Unauthorised, Unreachable
from offline_queue.retention import Retention
from offline_queue.sync import SyncLoop
from tests.fixtures.queue import Bench, build_manifest, make_facts, make_parts, make_sid

MEMORY_DISK = Path("/dev/shm")  # noqa: S108  durability is not what is tested here


class Killed(BaseException):
    """The process dies at this very point."""


FAULTS = st.one_of(
    st.tuples(st.sampled_from(["upload", "put", "status"]), st.sampled_from(["drop_reply", "drop_request", "500"])),
    st.tuples(st.just("put"), st.sampled_from(["202", "409", "422", "no receipt"])),
    st.tuples(st.sampled_from(["upload", "put", "status"]), st.sampled_from(["401", "429", "portal", "killed"])),
)


def _fault(word: str) -> object:
    return {
        "drop_reply": "drop_reply",
        "drop_request": Unreachable("timeout"),
        "500": Unreachable("server_error", status=500),
        "202": Answer("processing", retry_after_s=3.0, status=202),
        "409": Busy("in_progress", 2.0, 409),
        "422": Refused("refused", 422),
        "no receipt": Answer("committed"),
        "401": Unauthorised("bad_assertion", 401),
        "429": Busy("busy", 4.0, 429),
        "portal": Unreachable("portal", status=302, pause=PauseReason.PORTAL),
        "killed": Killed(),
    }[word]


class QueueModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        base = str(MEMORY_DISK) if MEMORY_DISK.is_dir() else None
        self.folder = tempfile.TemporaryDirectory(dir=base)
        self.bench = Bench(Path(self.folder.name) / "state")
        self.tickets: dict[str, Ticket] = {}
        self.refused: set[str] = set()
        self.rng = random.Random(7)
        self.open()

    def open(self) -> None:
        self.store = self.bench.open()
        clock = self.bench.clock
        self.loop = SyncLoop(
            self.store,
            self.bench.platform,
            self.bench.verifier,
            clock,
            lambda change: None,
            rng=self.rng,
            retention=Retention(self.store, clock, tombstone_days=10**6),  # the clock here jumps by decades
        )

    def reopen(self) -> None:
        """The process is gone: what it held comes back only from the disk."""
        self.store.close()
        self.open()

    @rule(number=st.integers(0, 5), with_after=st.booleans())
    def submit(self, number: int, with_after: bool) -> None:
        sid = make_sid(number)
        after = make_sid(number - 1) if with_after and number else ""
        ticket = self.store.put(
            sid, make_parts((50,), number), build_manifest(), make_facts(after_sid=after), self.bench.opener.keys
        )
        assert self.tickets.setdefault(sid, ticket) == ticket

    @rule(number=st.integers(0, 5))
    def die_while_sealing(self, number: int) -> None:
        def die(parts: object) -> bytes:
            raise Killed

        try:
            self.store.put(make_sid(number), make_parts((50,)), die, make_facts(), self.bench.opener.keys)
        except Killed:
            self.reopen()

    @rule(fault=FAULTS)
    def spoil(self, fault: tuple[str, str]) -> None:
        operation, word = fault
        self.bench.platform.script[operation].append(_fault(word))

    @rule(times=st.integers(1, 4))
    def step(self, times: int) -> None:
        for _ in range(times):
            self._step()

    @rule(is_down=st.booleans())
    def cut_or_mend_the_line(self, is_down: bool) -> None:
        self.bench.platform.is_down = is_down

    @rule(seconds=st.sampled_from([0.5, 5.0, 60.0, 1000.0]))
    def tick(self, seconds: float) -> None:
        self.bench.clock.turn(seconds)

    @rule(seconds=st.sampled_from([-315_360_000.0, 2_678_400.0, 315_360_000.0]))
    def jump(self, seconds: float) -> None:
        self.bench.clock.wall += seconds

    @rule()
    def reboot(self) -> None:
        self.bench.clock.reboot()
        self.reopen()

    @rule()
    def restart(self) -> None:
        self.reopen()

    @rule(number=st.integers(0, 5))
    def nudge(self, number: int) -> None:
        self.loop.nudge(make_sid(number))

    @rule()
    def send_dead_letters_again(self) -> None:
        for outcome in self.store.outcomes((State.DEAD,)):
            self.store.requeue(outcome.sid)

    @rule()
    def resume(self) -> None:
        self.loop.resume()

    def _step(self) -> None:
        try:
            self.loop.step()
        except Killed:
            self.reopen()

    @invariant()
    def nothing_is_lost_and_nothing_doubled(self) -> None:
        platform = self.bench.platform
        stored = {outcome.sid: outcome for outcome in self.store.outcomes()}
        assert set(stored) == set(self.tickets)
        assert all(count == 1 for count in platform.commits.values())
        for sid, outcome in stored.items():
            assert outcome.intake_number == self.tickets[sid].intake_number
            if outcome.state in {State.DELIVERED, State.SHREDDED}:
                assert sid in platform.commits
                assert outcome.case_number
            if outcome.state is State.DEAD:
                assert outcome.dead_reason == "refused"

    def teardown(self) -> None:
        """Once everything works again, everything arrives."""
        platform = self.bench.platform
        platform.is_down = False
        platform.script = {operation: [] for operation in platform.script}
        for outcome in self.store.outcomes((State.DEAD,)):
            self.store.requeue(outcome.sid)
        self.loop.resume()
        for _ in range(300):
            wait_s = self.loop.step()
            self.bench.clock.turn(min(wait_s, 1000.0))
            if all(o.state is State.SHREDDED for o in self.store.outcomes()):
                break
        blocked = {o.sid for o in self.store.outcomes() if o.state is not State.SHREDDED}
        assert not blocked
        assert platform.commits == dict.fromkeys(self.tickets, 1)
        assert list(platform.plain) == list(platform.commits)
        assert not list((self.bench.folder / "blobs").rglob("*.ksb1"))
        self.store.close()
        self.folder.cleanup()


QueueModel.TestCase.settings = settings(
    max_examples=80, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
TestQueueModel = QueueModel.TestCase
