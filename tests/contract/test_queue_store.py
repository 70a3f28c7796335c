"""The contract of the durable outbox: what a ticket promises, and what no caller can make it do."""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlite_utils.migrations import Migrations

from offline_queue import blobs as blobs_module
from offline_queue import database
from offline_queue import store as store_module
from offline_queue.api import (
    Cause,
    DiskFull,
    Kind,
    PauseReason,
    PlainPart,
    QueueError,
    Receipt,
    SealFault,
    SignedObject,
    State,
    StoreBusy,
    StoreCorrupt,
    StoreTooNew,
)
from offline_queue.intake import check_character, intake_number, wall_text
from offline_queue.migrations import SCHEMA, Schema, m001_tables, m002_due
from offline_queue.peek import export_letter, read_entries
from offline_queue.store import Limits, QueueStore
from tests.fixtures.queue import Bench, build_manifest, find_plaintext, make_facts, make_parts, make_sid, verify_raw

ROOT = Path(__file__).parents[2]


def peek(bench: Bench) -> sqlite3.Connection:
    """Open the store's file a second time, for looking only."""
    connection = sqlite3.connect(f"file:{bench.folder / 'queue.db'}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    return connection


def read(bench: Bench, query: str) -> list[tuple]:
    connection = peek(bench)
    try:
        return [tuple(row) for row in connection.execute(query)]
    finally:
        connection.close()


def blob_files(bench: Bench) -> list[Path]:
    return [path for path in (bench.folder / "blobs").rglob("*") if path.is_file()]


def deliver(bench: Bench, store: QueueStore, number: int) -> None:
    """Take a submission through to `delivered` by hand."""
    claimed = store.claim(make_sid(number))
    store.mark_sending(claimed.sid)
    signed = bench.platform.make_receipt(claimed.sid, claimed.seq, claimed.manifest_sha256)
    receipt = bench.verifier.verify_receipt(signed, claimed.sid, store.device_id, claimed.seq, claimed.manifest_sha256)
    store.settle_delivered(claimed.sid, signed, receipt)


# ── the promise ─────────────────────────────────────────────────────────────────────────────


def test_a_ticket_names_what_lies_sealed_on_disk(bench):
    store = bench.open()
    parts = make_parts((300_000, 10))
    ticket = store.put(make_sid(1), parts, build_manifest("张三"), make_facts(), bench.opener.keys)
    assert (ticket.sid, ticket.seq) == (make_sid(1), 1)
    assert ticket.intake_number == "K-000123-000001-T"
    assert ticket.created_wall == "2026-11-23T02:13:20.000Z"

    item = store.claim()
    assert item.intake_number == ticket.intake_number
    assert not item.sent_once
    header, manifest = bench.opener.open(item.manifest)
    assert (header["seq"], header["part"], header["typ"]) == (1, "manifest", "manifest")
    assert json.loads(manifest)["answers"] == {"name": "张三"}
    assert item.manifest_sha256 == hashlib.sha256(item.manifest).hexdigest()
    for plain, part in zip(parts, item.parts, strict=True):
        blob = Path(part.path).read_bytes()
        assert (part.name, part.size, part.sha256) == (plain.name, len(blob), hashlib.sha256(blob).hexdigest())
        assert bench.opener.open(blob)[1] == plain.data
        assert stat.S_IMODE(Path(part.path).stat().st_mode) == 0o600


def test_the_envelope_is_signed_canonical_and_complete(bench):
    store = bench.open()
    facts = make_facts(Kind.CORRECTION, audit_head="ab" * 32, after_sid=make_sid(9), clock_ok=False)
    store.put(make_sid(1), make_parts((5, 6)), build_manifest(), facts, bench.opener.keys)
    item = store.claim()
    assert verify_raw(bench.signer.key.public_key(), "kiosk/submit/v1", item.envelope)
    value = json.loads(item.envelope.object)
    assert json.dumps(value, sort_keys=True, separators=(",", ":")).encode() == item.envelope.object
    assert value.pop("manifest") == {"sha256": item.manifest_sha256, "bytes": len(item.manifest)}
    assert value.pop("parts") == [{"part": p.name, "sha256": p.sha256, "bytes": p.size} for p in item.parts]
    assert value == {
        "v": 1,
        "typ": "submission",
        "sid": make_sid(1),
        "dev": "K-000123",
        "seq": 1,
        "kind": "correction",
        "item": "SIM-MZ-0008",
        "cat": "2026.11.2",
        "app": "0.1.0",
        "after": make_sid(9),
        "void": [],
        "prev": "ab" * 32,
        "ts": 1_795_400_000,
        "clk": "unsure",
        "cert": bench.signer.certificate_serial,
        "alg": "ES256",
    }


def test_a_known_sid_returns_its_ticket_and_stores_nothing(bench):
    store = bench.open()
    first = bench.put(store, 1)
    files = blob_files(bench)
    bench.clock.turn(60)
    assert bench.put(store, 1) == first
    assert store.ticket(make_sid(1)) == first
    assert store.ticket(make_sid(2)) is None
    assert blob_files(bench) == files
    store.close()
    assert bench.put(bench.open(), 1) == first


def test_numbers_run_on_over_restarts_and_failures_leave_no_gap(bench):
    store = bench.open()
    assert bench.put(store, 1).seq == 1
    with pytest.raises(SealFault):
        store.put(make_sid(2), make_parts(), build_manifest(), make_facts(), ())
    store.close()
    store = bench.open()
    assert bench.put(store, 3).seq == 2


def test_what_was_put_survives_reopening(bench):
    store = bench.open()
    ticket = bench.put(store, 1)
    store.close()
    again = bench.open()
    assert again.find(make_sid(1)).intake_number == ticket.intake_number
    assert again.find(make_sid(2)) is None
    assert len(again.claim().parts) == 2


def test_the_same_bytes_in_two_slots_are_two_parts(bench):
    store = bench.open()
    parts = (PlainPart("front", b"same"), PlainPart("back", b"same"))
    store.put(make_sid(1), parts, build_manifest(), make_facts(), bench.opener.keys)
    assert [part.name for part in store.claim().parts] == ["back", "front"]


def test_a_submission_without_parts_is_one_too(bench):
    store = bench.open()
    store.put(make_sid(1), (), build_manifest(), make_facts(Kind.RATING), bench.opener.keys)
    assert store.claim().parts == ()


@pytest.mark.parametrize(
    "parts",
    [
        (PlainPart("a", b""), PlainPart("a", b"")),
        (PlainPart("manifest", b""),),
        (PlainPart("../up", b""),),
    ],
)
def test_part_names_that_are_none_store_nothing(bench, parts):
    store = bench.open()
    with pytest.raises(SealFault):
        store.put(make_sid(1), parts, build_manifest(), make_facts(), bench.opener.keys)
    with pytest.raises(SealFault):
        store.put(make_sid(1), (), build_manifest(), make_facts(item="x" * 65), bench.opener.keys)
    assert blob_files(bench) == []
    assert store.find(make_sid(1)) is None


def test_a_signer_that_is_away_stores_nothing(bench):
    store = bench.open()
    bench.signer.is_available = False
    with pytest.raises(QueueError, match="signer_unavailable"):
        bench.put(store, 1)
    assert blob_files(bench) == []
    bench.signer.is_available = True
    assert bench.put(store, 1).seq == 1


def test_an_outdated_key_still_seals_and_says_so(bench, caplog):
    store = bench.open()
    key = msgspec.structs.replace(bench.opener.hybrid_key, not_after=10)
    store.put(make_sid(1), make_parts(), build_manifest(), make_facts(), (key,))
    assert "outdated key: p-2026-11" in caplog.text
    claimed = store.claim()
    assert claimed is not None
    assert json.loads(claimed.envelope.object)["stale_kid"] == "p-2026-11"


def test_find_waits_for_a_put_of_the_same_sid(bench):
    """At its deadline the runner asks the store: the answer must be final."""
    store = bench.open()
    entered, go = threading.Event(), threading.Event()

    def slow_manifest(parts):
        entered.set()
        assert go.wait(30)
        return build_manifest()(parts)

    putting = threading.Thread(
        target=store.put, args=(make_sid(1), make_parts(), slow_manifest, make_facts(), bench.opener.keys)
    )
    putting.start()
    assert entered.wait(30)
    assert store.find(make_sid(2)) is None, "another sid does not wait"
    found, asking = [], threading.Event()

    def ask() -> None:
        asking.set()
        found.append(store.find(make_sid(1)))

    thread = threading.Thread(target=ask)
    thread.start()
    assert asking.wait(30)
    thread.join(0.05)
    assert thread.is_alive(), "no answer while it is open"
    go.set()
    thread.join(30)
    putting.join(30)
    assert found[0] is not None
    assert found[0].state is State.READY


def test_many_threads_may_put_and_claim_at_once(bench):
    store = bench.open()
    claimed: list[str] = []

    def put(first: int) -> None:
        for number in range(first, first + 5):
            store.put(make_sid(number), (), build_manifest(), make_facts(), bench.opener.keys)

    def claim() -> None:
        for _ in range(200):
            item = store.claim()
            if item:
                claimed.append(item.sid)

    threads = [threading.Thread(target=put, args=(n * 5,)) for n in range(4)] + [
        threading.Thread(target=claim) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    while item := store.claim():
        claimed.append(item.sid)
    assert sorted(claimed) == [make_sid(number) for number in range(20)], "each once"
    assert [entry.seq for entry in store.entries()] == list(range(1, 21))


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


# ── looking from outside ────────────────────────────────────────────────────────────────────


def test_a_running_store_can_be_listed_from_outside(bench):
    with pytest.raises(QueueError, match="no_store"):
        read_entries(bench.folder)
    store = bench.open()
    for number in (1, 2, 3):
        bench.put(store, number)
    store.claim()
    assert read_entries(bench.folder) == store.entries()
    assert [e.seq for e in read_entries(bench.folder, (State.READY,), 1)] == [3]
    (bench.folder / "other").mkdir()
    (bench.folder / "other" / "queue.db").write_bytes(b"no database, for certain" * 50)
    with pytest.raises(StoreCorrupt):
        read_entries(bench.folder / "other")


def test_a_dead_letter_is_exported_sealed_and_stays(bench, tmp_path):
    store = bench.open()
    bench.put(store, 1)
    item = store.claim()
    with pytest.raises(QueueError, match="not_dead"):
        export_letter(bench.folder, make_sid(1), tmp_path / "out")
    with pytest.raises(QueueError, match="unknown_sid"):
        export_letter(bench.folder, make_sid(2), tmp_path / "out")
    store.settle_dead(make_sid(1), "refused", 422)
    files = export_letter(bench.folder, make_sid(1), tmp_path / "out")
    assert [path.name for path in files] == ["envelope.json", "manifest.ksb1", "scan-0.ksb1", "scan-1.ksb1"]
    signed = json.loads(files[0].read_bytes())
    assert base64.urlsafe_b64decode(signed["o"] + "==") == item.envelope.object
    assert files[1].read_bytes() == item.manifest
    for part, path in zip(item.parts, files[2:], strict=True):
        assert path.read_bytes() == Path(part.path).read_bytes()
    with pytest.raises(StoreCorrupt, match="EEXIST"):
        export_letter(bench.folder, make_sid(1), tmp_path / "out")
    assert store.find(make_sid(1)).state is State.DEAD


# ── stats, quotas, full disks ───────────────────────────────────────────────────────────────


def test_stats_count_what_is_there(bench):
    store = bench.open()
    assert store.stats().oldest_wall == ""
    for number in range(1, 6):
        bench.put(store, number)
        bench.clock.turn(1)
    deliver(bench, store, 1)
    deliver(bench, store, 2)
    store.shred(make_sid(1))
    store.claim()
    store.settle_dead(make_sid(3), "refused", 422)
    store.claim()
    store.set_pause(PauseReason.SUSPENDED)
    stats = store.stats()
    assert (stats.ready, stats.sending, stats.delivered, stats.shredded, stats.dead) == (1, 1, 1, 1, 1)
    assert stats.bytes_waiting == sum(e.bytes for e in store.entries((State.READY, State.CLAIMED)))
    assert (stats.oldest_wall, stats.pause) == (wall_text(1_795_400_003), PauseReason.SUSPENDED)
    assert stats.is_accepting
    assert [o.sid for o in store.outcomes((State.DEAD,))] == [make_sid(3)]
    assert [e.seq for e in store.entries(limit=2)] == [4, 5], "the newest, in order"
    entry = store.entries((State.DEAD,))[0]
    assert (entry.kind, entry.item, entry.last_status, entry.last_code) == (
        Kind.SUBMISSION,
        "SIM-MZ-0008",
        422,
        "refused",
    )


@pytest.mark.parametrize("limits", [Limits(rows=1), Limits(bytes=1000), Limits(free_floor_bytes=2**62)])
def test_a_quota_or_a_full_disk_ends_new_visits(bench, limits):
    store = bench.open(limits=limits, free_bytes=lambda folder: 2**61 + 2**40)
    bench.put(store, 1)
    assert not store.is_accepting()
    assert bench.put(store, 2).seq == 2, "who has begun may still finish"


def test_below_half_the_floor_nothing_is_stored(bench):
    free = [10 * 2**20]
    store = bench.open(limits=Limits(free_floor_bytes=20 * 2**20), free_bytes=lambda folder: free[0])
    with pytest.raises(DiskFull, match="free_floor"):
        bench.put(store, 1)
    assert blob_files(bench) == []
    free[0] = 30 * 2**20
    assert bench.put(store, 1).seq == 1


def test_a_full_database_stores_nothing_and_recovers(bench):
    store = bench.open(limits=Limits(database_bytes=180_000))

    def fill() -> None:
        for number in range(1, 100):
            bench.put(store, number)

    with pytest.raises(DiskFull, match="database_full"):
        fill()
    stored = len(store.entries())
    assert stored > 2
    assert store.find(make_sid(stored + 1)) is None
    assert len(blob_files(bench)) == 2 * stored, "no orphan of the refused one"
    store.close()
    assert bench.put(bench.open(), 1000).seq == stored + 1


def test_a_disk_without_room_at_the_rename_stores_nothing(bench, monkeypatch):
    store = bench.open()

    def no_room(folder: Path) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(blobs_module, "sync_folder", no_room)
    with pytest.raises(DiskFull, match="disk_full"):
        bench.put(store, 1)
    assert blob_files(bench) == []
    monkeypatch.undo()
    assert bench.put(store, 1).seq == 1


def test_after_a_broken_statement_nothing_more_is_promised(bench):
    """A commit that fails may still be on disk: the files stay, and only the next open decides."""
    store = bench.open()
    bench.put(store, 1)
    saboteur = sqlite3.connect(bench.folder / "queue.db")
    saboteur.execute("CREATE TRIGGER t BEFORE INSERT ON attachment BEGIN SELECT RAISE(ABORT, 'broken'); END")
    saboteur.close()
    with pytest.raises(StoreCorrupt, match="sqlite"):
        bench.put(store, 2)
    assert len(blob_files(bench)) == 4
    assert not store.is_accepting()
    with pytest.raises(StoreCorrupt, match="faulted"):
        bench.put(store, 3)
    assert store.find(make_sid(1)).state is State.READY, "older ones are intact"
    store.close()
    saboteur = sqlite3.connect(bench.folder / "queue.db")
    saboteur.execute("DROP TRIGGER t")
    saboteur.close()
    store = bench.open()
    assert len(blob_files(bench)) == 2
    assert store.find(make_sid(2)) is None
    assert bench.put(store, 2).seq == 2


def test_two_writers_of_one_number_cannot_both_win(bench):
    store = bench.open()
    bench.put(store, 1)
    item = store.claim()
    entry = store_module.Entry(make_sid(7), 1, make_facts(), item.envelope, item.manifest, ())
    with pytest.raises(QueueError, match="seq_taken"):
        store.commit(entry)


# ── opening ─────────────────────────────────────────────────────────────────────────────────


def test_every_pragma_is_set_and_the_folder_is_private(bench):
    store = bench.open()
    found = {name: store._ledger._connection.execute(f"PRAGMA {name}").fetchone()[0] for name, _, _ in database.PRAGMAS}
    assert found == {name: expected for name, _, expected in database.PRAGMAS}
    assert found["synchronous"] == 2
    assert stat.S_IMODE(bench.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((bench.folder / "queue.db").stat().st_mode) == 0o600
    assert read(bench, "SELECT count(*) FROM pragma_table_list WHERE strict = 1") == [(4,)]


def test_a_pragma_that_does_not_hold_refuses_to_open(bench, monkeypatch):
    monkeypatch.setattr(database, "PRAGMAS", (("synchronous", "NORMAL", 2),))
    with pytest.raises(StoreCorrupt, match="pragma"):
        bench.open()


def test_a_second_store_on_the_same_folder_is_refused(bench):
    store = bench.open()
    with pytest.raises(StoreBusy):
        bench.open()
    store.close()
    bench.open()


def test_a_second_process_is_refused_while_the_first_lives(bench):
    bench.open()
    script = (
        "import pathlib, sys\n"
        "from offline_queue.api import StoreBusy\n"
        "from tests.fixtures.queue import Bench\n"
        "try:\n"
        "    Bench(pathlib.Path(sys.argv[1])).open()\n"
        "except StoreBusy:\n"
        "    raise SystemExit(7)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(bench.folder)], cwd=ROOT, check=False, timeout=60)
    assert done.returncode == 7


def test_a_store_is_a_context_that_closes_itself(bench):
    with QueueStore(bench.folder, clock=bench.clock, signer=bench.signer, device_id="K-777777") as store:
        assert store.device_id == "K-777777"
        assert bench.put(store, 1).intake_number.startswith("K-777777-000001-")
    with pytest.raises(StoreCorrupt, match="other_device"):
        bench.open()


def test_another_device_may_take_over_an_empty_queue(bench):
    store = bench.open(device_id="K-777777")
    bench.put(store, 1)
    item = store.claim()
    store.mark_sending(item.sid)
    signed = SignedObject(b"{}", "r-1", bytes(64))
    store.settle_delivered(item.sid, signed, Receipt(item.sid, "K-777777", 1, item.manifest_sha256, "JX1", 0))
    store.close()
    assert bench.put(bench.open(), 2).intake_number.startswith("K-000123-000002-")


def test_leases_of_a_dead_owner_come_back(bench):
    store = bench.open()
    for number in (1, 2):
        bench.put(store, number)
        store.claim()
    store.mark_sending(make_sid(2))
    store.close()
    store = bench.open()
    assert [(o.state, o.sent_once) for o in store.outcomes()] == [(State.READY, False), (State.READY, True)]
    assert [t.cause for t in store.unaudited()][-2:] == [Cause.RECOVERED, Cause.RECOVERED]


def test_files_that_no_row_names_are_swept(bench):
    store = bench.open()
    bench.put(store, 1)
    kept = set(blob_files(bench))
    store.close()
    (bench.folder / "blobs" / "incoming" / "half.part").write_bytes(b"x")
    (bench.folder / "blobs" / "00").mkdir(exist_ok=True)
    (bench.folder / "blobs" / "00" / f"{'00' * 32}.ksb1").write_bytes(b"x")
    bench.open()
    assert set(blob_files(bench)) == kept


def test_files_of_a_shredded_submission_are_swept_too(bench):
    """The row is changed before the files go: a cut in between leaves files that the next open removes."""
    store = bench.open()
    bench.put(store, 1)
    deliver(bench, store, 1)
    contents = {path: path.read_bytes() for path in blob_files(bench)}
    store.shred(make_sid(1))
    for path, content in contents.items():
        path.write_bytes(content)
    store.close()
    bench.open()
    assert blob_files(bench) == []


@pytest.mark.expected_log("a sealed part is gone")
def test_a_submission_that_lost_a_part_is_held_and_the_rest_goes_on(bench):
    store = bench.open()
    bench.put(store, 1)
    bench.put(store, 2)
    path = Path(store.claim().parts[0].path)
    store.close()
    path.write_bytes(path.read_bytes()[:-1])
    store = bench.open()
    assert [(o.state, o.dead_reason) for o in store.outcomes()] == [(State.DEAD, "blob_missing"), (State.READY, "")]
    assert store.claim().seq == 2


def test_a_newer_major_version_is_refused_untouched(bench):
    store = bench.open()
    bench.put(store, 1)
    store.close()
    connection = sqlite3.connect(bench.folder / "queue.db")
    connection.execute("PRAGMA user_version = 2000")
    connection.close()
    before = (bench.folder / "queue.db").read_bytes()
    with pytest.raises(StoreTooNew):
        bench.open()
    assert (bench.folder / "queue.db").read_bytes() == before


def test_a_migration_keeps_a_copy_and_what_was_stored(bench):
    store = bench.open()
    bench.put(store, 1)
    store.close()
    newer = Migrations("offline_queue")
    newer()(m001_tables)
    newer()(m002_due)

    def m003_note(db) -> None:
        db.conn.execute("ALTER TABLE submission ADD COLUMN note TEXT")
        db.conn.execute("PRAGMA user_version = 1002")

    newer()(m003_note)
    for _ in range(2):
        store = bench.open(schema=Schema(1, newer, 2))
        assert store.find(make_sid(1)).state is State.READY
        store.close()
    copy = sqlite3.connect(bench.folder / "queue-1001.copy.db")
    assert copy.execute("SELECT sid FROM submission").fetchall() == [(make_sid(1),)]
    assert copy.execute("PRAGMA user_version").fetchone() == (1001,)
    copy.close()
    assert bench.open().find(make_sid(1)).state is State.READY, "a newer minor version can be read"
    assert read(bench, "SELECT v FROM meta WHERE k = 'schema_copy'") == [("queue-1001.copy.db",)]


def test_a_migration_that_fails_changes_nothing(bench):
    bench.open().close()
    broken = Migrations("offline_queue")
    broken()(m001_tables)
    broken()(m002_due)

    def m003_broken(db) -> None:
        db.conn.execute("ALTER TABLE submission ADD COLUMN note TEXT")
        db.conn.execute("SELECT no_such_column FROM submission")

    broken()(m003_broken)
    with pytest.raises(StoreCorrupt):
        bench.open(schema=Schema(1, broken, 2))
    store = bench.open()
    assert bench.put(store, 1).seq == 1
    assert read(bench, "SELECT count(*) FROM pragma_table_info('submission') WHERE name = 'note'") == [(0,)]


@pytest.mark.parametrize("content", [b"", b"not a database at all" * 100, b"SQLite format 3\x00" + bytes(84)])
def test_a_file_that_is_no_store_is_refused(bench, content):
    bench.folder.mkdir()
    (bench.folder / "queue.db").write_bytes(content)
    with pytest.raises(StoreCorrupt):
        bench.open()


def test_a_damaged_page_is_noticed_at_the_door(bench):
    store = bench.open()
    for number in range(1, 8):
        bench.put(store, number)
    store.close()
    path = bench.folder / "queue.db"
    data = bytearray(path.read_bytes())
    data[-4096 * 6 : -4096 * 3] = b"\xff" * (4096 * 3)
    path.write_bytes(data)
    with pytest.raises(StoreCorrupt):
        bench.open()


def test_a_creation_that_was_cut_off_starts_again(bench):
    bench.folder.mkdir()
    (bench.folder / "queue.db.new").write_bytes(b"half")
    (bench.folder / "queue.db.new-wal").write_bytes(b"half")
    assert bench.put(bench.open(), 1).seq == 1
    assert not list(bench.folder.glob("queue.db.new*"))


def test_no_room_at_the_first_creation_is_said_as_such(bench, monkeypatch):
    def no_room(folder: Path) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(database, "sync_folder", no_room)
    with pytest.raises(DiskFull):
        bench.open()


@pytest.mark.parametrize("cut", [1, 24, 33, 511, 4095])
def test_a_torn_tail_of_the_log_loses_only_what_was_not_promised(bench, tmp_path, cut):
    store = bench.open()
    bench.put(store, 1)
    before = (bench.folder / "queue.db-wal").stat().st_size
    store._ledger._connection.execute("BEGIN IMMEDIATE")
    store._ledger._connection.execute("UPDATE submission SET attempts = 9")
    store._ledger._connection.execute("COMMIT")
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("queue.db", "queue.db-wal"):
        (copy / name).write_bytes((bench.folder / name).read_bytes())
    (copy / "blobs").symlink_to(bench.folder / "blobs")
    wal = copy / "queue.db-wal"
    assert wal.stat().st_size > before
    os.truncate(wal, wal.stat().st_size - cut)
    with QueueStore(copy, clock=bench.clock, signer=bench.signer) as torn:
        assert torn.entries()[0].attempts == 0


# ── what may lie on disk ────────────────────────────────────────────────────────────────────


def test_nothing_of_a_person_lies_in_the_state_folder(bench, tmp_path):
    words = ("欧阳建国", "330402194503121234", "13800571234", "嘉兴市南湖区中山路1号", "6222021204001234567")
    text = "，".join(words)
    part = PlainPart("form-copy", text.encode() + text.encode("utf-16le") + text.encode("gb18030"))
    store = bench.open()
    store.put(make_sid(1), (part,), build_manifest(text), make_facts(), bench.opener.keys)
    assert (bench.folder / "queue.db-wal").stat().st_size > 0
    assert find_plaintext(bench.folder, words) == []
    bench.clock.turn(1)
    store.close()
    assert find_plaintext(bench.folder, words) == []

    unsealed = tmp_path / "unsealed"
    unsealed.mkdir()
    (unsealed / "part").write_bytes(part.data)
    assert find_plaintext(unsealed, words), "the search itself must bite"
    assert "330402194503121234" not in repr(part)


# ── numbers ─────────────────────────────────────────────────────────────────────────────────


def test_the_check_character_of_the_standard_comes_out():
    assert check_character("A12425GABC1234002") == "M"  # the GRid example of ISO 7064 MOD 37-36


@given(st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=20), st.data())
def test_every_single_misread_character_changes_the_check(text: str, data: st.DataObject):
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    misread = text[:at] + other + text[at + 1 :]
    assert (check_character(misread) == check_character(text)) == (misread == text)


def test_numbers_and_times_print_at_their_edges():
    assert intake_number("K-000123", 42) == "K-000123-000042-B"
    assert intake_number("K-000123", 1_234_567).startswith("K-000123-1234567-")
    assert wall_text(-5) == "1970-01-01T00:00:00.000Z"
    assert wall_text(float("inf")) == "9999-12-31T23:59:59.000Z"
    assert SCHEMA.name == "offline_queue"
