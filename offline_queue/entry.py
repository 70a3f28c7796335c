"""What the store is given room for, and one sealed submission on its way into a row."""

from __future__ import annotations

import msgspec

from offline_queue.api import EnvelopeFacts, Kind, PartFacts, SignedObject

PRIORITY = {Kind.RATING: 7, Kind.LOG: 9}  # what nobody waits for goes last; all else 5
ITEM_MAX = 64  # characters, §6
MARGIN_BYTES = 2**20  # rows, frames' tags and the write-ahead log beside the parts themselves


class Limits(msgspec.Struct, frozen=True):
    """How much may wait here. Proposals of the project, to be set with the first field disks."""

    rows: int = 10_000
    bytes: int = 8 * 2**30
    free_floor_bytes: int = 512 * 2**20  # no new visit below it; `put` itself still may use half of it
    database_bytes: int = 2 * 2**30
    ballast_bytes: int = 16 * 2**20  # §11.8: thousands of state changes, and any checkpoint, fit in


class Entry(msgspec.Struct, frozen=True):
    """One sealed submission, ready for its row. Its blobs already stand under their names."""

    sid: str
    seq: int
    facts: EnvelopeFacts
    envelope: SignedObject
    manifest: bytes
    parts: tuple[PartFacts, ...]
