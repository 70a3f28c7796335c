"""The sync loop, one step at a time: the straight way, what was cut, defects, the thread, forgetting."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest

from offline_queue.api import (
    Answer,
    Busy,
    Change,
    QueueError,
    Refused,
    State,
    StoreCorrupt,
    Unreachable,
)
from offline_queue.backoff import bounded_wait, full_jitter
from offline_queue.line import Pace
from offline_queue.retention import Retention
from offline_queue.sync import SyncLoop
from tests.fixtures.queue import build_manifest, make_facts, make_parts, make_sid
from tests.fixtures.queue_rig import QUICK

# ── the straight way ────────────────────────────────────────────────────────────────────────


def test_a_submission_is_delivered_once_and_shredded(rig):
    sid = rig.put()
    assert rig.loop.step() == 0.0
    outcome = rig.store.find(sid)
    assert (outcome.state, outcome.case_number, outcome.query_code) == (State.DELIVERED, "JX00000001", "4821")
    assert rig.loop.step() == Pace().idle_s
    assert rig.state() is State.SHREDDED
    assert rig.causes() == ["claimed", "sending", "receipt", "shredded"]
    assert [(c.old, c.new) for c in rig.changes][-1] == (State.DELIVERED, State.SHREDDED)
    assert rig.platform.commits == {sid: 1}
    assert list(rig.platform.plain[sid].values()) == [part.data for part in make_parts(seed=1)]


def test_the_submission_of_the_visit_goes_first(rig):
    for number in (1, 2, 3):
        rig.put(number)
    rig.loop.nudge(make_sid(3))
    rig.drain()
    assert [change.sid for change in rig.changes if change.new is State.DELIVERED] == [
        make_sid(3),
        make_sid(1),
        make_sid(2),
    ]


def test_a_nudge_interrupts_the_upload_of_another(rig):
    rig.put(1)
    rig.put(2)
    interrupted = []

    def upload(sid, part, progress, inner=rig.platform.upload):
        if sid == make_sid(1) and not interrupted:
            interrupted.append(sid)
            rig.loop.nudge(make_sid(2))
        inner(sid, part, progress)

    rig.platform.upload = upload
    rig.loop.step()
    assert (rig.state(1), rig.causes()[-1]) == (State.READY, "interrupted")
    assert rig.entry(1).attempts == 0
    rig.loop.step()
    assert rig.state(2) is State.DELIVERED
    rig.drain()
    assert rig.platform.commits == {make_sid(1): 1, make_sid(2): 1}


def test_a_nudge_waives_the_due_time_once(rig):
    rig.put()
    rig.platform.script["put"] = [Busy("in_progress", 600, 409)]
    rig.loop.step()
    assert rig.loop.step() > 0
    rig.loop.nudge(make_sid(1))
    assert rig.loop.step() == 0.0
    assert rig.state() is State.DELIVERED


# ── resuming ───────────────────────────────────────────────────────────────────────────────


def test_an_upload_resumes_where_it_was_cut(rig, bench):
    rig.store.put(make_sid(1), make_parts((300_000,)), build_manifest(), make_facts(), bench.opener.keys)
    rig.platform.script["upload"] = ["drop_reply"]
    rig.loop.step()
    assert (rig.state(), rig.entry().attempts, rig.entry().last_code) == (State.READY, 1, "unreachable")
    offsets = []

    def upload(sid, part, progress, inner=rig.platform.upload):
        offsets.append((part.upload_url != "", part.acked_offset))
        inner(sid, part, progress)

    rig.platform.upload = upload
    rig.drain()
    assert offsets == [(True, 0)], "the address was saved before the first byte"
    assert rig.platform.commits == {make_sid(1): 1}


def test_a_lost_last_acknowledgement_counts_as_uploaded(rig):
    rig.put()

    def upload(sid, part, progress):
        rig.platform.uploads[sid, part.name] = Path(part.path).read_bytes()
        progress("https://platform/u", 0)

    rig.platform.upload = upload
    rig.platform.script["put"] = [Unreachable("reset")]
    rig.loop.step()
    rig.drain()
    assert rig.state() is State.SHREDDED
    assert [call for call in rig.platform.calls if call[0] == "put"] == [("put", make_sid(1))] * 2


# ── after an ambiguous PUT ──────────────────────────────────────────────────────────────────


def test_after_a_lost_reply_the_status_is_asked_first_and_nothing_is_sent_again(rig):
    sid = rig.put()
    rig.platform.script["put"] = ["drop_reply"]
    rig.loop.step()
    outcome = rig.store.find(sid)
    assert (outcome.state, outcome.sent_once) == (State.READY, True)
    before = len(rig.platform.calls)
    rig.drain()
    after = [operation for operation, _ in rig.platform.calls[before:] if operation != "probe"]
    assert after == ["status"]
    assert rig.platform.commits == {sid: 1}


def test_a_request_that_never_arrived_is_sent_again(rig):
    sid = rig.put()
    rig.platform.script["put"] = [Unreachable("timeout")]
    rig.loop.step()
    rig.drain()
    operations = [operation for operation, _ in rig.platform.calls if operation not in {"probe", "upload"}]
    assert operations == ["put", "status", "put"]
    assert rig.platform.commits == {sid: 1}


def test_a_status_that_still_processes_waits(rig):
    rig.put()
    rig.platform.script["put"] = ["drop_reply"]
    rig.platform.script["status"] = [Answer("processing", retry_after_s=7)]
    rig.loop.step()
    rig.clock.turn(2)
    rig.loop.step()
    assert (rig.state(), rig.causes()[-1], rig.wait_s()) == (State.READY, "waiting", 7)
    assert rig.entry().attempts == 1, "waiting counts as no attempt"
    rig.drain()
    assert rig.platform.commits == {make_sid(1): 1}


def test_a_refusal_in_the_status_is_checked_by_another_put(rig):
    """A technician may have had the reason repaired and sent the dead letter again."""
    sid = rig.put()
    rig.platform.script["put"] = [Refused("unreadable", 422)]
    rig.platform.refusals[sid] = "unreadable"
    rig.loop.step()
    assert rig.store.find(sid).dead_reason == "unreadable"
    rig.store.requeue(sid)
    rig.drain()
    assert rig.platform.commits == {sid: 1}


# ── defects ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.expected_log("defect at")
@pytest.mark.parametrize("error", [ValueError("x"), QueueError("blob_unreadable")])
def test_a_defect_at_one_item_is_logged_and_the_rest_goes_on(rig, caplog, error):
    rig.put(1)
    rig.put(2)
    rig.platform.script["upload"] = [error]
    rig.loop.step()
    assert (rig.state(1), rig.causes()[-1], rig.entry().attempts) == (State.READY, "defect", 1)
    rig.loop.step()
    assert rig.state(2) is State.DELIVERED
    rig.drain()
    assert f"defect at {make_sid(1)}" in caplog.text


@pytest.mark.expected_log("listener failed")
def test_a_listener_that_fails_undoes_nothing(rig):
    rig.put()

    def fail(change: Change) -> None:
        raise RuntimeError

    rig.loop = SyncLoop(rig.store, rig.platform, rig.bench.verifier, rig.clock, fail)
    rig.drain()
    assert rig.state() is State.SHREDDED


def test_an_attempt_that_could_not_be_written_down_is_taken_up_again(rig, monkeypatch):
    rig.put()
    monkeypatch.setattr(rig.store, "mark_sending", _raise(StoreCorrupt("sqlite")))
    with pytest.raises(StoreCorrupt):
        rig.loop.step()
    assert rig.state() is State.CLAIMED
    monkeypatch.undo()
    rig.drain()
    assert rig.platform.commits == {make_sid(1): 1}


def _raise(error: Exception):
    def fail(*values: object, **named: object) -> None:
        raise error

    return fail


# ── the thread ──────────────────────────────────────────────────────────────────────────────


def test_the_thread_delivers_what_is_nudged_and_stops(rig):
    loop = rig.start(pace=QUICK)
    loop.start()
    try:
        sid = rig.put()
        loop.nudge(sid)
        outcome = loop.wait_settled(sid, 30)
        assert outcome.state in {State.DELIVERED, State.SHREDDED}
    finally:
        assert loop.stop()
    assert loop.wait_settled(make_sid(9), 0.0) is None


def test_stopping_gives_the_claimed_item_back(rig):
    rig.put()
    uploading = threading.Event()

    def upload(sid, part, progress):
        progress("https://platform/u", 0)
        uploading.set()
        for _ in range(10_000_000):
            progress("https://platform/u", 1)

    rig.platform.upload = upload
    loop = rig.start(pace=QUICK)
    loop.start()
    assert uploading.wait(30)
    assert loop.stop()
    assert (rig.state(), rig.causes()[-1]) == (State.READY, "interrupted")


def test_a_loop_that_never_started_stops(rig):
    assert rig.loop.stop()


@pytest.mark.expected_log("sync loop: ")
@pytest.mark.parametrize("error", [StoreCorrupt("sqlite"), RuntimeError("x")])
def test_the_thread_outlives_trouble_with_the_store(rig, monkeypatch, caplog, error):
    failed = threading.Event()
    inner, faults = rig.store.claim, [error, error]

    def claim(*values: object, **named: object):
        if faults:
            failed.set()
            raise faults.pop()
        return inner(*values, **named)

    monkeypatch.setattr(rig.store, "claim", claim)
    loop = rig.start(pace=QUICK)
    loop.start()
    try:
        assert failed.wait(30)
        sid = rig.put()
        loop.nudge(sid)
        assert loop.wait_settled(sid, 30).state in {State.DELIVERED, State.SHREDDED}
    finally:
        loop.stop()
    lines = [record.getMessage() for record in caplog.records if "sync loop" in record.getMessage()]
    assert len(lines) == 2, "the trouble once, the recovery once"


# ── back-off and retention ──────────────────────────────────────────────────────────────────


def test_backoff_is_full_jitter_with_a_ceiling():
    rng = random.Random(5)
    for attempts, ceiling in ((-1, 2.0), (0, 2.0), (1, 4.0), (5, 64.0), (9, 900.0), (10_000, 900.0)):
        draws = [full_jitter(attempts, rng) for _ in range(500)]
        assert 0 <= min(draws) < ceiling * 0.05
        assert ceiling * 0.95 < max(draws) <= ceiling


def test_retry_after_is_bounded():
    assert bounded_wait(None, 5.0) == 5.0
    assert bounded_wait(-1.0, 5.0) == 5.0
    assert bounded_wait(0.0, 5.0) == 0.0
    assert bounded_wait(7200.0, 5.0) == 3600.0


def test_nothing_waits_longer_than_its_attempts_say_however_often_it_fails(rig):
    rig.put()
    rig.platform.script["put"] = [Unreachable("server_error", status=500)] * 40
    for _ in range(400):
        rig.loop.step()
        if rig.state() is not State.READY:
            break
        assert rig.wait_s() <= 900
        rig.clock.turn(900)
    assert rig.state() in {State.DELIVERED, State.SHREDDED}, "transient faults never dead-letter"


def test_content_stays_for_the_grace_time(rig):
    rig.loop = rig.start(retention=Retention(rig.store, rig.clock, grace_s=60))
    rig.put()
    rig.loop.step()
    rig.loop.step()
    assert rig.state() is State.DELIVERED
    rig.clock.turn(60)
    rig.loop.step()
    assert rig.state() is State.SHREDDED


def test_tombstones_stay_a_month_and_longer_by_a_clock_that_is_unsure(rig):
    sid = rig.put()
    rig.drain()
    rig.clock.turn(31 * 86_400)
    rig.clock.is_sure = False
    rig.loop.step()
    assert rig.store.find(sid).state is State.SHREDDED
    rig.clock.is_sure = True
    rig.loop.step()
    assert rig.store.find(sid) is None


def test_logs_name_sids_and_codes_only(rig, caplog, bench):
    rig.store.put(make_sid(1), make_parts(), build_manifest("欧阳建国"), make_facts(), bench.opener.keys)
    rig.platform.is_down = True
    rig.loop.step()
    rig.loop.step()
    rig.platform.is_down = False
    rig.drain()
    assert "reachable=False" in caplog.text
    assert "欧阳建国" not in caplog.text
