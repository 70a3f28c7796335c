"""What is wrong with a form: each fault names its field, its page and a sentence, never the answer itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal

import msgspec

from kiosk.services.catalogue import FieldType, ServiceItem
from kiosk.services.catalogue_types import Validation
from kiosk.services.dates import compose_date, compose_month, date_of, decimal_of, month_of
from kiosk.services.expressions import DATE_WORDS, parse_date_word
from kiosk.services.fields import (
    CHOICES,
    Answers,
    FormContext,
    Leaf,
    entry_count,
    is_locked,
    is_visible,
    options_of,
    text_of,
    visible_leaves,
)
from kiosk.services.form_input import PERSON_NAME
from kiosk.services.numbers import birth_date_in, is_valid_id_number, is_valid_uscc, luhn, sex_in
from kiosk.station.texts import own_texts

CHECKSUMS: dict[str, Callable[[str], bool]] = {
    "gb11643_mod11_2": is_valid_id_number,
    "gb32100_mod31": is_valid_uscc,
    "luhn": luhn,
}
ID_KEY = "applicant_id"
"""Cross checks compare with this field, as the catalogue does."""


class Wrong(msgspec.Struct, frozen=True):
    """One thing wrong: a code with the values its sentence takes. `key` is a leaf's or a repeat's."""

    key: str
    code: str
    bound: str = ""
    count: int = 0

    def text(self, locale: str) -> str:
        """Return the sentence for the person."""
        return own_texts()(f"form.error.{self.code}", locale, bound=self.bound, count=self.count)


def wrongs_in(item: ServiceItem, answers: Answers, context: FormContext, locale: str) -> tuple[Wrong, ...]:
    """Return at most one wrong a field, for visible fields, in the order of the form.

    What the card filled and locks is not judged: the person could not mend it. Left to the platform: rules of the
    kind platform_check, whose account it is (owner_must_equal), and where an address lies (region_prefix; a division
    code cannot be read from a written address, and the first digits of an ID number are never a reason).
    """
    found: list[Wrong] = []
    for leaf in visible_leaves(item, answers, context):
        if is_locked(leaf, answers, context) and text_of(answers, leaf.key):
            continue
        wrong = next(_leaf_wrongs(_Case(leaf, item, answers, context, locale)), None)
        if wrong is not None:
            found.append(wrong)
    found += _repeat_wrongs(item, answers, context)
    return tuple(found)


class _Case(msgspec.Struct, frozen=True):
    """One field under judgement and all it may be compared with."""

    leaf: Leaf
    item: ServiceItem
    answers: Answers
    context: FormContext
    locale: str

    @property
    def text(self) -> str:
        return text_of(self.answers, self.leaf.key)

    @property
    def rules(self) -> Validation:
        return self.leaf.field.validation

    def other(self, key: str) -> str:
        """Return a sibling's answer, or that of a field of the form."""
        return text_of(self.answers, f"{self.leaf.scope}{key}") or text_of(self.answers, key)

    def wrong(self, code: str, bound: str = "", count: int = 0) -> Wrong:
        return Wrong(self.leaf.key, code, bound, count)


def _leaf_wrongs(case: _Case) -> Iterator[Wrong]:
    field, text = case.leaf.field, case.text
    if not text:
        if case.leaf.is_required:
            yield case.wrong(_missing_code(case))
        return
    if field.type is FieldType.CONSENT:
        if text != "true" and (field.required or field.required_if):
            yield case.wrong("consent")
    elif field.type in CHOICES or (field.options and field.type is FieldType.TEXT):
        yield from _choice_wrongs(case)
    elif field.type in (FieldType.DATE, FieldType.MONTH):
        yield from _date_wrongs(case)
    elif field.type in (FieldType.INTEGER, FieldType.DECIMAL, FieldType.MONEY):
        yield from _number_wrongs(case)
    else:
        yield from _text_wrongs(case)
    yield from _relation_wrongs(case)


def _missing_code(case: _Case) -> str:
    field = case.leaf.field
    if field.type is FieldType.CONSENT:
        return "consent"
    needs_list = field.type in (FieldType.SITE_CHOICE, FieldType.APPOINTMENT_SLOT) or (
        bool(field.data_source) and field.type is not FieldType.TEXT
    )
    if needs_list and not options_of(case.leaf, case.context):
        return "needs_network"
    return "required_choice" if field.type in (*CHOICES, FieldType.BOOL) else "required"


# ── by kind of value ───────────────────────────────────────────────────────────────────────


def _choice_wrongs(case: _Case) -> Iterator[Wrong]:
    chosen = case.text.split("|") if case.leaf.field.type is FieldType.MULTI_ENUM else [case.text]
    options = {option.value: option for option in options_of(case.leaf, case.context)}
    if options and any(value not in options for value in chosen) and case.leaf.field.type is not FieldType.AGENT_REF:
        yield case.wrong("unknown_option")
    if case.leaf.field.type is FieldType.ENUM_TREE and any(option.parent == case.text for option in options.values()):
        yield case.wrong("tree")
    rules = case.rules
    if case.leaf.field.type is FieldType.MULTI_ENUM:
        if len(chosen) < rules.min_items:
            yield case.wrong("min_items", count=rules.min_items)
        if rules.max_items and len(chosen) > rules.max_items:
            yield case.wrong("max_items", count=rules.max_items)
    if case.leaf.field.type is FieldType.APPOINTMENT_SLOT:
        yield from _bound_wrongs(case, case.text[:10])


def _date_wrongs(case: _Case) -> Iterator[Wrong]:
    is_date = case.leaf.field.type is FieldType.DATE
    if len(case.text) < (10 if is_date else 7):
        yield case.wrong("incomplete")
    elif (date_of(case.text) if is_date else month_of(case.text)) is None:
        yield case.wrong("not_a_date")
    else:
        yield from _bound_wrongs(case, case.text)


def _number_wrongs(case: _Case) -> Iterator[Wrong]:
    number = decimal_of(case.text)
    if number is None:
        yield case.wrong("incomplete")
        return
    scale = 0 if case.leaf.field.type is FieldType.INTEGER else case.rules.scale
    places = len(case.text.partition(".")[2])
    if scale is not None and places > scale:
        yield case.wrong("scale", count=scale)
    yield from _bound_wrongs(case, case.text)


def _text_wrongs(case: _Case) -> Iterator[Wrong]:
    rules, text = case.rules, case.text
    if rules.charset == "person_name" and PERSON_NAME.fullmatch(text) is None:
        yield case.wrong("charset")
    if len(text.strip()) < max(rules.min_length, 1):
        yield case.wrong("min_length", count=max(rules.min_length, 1))
    if rules.max_length and len(text) > rules.max_length:
        yield case.wrong("max_length", count=rules.max_length)
    if rules.regex and re.fullmatch(rules.regex, text) is None:
        yield case.wrong(rules.pattern if rules.pattern in ("mobile_phone", "citizen_id", "uscc") else "regex")
    if rules.checksum and not CHECKSUMS[rules.checksum](text):
        yield case.wrong("checksum")
    if rules.checksum_any and not any(CHECKSUMS[name](text) for name in rules.checksum_any):
        yield case.wrong("checksum")


def _bound_wrongs(case: _Case, text: str) -> Iterator[Wrong]:
    for name, limit_rule in (("min", case.rules.min), ("max", case.rules.max)):
        bound = _bound(case, limit_rule)
        if not bound:
            continue
        if case.leaf.field.type in (FieldType.INTEGER, FieldType.DECIMAL, FieldType.MONEY):
            value, limit = decimal_of(text), decimal_of(bound)
            if value is not None and limit is not None and (value < limit if name == "min" else value > limit):
                yield case.wrong(f"{name}_number", bound=_plain(limit))
        elif text < bound if name == "min" else text > bound:
            yield case.wrong(f"{name}_date", bound=_in_words(bound, case.locale))


def _bound(case: _Case, bound: int | str | None) -> str:
    """Return a bound as canonical text; empty when it is not known yet (another field that is not filled in)."""
    if bound is None or isinstance(bound, int):
        return "" if bound is None else str(bound)
    if re.split(r"[+-]", bound)[0] not in DATE_WORDS:
        is_field = any(field.key == bound for field in case.item.form) or f"{case.leaf.scope}{bound}" in case.answers
        return case.other(bound) if is_field else bound
    birth = date_of(text_of(case.answers, "birth_date"))
    return parse_date_word(bound).evaluate(case.context.today, birth)


def _in_words(bound: str, locale: str) -> str:
    day, month = date_of(bound), month_of(bound)
    if day is not None:
        return compose_date(day, locale)
    return compose_month(*month, locale) if month is not None else bound


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"


# ── between fields ─────────────────────────────────────────────────────────────────────────


def _relation_wrongs(case: _Case) -> Iterator[Wrong]:
    rules, text = case.rules, case.text
    if rules.not_equal and text == case.other(rules.not_equal):
        yield case.wrong("not_equal")
    if rules.unique_in and case.leaf.parent is not None and case.leaf.parent.key == rules.unique_in:
        before = (f"{rules.unique_in}.{entry}.{case.leaf.field.key}" for entry in range(case.leaf.entry))
        if any(text_of(case.answers, key) == text for key in before):
            yield case.wrong("unique")
    number = text_of(case.answers, ID_KEY)
    if rules.cross_check and is_valid_id_number(number) and not _agrees(rules.cross_check, text, number):
        yield case.wrong(rules.cross_check)


def _agrees(rule: str, text: str, number: str) -> bool:
    if rule == "sex_from_id_number":
        return text == sex_in(number)
    if rule == "birth_date_from_id_number":
        born = birth_date_in(number)
        return born is None or text == born.isoformat()
    return text.startswith(number)  # starts_with_id_number


def _repeat_wrongs(item: ServiceItem, answers: Answers, context: FormContext) -> Iterator[Wrong]:
    for field in item.form:
        if field.type is not FieldType.REPEAT or not is_visible(
            Leaf(field.key, field, field.group), item, answers, context
        ):
            continue
        count, rules = entry_count(field, answers), field.validation
        least = max(rules.min_items, 0)
        if count < least:
            yield Wrong(field.key, "min_items", count=least)
        if rules.max_items and count > rules.max_items:
            yield Wrong(field.key, "max_items", count=rules.max_items)


def today_in(context: FormContext, today: date) -> FormContext:
    """Return the context as of `today`."""
    return context if context.today == today else msgspec.structs.replace(context, today=today)
