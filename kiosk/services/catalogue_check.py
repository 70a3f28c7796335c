"""Every mistake of a catalogue, with file and line.

The types of `catalogue_types` say which keys and kinds there are; what only the whole item can tell
(references between fields, conditions, codes) is checked in `catalogue_rules`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import inspect

from kiosk.services.catalogue_rules import Found, item_mistakes
from kiosk.services.catalogue_source import (
    Keys,
    Mistake,
    Source,
    Sources,
    line_of,
    read_sources,
    repeated_keys,
    words_of,
)
from kiosk.services.catalogue_types import Header, ServiceItem, Word

Vocabularies = dict[str, frozenset[str]]


class Known(NamedTuple):
    """The values a catalogue may name."""

    vocabularies: Vocabularies
    departments: frozenset[str] = frozenset()


def check_catalogue(path: Path) -> tuple[Mistake, ...]:
    """Return every mistake of the catalogue at `path`: a folder, a whole file, or one item's file.

    Keys that stand twice in a mapping are found here only, not when loading.
    """
    sources = read_sources(path)
    files = {source.file: source for source in (sources.header, sources.vocabularies, *sources.items) if source}
    repeated = [mistake for source in files.values() for mistake in repeated_keys(source)]
    found = [*repeated, *mistakes_in(sources)]
    if path.is_file():
        found = [mistake for mistake in found if mistake.file == path.name]
    return tuple(sorted(set(found), key=lambda mistake: (mistake.file, mistake.line, mistake.where, mistake.text)))


def mistakes_in(sources: Sources) -> tuple[Mistake, ...]:
    """Return every mistake of a catalogue already read."""
    found = list(sources.unread)
    if sources.header is None or sources.vocabularies is None:
        return (*found, Mistake("", 0, "", "catalogue.yaml and vocabularies.yaml must both be there"))
    vocabularies, word_faults = _vocabularies(sources.vocabularies)
    known = Known(vocabularies, frozenset(_codes(sources.header.raw, "departments")))
    found += word_faults
    found += _place(sources.header, schema_mistakes(sources.header.raw, _HEADER, known))
    seen: dict[str, str] = {}
    for source in sources.items:
        faults = [*schema_mistakes(source.raw, _ITEM, known)]
        if isinstance(source.raw, dict):
            faults += _duplicate_code(source, seen)
            # what the rules would trip over the schema has named already
            faults += item_mistakes(source.raw, sources.header.raw) if not faults else ()
        found += _place(source, faults)
    if not sources.items:
        found.append(Mistake(sources.header.file.parent.name, 0, "", "holds no service item"))
    return tuple(found)


def _place(source: Source, faults: Iterator[Found] | list[Found]) -> list[Mistake]:
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
        found += schema_mistakes(entries, _WORDS, Known(words), (name,))
        values = [entry.get("value") for entry in entries if isinstance(entry, dict)]
        found += [((name, at), f"{value!r} stands twice") for at, value in enumerate(values) if value in values[:at]]
    return words, _place(source, found)


# ── the schema walk ────────────────────────────────────────────────────────────────────────


def schema_mistakes(raw: Any, kind: inspect.Type, known: Known, keys: Keys = ()) -> Iterator[Found]:
    """Yield where plain data departs from a type: unknown or missing keys, wrong kinds, unknown values."""
    extra: dict[str, Any] = {}
    while isinstance(kind, inspect.Metadata):
        extra, kind = kind.extra or {}, kind.type
    if isinstance(kind, inspect.UnionType):
        kind = next((choice for choice in kind.types if _fits(raw, choice)), kind)
    if isinstance(kind, inspect.UnionType) or not _fits(raw, kind):
        yield keys, f"{_shown(raw)} is not {_kind_words(kind)}"
        return
    if isinstance(kind, inspect.StructType):
        yield from _struct_mistakes(raw, kind, known, keys)
    elif isinstance(kind, inspect.VarTupleType):
        for at, entry in enumerate(raw):
            yield from schema_mistakes(entry, kind.item_type, known, (*keys, at))
    elif isinstance(kind, inspect.DictType):
        for key, value in raw.items():
            yield from schema_mistakes(key, kind.key_type, known, (*keys, str(key)))
            yield from schema_mistakes(value, kind.value_type, known, (*keys, str(key)))
    else:
        yield from _value_mistakes(raw, kind, extra, known, keys)


def _struct_mistakes(raw: dict[Any, Any], kind: inspect.StructType, known: Known, keys: Keys) -> Iterator[Found]:
    fields = {field.encode_name: field for field in kind.fields}
    for key in raw:
        if key not in fields:
            yield (*keys, str(key)), f"unknown key; known are {', '.join(fields)}"
    for name, field in fields.items():
        if raw.get(name) is not None:
            yield from schema_mistakes(raw[name], field.type, known, (*keys, name))
        elif field.required:
            yield keys if name not in raw else (*keys, name), f"{name} is missing"


def _value_mistakes(
    raw: Any,
    kind: inspect.Type,
    extra: dict[str, Any],
    known: Known,
    keys: Keys,
) -> Iterator[Found]:
    vocabulary = extra.get("vocabulary")
    if vocabulary and raw not in known.vocabularies.get(vocabulary, frozenset()):
        yield keys, f"{_shown(raw)} is not in vocabulary {vocabulary}"
    if extra.get("is") == "department" and raw not in known.departments:
        yield keys, f"{_shown(raw)} is not a department"
    if isinstance(kind, inspect.StrType):
        if kind.min_length and len(raw.strip()) < kind.min_length:
            yield keys, "text is missing"
        elif kind.max_length and len(raw) > kind.max_length:
            yield keys, f"longer than {kind.max_length} characters"
        elif kind.pattern and re.search(kind.pattern, raw) is None:
            yield keys, f"{_shown(raw)} does not look like {kind.pattern}"
    if isinstance(kind, inspect.IntType) and kind.ge is not None and raw < kind.ge:
        yield keys, f"{raw} is less than {kind.ge}"


def _fits(raw: Any, kind: inspect.Type) -> bool:
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    if isinstance(kind, inspect.UnionType):
        return any(_fits(raw, choice) for choice in kind.types)
    if isinstance(kind, inspect.LiteralType):
        return raw in kind.values and not isinstance(raw, bool)
    if isinstance(kind, inspect.EnumType):
        return isinstance(raw, str) and raw in {entry.value for entry in kind.cls}
    python = _PYTHON.get(type(kind), ())
    return isinstance(raw, python) and (not isinstance(raw, bool) or isinstance(kind, inspect.BoolType))


def _kind_words(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.UnionType):
        return " or ".join(_kind_words(choice) for choice in kind.types if not isinstance(choice, inspect.NoneType))
    if isinstance(kind, inspect.LiteralType):
        return "one of " + ", ".join(repr(value) for value in kind.values)
    if isinstance(kind, inspect.EnumType):
        return "one of " + ", ".join(entry.value for entry in kind.cls)
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    return _KIND_WORDS.get(type(kind), "allowed here")


def _shown(raw: Any) -> str:
    text = repr(raw)
    return text if len(text) <= 60 else text[:57] + "…"


def _vocabularies_used(kind: inspect.Type, seen: set[int]) -> Iterator[str]:
    """Yield the vocabularies a type names, so that a missing one is found even when nothing uses it yet."""
    if isinstance(kind, inspect.Metadata):
        if kind.extra and "vocabulary" in kind.extra:
            yield str(kind.extra["vocabulary"])
        yield from _vocabularies_used(kind.type, seen)
    elif isinstance(kind, inspect.StructType):
        if id(kind.cls) not in seen:
            seen.add(id(kind.cls))
            for field in kind.fields:
                yield from _vocabularies_used(field.type, seen)
    elif isinstance(kind, inspect.UnionType):
        for choice in kind.types:
            yield from _vocabularies_used(choice, seen)
    elif isinstance(kind, inspect.VarTupleType):
        yield from _vocabularies_used(kind.item_type, seen)
    elif isinstance(kind, inspect.DictType):
        yield from _vocabularies_used(kind.key_type, seen)
        yield from _vocabularies_used(kind.value_type, seen)


_PYTHON: dict[type, tuple[type, ...]] = {
    inspect.StrType: (str,),
    inspect.IntType: (int,),
    inspect.BoolType: (bool,),
    inspect.VarTupleType: (list,),
    inspect.DictType: (dict,),
    inspect.StructType: (dict,),
    inspect.NoneType: (type(None),),
}
_KIND_WORDS: dict[type, str] = {
    inspect.StrType: "a text",
    inspect.IntType: "a whole number",
    inspect.BoolType: "true or false",
    inspect.VarTupleType: "a list",
    inspect.DictType: "a mapping",
    inspect.StructType: "a mapping",
}
_ITEM = inspect.type_info(ServiceItem)
_HEADER = inspect.type_info(Header)
_WORDS = inspect.type_info(tuple[Word, ...])
_USED = frozenset({"field_type", *_vocabularies_used(_ITEM, set()), *_vocabularies_used(_HEADER, set())})
