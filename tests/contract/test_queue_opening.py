"""Opening a store: whatever was left behind, by whomever."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from sqlite_utils.migrations import Migrations

from offline_queue import database
from offline_queue.api import (
    Cause,
    DiskFull,
    Receipt,
    SignedObject,
    State,
    StoreBusy,
    StoreCorrupt,
    StoreTooNew,
)
from offline_queue.migrations import Schema, m001_tables, m002_due
from offline_queue.store import QueueStore
from tests.fixtures.queue import make_sid
from tests.fixtures.queue_looks import blob_files, deliver, read

ROOT = Path(__file__).parents[2]


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
