"""Until when the platform is left alone, kept over restarts (queue-and-sync.md §6 meta, §11.2)."""

from __future__ import annotations

import math
import random

from offline_queue.api import Clock
from offline_queue.store import QueueStore

BOOT, UNTIL = "breaker_boot", "breaker_until_mono_ms"


class Breaker:
    """The due time of an open breaker. Another boot's means: due now, but for a jitter."""

    def __init__(self, store: QueueStore, clock: Clock, rng: random.Random, jitter_s: float) -> None:
        """Read what a former run left."""
        self._store = store
        self._clock = clock
        boot, until = store.note(BOOT), store.note(UNTIL)
        self.is_open = bool(boot)
        self.is_of_this_boot = boot == clock.boot_id()
        if not boot:
            self.until_s = -math.inf
        elif self.is_of_this_boot and until.isdigit():
            self.until_s = int(until) / 1000
        else:
            self.until_s = clock.mono_s() + rng.uniform(0.0, jitter_s)

    def open(self, until_s: float) -> None:
        """Write down until when nothing goes out."""
        self.is_open, self.until_s = True, until_s
        self._store.set_notes({BOOT: self._clock.boot_id(), UNTIL: str(max(int(until_s * 1000), 0))})

    def close(self) -> None:
        """The platform answers again."""
        if self.is_open:
            self.is_open, self.until_s = False, -math.inf
            self._store.set_notes({BOOT: "", UNTIL: ""})
