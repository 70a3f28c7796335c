"""What is wrong with a form is found, named in both languages, and never repeats the answer."""

from __future__ import annotations

import re
from datetime import date

import msgspec
import pytest

from devices.api import Private
from kiosk.services.catalogue import Option
from kiosk.services.form import check_form, choose, field_states, form_pages, prefill, type_into
from tests.fixtures.services import TODAY, item_of, make_card, make_context, make_id_number

OWN = make_id_number(date(1945, 3, 5))
OTHER = make_id_number(date(1950, 7, 1), 3)
ACCOUNT = "6222021234567890128"


def faults_of(item, answers, context, locale="zh", today=TODAY):
    filled = {key: Private(value) for key, value in answers.items()}
    return {fault.key: fault for fault in check_form(item, filled, context, today, locale)}


WRONG = [
    # item, situation, answers, key, code
    ("SIM-MZ-0008", "age_80", {}, "phone", "required"),
    ("SIM-MZ-0008", "age_80", {}, "bank_name", "required_choice"),
    ("SIM-MZ-0008", "age_80", {"phone": "1380573889"}, "phone", "mobile_phone"),
    ("SIM-MZ-0008", "age_80", {"phone": "12805738899"}, "phone", "mobile_phone"),
    ("SIM-MZ-0008", "age_80", {"applicant_id": OWN[:17]}, "applicant_id", "citizen_id"),
    ("SIM-MZ-0008", "age_80", {"applicant_id": "330402194503050023"}, "applicant_id", "checksum"),
    ("SIM-MZ-0008", "age_80", {"applicant_name": "王"}, "applicant_name", "min_length"),
    ("SIM-MZ-0008", "age_80", {"applicant_name": "王\ue000英"}, "applicant_name", "charset"),
    ("SIM-MZ-0008", "age_80", {"applicant_name": "王" * 31}, "applicant_name", "max_length"),
    ("SIM-MZ-0008", "age_80", {"living_address": "   "}, "living_address", "min_length"),
    ("SIM-MZ-0008", "age_80", {"applicant_id": OWN, "gender": "1"}, "gender", "sex_from_id_number"),
    ("SIM-MZ-0008", "age_80", {"applicant_id": OWN, "birth_date": "1945-03-06"},
     "birth_date", "birth_date_from_id_number"),
    ("SIM-MZ-0008", "age_80", {"birth_date": "1945-03"}, "birth_date", "incomplete"),
    ("SIM-MZ-0008", "age_80", {"birth_date": "1945-02-30"}, "birth_date", "not_a_date"),
    ("SIM-MZ-0008", "age_80", {"birth_date": "2026-11-24"}, "birth_date", "max_date"),
    ("SIM-MZ-0008", "age_80", {"bank_account": "6222"}, "bank_account", "regex"),
    ("SIM-MZ-0008", "age_80", {"bank_account": ACCOUNT[:-1] + "9"}, "bank_account", "checksum"),
    ("SIM-MZ-0008", "age_80", {"bank_name": "某银行"}, "bank_name", "unknown_option"),
    ("SIM-YB-0001", "self", {"insurance_year": "2025"}, "insurance_year", "min_number"),
    ("SIM-YB-0001", "self", {"insurance_year": "2028"}, "insurance_year", "max_number"),
    ("SIM-YB-0001", "family", {"members.0.member_id": OTHER, "members.1.member_id": OTHER},
     "members.1.member_id", "unique"),
    ("SIM-YB-0001", "family", {f"members.{n}.relation": "子女" for n in range(9)}, "members", "max_items"),
    ("SIM-CZ-0017", "new", {}, "position.east", "required"),
    ("SIM-CZ-0017", "new", {}, "village.county", "required_choice"),
    ("SIM-CZ-0017", "new", {"village.county": "110000"}, "village.county", "unknown_option"),
    ("SIM-CZ-0017", "new", {"land_area": "160.01"}, "land_area", "max_number"),
    ("SIM-CZ-0017", "new", {"land_area": "0.5"}, "land_area", "min_number"),
    ("SIM-CZ-0017", "new", {"land_area": "12."}, "land_area", "incomplete"),
    ("SIM-CZ-0017", "new", {"height": "3.55"}, "height", "scale"),
    ("SIM-MZ-0009", "family", {"annual_income": "1.234"}, "annual_income", "scale"),
    ("SIM-MZ-0009", "family", {"reason": "病"}, "reason", "min_length"),
    ("SIM-MZ-0009", "family", {"members.0.monthly_income": "100001"}, "members.0.monthly_income", "max_number"),
    ("SIM-SB-0002", "period", {"period_from": "2026-12", "period_to": "2026-11"}, "period_from", "max_date"),
    ("SIM-SB-0002", "period", {"period_from": "1989-12"}, "period_from", "min_date"),
    ("SIM-SB-0002", "period", {"period_to": "2026-12"}, "period_to", "max_date"),
    ("SIM-SB-0002", "period", {"period_to": "2026-13"}, "period_to", "not_a_date"),
    ("SIM-SB-0002", "period", {"period_to": "2026"}, "period_to", "incomplete"),
    ("SIM-GA-0003", "job", {"reside_since": "2026-06-01"}, "reside_since", "max_date"),
    ("SIM-GA-0003", "job", {}, "delivery.method", "required_choice"),
    ("SIM-GA-0003", "job", {"delivery.method": "courier"}, "delivery.receiver_address", "required"),
    ("SIM-WJ-0005", "pregnant", {"applicant_id": OWN, "spouse_id": OWN}, "spouse_id", "not_equal"),
    ("SIM-WJ-0005", "pregnant", {"due_date": "2026-11-22"}, "due_date", "min_date"),
    ("SIM-CL-0006", "living", {"applicant_id": OWN, "disability_cert_no": OTHER + "41"},
     "disability_cert_no", "starts_with_id_number"),
    ("SIM-CL-0006", "living", {"disability_cert_no": "12"}, "disability_cert_no", "regex"),
    ("SIM-SJ-0010", "personal", {"industry": "H"}, "industry", "tree"),
    ("SIM-SJ-0010", "personal", {}, "scope", "needs_network"),
    ("SIM-SJ-0010", "personal", {}, "has_prior_permit", "required_choice"),
    ("SIM-BD-0011", "none", {}, "consent", "consent"),
    ("SIM-BD-0011", "none", {"consent": "read"}, "consent", "consent"),
    ("SIM-ZF-0016", "pay", {"party_id": "33040219450305002"}, "party_id", "checksum"),
    ("SIM-ZF-0016", "pay", {}, "amount", "needs_network"),
    ("SIM-TZ-0020", "progress", {"uscc": "91350100M000100Y44"}, "uscc", "checksum"),
    ("SIM-TZ-0020", "progress", {"uscc": "913501"}, "uscc", "uscc"),
    ("SIM-GA-0004", "expire", {}, "office", "needs_network"),
    ("SIM-SB-0018", "assist", {}, "witness", "required_choice"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "situation", "answers", "key", "wrong"), WRONG)
def test_each_wrong_answer_is_found(catalogue, code, situation, answers, key, wrong):
    item, context = item_of(catalogue, code), make_context(catalogue, situation)
    for locale in ("zh", "en"):
        fault = faults_of(item, answers, context, locale)[key]
        assert fault.code == wrong
        assert fault.text
        assert bool(re.search(r"[\u4e00-\u9fff]", fault.text)) is (locale == "zh")
        for value in answers.values():
            assert len(value.strip()) < 5 or value not in fault.text
    filled = {name: Private(value) for name, value in answers.items()}
    page = form_pages(item, filled, context)[fault.page_index]
    assert key in page.keys or key == page.repeat


RIGHT = [
    ("SIM-MZ-0008", "age_80", {"phone": "13805738899"}, "phone"),
    ("SIM-MZ-0008", "age_80", {"applicant_name": "买买提·艾力"}, "applicant_name"),
    ("SIM-MZ-0008", "age_80", {"applicant_name": "𠮷野〇"}, "applicant_name"),
    ("SIM-MZ-0008", "age_80", {"applicant_id": OWN, "gender": "2", "birth_date": "1945-03-05"}, "gender"),
    ("SIM-MZ-0008", "age_80", {"applicant_id": "33", "gender": "1"}, "gender"),  # no number yet, nothing to compare
    ("SIM-MZ-0008", "age_80", {"bank_account": ACCOUNT}, "bank_account"),
    ("SIM-MZ-0008", "age_80", {"living_address": "杭州市西湖区1号"}, "living_address"),  # a region is never a refusal
    ("SIM-MZ-0008", "age_80", {}, "contact_relation"),
    ("SIM-YB-0001", "self", {"insurance_year": "2027"}, "insurance_year"),
    ("SIM-YB-0001", "self", {}, "members"),
    ("SIM-MZ-0009", "family", {}, "members"),
    ("SIM-SB-0002", "period", {"period_from": "2020-01"}, "period_from"),
    ("SIM-CL-0006", "living", {"applicant_id": OWN, "disability_cert_no": OWN + "41"}, "disability_cert_no"),
    ("SIM-SJ-0010", "personal", {"industry": "62"}, "industry"),
    ("SIM-BD-0011", "none", {"consent": "true"}, "consent"),
    ("SIM-ZF-0016", "pay", {"party_id": "91350100M000100Y43"}, "party_id"),
    ("SIM-ZF-0016", "pay", {"party_id": OWN}, "party_id"),
    ("SIM-SB-0018", "assist", {"witness": "陈阿姨"}, "witness"),
    ("SIM-GA-0003", "job", {"delivery.method": "window_pickup"}, "delivery.receiver_address"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "situation", "answers", "key"), RIGHT)
def test_right_answers_are_let_through(catalogue, code, situation, answers, key):
    assert key not in faults_of(item_of(catalogue, code), answers, make_context(catalogue, situation))


def test_what_the_card_locks_is_never_held_against_the_person(catalogue):
    item = item_of(catalogue, "SIM-MZ-0008")
    card = make_card(name="王\ue000", sex="1")  # a private sign for a rare letter; a sex that differs from the number
    answers = {key: value.reveal() for key, value in prefill(item, card, TODAY, "zh").items()}
    locked = faults_of(item, answers, make_context(catalogue, "age_80", has_card=True))
    assert not {"applicant_name", "gender", "applicant_id"} & set(locked)
    typed = faults_of(item, answers, make_context(catalogue, "age_80"))
    assert {"applicant_name", "gender"} <= set(typed)


def test_the_proven_items_can_be_filled_in_without_fault(catalogue):
    item = item_of(catalogue, "SIM-MZ-0008")
    answers = prefill(item, make_card(), TODAY, "zh")
    answers = type_into(item, "phone", answers, "13805738899")
    answers = type_into(item, "living_address", answers, "嘉兴市南湖区凤桥镇庄史村12号")
    answers = choose(item, "bank_name", answers, "农商银行")
    answers = type_into(item, "bank_account", answers, ACCOUNT)
    assert check_form(item, answers, make_context(catalogue, "age_80", has_card=True), TODAY, "zh") == ()


def test_faults_come_in_the_order_of_the_pages_and_follow_today(catalogue):
    item, context = item_of(catalogue, "SIM-MZ-0008"), make_context(catalogue, "age_80")
    faults = check_form(item, {}, context, TODAY, "zh")
    assert [fault.page_index for fault in faults] == sorted(fault.page_index for fault in faults)
    born = {"birth_date": "2026-11-24"}
    assert faults_of(item, born, context)["birth_date"].code == "max_date"
    assert "birth_date" not in faults_of(item, born, context, today=date(2026, 11, 24))


def test_errors_show_when_a_field_was_left_or_all_are_asked_for(catalogue):
    item, context = item_of(catalogue, "SIM-MZ-0008"), make_context(catalogue, "age_80")
    contact = 1

    def error(**more):
        return field_states(item, contact, {}, context, "zh", **more)[0].error

    assert error() == ""
    assert error(touched=["phone"]) == "请填写这一项"
    assert error(touched=["phone"], focus="phone") == ""
    assert error(shows_errors=True) == "请填写这一项"


def test_bounds_are_named_as_people_read_them(catalogue):
    item, context = item_of(catalogue, "SIM-SB-0002"), make_context(catalogue, "period")
    fault = {"period_to": "2026-12"}
    assert faults_of(item, fault, context)["period_to"].text == "请填2026年11月或以前"
    assert faults_of(item, fault, context, "en")["period_to"].text == "Enter November 2026 or earlier"
    permit, job = item_of(catalogue, "SIM-GA-0003"), make_context(catalogue, "job")
    late = {"reside_since": "2026-06-01"}
    assert faults_of(permit, late, job)["reside_since"].text == "请填2026年5月24日或以前"
    land, new = item_of(catalogue, "SIM-CZ-0017"), make_context(catalogue, "new")
    assert faults_of(land, {"land_area": "999"}, new, "en")["land_area"].text == "Enter 160 or less"


def test_lists_of_the_platform_are_checked_when_they_are_there(catalogue):
    item = item_of(catalogue, "SIM-GA-0004")
    slots = tuple(Option(value=f"2026-{day}T09:00", zh=day, en=day) for day in ("11-23", "12-01", "12-20"))
    sites = (Option(value="s1", zh="一", en="one"),)
    lists = {"platform.slots": slots, "platform.appointment_sites": sites}
    context = make_context(catalogue, "expire", is_online=True, lists=lists)

    def code(key, value):
        fault = faults_of(item, {key: value}, context).get(key)
        return fault.code if fault else ""

    assert code("slot", "2026-12-01T09:00") == ""
    assert code("slot", "2026-11-23T09:00") == "min_date"
    assert code("slot", "2026-12-20T09:00") == "max_date"
    assert code("slot", "2026-12-02T09:00") == "unknown_option"
    assert code("office", "s1") == ""
    assert faults_of(item, {}, context)["office"].code == "required_choice"
    shop = item_of(catalogue, "SIM-SJ-0010")
    terms = tuple(Option(value=f"t{n}", zh=str(n), en=str(n)) for n in range(25))
    online = make_context(catalogue, "personal", lists={"platform.scope_terms": terms})
    assert faults_of(shop, {}, online)["scope"].code == "required_choice"
    many = {"scope": "|".join(option.value for option in terms)}
    assert faults_of(shop, many, online)["scope"].code == "max_items"
    assert "scope" not in faults_of(shop, {"scope": "t1|t2"}, online)


def test_a_minimum_of_choices_and_of_entries_is_kept(catalogue):
    shop = item_of(catalogue, "SIM-SJ-0010")
    form = tuple(
        msgspec.structs.replace(field, validation=msgspec.structs.replace(field.validation, min_items=3))
        if field.key == "scope"
        else field
        for field in shop.form
    )
    strict = msgspec.structs.replace(shop, form=form)
    assert faults_of(strict, {"scope": "a|b"}, make_context(catalogue, "personal"))["scope"].code == "min_items"
    insurance = item_of(catalogue, "SIM-YB-0001")
    form = tuple(
        msgspec.structs.replace(field, validation=msgspec.structs.replace(field.validation, min_items=2))
        if field.key == "members"
        else field
        for field in insurance.form
    )
    strict = msgspec.structs.replace(insurance, form=form)
    assert faults_of(strict, {}, make_context(catalogue, "family"))["members"].code == "min_items"
