"""What this process learnt a moment ago: it saves asking the database, and nothing depends on what it holds.

Uploads go by it, because their bytes have no effect before the PUT. The commit point, heartbeats and tokens always ask.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """Values by key for `life_s` seconds, the newest `kept_max` of them. For the event loop's thread alone."""

    def __init__(self, life_s: float, kept_max: int, mono_s: Callable[[], float] = time.monotonic) -> None:
        self._life_s = life_s
        self._kept_max = kept_max
        self._mono_s = mono_s
        self._kept: dict[Hashable, tuple[float, Value]] = {}

    def get(self, key: Hashable) -> Value | None:
        """Return what was learnt, unless that is too long ago."""
        until, value = self._kept.get(key, (0.0, None))
        return value if self._mono_s() < until else None

    def put(self, key: Hashable, value: Value) -> None:
        """Remember from now on."""
        self._kept.pop(key, None)  # so that dictionaries' order is that of age
        if len(self._kept) >= self._kept_max:
            self._kept.pop(next(iter(self._kept)))
        self._kept[key] = (self._mono_s() + self._life_s, value)

    def drop(self, key: Hashable) -> None:
        """Forget."""
        self._kept.pop(key, None)
