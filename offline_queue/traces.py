"""What shows that a store was here, once its database is gone: without it numbers would begin at 1 a second time."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from offline_queue.api import QueueError, StoreCorrupt
from offline_queue.blobs import INCOMING, on_shelves

BEGUN = "queue.begun"  # made once the first database stands; nothing of ours ever removes it
LOST = "lost"  # what a store that was begun anew has moved aside
DEVICE = re.compile(r"K-[0-9A-Z]{6,12}")
NUMBER_MAX = 2**53 - 1
HEAD_BYTES = 8 + 16_384  # a sealed part's clear header and what goes before it, docs/sealed-format.md


class Origin(NamedTuple):
    """Whose a sealed part is, by its clear header: the device and the number of its submission."""

    dev: str
    seq: int


def require_database(root: Path) -> Path:
    """Return where the database of the store in folder `root` lies.

    Raises: QueueError("no_store") where there never was one, StoreCorrupt("database_gone") where one has been.
    """
    database = root / "queue.db"
    if not database.is_file():
        raise StoreCorrupt("database_gone", str(database)) if find_trace(root) else QueueError("no_store", str(root))
    return database


def find_trace(root: Path) -> str:
    """Return what shows that a store stood in folder `root`, by its name there; "" for nothing.

    A first creation that was cut off leaves none: it makes its folders and `queue.db.new`, and these hold nothing.
    """
    named = [root / BEGUN, *sorted(root.glob("queue-*.copy.db"))]
    log = root / "queue.db-wal"
    for path in named if not _has_bytes(log) else [log, *named]:
        if path.exists():
            return path.name
    return next(find_parts(root), "")


def find_parts(root: Path) -> Iterator[str]:
    """Yield the sealed parts below `root`, also those moved aside, but none that was still being written."""
    for blobs in (root / "blobs", *sorted(root.glob(f"{LOST}/*/blobs"))):
        for shelf, entry in on_shelves(blobs):
            if shelf != INCOMING and entry.is_file(follow_symlinks=False):
                yield f"{blobs.relative_to(root)}/{shelf}/{entry.name}"


def read_origin(path: Path) -> Origin | None:
    """Return whose a sealed part is, None where its header says nothing that can be used."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return None
            head = file.read(HEAD_BYTES)
        header = json.loads(head[8 : 8 + int.from_bytes(head[4:8], "big")])
        dev, seq = header["dev"], header["seq"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    is_sound = isinstance(dev, str) and DEVICE.fullmatch(dev) and type(seq) is int and 0 < seq <= NUMBER_MAX
    return Origin(dev, seq) if is_sound else None


def _has_bytes(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False
