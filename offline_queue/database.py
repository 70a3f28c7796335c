"""Opening the store's one connection: every pragma set and read back (queue-and-sync.md §6)."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

from sqlite_utils import Database

from offline_queue.api import DiskFull, QueueError, StoreCorrupt
from offline_queue.blobs import sync_folder
from offline_queue.migrations import Schema, migrate
from offline_queue.seal import from_os_error

BUSY_TIMEOUT_MS = 5000
PRAGMAS: tuple[tuple[str, str, object], ...] = (
    ("journal_mode", "WAL", "wal"),
    ("synchronous", "FULL", 2),  # NORMAL lost promised rows at 192 of 300 replayed power cuts
    ("foreign_keys", "ON", 1),
    ("secure_delete", "ON", 1),
    ("busy_timeout", str(BUSY_TIMEOUT_MS), BUSY_TIMEOUT_MS),
    ("temp_store", "MEMORY", 2),
    ("trusted_schema", "OFF", 0),
)


def open_database(path: Path, schema: Schema, size_max: int) -> tuple[sqlite3.Connection, str]:
    """Return the connection to the store at `path` and the name of the copy a migration made, or "".

    Created safely where there is none. Raises: StoreTooNew, StoreCorrupt, DiskFull.
    """
    try:
        if not path.exists():
            _create(path, schema)
        connection = _connect(path)
        try:
            _check(connection)
            copy = migrate(connection, path.parent, schema)
            (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
            connection.execute(f"PRAGMA max_page_count = {size_max // page_bytes}")
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise from_sqlite_error(error) from error
    except OSError as error:
        raise from_os_error(error) from error
    return connection, copy


def from_sqlite_error(error: sqlite3.Error) -> QueueError:
    """Return the queue's word for what SQLite reports."""
    name = getattr(error, "sqlite_errorname", "") or type(error).__name__
    return DiskFull("database_full") if name == "SQLITE_FULL" else StoreCorrupt("sqlite", name)


def _create(path: Path, schema: Schema) -> None:
    """Make the file under another name, sync it, rename it: it exists whole or not at all."""
    fresh = path.with_name(path.name + ".new")
    for leftover in path.parent.glob(fresh.name + "*"):
        leftover.unlink()
    os.close(os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    connection = _connect(fresh)
    schema.steps.apply(Database(connection, execute_plugins=False))
    connection.close()  # the last connection folds its log into the file
    descriptor = os.open(fresh, os.O_RDWR)
    os.fsync(descriptor)
    os.close(descriptor)
    fresh.rename(path)
    sync_folder(path.parent)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode=rw", uri=True, isolation_level=None, check_same_thread=False
    )
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


def _check(connection: sqlite3.Connection) -> None:
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise StoreCorrupt("quick_check")
