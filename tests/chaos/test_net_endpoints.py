"""Two addresses of one live platform, with a line each: whichever fails, every submission takes effect once."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.trust.identity import Device
from offline_queue.api import PauseReason, State
from tests.chaos.faults import close, drop_reply, half_reply, problem, reset_up, say
from tests.chaos.proxy import EVER, ChaosProxy, Fault
from tests.chaos.test_net_faults import SkippingClock
from tests.e2e.test_delivery import SENT, Terminal, enrolled
from tests.fixtures.central import Pki
from tests.fixtures.platform import LivePlatform, running_platform

ROUNDS = 100 if os.environ.get("JINBAN_CHAOS") else 8
SCAN = (bytes(index * 13 % 256 for index in range(256)) * 1172)[:300_000]
COUNTS = {"submissions": 0, "requests": [0, 0]}
LOSSES: list[tuple[str, Fault]] = [
    ("connect", close),
    ("put", drop_reply),
    ("put", half_reply),
    ("create", drop_reply),
    ("patch", reset_up(90_000)),
    ("patch", drop_reply),
    ("put", say(502)),
    ("any", say(503, retry_after="5")),
    ("any", problem(503, "maintenance", retry_after="30")),
    ("any", say(302, location="https://127.0.0.1:1/")),
]


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivePlatform]:
    """One platform for this file."""
    with running_platform(tmp_path_factory.mktemp("platform")) as live:
        yield live


@pytest.fixture(scope="module")
def identity(platform: LivePlatform, tmp_path_factory: pytest.TempPathFactory) -> tuple[Device, Path]:
    """One enrolment for this file."""
    state = tmp_path_factory.mktemp("state")
    return enrolled(platform, state), state


@pytest.fixture
def lines(platform: LivePlatform, pki: Pki) -> Iterator[tuple[ChaosProxy, ChaosProxy]]:
    """Two ways to the platform."""
    made = tuple(ChaosProxy(platform.base_url, platform.ca_path, pki.folder) for _ in range(2))
    yield made
    for proxy in made:
        proxy.close()


@pytest.fixture
def terminal(platform, identity, lines, pki) -> Iterator[Terminal]:
    """A terminal that knows both."""
    first, second = lines
    made = Terminal(
        platform,
        *identity,
        url=first.url,
        others=(second.url,),
        ca_path=pki.ca_path,
        clock=SkippingClock(),
        scan=SCAN,
    )
    yield made
    made.close()


@pytest.fixture(scope="module", autouse=True)
def told() -> Iterator[None]:
    """Print the counts at the end."""
    yield
    sys.stdout.write(
        f"\nchaos addresses: {COUNTS['submissions']} submissions over two addresses "
        f"({COUNTS['requests'][0]} and {COUNTS['requests'][1]} requests), 0 lost, 0 twice\n"
    )


def play(terminal: Terminal, sid: str, steps: int = 150) -> None:
    """Step until it is sent; nobody waits for a due time here."""
    for _ in range(steps):
        terminal.clock.skipped_s += max(terminal.sync.step(), 0.0)
        if terminal.store.find(sid).state in SENT:
            return
    pytest.fail(f"{sid} is not sent: {[change.cause for change in terminal.changes[-9:]]}")


def test_an_address_that_dies_under_an_upload_costs_at_most_one_piece(platform, terminal, lines):
    first, second = lines
    first.next("patch", reset_up(100_000))
    sid = terminal.put()
    terminal.sync.step()
    first.next("connect", close, EVER)
    play(terminal, sid)
    assert platform.commits(sid) == 1
    assert second.seen.index("head") < second.seen.index("patch"), "asked for before it goes on"
    assert "create" not in second.seen[: second.seen.index("patch")]
    assert terminal.store.stats().pause is PauseReason.NONE


def test_a_put_whose_answer_was_lost_is_asked_after_at_the_other_address(platform, terminal, lines):
    first, second = lines
    first.next("put", drop_reply)
    sid = terminal.put()
    terminal.sync.step()
    assert platform.commits(sid) == 1
    first.next("connect", close, EVER)
    play(terminal, sid)
    assert second.seen.count("get") == 1
    assert "put" not in second.seen
    assert platform.requests(sid) == 1


def test_maintenance_at_one_address_is_no_pause_and_at_both_it_is(platform, terminal, lines):
    for line in lines:
        line.next("put", problem(503, "maintenance", retry_after="60"))
    sid = terminal.put()
    terminal.sync.step()
    assert terminal.store.stats().pause is PauseReason.NONE
    assert terminal.store.find(sid).state is State.READY
    terminal.sync.step()
    assert terminal.store.stats().pause is PauseReason.MAINTENANCE
    play(terminal, sid)
    assert platform.commits(sid) == 1
    assert terminal.store.stats().pause is PauseReason.NONE


def test_lines_that_fail_at_random_still_bring_everything_once(platform, terminal, lines):
    rng = random.Random(11)
    sids = []
    for _ in range(ROUNDS):
        for line in lines:
            line.clear()
        for _ in range(3):
            rng.choice(lines).next(*rng.choice(LOSSES))
        sids.append(terminal.put())
        play(terminal, sids[-1])
    assert [platform.commits(sid) for sid in sids] == [1] * len(sids)
    COUNTS["submissions"] += len(sids)
    COUNTS["requests"] = [len(line.seen) for line in lines]
    assert min(COUNTS["requests"]) > 0, "both were needed"
