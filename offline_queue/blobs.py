"""Sealed parts as files: named by their hash, durable before any row names them (queue-and-sync.md §4).

All parts of one submission stand on one shelf, so that one sync of it makes all their names durable.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from offline_queue.seal import SealedPart, from_os_error

SHELVES = (
    16  # the first put on each, after a start, syncs one folder more; 10,000 waiting make a few thousand files a shelf
)
INCOMING = "incoming"


class BlobFolder:
    """`blobs/<shelf>/<sha256>.ksb1` below the state folder, and `blobs/incoming/` for what is being written."""

    def __init__(self, root: Path) -> None:
        """Open or create the folders below `root`. Raises: DiskFull, StoreCorrupt."""
        self._root = root
        self._blobs = root / "blobs"
        self._shelves: set[Path] = set()
        """Whose names are surely on the disk. None at first: whoever made one may have been killed before its sync."""
        self.incoming = self._blobs / INCOMING
        try:
            if not self._blobs.is_dir():
                self._blobs.mkdir(mode=0o700)
                sync_folder(root)
            self.incoming.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise from_os_error(error) from error

    def adopt(self, parts: tuple[SealedPart, ...], seq: int) -> None:
        """Give sealed parts their names, durably. Raises: DiskFull, StoreCorrupt."""
        touched: set[Path] = set()
        try:
            for part in parts:
                target = self.path(part.facts.sealed_sha256, seq)
                if target.parent not in self._shelves:
                    target.parent.mkdir(mode=0o700, exist_ok=True)
                    touched.add(self._blobs)
                part.path.rename(target)
                touched.add(target.parent)
            for folder in sorted(touched):
                sync_folder(folder)
            self._shelves |= touched  # only now: a name whose sync failed is synced again by the next put
        except OSError as error:
            raise from_os_error(error) from error

    def discard(self, parts: Iterable[SealedPart], seq: int) -> None:
        """Remove sealed parts of a submission that was not promised, wherever they stand."""
        for part in parts:
            part.path.unlink(missing_ok=True)
            self.path(part.facts.sealed_sha256, seq).unlink(missing_ok=True)

    def path(self, sha256: str, seq: int) -> Path:
        """Return the absolute path of a new blob by its lower-case hex hash and its submission's number."""
        return self._root / self.relative(sha256, seq)

    def relative(self, sha256: str, seq: int) -> str:
        """Return the path of a new blob relative to the state folder; afterwards its row knows it."""
        return f"blobs/{seq % SHELVES:02x}/{sha256}.ksb1"

    def absolute(self, relative: str) -> Path:
        """Return the absolute path of a blob by its stored relative path."""
        return self._root / relative

    def standing(self) -> dict[str, int]:
        """Return every plain file on a shelf by its relative path, with its size."""
        found: dict[str, int] = {}
        for shelf, entry in on_shelves(self._blobs):
            if entry.is_file(follow_symlinks=False):
                found[f"{self._blobs.name}/{shelf}/{entry.name}"] = entry.stat(follow_symlinks=False).st_size
        return found

    def strays(self) -> list[str]:
        """Return what lies on a shelf and is no plain file: a folder, a link, a device. It is never touched."""
        found = ((shelf, one) for shelf, one in on_shelves(self._blobs) if not one.is_file(follow_symlinks=False))
        return sorted(f"{self._blobs.name}/{shelf}/{one.name}" for shelf, one in found)

    def remove(self, relatives: Iterable[str]) -> None:
        """Unlink blobs; one that is already gone is fine."""
        for relative in relatives:
            (self._root / relative).unlink(missing_ok=True)


def on_shelves(blobs: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield whatever lies on the shelves of a folder of blobs, with the shelf's name; nothing where there is none."""
    if not blobs.is_dir():
        return
    for shelf in (entry for entry in os.scandir(blobs) if entry.is_dir(follow_symlinks=False)):
        for entry in os.scandir(shelf):
            yield shelf.name, entry


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(path: Path) -> None:
    """Make the state folder, durably, where there is none. Raises: DiskFull, StoreCorrupt."""
    try:
        new = [folder for folder in (path, *path.parents) if not folder.exists()]
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in new:
            sync_folder(folder.parent)
    except OSError as error:
        raise from_os_error(error) from error
