"""Files of the platform: sealed uploads as they arrived, and the plain parts of committed submissions."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit

EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "application/pdf": "pdf", "application/json": "json"}
READ_BYTES = 1 << 20


class BlobFolder:
    """A local folder of blobs. `uploads/ID` is sealed, `plain/DEV/SID/PART.EXT` is open."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("uploads", "plain"):
            (root / name).mkdir(parents=True, exist_ok=True, mode=0o700)

    def upload_path(self, upload_id: str) -> Path:
        """Return where an upload's bytes are gathered."""
        return self.root / "uploads" / upload_id

    def offset(self, upload_id: str) -> int:
        """Return how many bytes of an upload are here: the file's length is the one truth."""
        try:
            return self.upload_path(upload_id).stat().st_size
        except FileNotFoundError:
            return 0

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
        """Forget an upload's bytes."""
        self.upload_path(upload_id).unlink(missing_ok=True)

    def plain_path(self, dev: str, sid: str, part: str, mime: str) -> Path:
        """Return where a plain part goes; the folder is made."""
        folder = self.root / "plain" / dev / sid
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder / f"{part}.{EXTENSIONS.get(mime, 'bin')}"

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

    def free_bytes(self) -> int:
        """Return the room that is left."""
        return shutil.disk_usage(self.root).free


def open_blobs(url: str) -> BlobFolder:
    """Return the blob folder of `file:///PATH` or a plain path. Raises: ValueError for another kind of store."""
    parts = urlsplit(url)
    if parts.scheme not in ("", "file"):
        raise ValueError(f"--blobs: {url!r} is not supported; allowed: a folder, or file:///FOLDER")
    return BlobFolder(Path(unquote(parts.path) if parts.scheme else url))


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
