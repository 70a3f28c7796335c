"""Files on a stick that anybody may have written: plain ones only, bounded, and nothing through a link.

A link leads elsewhere on this machine, a pipe or a device may never end: a stick holds neither that we would follow.
The stick's own place is the caller's word and may be one; what lies below it may not.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

READ_BYTES = 2**20


def read_plain(root: Path, *names: str, limit: int) -> bytes:
    """Return the bytes of a plain file below `root`. Raises: OSError, also for a link, a pipe, and above the limit."""
    with _open_plain(root, *names) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise OSError(f"{names[-1]} is too large")
    return data


def digest_plain(root: Path, *names: str) -> tuple[int, str]:
    """Return size and hex SHA-256 of a plain file below `root`. Raises: OSError, also for a link or a pipe."""
    digest, size = hashlib.sha256(), 0
    with _open_plain(root, *names) as file:
        while block := file.read(READ_BYTES):
            digest.update(block)
            size += len(block)
    return size, digest.hexdigest()


def replace_plain(root: Path, folder: str, name: str, data: bytes) -> None:
    """Write a file into a folder of `root`, whole or not at all; makes the folder. Raises: OSError, also for links."""
    draft = f".{name}.{secrets.token_hex(4)}"
    with _opened(root) as above:
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder, 0o700, dir_fd=above)
        with _opened(folder, above) as at:
            try:
                descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=at)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                os.rename(draft, name, src_dir_fd=at, dst_dir_fd=at)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(draft, dir_fd=at)
            os.fsync(at)
        os.fsync(above)


def _open_plain(root: Path, *names: str) -> BinaryIO:
    *folders, name = names
    with contextlib.ExitStack() as undo:
        at = undo.enter_context(_opened(root))
        for folder in folders:
            at = undo.enter_context(_opened(folder, at))
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=at)
        file = os.fdopen(descriptor, "rb")
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            file.close()
            raise OSError(f"{name} is no plain file")
        return file


@contextlib.contextmanager
def _opened(folder: Path | str, above: int | None = None) -> Iterator[int]:
    """Open a folder; below another one it must not be a link."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | (0 if above is None else os.O_NOFOLLOW), dir_fd=above)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
