"""When to try again: full jitter on the monotonic clock (queue-and-sync.md §11.1)."""

from __future__ import annotations

import random

BASE_S = 2.0
CAP_S = 900.0
RETRY_AFTER_CAP_S = 3600.0


def full_jitter(attempts: int, rng: random.Random) -> float:
    """Return seconds to wait: uniform in [0, min(900, 2 · 2ⁿ)], n = attempts so far."""
    ceiling = min(CAP_S, BASE_S * 2.0 ** min(max(attempts, 0), 16))  # 2¹⁶ is far above the cap
    return rng.uniform(0.0, ceiling)


def bounded_wait(retry_after_s: float | None, default_s: float) -> float:
    """Return the platform's Retry-After within [0, 1 h], or `default_s` where it gave none or nonsense."""
    if retry_after_s is None or not retry_after_s >= 0.0:  # also catches NaN
        return default_s
    return min(retry_after_s, RETRY_AFTER_CAP_S)
