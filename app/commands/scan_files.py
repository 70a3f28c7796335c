"""Which picture files `scan` is asked for: names, folders and patterns made a list."""

from __future__ import annotations

import errno
import glob
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from devices.imaging.container import BYTES, MAX_BYTES, too_large

SUFFIXES = (".jpg", ".jpeg", ".png")
MOST_TYPES = 8  # named in one line


class NothingToScan(Exception):  # a bad argument, told in one line
    """A name that is neither a file, a folder with pictures, nor a pattern that matches."""


class Pictures(NamedTuple):
    """The files meant, and a sentence for each folder in which others were passed over."""

    files: tuple[Path, ...]
    passed_over: tuple[str, ...]


def find_pictures(names: Iterable[str]) -> Pictures:
    """Return the files meant by file names, folders (their pictures) and patterns, each once.

    Files come in the order named, those of a folder or pattern in natural order: 2 before 10. A name that leads to no
    picture stands among them, to be refused in its turn, and has its sentence. Raises: NothingToScan where no name
    leads to one, OSError.
    """
    found: dict[Path, Path] = {}
    passed_over: dict[str, None] = {}
    astray: dict[Path, str] = {}
    for name in names:
        path, others = Path(name), ""
        if path.is_dir():
            inside, others = _in_folder(path)
        elif path.is_file():
            inside = [path]
        else:
            inside = [Path(match) for match in glob.glob(name, recursive=True) if Path(match).is_file()]  # noqa: PTH207
        if not inside:
            what = f" ({others})" if others else ""
            why = f"scan: {name!r} is no picture file, no folder with pictures and no pattern that matches{what}"
            astray[path.absolute()] = why
            passed_over[why] = None
            inside, others = [path], ""
        for file in sorted(inside, key=_natural):
            found.setdefault(file.absolute(), file)
        if others:
            passed_over[f"scan: {name!r}: {others}"] = None
    if len(astray) == len(found):
        nothing = "scan: name at least one picture file, folder or pattern"
        raise NothingToScan(next(iter(astray.values()), nothing))
    return Pictures(tuple(found.values()), tuple(passed_over))


def read_picture(file: Path) -> bytes:
    """Return a picture file's bytes. Raises: WireFault where they are more than a picture may have, OSError."""
    if not file.is_file():
        raise FileNotFoundError(errno.ENOENT, "no file")  # a link that leads nowhere; a pipe would be waited for
    if (size := file.stat().st_size) > MAX_BYTES:
        raise too_large(f"{size / 1e6:.1f} MB", BYTES)
    with file.open("rb") as stream:
        return stream.read(MAX_BYTES + 1)


def _in_folder(folder: Path) -> tuple[list[Path], str]:
    """Return a folder's pictures, and what else lies in it but folders: how many, of which types."""
    pictures: list[Path] = []
    others: Counter[str] = Counter()
    for file in folder.iterdir():
        is_picture = file.suffix.lower() in SUFFIXES
        if is_picture and file.is_file():
            pictures.append(file)
        elif is_picture and not file.is_dir():
            others["no file"] += 1  # a link that leads nowhere, a pipe
        elif not file.is_dir():
            others[file.suffix.lower() or "no type"] += 1
    if not others:
        return pictures, ""
    types = ", ".join(f"{count} × {ascii(name)[1:-1]}" for name, count in others.most_common(MOST_TYPES))
    more = ", …" if len(others) > MOST_TYPES else ""
    return pictures, f"{others.total()} passed over: {types}{more}; read are {' '.join(SUFFIXES)}"


def _natural(file: Path) -> tuple[tuple[str | int, ...], str]:
    """Return a key by which numbers in a name count as numbers."""
    parts = re.split(r"([0-9]+)", str(file).casefold())
    return tuple(int(part) if at % 2 else part for at, part in enumerate(parts)), str(file)
