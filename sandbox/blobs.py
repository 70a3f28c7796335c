"""Files of the platform: sealed uploads as they arrive, and the plain parts of committed submissions.

A folder by default. With `s3://…` (`bucket.py`) the folder only gathers uploads; what is whole goes to the store.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "application/pdf": "pdf", "application/json": "json"}
READ_BYTES = 1 << 20
REOPENINGS = 3  # a file may be dropped between our opening and locking it; thrice in a row is somebody at work


class Held(Exception):
    """Somebody else is appending to this upload: another request, process or machine."""


class BlobFolder:
    """A local folder of blobs. `uploads/ID` is sealed, `plain/DEV/SID/PART.EXT` is open.

    The folder of uploads may be shared by all processes and, where its locks reach that far, by all machines.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("uploads", "plain"):
            (root / name).mkdir(parents=True, exist_ok=True, mode=0o700)

    def check(self) -> None:
        """Return if what is whole can be kept. A folder was made just now. Raises: ValueError."""

    # ── gathering ──────────────────────────────────────────────────────────────────────────

    def upload_path(self, upload_id: str) -> Path:
        """Return where an upload's bytes are gathered."""
        return self.root / "uploads" / upload_id

    def offset(self, upload_id: str) -> int:
        """Return how many bytes of an upload are here: the file's length is the one truth."""
        try:
            return self.upload_path(upload_id).stat().st_size
        except FileNotFoundError:
            return 0

    @contextmanager
    def hold(self, upload_id: str) -> Iterator[BinaryIO]:
        """The upload's file, open at its end and ours alone until the block ends or the process dies. Raises: Held."""
        path = self.upload_path(upload_id)
        for _ in range(REOPENINGS):
            with path.open("ab", buffering=0) as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError as fault:
                    raise Held(upload_id) from fault
                if _is_still(path, file):
                    yield file
                    return
        raise Held(upload_id)

    def settle(self, upload_id: str) -> str:
        """Make a whole upload durable and return its hex SHA-256."""
        path = self.upload_path(upload_id)
        digest = hashlib.sha256()
        with path.open("rb") as file:
            os.fsync(file.fileno())
            while chunk := file.read(READ_BYTES):
                digest.update(chunk)
        sync_folder(path.parent)
        return digest.hexdigest()

    def drop(self, upload_id: str) -> None:
        """Forget an upload's gathered bytes."""
        self.upload_path(upload_id).unlink(missing_ok=True)

    def free_bytes(self) -> int:
        """Return the room that is left for gathering."""
        return shutil.disk_usage(self.root).free

    # ── keeping ────────────────────────────────────────────────────────────────────────────

    def keep_sealed(self, upload_id: str, sha256: str) -> None:
        """Put a settled upload where all processes find it for good: here it lies there already."""

    def sealed_key(self, upload_id: str) -> str:
        """Return the name of a kept sealed upload."""
        return f"uploads/{upload_id}"

    @contextmanager
    def sealed_file(self, upload_id: str) -> Iterator[Path]:
        """A kept sealed upload as a local file, for the length of the block."""
        yield self.upload_path(upload_id)

    def release(self, upload_id: str) -> None:
        """The submission is committed: bytes that are kept elsewhere too may go."""

    def plain_path(self, dev: str, sid: str, part: str, mime: str) -> Path:
        """Return where a plain part is to be written, atomically; the folder is made."""
        path = self.root / plain_key(dev, sid, part, mime)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return path

    def keep_plain(self, path: Path, key: str, sha256: str) -> None:
        """Keep a file written at `plain_path` under its key: here it lies there already."""

    def plain_file(self, key: str) -> Path:
        """Return a kept plain part as a local file."""
        return self.root / key

    def sync_plain(self, dev: str, sid: str) -> None:
        """Make the names of a submission's plain parts durable, up to the root."""
        for folder in (Path(dev, sid), Path(dev), Path()):
            if (self.root / "plain" / folder).is_dir():
                sync_folder(self.root / "plain" / folder)

    def sweep(self) -> None:
        """Delete what a process that died has left behind. Temporary files of the reader are old after an hour."""
        for path in self.root.glob("plain/*/*/.*.opening"):
            drop_old(path)


def plain_key(dev: str, sid: str, part: str, mime: str) -> str:
    """Return the name under which a plain part is kept."""
    return f"plain/{dev}/{sid}/{part}.{EXTENSIONS.get(mime, 'bin')}"


def open_blobs(url: str, scratch: Path | None = None) -> BlobFolder:
    """Return the blobs of a folder, of `file:///FOLDER` or of `s3://BUCKET/PREFIX?endpoint=URL`.

    `scratch` is where an object store's uploads are gathered. Raises: ValueError for another kind of place.
    """
    parts = urlsplit(url)
    if parts.scheme == "s3":
        from sandbox.bucket import open_bucket  # a terminal's demo needs no botocore

        if scratch is None:
            raise ValueError(f"--blobs: {url!r} needs a folder to gather uploads in")
        return open_bucket(url, scratch)
    if parts.scheme not in ("", "file"):
        raise ValueError(f"--blobs: {url!r} is not supported; allowed: a folder, file:///FOLDER, s3://BUCKET/PREFIX")
    return BlobFolder(Path(unquote(parts.path) if parts.scheme else url))


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write a file that is there whole or not at all, its bytes durable; its name is with the folder's next sync."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def drop_old(path: Path, age_s: float = 3600) -> None:
    """Delete a file that nobody has written for so long."""
    try:
        if time.time() - path.stat().st_mtime > age_s:
            path.unlink()
    except FileNotFoundError:  # another process sweeps too
        return


def _is_still(path: Path, file: BinaryIO) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
