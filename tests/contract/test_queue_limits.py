"""A store seen from outside, its counts and quotas, and what it does when there is no room."""

from __future__ import annotations

import base64
import errno
import json
import sqlite3
from pathlib import Path

import pytest

from offline_queue import blobs as blobs_module
from offline_queue import store as store_module
from offline_queue.api import (
    DiskFull,
    Kind,
    PauseReason,
    QueueError,
    State,
    StoreCorrupt,
)
from offline_queue.intake import wall_text
from offline_queue.peek import export_letter, read_entries
from offline_queue.store import Limits
from tests.fixtures.queue import make_facts, make_sid
from tests.fixtures.queue_looks import blob_files, deliver

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
