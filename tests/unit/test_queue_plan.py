"""What goes when: thin lines, large parts at night, breakers over restarts, corrections after their submissions."""

from __future__ import annotations

from pathlib import Path

import pytest

from offline_queue.api import Busy, Cause, Kind, Line, PauseReason, Refused, State, Unreachable
from offline_queue.line import Pace
from offline_queue.plan import LinkEstimate, Plan, Window, build_plan
from tests.fixtures.queue import WALL_S, build_manifest, make_facts, make_parts, make_sid
from tests.fixtures.queue_rig import Rig

DAY_S = 86_400
LARGE = 300_000


def put(rig: Rig, number: int, sizes: tuple[int, ...], **changes: object) -> str:
    facts = make_facts(**changes)
    rig.store.put(make_sid(number), make_parts(sizes, number), build_manifest(), facts, rig.bench.opener.keys)
    return make_sid(number)


def slow(rig: Rig, bytes_per_s: float) -> None:
    """Let the pieces of an upload take their time."""

    def upload(sid, part, progress, inner=rig.platform.upload):
        last = 0

        def timed(url: str, offset: int) -> None:
            nonlocal last
            rig.clock.turn((offset - last) / bytes_per_s)
            last = offset
            progress(url, offset)

        inner(sid, part, timed)

    rig.platform.upload = upload


def calls(rig: Rig, *without: str) -> list[tuple[str, int]]:
    """Return what the platform was asked: operation and number of the submission."""
    return [(name, int(sid[-2:] or 0)) for name, sid in rig.platform.calls if name not in {"probe", *without}]


# ── thin lines ──────────────────────────────────────────────────────────────────────────────


def test_the_estimate_follows_the_pieces_and_ignores_small_ones():
    estimate = LinkEstimate()
    estimate.note(1000, 10.0)
    estimate.note(100_000, 0.0)
    assert estimate.bps == 0.0
    assert not Plan().is_thin(estimate.bps), "not known is not thin"
    estimate.note(64_000, 8.0)
    assert estimate.bps == 64_000
    assert Plan().is_thin(estimate.bps)
    assert estimate.news() == "64000"
    assert estimate.news() == "", "told once"
    for _ in range(20):
        estimate.note(512_000, 1.0)
    assert estimate.bps > 4e6
    assert LinkEstimate("64000").bps == 64_000
    assert LinkEstimate("soon").bps == 0.0


def test_on_a_thin_line_every_form_goes_before_any_scan_and_small_parts_before_large(rig):
    put(rig, 1, (70_000,))
    slow(rig, 8_000)  # 64 kbit/s
    rig.drain()
    for number in (2, 3, 4):
        put(rig, number, (90_000, 2_000, 40_000))
    rig.platform.calls.clear()
    rig.loop = rig.start()  # the estimate outlives a restart
    order: list[tuple[str, int]] = []

    def upload(sid, part, progress, inner=rig.platform.upload):
        order.append((part.name, int(sid[-2:])))
        inner(sid, part, progress)

    rig.platform.upload = upload
    rig.drain()
    puts_and_uploads = calls(rig, "status")
    assert puts_and_uploads[:3] == [("put", 2), ("put", 3), ("put", 4)], "the desk sees what is coming"
    assert order == [(name, number) for number in (2, 3, 4) for name in ("scan-1", "scan-2", "scan-0")]
    assert rig.platform.commits == {make_sid(number): 1 for number in (1, 2, 3, 4)}


def test_what_was_announced_counts_as_sent_once_and_as_no_attempt(rig):
    put(rig, 1, (70_000,))
    slow(rig, 8_000)
    rig.drain()
    put(rig, 2, (40_000,))
    rig.loop.step()
    entry = rig.entry(2)
    assert (entry.outcome.state, entry.outcome.sent_once) == (State.READY, True)
    assert (entry.attempts, entry.last_code, rig.causes()[-1]) == (0, "announced", "waiting")


def test_an_announcement_that_is_all_the_platform_needs_is_settled_at_once(rig):
    put(rig, 1, (70_000,))
    slow(rig, 8_000)
    rig.drain()
    sid = put(rig, 2, (40_000,))
    for blob in rig.store.claim(sid).parts:  # its last acknowledgement was lost
        rig.platform.uploads[sid, blob.name] = Path(blob.path).read_bytes()
    rig.store.release(sid, Cause.INTERRUPTED)
    rig.platform.calls.clear()
    rig.loop.step()
    assert (calls(rig), rig.state(2)) == ([("put", 2)], State.DELIVERED)


def test_a_fast_line_sends_parts_before_the_put(rig):
    put(rig, 1, (70_000,))
    slow(rig, 200_000)
    rig.drain()
    put(rig, 2, (70_000,))
    rig.platform.calls.clear()
    rig.drain()
    assert calls(rig) == [("upload", 2), ("put", 2)]


# ── large parts at night ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("hours", "at", "expected_min"),
    [
        ("22:00-06:00", "21:00", 60),
        ("22:00-06:00", "22:00", 0),
        ("22:00-06:00", "23:59", 0),
        ("22:00-06:00", "05:59", 0),
        ("22:00-06:00", "06:00", 16 * 60),
        ("01:30-05:00", "00:00", 90),
        ("01:30-05:00", "05:00", 20 * 60 + 30),
        ("01:30-05:00", "03:00", 0),
    ],
)
def test_a_window_opens_and_closes_by_chinas_time(hours, at, expected_min):
    window = build_plan(hours, 256).window
    midnight = WALL_S - (WALL_S + 8 * 3600) % DAY_S
    hour, minute = at.split(":")
    assert window.opens_in_s(midnight + int(hour) * 3600 + int(minute) * 60) == expected_min * 60


def test_nothing_set_is_at_any_time():
    assert build_plan("", 64) == Plan(large_from_bytes=64 * 1024)


@pytest.fixture
def night(rig: Rig) -> Rig:
    """A rig at noon whose large parts go from midnight to six."""
    rig.clock.wall = WALL_S - (WALL_S + 8 * 3600) % DAY_S + 12 * 3600
    rig.plan = Plan(window=Window(0, 360))
    rig.loop = rig.start(plan=rig.plan)
    return rig


def test_by_day_the_desk_sees_a_submission_and_its_small_parts_and_by_night_the_large_ones(night):
    sid = put(night, 1, (LARGE, 2_000))
    form = put(night, 2, (2_000,))
    for _ in range(8):
        night.clock.turn(min(night.loop.step(), 60))
    assert night.platform.commits == {form: 1}, "a form always goes"
    assert len(night.platform.uploads[sid, "scan-1"]) > 2_000
    assert (sid, "scan-0") not in night.platform.uploads
    entry = night.entry(1)
    assert (entry.last_code, entry.attempts, entry.outcome.sent_once) == ("night_window", 0, True)
    asked = len(night.platform.calls)
    while (night.clock.wall + 8 * 3600) % DAY_S > 12 * 3600:
        night.clock.turn(max(night.loop.step(), 1.0))
        if (night.clock.wall + 8 * 3600) % DAY_S > 12 * 3600:
            assert len(night.platform.calls) == asked, "it waits without a word"
    night.drain()
    assert night.platform.commits == {form: 1, sid: 1}


def test_a_large_part_that_is_under_way_at_dawn_goes_on_the_next_night(night):
    night.clock.wall += 12 * 3600 + 6 * 3600 - 20  # twenty seconds to six
    sid = put(night, 1, (LARGE,))
    slow(night, 8_000)
    night.loop.step()
    assert night.entry(1).last_code == "night_window"
    first = len(night.platform.uploads[sid, "scan-0"])
    assert 0 < first < LARGE
    night.clock.wall += 18 * 3600
    night.clock.mono += 18 * 3600
    night.drain()
    assert night.platform.commits == {sid: 1}


def test_a_clock_that_is_unsure_keeps_nothing_back(night):
    night.clock.is_sure = False
    sid = put(night, 1, (LARGE,))
    night.drain()
    assert night.platform.commits == {sid: 1}


# ── breaker, pauses ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("error", "pause"),
    [
        (Busy("maintenance", None, 503), PauseReason.MAINTENANCE),
        (Busy("busy", 600.0, 503), PauseReason.MAINTENANCE),
        (Busy("busy", None, 503), PauseReason.OVERLOADED),
        (Busy("busy", 600.0, 429), PauseReason.OVERLOADED),
    ],
)
def test_a_platform_that_asks_for_time_is_a_named_pause_that_ends_by_itself(rig, error, pause):
    sid = rig.put()
    rig.platform.script["put"] = [error]
    rig.loop.step()
    assert rig.loop.line == Line(is_reachable=True, pause=pause)
    assert rig.store.stats().pause is pause
    assert rig.entry().attempts == 0
    rig.drain(turn_s=1000)
    assert rig.store.stats().pause is PauseReason.NONE
    assert rig.platform.commits == {sid: 1}


def test_five_faults_in_a_row_are_a_named_pause_too(rig):
    rig.put()
    rig.platform.script["put"] = [Unreachable("server_error", status=500)] * 5
    for _ in range(10):
        rig.clock.turn(rig.loop.step())
        if rig.store.stats().pause:
            break
    assert rig.store.stats().pause is PauseReason.TROUBLE
    rig.drain(turn_s=1000)
    assert rig.store.stats().pause is PauseReason.NONE


def test_a_breaker_outlives_a_restart(rig):
    rig.put()
    rig.platform.script["put"] = [Busy("busy", 100.0, 503)]
    rig.loop.step()
    rig.clock.turn(40)
    rig.loop = rig.start()
    asked = len(rig.platform.calls)
    assert rig.loop.step() == 120.0, "100 s and a jitter of 60, less the 40 that have passed"
    rig.loop.nudge(make_sid(1))
    assert rig.loop.step() > 0, "hurrying does not help an overloaded platform"
    assert len(rig.platform.calls) == asked
    rig.clock.turn(120)
    rig.drain()
    rig.loop = rig.start()
    rig.put(2)
    rig.platform.calls.clear()
    assert rig.loop.step() == 0.0
    assert rig.platform.calls[0][0] == "upload", "and it is forgotten once it has closed"


def test_after_a_reboot_an_open_breaker_is_due_within_a_jitter_and_gives_way_to_a_visit(rig):
    rig.put()
    rig.platform.script["put"] = [Busy("busy", 3000.0, 503)]
    rig.loop.step()
    rig.clock.reboot()
    rig.loop = rig.start()
    assert rig.loop.step() == Pace().return_jitter_s
    rig.loop.nudge(make_sid(1))
    assert rig.loop.step() == 0.0
    assert rig.state() is State.DELIVERED


def test_a_line_that_was_away_and_comes_back_busy_still_hastens_what_waited(rig):
    rig.put()
    rig.platform.is_down = True
    rig.loop.step()
    rig.loop.step()
    rig.platform.is_down = False
    rig.platform.script["probe"] = [Busy("busy", 5.0, 503)]
    rig.clock.turn(3)
    rig.loop.step()
    rig.clock.turn(10)
    assert rig.loop.step() == 0.0
    assert rig.state() is State.DELIVERED


def test_an_upload_that_gets_on_between_cuts_is_neither_counted_nor_put_off(rig):
    sid = put(rig, 1, (700_000,))
    cuts = 0

    def upload(sid, part, progress, inner=rig.platform.upload):
        nonlocal cuts
        pieces = 0

        def some(url: str, offset: int) -> None:
            nonlocal pieces, cuts
            progress(url, offset)
            pieces += 1
            if pieces > 2 and offset < part.size:
                cuts += 1
                raise Unreachable("reset")

        inner(sid, part, some)

    rig.platform.upload = upload
    since = rig.clock.mono
    rig.drain()
    assert cuts >= 5
    assert rig.clock.mono - since <= cuts * Pace().resume_s + 1
    assert rig.platform.commits == {sid: 1}
    assert max(entry.attempts for entry in rig.store.entries()) == 0
    assert PauseReason.TROUBLE not in {line.pause for line in rig.lines}


def test_an_address_that_rests_costs_the_item_nothing(rig):
    rig.put()
    rig.platform.script["put"] = [Busy("moved", 0.0, 0)]
    rig.loop.step()
    assert (rig.entry().attempts, rig.wait_s(), rig.store.stats().pause) == (0, 0.0, PauseReason.NONE)
    rig.loop.step()
    assert rig.state() is State.DELIVERED


# ── order and meaning ───────────────────────────────────────────────────────────────────────


def test_a_correction_never_overtakes_its_submission(rig):
    first = rig.put(1)
    second = rig.put(2, kind=Kind.CORRECTION, after_sid=first)
    third = rig.put(3)
    rig.platform.script["put"] = [Unreachable("server_error", status=500)] * 3
    rig.loop.nudge(second)
    rig.drain(turn_s=30)
    delivered = [change.sid for change in rig.changes if change.new is State.DELIVERED]
    assert delivered.index(first) < delivered.index(second)
    assert sorted(delivered) == [first, second, third]


def test_a_correction_of_a_held_submission_waits_and_the_rest_goes(rig):
    first = rig.put(1)
    second = rig.put(2, kind=Kind.CORRECTION, after_sid=first)
    third = rig.put(3)
    rig.platform.script["put"] = [Refused("unreadable", 422)]
    for _ in range(10):
        rig.clock.turn(rig.loop.step())
    assert [rig.state(number) for number in (1, 2, 3)] == [State.DEAD, State.READY, State.SHREDDED]
    rig.store.requeue(first)
    rig.drain()
    assert rig.platform.commits == {first: 1, second: 1, third: 1}


def test_a_poison_item_never_blocks_the_rest(rig):
    poison = rig.put(1)
    inner = rig.platform.put

    def put_(item, meanwhile):
        if item.sid == poison:
            raise Unreachable("timeout")
        return inner(item, meanwhile)

    rig.platform.put = put_
    for number in range(2, 20):
        rig.put(number)
    for _ in range(200):
        rig.clock.turn(min(rig.loop.step(), 5.0))
    assert rig.platform.commits == {make_sid(number): 1 for number in range(2, 20)}
    assert rig.state() is State.READY
