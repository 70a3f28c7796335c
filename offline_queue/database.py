"""Opening the store's one connection: every pragma set and read back (queue-and-sync.md §6).

A sync that failed is never asked for again on the same descriptor (§11.9): the kernel may have dropped what it could
not write and call the second try a success. `reopen_database` closes without a sync, and writes what the log seems to
hold once more, durably, before anyone believes it ([adr 11](../docs/adr/0011-a-failed-sync-is-written-again.md)).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from sqlite_utils import Database

from offline_queue.api import DiskFull, QueueError, StoreCorrupt
from offline_queue.blobs import sync_folder
from offline_queue.migrations import Schema, migrate
from offline_queue.seal import from_os_error
from offline_queue.traces import BEGUN, find_trace

BUSY_TIMEOUT_MS = 5000
CHECK_BYTES = 32 * 2**20  # a check reads every page, about 0.1 s at this size; a larger file is checked when idle
COPY_BYTES = 2**20
FAULT_MARK = "queue.fault"  # a disk failed in this boot: what the log holds may be in memory only
PRAGMAS: tuple[tuple[str, str, object], ...] = (
    ("journal_mode", "WAL", "wal"),
    ("synchronous", "FULL", 2),  # NORMAL lost promised rows at 192 of 300 replayed power cuts
    ("foreign_keys", "ON", 1),
    ("secure_delete", "ON", 1),
    ("busy_timeout", str(BUSY_TIMEOUT_MS), BUSY_TIMEOUT_MS),
    ("temp_store", "MEMORY", 2),
    ("trusted_schema", "OFF", 0),
    ("wal_autocheckpoint", "0", 0),  # SQLite's own swallows a failed sync and tries it again; the ledger folds instead
)
FULL = frozenset({"SQLITE_FULL", "SQLITE_IOERR_SHMSIZE"})  # the second: no room for the log's index


class Opened(NamedTuple):
    """An open database, the name of the copy a migration made or "", and whether every page was checked."""

    connection: sqlite3.Connection
    copy: str
    is_checked: bool


def open_database(path: Path, schema: Schema, size_max: int) -> Opened:
    """Return the connection to the store at `path`, created safely where there never was one.

    Raises: StoreTooNew, StoreCorrupt("database_gone") where a store has been, StoreCorrupt, DiskFull.
    """
    try:
        if not path.exists():
            if find_trace(path.parent):
                raise StoreCorrupt("database_gone", str(path))
            create_database(path, schema)
        mark_begun(path.parent)
        is_at_fault = path.with_name(FAULT_MARK).exists()
        is_checked = is_at_fault or path.stat().st_size <= CHECK_BYTES
        if is_at_fault:
            _harden(path)
        connection = _connect(path)
        try:
            if is_checked:
                _check(connection)
            copy = migrate(connection, path.parent, schema)
            _bound(connection, size_max)
        except sqlite3.Error:
            abandon(connection, path)
            raise
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise from_sqlite_error(error) from error
    except OSError as error:
        raise from_os_error(error) from error
    return Opened(connection, copy, is_checked)


def reopen_database(broken: sqlite3.Connection, path: Path, size_max: int) -> sqlite3.Connection:
    """Return a fresh connection in place of one whose disk failed it; what it recovers is durable and checked.

    Raises: StoreCorrupt, sqlite3.Error, OSError: it failed again.
    """
    abandon(broken, path)
    _harden(path)
    connection = _connect(path)
    try:
        _check(connection)
        _bound(connection, size_max)
    except BaseException:
        abandon(connection, path)
        raise
    return connection


def abandon(connection: sqlite3.Connection, path: Path) -> None:
    """Close a connection without the checkpoint, and its syncs, that the last one to close would make."""
    with contextlib.suppress(OSError):  # the disk is failing; the mark only has to outlive this process
        path.with_name(FAULT_MARK).touch(mode=0o600)
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(_uri(path, "ro"), uri=True)) as witness:
        witness.execute("BEGIN")
        witness.execute("SELECT 1 FROM meta").fetchone()  # while it reads, the other is not the last
        connection.close()
    connection.close()  # where there could be no witness


def from_sqlite_error(error: sqlite3.Error) -> QueueError:
    """Return the queue's word for what SQLite reports."""
    name = error_name(error)
    return DiskFull("database_full") if name in FULL else StoreCorrupt("sqlite", name)


def error_name(error: sqlite3.Error) -> str:
    """Return SQLite's own word for an error, else Python's."""
    return getattr(error, "sqlite_errorname", "") or type(error).__name__


def create_database(path: Path, schema: Schema, first_seq: int = 1) -> None:
    """Make the file under another name, sync it, rename it: it exists whole or not at all."""
    fresh = path.with_name(path.name + ".new")
    for leftover in path.parent.glob(fresh.name + "*"):
        leftover.unlink()
    os.close(os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    connection = _connect(fresh)
    try:
        schema.steps.apply(Database(connection, execute_plugins=False))
        connection.execute("UPDATE meta SET v = ? WHERE k = 'next_seq'", (str(first_seq),))
    finally:
        connection.close()  # the last connection folds its log into the file
    descriptor = os.open(fresh, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    fresh.rename(path)
    sync_folder(path.parent)


def mark_begun(root: Path) -> None:
    """Note, durably and once, that a database stands here: if it is ever gone, another must not take its place."""
    mark = root / BEGUN
    if not mark.exists():
        mark.touch(mode=0o600)
        sync_folder(root)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(_uri(path, "rw"), uri=True, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    try:
        for name, value, expected in PRAGMAS:
            connection.execute(f"PRAGMA {name} = {value}")
            found = connection.execute(f"PRAGMA {name}").fetchone()[0]
            if found != expected:
                raise StoreCorrupt("pragma", f"{name} is {found}")
    except BaseException:
        connection.close()
        raise
    return connection


def _uri(path: Path, mode: str) -> str:
    return f"file:{quote(str(path))}?mode={mode}"


def _bound(connection: sqlite3.Connection, size_max: int) -> None:
    (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    connection.execute(f"PRAGMA max_page_count = {size_max // page_bytes}")


def _check(connection: sqlite3.Connection) -> None:
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise StoreCorrupt("quick_check")


def _harden(path: Path) -> None:
    """Write the log's bytes once more in their places, and sync that. Raises: OSError, and then nothing is believed.

    What was on the disk stays as it is; what was in memory only becomes durable as a whole commit, or not at all.
    """
    with contextlib.suppress(FileNotFoundError):
        log = os.open(path.with_name(path.name + "-wal"), os.O_RDWR | os.O_NOFOLLOW)
        try:
            at = 0
            while block := os.pread(log, COPY_BYTES, at):
                at += os.pwrite(log, block, at)
            os.fsync(log)
        finally:
            os.close(log)
    sync_folder(path.parent)
    path.with_name(FAULT_MARK).unlink(missing_ok=True)
