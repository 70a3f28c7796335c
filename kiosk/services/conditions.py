"""Whether the conditions for taking a case are met, as far as the kiosk can tell; the rest the platform decides."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from enum import StrEnum

import msgspec

from kiosk.services.catalogue import AcceptCondition, Check, ServiceItem
from kiosk.services.dates import compose_date, decimal_of
from kiosk.services.expressions import holds
from kiosk.services.fields import Answers, FormContext, is_in_region, text_of, variables
from kiosk.services.identity import Identity, age_on, birthday_of_age
from kiosk.station.texts import own_texts


class Verdict(StrEnum):
    """What one check comes to."""

    OK = "ok"
    BLOCK = "block"  # cannot go on
    WARN = "warn"  # may go on; the back office decides
    DEFERRED = "deferred"  # not known here, or not yet: asked again later, or decided by the platform
    ROUTE = "route"  # a window or another platform does this


class ConditionVerdict(msgspec.Struct, frozen=True):
    """One check's answer. `text` is for the person and empty when there is nothing to say."""

    code: str  # the rule
    outcome: Verdict
    text: str = ""

    def __repr__(self) -> str:  # the day of an age tells the birthday
        return f"ConditionVerdict({self.code}, {self.outcome})"


_ON_FAIL = {
    "block": Verdict.BLOCK,
    "soft_warn": Verdict.WARN,
    "route_to_window": Verdict.ROUTE,
    "redirect": Verdict.ROUTE,
    "offer_loss_report": Verdict.BLOCK,
}
_WINDOW = re.compile(r"(\d\d-\d\d)\.\.(\d\d-\d\d)")


class _Facts(msgspec.Struct, frozen=True):
    """All that a check may look at."""

    item: ServiceItem
    identity: Identity | None
    answers: Answers
    context: FormContext
    today: date


def check_conditions(
    item: ServiceItem,
    identity: Identity | None,
    answers: Answers,
    context: FormContext,
    today: date,
    is_online: bool = False,
    locale: str = "zh",
) -> tuple[ConditionVerdict, ...]:
    """Return a verdict for each check that applies, in the order of the catalogue.

    Ask after the card, and again after situation and form: a check whose facts are not there yet is deferred.
    What only the platform knows is deferred, online and offline alike, until it answers questions.
    """
    facts = _Facts(item, identity, answers, context, today)
    return tuple(
        _verdict(condition, check, facts, locale, is_online=is_online)
        for condition, check in _checks(item, variables(item, answers, context), context.situation)
    )


def derive_situation(item: ServiceItem, identity: Identity, today: date, face_used: bool = False) -> str:
    """Return the code of the situation the kiosk works out by itself; empty when none is the person's."""
    age = age_on(identity.birth_date.reveal(), today)
    for situation in item.situations:
        rule = situation.derive
        if rule is None:
            continue
        is_old_enough = rule.age_min is None or age >= rule.age_min
        is_young_enough = rule.age_max is None or age <= rule.age_max
        if is_old_enough and is_young_enough and rule.face_used in (None, face_used):
            return situation.code
    return ""


def _checks(item: ServiceItem, known: dict[str, str], situation: str) -> Iterator[tuple[AcceptCondition, Check]]:
    for condition in item.accept_conditions:
        for check in condition.checks:
            if holds(check.when, known) and situation not in check.exempt_situations:
                yield condition, check


def _verdict(
    condition: AcceptCondition, check: Check, facts: _Facts, locale: str, *, is_online: bool
) -> ConditionVerdict:
    is_met = _is_met(check, facts)
    if is_met is None:
        text = own_texts()("conditions.deferred" if is_online else "conditions.deferred_offline", locale)
        return ConditionVerdict(check.rule, Verdict.DEFERRED, text if check.rule in _ELSEWHERE else "")
    if is_met:
        return ConditionVerdict(check.rule, Verdict.OK)
    outcome = _ON_FAIL[check.on_fail]
    return ConditionVerdict(check.rule, outcome, _sentence(condition, check, facts, outcome, locale))


_ELSEWHERE = ("platform_lookup", "manual_review")
"""Rules decided by somebody else; the others are only not known yet."""


def _is_met(check: Check, facts: _Facts) -> bool | None:
    match check.rule:
        case "age_at_least":
            return _is_old_enough(check, facts)
        case "region_match":
            found = [is_in_region(_source(name, facts), str(check.value), facts.context) for name in check.source]
            return None if all(answer is None for answer in found) else any(found)
        case "date_window":
            return _is_in_window(str(check.value), facts.today)
        case "field_in":
            value = _source(check.source[0], facts)
            return value in check.value if value and isinstance(check.value, tuple) else None
        case "field_required":
            key = check.source[0].removeprefix("form.")
            return None if key not in facts.answers else bool(text_of(facts.answers, key))
        case "field_min":
            number = decimal_of(_source(check.source[0], facts))
            return None if number is None or not isinstance(check.value, int) else number >= check.value
        case "situation_selected":
            return True if facts.context.situation else None
        case "self_only":
            return facts.context.filed_by == "self"
        case "platform_only":
            return False
    return None  # platform_lookup, manual_review


def _is_old_enough(check: Check, facts: _Facts) -> bool | None:
    if facts.identity is None or not isinstance(check.value, int):
        return None
    return age_on(facts.identity.birth_date.reveal(), facts.today) >= check.value


def _is_in_window(window: str, today: date) -> bool:
    match = _WINDOW.fullmatch(window)
    if match is None:  # the catalogue check has refused anything else
        return False
    first, last, now = match[1], match[2], f"{today:%m-%d}"
    return first <= now <= last if first <= last else now >= first or now <= last


def _source(name: str, facts: _Facts) -> str:
    kind, _, key = name.partition(".")
    if kind == "form":
        return text_of(facts.answers, key)
    if name == "id_card.address" and facts.identity is not None:
        return facts.identity.address.reveal()
    return ""


def _sentence(condition: AcceptCondition, check: Check, facts: _Facts, outcome: Verdict, locale: str) -> str:
    message = check.message_en if locale == "en" else check.message_zh
    if message:
        return message.replace("{date}", _day_of_age(check, facts, locale))
    return own_texts()(f"conditions.{outcome}", locale, condition=condition.label(locale))


def _day_of_age(check: Check, facts: _Facts, locale: str) -> str:
    if facts.identity is None or not isinstance(check.value, int):
        return ""
    return compose_date(birthday_of_age(facts.identity.birth_date.reveal(), check.value), locale)
