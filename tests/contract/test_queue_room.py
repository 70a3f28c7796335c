"""The store on a disk that is full or fails, after a migration, and with a long queue: what its owner can rely on."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from pathlib import Path

import pytest
from sqlite_utils.migrations import Migrations

from offline_queue import blobs, database, ledger
from offline_queue.api import Cause, DiskFull, PauseReason, SealFault, State, StoreCorrupt
from offline_queue.migrations import Schema, m001_tables
from offline_queue.peek import is_sound
from offline_queue.retention import DAY_S, Retention
from offline_queue.store import Limits
from tests.fixtures.queue import SMALL, make_sid
from tests.fixtures.queue_looks import deliver, files_bounded

BALLAST = SMALL.ballast_bytes


# ── ballast ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.expected_log("the ballast gives way")
def test_the_ballast_gives_way_to_sending_never_to_taking_in(bench):
    store = bench.open()
    ballast = bench.folder / "ballast"
    assert ballast.stat().st_size == BALLAST
    assert ballast.stat().st_blocks * 512 >= BALLAST, "no hole: real room"
    assert stat.S_IMODE(ballast.stat().st_mode) == 0o600
    bench.put(store, 1)
    db = store._ledger._connection
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count = {pages}")  # the file may not grow: what a full disk looks like from inside

    def fill() -> None:
        for number in range(2, 99):
            bench.put(store, number)

    with pytest.raises(DiskFull):
        fill()
    assert store.has_ballast

    def send() -> None:
        while True:  # each turn leaves two transitions, and they need room
            store.release(store.claim().sid, Cause.WAITING)

    with pytest.raises(DiskFull):
        send()
    assert not ballast.exists()
    assert not store.is_accepting()
    assert not store.stats().has_ballast
    db.execute("PRAGMA max_page_count = 100000")
    Retention(store, bench.clock).run()
    assert (store.has_ballast, ballast.stat().st_size) == (True, BALLAST)
    assert store.is_accepting()


def test_without_room_for_the_ballast_no_visit_begins(bench):
    free = [BALLAST]
    limits = Limits(free_floor_bytes=0, ballast_bytes=BALLAST)
    store = bench.open(limits=limits, free_bytes=lambda folder: free[0])
    assert not store.has_ballast, "as much again must stay free"
    assert not store.is_accepting()
    retention = Retention(store, bench.clock)
    retention.run()
    assert not store.has_ballast
    free[0] = 2 * BALLAST
    retention.run()
    assert store.is_accepting()


def test_a_disk_that_refuses_the_ballast_leaves_no_half_of_it(bench):
    limits = Limits(free_floor_bytes=0, ballast_bytes=2**40)
    with files_bounded(2**20):
        store = bench.open(limits=limits, free_bytes=lambda folder: 2**50)
    assert not store.has_ballast
    assert not (bench.folder / "ballast").exists()


@pytest.mark.parametrize("size", [BALLAST, BALLAST // 2], ids=["hole", "half"])
def test_a_ballast_that_holds_no_room_is_written_again(bench, size):
    bench.folder.mkdir()
    with (bench.folder / "ballast").open("wb") as file:
        file.truncate(size)
    bench.open()
    assert (bench.folder / "ballast").stat().st_blocks * 512 >= BALLAST


def test_who_wants_no_ballast_has_none_and_a_full_disk_says_so(bench):
    store = bench.open(limits=Limits(ballast_bytes=0))
    assert store.has_ballast
    assert not (bench.folder / "ballast").exists()
    bench.put(store, 1)
    db = store._ledger._connection
    db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0]}")

    def note() -> None:
        while True:
            store.release(store.claim().sid, Cause.WAITING)

    with pytest.raises(DiskFull):
        note()


@pytest.mark.expected_log("the ballast gives way")
def test_a_store_that_finds_no_room_to_open_takes_the_ballast(bench, monkeypatch):
    bench.open().close()
    for name in ("queue.db", "queue.begun"):  # a first creation, beside a ballast that stands
        (bench.folder / name).unlink()
    real, calls = database.sync_folder, []

    def no_room_at_first(folder: Path) -> None:
        calls.append(folder)
        if len(calls) == 1:
            raise OSError(errno.ENOSPC, "no space")
        real(folder)

    monkeypatch.setattr(database, "sync_folder", no_room_at_first)
    store = bench.open()
    assert bench.put(store, 1).seq == 1


# ── a failing disk ──────────────────────────────────────────────────────────────────────────


@pytest.mark.expected_log("the disk failed")
def test_a_disk_that_fails_once_is_opened_anew_and_the_store_says_what_is_true(bench):
    store = bench.open()
    for number in range(1, 7):
        bench.put(store, number)
    log = bench.folder / "queue.db-wal"
    with files_bounded(log.stat().st_size), pytest.raises(StoreCorrupt, match="IOERR"):
        bench.put(store, 7)
    assert store.find(make_sid(7)) is None
    assert not (bench.folder / "queue.fault").exists()
    assert store.is_accepting()
    assert bench.put(store, 7).seq == 7
    with files_bounded(log.stat().st_size), pytest.raises(StoreCorrupt, match="IOERR"):
        bench.put(store, 8)
    assert not store._ledger.is_faulted or store._ledger._is_gone


@pytest.mark.expected_log("the disk failed")
def test_a_disk_that_fails_again_takes_the_store_out_of_service(bench):
    store = bench.open()
    bench.put(store, 1)
    with files_bounded(0), pytest.raises(StoreCorrupt, match="IOERR"):
        store.set_pause(PauseReason.CLOCK)
    for ask in (store.stats, store.checkpoint, lambda: bench.put(store, 2)):
        with pytest.raises(StoreCorrupt, match="faulted"):
            ask()
    store._ledger.fold()
    assert (bench.folder / "queue.fault").exists()
    store.close()
    store = bench.open()
    assert not (bench.folder / "queue.fault").exists()
    assert bench.put(store, 2).seq == 2


@pytest.mark.expected_log("the disk failed")
def test_the_second_failure_in_one_life_is_one_too_many(bench):
    store = bench.open()
    for number in range(1, 7):
        bench.put(store, number)
    log = bench.folder / "queue.db-wal"
    with files_bounded(log.stat().st_size), pytest.raises(StoreCorrupt):
        bench.put(store, 7)
    with files_bounded(0), pytest.raises(StoreCorrupt, match="IOERR"):
        store.hasten() or store.set_pause(PauseReason.CLOCK)
    with pytest.raises(StoreCorrupt, match="faulted"):
        store.find(make_sid(1))
    store.close()
    assert len(bench.open().entries()) == 6


@pytest.mark.expected_log("the disk failed")
def test_a_checkpoint_that_fails_is_a_failure_of_the_disk(bench):
    store = bench.open()
    bench.put(store, 1)
    with files_bounded(0), pytest.raises(StoreCorrupt, match="IOERR"):
        store.checkpoint()
    store.close()
    assert bench.open().find(make_sid(1)).state is State.READY


@pytest.mark.expected_log("the ballast gives way")
def test_a_log_left_by_a_failing_disk_is_written_again_before_anyone_believes_it(bench):
    store = bench.open()
    bench.put(store, 1)
    whole = {name: (bench.folder / name).read_bytes() for name in ("queue.db", "queue.db-wal")}
    store.close()
    for name, content in whole.items():
        (bench.folder / name).write_bytes(content)
    (bench.folder / "queue.fault").touch()
    with files_bounded(0), pytest.raises(DiskFull):
        bench.open(limits=Limits(ballast_bytes=0))
    assert (bench.folder / "queue.fault").exists()
    store = bench.open()
    assert store.find(make_sid(1)).state is State.READY
    assert not (bench.folder / "queue.fault").exists()


def test_the_log_stays_short_without_sqlite_folding_it(bench, monkeypatch):
    monkeypatch.setattr(ledger, "FOLD_EVERY", 10)
    store = bench.open()
    for turn in range(60):
        store.set_pause((PauseReason.CLOCK, PauseReason.NONE)[turn % 2])
    assert (bench.folder / "queue.db-wal").stat().st_size < 30 * 4120


def test_a_shelf_whose_name_was_not_synced_is_synced_by_the_next_put(bench, monkeypatch):
    store = bench.open()
    real, synced = blobs.sync_folder, []

    def fail_once(folder: Path) -> None:
        synced.append(folder.name)
        if len(synced) == 1:
            raise OSError(errno.EIO, "io")
        real(folder)

    monkeypatch.setattr(blobs, "sync_folder", fail_once)
    with pytest.raises(StoreCorrupt, match="io_error"):
        bench.put(store, 1)
    bench.put(store, 1)
    assert synced == ["blobs", "blobs", "01"]
    for number in range(2, 18):
        bench.put(store, number)
    assert synced[-1:] == ["01"], "a known shelf costs one sync"
    assert synced.count("blobs") == 17


@pytest.mark.parametrize("depth", [1, 3])
def test_no_folder_of_a_new_store_is_left_to_chance(bench, monkeypatch, depth):
    real, synced = blobs.sync_folder, []
    monkeypatch.setattr(blobs, "sync_folder", lambda folder: (synced.append(folder), real(folder)))
    bench.folder = bench.folder.joinpath(*"ab"[: depth - 1])
    bench.open()
    expected = {parent for parent in bench.folder.parents if parent.is_relative_to(bench.folder.parents[depth - 1])}
    assert expected | {bench.folder} <= set(synced)


def test_a_folder_that_cannot_be_made_is_said_in_the_queues_words(bench):
    bench.folder.write_bytes(b"in the way")
    with pytest.raises(StoreCorrupt, match="io_error"):
        bench.open()
    bench.folder.unlink()
    bench.folder.mkdir()
    (bench.folder / "blobs").write_bytes(b"in the way")
    with pytest.raises(StoreCorrupt, match="io_error"):
        bench.open()


# ── order, leases, a long queue ─────────────────────────────────────────────────────────────


def test_on_a_thin_line_forms_go_before_the_scans_of_those_that_went(bench):
    store = bench.open()
    for number in (1, 2, 3):
        bench.put(store, number)
    first = store.claim(is_unsent_first=True)
    store.mark_sending(first.sid)
    store.release(first.sid, Cause.WAITING)
    assert [store.claim(is_unsent_first=True).seq for _ in range(3)] == [2, 3, 1]
    assert store.claim(is_unsent_first=True) is None


def test_the_age_of_a_lease_shows_a_lane_that_is_stuck(bench):
    store = bench.open()
    bench.put(store, 1)
    assert store.stats().oldest_lease_s == 0.0
    store.claim()
    bench.clock.turn(31)
    bench.clock.wall -= 10**8
    assert store.stats().oldest_lease_s == 31.0
    owner = store._ledger._connection.execute("SELECT lease_owner FROM submission").fetchone()[0]
    assert owner.startswith(f"{bench.clock.boot}/")


QUESTIONS = {
    "claim": "SELECT seq FROM submission s INDEXED BY submission_ready WHERE state = 'ready' AND "
    "(not_before_boot IS NOT 'b' OR not_before_mono_ms <= 1) ORDER BY priority, seq LIMIT 1",
    "due": "SELECT min(not_before_mono_ms) FROM submission INDEXED BY submission_due "
    "WHERE state = 'ready' AND not_before_boot = 'b' AND not_before_mono_ms > 1",
    "count": "SELECT count(*), sum(bytes), min(created_wall) FROM submission INDEXED BY submission_counted",
    "lease": "SELECT min(lease_mono_ms) FROM submission WHERE state IN ('claimed','sending')",
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_what_is_asked_all_the_time_never_walks_the_queue(bench, question):
    store = bench.open()
    plan = store._ledger._connection.execute(f"EXPLAIN QUERY PLAN {QUESTIONS[question]}").fetchall()
    assert all("USING" in row["detail"] and "INDEX submission_" in row["detail"] for row in plan)


# ── a large store, and an older one ─────────────────────────────────────────────────────────


@pytest.mark.expected_log("the store is damaged")
def test_damage_in_a_store_too_large_to_check_at_the_door_is_found_when_idle(bench, monkeypatch):
    monkeypatch.setattr(database, "CHECK_BYTES", 0)
    store = bench.open()
    for number in range(1, 8):
        bench.put(store, number)
    Retention(store, bench.clock).run()
    assert store.is_accepting(), "nothing is wrong with it"
    assert is_sound(bench.folder)
    query = "SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_submission_2'"  # not read at the door
    (page,) = store._ledger._connection.execute(query).fetchone()
    store.close()
    with (bench.folder / "queue.db").open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 64)
    store = bench.open()
    assert store.is_accepting()
    store.inspect()
    store.inspect()
    assert not store.is_accepting()
    with pytest.raises(StoreCorrupt, match="faulted"):
        bench.put(store, 9)


def test_a_store_of_the_first_version_is_brought_up_with_a_copy_that_goes_in_time(bench):
    first = Migrations("offline_queue")
    first()(m001_tables)
    bench.open(schema=Schema(1, first, 0)).close()
    store = bench.open()
    bench.put(store, 1)
    copy = bench.folder / "queue-1000.copy.db"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    found = sqlite3.connect(copy)
    assert found.execute("PRAGMA user_version").fetchone() == (1000,)
    found.close()
    os.utime(copy, (bench.clock.wall, bench.clock.wall))
    deliver(bench, store, 1)
    retention = Retention(store, bench.clock)
    retention.run()
    assert copy.exists()
    bench.clock.turn(31 * DAY_S)
    retention.run()
    assert not copy.exists(), "it holds what has been shredded since"
    assert store.outcomes() == ()


def test_a_refused_request_leaves_the_number_for_the_next(bench):
    store = bench.open()
    with pytest.raises(SealFault):
        bench.put(store, 1, item="x" * 65)
    assert bench.put(store, 2).seq == 1


@pytest.mark.expected_log("the disk failed")
def test_a_fold_that_fails_takes_nothing_back_from_whoever_was_promised(bench, monkeypatch):
    store = bench.open()
    for number in range(1, 7):
        bench.put(store, number)
    store.close()
    monkeypatch.setattr(ledger, "FOLD_EVERY", 1)
    store = bench.open()
    with files_bounded(20_000):  # the short log still grows, the file's later pages cannot be written
        store.set_pause(PauseReason.SUSPENDED)
    assert store._ledger.is_faulted
    store.close()
    assert bench.open().stats().pause is PauseReason.SUSPENDED
