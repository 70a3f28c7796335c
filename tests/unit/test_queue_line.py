"""Every way the line can fail, and what the loop makes of it."""

from __future__ import annotations

import pytest

from offline_queue.api import (
    AnswerFault,
    Busy,
    Line,
    PauseReason,
    State,
    Unauthorised,
    Unreachable,
)
from tests.fixtures.queue import make_sid

# ── the line ────────────────────────────────────────────────────────────────────────────────


def test_a_line_that_is_down_is_probed_and_drains_within_five_seconds_of_its_return(rig):
    for number in (1, 2, 3):
        rig.put(number)
    rig.platform.is_down = True
    rig.loop.step()
    for _ in range(200):
        rig.clock.turn(rig.loop.step())
    assert rig.loop.line == Line(is_reachable=False)
    operations = [operation for operation, _ in rig.platform.calls]
    assert operations.count("upload") == 1, "one item tried, then only light probes"
    assert operations.count("probe") >= 100
    rig.platform.is_down = False
    since = rig.clock.mono
    rig.drain()
    assert rig.clock.mono - since <= 5.0
    assert sorted(rig.platform.commits.values()) == [1, 1, 1]
    assert rig.lines == [Line(is_reachable=False), Line(is_reachable=True)]


def test_a_single_bad_upload_does_not_put_the_rest_off(rig):
    for number in (1, 2):
        rig.put(number)
    rig.platform.script["upload"] = [Unreachable("reset")]
    rig.loop.step()
    rig.loop.step()
    assert (rig.state(1), rig.state(2)) == (State.READY, State.DELIVERED)
    assert rig.wait_s() == 2.0, "the bad one keeps its own time"
    assert rig.lines == []


def test_the_news_that_the_network_is_back_is_checked_at_once(rig):
    rig.put()
    rig.platform.is_down = True
    rig.loop.step()
    assert rig.loop.step() > 0
    rig.platform.is_down = False
    assert rig.loop.step() > 0
    rig.loop.network_returned()
    assert rig.loop.step() == 0.0
    assert rig.state() is State.DELIVERED


def test_five_faults_in_a_row_open_the_breaker_and_one_probe_closes_it(rig):
    for number in range(1, 8):
        rig.put(number)
    rig.platform.script["put"] = [Unreachable("server_error", status=500)] * 5
    for _ in range(5):
        rig.loop.step()
    calls = len(rig.platform.calls)
    assert rig.loop.step() == 4.0
    assert len(rig.platform.calls) == calls
    rig.clock.turn(4)
    rig.loop.step()
    assert rig.platform.calls[calls][0] == "probe"
    rig.drain()
    assert sorted(rig.platform.commits.values()) == [1] * 7


def test_an_overloaded_platform_is_left_alone_even_when_hurried(rig):
    rig.put(1)
    rig.put(2)
    rig.platform.script["put"] = [Busy("busy", 30.0, 429)]
    rig.platform.script["probe"] = [Busy("busy", 10.0, 503)]
    rig.loop.step()
    rig.loop.nudge(make_sid(1))
    assert rig.loop.step() == 60.0, "Retry-After and a jitter as long again"
    calls = len(rig.platform.calls)
    rig.clock.turn(60)
    assert rig.loop.step() == 20.0
    assert [name for name, _ in rig.platform.calls[calls:]] == ["probe"]
    rig.drain(turn_s=20)
    assert sorted(rig.platform.commits.values()) == [1, 1]


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (AnswerFault("bad_time"), Line(is_reachable=False, pause=PauseReason.PORTAL)),
        (Unreachable("portal", pause=PauseReason.PORTAL), Line(is_reachable=False, pause=PauseReason.PORTAL)),
        (Unreachable("certificate_time", pause=PauseReason.CLOCK), Line(is_reachable=False, pause=PauseReason.CLOCK)),
        (Unauthorised("device_suspended", 403), Line(is_reachable=True, pause=PauseReason.SUSPENDED)),
        ("drop_reply", Line(is_reachable=False)),
    ],
)
def test_what_a_probe_may_bring(rig, answer, line):
    rig.put()
    rig.platform.script["upload"] = [Unreachable("timeout")]
    rig.platform.script["probe"] = [answer]
    rig.loop.step()
    assert rig.loop.step() > 0
    assert rig.loop.line == line
    rig.drain(turn_s=1000)
    assert rig.loop.line == Line(is_reachable=True)


def test_a_pause_by_a_portal_is_still_probed_after_a_restart(rig):
    rig.put()
    rig.platform.script["put"] = [Unreachable("portal", pause=PauseReason.PORTAL)]
    rig.loop.step()
    rig.loop = rig.start()
    assert rig.loop.line.pause is PauseReason.PORTAL
    rig.platform.calls.clear()
    rig.drain()
    assert rig.platform.calls[0][0] == "probe"
    assert rig.loop.line.pause is PauseReason.NONE
