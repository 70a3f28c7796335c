"""Canonical JSON: one value, one byte string (queue-and-sync.md §7)."""

from __future__ import annotations

import json


def encode_canonical(value: object) -> bytes:
    """Return `value` as canonical JSON: keys by code point, no spaces, shortest escapes, UTF-8.

    Raises: ValueError for what JSON cannot hold, such as NaN or a lone surrogate.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()
