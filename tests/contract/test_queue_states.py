"""Who goes next, and which state follows which: what no caller can make the store do."""

from __future__ import annotations

import msgspec
import pytest

from offline_queue.api import (
    Cause,
    Kind,
    QueueError,
    Receipt,
    SignedObject,
    State,
    StoreCorrupt,
)
from tests.fixtures.queue import make_sid
from tests.fixtures.queue_looks import blob_files, deliver, peek, read

# ── claiming ────────────────────────────────────────────────────────────────────────────────


def test_order_is_preferred_then_priority_then_number(bench):
    store = bench.open()
    bench.put(store, 1, kind=Kind.LOG)
    bench.put(store, 2, kind=Kind.RATING)
    bench.put(store, 3)
    bench.put(store, 4)
    assert [store.claim(make_sid(4)).seq, *(store.claim().seq for _ in range(3))] == [4, 3, 2, 1]
    assert store.claim(make_sid(4)) is None


def test_a_released_item_waits_for_its_time_and_the_rest_goes_on(bench):
    store = bench.open()
    bench.put(store, 1)
    bench.put(store, 2)
    store.claim()
    store.release(make_sid(1), Cause.UNREACHABLE, wait_s=30, is_counted=True, status=0, code="unreachable")
    assert store.claim().seq == 2
    assert store.claim() is None
    assert store.wait_s() == 30.0
    assert store.claim(make_sid(1)) is None, "preference does not waive the due time"
    bench.clock.turn(30)
    assert store.wait_s() is None
    assert store.claim().attempts == 1


def test_a_waived_due_time_and_a_returned_line_make_it_due(bench):
    store = bench.open()
    bench.put(store, 1)
    store.claim()
    store.release(make_sid(1), Cause.UNREACHABLE, wait_s=900, code="unreachable")
    assert store.claim(make_sid(1), is_due_waived=True).seq == 1
    store.release(make_sid(1), Cause.WAITING, wait_s=900, code="busy")
    store.hasten()
    assert store.claim() is None, "the platform asked to wait: a returned line changes nothing"
    store.claim(make_sid(1), is_due_waived=True)
    store.release(make_sid(1), Cause.UNREACHABLE, wait_s=900, code="unreachable")
    store.hasten()
    assert store.claim().seq == 1


@pytest.mark.parametrize("jump_s", [10 * 365 * 86_400.0, -10 * 365 * 86_400.0, 31 * 86_400.0])
def test_a_jumping_wall_clock_moves_no_due_time(bench, jump_s):
    store = bench.open()
    bench.put(store, 1)
    store.claim()
    store.release(make_sid(1), Cause.UNREACHABLE, wait_s=30)
    bench.clock.wall += jump_s
    assert store.claim() is None
    bench.put(store, 2)
    assert [entry.seq for entry in store.entries()] == [1, 2]
    bench.clock.turn(30)
    assert store.claim().seq == 1


def test_another_boot_makes_everything_due(bench):
    store = bench.open()
    bench.put(store, 1)
    store.claim()
    store.release(make_sid(1), Cause.UNREACHABLE, wait_s=900)
    store.close()
    bench.clock.reboot()
    store = bench.open()
    assert store.wait_s() is None
    assert store.claim().seq == 1


def test_what_must_come_after_waits_for_the_receipt(bench):
    store = bench.open()
    bench.put(store, 1)
    bench.put(store, 2, after_sid=make_sid(1))
    bench.put(store, 3, after_sid=make_sid(99))
    assert store.claim(make_sid(2)).seq == 1, "2 may not go yet"
    assert store.claim().seq == 3, "an unknown predecessor is the platform's matter"
    assert store.claim() is None
    store.release(make_sid(1), Cause.INTERRUPTED)
    deliver(bench, store, 1)
    store.shred(make_sid(1))
    assert store.claim().seq == 2


def test_upload_progress_is_kept_and_can_be_forgotten(bench):
    store = bench.open()
    bench.put(store, 1)
    store.claim()
    store.progress(make_sid(1), "scan-0", "https://p/u/1", 100)
    store.progress(make_sid(1), "scan-1", "https://p/u/2", 10**9)
    assert read(bench, "SELECT state FROM attachment ORDER BY part") == [("uploading",), ("uploaded",)]
    store.close()
    store = bench.open()
    first, second = store.claim().parts
    assert (first.upload_url, first.acked_offset) == ("https://p/u/1", 100)
    assert (second.upload_url, second.acked_offset) == ("https://p/u/2", 10**9)
    store.progress(make_sid(1), "scan-0", "", 0)
    assert read(bench, "SELECT state, acked_offset FROM attachment ORDER BY part")[0] == ("local", 0)


# ── states ──────────────────────────────────────────────────────────────────────────────────


def test_every_change_of_state_leaves_its_transition(bench):
    store = bench.open()
    bench.put(store, 1)
    store.claim()
    store.release(make_sid(1), Cause.WAITING, status=202, code="processing")
    deliver(bench, store, 1)
    store.shred(make_sid(1))
    steps = [(t.old, t.new, t.cause, t.status, t.code) for t in store.unaudited()]
    assert steps == [
        ("", "ready", Cause.STORED, 0, ""),
        ("ready", "claimed", Cause.CLAIMED, 0, ""),
        ("claimed", "ready", Cause.WAITING, 202, "processing"),
        ("ready", "claimed", Cause.CLAIMED, 0, ""),
        ("claimed", "sending", Cause.SENDING, 0, ""),
        ("sending", "delivered", Cause.RECEIPT, 0, ""),
        ("delivered", "shredded", Cause.SHREDDED, 0, ""),
    ]
    first, second, *_ = store.unaudited()
    assert (first.n, first.sid, first.seq, first.at_wall) == (1, make_sid(1), 1, "2026-11-23T02:13:20.000Z")
    store.mark_audited(second.n)
    assert [t.n for t in store.unaudited(limit=2)] == [3, 4]


def test_changes_that_the_state_machine_does_not_list_raise(bench):
    store = bench.open()
    bench.put(store, 1)
    sid = make_sid(1)
    for change in (
        lambda: store.mark_sending(sid),
        lambda: store.release(sid, Cause.WAITING),
        lambda: store.settle_dead(sid, ""),
        lambda: store.requeue(sid),
        lambda: store.shred(sid),
    ):
        with pytest.raises(QueueError, match="bad_transition"):
            change()
        assert store.find(sid).state is State.READY
    with pytest.raises(QueueError, match="unknown_sid"):
        store.requeue(make_sid(2))


def test_delivered_needs_a_receipt_of_this_very_submission(bench):
    store = bench.open()
    bench.put(store, 1)
    item = store.claim()
    store.mark_sending(item.sid)
    good = Receipt(item.sid, "K-000123", 1, item.manifest_sha256, "JX1", 0, "4821")
    signed = SignedObject(b"{}", "r-1", bytes(64))
    for field, other in (("sid", make_sid(2)), ("dev", "K-999999"), ("seq", 2), ("manifest_sha256", "00" * 32)):
        with pytest.raises(QueueError, match="receipt_mismatch"):
            store.settle_delivered(item.sid, signed, msgspec.structs.replace(good, **{field: other}))
        assert store.find(item.sid).state is State.SENDING
    outcome = store.settle_delivered(item.sid, signed, good)
    assert (outcome.state, outcome.case_number, outcome.query_code) == (State.DELIVERED, "JX1", "4821")
    assert outcome.delivered_wall == "2026-11-23T02:13:20.000Z"


def test_a_dead_letter_keeps_its_bytes_and_can_be_sent_again(bench):
    store = bench.open()
    bench.put(store, 1)
    before = store.claim()
    store.mark_sending(before.sid)
    outcome = store.settle_dead(before.sid, "hash_mismatch", 422)
    assert (outcome.state, outcome.dead_reason, outcome.sent_once) == (State.DEAD, "hash_mismatch", True)
    assert store.claim() is None
    assert [letter.sid for letter in store.dead_letters()] == [before.sid]
    outcome = store.requeue(before.sid)
    assert (outcome.state, outcome.dead_reason, outcome.sent_once) == (State.READY, "", True)
    after = store.claim()
    assert (after.envelope, after.manifest, after.attempts) == (before.envelope, before.manifest, 0)


def test_a_late_receipt_raises_a_dead_letter(bench):
    store = bench.open()
    bench.put(store, 1)
    item = store.claim()
    store.mark_sending(item.sid)
    store.settle_dead(item.sid, "refused", 422)
    signed = bench.platform.make_receipt(item.sid, 1, item.manifest_sha256)
    receipt = bench.verifier.verify_receipt(signed, item.sid, "K-000123", 1, item.manifest_sha256)
    outcome = store.settle_delivered(item.sid, signed, receipt)
    assert (outcome.state, outcome.dead_reason) == (State.DELIVERED, "")
    assert store.unaudited()[-1].cause is Cause.LATE_RECEIPT


def test_shredding_leaves_the_tombstone_and_nothing_else(bench):
    store = bench.open()
    bench.put(store, 1)
    bench.put(store, 2)
    deliver(bench, store, 1)
    assert store.shreddable(bench.clock.wall - 1) == ()
    assert store.shreddable(bench.clock.wall) == (make_sid(1),)
    outcome = store.shred(make_sid(1))
    assert (outcome.state, outcome.case_number) == (State.SHREDDED, "JX00000001")
    assert store.checkpoint()
    assert (bench.folder / "queue.db-wal").stat().st_size == 0
    assert len(blob_files(bench)) == 2, "the other submission's parts are untouched"
    row = read(bench, "SELECT manifest, length(envelope) > 0, length(receipt_sig) FROM submission WHERE seq = 1")
    assert row == [(None, 1, 64)]
    assert read(bench, "SELECT DISTINCT state FROM attachment WHERE submission_seq = 1") == [("gone",)]
    with pytest.raises(QueueError, match="bad_transition"):
        store.shred(make_sid(1))


def test_tombstones_go_after_their_time_and_the_number_is_never_used_again(bench):
    store = bench.open()
    bench.put(store, 1)
    deliver(bench, store, 1)
    bench.put(store, 2)
    store.shred(make_sid(1))
    store.mark_audited(3)
    assert store.forget(bench.clock.wall) == 0
    assert store.forget(bench.clock.wall + 1) == 1
    assert store.find(make_sid(1)) is None
    assert [(t.old, t.new, t.cause) for t in store.unaudited()][-1] == ("shredded", "removed", Cause.EXPIRED)
    assert read(bench, "SELECT count(*) FROM attachment") == [(2,)]
    assert store.forget(bench.clock.wall + 1) == 0
    assert bench.put(store, 3).seq == 3


def test_a_reader_in_the_way_of_the_checkpoint_is_reported(bench):
    store = bench.open()
    bench.put(store, 1)
    connection = peek(bench)
    try:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM submission").fetchone()
        bench.put(store, 2)
        store.close()
        store = bench.open()
        bench.put(store, 3)
        assert not store.checkpoint()
    finally:
        connection.close()
    assert store.checkpoint()


def test_a_closed_store_says_so(bench):
    store = bench.open()
    store.close()
    with pytest.raises(StoreCorrupt):
        store.checkpoint()
    with pytest.raises(StoreCorrupt):
        store.stats()
