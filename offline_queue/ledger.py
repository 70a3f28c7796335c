"""The store's connection behind one lock: transactions, checked state changes and their transition rows."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from offline_queue import rows
from offline_queue.api import Cause, Clock, DiskFull, Outcome, QueueError, State, StoreCorrupt
from offline_queue.database import BUSY_TIMEOUT_MS, abandon, error_name, from_sqlite_error, reopen_database
from offline_queue.intake import wall_text

log = logging.getLogger(__name__)

FOLD_EVERY = 500  # changed rows, about a thousand pages of log: what SQLite's own checkpoint would wait for


class Why(NamedTuple):
    """The reason of a state change: its cause, and what the platform said."""

    cause: Cause
    status: int = 0
    code: str = ""


class Ledger:
    """One connection, one lock. Every change of state leaves its transition row in the same transaction."""

    def __init__(self, connection: sqlite3.Connection, clock: Clock, path: Path, size_max: int) -> None:
        """`path` and `size_max`: where the connection is opened anew, once, if the disk fails it."""
        self._connection = connection
        self._clock = clock
        self._path = path
        self._size_max = size_max
        self._lock = threading.Lock()
        self._folded_at = connection.total_changes
        self._was_reopened = False
        self._is_gone = False
        self.is_faulted = False
        """A statement failed for another reason than a full disk: nothing more is promised until the next open."""

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the lock and one immediate transaction; it commits, durably, at the end of the block.

        Raises: DiskFull (nothing written); StoreCorrupt, after which only a later look tells what was written.
        """
        with self._lock:
            if self._is_gone:
                raise StoreCorrupt("faulted")
            db = self._connection
            try:
                db.execute("BEGIN IMMEDIATE")
                try:
                    yield db
                    db.execute("COMMIT")
                finally:
                    if db.in_transaction:
                        db.execute("ROLLBACK")
            except sqlite3.Error as error:
                raise self._failed(error) from error
            if db.total_changes - self._folded_at >= FOLD_EVERY:
                self._fold()

    def change(self, sid: str, new: State, why: Why, update: str, values: tuple[object, ...] = ()) -> Outcome:
        """Move one submission in one transaction: `update` takes `values` and its number; return how it stands now."""
        with self.transaction() as db:
            row = self.require(db, sid)
            self.note(db, row, new, why)
            db.execute(update, (*values, row["seq"]))
            return rows.to_outcome(self.require(db, sid))

    def require(self, db: sqlite3.Connection, sid: str) -> sqlite3.Row:
        """Return the row of `sid`. Raises: QueueError("unknown_sid")."""
        row: sqlite3.Row | None = db.execute(rows.ONE, (sid,)).fetchone()
        if row is None:
            raise QueueError("unknown_sid", sid)
        return row

    def note(self, db: sqlite3.Connection, row: sqlite3.Row, new: State, why: Why) -> None:
        """Write the transition of a row that still holds its old state. Raises: QueueError("bad_transition")."""
        if (State(row["state"]), new) not in rows.LEGAL:
            raise QueueError("bad_transition", f"{row['sid']} {row['state']}>{new}")
        self.write(db, (row["seq"], row["sid"], row["state"]), new, why)

    def write(self, db: sqlite3.Connection, what: tuple[int, str, str | None], new: str, why: Why) -> None:
        """Write one transition row: `what` is number, sid and old state."""
        moment = (wall_text(self._clock.wall_s()), self._clock.boot_id(), self.mono_ms())
        db.execute(rows.INSERT_TRANSITION, (*what, str(new), why.cause.value, why.status, why.code, *moment))

    def checkpoint(self) -> bool:
        """Fold the write-ahead log into the file and empty it; False while a reader holds it: ask again later.

        Raises: DiskFull, StoreCorrupt.
        """
        with self._lock:
            if self._is_gone:
                raise StoreCorrupt("faulted")
            db = self._connection
            try:
                db.execute("PRAGMA busy_timeout = 0")  # nobody else may wait here for a reader
                try:
                    busy: int = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
                finally:
                    db.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
            except sqlite3.Error as error:
                raise self._failed(error) from error
        return not busy

    def fold(self) -> None:
        """Write the log into the file as far as that goes, so that the log begins anew in the room it has."""
        with self._lock:
            if not self._is_gone:
                self._fold()

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()

    def _fold(self) -> None:
        """Keep the log short. The transaction before is durable whatever happens here, so nothing is raised."""
        self._folded_at = self._connection.total_changes
        try:
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error as error:
            self._failed(error)

    def _failed(self, error: sqlite3.Error) -> QueueError:
        """Return the queue's word for an error; a disk that failed is given one more chance on new descriptors."""
        fault = from_sqlite_error(error)
        if isinstance(fault, DiskFull):
            return fault
        if not error_name(error).startswith("SQLITE_IOERR"):
            self.is_faulted = True
            return fault
        if not self._was_reopened:
            self._was_reopened = True
            try:
                self._connection = reopen_database(self._connection, self._path, self._size_max)
                self._folded_at = self._connection.total_changes
                log.error("the disk failed (%s): opened anew", error_name(error))
                return fault
            except (sqlite3.Error, QueueError, OSError):
                log.error("the disk failed (%s), and again: out of service", error_name(error))
        else:
            abandon(self._connection, self._path)
            log.error("the disk failed again (%s): out of service", error_name(error))
        self._is_gone = self.is_faulted = True
        return fault

    def mono_ms(self) -> int:
        """Return the monotonic clock in whole milliseconds."""
        return int(self._clock.mono_s() * 1000)


def get_meta(db: sqlite3.Connection, key: str) -> str:
    """Return a value of the store's own notes, or nothing."""
    row = db.execute("SELECT v FROM meta WHERE k = ?", (key,)).fetchone()
    return str(row["v"]) if row else ""


def set_meta(db: sqlite3.Connection, key: str, value: str) -> None:
    """Write one of the store's own notes."""
    db.execute("INSERT INTO meta (k, v) VALUES (?, ?) ON CONFLICT (k) DO UPDATE SET v = excluded.v", (key, value))
