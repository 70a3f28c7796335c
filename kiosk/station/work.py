"""The work lane: one thread for sealing and storing, never abandoned."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable

log = logging.getLogger(__name__)


class WorkLane:
    """Runs jobs one after another. A job that raises is a defect: `on_defect` is told, the lane goes on."""

    def __init__(self, on_defect: Callable[[BaseException], None]) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._on_defect = on_defect
        self._since = 0.0
        self._thread = threading.Thread(target=self._loop, name="work", daemon=True)
        self._thread.start()

    def submit(self, job: Callable[[], None]) -> None:
        """Run `job` after those submitted before."""
        self._jobs.put(job)

    def busy_s(self) -> float:
        """Return how long the running job has taken, 0 when idle."""
        since = self._since
        return time.monotonic() - since if since else 0.0

    def stop(self, timeout_s: float = 30.0) -> bool:
        """Let the jobs submitted so far end; return whether they did."""
        self._jobs.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _loop(self) -> None:
        while True:
            job = self._jobs.get()
            if job is None:
                return
            self._since = time.monotonic()
            try:
                job()
            except Exception as error:  # the border of the lane: anything untyped is a defect of ours
                log.error("a job of the work lane failed: %s", type(error).__name__)  # its text may be a person's
                self._on_defect(error)
            finally:
                self._since = 0.0
