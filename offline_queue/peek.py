"""Looking into a store from outside, also while the terminal runs: `queue list` and `queue export`.

Reads only, over a connection that can neither write nor checkpoint, so the one-writer rule stands.
"""

from __future__ import annotations

import base64
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from offline_queue import rows
from offline_queue.api import PauseReason, QueueEntry, QueueError, State
from offline_queue.blobs import sync_folder
from offline_queue.canonical import encode_canonical
from offline_queue.database import from_sqlite_error
from offline_queue.ledger import get_meta
from offline_queue.migrations import Schema, require_version
from offline_queue.seal import from_os_error
from offline_queue.traces import require_database


def read_entries(path: Path, states: tuple[State, ...] = (), limit: int = 1000) -> tuple[QueueEntry, ...]:
    """Return the newest submissions of the store in folder `path`, in order of `seq`.

    Raises: QueueError("no_store"), StoreCorrupt.
    """
    with _reading(path) as db:
        return rows.select_entries(db, states, limit)


def read_pause(path: Path) -> PauseReason:
    """Return why the queue of the store in folder `path` stands still, or why its terminal is out of service.

    Raises: QueueError("no_store"), StoreCorrupt.
    """
    with _reading(path) as db:
        return PauseReason(get_meta(db, "standing") or get_meta(db, "pause_reason"))


def read_note(path: Path, key: str) -> str:
    """Return a note of the store in folder `path`, such as `device_id` or `next_seq`; "" where there is none.

    Raises: QueueError("no_store"), StoreCorrupt.
    """
    with _reading(path) as db:
        return get_meta(db, key)


def is_sound(path: Path) -> bool:
    """Whether every page of the store in folder `path` reads as it should. Takes seconds on a large one.

    Raises: QueueError("no_store"), StoreCorrupt.
    """
    with _reading(path) as db:
        return bool(db.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")


def export_letter(path: Path, sid: str, folder: Path) -> tuple[Path, ...]:
    """Copy a dead letter, sealed as it is, into a new folder: `export_sealed` for dead ones alone.

    Raises: QueueError("no_store", "unknown_sid", "not_dead"), StoreCorrupt, DiskFull.
    """
    return export_sealed(path, sid, folder, (State.DEAD,))


def export_sealed(path: Path, sid: str, folder: Path, states: tuple[State, ...]) -> tuple[Path, ...]:
    """Copy a submission, sealed as it is, into a new folder: envelope, manifest and parts; return the files.

    Nothing of it can be read without the platform's key. The store is not changed.
    Raises: QueueError("no_store", "unknown_sid", "not_dead" for one in none of `states`), StoreCorrupt, DiskFull.
    """
    with _reading(path) as db:
        row = db.execute("SELECT * FROM submission WHERE sid = ?", (sid,)).fetchone()
        parts = db.execute(rows.PARTS, (sid,)).fetchall()
    if row is None:
        raise QueueError("unknown_sid", sid)
    if row["state"] not in states:
        raise QueueError("not_dead", sid)
    signed = {
        "o": _base64url(row["envelope"]),
        "kid": row["envelope_kid"],
        "sig": _base64url(row["envelope_sig"]),
    }
    try:
        folder.mkdir(mode=0o700, parents=True)
        files = [
            _write(folder / "envelope.json", encode_canonical(signed)),
            _write(folder / "manifest.ksb1", row["manifest"]),
        ]
        files += [_copy(path / part["path"], folder / f"{part['part']}.ksb1") for part in parts]
        sync_folder(folder)
    except OSError as error:
        raise from_os_error(error) from error
    return tuple(files)


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    database = require_database(path)
    try:
        with closing(sqlite3.connect(f"file:{quote(str(database))}?mode=ro", uri=True, isolation_level=None)) as db:
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA query_only = ON")
            db.execute("PRAGMA busy_timeout = 5000")
            require_version(db, Schema())
            yield db
    except sqlite3.Error as error:
        raise from_sqlite_error(error) from error


def _write(path: Path, data: bytes) -> Path:
    with open(path, "xb", opener=_private) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return path


def _copy(source: Path, target: Path) -> Path:
    with source.open("rb") as read, open(target, "xb", opener=_private) as file:
        shutil.copyfileobj(read, file)
        file.flush()
        os.fsync(file.fileno())
    return target


def _private(path: str, flags: int) -> int:
    """Open for the owner alone."""
    return os.open(path, flags, 0o600)


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
