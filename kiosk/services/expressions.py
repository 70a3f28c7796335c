"""The catalogue's small condition language and its date words.

A condition is `variable operator value`; a variable without a value makes it false. Parsed once, kept.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Mapping
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache

import msgspec

CONTEXT_VARIABLES = ("situation", "filed_by", "agency_reason", "method")
"""Variables every item knows beside its own field keys."""

_CONDITION = re.compile(r"([a-z][a-z0-9_]*)\s+(==|!=|in)\s+(\S.*)")
_WORD = re.compile(r"[^\s\[\],=!]+")
_LIST = re.compile(r"\[([^\[\]]*)\]")
_DATE_WORD = re.compile(r"([a-z_]+?)(?:([+-])(\d{1,5})([dmy]))?")


class ExpressionError(ValueError):
    """A condition or date word that does not follow the language; the text says what is allowed."""


class Operator(StrEnum):
    """How a variable is compared."""

    EQUAL = "=="
    UNEQUAL = "!="
    IN = "in"


class Condition(msgspec.Struct, frozen=True):
    """One parsed condition."""

    variable: str
    operator: Operator
    values: tuple[str, ...]

    def evaluate(self, context: Mapping[str, str]) -> bool:
        """Whether the condition holds; false while the variable has no value."""
        value = context.get(self.variable, "")
        if not value:
            return False
        return (value in self.values) is (self.operator is not Operator.UNEQUAL)


@lru_cache(maxsize=512)
def parse_condition(text: str) -> Condition:
    """Return the condition `text` says. Raises: ExpressionError."""
    match = _CONDITION.fullmatch(text.strip())
    if match is None:
        raise ExpressionError("a condition is: variable, then == or != or in, then a value")
    variable, operator, rest = match.groups()
    if operator != Operator.IN:
        if _WORD.fullmatch(rest) is None:
            raise ExpressionError(f"{operator} takes one value without spaces")
        return Condition(variable, Operator(operator), (rest,))
    inside = _LIST.fullmatch(rest)
    words = tuple(word.strip() for word in inside[1].split(",")) if inside else ()
    if not words or any(_WORD.fullmatch(word) is None for word in words):
        raise ExpressionError("in takes a list: [one, two]")
    return Condition(variable, Operator.IN, words)


def holds(text: str, context: Mapping[str, str]) -> bool:
    """Whether the condition `text` holds; an empty text is no condition and holds. Raises: ExpressionError."""
    return not text or parse_condition(text).evaluate(context)


# ── date words ─────────────────────────────────────────────────────────────────────────────


class Precision(StrEnum):
    """How exact a date word is; its text has that form."""

    DAY = "day"  # YYYY-MM-DD
    MONTH = "month"  # YYYY-MM
    YEAR = "year"  # YYYY


DATE_WORDS: dict[str, Precision] = {
    "today": Precision.DAY,
    "tomorrow": Precision.DAY,
    "birth_date": Precision.DAY,
    "current_month": Precision.MONTH,
    "current_year": Precision.YEAR,
    "next_year": Precision.YEAR,
}


class DateWord(msgspec.Struct, frozen=True):
    """One parsed date word: its name and an offset of whole days, months or years."""

    name: str
    offset: int = 0
    unit: str = "d"

    @property
    def precision(self) -> Precision:
        """Return how exact the word is."""
        return DATE_WORDS[self.name]

    def evaluate(self, today: date, birth: date | None = None) -> str:
        """Return the date as text of the word's precision; empty when a birth date is needed and not known."""
        if self.name == "birth_date" and birth is None:
            return ""
        start = birth if self.name == "birth_date" and birth is not None else today
        if self.name == "tomorrow":
            start += timedelta(days=1)
        if self.name == "next_year":
            start = add_months(start, 12)
        end = start + timedelta(days=self.offset) if self.unit == "d" else add_months(start, self._months())
        if self.precision is Precision.DAY:
            return end.isoformat()
        return f"{end:%Y-%m}" if self.precision is Precision.MONTH else f"{end:%Y}"

    def _months(self) -> int:
        return self.offset * (12 if self.unit == "y" else 1)


@lru_cache(maxsize=512)
def parse_date_word(text: str) -> DateWord:
    """Return the date word `text` says: `today`, `today+14d`, `current_year+1y`. Raises: ExpressionError."""
    match = _DATE_WORD.fullmatch(text.strip())
    if match is None or match[1] not in DATE_WORDS:
        raise ExpressionError(f"a date word is one of {', '.join(DATE_WORDS)}, then + or -, a number and d, m or y")
    name, sign, number, unit = match.groups()
    if number is None:
        return DateWord(name)
    return DateWord(name, int(f"{sign}{number}"), unit)


def add_months(start: date, months: int) -> date:
    """Return the same day `months` later, or that month's last day when it is shorter."""
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    return date(year, month + 1, min(start.day, monthrange(year, month + 1)[1]))
