"""One process, one store: an exclusive lock file that ends with its owner."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

from offline_queue.api import StoreBusy

UNWRITABLE = (errno.EROFS, errno.EACCES, errno.EPERM)


class LockFile:
    """An exclusive lock, held until `release` or the end of the process, however it ends."""

    _descriptor = -1

    def __init__(self, path: Path) -> None:
        """Take the lock. Raises: StoreBusy if another store holds it."""
        self._take(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600))

    def release(self) -> None:
        """Give the lock back; a second time does nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:  # the number may be another file's by then
            os.close(descriptor)

    def _take(self, descriptor: int) -> None:
        self._descriptor = descriptor
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.release()
            raise StoreBusy("store_busy") from error


class ReadingLock(LockFile):
    """The same lock for one that writes nothing here: where no file can be made, nobody can hold it either."""

    def __init__(self, path: Path) -> None:
        """Take the lock where there can be one. Raises: StoreBusy if a store holds it."""
        try:
            super().__init__(path)
        except OSError as error:
            if error.errno not in UNWRITABLE:
                raise
            if path.exists():
                self._take(os.open(path, os.O_RDONLY | os.O_NOFOLLOW))
