"""How much goes up at once, and how fast: the size of a piece, and the limit on bytes a second.

Source: reference/queue-and-sync.md §11.6. A piece is halved when it is lost and doubled after three that arrived; the
size outlives the part and the submission, because it belongs to the line.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

from offline_queue.api import Clock

PIECE_MIN = 64 * 1024
PIECE_START = 256 * 1024
PIECE_MAX = 512 * 1024
SUCCESSES = 3
BRISK_S = 4.0  # a piece that took longer is not doubled: twice it would near the 30 s we wait for an answer
SMALL = 16 * 1024  # bodies up to here are never held back: a form always goes
SLICE_S = 0.25  # a limited body leaves in slices of a quarter of a second


class Pieces:
    """The size of the next piece. Owned by the one thread that uploads."""

    def __init__(self, bytes_per_s: int = 0) -> None:
        """`bytes_per_s` is the limit of the line, 0 for none: no piece shall then take longer than it must."""
        self._ceiling = PIECE_MAX if not bytes_per_s else max(PIECE_MIN, min(PIECE_MAX, int(bytes_per_s * BRISK_S)))
        self._arrived = 0
        self.size = min(PIECE_START, self._ceiling)

    def arrived(self, seconds: float) -> None:
        """Note a piece that was acknowledged, and how long it took."""
        self._arrived += 1
        if self._arrived >= SUCCESSES and seconds <= BRISK_S:
            self._arrived = 0
            self.size = min(self.size * 2, self._ceiling)

    def lost(self) -> None:
        """Note a piece that was cut off, timed out or turned away."""
        self._arrived = 0
        self.size = max(self.size // 2, PIECE_MIN)


class Limiter:
    """At most so many bytes a second, over all connections that share it. 0 is no limit."""

    def __init__(self, bytes_per_s: int, clock: Clock, wait: Callable[[float], None] = time.sleep) -> None:
        self.bytes_per_s = bytes_per_s
        self._clock = clock
        self._wait = wait
        self._lock = threading.Lock()
        self._free_at_s = 0.0

    def body(self, data: bytes) -> bytes | LimitedBody:
        """Return the body as it shall leave: as it is, or in slices that keep to the limit."""
        if not self.bytes_per_s or len(data) <= SMALL:
            return data
        return LimitedBody(data, self)

    def take(self, count: int) -> None:
        """Wait until `count` more bytes may leave."""
        with self._lock:
            now = self._clock.mono_s()
            begins = max(now, self._free_at_s)
            self._free_at_s = begins + count / self.bytes_per_s
        if begins > now:
            self._wait(begins - now)


class LimitedBody:
    """A request body that a limiter lets out slice by slice."""

    def __init__(self, data: bytes, limiter: Limiter) -> None:
        self._data = data
        self._limiter = limiter
        self._at = 0
        self._slice = max(int(limiter.bytes_per_s * SLICE_S), 512)

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self.read():
            yield chunk

    def read(self, size: int = -1) -> bytes:
        """Return the next slice, at most `size` bytes, once the limit allows it; nothing at the end."""
        count = min(self._slice, len(self._data) - self._at)
        if size >= 0:
            count = min(count, size)
        if count:
            self._limiter.take(count)
        chunk = self._data[self._at : self._at + count]
        self._at += count
        return chunk
