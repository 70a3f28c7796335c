"""From `put` to a verified receipt: the real queue, the real wire, a live platform, and what goes wrong between."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.commands.enrol import enrol_terminal
from kiosk.central.client import Timeouts
from kiosk.central.link import Link, open_link
from kiosk.services.submission import uuid7
from kiosk.station.clock import SystemClock
from kiosk.trust.identity import KEY_FILE, Device
from kiosk.trust.keys import FileKey
from kiosk.trust.ring import KeyRing, load_pinned
from offline_queue.api import Cause, Change, EnvelopeFacts, Kind, Outcome, PartFacts, PauseReason, PlainPart, State
from offline_queue.line import Pace
from offline_queue.store import QueueStore
from offline_queue.sync import SyncLoop
from tests.fixtures.platform import LivePlatform, running_platform

SCAN = bytes(index * 7 % 256 for index in range(256)) * 2735  # three pieces
QUICK = Timeouts(connect_s=5.0, read_s=1.0, body_s=5.0)
PACE = Pace(probe_min_s=0.01, probe_max_s=0.02, busy_s=0.01, trial_min_s=0.05, trial_max_s=0.1, return_jitter_s=0.0)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivePlatform]:
    """One platform for this file."""
    with running_platform(tmp_path_factory.mktemp("platform")) as live:
        yield live


class Terminal:
    """An enrolled terminal without a face: store, link, sync loop."""

    def __init__(
        self,
        platform: LivePlatform,
        device: Device,
        state: Path,
        *,
        url: str = "",
        ca_path: Path | None = None,
        others: tuple[str, ...] = (),
        clock: SystemClock | None = None,
        scan: bytes = SCAN,
    ) -> None:
        """`url` and `ca_path` lead to something in between; the platform's own where nothing is said."""
        self.platform = platform
        self.device = device
        self.state = state
        self.url = url or platform.base_url
        self.ca_path = ca_path or platform.ca_path
        self.others = others
        self.scan = scan
        self.clock = clock or SystemClock()
        self.changes: list[Change] = []
        self.open()

    def open(self) -> None:
        """Open link, store and loop."""
        folder = self.state / "trust"
        ring = KeyRing(load_pinned(self.platform.pins_path))
        self.link: Link = open_link(
            self.device,
            FileKey(folder / KEY_FILE, "development"),
            ring,
            self.clock,
            folder,
            url=self.url,
            ca_path=self.ca_path,
            version="0.1.0",
            timeouts=QUICK,
            others=self.others,
        )
        self.store = QueueStore(self.state / "queue", clock=self.clock, signer=self.link.signer)
        self.sync = SyncLoop(
            self.store, self.link.delivery, self.link.verifier, self.clock, self.changes.append, pace=PACE
        )

    def close(self) -> None:
        """Let go of everything."""
        self.store.close()
        self.link.close()

    def put(self, sid: str = "") -> str:
        """Return the sid of a submission stored here."""
        sid = sid or uuid7(self.clock.wall_s())
        facts = EnvelopeFacts(Kind.SUBMISSION, "SIM-YB-0001", "2017.1", "0.1.0", int(self.clock.wall_s()), True)
        parts = (PlainPart("m-bank-1", self.scan), PlainPart("signature", b"\x89PNG\r\n\x1a\n strokes"))

        def manifest(sealed: tuple[PartFacts, ...]) -> bytes:
            listed = [
                {
                    "part": part.name,
                    "sealed_sha256": part.sealed_sha256,
                    "plain_sha256": part.plain_sha256,
                    "bytes": part.plain_bytes,
                    "mime": "image/png" if part.name == "signature" else "image/jpeg",
                    "pages": 1,
                    "dpi": 300,
                    "at": "2026-11-23T10:00:00+08:00",
                    "review": False,
                }
                for part in sealed
            ]
            value = {"v": 1, "sid": sid, "item": "SIM-YB-0001", "parts": listed}
            return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()

        self.store.put(sid, parts, manifest, facts, self.link.sealing.recipients())
        return sid

    def drive(self, sid: str, *states: State, steps: int = 400) -> Outcome:
        """Step the loop until the submission is in one of the states."""
        for _ in range(steps):
            outcome = self.store.find(sid)
            if outcome is not None and outcome.state in states:
                return outcome
            self.sync.nudge(sid)  # due times are somebody else's test
            self.sync.step()
        pytest.fail(f"{sid} is {outcome} after {steps} steps; {[change.cause for change in self.changes[-8:]]}")


def enrolled(platform: LivePlatform, state: Path) -> Device:
    """Return a new identity in a state folder."""
    return enrol_terminal(
        platform.create_code(),
        url=platform.base_url,
        ca_path=platform.ca_path,
        pins_path=platform.pins_path,
        state=state,
        profile="development",
        version="0.1.0",
        show_digits=lambda _: None,
    )


@pytest.fixture(scope="module")
def identity(platform: LivePlatform, tmp_path_factory: pytest.TempPathFactory) -> tuple[Device, Path]:
    """One enrolment for this file, and its state folder."""
    state = tmp_path_factory.mktemp("state")
    return enrolled(platform, state), state


@pytest.fixture
def terminal(platform: LivePlatform, identity: tuple[Device, Path]) -> Iterator[Terminal]:
    """The enrolled terminal, just started; the platform's script is empty."""
    platform.faults.clear()
    made = Terminal(platform, *identity)
    yield made
    made.close()


SENT = (State.DELIVERED, State.SHREDDED)


def test_what_is_put_is_delivered_once_with_a_verified_receipt(platform, terminal):
    sid = terminal.put()
    outcome = terminal.drive(sid, *SENT)
    assert platform.commits(sid) == 1
    assert outcome.case_number == platform.case_number(sid)
    assert platform.parts(sid)["m-bank-1"].path.read_bytes() == SCAN
    states = [change.new for change in terminal.changes]
    assert states[:2] == [State.CLAIMED, State.SENDING]
    assert states.count(State.DELIVERED) == 1
    assert states[states.index(State.DELIVERED) - 1] is State.SENDING  # a busy machine may need another attempt


def test_the_sync_thread_delivers_by_itself(platform, terminal):
    sid = terminal.put()
    terminal.sync.start()
    terminal.sync.nudge(sid)
    outcome = terminal.sync.wait_settled(sid, 30)
    assert terminal.sync.stop()
    assert outcome.state in SENT
    assert platform.commits(sid) == 1


LOST = [
    ("put", "drop_reply", {}),
    ("put", "close", {}),
    ("put", "hang", {}),
    ("put", "cut", {"after_bytes": 100}),
    ("create", "drop_reply", {}),
    ("create", "close", {}),
    ("patch", "drop_reply", {}),
    ("patch", "cut", {"after_bytes": 100_000}),
    ("token", "drop_reply", {}),
    ("put", "html", {}),
    ("put", "redirect", {}),
    ("patch", "html", {}),
    ("put", "status", {"status": 500}),
    ("put", "status", {"status": 503, "retry_after": "0"}),
    ("put", "status", {"status": 429, "retry_after": "0", "code": "busy"}),
    ("put", "status", {"status": 409, "retry_after": "0", "code": "in_progress"}),
    ("put", "status", {"status": 422}),
    ("put", "status", {"status": 413}),
    ("put", "status", {"status": 401, "code": "token_expired"}),
    ("create", "status", {"status": 507, "code": "storage_full"}),
    ("patch", "status", {"status": 410}),
    ("patch", "status", {"status": 423}),
]


@pytest.mark.parametrize(
    ("on", "action", "more"), LOST, ids=[f"{on}-{act}-{m.get('status', '')}" for on, act, m in LOST]
)
def test_one_misfortune_on_the_way_still_ends_in_one_case(platform, terminal, on, action, more):
    platform.faults.next(on, action, **more)
    sid = terminal.put()
    outcome = terminal.drive(sid, *SENT)
    assert platform.faults.left() == 0
    assert platform.commits(sid) == 1
    assert outcome.case_number == platform.case_number(sid)


def test_a_lost_answer_to_the_put_is_found_by_asking_and_not_sent_again(platform, terminal):
    platform.faults.next("put", "drop_reply")
    sid = terminal.put()
    terminal.drive(sid, *SENT)
    assert (platform.commits(sid), platform.requests(sid)) == (1, 1)


@pytest.mark.parametrize("flavour", ["signature", "sid", "hash", "seq", "dev", "key", "empty", "der"])
def test_a_forged_receipt_never_counts_and_the_true_one_does(platform, terminal, flavour):
    platform.faults.next("put", "wrong_receipt", flavour=flavour)
    sid = terminal.put()
    outcome = terminal.drive(sid, *SENT)
    causes = [change.cause for change in terminal.changes]
    assert causes.index("bad_receipt") < causes.index("receipt")
    assert outcome.case_number == platform.case_number(sid)
    assert platform.commits(sid) == 1


def test_only_the_platforms_own_terminal_word_makes_a_dead_letter(platform, terminal):
    platform.faults.refuse_next("unreadable")
    sid = terminal.put()
    outcome = terminal.drive(sid, State.DEAD, *SENT)
    assert (outcome.state, outcome.dead_reason) == (State.DEAD, "unreadable")
    assert platform.commits(sid) == 0


def test_a_kill_after_the_put_left_is_settled_by_the_next_start(platform, terminal):
    platform.faults.next("put", "drop_reply")
    sid = terminal.put()
    terminal.sync.step()
    assert platform.commits(sid) == 1
    terminal.close()
    terminal.open()
    assert terminal.drive(sid, *SENT).case_number == platform.case_number(sid)
    assert platform.requests(sid) == 1


def test_a_platform_that_is_down_is_waited_for_and_takes_everything_when_it_is_back(platform, terminal):
    platform.stop()
    sids = [terminal.put() for _ in range(3)]
    for _ in range(5):
        terminal.sync.step()
    assert {terminal.store.find(sid).state for sid in sids} == {State.READY}
    platform.start()
    for sid in sids:
        terminal.drive(sid, *SENT)
    assert [platform.commits(sid) for sid in sids] == [1, 1, 1]


def test_a_suspended_device_still_drains_and_a_revoked_one_stands_still(platform, tmp_path):
    terminal = Terminal(platform, enrolled(platform, tmp_path), tmp_path)
    platform.command("device", terminal.device.device_id, "suspended")
    sid = terminal.put()
    terminal.drive(sid, *SENT)
    platform.command("device", terminal.device.device_id, "revoked")
    held = terminal.put()
    for _ in range(10):
        terminal.sync.step()
    assert terminal.store.find(held).state is State.READY
    assert terminal.store.stats().pause is PauseReason.REVOKED
    terminal.close()


def test_a_clock_ten_years_behind_is_set_by_signed_time_and_delivers(platform, terminal):
    clock = BehindClock()
    terminal.close()
    terminal.clock = clock
    terminal.open()
    sid = terminal.put()
    terminal.drive(sid, *SENT)
    assert clock.offset_s > 9 * 365 * 86400
    assert platform.commits(sid) == 1


class BehindClock(SystemClock):
    """A machine whose battery is empty."""

    def wall_s(self) -> float:
        """Return a wall ten years behind."""
        return super().wall_s() - 10 * 365 * 86400


def test_an_upload_that_was_cut_goes_on_after_a_restart(platform, terminal):
    platform.faults.next("patch", "cut", after_bytes=100_000)
    sid = terminal.put()
    terminal.sync.step()
    assert terminal.store.find(sid).state is State.READY
    terminal.close()
    terminal.open()
    waiting = terminal.store.claim(sid, is_due_waived=True)
    assert waiting.parts[0].upload_url.startswith(platform.base_url)
    terminal.store.release(sid, Cause.INTERRUPTED)
    terminal.drive(sid, *SENT)
    assert platform.commits(sid) == 1
