"""What the store keeps for others in one line each: why the queue stands still, what the sync loop has learnt."""

from __future__ import annotations

from offline_queue.api import PauseReason
from offline_queue.ballast import Ballast, making_room
from offline_queue.ledger import Ledger, get_meta, set_meta


class Notes:
    """The note-keeping part of `QueueStore`."""

    _ballast: Ballast
    _ledger: Ledger

    @making_room
    def set_pause(self, reason: PauseReason) -> None:
        """Remember why the whole queue stands still, or that it does not."""
        with self._ledger.transaction() as db:
            set_meta(db, "pause_reason", reason.value)

    @making_room
    def set_standing(self, reason: PauseReason) -> None:
        """Remember that the platform has suspended or revoked this device, or not: no visit may begin meanwhile.

        A suspended device still sends what is stored, so this is no pause of the queue.
        """
        with self._ledger.transaction() as db:
            set_meta(db, "standing", reason.value)

    def note(self, key: str) -> str:
        """Return one of the sync loop's own notes, or nothing."""
        with self._ledger.transaction() as db:
            return get_meta(db, key)

    @making_room
    def set_notes(self, notes: dict[str, str]) -> None:
        """Write notes of the sync loop in one transaction: breaker, link estimate (§6, meta)."""
        with self._ledger.transaction() as db:
            for key, value in notes.items():
                set_meta(db, key, value)

    def _fold_log(self) -> None:
        """Make the room of the write-ahead log free for use again."""
        self._ledger.fold()
