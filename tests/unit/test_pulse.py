"""The central lane at the wire: what a terminal asks with a good line, a lost one, a clock that was set."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from app.pulse import BEAT_S, LOOK_S, QUIET_S, CentralLane
from kiosk.central.heartbeat import Pulse
from kiosk.central.link import Link
from kiosk.central.rotating import KeyRotation
from kiosk.station.audit_format import Head
from kiosk.trust.backends import KeyPlace
from kiosk.trust.signed import Purpose, decode_canonical, from_base64url
from offline_queue.api import Line, PauseReason, QueueStats
from tests.fixtures.central import Asked, ManualClock, PlatformSigner, Say, ScriptedServer, answer, problem

PULSE = Pulse("0.1.0", "2017.1", QueueStats(0, 0, 0, 0, 0, 0, ""), Head(0, "00" * 32))
AWAY = Line(is_reachable=False)
HERE = Line(is_reachable=True)


class Middle(random.Random):
    """Jitter that is none."""

    def uniform(self, low: float, high: float) -> float:
        return (low + high) / 2


class Terminal:
    """A lane looked after by hand, before a scripted platform."""

    def __init__(self, link: Link, server: ScriptedServer, signer: PlatformSigner, clock: ManualClock, folder: Path):
        self.server, self.clock = server, clock
        self.is_down = False
        self.lines: list[bool] = []
        self.lane = CentralLane(
            link,
            lambda: PULSE,
            self.lines.append,
            rotation=KeyRotation(link, KeyPlace("file", folder / "trust", "development")),
            on_standing=lambda standing: None,
            on_rotated=lambda device: None,
            rng=Middle(),
        )
        self.time = lambda asked: answer(200, signer.time(asked.path.partition("nonce=")[2], int(clock.wall)))

        def beat(asked: Asked) -> Say:
            number = decode_canonical(from_base64url(json.loads(asked.body)["o"]))["n"]
            reply = {"typ": "heartbeat", "n": number, "now": int(clock.wall)}
            return answer(200, signer.wire("time", Purpose.TIME, reply))

        server.say("GET", "time", lambda asked: self.down(asked) or self.time(asked))
        server.say("POST", "heartbeat", lambda asked: self.down(asked) or beat(asked))
        server.say("GET", "keys", answer(200, signer.bundle(1, []), ETag='"one"'), Say(304))

    def down(self, asked: Asked) -> Say | None:
        return Say(200, b"x" * 10, cut_after=1) if self.is_down else None

    def live(self, seconds: float) -> list[str]:
        """Return what was asked in so many seconds, looks as often as the lane wants them."""
        before = len(self.server.asked)
        until = self.clock.mono + seconds
        while self.clock.mono < until:
            self.clock.advance(min(self.lane.look(), until - self.clock.mono))
        return [asked.path.split("?")[0].removeprefix("/v1/") for asked in self.server.asked[before:]]


@pytest.fixture
def terminal(link, server, signer, clock, tmp_path) -> Terminal:
    made = Terminal(link, server, signer, clock, tmp_path)
    assert made.live(LOOK_S) == ["time", "token", "heartbeat", "keys"]
    return made


def test_a_good_line_costs_one_question_and_one_heartbeat_a_minute(terminal):
    asked = terminal.live(10 * BEAT_S)
    assert (asked.count("heartbeat"), asked.count("time")) == (10, 10)
    assert asked.count("keys") == 1
    assert terminal.lines == [True]


def test_a_receipt_says_that_the_line_is_good(terminal):
    asked = []
    for _ in range(int(10 * BEAT_S / LOOK_S)):
        terminal.lane.heard()
        asked += terminal.live(LOOK_S)
    assert (asked.count("heartbeat"), asked.count("time")) == (10, 0)


def test_a_line_that_is_lost_shows_within_half_a_minute_and_its_return_within_a_look(terminal):
    terminal.is_down = True
    terminal.live(QUIET_S + LOOK_S)
    assert terminal.lines == [True, False]
    assert terminal.live(BEAT_S).count("time") == BEAT_S / LOOK_S, "a lost line is asked for at every look"
    terminal.is_down = False
    terminal.live(LOOK_S)
    assert terminal.lines == [True, False, True]


def test_heartbeats_that_are_overdue_when_the_line_returns_are_spread_over_a_minute(terminal):
    terminal.is_down = True
    terminal.live(3 * BEAT_S)
    terminal.is_down = False
    assert "heartbeat" not in terminal.live(LOOK_S)
    assert terminal.live(BEAT_S / 2 + LOOK_S).count("heartbeat") == 1


def test_a_queue_that_waits_for_the_line_makes_the_lane_ask_at_once(terminal):
    terminal.is_down = True
    terminal.lane.queue_line(AWAY)
    assert terminal.lane._wake.is_set()
    terminal.lane.look()
    assert terminal.lines == [True, False]
    terminal.is_down = False
    terminal.lane.look()
    assert terminal.lines == [True, False, True]
    assert terminal.live(BEAT_S / 2).count("time") == BEAT_S / 2 / LOOK_S, "the queue has not said that it goes on"
    terminal.lane.queue_line(HERE)
    assert "time" not in terminal.live(QUIET_S - LOOK_S)


@pytest.mark.parametrize("pause", [PauseReason.PORTAL, PauseReason.CLOCK, PauseReason.TROUBLE])
def test_a_pause_that_a_signed_time_may_end_is_asked_about_at_every_look(terminal, pause):
    terminal.lane.queue_line(Line(is_reachable=True, pause=pause))
    assert terminal.live(BEAT_S).count("time") == BEAT_S / LOOK_S


@pytest.mark.parametrize("pause", [PauseReason.MAINTENANCE, PauseReason.OVERLOADED, PauseReason.SUSPENDED])
def test_a_platform_that_said_wait_is_not_asked_more_often(terminal, pause):
    terminal.lane.queue_line(Line(is_reachable=True, pause=pause))
    asked = terminal.live(10 * BEAT_S)
    assert (asked.count("heartbeat"), asked.count("time")) == (10, 10)


@pytest.mark.parametrize(("after", "wait_s"), [("20", 20), ("1", LOOK_S), ("3600", 60), (None, LOOK_S)])
def test_a_busy_platform_is_left_alone_as_long_as_it_says_but_no_longer_than_a_minute(terminal, after, wait_s):
    terminal.clock.advance(QUIET_S + 1)
    headers = {} if after is None else {"Retry-After": after}
    terminal.server.say("GET", "time", problem(503, "busy", **headers))
    assert terminal.lane.look() == wait_s
    assert terminal.lines == [True, False]


@pytest.mark.parametrize("jump_s", [365 * 86400.0, -3600.0, 400.0])
def test_a_clock_that_was_set_is_noticed_at_the_next_look(terminal, jump_s):
    right_s = terminal.clock.wall
    terminal.clock.wall += jump_s
    terminal.time = lambda asked, inner=terminal.time: _at(terminal, right_s, inner, asked)
    assert terminal.live(1) == ["time"]
    assert terminal.clock.offset_s == pytest.approx(-jump_s, abs=2)
    assert "time" not in terminal.live(QUIET_S - LOOK_S), "asked once: the answer is known"


def _at(terminal: Terminal, wall_s: float, inner, asked: Asked) -> Say:
    """Answer by a clock that nobody has set."""
    wrong_s, terminal.clock.wall = terminal.clock.wall, wall_s
    try:
        return inner(asked)
    finally:
        terminal.clock.wall = wrong_s


def test_a_terminal_that_is_not_let_in_does_not_ask_whether_it_has_a_line(terminal):
    terminal.server.say("POST", "heartbeat", problem(403, "device_revoked"))
    terminal.live(BEAT_S)
    assert terminal.lines == [True, False]
    asked = terminal.live(10 * BEAT_S)
    assert asked.count("time") <= 20
    assert terminal.lines == [True, False], "an answer that we are not let in is no line for the visit"
