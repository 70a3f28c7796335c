"""Where a command writes what it makes: never over something that is there already, whole or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

MOST = 10_000
LONGEST = 255  # bytes of a name, where the file system does not say
NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)  # FAT and its kin, as on sticks


def write_new(folder: Path, name: str, data: bytes) -> Path:
    """Write `folder/name`, or `name-2`, `-3` … where that is taken, and return its path.

    Raises: OSError.
    """
    for number in range(1, MOST):
        with suppress(FileExistsError):
            return _placed(folder / numbered(folder, name, number), data)
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(folder / name))


def write_once(folder: Path, name: str, data: bytes, taken: Collection[str] = ()) -> Path:
    """Write as `write_new` does, unless one of those names holds these very bytes already: then that one is returned.

    What is made once more is there once. `taken`: names (folded case) that are another's, whatever they hold.
    Raises: OSError.
    """
    for number in range(1, MOST):
        path = folder / numbered(folder, name, number)
        if path.name.casefold() in taken:
            continue
        with suppress(FileExistsError):
            if not os.path.lexists(path):
                return _placed(path, data)
        if _holds(path, data):
            return path
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(folder / name))


def numbered(folder: Path, name: str, number: int = 1) -> str:
    """Return the name, from the second on with its number, its stem cut to what `folder` takes for a name.

    A character in UTF-8 is cut off whole, or not at all.
    """
    stem, dot, ending = name.rpartition(".")
    ending = f"{'' if number == 1 else f'-{number}'}{dot}{ending}"
    most = _longest(folder) - len(os.fsencode(ending))
    raw = os.fsencode(stem)
    at = next((at for at in range(most, most - 4, -1) if at >= len(raw) or raw[at] & 0xC0 != 0x80), most)
    return os.fsdecode(raw[:at]) + ending


def text_of(path: Path) -> str:
    """Return a path as text that JSON can hold, another for each path.

    One that is not UTF-8, or holds `\\x`, has `\\xNN` for each byte that is none and `\\\\` for a backslash.
    """
    raw = os.fsencode(path)
    with suppress(UnicodeDecodeError):
        text = raw.decode()
        if "\\x" not in text:
            return text
    return raw.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")


def printable(name: str) -> str:
    """Return a file's name without what would steer a terminal."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in name)


def make_folder(folder: Path) -> None:
    """Make a folder for what is written. Raises: ValueError telling in one sentence why it cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        what = (
            "is a file" if isinstance(error, FileExistsError | NotADirectoryError) else (error.strerror or "").lower()
        )
        raise ValueError(f"--out: {str(folder)!r} — a folder, or a path where one can be made ({what})") from error


def _placed(path: Path, data: bytes) -> Path:
    """Write a file under a name of its own and give it its name when it is whole. Raises: FileExistsError, OSError."""
    descriptor, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=path.parent)
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        try:
            path.hardlink_to(part)
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            _claimed(part, path)
    finally:
        part.unlink(missing_ok=True)
    return path


def _claimed(part: Path, path: Path) -> None:
    path.open("xb").close()
    try:
        part.replace(path)
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _holds(path: Path, data: bytes) -> bool:
    with suppress(OSError):
        return path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data
    return False


def _longest(folder: Path) -> int:
    with suppress(OSError, ValueError):
        return os.pathconf(folder, "PC_NAME_MAX")
    return LONGEST
