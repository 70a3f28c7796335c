"""Every faulty behaviour of a platform: one effect, the same receipt, nothing deleted early, every stop explained.

The real queue and the real wire against a live platform, with a proxy in between that misbehaves. `make test` plays
every other case once; `make chaos` plays every case several times, with the terminal closed in between.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from kiosk.station.clock import SystemClock
from kiosk.trust.identity import Device
from kiosk.trust.signed import encode_wire
from offline_queue.api import Outcome, PauseReason, SignedObject, State, Unreachable
from tests.chaos.faults import CASES, CERTIFICATES, Case, play_old, receipt_of
from tests.chaos.proxy import ChaosProxy
from tests.e2e.test_delivery import SENT, Terminal, enrolled
from tests.fixtures.central import Pki
from tests.fixtures.platform import LivePlatform, running_platform

Answer = TypeVar("Answer")
IS_LONG = bool(os.environ.get("JINBAN_CHAOS"))
ROUNDS = 5 if IS_LONG else 1
PLAYED_CASES = CASES if IS_LONG else CASES[::2]
UNDER_FAULT = 8  # steps while the fault lasts
STEPS = 120  # steps within which everything must be well again
SCAN = (bytes(index * 11 % 256 for index in range(256)) * 118)[:30_000]
PLAYED: dict[str, int] = {"cases": 0, "submissions": 0, "pauses": 0}
NAMES = len(PLAYED_CASES) + len(CERTIFICATES) + 2


def insist(ask: Callable[[], Answer]) -> Answer:
    """Return what was asked for; a machine under load may need more than the second that our time-outs leave it."""
    for _ in range(10):
        try:
            return ask()
        except Unreachable:
            continue
    pytest.fail("the platform does not answer")


class SkippingClock(SystemClock):
    """The machine's clock, whose monotonic side can be let run ahead: nobody waits for a due time here."""

    def __init__(self) -> None:
        super().__init__()
        self.skipped_s = 0.0

    def mono_s(self) -> float:
        """Return monotonic seconds, with what was skipped."""
        return super().mono_s() + self.skipped_s


class Rig:
    """One terminal behind the proxy; `play` steps it and looks at every stop."""

    def __init__(self, platform: LivePlatform, proxy: ChaosProxy, identity: tuple[Device, Path], ca: Path) -> None:
        self.platform = platform
        self.proxy = proxy
        self.terminal = Terminal(platform, *identity, url=proxy.url, ca_path=ca, clock=SkippingClock(), scan=SCAN)
        self.words: set[str] = set()

    def play(self, sid: str, steps: int) -> Outcome:
        """Step until it is delivered or the steps are over; what is not sent yet must be whole on the disk."""
        terminal = self.terminal
        for _ in range(steps):
            wait_s = terminal.sync.step()
            terminal.clock.skipped_s += max(wait_s, 0.0)
            outcome = terminal.store.find(sid)
            pause = terminal.store.stats().pause
            self.words |= {change.cause for change in terminal.changes}
            if pause is not PauseReason.NONE:
                self.words.add(pause.value)
            if outcome.state in SENT:
                return outcome
            self.check_kept(sid)
        return outcome

    def check_kept(self, sid: str) -> None:
        """Nothing of a submission is gone before its receipt was verified; a stop has its reason written down."""
        entry = next(one for one in self.terminal.store.entries() if one.outcome.sid == sid)
        if entry.outcome.state is State.DELIVERED:
            return
        with sqlite3.connect(f"file:{self.terminal.state}/queue/queue.db?mode=ro", uri=True) as db:
            manifest, receipt = db.execute("SELECT manifest, receipt FROM submission WHERE sid = ?", (sid,)).fetchone()
            paths = db.execute("SELECT path FROM attachment WHERE submission_seq = ?", (entry.seq,)).fetchall()
        db.close()
        assert manifest
        assert receipt is None
        assert all((self.terminal.state / "queue" / path).is_file() for (path,) in paths)
        if entry.attempts or entry.outcome.sent_once:
            assert entry.last_code or self.terminal.store.stats().pause, "a stop that nobody can explain"

    def ask_receipt(self, sid: str) -> SignedObject:
        """Return the receipt as the platform tells it now."""
        return insist(lambda: self.terminal.link.delivery.status(sid).receipt)

    def settle(self, sid: str) -> None:
        """The fault has ended: everything arrives, once, with the platform's own receipt, and no pause is left."""
        self.proxy.clear()
        outcome = self.play(sid, STEPS)
        assert outcome.state in SENT, self.words
        assert self.platform.commits(sid) == 1
        assert outcome.case_number == self.platform.case_number(sid)
        told = self.ask_receipt(sid)
        with sqlite3.connect(f"file:{self.terminal.state}/queue/queue.db?mode=ro", uri=True) as db:
            kept = db.execute("SELECT receipt, receipt_sig FROM submission WHERE sid = ?", (sid,)).fetchone()
        db.close()
        assert kept == (told.object, told.signature), "the receipt is identical, however often it was asked for"
        self.terminal.sync.step()
        assert self.terminal.store.stats().pause is PauseReason.NONE


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivePlatform]:
    """One platform for this file."""
    with running_platform(tmp_path_factory.mktemp("platform")) as live:
        yield live


@pytest.fixture(scope="module")
def proxy(platform: LivePlatform, pki: Pki) -> Iterator[ChaosProxy]:
    """One proxy for this file."""
    made = ChaosProxy(platform.base_url, platform.ca_path, pki.folder)
    yield made
    made.close()


@pytest.fixture(scope="module")
def identity(platform: LivePlatform, tmp_path_factory: pytest.TempPathFactory) -> tuple[Device, Path]:
    """One enrolment for this file."""
    state = tmp_path_factory.mktemp("state")
    return enrolled(platform, state), state


@pytest.fixture(scope="module")
def behind(platform: LivePlatform, proxy: ChaosProxy, identity: tuple[Device, Path], pki: Pki) -> Iterator[Rig]:
    """A terminal that has just delivered one submission: there are old answers to play again."""
    made = Rig(platform, proxy, identity, pki.ca_path)
    made.settle(made.terminal.put())
    insist(made.terminal.link.delivery.probe)
    insist(made.terminal.link.refresh.refresh)
    yield made
    made.terminal.close()


@pytest.fixture
def rig(behind: Rig) -> Iterator[Rig]:
    """The terminal, with nothing wrong so far."""
    behind.words.clear()
    behind.terminal.changes.clear()
    yield behind
    behind.proxy.clear()


@pytest.fixture(scope="module", autouse=True)
def told() -> Iterator[None]:
    """Print the counts at the end."""
    yield
    sys.stdout.write(
        f"\nchaos net: {PLAYED['cases']} faulty behaviours, {PLAYED['submissions']} submissions, 0 lost, 0 twice, "
        f"{PLAYED['pauses']} named pauses\n"
    )


def play_case(rig: Rig, name: str, words: frozenset[str]) -> None:
    """Put one submission into the fault, look for the reason, and let the fault end."""
    rig.terminal.link.close()  # a kept connection would not meet what happens to new ones
    sid = rig.terminal.put()
    rig.play(sid, UNDER_FAULT)
    assert not words or words & rig.words, f"{name}: {rig.words}"
    rig.settle(sid)
    PLAYED["submissions"] += 1
    PLAYED["pauses"] += len(rig.words & {pause.value for pause in PauseReason if pause})


@pytest.mark.expected_log("no valid receipt 3 times")
@pytest.mark.parametrize("case", PLAYED_CASES, ids=[case.name for case in PLAYED_CASES])
def test_a_faulty_behaviour_ends_in_one_case_and_a_named_reason(rig, case: Case):
    for at in range(ROUNDS):
        rig.words.clear()
        rig.terminal.changes.clear()
        if at:  # from the second round on the terminal was killed before it
            rig.terminal.close()
            rig.terminal.open()
        if case.on == "token":
            rig.terminal.clock.skipped_s += 700.0  # the one in hand has run out
        rig.proxy.next(case.on, case.fault, case.times)
        for on, fault, times in case.more:
            rig.proxy.next(on, fault, times)
        play_case(rig, case.name, case.words)
    PLAYED["cases"] += 1


@pytest.mark.parametrize(("name", "certificate", "word"), CERTIFICATES, ids=[row[0] for row in CERTIFICATES])
def test_a_certificate_that_does_not_hold_is_never_spoken_to(rig, name, certificate, word):
    rig.proxy.certificate = certificate
    rig.terminal.link.close()
    rig.proxy.seen.clear()
    sid = rig.terminal.put()
    rig.play(sid, UNDER_FAULT)
    assert rig.proxy.seen == [], "not one request, no token"
    assert word in rig.words
    rig.settle(sid)
    PLAYED["cases"] += 1
    PLAYED["submissions"] += 1
    PLAYED["pauses"] += 1


def test_a_receipt_of_another_terminal_is_worthless_here(rig, platform, tmp_path):
    other = Terminal(platform, enrolled(platform, tmp_path), tmp_path)
    theirs = other.put()
    other.drive(theirs, *SENT)
    receipt = insist(lambda: other.link.delivery.status(theirs).receipt)
    other.close()
    rig.proxy.next("put", receipt_of(encode_wire(receipt)), 3)
    play_case(rig, "receipt of another terminal", frozenset({"bad_receipt"}))
    PLAYED["cases"] += 1


def test_an_old_bundle_of_keys_played_again_changes_nothing(rig):
    rig.terminal.close()
    rig.terminal.open()
    version = rig.terminal.link.sealing.version
    rig.proxy.next("keys", play_old)
    assert not insist(rig.terminal.link.refresh.refresh)
    assert rig.terminal.link.sealing.version == version
    PLAYED["cases"] += 1


def test_there_are_at_least_thirty_behaviours():
    assert NAMES >= 30
    assert len({case.name for case in CASES}) == len(CASES)
