"""Where plain data departs from a type: one walk for every file that people write (configuration, catalogue).

A mistake is the keys that lead to it and a text `value — what is allowed`. `Meta(extra={"allowed": …})` puts the
pattern of a text in words.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import inspect

Keys = tuple[str | int, ...]
"""The way to a value: keys of mappings and positions in lists."""

Found = tuple[Keys, str]
"""Where a mistake stands, and what it is."""

Words = Mapping[str, frozenset[str]]
"""The values each vocabulary allows, for texts whose `Meta(extra={"vocabulary": …})` names one."""


def words_of(keys: Keys) -> str:
    """Return keys as people write them: `form[3].validation.max`."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).lstrip(".")


def schema_mistakes(raw: Any, kind: inspect.Type, words: Words, keys: Keys = ()) -> Iterator[Found]:
    """Yield unknown and missing keys, wrong kinds and unknown values of `raw` read as the type `kind`."""
    vocabulary, words_for_it = "", ""
    while isinstance(kind, inspect.Metadata):
        extra, kind = kind.extra or {}, kind.type
        vocabulary, words_for_it = extra.get("vocabulary", vocabulary), extra.get("allowed", words_for_it)
    if isinstance(kind, inspect.UnionType):
        kind = next((choice for choice in kind.types if _fits(raw, choice)), kind)
    if isinstance(kind, inspect.UnionType) or not _fits(raw, kind):
        yield keys, f"{shown(raw)} — {_allowed(kind)}"
        return
    if isinstance(kind, inspect.StructType):
        yield from _struct_mistakes(raw, kind, words, keys)
    elif isinstance(kind, inspect.VarTupleType):
        for at, entry in enumerate(raw):
            yield from schema_mistakes(entry, kind.item_type, words, (*keys, at))
    elif isinstance(kind, inspect.DictType):
        for key, value in raw.items():
            yield from schema_mistakes(key, kind.key_type, words, (*keys, str(key)))
            yield from schema_mistakes(value, kind.value_type, words, (*keys, str(key)))
    else:
        yield from _value_mistakes(raw, kind, keys, words_for_it)
        if raw not in words.get(vocabulary, (raw,)):  # a vocabulary that is missing is one mistake, not one a value
            yield keys, f"{shown(raw)} — a value of vocabulary {vocabulary}"


def shown(raw: Any) -> str:
    """Return a value as a mistake shows it, cut when it is long."""
    text = repr(raw)
    return text if len(text) <= 60 else text[:57] + "…"


def _struct_mistakes(raw: dict[Any, Any], kind: inspect.StructType, words: Words, keys: Keys) -> Iterator[Found]:
    fields = {field.encode_name: field for field in kind.fields}
    for key in raw:
        if key not in fields:
            yield (*keys, str(key)), f"unknown key — known are {', '.join(fields)}"
    for name, field in fields.items():
        if raw.get(name) is not None:
            yield from schema_mistakes(raw[name], field.type, words, (*keys, name))
        elif field.required:
            yield (*keys, name), f"is missing — {_allowed(field.type)}"


def _value_mistakes(raw: Any, kind: inspect.Type, keys: Keys, words_for_it: str) -> Iterator[Found]:
    if isinstance(kind, inspect.StrType):
        if kind.min_length and len(raw.strip()) < kind.min_length:
            yield keys, f"{shown(raw)} — a text that says something"
        elif kind.max_length and len(raw) > kind.max_length:
            yield keys, f"{shown(raw)} — at most {kind.max_length} characters"
        elif kind.pattern and re.search(kind.pattern, raw) is None:
            yield keys, f"{shown(raw)} — {words_for_it or f'must match {kind.pattern}'}"
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        if not math.isfinite(raw):  # TOML knows nan and inf; a comparison with nan is never true
            yield keys, f"{raw} — {_allowed(kind)}"
        elif kind.ge is not None and raw < kind.ge:
            yield keys, f"{raw} — at least {kind.ge}"
        elif kind.le is not None and raw > kind.le:
            yield keys, f"{raw} — at most {kind.le}"


def _fits(raw: Any, kind: inspect.Type) -> bool:
    kind = _bare(kind)
    if isinstance(kind, inspect.UnionType):
        return any(_fits(raw, choice) for choice in kind.types)
    if isinstance(kind, inspect.LiteralType):
        return raw in kind.values and not isinstance(raw, bool)
    if isinstance(kind, inspect.EnumType):
        return isinstance(raw, str) and raw in {entry.value for entry in kind.cls}
    return isinstance(raw, _PYTHON[type(kind)]) and (not isinstance(raw, bool) or isinstance(kind, inspect.BoolType))


def _allowed(kind: inspect.Type) -> str:
    kind = _bare(kind)
    if isinstance(kind, inspect.UnionType):
        told = [choice for choice in kind.types if not isinstance(choice, inspect.NoneType)]
        if any(isinstance(choice, inspect.FloatType) for choice in told):  # a number may be whole
            told = [choice for choice in told if not isinstance(choice, inspect.IntType)]
        return " or ".join(_allowed(choice) for choice in told)
    if isinstance(kind, inspect.LiteralType):
        return "one of " + ", ".join(repr(value) for value in kind.values)
    if isinstance(kind, inspect.EnumType):
        return "one of " + ", ".join(entry.value for entry in kind.cls)
    return _KIND_WORDS[type(kind)]


def _bare(kind: inspect.Type) -> inspect.Type:
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    return kind


def vocabularies_used(kind: inspect.Type) -> frozenset[str]:
    """Return the vocabularies a type names, so that a missing one is found even when nothing uses it yet."""
    found: set[str] = set()
    seen: set[type] = set()
    waiting = [kind]
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, inspect.Metadata):
            found |= {str(name) for name in [(kind.extra or {}).get("vocabulary")] if name}
            waiting.append(kind.type)
        elif isinstance(kind, inspect.StructType) and kind.cls not in seen:
            seen.add(kind.cls)
            waiting += [field.type for field in kind.fields]
        elif isinstance(kind, inspect.UnionType):
            waiting += kind.types
        elif isinstance(kind, inspect.VarTupleType):
            waiting.append(kind.item_type)
        elif isinstance(kind, inspect.DictType):
            waiting += [kind.key_type, kind.value_type]
    return frozenset(found)


_PYTHON: dict[type, type | tuple[type, ...]] = {
    inspect.StrType: str,
    inspect.IntType: int,
    inspect.FloatType: (int, float),
    inspect.BoolType: bool,
    inspect.VarTupleType: list,
    inspect.DictType: dict,
    inspect.StructType: dict,
    inspect.NoneType: type(None),
}
_KIND_WORDS: dict[type, str] = {
    inspect.StrType: "a text",
    inspect.IntType: "a whole number",
    inspect.FloatType: "a number",
    inspect.BoolType: "true or false",
    inspect.VarTupleType: "a list",
    inspect.DictType: "a mapping",
    inspect.StructType: "a mapping",
}
