"""A point in time, and a way to be called off before it."""

from __future__ import annotations

import threading
import time

from devices.api.errors import Cancelled, TimedOut


class Deadline:
    """A point on the monotonic clock, and a way to be called off before it."""

    def __init__(self, seconds: float, cancelled: threading.Event | None = None) -> None:
        self.at = time.monotonic() + seconds
        self.cancelled = cancelled or threading.Event()

    def left_s(self) -> float:
        """Return the seconds left, never below zero."""
        return max(0.0, self.at - time.monotonic())

    def check(self, what: str = "deadline") -> None:
        """Raise Cancelled or TimedOut when it is over."""
        if self.cancelled.is_set():
            raise Cancelled(what)
        if time.monotonic() >= self.at:
            raise TimedOut(what)

    def wait(self, seconds: float) -> None:
        """Sleep at most `seconds`, waking at once when called off; then check."""
        self.cancelled.wait(min(seconds, self.left_s()))
        self.check()
