"""Conditions: met, not met with the day it will be, or left to the platform."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest

from devices.api import Private
from kiosk.services.catalogue import ServiceItem
from kiosk.services.conditions import Verdict, check_conditions, derive_situation
from kiosk.services.identity import identity_of
from tests.fixtures.services import TODAY, item_of, make_card, make_context


def verdicts(item, card, context, answers=None, locale="zh", today=TODAY, is_online=False):
    who = identity_of(card, today) if card is not None else None
    filled = {key: Private(value) for key, value in (answers or {}).items()}
    found = check_conditions(item, who, filled, context, today, is_online, locale)
    return {verdict.code: verdict for verdict in found}


def test_eighty_is_old_enough_and_the_day_is_named_to_the_younger(catalogue):
    item, context = item_of(catalogue, "SIM-MZ-0008"), make_context(catalogue)
    old = verdicts(item, make_card(date(1945, 11, 23)), context)
    assert old["age_at_least"].outcome is Verdict.OK
    young = verdicts(item, make_card(date(1947, 1, 5)), context)
    assert young["age_at_least"].outcome is Verdict.BLOCK
    assert young["age_at_least"].text == "您还未满80周岁,请于2027年1月5日后办理"
    assert "1月5日" not in repr(young)
    english = verdicts(item, make_card(date(1947, 1, 5)), context, locale="en")
    assert english["age_at_least"].text == "Please come back after 5 January 2027, when you are 80"


def test_who_was_born_on_29_february_is_told_the_first_of_march(catalogue):
    item, context = item_of(catalogue, "SIM-MZ-0007"), make_context(catalogue)
    card = make_card(date(1972, 2, 29))
    assert "2032年2月29日" in verdicts(item, card, context)["age_at_least"].text
    bus = item_of(catalogue, "SIM-JT-0021")
    assert "2042年3月1日" in verdicts(bus, card, context)["age_at_least"].text


def test_the_birthday_itself_is_old_enough(catalogue):
    item, context = item_of(catalogue, "SIM-MZ-0008"), make_context(catalogue)
    card = make_card(date(1947, 1, 5))
    assert verdicts(item, card, context, today=date(2027, 1, 4))["age_at_least"].outcome is Verdict.BLOCK
    assert verdicts(item, card, context, today=date(2027, 1, 5))["age_at_least"].outcome is Verdict.OK


def test_where_an_address_lies_is_a_soft_word_and_never_the_number(catalogue):
    item, context = item_of(catalogue, "SIM-MZ-0008"), make_context(catalogue)
    far = make_card(address="浙江省杭州市西湖区1号")  # a number that begins with 330402 all the same
    verdict = verdicts(item, far, context)["region_match"]
    assert (verdict.outcome, verdict.text) == (Verdict.WARN, "请留意：本市户籍且年满80周岁")
    assert verdicts(item, make_card(address="海盐县武原街道1号"), context)["region_match"].outcome is Verdict.OK
    either = item_of(catalogue, "SIM-WJ-0005")
    living = verdicts(either, far, context, {"living_address": "嘉善县魏塘街道1号"})
    assert living["region_match"].outcome is Verdict.OK
    assert verdicts(item, None, context)["region_match"].outcome is Verdict.DEFERRED
    blind = make_context(catalogue)
    unnamed = msgspec.structs.replace(blind, regions=())
    assert verdicts(item, far, unnamed)["region_match"].outcome is Verdict.DEFERRED


@pytest.mark.parametrize(
    ("today", "situation", "outcome"),
    [
        (date(2026, 10, 1), "self", Verdict.OK),
        (date(2026, 12, 20), "self", Verdict.OK),
        (date(2026, 12, 21), "self", Verdict.WARN),
        (date(2026, 9, 30), "family", Verdict.WARN),
        (date(2026, 9, 30), "newborn", None),
    ],
)
def test_the_yearly_window_warns_outside_and_spares_the_newborn(catalogue, today, situation, outcome):
    item = item_of(catalogue, "SIM-YB-0001")
    found = verdicts(item, make_card(), make_context(catalogue, situation), today=today).get("date_window")
    assert (found.outcome if found else None) == outcome


def test_a_window_over_new_year_holds_on_both_sides(catalogue):
    item = item_of(catalogue, "SIM-YB-0001")
    turned = with_check(item, 1, value="12-01..01-31")
    for day, outcome in (
        (date(2026, 12, 1), Verdict.OK),
        (date(2027, 1, 31), Verdict.OK),
        (date(2026, 11, 30), Verdict.WARN),
    ):
        assert verdicts(turned, make_card(), make_context(catalogue), today=day)["date_window"].outcome is outcome
    broken = with_check(item, 1, value="soon")
    assert verdicts(broken, make_card(), make_context(catalogue))["date_window"].outcome is Verdict.WARN


def with_check(item: ServiceItem, at: int, **changes: object) -> ServiceItem:
    condition = item.accept_conditions[at]
    check = msgspec.structs.replace(condition.checks[0], **changes)
    changed = msgspec.structs.replace(condition, checks=(check,))
    conditions = (*item.accept_conditions[:at], changed, *item.accept_conditions[at + 1 :])
    return msgspec.structs.replace(item, accept_conditions=conditions)


def test_fields_are_judged_once_they_are_filled_in(catalogue):
    item = item_of(catalogue, "SIM-CL-0006")
    nursing = make_context(catalogue, "nursing")
    assert verdicts(item, make_card(), nursing)["field_in"].outcome is Verdict.DEFERRED
    grade = {"disability_grade": "一级"}
    assert verdicts(item, make_card(), nursing, grade)["field_in"].outcome is Verdict.OK
    assert verdicts(item, make_card(), nursing, {"disability_grade": "四级"})["field_in"].outcome is Verdict.WARN
    assert "field_in" not in verdicts(item, make_card(), make_context(catalogue, "living"), grade)
    feast, wedding = item_of(catalogue, "SIM-SP-0025"), make_context(catalogue, "wedding")
    assert verdicts(feast, make_card(), wedding)["field_min"].outcome is Verdict.DEFERRED
    assert verdicts(feast, make_card(), wedding, {"diners": "49"})["field_min"].outcome is Verdict.WARN
    assert verdicts(feast, make_card(), wedding, {"diners": "50"})["field_min"].outcome is Verdict.OK
    record, job = item_of(catalogue, "SIM-GA-0014"), make_context(catalogue, "job")
    assert verdicts(record, make_card(), job)["field_required"].outcome is Verdict.DEFERRED
    assert verdicts(record, make_card(), job, {"purpose": ""})["field_required"].outcome is Verdict.BLOCK
    assert verdicts(record, make_card(), job, {"purpose": "入职"})["field_required"].outcome is Verdict.OK


def test_what_others_decide_is_deferred_and_says_so(catalogue):
    item, context = item_of(catalogue, "SIM-SB-0002"), make_context(catalogue, "current")
    offline = verdicts(item, make_card(), context)["platform_lookup"]
    assert (offline.outcome, offline.text) == (Verdict.DEFERRED, "有网后由平台核对")
    online = verdicts(item, make_card(), context, locale="en", is_online=True)["platform_lookup"]
    assert online.text == "The platform checks this after you submit"
    poor = verdicts(item_of(catalogue, "SIM-MZ-0009"), make_card(), make_context(catalogue, "family"))
    assert poor["manual_review"].outcome is Verdict.DEFERRED


def test_other_rules_block_or_send_elsewhere(catalogue):
    estate = item_of(catalogue, "SIM-BD-0011")
    assert verdicts(estate, make_card(), make_context(catalogue, "none"))["self_only"].outcome is Verdict.OK
    agent = make_context(catalogue, "none", filed_by="agent")
    blocked = verdicts(estate, make_card(), agent, locale="en")["self_only"]
    assert blocked.outcome is Verdict.BLOCK
    assert blocked.text.startswith("You do not yet meet “")
    investment = verdicts(item_of(catalogue, "SIM-TZ-0020"), None, make_context(catalogue))
    assert investment["platform_only"].outcome is Verdict.ROUTE
    assert investment["platform_only"].text.startswith("请到窗口办理：")
    child = verdicts(item_of(catalogue, "SIM-GA-0004"), make_card(date(2015, 1, 1)), make_context(catalogue))
    assert child["age_at_least"].outcome is Verdict.ROUTE
    permit = item_of(catalogue, "SIM-GA-0003")
    assert verdicts(permit, make_card(), make_context(catalogue))["situation_selected"].outcome is Verdict.DEFERRED
    assert verdicts(permit, make_card(), make_context(catalogue, "job"))["situation_selected"].outcome is Verdict.OK
    assert (
        verdicts(item_of(catalogue, "SIM-MZ-0008"), None, make_context(catalogue))["age_at_least"].outcome == "deferred"
    )


def test_a_message_without_a_person_names_no_day(catalogue):
    item = with_check(item_of(catalogue, "SIM-BD-0011"), 0, message_zh="{date}后", message_en="after {date}")
    agent = make_context(catalogue, "none", filed_by="agent")
    assert verdicts(item, None, agent)["self_only"].text == "后"


@pytest.mark.parametrize(
    ("birth", "situation"),
    [
        (date(1945, 3, 5), "age_80"),
        (date(1936, 11, 23), "age_90"),
        (date(1926, 11, 23), "age_100"),
        (date(1950, 1, 1), ""),
    ],
)
def test_the_situation_follows_the_age(catalogue, birth, situation):
    who = identity_of(make_card(birth), TODAY)
    assert derive_situation(item_of(catalogue, "SIM-MZ-0008"), who, TODAY) == situation


def test_the_situation_follows_the_way_a_person_was_seen(catalogue):
    who = identity_of(make_card(), TODAY)
    item = item_of(catalogue, "SIM-SB-0018")
    assert derive_situation(item, who, TODAY) == "assist"
    assert derive_situation(item, who, TODAY, face_used=True) == "self"
    assert derive_situation(item_of(catalogue, "SIM-YB-0001"), who, TODAY) == ""


def test_every_check_of_the_catalogue_gives_a_verdict_in_both_languages(catalogue):
    for item in catalogue.items:
        for situation in item.situations:
            for locale in ("zh", "en"):
                context = make_context(catalogue, situation.code)
                for verdict in verdicts(item, make_card(), context, locale=locale).values():
                    assert verdict.outcome in Verdict
                    assert bool(verdict.text) or verdict.outcome in (Verdict.OK, Verdict.DEFERRED)
