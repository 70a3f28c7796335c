"""Every sentence people read, in both languages: `assets/texts/*.yaml` merged into one table.

A file is a tree of keys whose leaves are `{zh: …, en: …}`; the keys on the way are joined by dots.
Placeholders are `{name}`, the same in both languages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import msgspec
import yaml

from kiosk.station.errors import ConfigError

ASSETS = Path(__file__).resolve().parents[2] / "assets"
"""The files that come with the program, beside the packages (in the built folder too)."""

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_BRACE = re.compile(r"[{}]")


class Text(msgspec.Struct, frozen=True):
    """One sentence in both languages."""

    zh: str
    en: str

    def placeholders(self) -> frozenset[str]:
        """Return the names it takes."""
        return frozenset(_PLACEHOLDER.findall(self.zh))


class Texts(msgspec.Struct, frozen=True):
    """All sentences by key."""

    table: Mapping[str, Text]

    @staticmethod
    def load(folder: Path) -> Texts:
        """Return the texts of every `*.yaml` in the folder. Raises: ConfigError naming each mistake with its file."""
        table: dict[str, Text] = {}
        mistakes: list[str] = []
        for file in sorted(folder.glob("*.yaml")):
            for key, found in _read(file):
                if isinstance(found, str):
                    mistakes.append(f"{file.name}: {key}: {found}")
                elif key in table:
                    mistakes.append(f"{file.name}: {key}: stands in another file too")
                else:
                    table[key] = found
        if not table and not mistakes:
            mistakes.append(f"{folder.name}: holds no texts")
        if mistakes:
            raise ConfigError(tuple(mistakes))
        return Texts(table)

    def __call__(self, key: str, locale: str, **values: object) -> str:
        """Return the sentence with its placeholders filled in. Raises: KeyError for an unknown key or missing value."""
        text = self.table[key]
        sentence = text.en if locale == "en" else text.zh
        return sentence.format_map(values) if "{" in sentence else sentence

    def has(self, key: str) -> bool:
        """Whether there is such a sentence."""
        return key in self.table

    def __repr__(self) -> str:
        return f"Texts({len(self.table)} keys)"


@lru_cache(maxsize=1)
def own_texts() -> Texts:
    """Return the texts that come with the program. Raises: ConfigError."""
    return Texts.load(ASSETS / "texts")


def _read(file: Path) -> Iterator[tuple[str, Text | str]]:
    """Yield each key of a file with its text, or with what is wrong with it."""
    try:
        raw = yaml.load(file.read_text("utf-8"), Loader=yaml.CSafeLoader)
    except (OSError, UnicodeDecodeError) as fault:
        yield "", f"cannot be read: {type(fault).__name__}"
        return
    except yaml.YAMLError as fault:
        mark = getattr(fault, "problem_mark", None)
        yield f"line {mark.line + 1 if mark else 0}", "is not YAML"
        return
    yield from _walk(raw, "")


def _walk(raw: Any, key: str) -> Iterator[tuple[str, Text | str]]:
    if not isinstance(raw, dict) or not raw:
        yield key, "must be a tree whose leaves are {zh: …, en: …}"
    elif {"zh", "en"} & set(raw) and not any(isinstance(value, dict) for value in raw.values()):
        yield key, _leaf(cast("dict[str, Any]", raw))
    else:
        for name, value in raw.items():
            yield from _walk(value, f"{key}.{name}" if key else str(name))


def _leaf(raw: dict[str, Any]) -> Text | str:
    if set(raw) != {"zh", "en"}:
        return "must hold zh and en, nothing else"
    zh, en = raw["zh"], raw["en"]
    if not (isinstance(zh, str) and isinstance(en, str) and zh.strip() and en.strip()):
        return "zh and en must be texts that say something"
    for sentence in (zh, en):
        if _BRACE.search(_PLACEHOLDER.sub("", sentence)):
            return "has a brace that belongs to no {placeholder}"
    if set(_PLACEHOLDER.findall(zh)) != set(_PLACEHOLDER.findall(en)):
        return "zh and en do not take the same placeholders"
    return Text(zh, en)
