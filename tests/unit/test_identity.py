"""Check digits, age, masks, and what a card must hold before it is believed."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.api import CardKind, Private
from kiosk.services.identity import (
    Assurance,
    age_on,
    birthday_of_age,
    group4,
    group_id,
    group_phone,
    identity_of,
    is_valid_id_number,
    is_valid_permanent_number,
    is_valid_uscc,
    last4,
    luhn,
    mask_id,
    mask_name,
    mask_phone,
    mask_to_village,
)
from kiosk.services.numbers import USCC_ALPHABET, birth_date_in, sex_in
from kiosk.station.errors import IdentityError
from tests.fixtures.services import TODAY, make_card, make_id_number

BIRTHS = st.dates(date(1900, 1, 1), date(2026, 11, 23))


@pytest.mark.parametrize(
    "number", ["11010519491231002X", "110101199003070011", "810000199001010019", "911840198001010013"]
)
def test_valid_citizen_numbers_hold(number):
    assert is_valid_id_number(number)


@pytest.mark.parametrize(
    "number",
    ["810000199001010011", "911840198001010017", "11010519491231002x", "110105194912310021", "", "1101051949123100",
     "010105194912310021", "11010519491331002X", "１10101199003070011", "110101199003070011 "],
)  # fmt: skip
def test_other_citizen_numbers_do_not(number):
    assert not is_valid_id_number(number)


@given(BIRTHS, st.integers(0, 999), st.integers(0, 16), st.integers(1, 9))
def test_one_wrong_digit_never_passes(birth, order, at, by):
    number = make_id_number(birth, order)
    assert is_valid_id_number(number)
    wrong = str((int(number[at]) + by) % 10)
    assert not is_valid_id_number(number[:at] + wrong + number[at + 1 :])


@given(BIRTHS, st.integers(0, 999))
def test_birth_date_and_sex_are_read_from_the_number(birth, order):
    number = make_id_number(birth, order)
    assert birth_date_in(number) == birth
    assert sex_in(number) == ("1" if order % 2 else "2")


@given(st.text(max_size=20))
def test_no_text_breaks_a_check(text):
    for check in (is_valid_id_number, is_valid_uscc, luhn, is_valid_permanent_number):
        assert check(text) in (True, False)


@pytest.mark.parametrize("code", ["91350100M000100Y43", "91330400MA2CR00E0K"[:17] + "K"])
def test_credit_codes(code):
    others = [sign for sign in USCC_ALPHABET if sign != code[17]]
    valid = [sign for sign in USCC_ALPHABET if is_valid_uscc(code[:17] + sign)]
    assert len(valid) == 1  # exactly one check sign fits
    assert not all(is_valid_uscc(code[:17] + sign) for sign in others)
    assert is_valid_uscc("91350100M000100Y43")
    assert not is_valid_uscc("91350100M000100I43")
    assert not is_valid_uscc("91350100M000100Y4")


@given(st.text(alphabet="0123456789", min_size=15, max_size=18), st.integers(0, 17), st.integers(1, 9))
def test_luhn_finds_one_wrong_digit(body, at, by):
    number = next(body + digit for digit in "0123456789" if luhn(body + digit))
    at %= len(number)
    assert not luhn(number[:at] + str((int(number[at]) + by) % 10) + number[at + 1 :])


def test_luhn_knows_published_numbers():
    assert luhn("4111111111111111")
    assert luhn("6222021234567890128")
    assert not luhn("6222021234567890129")
    assert not luhn("")
    assert not luhn("41111x1111111111")


def test_the_permanent_residence_card_of_2017_has_its_own_number():
    assert is_valid_permanent_number("USA110880010117")
    assert not is_valid_permanent_number("USA110880010118")
    assert not is_valid_permanent_number("11010519491231002X")


# ── the card ───────────────────────────────────────────────────────────────────────────────


def test_an_identity_is_what_the_card_says_to_be_verified():
    card = make_card()
    who = identity_of(card, TODAY)
    assert who.assurance is Assurance.OFFLINE_CARD
    assert who.name.reveal() == "王秀英"
    assert who.valid_until is None
    assert "王" not in repr(who)
    assert card.id_number.reveal() not in repr(who)


@pytest.mark.parametrize(
    ("card", "code"),
    [
        (make_card(id_number="330402194503050023"), "id_number_bad"),
        (make_card(valid_until=date(2026, 11, 22)), "card_expired"),
        (make_card(name="  "), "name_missing"),
        (make_card(birth=date(2026, 11, 24)), "birth_date_bad"),
        (make_card(kind=CardKind.FOREIGNER_2017), "id_number_bad"),
    ],
)
def test_a_card_that_does_not_hold_is_refused_with_its_reason(card, code):
    with pytest.raises(IdentityError) as fault:
        identity_of(card, TODAY)
    assert fault.value.code == code


def test_a_card_holds_on_its_last_day_and_may_be_expired_where_it_is_renewed():
    assert identity_of(make_card(valid_until=TODAY), TODAY).valid_until == TODAY
    expired = make_card(valid_until=date(2020, 1, 1))
    assert identity_of(expired, TODAY, accepts_expired=True).valid_until == date(2020, 1, 1)


def test_a_foreigner_is_known_by_the_english_name_when_there_is_no_other():
    import msgspec

    card = make_card(kind=CardKind.FOREIGNER_2017, id_number="USA110880010117", name="")
    card = msgspec.structs.replace(card, english_name=Private("SMITH, JOHN"))
    assert identity_of(card, TODAY).name.reveal() == "SMITH, JOHN"


# ── age ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("birth", "today", "age"),
    [
        (date(1946, 11, 23), TODAY, 80),
        (date(1946, 11, 24), TODAY, 79),
        (date(1948, 2, 29), date(2027, 2, 28), 78),
        (date(1948, 2, 29), date(2027, 3, 1), 79),
        (date(1948, 2, 29), date(2028, 2, 29), 80),
    ],
)
def test_age_is_full_years(birth, today, age):
    assert age_on(birth, today) == age


@given(st.dates(date(1900, 1, 1), date(2000, 12, 31)), st.integers(0, 120))
def test_the_day_of_an_age_is_the_first_on_which_it_holds(birth, age):
    from datetime import timedelta

    day = birthday_of_age(birth, age)
    assert age_on(birth, day) == age
    assert age_on(birth, day - timedelta(days=1)) == age - 1


# ── masks ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "masked"),
    [("王芳", "王*"), ("王小明", "王*明"), ("欧阳娜娜", "欧**娜"), ("王", "*"), ("", ""), ("𠮷田", "𠮷*"),
     ("王󠄀芳", "王󠄀*"), ("买买提·艾力", "买****力")],
)  # fmt: skip
def test_names_keep_first_and_last(name, masked):
    assert mask_name(name) == masked


def test_numbers_are_masked_and_grouped():
    assert mask_id("330402194503051234") == "330402********1234"
    assert mask_id("USA110880010117") == "USA110*****0117"
    assert mask_id("33040219") == "********"
    assert mask_id("3304021945") == "******1945"
    assert mask_phone("13805738899") == "138****8899"
    assert mask_phone("138057") == "******"
    assert last4("6217001234567890123") == "****0123"
    assert last4("62170012") == "********"
    assert group_phone("13805738899") == "138 0573 8899"
    assert group_phone("1380") == "138 0"
    assert group4("6217001234") == "6217 0012 34"
    assert group_id("330402194503051234") == "330402 1945 0305 1234"


@pytest.mark.parametrize(
    ("address", "masked"),
    [
        ("浙江省嘉兴市南湖区凤桥镇庄史村12号", "浙江省嘉兴市南湖区凤桥镇庄史村***"),
        ("嘉兴市南湖区新兴街道吉杨社区3幢", "嘉兴市南湖区新兴街道吉杨社区***"),
        ("嘉善县魏塘街道人民大道1号", "嘉善县魏塘街道***"),
        ("浙江省嘉兴市中山东路922号", "浙江省嘉兴市***"),
        ("某处", "***"),
    ],
)
def test_addresses_are_cut_at_the_village(address, masked):
    assert mask_to_village(address) == masked


@given(st.text(alphabet="0123456789X", min_size=15, max_size=18))
def test_a_masked_number_shows_ten_signs_at_most(number):
    masked = mask_id(number)
    assert masked == number[:6] + "*" * (len(number) - 10) + number[-4:]
