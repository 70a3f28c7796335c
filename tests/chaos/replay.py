"""A disk rebuilt from a recording as a power cut at any moment may leave it.

What was written and not synced may be there, be missing, or be torn at a sector; a name that its folder's sync has not
covered may be there or not; a file is reachable only through folders that are. After a sync that failed, what it
should have written never becomes durable by a later sync of the same file: only new writes do.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import NamedTuple

OPEN, WRITE, TRUNCATE, SYNC, RENAME, UNLINK, MKDIR, CLOSE, PROMISE, SYNC_FAILED = range(1, 11)
SECTOR = 512
HEAD = struct.Struct("<6q")


class Event(NamedTuple):
    """One line of the recording."""

    kind: int
    fd: int
    offset: int
    number: int
    name: str
    data: bytes


def load_events(path: Path) -> list[Event]:
    """Return what the preload recorded."""
    raw, at, events = path.read_bytes(), 0, []
    while at < len(raw):
        kind, fd, offset, length, number, name_length = HEAD.unpack_from(raw, at)
        at += HEAD.size
        name = raw[at : at + name_length].decode()
        at += name_length
        events.append(Event(kind, fd, offset, number, name, raw[at : at + length]))
        at += length
    return events


@dataclass
class Op:
    """A write (bytes) or a change of size (None) that is not durable. `is_stale`: a failed sync has given it up."""

    offset: int
    data: bytes | None
    is_durable: bool = False
    is_stale: bool = False


@dataclass
class File:
    """What is surely on the disk, and what may be."""

    durable: bytearray = field(default_factory=bytearray)
    ops: list[Op] = field(default_factory=list)

    def sync(self) -> None:
        """Make durable what no failed sync has given up."""
        for op in self.ops:
            op.is_durable |= not op.is_stale
        while self.ops and self.ops[0].is_durable:
            _apply(self.durable, self.ops.pop(0))

    def lose_sync(self) -> None:
        """A sync failed: its pages count as clean from here on and were never written."""
        for op in self.ops:
            op.is_stale |= not op.is_durable

    def after_cut(self, rng: random.Random, mood: str) -> bytes:
        """Return the content that the cut leaves."""
        content = bytearray(self.durable)
        for op in self.ops:
            if op.is_durable or mood == "all" or (mood == "some" and rng.random() < 0.5):
                _apply(content, op)
            elif mood == "torn" and op.data is not None:
                for at in range(0, len(op.data), SECTOR):
                    if rng.random() < 0.5:
                        _apply(content, Op(op.offset + at, op.data[at : at + SECTOR]))
        return bytes(content)


def _apply(content: bytearray, op: Op) -> None:
    end = op.offset + len(op.data or b"")
    if op.data is None:
        del content[op.offset :]
    if end > len(content):
        content.extend(bytes(end - len(content)))
    if op.data is not None:
        content[op.offset : end] = op.data


FOLDER = "folder"
Thing = File | str | None


class Replay:
    """The disk while the recording runs; `rebuild` leaves it as a cut would."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._live: dict[str, Thing] = {}
        self._durable: dict[str, Thing] = {}
        self._pending: dict[str, list[tuple[str, Thing]]] = {}  # by folder: names that come and go
        self._fds: dict[int, tuple[str, Thing]] = {}
        self.promised: list[str] = []

    def feed(self, event: Event) -> None:
        """Let one thing happen."""
        path, thing = self._fds.get(event.fd, ("", None))
        if event.kind == OPEN:
            self._open(event)
        elif event.kind == WRITE and isinstance(thing, File):
            thing.ops.append(Op(event.offset, event.data))
        elif event.kind == TRUNCATE and isinstance(thing, File):
            thing.ops.append(Op(event.offset, None))
        elif event.kind == SYNC:
            self._sync(path, thing)
        elif event.kind == SYNC_FAILED and isinstance(thing, File):
            thing.lose_sync()
        elif event.kind == RENAME:
            thing = self._live.pop(event.name)
            self._live[event.data.decode()] = thing
            self._note(event.name, None)
            self._note(event.data.decode(), thing)
        elif event.kind == UNLINK:
            self._live.pop(event.name, None)
            self._note(event.name, None)
        elif event.kind == MKDIR:
            self._live[event.name] = FOLDER
            self._note(event.name, FOLDER)
        elif event.kind == CLOSE:
            self._fds.pop(event.fd, None)
        elif event.kind == PROMISE:
            self.promised.append(event.name)

    def rebuild(self, target: Path, rng: random.Random) -> None:
        """Write what a power cut now may leave of the root folder into a new folder."""
        mood = rng.choice(("none", "some", "torn", "all"))
        names = dict(self._durable)
        for pending in self._pending.values():
            kept = rng.choice((0, len(pending), rng.randint(0, len(pending))))
            is_any = rng.random() < 0.3  # in no order at all
            for index, (path, thing) in enumerate(pending):
                if rng.random() < 0.5 if is_any else index < kept:
                    names[path] = thing
        target.mkdir()
        for path, thing in sorted(names.items()):
            place = target / PurePath(path).relative_to(self._root)
            if thing is None or not place.parent.is_dir():
                continue
            if isinstance(thing, File):
                place.write_bytes(thing.after_cut(rng, mood))
            elif not place.exists():
                place.mkdir()

    def _open(self, event: Event) -> None:
        if event.number:
            self._live[event.name] = File()
            self._note(event.name, self._live[event.name])
        thing = self._live.get(event.name, FOLDER)
        if event.offset and isinstance(thing, File):
            thing.ops.append(Op(0, None))
        self._fds[event.fd] = (event.name, thing)

    def _note(self, path: str, thing: Thing) -> None:
        self._pending.setdefault(str(PurePath(path).parent), []).append((path, thing))

    def _sync(self, path: str, thing: Thing) -> None:
        if isinstance(thing, File):
            thing.sync()
        else:
            self._durable.update(self._pending.pop(path, []))


def cuts(events: list[Event], root: str, count: int, seed: int) -> Iterator[tuple[Replay, random.Random]]:
    """Yield the disk at `count` moments of a recording, first to last."""
    rng = random.Random(seed)
    moments = sorted(rng.choices(range(1, len(events) + 1), k=count))
    replay, fed = Replay(root), 0
    for moment in moments:
        for event in events[fed:moment]:
            replay.feed(event)
        fed = moment
        yield replay, rng
