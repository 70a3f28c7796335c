"""A plain main loop for tests and for terminals without a screen; Qt's is in ui/app.py."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable


class PlainLoop:
    """Runs posted calls and timers on the thread that calls `run_until`."""

    def __init__(self) -> None:
        self._order = itertools.count()
        self._due: list[tuple[float, int, Callable[[], None], list[bool]]] = []
        self._wake = threading.Condition()

    def post(self, call: Callable[[], None]) -> None:
        """Run `call` on the loop's thread, soon. Safe from any thread."""
        self.after(0.0, call)

    def after(self, seconds: float, call: Callable[[], None]) -> Callable[[], None]:
        """Run `call` after `seconds`; return what calls it off."""
        is_off = [False]
        with self._wake:
            heapq.heappush(self._due, (self.now() + seconds, next(self._order), call, is_off))
            self._wake.notify()

        def call_off() -> None:
            is_off[0] = True

        return call_off

    def now(self) -> float:
        """Return monotonic seconds."""
        return time.monotonic()

    def run_until(self, done: Callable[[], bool], timeout_s: float) -> bool:
        """Run until `done()` holds; return False when `timeout_s` passed first."""
        end = self.now() + timeout_s
        while not done():
            left = end - self.now()
            if left <= 0:
                return False
            self._run_one(left)
        return True

    def _run_one(self, timeout_s: float) -> None:
        with self._wake:
            wait = timeout_s if not self._due else min(timeout_s, self._due[0][0] - self.now())
            if wait > 0:
                self._wake.wait(wait)
            if not self._due or self._due[0][0] > self.now():
                return
            _, _, call, is_off = heapq.heappop(self._due)
        if not is_off[0]:
            call()
