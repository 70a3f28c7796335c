"""What typing, erasing and choosing make of the answers. Every function returns new answers and changes none."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from devices.api import Private
from kiosk.services.catalogue import Field, FieldType, ServiceItem
from kiosk.services.dates import date_of, month_of
from kiosk.services.expressions import holds
from kiosk.services.fields import CHOICES, Answers, Leaf, entry_count, leaves_of, max_length_of, text_of
from kiosk.services.numbers import USCC_ALPHABET
from kiosk.station.errors import FormError

CONSENT_READ = "read"
"""A consent's answer once its text was read to the end; only then may it become `true`."""

_HAN = "々\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
PERSON_NAME = re.compile(rf"[{_HAN}·A-Za-z ]+")
"""Charset `person_name`: Han letters with the rare ones, 〇, the name dot, Latin letters and space."""

_DOTS = str.maketrans(dict.fromkeys("・‧•∙⋅．", "·"))
_FULL_WIDTH = {0xFF01 + at: 0x21 + at for at in range(94)}
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def type_into(item: ServiceItem, key: str, answers: Answers, text: str) -> Answers:
    """Return the answers with `text` added to a field, less what its type cannot hold. Raises: FormError."""
    leaf = leaf_at(item, key, answers)
    filtered = _FILTERS.get(leaf.field.type)
    if filtered is None:
        raise FormError("not_typed", key)
    before = text_of(answers, key)
    return _with(answers, key, filtered(leaf.field, before, text))


def erase(item: ServiceItem, key: str, answers: Answers, everything: bool = False) -> Answers:
    """Return the answers with a field's last character gone, or with all of them. Raises: FormError."""
    leaf = leaf_at(item, key, answers)
    text = text_of(answers, key)
    if everything or leaf.field.type not in _FILTERS:
        return _with(answers, key, "")
    if leaf.field.type in (FieldType.DATE, FieldType.MONTH):
        return _with(answers, key, _dashed(_digits(text)[:-1], leaf.field))
    shorter = text[:-1]
    while shorter and unicodedata.category(text[len(shorter)]) == "Mn":  # a variation selector goes with its letter
        text, shorter = shorter, shorter[:-1]
    return _with(answers, key, shorter)


def choose(item: ServiceItem, key: str, answers: Answers, value: str) -> Answers:
    """Return the answers with a choice made: set, or switched for several choices; empty takes it back.

    Also sets whole dates and months. A choice may fill other fields (a receiver from the applicant).
    Raises: FormError("unknown_field" | "unknown_option" | "not_read").
    """
    leaf = leaf_at(item, key, answers)
    field, before = leaf.field, text_of(answers, key)
    if field.type is FieldType.MULTI_ENUM and value:
        _check_option(field, value)
        return _with(answers, key, _switched(field, before, value))
    if value:
        _check_choice(field, before, value)
    return _fill_from_form(item, _with(answers, key, value))


def add_entry(item: ServiceItem, key: str, answers: Answers) -> Answers:
    """Return the answers with one more, empty entry of a repeat. Raises: FormError("unknown_field" | "too_many")."""
    field = repeat_at(item, key)
    count = entry_count(field, answers)
    if field.validation.max_items and count >= field.validation.max_items:
        raise FormError("too_many", key)
    blank = {f"{key}.{entry}.{part.key}": Private("") for entry in range(count + 1) for part in field.fields}
    return {**blank, **answers}


def remove_entry(item: ServiceItem, key: str, answers: Answers, entry: int) -> Answers:
    """Return the answers without one entry of a repeat; later ones move up. Raises: FormError."""
    field = repeat_at(item, key)
    if not 0 <= entry < entry_count(field, answers):
        raise FormError("unknown_entry", key)
    kept: dict[str, Private[str]] = {}
    for name, answer in answers.items():
        if not name.startswith(f"{key}."):
            kept[name] = answer
            continue
        number, _, part = name[len(key) + 1 :].partition(".")
        if int(number) != entry:
            kept[f"{key}.{int(number) - (int(number) > entry)}.{part}"] = answer
    return kept


def leaf_at(item: ServiceItem, key: str, answers: Answers) -> Leaf:
    """Return the field of that key. Raises: FormError("unknown_field")."""
    leaf = next((leaf for leaf in leaves_of(item, answers) if leaf.key == key), None)
    if leaf is None:
        raise FormError("unknown_field", key)
    return leaf


def repeat_at(item: ServiceItem, key: str) -> Field:
    """Return the repeat of that key. Raises: FormError("unknown_field")."""
    field = next((field for field in item.form if field.key == key and field.type is FieldType.REPEAT), None)
    if field is None:
        raise FormError("unknown_field", key)
    return field


def _with(answers: Answers, key: str, text: str) -> Answers:
    return {**answers, key: Private(text)}


# ── choices ────────────────────────────────────────────────────────────────────────────────


def _check_choice(field: Field, before: str, value: str) -> None:
    if field.type in (FieldType.BOOL, FieldType.CONSENT) and value == "false":
        return
    if field.type is FieldType.CONSENT:
        is_read = before in (CONSENT_READ, "true") or not field.validation.must_scroll_to_end
        if value not in (CONSENT_READ, "true"):
            raise FormError("unknown_option", field.key)
        if value == "true" and not is_read:
            raise FormError("not_read", field.key)
    elif field.type is FieldType.BOOL:
        if value != "true":
            raise FormError("unknown_option", field.key)
    elif field.type is FieldType.DATE:
        if date_of(value) is None:
            raise FormError("unknown_option", field.key)
    elif field.type is FieldType.MONTH:
        if month_of(value) is None:
            raise FormError("unknown_option", field.key)
    elif field.type in CHOICES or field.data_source:
        _check_option(field, value)
    else:
        raise FormError("not_chosen", field.key)


def _check_option(field: Field, value: str) -> None:
    """Refuse what is not among the field's own options; lists that others keep are checked by the form."""
    if (field.options and all(option.value != value for option in field.options)) or "|" in value:
        raise FormError("unknown_option", field.key)


def _switched(field: Field, before: str, value: str) -> str:
    chosen = [part for part in before.split("|") if part]
    chosen = [part for part in chosen if part != value] if value in chosen else [*chosen, value]
    order = {option.value: at for at, option in enumerate(field.options)}
    return "|".join(sorted(chosen, key=lambda part: order.get(part, len(order))))


def _fill_from_form(item: ServiceItem, answers: Answers) -> Answers:
    """Return the answers with empty fields filled whose prefill is another field of this form, once they show."""
    filled = dict(answers)
    for leaf in leaves_of(item, answers):
        source, scope = leaf.field.prefill, leaf.scope
        if not source.startswith("form.") or text_of(answers, leaf.key):
            continue
        siblings = {key[len(scope) :]: text_of(answers, key) for key in answers if key.startswith(scope)}
        text = text_of(answers, source.removeprefix("form."))
        if text and holds(leaf.field.required_if, siblings):
            filled[leaf.key] = Private(text[: max_length_of(leaf.field)])
    return filled


# ── what each type can hold ────────────────────────────────────────────────────────────────


def _digits(text: str) -> str:
    return "".join(sign for sign in text.translate(_FULL_WIDTH) if sign in "0123456789")


def _dashed(digits: str, field: Field) -> str:
    parts = (digits[:4], digits[4:6], digits[6:8] if field.type is FieldType.DATE else "")
    return "-".join(part for part in parts if part)


def _type_digits(field: Field, before: str, text: str) -> str:
    return (before + _digits(text))[: max_length_of(field)]


def _type_date(field: Field, before: str, text: str) -> str:
    limit = 8 if field.type is FieldType.DATE else 6
    return _dashed((_digits(before) + _digits(text))[:limit], field)


def _type_integer(field: Field, before: str, text: str) -> str:
    digits = before + _digits(text)
    return (digits.lstrip("0") or digits[:1])[: max_length_of(field)]


def _type_decimal(field: Field, before: str, text: str) -> str:
    scale = 2 if field.validation.scale is None else field.validation.scale
    value = before
    for sign in text.translate(_FULL_WIDTH).replace("。", "."):
        whole, dot, part = value.partition(".")
        if sign == "." and not dot and scale and whole:
            value += sign
        elif sign in "0123456789" and (len(part) < scale if dot else len(whole) < 9):
            value = sign if value == "0" else value + sign
    return value[: max_length_of(field)]


def _type_id_number(field: Field, before: str, text: str) -> str:
    value = before
    for sign in text.translate(_FULL_WIDTH).upper():
        if len(value) < 18 and (sign in "0123456789" or (sign == "X" and len(value) == 17)):
            value += sign
    return value


def _type_code(field: Field, before: str, text: str) -> str:
    letters = "".join(sign for sign in text.translate(_FULL_WIDTH).upper() if sign in USCC_ALPHABET)
    return (before + letters)[: max_length_of(field)]


def _type_text(field: Field, before: str, text: str) -> str:
    if field.keypad == "numeric":
        return _type_digits(field, before, text)
    shown = "".join(sign for sign in text if unicodedata.category(sign) not in _HIDDEN)
    return unicodedata.normalize("NFC", before + shown)[: max_length_of(field)]


def _type_name(field: Field, before: str, text: str) -> str:
    letters = "".join(sign for sign in text.translate(_DOTS) if PERSON_NAME.fullmatch(sign))
    value = unicodedata.normalize("NFC", before + letters)
    return value.lstrip(" ")[: max_length_of(field)]


_FILTERS: dict[FieldType, Callable[[Field, str, str], str]] = {
    FieldType.NAME: _type_name,
    FieldType.TEXT: _type_text,
    FieldType.ADDRESS: _type_text,
    FieldType.REGION: _type_text,
    FieldType.AGENT_REF: _type_name,
    FieldType.ID_NUMBER: _type_id_number,
    FieldType.ID_OR_USCC: _type_code,
    FieldType.USCC: _type_code,
    FieldType.PHONE: _type_digits,
    FieldType.BANK_ACCOUNT: _type_digits,
    FieldType.INTEGER: _type_integer,
    FieldType.DECIMAL: _type_decimal,
    FieldType.MONEY: _type_decimal,
    FieldType.DATE: _type_date,
    FieldType.MONTH: _type_date,
}
