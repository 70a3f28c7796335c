"""Every mistake of a catalogue, with file and line.

The types of `catalogue_types` say which keys and kinds there are; what only the whole item can tell
(references between fields, conditions, codes) is checked in `catalogue_rules`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from msgspec import inspect

from kiosk.services.catalogue_rules import item_mistakes
from kiosk.services.catalogue_source import Mistake, Source, Sources, line_of, read_sources, repeated_keys
from kiosk.services.catalogue_types import Header, ServiceItem, Word
from kiosk.station.schema import Found, schema_mistakes, vocabularies_used, words_of

Vocabularies = dict[str, frozenset[str]]


def check_catalogue(path: Path) -> tuple[Mistake, ...]:
    """Return every mistake of the catalogue at `path`: a folder, a whole file, or one item's file.

    Keys that stand twice in a mapping are found here only, not when loading.
    """
    sources = read_sources(path)
    files = {source.file: source for source in (sources.header, sources.vocabularies, *sources.items) if source}
    repeated = [mistake for source in files.values() for mistake in repeated_keys(source)]
    found = [*repeated, *mistakes_in(sources, str(path if path.is_dir() else path.parent))]
    if path.is_file():
        found = [mistake for mistake in found if mistake.file == path.name]
    return tuple(sorted(set(found), key=lambda mistake: (mistake.file, mistake.line, mistake.where, mistake.text)))


def mistakes_in(sources: Sources, folder: str = "") -> tuple[Mistake, ...]:
    """Return every mistake of a catalogue already read; `folder` is where its files lie."""
    found = list(sources.unread)
    if sources.header is None or sources.vocabularies is None:
        return (*found, Mistake(folder, 0, "", "catalogue.yaml and vocabularies.yaml must both lie there"))
    vocabularies, word_faults = _vocabularies(sources.vocabularies)
    vocabularies["department"] = frozenset(_codes(sources.header.raw, "departments"))
    found += word_faults
    found += _place(sources.header, schema_mistakes(sources.header.raw, _HEADER, vocabularies))
    seen: dict[str, str] = {}
    for source in sources.items:
        faults = [*schema_mistakes(source.raw, _ITEM, vocabularies)]
        if isinstance(source.raw, dict):
            faults += _duplicate_code(source, seen)
            faults += item_mistakes(source.raw, sources.header.raw, is_whole=not faults)
        found += _place(source, faults)
    if not sources.items:
        found.append(Mistake(sources.header.file.parent.name, 0, "", "holds no service item"))
    return tuple(found)


def _place(source: Source, faults: Iterable[Found]) -> list[Mistake]:
    return [Mistake(source.file.name, line_of(source, keys), words_of(keys), text) for keys, text in faults]


def _duplicate_code(source: Source, seen: dict[str, str]) -> list[Found]:
    code = source.raw.get("item_code")
    if not isinstance(code, str):
        return []
    if code in seen:
        return [(("item_code",), f"{code!r} is taken by {seen[code]}")]
    seen[code] = source.file.name
    return []


def _codes(raw: Any, key: str) -> list[str]:
    entries = raw.get(key) if isinstance(raw, dict) else None
    return [str(entry.get("code")) for entry in entries or () if isinstance(entry, dict)]


# ── vocabularies ───────────────────────────────────────────────────────────────────────────


def _vocabularies(source: Source) -> tuple[Vocabularies, list[Mistake]]:
    if not isinstance(source.raw, dict):
        return {}, [Mistake(source.file.name, 1, "", "must be a mapping of vocabularies")]
    words: Vocabularies = {
        str(name): frozenset(str(entry.get("value")) for entry in entries if isinstance(entry, dict))
        for name, entries in source.raw.items()
        if isinstance(entries, list)
    }
    found: list[Found] = [((name,), "is missing") for name in sorted(_USED - words.keys())]
    for name, entries in source.raw.items():
        if not isinstance(entries, list):
            found.append(((name,), "must be a list of values"))
            continue
        found += schema_mistakes(entries, _WORDS, words, (name,))
        values = [entry.get("value") for entry in entries if isinstance(entry, dict)]
        found += [((name, at), f"{value!r} stands twice") for at, value in enumerate(values) if value in values[:at]]
    return words, _place(source, found)


_ITEM = inspect.type_info(ServiceItem)
_HEADER = inspect.type_info(Header)
_WORDS = inspect.type_info(tuple[Word, ...])
_USED = (vocabularies_used(_ITEM) | vocabularies_used(_HEADER) | {"field_type"}) - {"department"}
