"""What an open store does before anyone else comes in: leases back, lost parts held, orphans out."""

from __future__ import annotations

import logging
import sqlite3

from offline_queue import rows
from offline_queue.api import Cause, State, StoreCorrupt
from offline_queue.blobs import BlobFolder
from offline_queue.ledger import Ledger, Why, get_meta, set_meta

log = logging.getLogger(__name__)


def recover(ledger: Ledger, blobs: BlobFolder, device_id: str, schema_copy: str) -> None:
    """Bring leases of a former owner back, hold what lost a part, remove files that no row names.

    Nobody else is here yet, so no grace period is needed. Raises: StoreCorrupt("other_device").
    """
    with ledger.transaction() as db:
        if schema_copy:
            set_meta(db, "schema_copy", schema_copy)
        _adopt_device(db, device_id)
        for row in db.execute(rows.LEASED).fetchall():
            ledger.note(db, row, State.READY, Why(Cause.RECOVERED))
            db.execute(rows.RELEASE, (None, None, 0, row["last_status"], row["last_code"], row["seq"]))
        named = db.execute(rows.NAMED_BLOBS).fetchall()
        lost = {part["submission_seq"] for part in named if not blobs.is_whole(part["path"], part["size"])}
        for row in db.execute(rows.READY).fetchall():
            if row["seq"] in lost:
                log.error("a sealed part is gone: %s", row["sid"])
                ledger.write(db, (row["seq"], row["sid"], row["state"]), State.DEAD, Why(Cause.BLOB_MISSING))
                db.execute(rows.DEAD, (Cause.BLOB_MISSING, 0, Cause.BLOB_MISSING, row["seq"]))
    blobs.sweep(frozenset(part["path"] for part in named))


def _adopt_device(db: sqlite3.Connection, device_id: str) -> None:
    """Note whose store this is; refuse while submissions of another terminal, with its signatures, wait here."""
    if get_meta(db, "device_id") not in ("", device_id):
        waiting = db.execute("SELECT 1 FROM submission WHERE state NOT IN ('delivered','shredded')").fetchone()
        if waiting:
            raise StoreCorrupt("other_device")
    set_meta(db, "device_id", device_id)
