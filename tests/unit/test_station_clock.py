"""A wall clock is believed once the platform has confirmed it in this run, and only while it keeps to that."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path

import pytest

from app.commands.doctor import Doctor
from kiosk.station.clock import BUILD_FLOOR_S, SystemClock
from kiosk.station.config import load_config
from kiosk.station.texts import own_texts
from offline_queue.api import Receipt, SignedObject, State
from offline_queue.retention import DAY_S, Retention
from tests.fixtures.queue import WALL_S, make_sid
from tests.fixtures.queue_looks import deliver
from tests.unit.test_config import MINIMAL

YEARS_S = 10 * 365 * DAY_S


class WallClock(SystemClock):
    """The machine's clocks with a wall that a test sets."""

    wall = WALL_S

    def wall_s(self) -> float:
        return self.wall


@pytest.mark.parametrize("away_s", [0, YEARS_S])
def test_a_clock_that_was_never_compared_is_not_trusted(away_s):
    clock = WallClock()
    clock.wall += away_s
    assert (clock.is_confirmed, clock.is_plausible(), clock.is_trusted(), clock.offset_s) == (False, True, False, 0.0)


def test_a_wall_below_the_floor_is_not_even_plausible():
    clock = WallClock(WALL_S + DAY_S)
    assert not clock.is_plausible()
    clock.wall = BUILD_FLOOR_S - DAY_S
    assert not WallClock().is_trusted()


@pytest.mark.parametrize("jump_s", [-YEARS_S, -3600, 3600, YEARS_S])
def test_a_wall_that_jumps_after_it_was_confirmed_moves_no_date(jump_s):
    clock = WallClock()
    clock.learn_platform_time(WALL_S + 2)
    assert clock.is_trusted()
    today = clock.today()
    clock.wall += jump_s
    assert not clock.is_trusted()
    assert clock.offset_s == pytest.approx(2 - jump_s, abs=60)
    assert clock.today() == today
    clock.learn_platform_time(WALL_S + 3)
    assert not clock.is_trusted(), "the platform says again that it is wrong"
    clock.wall -= jump_s
    assert clock.is_trusted()
    assert clock.floor_s == WALL_S + 3


def test_time_goes_on_by_the_time_since_boot():
    clock = WallClock()
    clock.learn_platform_time(WALL_S)
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    platform_s = clock.wall_s() + clock.offset_s
    assert 0 <= platform_s - WALL_S <= time.clock_gettime(time.CLOCK_BOOTTIME) - before + 60
    assert clock.today() == date(2026, 11, 23)


def test_ten_years_ahead_without_a_line_nothing_is_forgotten(bench):
    """The board's battery was changed, or somebody set the clock: the first idle look of a boot without a line."""
    with bench.open() as store:
        bench.put(store, 1)
        deliver(bench, store, 1)
    bench.clock = WallClock()
    bench.clock.wall += YEARS_S
    with bench.open() as store:
        retention = Retention(store, bench.clock, grace_s=3600)
        assert retention.run() == ()
        assert store.find(make_sid(1)).state is State.DELIVERED
        store.shred(make_sid(1))
        retention.run()
        assert store.find(make_sid(1)).state is State.SHREDDED
        bench.clock.learn_platform_time(bench.clock.wall)
        Retention(store, bench.clock).run()
        assert store.find(make_sid(1)) is None, "a month has passed by the platform's own word"


def test_a_delivery_under_an_unsure_clock_is_dated_by_its_receipt(bench):
    bench.clock.wall, bench.clock.is_sure = WALL_S - YEARS_S, False
    with bench.open() as store:
        bench.put(store, 1)
        item = store.claim()
        store.mark_sending(item.sid)
        receipt = Receipt(item.sid, "K-000123", 1, item.manifest_sha256, "JX1", int(WALL_S))
        outcome = store.settle_delivered(item.sid, SignedObject(b"{}", "r-1", bytes(64)), receipt)
        assert outcome.delivered_wall == "2026-11-23T02:13:20.000Z"
        store.shred(item.sid)
        bench.clock.wall, bench.clock.is_sure = WALL_S + DAY_S, True
        Retention(store, bench.clock).run()
        assert store.find(item.sid).state is State.SHREDDED, "a day old, not ten years"


def test_the_doctor_says_of_a_clock_that_nobody_has_compared(tmp_path: Path):
    path = tmp_path / "kiosk.toml"
    path.write_text(MINIMAL)
    findings = Doctor(load_config(path), own_texts(), True).examine()
    (found,) = (one for one in findings if one.what == "clock")
    assert (found.state, found.code) == ("care", "clock_unconfirmed")
