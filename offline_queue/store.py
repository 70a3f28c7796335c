"""The durable outbox: one connection, one lock, one transaction per public method (queue-and-sync.md §4 to §6).

Whoever holds a `Ticket` holds a promise: the submission is sealed on disk and outlives any kill. Two locks: `put`
runs one at a time, so that the next number can be read, sealed with and used in one transaction; the connection's
lock is held only for the transactions, so that sending goes on while a part is being sealed.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import msgspec

from offline_queue import rows
from offline_queue.api import (
    PARTS_MAX,
    Cause,
    Clock,
    Consignment,
    DiskFull,
    EnvelopeFacts,
    ManifestBuilder,
    Outcome,
    PlainPart,
    QueueError,
    Receipt,
    SealFault,
    SealingKey,
    SignedObject,
    Signer,
    State,
    StoreCorrupt,
    Ticket,
)
from offline_queue.ballast import Ballast, making_room
from offline_queue.blobs import BlobFolder, make_folder
from offline_queue.database import open_database
from offline_queue.entry import ITEM_MAX, MARGIN_BYTES, PRIORITY, Entry, Limits
from offline_queue.envelope import PURPOSE, build_envelope
from offline_queue.intake import intake_number, wall_text
from offline_queue.leases import Leases, Settled, Turn
from offline_queue.ledger import Ledger, Why, get_meta
from offline_queue.lock import LockFile
from offline_queue.looking import Looking, free_room
from offline_queue.migrations import Schema
from offline_queue.notes import Notes
from offline_queue.peek import is_sound
from offline_queue.recipients import choose_keys
from offline_queue.recovery import recover, sweep
from offline_queue.seal import SealedPart, SealHeader, seal_bytes, seal_parts

log = logging.getLogger(__name__)


class QueueStore(Looking, Notes):
    """The outbox in one state folder: `queue.db`, `queue.lock`, `blobs/`. Safe to call from any thread."""

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock,
        signer: Signer,
        device_id: str = "",
        limits: Limits | None = None,
        free_bytes: Callable[[Path], int] = free_room,
        schema: Schema | None = None,
    ) -> None:
        """Open or create the store in folder `path`; leases of a former owner come back, orphan files go.

        `device_id` defaults to the signer's. Raises: StoreBusy, StoreTooNew, StoreCorrupt, DiskFull.
        """
        self._clock = clock
        self._signer = signer
        self._device_id = device_id or signer.device_id
        self._limits = limits or Limits()
        self._free_bytes = free_bytes
        self._root = path
        self._put_lock = threading.Lock()
        self._putting = ""
        with ExitStack() as undo:
            make_folder(path)
            self._file_lock = LockFile(path / "queue.lock")
            undo.callback(self._file_lock.release)
            self._ballast = Ballast(path / "ballast", self._limits.ballast_bytes, free_bytes)
            try:
                self._open(schema or Schema())
            except DiskFull:
                if not self._ballast.drop():
                    raise
                self._open(schema or Schema())
            undo.callback(self._ledger.close)
            self._ballast.restore()
            undo.pop_all()

    def _open(self, schema: Schema) -> None:
        self._blobs = BlobFolder(self._root)
        database = self._root / "queue.db"
        opened = open_database(database, schema, self._limits.database_bytes)
        self._is_inspected = opened.is_checked
        with ExitStack() as undo:
            self._ledger = Ledger(opened.connection, self._clock, database, self._limits.database_bytes)
            undo.callback(self._ledger.close)
            owner = f"{self._clock.boot_id()}/{secrets.token_hex(8)}"
            self._leases = Leases(self._ledger, self._clock, self._blobs, owner=owner, device_id=self._device_id)
            recover(self._ledger, self._device_id, opened.copy)
            sweep(self._ledger, self._blobs, self._device_id)
            undo.pop_all()

    def __enter__(self) -> QueueStore:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def device_id(self) -> str:
        """Return the id of the terminal whose submissions these are."""
        return self._device_id

    def close(self) -> None:
        """Close the store; a running `put` ends first."""
        with self._put_lock:
            self._ledger.close()
            self._file_lock.release()

    # ── in ──────────────────────────────────────────────────────────────────────────────────

    def put(
        self,
        sid: str,
        parts: tuple[PlainPart, ...],
        manifest: ManifestBuilder,
        facts: EnvelopeFacts,
        keys: tuple[SealingKey, ...],
    ) -> Ticket:
        """Seal and store a submission; return its ticket once it is durable. A known `sid` returns its ticket.

        Raises: SealFault, DiskFull, StoreCorrupt, QueueError("signer_unavailable"): nothing was promised.
        """
        with self._put_lock:
            self._putting = sid
            try:
                return self._find_ticket(sid) or self._put(sid, parts, manifest, facts, keys)
            finally:
                self._putting = ""

    def commit(self, entry: Entry) -> Ticket:
        """Write row, attachments and transition in one transaction, one sync: the promise. `put` calls it.

        Raises: DiskFull (nothing written), StoreCorrupt, QueueError("seq_taken").
        """
        created = wall_text(self._clock.wall_s())
        number = intake_number(self._device_id, entry.seq)
        facts = entry.facts
        size = len(entry.manifest) + sum(part.sealed_bytes for part in entry.parts)
        row = (entry.seq, entry.sid, number, facts.kind.value, facts.item, facts.after_sid or None)
        envelope = (entry.envelope.object, entry.envelope.kid, entry.envelope.signature)
        sealed = (entry.manifest, hashlib.sha256(entry.manifest).digest(), size, created, int(facts.clock_ok))
        blobs = [
            (
                entry.seq,
                p.name,
                bytes.fromhex(p.sealed_sha256),
                p.sealed_bytes,
                self._blobs.relative(p.sealed_sha256, entry.seq),
            )
            for p in entry.parts
        ]
        with self._ledger.transaction() as db:
            if db.execute(rows.NEXT_SEQ, (str(entry.seq + 1), str(entry.seq))).rowcount != 1:
                raise QueueError("seq_taken")
            db.execute(rows.INSERT_SUBMISSION, (*row, PRIORITY.get(facts.kind, 5), *envelope, *sealed))
            db.executemany(rows.INSERT_ATTACHMENT, blobs)
            self._ledger.write(db, (entry.seq, entry.sid, None), State.READY, Why(Cause.STORED))
        return Ticket(entry.sid, entry.seq, number, created)

    # ── looking ─────────────────────────────────────────────────────────────────────────────

    def find(self, sid: str) -> Outcome | None:
        """Return what is known of `sid`, or None: not stored. Waits while this very `sid` is being put."""
        self._wait_for_put(sid)
        with self._ledger.transaction() as db:
            row = db.execute(rows.ONE, (sid,)).fetchone()
        return rows.to_outcome(row) if row else None

    def ticket(self, sid: str) -> Ticket | None:
        """Return the ticket of a stored submission, or None: not stored. Waits while this very `sid` is being put."""
        self._wait_for_put(sid)
        return self._find_ticket(sid)

    @making_room
    def mark_audited(self, up_to_n: int) -> None:
        """Note that the audit log holds every state change up to number `up_to_n`."""
        with self._ledger.transaction() as db:
            db.execute("UPDATE transition SET audited = 1 WHERE audited = 0 AND n <= ?", (up_to_n,))

    # ── out: the sync thread ────────────────────────────────────────────────────────────────

    @making_room
    def claim(
        self,
        preferred_sid: str = "",
        *,
        is_due_waived: bool = False,
        is_unsent_first: bool = False,
        marks_sending: bool = False,
    ) -> Consignment | None:
        """Lease the next submission that is due: the preferred one, else by priority and number. None: nothing.

        `is_due_waived` lets the preferred one go before its due time. `is_unsent_first`: those that the platform has
        not heard of go before all others. `marks_sending`: one that has nothing left to upload is marked as sending at
        once, because its PUT is next: one transaction, one sync, for both.
        """
        how = Turn(preferred_sid, is_due_waived, is_unsent_first, marks_sending)
        with self._ledger.transaction() as db:
            return self._leases.claim(db, how)

    @making_room
    def progress(self, sid: str, part: str, upload_url: str, acked_offset: int) -> None:
        """Write down where the upload of a part stands; nothing and 0 forget it."""
        values = (upload_url, acked_offset, acked_offset, acked_offset, sid, part)
        with self._ledger.transaction() as db:
            db.execute(rows.PROGRESS, values)

    @making_room
    def mark_sending(self, sid: str) -> Outcome:
        """Note, before the first byte of the PUT, that from here on it may take effect."""
        return self._ledger.change(sid, State.SENDING, Why(Cause.SENDING), rows.SENDING)

    @making_room
    def release(
        self, sid: str, cause: Cause, *, wait_s: float = 0.0, is_counted: bool = False, status: int = 0, code: str = ""
    ) -> Outcome:
        """Give a lease back; due again in `wait_s`. `is_counted` raises its attempts."""
        due = (self._clock.boot_id(), self._ledger.mono_ms() + int(wait_s * 1000))
        values = (*due, int(is_counted), status, code)
        return self._ledger.change(sid, State.READY, Why(cause, status, code), rows.RELEASE, values)

    @making_room
    def settle_delivered(self, sid: str, signed: SignedObject, receipt: Receipt) -> Outcome:
        """Keep a verified receipt: delivered, from `sending` or `dead`.

        Raises: QueueError("receipt_mismatch") if it speaks of anything but this submission.
        """
        with self._ledger.transaction() as db:
            return self._leases.settle(db, sid, signed, receipt)

    @making_room
    def settle_and_claim(self, sid: str, signed: SignedObject, receipt: Receipt, how: Turn) -> Settled:
        """Keep a verified receipt and lease what goes next, in one transaction: one sync for both.

        Raises: QueueError("receipt_mismatch"), and nothing is leased.
        """
        with self._ledger.transaction() as db:
            outcome = self._leases.settle(db, sid, signed, receipt)
            return Settled(outcome, self._leases.claim(db, how))

    @making_room
    def settle_dead(self, sid: str, code: str, status: int = 0) -> Outcome:
        """Keep as a dead letter: the platform refused it for good with one of our codes."""
        return self._ledger.change(sid, State.DEAD, Why(Cause.REFUSED, status, code), rows.DEAD, (code, status, code))

    @making_room
    def requeue(self, sid: str) -> Outcome:
        """Send a dead letter again, same bytes, once its reason is repaired. For technicians."""
        return self._ledger.change(sid, State.READY, Why(Cause.REQUEUED), rows.REQUEUED)

    @making_room
    def hasten(self) -> None:
        """Make due at once what waits only because the platform was out of reach."""
        with self._ledger.transaction() as db:
            db.execute(rows.HASTEN)

    # ── forgetting: retention ───────────────────────────────────────────────────────────────

    def shred(self, sid: str) -> Outcome:
        """Forget the content of a delivered submission; envelope and receipt stay as its tombstone."""
        outcome, paths = self._shred(sid)
        self._blobs.remove(paths)
        return outcome

    @making_room
    def _shred(self, sid: str) -> tuple[Outcome, list[str]]:
        with self._ledger.transaction() as db:
            row = self._ledger.require(db, sid)
            self._ledger.note(db, row, State.SHREDDED, Why(Cause.SHREDDED))
            db.execute("UPDATE submission SET state = 'shredded', manifest = NULL WHERE seq = ?", (row["seq"],))
            paths = [part["path"] for part in db.execute(rows.GONE, (row["seq"],)).fetchall()]
            return rows.to_outcome(self._ledger.require(db, sid)), paths

    @making_room
    def forget(self, delivered_before_s: float) -> int:
        """Remove tombstones of submissions delivered before a wall time; return how many went.

        A copy made before a migration goes with them: it holds what has been shredded since.
        """
        for copy in self._root.glob("queue-*.copy.db"):
            if copy.stat().st_mtime < delivered_before_s:
                copy.unlink()
        query = "SELECT seq, sid FROM submission WHERE state = 'shredded' AND delivered_wall < ?"
        with self._ledger.transaction() as db:
            gone = db.execute(query, (wall_text(delivered_before_s),)).fetchall()
            for row in gone:
                db.execute("DELETE FROM attachment WHERE submission_seq = ?", (row["seq"],))
                db.execute("DELETE FROM submission WHERE seq = ?", (row["seq"],))
                db.execute("DELETE FROM transition WHERE submission_seq = ? AND audited = 1", (row["seq"],))
                self._ledger.write(db, (row["seq"], row["sid"], State.SHREDDED), "removed", Why(Cause.EXPIRED))
        return len(gone)

    @making_room
    def checkpoint(self) -> bool:
        """Empty the write-ahead log after a deletion; False while a reader holds it: ask again when idle.

        Then the ballast, if it had to give way, is written again as soon as there is room.
        """
        is_empty = self._ledger.checkpoint()
        self._ballast.restore()
        return is_empty

    def inspect(self) -> None:
        """Read every page once, when idle, if the store was too large for that at the start; damage ends promises."""
        if not self._is_inspected:
            self._is_inspected = True
            if not is_sound(self._root):
                log.error("the store is damaged: out of service")
                self._ledger.is_faulted = True

    # ── inside ──────────────────────────────────────────────────────────────────────────────

    def _wait_for_put(self, sid: str) -> None:
        if self._putting == sid:
            with self._put_lock:
                pass

    def _find_ticket(self, sid: str) -> Ticket | None:
        with self._ledger.transaction() as db:
            row = db.execute(rows.ONE, (sid,)).fetchone()
        return Ticket(sid, row["seq"], row["intake_number"], row["created_wall"]) if row else None

    def _put(
        self,
        sid: str,
        parts: tuple[PlainPart, ...],
        manifest: ManifestBuilder,
        facts: EnvelopeFacts,
        keys: tuple[SealingKey, ...],
    ) -> Ticket:
        self._check_request(parts, facts)
        recipients, is_stale = choose_keys(keys, self._clock.wall_s() if self._clock.is_trusted() else None)
        stale_kid = recipients[0].kid if is_stale else ""
        if is_stale:
            log.info("sealing to an outdated key: %s", stale_kid)
        with self._ledger.transaction() as db:
            seq = int(get_meta(db, "next_seq"))  # used up by `commit` alone, so a kill here leaves no gap
        header = SealHeader(sid, self._device_id, "manifest", seq, facts.ts, facts.catalogue)
        sealed: list[SealedPart] = []
        with ExitStack() as undo:
            undo.callback(self._blobs.discard, sealed, seq)
            slots = tuple((msgspec.structs.replace(header, part=part.name), part.data) for part in parts)
            sealed += seal_parts(slots, recipients, self._blobs.incoming)
            self._blobs.adopt(tuple(sealed), seq)
            known = tuple(part.facts for part in sealed)
            blob = seal_bytes(header, manifest(known), recipients)
            serial = self._signer.certificate_serial
            envelope = self._signer.sign(PURPOSE, build_envelope(header, facts, known, blob, serial, stale_kid))
            try:
                ticket = self.commit(Entry(sid, seq, facts, envelope, blob, known))
            except StoreCorrupt:
                undo.pop_all()  # the row may be on disk: only the next open knows, and sweeps what it does not name
                raise
            undo.pop_all()
        return ticket

    def _check_request(self, parts: tuple[PlainPart, ...], facts: EnvelopeFacts) -> None:
        names = [part.name for part in parts]
        if len(set(names)) < len(names) or "manifest" in names or len(facts.item) > ITEM_MAX:
            raise SealFault("bad_request")
        if len(names) > PARTS_MAX:  # it could never be delivered
            raise SealFault("too_many_parts")
        if self._ledger.is_faulted:
            raise StoreCorrupt("faulted")
        needed = sum(len(part.data) for part in parts) + MARGIN_BYTES
        if self._free_bytes(self._root) - needed < self._limits.free_floor_bytes // 2:
            raise DiskFull("free_floor")
