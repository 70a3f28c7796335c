"""Pages, prefill, typing and choosing: what a person does to a form, and what the next screen shows."""

from __future__ import annotations

import unicodedata
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.api import Private
from kiosk.services.catalogue import FieldType, Option
from kiosk.services.fields import AGENTS, entry_count, is_in_region, leaves_of, max_length_of, text_of, visible_leaves
from kiosk.services.form import (
    add_entry,
    answer_rows,
    choose,
    erase,
    field_states,
    form_pages,
    prefill,
    prefill_member,
    remove_entry,
    type_into,
    visible_steps,
    wants_further_card,
)
from kiosk.services.form_input import leaf_at
from kiosk.services.numbers import USCC_ALPHABET
from kiosk.station.errors import FormError
from tests.fixtures.services import TODAY, item_of, make_card, make_context, make_id_number

SPOUSE = make_card(date(1950, 7, 1), "李大明", 3)


def state_of(item, answers, context, key, locale="zh", **more):
    for index in range(len(form_pages(item, answers, context))):
        for state in field_states(item, index, answers, context, locale, **more):
            if state.key == key:
                return state
    raise AssertionError(key)


def blank_of(item):
    """Return answers with one blank entry of each repeat."""
    repeats = [field for field in item.form if field.type is FieldType.REPEAT]
    return {f"{field.key}.0.{part.key}": Private("") for field in repeats for part in field.fields}


def shown(item, answers, context):
    return [page.keys for page in form_pages(item, answers, context)]


# ── prefill ────────────────────────────────────────────────────────────────────────────────


def test_the_card_fills_and_locks_its_fields(catalogue):
    item, context = item_of(catalogue, "SIM-MZ-0008"), make_context(catalogue, "age_80", has_card=True)
    answers = prefill(item, make_card(), TODAY, "zh")
    assert text_of(answers, "applicant_name") == "王秀英"
    assert text_of(answers, "birth_date") == "1945-03-05"
    assert text_of(answers, "gender") == "2"
    name = state_of(item, answers, context, "applicant_name")
    assert (name.locked, name.is_done, name.display, name.hint) == (True, True, "王秀英", "已从身份证读取")
    assert state_of(item, answers, context, "gender").display == "女"
    assert state_of(item, answers, context, "birth_date", "en").display == "5 March 1945"
    assert not state_of(item, answers, context, "household_address").locked  # it may have changed
    assert "王" not in repr(answers)


def test_without_a_card_nothing_is_filled_or_locked(catalogue):
    item, context = item_of(catalogue, "SIM-MZ-0008"), make_context(catalogue, "age_80")
    answers = prefill(item, None, TODAY, "zh")
    assert answers == {}
    typed = type_into(item, "applicant_name", answers, "王")
    assert not state_of(item, typed, context, "applicant_name").locked


def test_a_sex_the_form_does_not_offer_is_asked(catalogue):
    item = item_of(catalogue, "SIM-MZ-0008")
    assert "gender" not in prefill(item, make_card(sex="9"), TODAY, "zh")


def test_defaults_are_worked_out(catalogue):
    insurance = prefill(item_of(catalogue, "SIM-YB-0001"), make_card(), TODAY, "zh")
    assert text_of(insurance, "insurance_year") == "2027"
    assert text_of(insurance, "pay_now") == "false"
    record = prefill(item_of(catalogue, "SIM-GA-0014"), make_card(), TODAY, "zh")
    assert text_of(record, "period_from") == "1959-03-05"
    estate = prefill(item_of(catalogue, "SIM-BD-0011"), make_card(), TODAY, "zh")
    assert text_of(estate, "area").count("|") == 6


@pytest.mark.parametrize(("birth", "kind"), [(date(1946, 1, 1), "B"), (date(1964, 1, 1), "A"), (date(1980, 1, 1), "")])
def test_a_derived_field_follows_the_age_and_is_locked(catalogue, birth, kind):
    item, context = item_of(catalogue, "SIM-MZ-0007"), make_context(catalogue, "new", has_card=True)
    answers = prefill(item, make_card(birth), TODAY, "zh")
    assert text_of(answers, "card_kind") == kind
    assert state_of(item, answers, context, "card_kind").locked is bool(kind)


# ── pages ──────────────────────────────────────────────────────────────────────────────────


def test_the_allowance_has_one_page_a_group(catalogue):
    item, context = item_of(catalogue, "SIM-MZ-0008"), make_context(catalogue, "age_80", has_card=True)
    pages = form_pages(item, prefill(item, make_card(), TODAY, "zh"), context)
    assert [page.group for page in pages] == ["applicant", "contact", "address", "bank", "item"]
    assert pages[0].key == "applicant.0"
    assert pages[0].title("zh") == ""


def test_members_show_only_for_a_family_and_have_a_page_each(catalogue):
    item, card = item_of(catalogue, "SIM-YB-0001"), make_card()
    answers = prefill(item, card, TODAY, "zh")
    alone = form_pages(item, answers, make_context(catalogue, "self", has_card=True))
    assert all(not page.repeat for page in alone)
    family = make_context(catalogue, "family", has_card=True)
    (page,) = [page for page in form_pages(item, answers, family) if page.repeat]
    assert page.keys == ("members.0.member_name", "members.0.member_id", "members.0.relation")
    assert (page.can_add, page.can_remove, page.reads_card) == (True, False, True)
    assert (page.title("zh"), page.title("en")) == ("参保家庭成员 1", "Family members 1")
    grown = add_entry(item, "members", answers)
    pages = [page for page in form_pages(item, grown, family) if page.repeat]
    assert [page.can_remove for page in pages] == [True, True]


def test_long_groups_are_split_evenly_and_groups_of_fields_stay_together(catalogue):
    item, context = item_of(catalogue, "SIM-CZ-0017"), make_context(catalogue, "new")
    pages = shown(item, {}, context)
    assert max(len(keys) for keys in pages) <= 6
    (position,) = [keys for keys in pages if "position.east" in keys]
    assert {"position.east", "position.south", "position.west", "position.north"} <= set(position)
    (village,) = [keys for keys in pages if "village.county" in keys]
    assert "village.place" in village


def test_an_optional_repeat_without_entries_has_a_page_to_add_one(catalogue):
    item, context = item_of(catalogue, "SIM-MZ-0009"), make_context(catalogue, "family")
    (page,) = [page for page in form_pages(item, {}, context) if page.repeat]
    assert (page.key, page.keys, page.entry, page.can_add, page.can_remove) == ("members", (), -1, True, False)
    assert page.title("zh") == "共同生活家庭成员"
    index = form_pages(item, {}, context).index(page)
    assert field_states(item, index, {}, context, "zh") == ()
    assert field_states(item, 99, {}, context, "zh") == ()


def test_an_anonymous_report_asks_for_no_name(catalogue):
    item = item_of(catalogue, "SIM-HB-0023")
    named = {key for keys in shown(item, {}, make_context(catalogue, "named")) for key in keys}
    anonymous = {key for keys in shown(item, {}, make_context(catalogue, "anonymous")) for key in keys}
    assert named - anonymous == {"reporter_name", "phone", "reply_by"}


def test_every_form_shows_every_field_somewhere(catalogue):
    for item in catalogue.items:
        keys = set()
        for situation in item.situations:
            context = make_context(catalogue, situation.code)
            answers = {**blank_of(item), "delivery.method": Private("courier")}
            pages = form_pages(item, answers, context)
            keys |= {key for page in pages for key in page.keys}
            for index in range(len(pages)):
                for locale in ("zh", "en"):
                    for state in field_states(item, index, answers, context, locale, shows_errors=True):
                        assert state.label
                        assert state.keyboard in {
                            "pinyin", "digits", "idnumber", "english", "choice", "date", "month", "bool", "region",
                        }  # fmt: skip
        assert keys == {leaf.key for leaf in leaves_of(item, answers)}


def test_steps_follow_their_conditions(catalogue):
    item, context = item_of(catalogue, "SIM-YB-0001"), make_context(catalogue, "self")
    assert "pay" not in visible_steps(item, {"pay_now": Private("false")}, context)
    assert "pay" in visible_steps(item, {"pay_now": Private("true")}, context)
    assert "pay" not in visible_steps(item, {}, context)


# ── a further card ─────────────────────────────────────────────────────────────────────────


def test_a_second_card_fills_the_first_empty_member_then_adds_one(catalogue):
    item = item_of(catalogue, "SIM-YB-0001")
    assert wants_further_card(item)
    answers = prefill(item, make_card(), TODAY, "zh")
    one = prefill_member(item, answers, SPOUSE)
    assert text_of(one, "members.0.member_name") == "李大明"
    assert text_of(one, "members.0.member_id") == SPOUSE.id_number.reveal()
    assert text_of(one, "members.0.relation") == ""
    two = prefill_member(item, one, make_card(date(1975, 1, 1), "王小明", 5))
    assert text_of(two, "members.1.member_name") == "王小明"
    assert entry_count(leaf_at(item, "members.1.member_id", two).parent, two) == 2


def test_a_second_card_keeps_what_was_chosen_beside_it(catalogue):
    item = item_of(catalogue, "SIM-YB-0001")
    chosen = choose(item, "members.0.relation", prefill(item, make_card(), TODAY, "zh"), "配偶")
    assert text_of(prefill_member(item, chosen, SPOUSE), "members.0.relation") == "配偶"


def test_the_own_card_the_same_card_and_one_too_many_are_refused(catalogue):
    item, own = item_of(catalogue, "SIM-YB-0001"), make_card()
    answers = prefill(item, own, TODAY, "zh")
    with pytest.raises(FormError) as fault:
        prefill_member(item, answers, own)
    assert fault.value.code == "own_card"
    answers = prefill_member(item, answers, SPOUSE)
    with pytest.raises(FormError) as fault:
        prefill_member(item, answers, SPOUSE)
    assert fault.value.code == "duplicate"
    for order in range(7):
        answers = prefill_member(item, answers, make_card(date(2000, 1, 1), "某某", 10 + order))
    with pytest.raises(FormError) as fault:
        prefill_member(item, answers, make_card(date(2000, 1, 1), "某某", 99))
    assert fault.value.code == "too_many"


def test_a_spouses_card_fills_the_fields_that_ask_for_it(catalogue):
    item, context = item_of(catalogue, "SIM-WJ-0005"), make_context(catalogue, "pregnant", has_card=True)
    answers = prefill_member(item, prefill(item, make_card(date(1990, 1, 1)), TODAY, "zh"), SPOUSE)
    assert text_of(answers, "spouse_name") == "李大明"
    assert text_of(answers, "spouse_id") == SPOUSE.id_number.reveal()
    assert any(page.reads_card for page in form_pages(item, answers, context))


def test_a_form_without_a_place_for_another_card_says_so(catalogue):
    item = item_of(catalogue, "SIM-MZ-0008")
    assert not wants_further_card(item)
    with pytest.raises(FormError) as fault:
        prefill_member(item, {}, SPOUSE)
    assert fault.value.code == "no_place"


# ── entries ────────────────────────────────────────────────────────────────────────────────


def test_entries_are_added_and_later_ones_move_up(catalogue):
    item = item_of(catalogue, "SIM-YB-0001")
    answers = {}
    for name in "甲乙丙":
        answers = add_entry(item, "members", answers) if answers else answers
        entry = entry_count(next(f for f in item.form if f.key == "members"), answers) - 1
        answers = type_into(item, f"members.{entry}.member_name", answers, name * 2)
    cut = remove_entry(item, "members", answers, 1)
    assert [text_of(cut, f"members.{n}.member_name") for n in range(3)] == ["甲甲", "丙丙", ""]
    for key, entry in (("members", 7), ("members", -1), ("phone", 0), ("nothing", 0)):
        with pytest.raises(FormError):
            remove_entry(item, key, answers, entry)
    with pytest.raises(FormError):
        add_entry(item, "phone", answers)
    for _ in range(5):
        answers = add_entry(item, "members", answers)
    with pytest.raises(FormError):
        add_entry(item, "members", answers)


# ── typing ─────────────────────────────────────────────────────────────────────────────────

TYPED = [
    ("SIM-MZ-0008", "phone", "138-0573 8899 12", "13805738899", "138 0573 8899"),
    ("SIM-MZ-0008", "phone", "１３８", "138", "138"),
    ("SIM-MZ-0008", "applicant_id", "33040219450305002x9", "33040219450305002X", "330402 1945 0305 002X"),
    ("SIM-MZ-0008", "applicant_id", "X33", "33", "33"),
    ("SIM-MZ-0008", "birth_date", "1945/3", "1945-3", "1945-3"),
    ("SIM-MZ-0008", "birth_date", "194503059", "1945-03-05", "1945年3月5日"),
    ("SIM-SB-0002", "period_to", "20261199", "2026-11", "2026年11月"),
    ("SIM-MZ-0008", "bank_account", "6217 0012 3456 7890 1234", "6217001234567890123", "6217 0012 3456 7890 123"),
    ("SIM-MZ-0008", "applicant_name", "王1小<明・\u202e艾\u200b", "王小明·艾", "王小明·艾"),
    ("SIM-MZ-0008", "living_address", "凤桥镇\u0000\u202e12号\ufeff", "凤桥镇12号", "凤桥镇12号"),
    ("SIM-MZ-0008", "living_address", "e\u0301", "é", "é"),
    ("SIM-YB-0001", "insurance_year", "020277", "2027", "2027"),
    ("SIM-WJ-0005", "children_count", "00", "0", "0"),
    ("SIM-MZ-0009", "annual_income", "0012345.678", "12345.67", "¥12345.67"),
    ("SIM-MZ-0009", "annual_income", ".5", "5", "¥5"),
    ("SIM-MZ-0009", "housing_area", "80.5.5", "80.55", "80.55"),
    ("SIM-CZ-0017", "height", "9。85", "9.8", "9.8"),
    ("SIM-TZ-0020", "uscc", "9135o0100m000100y43", "91350100M000100Y43", "91350100M000100Y43"),
    ("SIM-JY-0015", "notice_no", "12a34", "1234", "1234"),
]


@pytest.mark.parametrize(("code", "key", "text", "canonical", "display"), TYPED)
def test_each_type_keeps_only_what_it_can_hold(catalogue, code, key, text, canonical, display):
    item = item_of(catalogue, code)
    answers = type_into(item, key, {}, text)
    assert text_of(answers, key) == canonical
    by_one: dict = {}
    for sign in text:
        by_one = type_into(item, key, by_one, sign)
    assert text_of(by_one, key) == canonical
    for situation in item.situations:
        context = make_context(catalogue, situation.code)
        if any(leaf.key == key for leaf in visible_leaves(item, answers, context)):
            assert state_of(item, answers, context, key, focus=key).display == display
            return
    raise AssertionError(key)


def test_a_masked_field_is_open_only_while_it_is_typed(catalogue):
    item, context = item_of(catalogue, "SIM-MZ-0008"), make_context(catalogue, "age_80")
    answers = type_into(item, "bank_account", {}, "6217001234567890123")
    typing = state_of(item, answers, context, "bank_account", focus="bank_account")
    assert typing.display == "6217 0012 3456 7890 123"
    assert "6217" not in repr(typing)
    resting = state_of(item, answers, context, "bank_account")
    assert resting.display == "****0123"
    assert "6217" not in repr(resting)


def test_erasing_takes_one_sign_a_person_sees(catalogue):
    item = item_of(catalogue, "SIM-MZ-0008")
    answers = type_into(item, "birth_date", {}, "19450305")
    for expected in ("1945-03-0", "1945-03", "1945-0", "1945", "194"):
        answers = erase(item, "birth_date", answers)
        assert text_of(answers, "birth_date") == expected
    named = {"living_address": Private("王\U000e0100")}
    assert text_of(erase(item, "living_address", named), "living_address") == ""
    assert text_of(erase(item, "phone", {}), "phone") == ""
    full = type_into(item, "phone", {}, "138")
    assert text_of(erase(item, "phone", full, everything=True), "phone") == ""
    chosen = choose(item, "bank_name", {}, "农商银行")
    assert text_of(erase(item, "bank_name", chosen), "bank_name") == ""


def test_a_choice_is_not_typed_and_an_unknown_field_is_refused(catalogue):
    item = item_of(catalogue, "SIM-MZ-0008")
    for key, code in (("bank_name", "not_typed"), ("nothing", "unknown_field")):
        with pytest.raises(FormError) as fault:
            type_into(item, key, {}, "secret")
        assert fault.value.code == code
        assert "secret" not in str(fault.value)


@given(st.data())
def test_no_typing_ever_leaves_what_a_field_cannot_hold(catalogue, data):
    item = data.draw(st.sampled_from(catalogue.items))
    answers = blank_of(item)
    leaves = [leaf for leaf in leaves_of(item, answers) if leaf.field.type not in _NOT_TYPED]
    leaf = data.draw(st.sampled_from(leaves or [None]))
    if leaf is None:
        return
    for _ in range(data.draw(st.integers(1, 4))):
        answers = type_into(item, leaf.key, answers, data.draw(st.text(max_size=30)))
    text = text_of(answers, leaf.key)
    assert len(text) <= max(max_length_of(leaf.field), 18)
    assert unicodedata.is_normalized("NFC", text)
    assert not any(unicodedata.category(sign) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} for sign in text)
    allowed = _ALPHABETS.get(leaf.field.type)
    if allowed is not None:
        assert set(text) <= set(allowed)
    while text:
        answers = erase(item, leaf.key, answers)
        assert len(text_of(answers, leaf.key)) < len(text)
        text = text_of(answers, leaf.key)


_NOT_TYPED = {
    FieldType.ENUM, FieldType.MULTI_ENUM, FieldType.ENUM_TREE, FieldType.SITE_CHOICE, FieldType.APPOINTMENT_SLOT,
    FieldType.BOOL, FieldType.CONSENT,
}  # fmt: skip
_ALPHABETS = {
    FieldType.PHONE: "0123456789",
    FieldType.BANK_ACCOUNT: "0123456789",
    FieldType.INTEGER: "0123456789",
    FieldType.ID_NUMBER: "0123456789X",
    FieldType.USCC: USCC_ALPHABET,
    FieldType.MONEY: "0123456789.",
    FieldType.DECIMAL: "0123456789.",
    FieldType.DATE: "0123456789-",
    FieldType.MONTH: "0123456789-",
}


# ── choosing ───────────────────────────────────────────────────────────────────────────────


def test_choices_are_among_the_options(catalogue):
    item, context = item_of(catalogue, "SIM-MZ-0008"), make_context(catalogue, "age_80")
    answers = choose(item, "bank_name", {}, "工商银行")
    state = state_of(item, answers, context, "bank_name", "en")
    assert (state.display, state.keyboard) == ("ICBC", "choice")
    assert [option.label for option in state.options if option.is_selected] == ["ICBC"]
    assert text_of(choose(item, "bank_name", answers, ""), "bank_name") == ""
    for key, value, code in (
        ("bank_name", "某银行", "unknown_option"),
        ("phone", "138", "not_chosen"),
        ("birth_date", "1945-02-30", "unknown_option"),
    ):
        with pytest.raises(FormError) as fault:
            choose(item, key, {}, value)
        assert fault.value.code == code
    assert text_of(choose(item, "birth_date", {}, "1945-03-05"), "birth_date") == "1945-03-05"


def test_a_month_is_chosen_whole(catalogue):
    item = item_of(catalogue, "SIM-SB-0002")
    assert text_of(choose(item, "period_to", {}, "2026-11"), "period_to") == "2026-11"
    with pytest.raises(FormError):
        choose(item, "period_to", {}, "2026-13")


def test_several_choices_switch_and_keep_the_options_order(catalogue):
    item, context = item_of(catalogue, "SIM-BD-0011"), make_context(catalogue, "none")
    answers = choose(item, "area", {}, "330411")
    answers = choose(item, "area", answers, "330402")
    assert text_of(answers, "area") == "330402|330411"
    assert state_of(item, answers, context, "area").display == "南湖区、秀洲区"
    assert text_of(choose(item, "area", answers, "330402"), "area") == "330411"
    with pytest.raises(FormError):
        choose(item, "area", answers, "110000")


def test_yes_and_no_and_a_consent_read_to_its_end(catalogue):
    item, context = item_of(catalogue, "SIM-YB-0001"), make_context(catalogue, "self")
    answers = choose(item, "pay_now", {}, "true")
    assert state_of(item, answers, context, "pay_now", "en").display == "Yes"
    with pytest.raises(FormError):
        choose(item, "pay_now", {}, "maybe")
    estate = item_of(catalogue, "SIM-BD-0011")
    with pytest.raises(FormError) as fault:
        choose(estate, "consent", {}, "true")
    assert fault.value.code == "not_read"
    with pytest.raises(FormError):
        choose(estate, "consent", {}, "yes")
    read = choose(estate, "consent", {}, "read")
    none = make_context(catalogue, "none")
    assert state_of(estate, read, none, "consent").display == "看完了，等您同意"
    agreed = choose(estate, "consent", read, "true")
    assert state_of(estate, agreed, none, "consent").is_done
    assert not state_of(estate, choose(estate, "consent", agreed, "false"), none, "consent").is_done


def test_a_tree_is_chosen_level_by_level(catalogue):
    item, context = item_of(catalogue, "SIM-SJ-0010"), make_context(catalogue, "personal")
    top = state_of(item, {}, context, "industry")
    assert "住宿和餐饮业" in [option.label for option in top.options]
    below = choose(item, "industry", {}, "H")
    state = state_of(item, below, context, "industry")
    assert [option.value for option in state.options] == ["", "61", "62"]
    assert not state.is_done
    done = state_of(item, choose(item, "industry", below, "62"), context, "industry")
    assert (done.is_done, done.display) == (True, "餐饮业")
    assert [option.value for option in done.options if option.is_selected] == ["62"]


def test_a_courier_is_offered_the_applicants_name_phone_and_address(catalogue):
    item, context = item_of(catalogue, "SIM-GA-0003"), make_context(catalogue, "job", has_card=True)
    answers = prefill(item, make_card(), TODAY, "zh")
    answers = type_into(item, "phone", answers, "13805738899")
    assert "delivery.receiver_name" not in {key for keys in shown(item, answers, context) for key in keys}
    answers = choose(item, "delivery.method", answers, "window_pickup")
    assert "delivery.receiver_name" not in answers
    answers = choose(item, "delivery.method", answers, "courier")
    assert text_of(answers, "delivery.receiver_name") == "王秀英"
    assert text_of(answers, "delivery.receiver_phone") == "13805738899"
    assert text_of(answers, "delivery.receiver_address") == ""
    assert "delivery.receiver_name" in {key for keys in shown(item, answers, context) for key in keys}


def test_lists_of_the_platform_are_offered_when_they_are_there(catalogue):
    item = item_of(catalogue, "SIM-GA-0004")
    offline = make_context(catalogue, "expire")
    state = state_of(item, {}, offline, "office")
    assert (state.options, state.hint) == ((), "此项联网后才能选")
    sites = (Option(value="s1", zh="南湖分局", en="Nanhu"),)
    online = make_context(catalogue, "expire", is_online=True, lists={"platform.appointment_sites": sites})
    answers = choose(item, "office", {}, "s1")
    assert state_of(item, answers, online, "office").display == "南湖分局"
    with pytest.raises(FormError):
        choose(item, "office", {}, "a|b")


def test_a_witness_is_chosen_or_typed(catalogue):
    item = item_of(catalogue, "SIM-SB-0018")
    agents = (Option(value="陈阿姨", zh="陈阿姨", en="Ms Chen"),)
    context = make_context(catalogue, "assist", lists={AGENTS: agents})
    assert state_of(item, {}, context, "witness").options[0].label == "陈阿姨"
    assert text_of(type_into(item, "witness", {}, "陈阿姨"), "witness") == "陈阿姨"


def test_hints_name_what_helps(catalogue):
    land, context = item_of(catalogue, "SIM-CZ-0017"), make_context(catalogue, "new")
    assert state_of(land, {}, context, "land_area").hint == "上限示例;按县(市、区)配置"
    assert state_of(land, {}, context, "height").hint == "可以不填"
    assert state_of(land, {}, context, "village.county").keyboard == "region"
    birth, pregnant = item_of(catalogue, "SIM-WJ-0005"), make_context(catalogue, "pregnant")
    assert state_of(birth, {}, pregnant, "due_date").hint.startswith("请填8位数字")
    fine, paying = item_of(catalogue, "SIM-ZF-0016"), make_context(catalogue, "pay")
    amount = state_of(fine, {}, paying, "amount")
    assert (amount.locked, amount.hint) == (True, "")


def test_an_address_elsewhere_is_a_soft_word_only(catalogue):
    item, context = item_of(catalogue, "SIM-MZ-0008"), make_context(catalogue, "age_80")
    near = type_into(item, "living_address", {}, "海宁市许村镇1号")
    assert state_of(item, near, context, "living_address").warning == ""
    far = type_into(item, "living_address", {}, "杭州市西湖区1号")
    state = state_of(item, far, context, "living_address", "en", shows_errors=True)
    assert state.warning == "Please check: this may lie outside Jiaxing"
    assert (state.error, state.is_done) == ("", True)
    assert is_in_region("", "3304", context) is None
    assert is_in_region("海宁市", "9", context) is None


# ── review ─────────────────────────────────────────────────────────────────────────────────


def test_review_rows_hold_the_visible_answers_masked(catalogue):
    item, context = item_of(catalogue, "SIM-YB-0001"), make_context(catalogue, "family", has_card=True)
    answers = prefill_member(item, prefill(item, make_card(), TODAY, "zh"), SPOUSE)
    answers = type_into(item, "phone", answers, "13805738899")
    rows = {row.key: row for row in answer_rows(item, answers, context, "zh")}
    number = make_id_number(date(1945, 3, 5))
    assert rows["applicant_id"].masked == f"330402********{number[-4:]}"
    assert rows["applicant_id"].display.reveal() == number
    assert rows["phone"].masked == "138****8899"
    assert rows["members.0.member_name"].masked == "李大明"
    assert rows["members.0.member_name"].entry == 0
    assert rows["insurance_year"].label("en") == "Insurance year"
    assert "living_address" not in rows  # nothing filled in, nothing sent
    alone = answer_rows(item, answers, make_context(catalogue, "self", has_card=True), "zh")
    assert not any(row.key.startswith("members") for row in alone)
    assert number not in repr(rows)
    assert "李大明" not in repr(rows)
    income = item_of(catalogue, "SIM-MZ-0009")
    money = type_into(income, "annual_income", {}, "12000")
    (row,) = answer_rows(income, money, make_context(catalogue, "family"), "zh")
    assert (row.masked, row.display.reveal(), row.value.reveal()) == ("¥12,000.00", "¥12,000.00", "12000")
