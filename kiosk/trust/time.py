"""Trusted time: only what the platform signed moves the offset and the floor (queue-and-sync.md §11.3, §11.7)."""

from __future__ import annotations

import contextlib
import hmac
import secrets
import threading
from pathlib import Path
from typing import Protocol

import msgspec

from kiosk.trust.keys import write_durably
from kiosk.trust.ring import KeyRing, is_integer
from kiosk.trust.signed import Purpose, TrustFault
from offline_queue.api import Clock, SignedObject

FLOOR_FILE = "time.json"
FLOOR_STEP_S = 600  # the floor is written again when it has risen this much: one small sync in ten minutes
NONCE_BYTES = 16  # 128 bits, §9.2


class LearningClock(Clock, Protocol):
    """A clock that can be told the platform's time."""

    floor_s: float

    @property
    def offset_s(self) -> float:
        """Return platform time minus wall clock, 0 while it is not known."""

    def learn_platform_time(self, platform_s: float) -> None:
        """Take a platform-signed time; the floor only rises."""


class TrustedTime:
    """Checks signed time answers, tells the clock and keeps the floor over restarts."""

    def __init__(self, folder: Path, ring: KeyRing, clock: LearningClock) -> None:
        self._path = folder / FLOOR_FILE
        self._ring = ring
        self._clock = clock
        self._lock = threading.Lock()
        self._written_s = load_floor(folder)

    def now_s(self) -> float:
        """Return platform time as well as it is known: wall clock plus the signed offset."""
        return self._clock.wall_s() + self._clock.offset_s

    @property
    def offset_s(self) -> float:
        """Return platform time minus wall clock, from signed answers only."""
        return self._clock.offset_s

    def learn(self, answer: SignedObject, nonce: str) -> float:
        """Return the platform's Unix seconds, once signature and nonce hold; clock and floor have learned it.

        Raises: TrustFault, and nothing is learned.
        """
        value = self._ring.verify(answer, Purpose.TIME, when="now")
        echoed = value.get("nonce")
        if not isinstance(echoed, str) or not hmac.compare_digest(echoed.encode(), nonce.encode()):
            raise TrustFault
        now_s = float(value["now"])
        self.take(now_s)
        return now_s

    def take(self, now_s: float) -> None:
        """Believe a platform time whose signature and freshness somebody has checked."""
        self._clock.learn_platform_time(now_s)
        self._keep_floor()

    def _keep_floor(self) -> None:
        with self._lock:
            floor = self._clock.floor_s
            if floor - self._written_s >= FLOOR_STEP_S:
                with contextlib.suppress(OSError):  # a disk that fails does not make the time unknown; kept later
                    write_durably(self._path, msgspec.json.encode({"floor_s": int(floor)}))
                    self._written_s = floor


def draw_nonce() -> str:
    """Return 128 fresh random bits as 32 hex digits."""
    return secrets.token_hex(NONCE_BYTES)


def load_floor(folder: Path) -> float:
    """Return the highest platform time seen before, 0 if none; a broken file counts as none."""
    try:
        value = msgspec.json.decode((folder / FLOOR_FILE).read_bytes())
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return 0.0
    floor = value.get("floor_s") if isinstance(value, dict) else None
    return float(floor) if is_integer(floor) and floor >= 0 else 0.0
