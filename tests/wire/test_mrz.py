"""The machine readable zone: examples of ICAO 9303, round trips, and nothing but WireFault."""

from __future__ import annotations

import contextlib
from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from devices.api import Private, WireFault
from devices.wire import mrz
from devices.wire.mrz import Mrz, MrzForm

# ICAO Doc 9303-4 appendix B, 9303-6 appendix B; TD1 and its key text: 9303-11 appendix D.2
TD3 = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10"
TD2 = "I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<\nD231458907UTO7408122F1204159<<<<<<<6"
TD1_LONG = "I<UTOD23145890<7349<<<<<<<<<<<\n3407127M9507122UTO<<<<<<<<<<<2\nSTEVENSON<<PETER<JOHN<<<<<<<<<"
TD1_LONG_KEY = "D23145890734934071279507122"

words = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=8)
days = st.dates(date(2000, 1, 1), date(2049, 12, 31)).map(lambda day: day.strftime("%y%m%d"))


@st.composite
def zones(draw: st.DrawFn) -> Mrz:
    form = draw(st.sampled_from(MrzForm))
    longest = {MrzForm.TD1: 18, MrzForm.TD2: 12, MrzForm.TD3: 9}[form]
    number = draw(st.text(mrz.ALPHABET, min_size=1, max_size=longest))
    room = {MrzForm.TD1: 15, MrzForm.TD2: 7, MrzForm.TD3: 14}[form]
    room -= len(number) - 9 + 2 if len(number) > 9 else 0
    return Mrz(
        form=form,
        code=draw(st.sampled_from(("P", "C", "ID", "I"))),
        issuer=draw(st.sampled_from(("CHN", "UTO", "D"))),
        surname=Private(draw(words)),
        given_names=Private(" ".join(draw(st.lists(words, max_size=2)))),
        number=Private(number),
        nationality=draw(st.sampled_from(("CHN", "HKG", "D"))),
        birth=Private(draw(days)),
        sex=draw(st.sampled_from(("M", "F", ""))),
        expiry=draw(days),
        optional=Private(draw(st.text(mrz.ALPHABET, max_size=max(0, room)))),
        optional_2=Private(draw(st.text(mrz.ALPHABET, max_size=11)) if form is MrzForm.TD1 else ""),
    )


@pytest.mark.parametrize(
    ("text", "number", "names"),
    [
        (TD3, "L898902C3", ("ERIKSSON", "ANNA MARIA")),
        (TD2, "D23145890", ("ERIKSSON", "ANNA MARIA")),
        (TD1_LONG, "D23145890734", ("STEVENSON", "PETER JOHN")),
    ],
    ids=("TD3", "TD2", "TD1 long number"),
)
def test_the_examples_of_the_standard_are_read_and_written_back(text, number, names):
    found = mrz.decode_mrz(text)
    assert found.number.reveal() == number
    assert (found.surname.reveal(), found.given_names.reveal()) == names
    assert mrz.encode_mrz(found) == text
    assert number not in repr(found)
    assert names[0] not in repr(found)


def test_line_ends_blanks_and_small_letters_do_not_matter():
    assert mrz.decode_mrz(" " + TD3.lower().replace("\n", "\r\n ")) == mrz.decode_mrz(TD3)


@given(zones())
def test_a_zone_reads_back_as_it_was_written(zone):
    assert mrz.decode_mrz(mrz.encode_mrz(zone)) == zone


def test_every_layout_tiles_its_zone():
    for form, layout in mrz.LAYOUTS.items():
        lines, width = mrz.SHAPES[form]
        spans = sorted(layout.values())
        assert spans[0][0] == 0
        assert spans[-1][1] == lines * width
        assert all(left[1] == right[0] for left, right in pairwise(spans))


def test_every_changed_digit_is_noticed():
    """A check digit tells any one changed sign; the field it stands for is named, its content is not."""
    for at, sign in enumerate(TD3):
        if at > 44 and sign.isdecimal():
            spoiled = TD3[:at] + str((int(sign) + 1) % 10) + TD3[at + 1 :]
            with pytest.raises(WireFault) as caught:
                mrz.decode_mrz(spoiled)
            assert caught.value.code == "mrz_check"
            assert caught.value.detail in ("number", "birth", "expiry", "optional", "all")


@given(st.one_of(st.text(max_size=100), st.text(mrz.ALPHABET + "<", min_size=88, max_size=90)))
def test_any_text_is_a_zone_or_a_wire_fault(text):
    for read in (mrz.decode_mrz, mrz.derive_key_text):
        with contextlib.suppress(WireFault):
            read(text)


def test_the_key_text_is_that_of_the_standard():
    assert mrz.compose_key_text("L898902C", "690806", "940623") == "L898902C<369080619406236"
    assert mrz.derive_key_text(TD1_LONG) == TD1_LONG_KEY
    assert mrz.derive_key_text(TD1_LONG_KEY) == TD1_LONG_KEY
    assert mrz.derive_key_text("l898902c<369080619406236") == "L898902C<369080619406236"


@pytest.mark.parametrize("text", ["", "L898902C<369080619406237", "L898902C<3690806", "1" * 23])
def test_a_key_text_with_a_slip_in_it_is_refused(text):
    with pytest.raises(WireFault):
        mrz.derive_key_text(text)


@pytest.mark.parametrize(
    ("birth", "expiry", "born", "expires"),
    [
        ("690806", "940623", date(1969, 8, 6), date(1994, 6, 23)),
        ("261130", "760101", date(1926, 11, 30), date(2076, 1, 1)),
        ("261129", "770101", date(2026, 11, 29), date(1977, 1, 1)),
        ("69<<<<", "<<<<<<", None, None),
    ],
)
def test_years_of_two_digits_find_their_century(birth, expiry, born, expires):
    today = date(2026, 11, 29)
    assert mrz.resolve_birth(birth, today) == born
    assert mrz.resolve_expiry(expiry, today) == expires


@pytest.mark.parametrize("text", ["991332", "230229", "1234567", "12345A", ""])
def test_a_date_that_is_none_is_refused(text):
    for resolve in (mrz.resolve_birth, mrz.resolve_expiry):
        with pytest.raises(WireFault) as caught:
            resolve(text, date(2026, 11, 29))
        assert caught.value.code == "mrz_date"


def test_what_has_no_room_is_not_cut_off():
    zone = mrz.decode_mrz(TD3)
    for changes in (
        {"number": Private("1234567890")},
        {"surname": Private("A" * 40)},
        {"optional": Private("1" * 15)},
    ):
        with pytest.raises(WireFault, match="mrz_room"):
            mrz.encode_mrz(replace(zone, **changes))


def test_what_cannot_stand_in_a_zone_has_no_check_digit():
    with pytest.raises(WireFault, match="mrz_character"):
        mrz.check_digit("L898902c")
    for birth, expiry, field in (
        ("69080", "940623", "birth"),
        ("690806", "94-623", "expiry"),
        ("69080六", "", "birth"),
    ):
        with pytest.raises(WireFault, match=f"mrz_date: {field}"):
            mrz.compose_key_text("L898902C", birth, expiry)


def test_a_zone_has_the_length_of_one_of_the_forms_and_no_foreign_characters():
    for text in ("", TD3[:-1], TD3 + "<"):
        with pytest.raises(WireFault, match="mrz_length"):
            mrz.decode_mrz(text)
    with pytest.raises(WireFault, match="mrz_character"):
        mrz.decode_mrz(TD3.replace("ANNA", "ÄNNA"))
