"""Looks for personal data where there must be none: the words of a visit, in every coding they could hide in."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path

SHORTEST = 2  # characters; a single Han character would hit by chance
OFFSETS = 3  # base64 has three alignments


def codings(word: str) -> frozenset[bytes]:
    """Return the word's bytes in UTF-8, UTF-16LE and GB18030, each plain, as hex and as base64 at three offsets."""
    found: set[bytes] = set()
    for coding in ("utf-8", "utf-16-le", "gb18030"):
        plain = word.encode(coding)
        found |= {plain, plain.hex().encode(), plain.hex().upper().encode()}
        for offset in range(OFFSETS):
            text = base64.b64encode(b"\0" * offset + plain)
            # characters that also depend on what stands before or after are left out
            start = (offset * 8 + 5) // 6
            end = (offset + len(plain)) * 8 // 6
            middle = text[start:end]
            if len(middle) >= 6:  # 36 bits: a chance hit in a gigabyte is below one in fifty
                found |= {middle, middle.replace(b"+", b"-").replace(b"/", b"_")}
    return frozenset(code for code in found if len(code) >= 4)


def search(folders: Iterable[Path], words: Iterable[str]) -> list[tuple[str, int]]:
    """Return (file, number of hits) for every file below the folders that holds one of the words in any coding."""
    needles = {code for word in words if len(word) >= SHORTEST for code in codings(word)}
    hits: list[tuple[str, int]] = []
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if not path.is_file() or path.is_symlink():
                continue
            data = path.read_bytes()
            if not data.strip(b"\0"):
                data = b""  # nothing but zeros: the store's ballast, sixteen megabytes of them
            count = sum(data.count(needle) for needle in needles)
            name = str(path.relative_to(folder))
            count += sum(name.encode().count(needle) for needle in needles)  # a file name is a place too
            if count:
                hits.append((name, count))
    return hits
