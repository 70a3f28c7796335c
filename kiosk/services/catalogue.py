"""The catalogue of service items: one YAML a file in `assets/services/`, one file of vocabularies, one header."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from kiosk.services.catalogue_check import mistakes_in
from kiosk.services.catalogue_source import Sources, read_sources
from kiosk.services.catalogue_types import (
    AcceptCondition,
    Check,
    Department,
    Field,
    FieldType,
    Header,
    Locale,
    Material,
    Option,
    Region,
    ServiceItem,
    Situation,
    Word,
)
from kiosk.station.errors import CatalogueError
from kiosk.station.texts import ASSETS

__all__ = [
    "AcceptCondition",
    "Catalogue",
    "Check",
    "Department",
    "Field",
    "FieldType",
    "Locale",
    "Material",
    "Option",
    "Region",
    "ServiceItem",
    "Situation",
    "Word",
    "load_catalogue",
    "own_catalogue",
]


class Catalogue(msgspec.Struct, frozen=True):
    """All that can be applied for, and the words of it. Items are whole in themselves and stand in order of code."""

    version: str
    notice_zh: str
    notice_en: str
    region: Region
    counties: tuple[Region, ...]
    departments: tuple[Department, ...]
    vocabularies: dict[str, tuple[Word, ...]]
    items: tuple[ServiceItem, ...]

    def label(self, vocabulary: str, value: str, locale: str) -> str:
        """Return how a vocabulary's value is called, or the value itself when nobody named it."""
        word = next((word for word in self.vocabularies.get(vocabulary, ()) if word.value == value), None)
        return word.label(locale) if word else value

    def item(self, code: str) -> ServiceItem | None:
        """Return the item of that code, or None."""
        return next((item for item in self.items if item.item_code == code), None)

    def department(self, code: str, locale: str) -> str:
        """Return a department's name, or its code when nobody named it."""
        return next((entry.name(locale) for entry in self.departments if entry.code == code), code)

    def __repr__(self) -> str:
        return f"Catalogue({self.version!r}, {len(self.items)} items)"


def load_catalogue(folder: Path) -> Catalogue:
    """Return the catalogue of a folder (or of one whole file).

    Delivery choices, regions, patterns and code tables are filled in, so that an item needs nothing else.
    Raises: CatalogueError naming every mistake with file and line.
    """
    sources = read_sources(folder)
    mistakes = mistakes_in(sources)
    if mistakes or sources.header is None or sources.vocabularies is None:
        raise CatalogueError(tuple(str(mistake) for mistake in mistakes))
    return _build(sources, sources.header.raw, sources.vocabularies.raw)


@lru_cache(maxsize=1)
def own_catalogue() -> Catalogue:
    """Return the catalogue that comes with the program. Raises: CatalogueError."""
    return load_catalogue(ASSETS / "services")


def _build(sources: Sources, raw_header: Any, raw_words: Any) -> Catalogue:
    header = msgspec.convert(without_nulls(raw_header), Header)
    words = msgspec.convert(without_nulls(raw_words), dict[str, tuple[Word, ...]])
    items = (msgspec.convert(without_nulls(source.raw), ServiceItem) for source in sources.items)
    whole = (_complete(item, header, words) for item in items)
    return Catalogue(
        header.catalogue_version,
        header.notice_zh,
        header.notice_en,
        header.region,
        header.counties,
        header.departments,
        words,
        tuple(sorted(whole, key=lambda item: item.item_code)),
    )


def without_nulls(raw: Any) -> Any:
    """Return plain data without the keys that hold null: in a catalogue null says the same as nothing."""
    if isinstance(raw, dict):
        return {key: without_nulls(value) for key, value in raw.items() if value is not None}
    return [without_nulls(value) for value in raw] if isinstance(raw, list) else raw


def _complete(item: ServiceItem, header: Header, words: dict[str, tuple[Word, ...]]) -> ServiceItem:
    form = tuple(_complete_field(field, item, header, words) for field in item.form)
    return msgspec.structs.replace(item, form=form)


def _complete_field(field: Field, item: ServiceItem, header: Header, words: dict[str, tuple[Word, ...]]) -> Field:
    fields, options, validation = field.fields, field.options, field.validation
    if field.type is FieldType.DELIVERY_CHOICE:
        fields = header.delivery_choice_fields
    if field.type is FieldType.REGION:
        prefix = validation.region_prefix
        fields = tuple(_with_prefix(part, prefix) for part in header.region_fields)
    if field.options_from == "item.delivery":
        chosen = {word.value: word for word in words["delivery"]}
        options = tuple(Option(value=code, zh=chosen[code].zh, en=chosen[code].en) for code in item.delivery)
    if field.options_from == "counties":
        counties = (county for county in header.counties if county.code.startswith(validation.region_prefix))
        options = tuple(Option(value=county.code, zh=county.name_zh, en=county.name_en) for county in counties)
    if field.data_source in header.code_tables:
        options = header.code_tables[field.data_source]
    if validation.pattern and not validation.regex:
        regex = next(word.regex for word in words["pattern"] if word.value == validation.pattern)
        validation = msgspec.structs.replace(validation, regex=regex)
    parts = tuple(_complete_field(part, item, header, words) for part in fields)
    return msgspec.structs.replace(field, fields=parts, options=options, validation=validation)


def _with_prefix(part: Field, prefix: str) -> Field:
    if part.options_from != "counties":
        return part
    return msgspec.structs.replace(part, validation=msgspec.structs.replace(part.validation, region_prefix=prefix))
