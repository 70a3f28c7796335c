"""Which submission goes next, and how one ends: inside a transaction of the store's, so that one sync serves both."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

import msgspec

from offline_queue import rows
from offline_queue.api import Cause, Clock, Consignment, Outcome, QueueError, Receipt, SignedObject, State
from offline_queue.blobs import BlobFolder
from offline_queue.intake import wall_text
from offline_queue.ledger import Ledger, Why


class Turn(NamedTuple):
    """Who goes next: see `QueueStore.claim`."""

    preferred_sid: str = ""
    is_due_waived: bool = False
    is_unsent_first: bool = False
    marks_sending: bool = False


class Settled(NamedTuple):
    """How one submission ended, and the one leased with the same sync, if any is due."""

    outcome: Outcome
    next: Consignment | None


class Leases:
    """Leases and receipts of one store. Every method runs inside a transaction of the ledger."""

    def __init__(self, ledger: Ledger, clock: Clock, blobs: BlobFolder, *, owner: str, device_id: str) -> None:
        """`owner` is this process's name on a lease, `device_id` what a receipt must speak to."""
        self._ledger = ledger
        self._clock = clock
        self._blobs = blobs
        self._owner = owner
        self._device_id = device_id

    def claim(self, db: sqlite3.Connection, how: Turn) -> Consignment | None:
        """Lease the next submission that is due, None where nothing is."""
        now = {
            "boot": self._clock.boot_id(),
            "mono_ms": self._ledger.mono_ms(),
            "sid": how.preferred_sid,
            "waived": how.is_due_waived,
        }
        found = db.execute(rows.CLAIMABLE_PREFERRED, now).fetchone() if how.preferred_sid else None
        query = rows.CLAIMABLE_UNSENT if how.is_unsent_first else rows.CLAIMABLE
        found = found or db.execute(query, now).fetchone()
        if found is None:
            return None
        row = db.execute(rows.CLAIM, (self._owner, now["mono_ms"], found["seq"])).fetchone()
        self._ledger.write(db, (row["seq"], row["sid"], State.READY), State.CLAIMED, Why(Cause.CLAIMED))
        parts = db.execute(rows.PARTS, (row["sid"],)).fetchall()
        is_sending = how.marks_sending and not any(part["acked_offset"] < part["size"] for part in parts)
        if is_sending:
            self._ledger.write(db, (row["seq"], row["sid"], State.CLAIMED), State.SENDING, Why(Cause.SENDING))
            db.execute(rows.SENDING, (row["seq"],))
        item = rows.to_consignment(row, parts, self._blobs)
        return msgspec.structs.replace(item, is_sending=is_sending)

    def settle(self, db: sqlite3.Connection, sid: str, signed: SignedObject, receipt: Receipt) -> Outcome:
        """Keep a verified receipt. Raises: QueueError("receipt_mismatch") if it speaks of anything else."""
        row = self._ledger.require(db, sid)
        ours = (row["sid"], self._device_id, row["seq"], row["manifest_sha256"].hex())
        if (receipt.sid, receipt.dev, receipt.seq, receipt.manifest_sha256) != ours:
            raise QueueError("receipt_mismatch", sid)
        cause = Cause.LATE_RECEIPT if row["state"] == State.DEAD else Cause.RECEIPT
        facts = (receipt.case_number, receipt.query_code, wall_text(self._delivered_s(receipt)))
        self._ledger.note(db, row, State.DELIVERED, Why(cause))
        db.execute(rows.DELIVERED, (signed.object, signed.kid, signed.signature, *facts, row["seq"]))
        return rows.to_outcome(self._ledger.require(db, sid))

    def _delivered_s(self, receipt: Receipt) -> float:
        """Return when it was delivered: by our clock, or by the platform's own word where ours is not confirmed."""
        if receipt.ts and not self._clock.is_trusted():
            return float(receipt.ts)
        return self._clock.wall_s()
