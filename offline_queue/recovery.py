"""What an open store does before anyone else comes in: leases back, lost parts held, orphans out."""

from __future__ import annotations

import logging
import sqlite3

from offline_queue import rows
from offline_queue.api import Cause, State, StoreCorrupt
from offline_queue.blobs import BlobFolder
from offline_queue.ledger import Ledger, Why, get_meta, set_meta
from offline_queue.traces import read_origin

log = logging.getLogger(__name__)

STRAYS_TOLD = 5  # names in one line of the log


def recover(ledger: Ledger, device_id: str, schema_copy: str) -> None:
    """Bring leases of a former owner back. Raises: StoreCorrupt("other_device").

    Always writes, so always syncs: what a killed process had written and not synced is not spoken of before.
    """
    with ledger.transaction() as db:
        if schema_copy:
            set_meta(db, "schema_copy", schema_copy)
        _adopt_device(db, device_id)
        for row in db.execute(rows.LEASED).fetchall():
            ledger.note(db, row, State.READY, Why(Cause.RECOVERED))
            db.execute(rows.RELEASE, (None, None, 0, row["last_status"], row["last_code"], row["seq"]))


def sweep(ledger: Ledger, blobs: BlobFolder, device_id: str) -> int:
    """Hold what lost a part, remove what a killed put or a shredding left; return how many files went.

    Nobody else is here yet, so no grace period is needed. A sealed part above the next number was promised by a later
    database than this one, and one of another device by another store: neither is ours to remove.
    Raises: StoreCorrupt("database_old"), and nothing has changed.
    """
    standing = blobs.standing()
    if strays := blobs.strays():
        log.error("no sealed part, left where it lies: %s", ", ".join(strays[:STRAYS_TOLD]))
    with ledger.transaction() as db:
        lost = set()
        for part in db.execute(rows.NAMED_BLOBS):
            if standing.pop(part["path"], -1) != part["size"]:
                lost.add(part["submission_seq"])
        origins = {relative: read_origin(blobs.absolute(relative)) for relative in standing}
        next_seq = int(get_meta(db, "next_seq"))
        if any(origin and origin.dev == device_id and origin.seq > next_seq for origin in origins.values()):
            raise StoreCorrupt("database_old")
        for seq in sorted(lost):
            row = db.execute(rows.READY, (seq,)).fetchone()
            if row is not None:
                log.error("a sealed part is gone: %s", row["sid"])
                ledger.write(db, (seq, row["sid"], State.READY), State.DEAD, Why(Cause.BLOB_MISSING))
                db.execute(rows.DEAD, (Cause.BLOB_MISSING, 0, Cause.BLOB_MISSING, seq))
    removed = [relative for relative, origin in origins.items() if origin is None or origin.dev == device_id]
    blobs.remove(removed)
    return len(removed)


def _adopt_device(db: sqlite3.Connection, device_id: str) -> None:
    """Note whose store this is; refuse while submissions of another terminal, with its signatures, wait here."""
    former = get_meta(db, "device_id")
    if former not in ("", device_id):
        waiting = db.execute("SELECT 1 FROM submission WHERE state NOT IN ('delivered','shredded')").fetchone()
        if waiting:
            raise StoreCorrupt("other_device", f"{former}, not {device_id}")
    set_meta(db, "device_id", device_id)
