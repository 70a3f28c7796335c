"""The catalogue's files as plain data, and the line on which each value stands."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import yaml

from kiosk.station.schema import Keys

HEADER = "catalogue.yaml"
VOCABULARIES = "vocabularies.yaml"


class Mistake(msgspec.Struct, frozen=True):
    """One mistake of a catalogue, where it stands (`line` from 1; 0 = the file as a whole) and what is allowed."""

    file: str
    line: int
    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.where}: {self.text}" if self.where else f"{self.file}: {self.text}"


class Source(msgspec.Struct, frozen=True):
    """A piece of the catalogue and the file it came from; `prefix` leads to it."""

    file: Path
    text: str
    raw: Any
    prefix: Keys = ()


class Sources(msgspec.Struct, frozen=True):
    """The pieces of one catalogue. `unread` are files that are no YAML at all."""

    header: Source | None
    vocabularies: Source | None
    items: tuple[Source, ...]
    unread: tuple[Mistake, ...] = ()


def read_sources(path: Path) -> Sources:
    """Return what lies at `path`: a folder of files, or one file that holds a whole catalogue or one item.

    One item is read with the header and the vocabularies beside it. Raises: nothing; see `unread`.
    """
    if path.is_dir():
        return _read_folder(path, sorted(path.glob("*.yaml")))
    source, unread = _read_file(path)
    if source is None:
        return Sources(None, None, (), unread)
    if isinstance(source.raw, dict) and "items" in source.raw:
        return _split_whole(source)
    return _read_folder(path.parent, [path.parent / HEADER, path.parent / VOCABULARIES, path])


def _read_folder(folder: Path, files: list[Path]) -> Sources:
    found: dict[Path, Source] = {}
    unread: list[Mistake] = []
    for file in files:
        source, faults = _read_file(file)
        unread += faults
        if source is not None:
            found[file] = source
    header, vocabularies = found.pop(folder / HEADER, None), found.pop(folder / VOCABULARIES, None)
    return Sources(header, vocabularies, tuple(found.values()), tuple(unread))


def _split_whole(source: Source) -> Sources:
    raw = dict(source.raw)
    items, words = raw.pop("items"), raw.pop("vocabularies", None)
    return Sources(
        Source(source.file, source.text, raw),
        Source(source.file, source.text, words, ("vocabularies",)),
        tuple(
            Source(source.file, source.text, item, ("items", at))
            for at, item in enumerate(items if isinstance(items, list) else ())
        ),
    )


def _read_file(file: Path) -> tuple[Source | None, tuple[Mistake, ...]]:
    try:
        text = file.read_text("utf-8")
        alias = _first_alias(text)
        if alias:
            return None, (Mistake(file.name, alias, "YAML", "aliases are not allowed: write the value out"),)
        raw = _parse(text)[1]
    except OSError as fault:
        return None, (Mistake(file.name, 0, "", f"cannot be read: {fault.strerror}"),)
    except UnicodeDecodeError as fault:
        return None, (Mistake(file.name, 0, "", f"is not UTF-8 at byte {fault.start}"),)
    except yaml.YAMLError as fault:
        mark = getattr(fault, "problem_mark", None)
        return None, (
            Mistake(file.name, mark.line + 1 if mark else 0, "YAML", getattr(fault, "problem", "") or "is not YAML"),
        )
    return Source(file, text, raw), ()


def _first_alias(text: str) -> int:
    """Return the line, from 1, of the first alias, 0 without one. An alias may hold itself and never end."""
    if "&" not in text or "*" not in text:
        return 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.AliasEvent) and event.start_mark is not None:
            return int(event.start_mark.line) + 1
    return 0


# ── lines ──────────────────────────────────────────────────────────────────────────────────


def line_of(source: Source, keys: Keys) -> int:
    """Return the line, from 1, of the value at `keys`, or of the nearest thing around it."""
    node = _parse(source.text)[0]
    line: int = 1
    for key in (*source.prefix, *keys):
        child = _child(node, key)
        if child is None:
            break
        line, node = child
    return line


def repeated_keys(source: Source) -> Iterator[Mistake]:
    """Yield a mistake for each key a mapping of the file holds twice; YAML itself would keep the last."""
    waiting = [_parse(source.text)[0]]
    while waiting:
        node = waiting.pop()
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
        if not isinstance(node, yaml.MappingNode):
            continue
        seen: set[str] = set()
        for name, value in node.value:
            waiting.append(value)
            if name.value in seen:
                yield Mistake(source.file.name, name.start_mark.line + 1, str(name.value), "stands here twice")
            seen.add(name.value)


@lru_cache(maxsize=4)  # one item's file, with the header and the vocabularies that are read beside it
def _parse(text: str) -> tuple[Any, Any]:
    """Return the file as nodes, which know their lines, and as plain data, which nobody changes."""
    loader = yaml.CSafeLoader(text)
    try:
        node = loader.get_single_node()
        return node, None if node is None else loader.construct_document(node)
    finally:
        loader.dispose()


def _child(node: Any, key: str | int) -> tuple[int, Any] | None:
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == str(key):
                return name.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return node.value[key].start_mark.line + 1, node.value[key]
    return None
