"""What only a whole item can tell: references between fields, conditions, date words, codes that stand twice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from kiosk.services.catalogue_types import DEFAULT_PAGES, PAGE_CODE, SCANNED_SOURCES
from kiosk.services.expressions import (
    CONTEXT_VARIABLES,
    DATE_WORDS,
    ExpressionError,
    Precision,
    parse_condition,
    parse_date_word,
)
from kiosk.station.schema import Found, Keys
from offline_queue.api import PARTS_MAX

SIGNED_PARTS = 3  # a signature is a picture, its strokes and its lines
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_MONTH = re.compile(r"\d{4}-\d{2}")
_WINDOW = re.compile(r"(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])\.\.(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
_PLACEHOLDER = re.compile(r"\{([^}]*)\}")
_COMPOUND = ("repeat", "group")
_CHOICES = ("enum", "multi_enum", "enum_tree")


def item_mistakes(raw: dict[str, Any], header: Any, is_whole: bool = True) -> list[Found]:
    """Return what the rules find in one item. `header` is catalogue.yaml as plain data.

    When the schema does not hold (`is_whole` false) a rule that trips over it stops there: its cause is named already.
    """
    found: list[Found] = []
    try:
        scope = _Scope(raw, header)
    except _TRIPPED:
        if is_whole:
            raise
        return found
    for rule in _RULES:
        try:
            found.extend(rule(raw, scope))
        except _TRIPPED:
            if is_whole:
                raise
    return found


class _Scope:
    """What an item's conditions and references may name."""

    def __init__(self, raw: dict[str, Any], header: Any) -> None:
        self.situations = [entry["code"] for entry in raw["situations"]]
        self.fields = {field["key"]: field for field in raw["form"]}
        self.flow = list(raw["kiosk_flow"])
        self.scanned = [m["code"] for m in raw["materials"] if SCANNED_SOURCES & {m["source"], *m["fallback"]}]
        self.delivery = {field["key"]: field for field in header.get("delivery_choice_fields") or ()}
        vocabularies = {"situation": self.situations, "filed_by": ["self", "agent"]}
        vocabularies["agency_reason"] = ["guardian", "support_duty", "village_committee", "entrusted"]
        vocabularies["method"] = raw["delivery"]
        self.words = vocabularies

    def condition(self, text: Any, keys: Keys, siblings: dict[str, Any] | None = None) -> Iterator[Found]:
        """Yield what is wrong with a condition."""
        if text is None or text == "":
            return
        try:
            condition = parse_condition(text)
        except ExpressionError as fault:
            yield keys, f"{text!r}: {fault}"
            return
        name = condition.variable
        field = (siblings or {}).get(name) or self.fields.get(name)
        if field is None and name not in CONTEXT_VARIABLES:
            yield keys, f"{name!r} is neither a variable nor a field of this item"
            return
        allowed = self.words.get(name) if field is None or name == "method" else _values_of(field)
        for value in condition.values if allowed is not None else ():
            if value not in (allowed or ()):
                yield keys, f"{name} never is {value!r}; it is one of {', '.join(map(str, allowed or ()))}"

    def page_code(self, field: dict[str, Any], material: str, keys: Keys, *, is_part: bool) -> Iterator[Found]:
        """Yield what is wrong with a field that a code on a scanned paper may fill."""
        if material not in self.scanned:
            yield (*keys, "prefill"), f"{material!r} is not a material of this item that is scanned"
        if is_part:
            yield (*keys, "prefill"), "a part of another field takes no code"
        rules = field.get("validation") or {}
        if field["type"] != "uscc" and not (field["type"] == "text" and rules.get("regex")):
            yield (*keys, "prefill"), "a code needs a grammar: a text with a regex, or a uscc"
        is_needed = field["required"] or field.get("required_if")
        if is_needed and "form" in self.flow and "materials" in self.flow[self.flow.index("form") :]:
            yield (*keys, "prefill"), "a field that is needed is filled in before the papers are scanned"


def _values_of(field: dict[str, Any]) -> list[str] | None:
    if field["type"] == "bool":
        return ["true", "false"]
    options = field.get("options")
    return [option["value"] for option in options] if options else None


# ── form ───────────────────────────────────────────────────────────────────────────────────


def _form_mistakes(raw: dict[str, Any], scope: _Scope) -> Iterator[Found]:
    return _fields_mistakes(raw["form"], scope, ("form",))


def _fields_mistakes(fields: list[Any], scope: _Scope, keys: Keys, siblings: Any = None) -> Iterator[Found]:
    names = [field["key"] for field in fields]
    for at, field in enumerate(fields):
        here = (*keys, at)
        if field["key"] in names[:at]:
            yield (*here, "key"), f"{field['key']!r} stands twice"
        yield from _field_mistakes(field, scope, here, siblings)
        if field.get("fields"):
            parts = {part["key"]: part for part in field["fields"]}
            yield from _fields_mistakes(field["fields"], scope, (*here, "fields"), parts)


def _field_mistakes(field: dict[str, Any], scope: _Scope, keys: Keys, siblings: Any) -> Iterator[Found]:
    kind = field["type"]
    if siblings is None and not field.get("group"):
        yield keys, "group is missing"
    if kind in _COMPOUND and not field.get("fields"):
        yield keys, f"a {kind} needs fields"
    if kind not in _COMPOUND and field.get("fields"):
        yield (*keys, "fields"), f"a field of type {kind} has no fields"
    if kind in _COMPOUND and siblings is not None:
        yield (*keys, "type"), f"a {kind} does not stand inside another field"
    if kind in _CHOICES and not (field.get("options") or field.get("data_source") or field.get("options_from")):
        yield keys, "options or data_source is missing"
    yield from scope.condition(field.get("required_if"), (*keys, "required_if"), siblings)
    yield from _default_mistakes(field, keys)
    yield from _derived_mistakes(field, keys)
    source = str(field.get("prefill") or "")
    if source.startswith("form.") and source[5:] not in scope.fields:
        yield (*keys, "prefill"), f"{source[5:]!r} is not a field of this item"
    if source.startswith(PAGE_CODE):
        yield from scope.page_code(field, source.removeprefix(PAGE_CODE), keys, is_part=siblings is not None)
    names = [option["value"] for option in field.get("options") or ()]
    for at, value in enumerate(names):
        if value in names[:at]:
            yield (*keys, "options", at), f"{value!r} stands twice"
    yield from _validation_mistakes(field, scope, (*keys, "validation"), siblings or {})


def _default_mistakes(field: dict[str, Any], keys: Keys) -> Iterator[Found]:
    value = field.get("default")
    if value is None:
        return
    options = _values_of(field) or []
    if field["type"] == "bool":
        fits = isinstance(value, bool)
    elif field["type"] == "multi_enum":
        fits = value == "all" or value in options
    elif options:
        fits = value in options
    elif field["type"] in ("integer", "date", "month"):
        fits = _bound_fault(value, field["type"]) == ""
    else:
        fits = isinstance(value, str)
    if not fits:
        yield (*keys, "default"), f"{value!r} does not fit a field of type {field['type']}"


def _derived_mistakes(field: dict[str, Any], keys: Keys) -> Iterator[Found]:
    options = _values_of(field)
    for at, case in enumerate((field.get("derived") or {}).get("cases") or ()):
        if options is not None and case["value"] not in options:
            yield (*keys, "derived", "cases", at), f"{case['value']!r} is not an option of this field"


def _validation_mistakes(field: dict[str, Any], scope: _Scope, keys: Keys, siblings: Any) -> Iterator[Found]:
    rules = field.get("validation") or {}
    if "regex" in rules:
        try:
            re.compile(rules["regex"])
        except re.error as fault:
            yield (*keys, "regex"), f"is not an expression: {fault}"
    for name in ("min", "max"):
        bound = rules.get(name)
        if bound is None or bound in siblings or bound in scope.fields:
            continue
        wrong = _bound_fault(bound, field["type"])
        if wrong:
            yield (*keys, name), f"{bound!r} {wrong}"
    for low, high in (("min", "max"), ("min_length", "max_length"), ("min_items", "max_items")):
        first, last = rules.get(low), rules.get(high)
        if isinstance(first, int) and isinstance(last, int) and first > last:
            yield (*keys, low), f"{first} is more than {high} {last}"
    for name in ("not_equal", "owner_must_equal"):
        if rules.get(name) and rules[name] not in scope.fields and rules[name] not in siblings:
            yield (*keys, name), f"{rules[name]!r} is not a field of this item"
    within = rules.get("unique_in")
    if within and (scope.fields.get(within) or {}).get("type") != "repeat":
        yield (*keys, "unique_in"), f"{within!r} is not a repeat of this item"


def _bound_fault(bound: Any, kind: str) -> str:
    """Return why a bound does not fit the type, or nothing."""
    if isinstance(bound, int):
        return "" if kind in ("integer", "decimal", "money") else f"is a number, the field is of type {kind}"
    wanted = {"integer": Precision.YEAR, "month": Precision.MONTH}.get(kind, Precision.DAY)
    if kind == "month" and _MONTH.fullmatch(bound):
        return ""
    if kind in ("date", "appointment_slot") and _DATE.fullmatch(bound):
        return ""
    if kind not in ("date", "appointment_slot", "month", "integer"):
        return f"does not fit a field of type {kind}"
    try:
        word = parse_date_word(bound)
    except ExpressionError:
        return f"is not a field, nor a date word ({', '.join(DATE_WORDS)}, with +14d, -1m or +1y)"
    return "" if word.precision is wanted else f"is a {word.precision}, the field holds a {wanted}"


# ── the rest of an item ────────────────────────────────────────────────────────────────────


def _situation_mistakes(raw: dict[str, Any], scope: _Scope) -> Iterator[Found]:
    if not raw["situations"]:
        yield ("situations",), "at least one is needed"
    for at, entry in enumerate(raw["situations"]):
        if entry["code"] in scope.situations[:at]:
            yield ("situations", at, "code"), f"{entry['code']!r} stands twice"
        if raw["situation_mode"] == "derived" and not entry.get("derive"):
            yield ("situations", at), "derive is missing: situation_mode is derived"


def _material_mistakes(raw: dict[str, Any], scope: _Scope) -> Iterator[Found]:
    codes = [entry["code"] for entry in raw["materials"]]
    for at, entry in enumerate(raw["materials"]):
        keys: Keys = ("materials", at)
        if entry["code"] in codes[:at]:
            yield (*keys, "code"), f"{entry['code']!r} stands twice"
        yield from scope.condition(entry.get("required_if"), (*keys, "required_if"))
        if entry["necessity"] == "按情形" and not entry.get("required_if"):
            yield keys, "required_if is missing: necessity is 按情形"
        pages = entry.get("pages")
        if pages and pages["min"] > pages["max"]:
            yield (*keys, "pages"), f"min {pages['min']} is more than max {pages['max']}"
    pages_max = [(entry.get("pages") or {"max": DEFAULT_PAGES[1]})["max"] for entry in raw["materials"]]
    if sum(pages_max) > PARTS_MAX - SIGNED_PARTS:  # said here, and not to somebody who has scanned them all
        keys = ("materials", pages_max.index(max(pages_max)), "pages")
        yield keys, f"{sum(pages_max)} pages in all — at most {PARTS_MAX - SIGNED_PARTS} in one submission"


def _check_mistakes(raw: dict[str, Any], scope: _Scope) -> Iterator[Found]:
    for at, condition in enumerate(raw["accept_conditions"]):
        for number, check in enumerate(condition["checks"]):
            keys: Keys = ("accept_conditions", at, "checks", number)
            yield from scope.condition(check.get("when"), (*keys, "when"))
            for place, source in enumerate(check.get("source") or ()):
                if source.startswith("form.") and source[5:] not in scope.fields:
                    yield (*keys, "source", place), f"{source[5:]!r} is not a field of this item"
            for code in check.get("exempt_situations") or ():
                if code not in scope.situations:
                    yield (*keys, "exempt_situations"), f"{code!r} is not a situation of this item"
            for language in ("message_zh", "message_en"):
                unknown = set(_PLACEHOLDER.findall(check.get(language) or "")) - {"date"}
                if unknown:
                    yield (*keys, language), f"{{{unknown.pop()}}} is unknown; known is {{date}}"
            if bool(check.get("message_zh")) is not bool(check.get("message_en")):
                yield keys, "message_zh and message_en stand together"
            fault = _value_fault(check)
            if fault:
                yield (*keys, "value"), fault


def _value_fault(check: dict[str, Any]) -> str:
    value, rule = check.get("value"), check["rule"]
    if rule in ("age_at_least", "field_min") and (not isinstance(value, int) or isinstance(value, bool)):
        return f"{value!r} is not a whole number"
    if rule == "date_window" and (not isinstance(value, str) or _WINDOW.fullmatch(value) is None):
        return f"{value!r} is not a window such as 10-01..12-20"
    if rule == "region_match" and (not isinstance(value, str) or not value.isdigit()):
        return f"{value!r} is not the beginning of a division code"
    if rule == "field_in" and not isinstance(value, list):
        return f"{value!r} is not a list"
    return ""


def _step_mistakes(raw: dict[str, Any], scope: _Scope) -> Iterator[Found]:
    flow = raw["kiosk_flow"]
    for at, step in enumerate(flow):
        if step in flow[:at]:
            yield ("kiosk_flow", at), f"{step!r} stands twice"
    for step, condition in raw["step_conditions"].items():
        if step not in flow:
            yield ("step_conditions", step), "is not a step of kiosk_flow"
        yield from scope.condition(condition, ("step_conditions", step))


def _fee_mistakes(raw: dict[str, Any], scope: _Scope) -> Iterator[Found]:
    fee = raw["fee"]
    amounts = fee.get("by_situation") or {}
    if fee["kind"] == "by_situation" and set(amounts) != set(scope.situations):
        yield ("fee",), f"by_situation must name {', '.join(scope.situations)}"
    for code in set(amounts) - set(scope.situations):
        yield ("fee", "by_situation", code), "is not a situation of this item"
    if fee["kind"] in ("free", "fixed") and fee.get("amount_cny") is None:
        yield ("fee",), "amount_cny is missing"


_TRIPPED = (KeyError, TypeError, AttributeError)
_RULES = (
    _form_mistakes,
    _situation_mistakes,
    _material_mistakes,
    _check_mistakes,
    _step_mistakes,
    _fee_mistakes,
)
