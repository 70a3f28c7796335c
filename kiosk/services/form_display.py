"""How one field shows: its value in words, its choices, its hint."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from kiosk.services.catalogue import FieldType
from kiosk.services.catalogue_types import PAGE_CODE
from kiosk.services.dates import compose_date, compose_money, compose_month, date_of, month_of
from kiosk.services.fields import CHOICES, FormContext, Leaf, is_in_region, options_of
from kiosk.services.form_input import CONSENT_READ
from kiosk.services.masks import group4, group_id, group_phone, last4, mask_id, mask_phone
from kiosk.station.texts import own_texts


class How(StrEnum):
    """For whom a value is shown."""

    TYPING = "typing"  # the person fills it in: in full, grouped
    RESTING = "resting"  # in its box, not being filled in: as the catalogue masks it
    CHECKING = "checking"  # on the review: numbers masked, names and addresses to be read
    SENDING = "sending"  # for the platform: in full


class FieldOption(msgspec.Struct, frozen=True):
    """One choice of a field, in the locale asked for."""

    value: str
    label: str
    is_selected: bool = False


def compose_options(leaf: Leaf, text: str, context: FormContext, locale: str) -> tuple[FieldOption, ...]:
    """Return the choices to show now; of a tree the level that comes next, and the way back up."""
    texts = own_texts()
    if leaf.field.type is FieldType.BOOL:
        pairs = (("true", texts("form.yes", locale)), ("false", texts("form.no", locale)))
        return tuple(FieldOption(value, label, text == value) for value, label in pairs)
    if leaf.field.type is FieldType.CONSENT:
        return (FieldOption("true", texts("form.agree", locale), text == "true"),)
    options = options_of(leaf, context)
    if leaf.field.type is FieldType.ENUM_TREE:
        chosen = next((option for option in options if option.value == text), None)
        level = text if any(option.parent == text for option in options) else (chosen.parent if chosen else "")
        options = tuple(option for option in options if option.parent == level)
        up = (FieldOption("", texts("form.up", locale)),) if level else ()
        return (*up, *(FieldOption(option.value, option.label(locale), option.value == text) for option in options))
    picked = frozenset(text.split("|")) if leaf.field.type is FieldType.MULTI_ENUM else frozenset({text})
    return tuple(FieldOption(option.value, option.label(locale), option.value in picked) for option in options)


def compose_value(leaf: Leaf, text: str, context: FormContext, locale: str, how: How) -> str:
    """Return the answer in words for `how` it is shown."""
    field = leaf.field
    if not text:
        return ""
    if how is How.RESTING and field.mask_on_screen:
        return mask_id(text) if field.mask_on_screen == "first6_last4" else last4(text)
    if how is How.CHECKING and field.type in _CHECKED:
        return _CHECKED[field.type](text)
    if field.type is FieldType.MONEY:
        return f"¥{text}" if how is How.TYPING else compose_money(text)
    if field.type in _GROUPED:
        return text if how is How.SENDING else _GROUPED[field.type](text)
    if field.type is FieldType.DATE:
        day = date_of(text)
        return text if day is None else compose_date(day, locale)
    if field.type is FieldType.MONTH:
        month = month_of(text)
        return text if month is None else compose_month(*month, locale)
    return _in_words(leaf, text, context, locale)


def _in_words(leaf: Leaf, text: str, context: FormContext, locale: str) -> str:
    """Return a choice by its label, and any other text as it stands."""
    texts, field = own_texts(), leaf.field
    if field.type is FieldType.BOOL:
        return texts("form.yes" if text == "true" else "form.no", locale)
    if field.type is FieldType.CONSENT:
        key = {"true": "form.agree", CONSENT_READ: "form.read"}.get(text)
        return texts(key, locale) if key else ""
    if field.type in CHOICES or field.options:
        labels = {option.value: option.label(locale) for option in options_of(leaf, context)}
        parts = text.split("|") if field.type is FieldType.MULTI_ENUM else [text]
        return (", " if locale == "en" else "、").join(labels.get(part, part) for part in parts)
    return text


_GROUPED = {
    FieldType.PHONE: group_phone,
    FieldType.ID_NUMBER: group_id,
    FieldType.BANK_ACCOUNT: group4,
}
_CHECKED = {
    FieldType.PHONE: mask_phone,
    FieldType.ID_NUMBER: mask_id,
    FieldType.ID_OR_USCC: mask_id,
    FieldType.BANK_ACCOUNT: last4,
}


def compose_hint(leaf: Leaf, locale: str, locked: bool, has_options: bool) -> str:
    """Return what helps to fill the field in."""
    field, texts = leaf.field, own_texts()
    if locked:
        return texts("form.hint.from_card", locale) if field.prefill.startswith("id_card.") else ""
    if field.type in (FieldType.SITE_CHOICE, FieldType.APPOINTMENT_SLOT) and not has_options:
        return texts("form.hint.needs_network", locale)
    if field.data_source and not has_options and field.type is not FieldType.TEXT:
        return texts("form.hint.needs_network", locale)
    if field.type in (FieldType.DATE, FieldType.MONTH):
        return texts(f"form.hint.{field.type}", locale)
    if field.prefill.startswith(PAGE_CODE) and not leaf.is_required:
        return texts("form.hint.from_page", locale)
    if field.validation.note_zh and locale == "zh":
        return field.validation.note_zh
    return "" if leaf.is_required else texts("form.hint.optional", locale)


def compose_warning(leaf: Leaf, text: str, context: FormContext, locale: str) -> str:
    """Return a soft word when a written address names no place of the region asked for. It stops nobody."""
    prefix = leaf.field.validation.region_prefix
    if not text or leaf.field.type is not FieldType.ADDRESS or not prefix:
        return ""
    if is_in_region(text, prefix, context) is not False:
        return ""
    city = next(region for region in context.regions if region.code.startswith(prefix))
    return own_texts()("form.hint.outside_region", locale, region=city.name(locale))
