"""What can be asked of the store. Nothing here changes it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from offline_queue import rows
from offline_queue.api import Clock, Consignment, Outcome, PauseReason, QueueEntry, QueueStats, State, Transition
from offline_queue.ballast import Ballast
from offline_queue.blobs import BlobFolder
from offline_queue.entry import Limits
from offline_queue.intake import wall_text
from offline_queue.ledger import Ledger, get_meta


def free_room(folder: Path) -> int:
    """Return the bytes free on the disk of a folder."""
    return shutil.disk_usage(folder).free


class Looking:
    """The asking half of `QueueStore`."""

    _root: Path
    _clock: Clock
    _limits: Limits
    _free_bytes: Callable[[Path], int]
    _ballast: Ballast
    _blobs: BlobFolder
    _ledger: Ledger

    def entries(self, states: tuple[State, ...] = (), limit: int = 1000) -> tuple[QueueEntry, ...]:
        """Return the newest submissions in order of `seq`, of the given states or of all."""
        with self._ledger.transaction() as db:
            return rows.select_entries(db, states, limit)

    def outcomes(self, states: tuple[State, ...] = (), limit: int = 1000) -> tuple[Outcome, ...]:
        """Return the outcomes of `entries`."""
        return tuple(entry.outcome for entry in self.entries(states, limit))

    def stats(self) -> QueueStats:
        """Return counts, bytes, the oldest that waits, the pause, free disk and whether a visit may begin."""
        with self._ledger.transaction() as db:
            row = db.execute(rows.STATS).fetchone()
            (leased_ms,) = db.execute(rows.OLDEST_LEASE).fetchone()
            standing = PauseReason(get_meta(db, "standing"))
            pause = standing or PauseReason(get_meta(db, "pause_reason"))
        free = self._free_bytes(self._root)
        limits = self._limits
        has_room = row["rows_held"] < limits.rows and row["bytes_held"] < limits.bytes and self.has_ballast
        return QueueStats(
            ready=row["ready"],
            sending=row["sending"],
            delivered=row["delivered"],
            shredded=row["shredded"],
            dead=row["dead"],
            bytes_waiting=row["bytes_waiting"],
            oldest_wall=row["oldest_wall"],
            pause=pause,
            free_bytes=free,
            is_accepting=has_room and free >= limits.free_floor_bytes and not self._ledger.is_faulted and not standing,
            has_ballast=self.has_ballast,
            oldest_lease_s=0.0 if leased_ms is None else (self._ledger.mono_ms() - leased_ms) / 1000,
        )

    def is_accepting(self) -> bool:
        """Whether quota and free disk allow another visit; asked before a person starts."""
        return self.stats().is_accepting

    @property
    def has_ballast(self) -> bool:
        """Whether room is held for sending and deleting on a full disk."""
        return self._ballast.is_whole

    def unaudited(self, limit: int = 200) -> tuple[Transition, ...]:
        """Return state changes that the audit log has not taken yet, oldest first."""
        with self._ledger.transaction() as db:
            query = "SELECT * FROM transition WHERE audited = 0 ORDER BY n LIMIT ?"
            return tuple(rows.to_transition(row) for row in db.execute(query, (limit,)))

    def dead_letters(self) -> tuple[Consignment, ...]:
        """Return the dead letters whose PUT may have taken effect all the same; for a status question only."""
        with self._ledger.transaction() as db:
            found = db.execute(
                "SELECT * FROM submission WHERE state = 'dead' AND sent_once = 1 ORDER BY seq"
            ).fetchall()
        return tuple(rows.to_consignment(row, [], self._blobs) for row in found)

    def wait_s(self) -> float | None:
        """Return seconds until the earliest `ready` submission is due; None if none waits for a time."""
        now_ms = self._ledger.mono_ms()
        with self._ledger.transaction() as db:
            (due_ms,) = db.execute(rows.NEXT_DUE, (self._clock.boot_id(), now_ms)).fetchone()
        return None if due_ms is None else (due_ms - now_ms) / 1000

    def shreddable(self, delivered_before_s: float) -> tuple[str, ...]:
        """Return the sids delivered at or before a wall time, in Unix seconds, whose content still lies here."""
        query = "SELECT sid FROM submission WHERE state = 'delivered' AND delivered_wall <= ? ORDER BY delivered_wall"
        with self._ledger.transaction() as db:
            return tuple(row["sid"] for row in db.execute(query, (wall_text(delivered_before_s),)))

    def manifest_sha256(self, sid: str) -> str:
        """Return the hash that a receipt for `sid` must name, lower-case hex. Raises: QueueError("unknown_sid")."""
        with self._ledger.transaction() as db:
            digest: bytes = self._ledger.require(db, sid)["manifest_sha256"]
        return digest.hex()
