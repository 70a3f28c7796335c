"""Clear bytes, from wherever they come, in blocks of one frame. Flat memory: two blocks, however long the source."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from offline_queue.api import SealFault

CHUNK = 262_144  # plaintext bytes of every frame but the last
TAG = 16  # bytes that AES-256-GCM adds to a frame
PLAIN_MAX = 64 * 1024 * 1024  # the platform's blob limit, §9.1

Source = bytes | bytearray | memoryview | Path | BinaryIO | Iterable[bytes]


class Blocks:
    """The blocks of one source, counted and hashed as they go by.

    Bytes, which cannot change, are hashed when the hash is asked for: by then somebody may be waiting for the disk.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._sha256 = None if isinstance(source, bytes) else hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        """Return the hash of what went by, lower-case hex."""
        if self._sha256 is None:
            self._sha256 = hashlib.sha256(self._source)  # type: ignore[arg-type]  # None for bytes alone
        return self._sha256.hexdigest()

    def __iter__(self) -> Iterator[memoryview]:
        """Yield `CHUNK` bytes at a time, fewer only in the last block, and no block for an empty source.

        A block holds until the one after the next is asked for. Raises: SealFault("too_large") past the blob limit,
        SealFault("unreadable") where the source fails: what is cut short must never pass for the whole.
        """
        try:
            for block in _cut(self._source):
                if self._sha256 is not None:
                    self._sha256.update(block)
                self.size += len(block)
                if self.size > PLAIN_MAX:
                    raise SealFault("too_large")
                yield block
        except OSError as error:
            raise SealFault("unreadable", type(error).__name__) from error


def number_frames(blocks: Iterable[memoryview]) -> Iterator[tuple[bytes, memoryview]]:
    """Yield the nonce and the block of every frame: a counter of 11 bytes and a flag that is 01 on the last alone."""
    pending = iter(blocks)
    block = next(pending, memoryview(b""))
    for index in itertools.count():
        following = next(pending, None)
        yield index.to_bytes(11, "big") + (b"\x01" if following is None else b"\x00"), block
        if following is None:
            return
        block = following


def _cut(source: Source) -> Iterator[memoryview]:
    if isinstance(source, bytes | bytearray | memoryview):
        view = memoryview(source).cast("B")
        yield from (view[at : at + CHUNK] for at in range(0, len(view), CHUNK))
        return
    with ExitStack() as opened:
        if isinstance(source, Path):
            source = opened.enter_context(source.open("rb", buffering=0))
        read = getattr(source, "read", None)
        yield from _gather(source if read is None else _pieces_of(read))


def _pieces_of(read: Callable[[int], bytes | None]) -> Iterator[bytes]:
    while (piece := read(CHUNK)) != b"":
        if piece is None:
            raise BlockingIOError  # nothing yet is not the end
        yield piece


def _gather(pieces: Iterable[bytes]) -> Iterator[memoryview]:
    """Yield whole blocks of pieces of any length, in two buffers that take turns."""
    buffers = itertools.cycle((memoryview(bytearray(CHUNK)), memoryview(bytearray(CHUNK))))
    buffer, filled = next(buffers), 0
    for piece in pieces:
        rest = memoryview(piece).cast("B")
        while rest:
            taken = min(len(rest), CHUNK - filled)
            buffer[filled : filled + taken] = rest[:taken]
            rest, filled = rest[taken:], filled + taken
            if filled == CHUNK:
                yield buffer
                buffer, filled = next(buffers), 0
    if filled:
        yield buffer[:filled]
