"""One process, one store: an exclusive lock file that ends with its owner."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from offline_queue.api import StoreBusy


class LockFile:
    """An exclusive lock, held until `release` or the end of the process, however it ends."""

    def __init__(self, path: Path) -> None:
        """Take the lock. Raises: StoreBusy if another store holds it."""
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._descriptor)
            raise StoreBusy("store_busy") from error

    def release(self) -> None:
        """Give the lock back; a second time does nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:  # the number may be another file's by then
            os.close(descriptor)
