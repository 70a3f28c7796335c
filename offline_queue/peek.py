"""Looking into a store from outside, also while the terminal runs: `queue list` and `queue export`.

Reads only, over a connection that can neither write nor checkpoint, so the one-writer rule stands.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import BinaryIO

from offline_queue import rows
from offline_queue.api import PauseReason, QueueEntry, QueueError, State, StoreCorrupt
from offline_queue.blobs import sync_folder
from offline_queue.canonical import encode_canonical
from offline_queue.ledger import get_meta
from offline_queue.reading import reading
from offline_queue.seal import from_os_error

COPY_BYTES = 2**20


def read_entries(path: Path, states: tuple[State, ...] = (), limit: int = 1000) -> tuple[QueueEntry, ...]:
    """Return the newest submissions of the store in folder `path`, in order of `seq`.

    Raises: QueueError("no_store"), StoreCorrupt.
    """
    with reading(path) as db:
        return rows.select_entries(db, states, limit)


def read_pause(path: Path) -> PauseReason:
    """Return why the queue of the store in folder `path` stands still, or why its terminal is out of service.

    Raises: QueueError("no_store"), StoreCorrupt.
    """
    with reading(path) as db:
        return PauseReason(get_meta(db, "standing") or get_meta(db, "pause_reason"))


def read_note(path: Path, key: str) -> str:
    """Return a note of the store in folder `path`, such as `device_id` or `next_seq`; "" where there is none.

    Raises: QueueError("no_store"), StoreCorrupt.
    """
    with reading(path) as db:
        return get_meta(db, key)


def is_sound(path: Path) -> bool:
    """Whether every page of the store in folder `path` reads as it should. Takes seconds on a large one.

    Raises: QueueError("no_store"), StoreCorrupt.
    """
    with reading(path) as db:
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
    with reading(path) as db:
        row = db.execute("SELECT * FROM submission WHERE sid = ?", (sid,)).fetchone()
        parts = db.execute(rows.PARTS, (sid,)).fetchall()
    if row is None:
        raise QueueError("unknown_sid", sid)
    if row["state"] not in states:
        raise QueueError("not_dead", sid)
    signed = {
        "o": to_base64url(row["envelope"]),
        "kid": row["envelope_kid"],
        "sig": to_base64url(row["envelope_sig"]),
    }
    try:
        folder.mkdir(mode=0o700, parents=True)
        files = [
            write_durably(folder / "envelope.json", encode_canonical(signed)),
            write_durably(folder / "manifest.ksb1", row["manifest"]),
        ]
        files += [copy_durably(path / part["path"], folder / f"{part['part']}.ksb1") for part in parts]
        sync_folder(folder)
    except OSError as error:
        raise from_os_error(error) from error
    return tuple(files)


def write_durably(path: Path, data: bytes) -> Path:
    """Write a new file, for the owner alone, and sync it. Raises: OSError."""
    with open(path, "xb", opener=_private) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return path


def copy_durably(source: Path, target: Path) -> Path:
    """Copy a file of the store into a new one, synced. Raises: StoreCorrupt for the source, OSError for the target."""
    try:
        read = source.open("rb")
    except OSError as error:
        raise StoreCorrupt("blob_missing", source.name) from error
    with read, open(target, "xb", opener=_private) as file:
        while block := _read_block(read, source.name):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    return target


def to_base64url(data: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _read_block(file: BinaryIO, name: str) -> bytes:
    try:
        return file.read(COPY_BYTES)
    except OSError as error:
        raise StoreCorrupt("blob_unread", name) from error


def _private(path: str, flags: int) -> int:
    """Open for the owner alone."""
    return os.open(path, flags, 0o600)
