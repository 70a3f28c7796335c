"""A file that holds room: on a full disk it goes, so that sending and deleting can go on (queue-and-sync.md §11.8)."""

from __future__ import annotations

import errno
import functools
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from offline_queue.api import DiskFull

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")
ROOM = 2  # restored only where as much again stays free, else the next write would take it away once more


class Ballast:
    """`ballast` in the state folder. A size of 0 wants none."""

    def __init__(self, path: Path, size: int, free_bytes: Callable[[Path], int]) -> None:
        self._path = path
        self._size = size
        self._free_bytes = free_bytes
        self.is_whole = self._stands()
        """Whether the room is held."""

    def restore(self) -> bool:
        """Take the room again where the disk has plenty; return whether it is held."""
        if not self.is_whole and self._free_bytes(self._path.parent) >= ROOM * self._size:
            self._path.unlink(missing_ok=True)
            self.is_whole = self._write()
            if self.is_whole:
                log.info("ballast stands")
        return self.is_whole

    def drop(self) -> bool:
        """Give the room back to the disk; return whether that made any."""
        if not self._path.exists():
            return False
        self._path.unlink()
        self.is_whole = False
        log.warning("disk full: the ballast gives way")
        return True

    def _stands(self) -> bool:
        if not self._size:
            return True
        if not self._path.is_file():
            return False
        found = self._path.stat()
        return found.st_size == self._size and found.st_blocks * 512 >= self._size  # no hole: real room

    def _write(self) -> bool:
        """Allocate the blocks. Not synced: what a power cut takes away the next start writes again."""
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, self._size)
        except OSError as error:
            self._path.unlink()
            log.info("no ballast: %s", errno.errorcode.get(error.errno or 0, "unknown"))
            return False
        finally:
            os.close(descriptor)
        return self._stands()


class HasBallast(Protocol):
    """Whose methods may make room for themselves."""

    _ballast: Ballast

    def _fold_log(self) -> None:
        """Make the room of the write-ahead log free for use again."""


S = TypeVar("S", bound=HasBallast)


def making_room(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Return a method that, where the disk is full, uses the log's room again, then the ballast's.

    For one transaction on the way out: after DiskFull nothing of it was written. `put` is none: the room is not for
    taking in.
    """

    @functools.wraps(method)
    def call(store: S, /, *values: P.args, **named: P.kwargs) -> R:
        for is_last_resort in (False, True):
            try:
                return method(store, *values, **named)
            except DiskFull:
                if is_last_resort and not store._ballast.drop():
                    raise
                store._fold_log()
        return method(store, *values, **named)

    return call
