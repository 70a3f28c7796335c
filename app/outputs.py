"""Where a command writes what it makes: never over something that is there already."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

MOST = 10_000


def write_new(folder: Path, name: str, data: bytes) -> Path:
    """Write `folder/name`, or `name-2`, `-3` … where that is taken, and return its path; half of it is never left.

    Raises: OSError.
    """
    stem, dot, ending = name.rpartition(".")
    for number in range(1, MOST):
        path = folder / (name if number == 1 else f"{stem}-{number}{dot}{ending}")
        with suppress(FileExistsError):
            return _written(path, data)
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(folder / name))


def _written(path: Path, data: bytes) -> Path:
    with path.open("xb") as file:
        try:
            file.write(data)
            file.flush()
        except OSError:
            path.unlink(missing_ok=True)
            raise
    return path


def make_folder(folder: Path) -> None:
    """Make a folder for what is written. Raises: ValueError telling in one sentence why it cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        what = (
            "is a file" if isinstance(error, FileExistsError | NotADirectoryError) else (error.strerror or "").lower()
        )
        raise ValueError(f"--out: {str(folder)!r} — a folder, or a path where one can be made ({what})") from error
