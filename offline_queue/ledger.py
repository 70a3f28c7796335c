"""The store's connection behind one lock: transactions, checked state changes and their transition rows."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from offline_queue import rows
from offline_queue.api import Cause, Clock, Outcome, QueueError, State, StoreCorrupt
from offline_queue.database import BUSY_TIMEOUT_MS, from_sqlite_error
from offline_queue.intake import wall_text


class Why(NamedTuple):
    """The reason of a state change: its cause, and what the platform said."""

    cause: Cause
    status: int = 0
    code: str = ""


class Ledger:
    """One connection, one lock. Every change of state leaves its transition row in the same transaction."""

    def __init__(self, connection: sqlite3.Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._lock = threading.Lock()
        self.is_faulted = False
        """A statement failed for another reason than a full disk: nothing more is promised until the next open."""

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the lock and one immediate transaction; it commits, durably, at the end of the block.

        Raises: DiskFull (nothing written); StoreCorrupt, after which only the next open tells what was written.
        """
        db = self._connection
        try:
            with self._lock:
                db.execute("BEGIN IMMEDIATE")
                try:
                    yield db
                    db.execute("COMMIT")
                finally:
                    if db.in_transaction:
                        db.execute("ROLLBACK")
        except sqlite3.Error as error:
            fault = from_sqlite_error(error)
            self.is_faulted |= isinstance(fault, StoreCorrupt)
            raise fault from error

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
        """Fold the write-ahead log into the file and empty it; False while a reader holds it: ask again later."""
        try:
            with self._lock:
                self._connection.execute("PRAGMA busy_timeout = 0")  # nobody else may wait here for a reader
                busy: int = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
                self._connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        except sqlite3.Error as error:
            raise from_sqlite_error(error) from error
        return not busy

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()

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
