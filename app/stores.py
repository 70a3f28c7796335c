"""Where this terminal's store lies, what its audit log knows of it, and in words why it cannot be gone on with."""

from __future__ import annotations

import os
from pathlib import Path

from app.setting import QUEUE
from kiosk.station.audit_events import Event
from kiosk.station.audit_format import decode_line, lines, segments
from kiosk.station.config import Config
from kiosk.station.texts import own_texts
from offline_queue.api import QueueError, StoreCorrupt, StoreTooNew
from offline_queue.peek import read_entries, read_note
from offline_queue.salvage import UNDELIVERED

AUDIT = "audit"  # below the state folder
TOLD = ("database_gone", "database_old", "other_device")  # each has words of its own; any other damage shares some


def store_folder(config: Config) -> Path:
    """Return the folder of the store. Raises: StoreCorrupt("database_gone") where the audit log knows of one."""
    path = config.state_folder / QUEUE
    if not (path / "queue.db").exists() and audited_number(config.state_folder):
        raise StoreCorrupt("database_gone", str(path / "queue.db"))
    return path


def audited_number(state: Path) -> int:
    """Return a number that no submission in the audit log exceeds, 0 for an empty log.

    The log numbers the store's changes of state, and every submission makes at least one. A damaged line counts for
    nothing: this is a lower bound to go above, no proof.
    """
    for segment in reversed(segments(state / AUDIT)):
        records = (decode_line(line) for line, _ in lines(segment))
        numbers = [one["a"].get("row") for one in records if one is not None and one["e"] == Event.QUEUE_TRANSITION]
        if known := max((number for number in numbers if type(number) is int), default=0):
            return known
    return 0


def is_writable(folder: Path) -> bool:
    """Whether anything can be written there; a disk that has failed is often still read, and no more."""
    near = next(one for one in (folder, *folder.parents) if one.exists())
    return os.access(near, os.W_OK)


def require_own_papers(state: Path, device_id: str) -> None:
    """Return if no paper waits in the queue that only another device may send; `device_id` is "" for a blank terminal.

    Raises: StoreCorrupt("other_device") naming both, and what else is wrong with a store: StoreCorrupt, StoreTooNew.
    """
    path = state / QUEUE
    try:
        former = read_note(path, "device_id")
        is_waiting = former not in ("", device_id) and bool(read_entries(path, UNDELIVERED, 1))
    except (StoreCorrupt, StoreTooNew):
        raise
    except QueueError:  # no store yet
        return
    if is_waiting:
        raise StoreCorrupt("other_device", f"{former}, not {device_id or '—'}")


def store_words(error: StoreCorrupt | StoreTooNew, locale: str) -> tuple[str, str]:
    """Return why a store cannot be used, and what to do."""
    key = error.code if error.code in TOLD else "store_damaged"
    if isinstance(error, StoreTooNew):
        key = "store_too_new"
    elif "not_a_store" in (error.code, error.detail) or error.detail == "SQLITE_NOTADB":
        key = "store_unreadable"
    texts = own_texts()
    why = texts(f"stores.{key}.why", locale)
    if key in ("store_damaged", "store_unreadable"):
        why += f" ({error})"
    elif key == "other_device" and error.detail:
        why += f" ({error.detail})"
    return why, texts(f"stores.{key}.remedy", locale)
