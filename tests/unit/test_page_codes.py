"""Codes on scanned papers fill the form: by grammar, into empty fields alone, and go with their paper."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from devices.api import Code, CodeSource, Page, Private, Symbology
from kiosk.services.catalogue import Catalogue, ServiceItem
from kiosk.services.catalogue_types import Field, FieldType
from kiosk.services.codes import CodeRefused, accept_for_field
from kiosk.services.fields import Answers, form_context
from kiosk.services.page_codes import coded_materials, empty_of_page, fill_from_page
from kiosk.session import events as evt
from kiosk.session.session import Session, State
from kiosk.session.step import step
from tests.fixtures.flow import TODAY, Walk, page_of
from tests.fixtures.services import item_of

NUMBER, KEY, COOK = "JK330402202600017", "cook_health_no", "M-COOK"
USCC = "91330402MA2B00017H"


def code(text: str) -> Code:
    return Code(Private(text), Symbology.QR, CodeSource.CAMERA)


def page(*texts: str, material: str = COOK, index: int = 0) -> Page:
    return replace(page_of(material, index), codes=tuple(code(text) for text in texts))


@pytest.fixture(scope="module")
def feast(catalogue: Catalogue) -> ServiceItem:
    return item_of(catalogue, "SIM-SP-0025")


def filled(item: ServiceItem, catalogue: Catalogue, answers: Answers, one: Page) -> str:
    after = fill_from_page(item, answers, form_context(catalogue, TODAY), one)
    assert {key: value for key, value in after.items() if key != KEY} == {
        key: value for key, value in answers.items() if key != KEY
    }
    return after[KEY].reveal() if KEY in after else ""


def test_the_papers_that_may_carry_a_code_are_known(catalogue: Catalogue, feast: ServiceItem) -> None:
    assert coded_materials(catalogue.items) == {COOK}
    assert feast.material(COOK) is not None


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ((NUMBER,), NUMBER),
        ((f" {NUMBER} ", NUMBER), NUMBER),
        (("https://example.com/h?id=1", NUMBER), NUMBER),
        ((NUMBER, "JK330402202600018"), ""),
        ((f"{NUMBER}\n",), ""),
        ((f"{NUMBER}\u202e",), ""),
        ((f"https://example.com/{NUMBER}",), ""),
        ((NUMBER.lower(),), ""),
        (("A" * 25,), ""),
        ((), ""),
    ],
)
def test_the_only_code_that_fits_fills_the_empty_field(
    catalogue: Catalogue, feast: ServiceItem, texts: tuple[str, ...], expected: str
) -> None:
    assert filled(feast, catalogue, {}, page(*texts)) == expected
    assert filled(feast, catalogue, {KEY: Private("")}, page(*texts)) == expected


def test_what_the_person_typed_stays_and_another_paper_fills_nothing(catalogue: Catalogue, feast: ServiceItem) -> None:
    assert filled(feast, catalogue, {KEY: Private("TYPED123")}, page(NUMBER)) == "TYPED123"
    assert filled(feast, catalogue, {}, page(NUMBER, material="M-MENU")) == ""


@given(st.text(max_size=40))
def test_no_text_fills_a_field_that_the_form_would_refuse(feast: ServiceItem, text: str) -> None:
    field = next(field for field in feast.form if field.key == KEY)
    try:
        value = accept_for_field(code(text), field).value.reveal()
    except CodeRefused:
        return
    assert value == text.strip(" ")
    assert 8 <= len(value) <= 24
    assert value.isascii()
    assert value.isalnum()


def test_a_credit_code_is_believed_by_its_check_character() -> None:
    field = Field(
        key="uscc", label_zh="x", label_en="x", type=FieldType.USCC, required=False, prefill="page_code.M-LICENCE"
    )
    good = next(f"{USCC[:-1]}{last}" for last in "0123456789ABCDEFGHJKLMNPQRTUWXY" if _fits(field, USCC[:-1] + last))
    assert accept_for_field(code(good), field).value.reveal() == good
    assert sum(_fits(field, good[:-1] + last) for last in "0123456789ABCDEFGHJKLMNPQRTUWXY") == 1
    assert not _fits(replace(field, prefill="null"), good)


def _fits(field: Field, text: str) -> bool:
    try:
        return accept_for_field(code(text), field).value.reveal() == text
    except CodeRefused:
        return False


def test_what_a_page_filled_goes_with_it_unless_it_was_changed(feast: ServiceItem) -> None:
    answers = {KEY: Private(NUMBER), "place": Private("村口")}
    assert empty_of_page(feast, answers, page(NUMBER), [KEY]) == {**answers, KEY: Private("")}
    assert empty_of_page(feast, answers, page("JK330402202600018"), [KEY]) == answers
    assert empty_of_page(feast, answers, page(NUMBER), []) == answers


@pytest.fixture
def desk(catalogue: Catalogue, feast: ServiceItem) -> Session:
    """A visit for the feast that looks at the desk for the cook's certificate."""
    walk = Walk(catalogue)
    walk.press("start")
    return replace(walk.session, item=feast, situation="wedding", state=State.SCAN, material=COOK)


def answer(session: Session) -> str:
    return session.answers[KEY].reveal() if KEY in session.answers else ""


def taken(session: Session, one: Page) -> Session:
    return step(session, evt.PageTaken(session.turn, one))[0]


def test_a_page_taken_fills_the_form_and_taken_back_empties_it(desk: Session) -> None:
    with_code = taken(desk, page(NUMBER))
    assert (answer(with_code), with_code.coded) == (NUMBER, (KEY,))
    assert NUMBER not in repr(with_code)
    back, _ = step(with_code, evt.Intent("retake"))
    assert (answer(back), back.coded, back.pages) == ("", (), ())
    assert answer(taken(back, page("JK330402202600018"))) == "JK330402202600018"


def test_a_page_that_stays_keeps_what_both_said(desk: Session) -> None:
    both = taken(taken(desk, page(NUMBER)), page(NUMBER, index=1))
    one, _ = step(both, evt.Intent("retake"))
    assert (answer(one), one.coded, len(one.pages)) == (NUMBER, (KEY,), 1)
    listed = replace(one, state=State.MATERIALS)
    none, _ = step(listed, evt.Intent("rescan", Private(COOK)))
    assert (answer(none), none.coded, none.pages) == ("", (), ())


def test_what_was_typed_is_neither_overwritten_nor_taken_away(desk: Session) -> None:
    typed = replace(desk, answers={KEY: Private(NUMBER)})
    same = taken(typed, page(NUMBER))
    assert (answer(same), same.coded) == (NUMBER, ())
    assert answer(step(same, evt.Intent("retake"))[0]) == NUMBER
    edited = taken(desk, page(NUMBER))
    edited = replace(edited, answers={**edited.answers, KEY: Private("MINE12345")})
    assert answer(step(edited, evt.Intent("retake"))[0]) == "MINE12345"


def test_a_page_of_a_former_turn_fills_nothing(desk: Session) -> None:
    late, _ = step(desk, evt.PageTaken(desk.turn - 1, page(NUMBER)))
    assert late is desk
