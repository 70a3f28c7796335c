"""Beginning a store anew where the old one cannot be gone on with: nothing is removed, and no number is used again.

What was here is moved whole below `lost/`: sealed parts, database, log. The new store begins above every number that
can be known: the old database's where it can be read, else those in the clear headers of sealed parts, those the
caller knows from elsewhere, and a gap for what none of them has seen.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from offline_queue.api import QueueError, State, StoreCorrupt
from offline_queue.blobs import make_folder, sync_folder
from offline_queue.database import create_database, mark_begun
from offline_queue.lock import LockFile
from offline_queue.migrations import Schema
from offline_queue.peek import is_sound, read_entries, read_note
from offline_queue.seal import from_os_error
from offline_queue.traces import LOST, find_parts, find_trace, read_origin

GAP = 1000  # more than a terminal takes between two lines of its audit log, and little of six digits
FIRST = "first-number"  # in a folder of lost/: what the store after it began with
WHOLE = "whole"  # and: everything of the old store is in it
DATABASE = ("queue.db", "queue.db-wal", "queue.db-shm", "queue.fault", "blobs")  # in this order: see `_move_aside`
WAITING = (State.READY, State.CLAIMED, State.SENDING, State.DEAD)


class Renewed(msgspec.Struct, frozen=True):
    """A store begun anew: the number it begins with, and where the old one lies now."""

    first_seq: int
    moved_to: Path


def renew_store(path: Path, device_id: str, above: int = 0) -> Renewed:
    """Move the store in folder `path` aside and begin another one above every number known; `above` is one of them.

    `device_id` is this terminal's, "" where it is blank. Raises: StoreBusy, StoreTooNew, DiskFull, QueueError
    ("no_store"; "store_is_well" for one that can be gone on with; "number_unknown" where nothing tells the old ones).
    """
    if not (path.is_dir() or above):
        raise QueueError("no_store", str(path))
    make_folder(path)
    lock = LockFile(path / "queue.lock")
    try:
        sealed = _highest_sealed(path)
        next_seq = _next_seq(path, device_id, sealed, is_known=bool(above))
        known = max(above, sealed, _renewed_before(path))
        if not (next_seq or known):
            raise QueueError("number_unknown")
        first = next_seq if next_seq > known else known + 1 + GAP
        mark_begun(path)
        moved_to = _move_aside(path, first)
        create_database(path / "queue.db", Schema(), first)
    except OSError as error:
        raise from_os_error(error) from error
    finally:
        lock.release()
    return Renewed(first, moved_to)


def _next_seq(path: Path, device_id: str, sealed: int, *, is_known: bool) -> int:
    """Return the next number of the old store, 0 where its database does not tell; `is_known`: there was one.

    Raises: QueueError("no_store", "store_is_well"), StoreTooNew: there is nothing to begin anew.
    """
    if not (path / "queue.db").exists():
        if not (is_known or find_trace(path)):
            raise QueueError("no_store", str(path))
        return 0
    try:
        if not is_sound(path):
            return 0
        noted = read_note(path, "next_seq")
        is_ours = read_note(path, "device_id") == device_id
        is_idle = not read_entries(path, WAITING, 1)
    except StoreCorrupt:
        return 0
    next_seq = int(noted) if noted.isdecimal() else 0
    if next_seq >= sealed and (is_ours or is_idle):
        raise QueueError("store_is_well", str(path))
    return next_seq


def _highest_sealed(path: Path) -> int:
    origins = (read_origin(path / part) for part in find_parts(path))
    return max((origin.seq for origin in origins if origin is not None), default=0)


def _renewed_before(path: Path) -> int:
    """Return the highest number that an earlier renewal began with."""
    texts = [note.read_text(encoding="ascii") for note in path.glob(f"{LOST}/*/{FIRST}")]
    return max((int(text) for text in texts if text.isdecimal()), default=0)


def _move_aside(path: Path, first: int) -> Path:
    """Move database, log and parts into one new folder of `lost/`; one that was cut off goes on.

    The database goes first: without it no store opens here, and none is opened without its log.
    """
    folders = sorted(path.glob(f"{LOST}/*/{FIRST}"), key=lambda note: note.stat().st_mtime_ns)
    is_cut_off = bool(folders) and not (folders[-1].parent / WHOLE).exists()
    target = folders[-1].parent if is_cut_off else path / LOST / str(len(list(path.glob(f"{LOST}/*"))) + 1)
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    (target / FIRST).write_text(str(first), encoding="ascii")
    sync_folder(target)
    sync_folder(target.parent)
    sync_folder(path)
    copies = (copy.name for copy in sorted(path.glob("queue-*.copy.db")))
    for name in (*DATABASE, *copies):
        if (path / name).exists():
            (path / name).rename(target / name)
            sync_folder(target)
            sync_folder(path)
    (target / WHOLE).touch(mode=0o600)
    sync_folder(target)
    return target
