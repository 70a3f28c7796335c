"""Forgetting: the content once a verified receipt is here, the tombstone after a month (queue-and-sync.md §5)."""

from __future__ import annotations

import math

from offline_queue.api import Clock, Outcome
from offline_queue.store import QueueStore

DAY_S = 86_400.0
FORGET_EVERY_S = 3600.0  # tombstones are days old: once an hour is plenty


class Retention:
    """Shreds what is delivered; nothing else is ever touched. Called by the sync loop when it is idle."""

    def __init__(self, store: QueueStore, clock: Clock, *, grace_s: float = 0.0, tombstone_days: int = 30) -> None:
        """`grace_s`: how long content stays after the receipt; `tombstone_days`: reprints and disputes."""
        self._store = store
        self._clock = clock
        self._grace_s = grace_s
        self._tombstone_s = tombstone_days * DAY_S
        self._forget_at_s = -math.inf
        self._is_log_full = True  # a former process may have stopped between a deletion and the checkpoint

    def run(self) -> tuple[Outcome, ...]:
        """Shred what is due, drop old tombstones, empty the log, hold the ballast; return what was shredded."""
        now_s = self._clock.wall_s()
        before_s = math.inf  # without grace no clock is asked
        if self._grace_s:
            before_s = now_s - self._grace_s if self._clock.is_trusted() else -math.inf
        shredded = tuple(self._store.shred(sid) for sid in self._store.shreddable(before_s))
        forgotten = self._forget(now_s)
        if shredded or forgotten or self._is_log_full or not self._store.has_ballast:
            self._is_log_full = not self._store.checkpoint()
        self._store.inspect()
        return shredded

    def _forget(self, now_s: float) -> int:
        """Drop old tombstones, at most once an hour and never by a clock that may be wrong."""
        mono_s = self._clock.mono_s()
        if mono_s < self._forget_at_s or not self._clock.is_trusted():
            return 0
        self._forget_at_s = mono_s + FORGET_EVERY_S
        return self._store.forget(now_s - self._tombstone_s)
