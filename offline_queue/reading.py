"""A connection to a store that can neither write nor checkpoint: for looking in from outside.

A folder that cannot be written, a disk that went read-only, gives no room for the log's index: an empty log is then
left out, and one that holds something is read from a private copy, but only while nobody else runs here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from urllib.parse import quote

from offline_queue.api import StoreBusy
from offline_queue.database import error_name, from_sqlite_error
from offline_queue.lock import ReadingLock
from offline_queue.migrations import Schema, require_version
from offline_queue.seal import from_os_error
from offline_queue.traces import require_database

CLOSED = ("SQLITE_CANTOPEN", "SQLITE_READONLY")  # what SQLite says of a folder where it cannot make its index


@contextmanager
def reading(path: Path, *, is_owned: bool = False) -> Iterator[sqlite3.Connection]:
    """Give a reading connection to the store in folder `path`.

    `is_owned`: the caller holds the store's lock, and wants of a damaged file whatever can be read.
    Raises: QueueError("no_store"), StoreTooNew, StoreCorrupt.
    """
    database = require_database(path)
    with ExitStack() as undo:
        try:
            db = _open(database, undo, is_owned)
        except OSError as error:
            raise from_os_error(error) from error
        except sqlite3.Error as error:
            raise from_sqlite_error(error) from error
        try:
            require_version(db, Schema())
            yield db
        except sqlite3.Error as error:
            raise from_sqlite_error(error) from error


def _open(database: Path, undo: ExitStack, is_owned: bool) -> sqlite3.Connection:
    try:
        return _connect(database, "mode=ro", undo, is_owned)
    except sqlite3.OperationalError as error:
        if not error_name(error).startswith(CLOSED):
            raise
        try:
            if not is_owned:
                undo.callback(ReadingLock(database.with_name("queue.lock")).release)
        except StoreBusy:  # what another one writes at this moment is not for copying
            raise error from None
    log = database.with_name("queue.db-wal")
    if not log.exists() or not log.stat().st_size:
        return _connect(database, "mode=ro&immutable=1", undo, is_owned)
    place = Path(undo.enter_context(TemporaryDirectory(prefix="jinban-")))
    for file in (database, log):
        copyfile(file, place / file.name)
    return _connect(place / database.name, "mode=rw", undo, is_owned)


def _connect(database: Path, how: str, undo: ExitStack, is_owned: bool) -> sqlite3.Connection:
    with ExitStack() as opening:
        db = opening.enter_context(
            closing(sqlite3.connect(f"file:{quote(str(database))}?{how}", uri=True, isolation_level=None))
        )
        db.row_factory = sqlite3.Row
        db.execute("PRAGMA query_only = ON")
        db.execute("PRAGMA busy_timeout = 5000")
        if is_owned:
            db.execute("PRAGMA writable_schema = ON")  # else SQLite reads nothing of a file that was cut
        db.execute("PRAGMA user_version").fetchone()
        undo.push(opening.pop_all())
    return db
