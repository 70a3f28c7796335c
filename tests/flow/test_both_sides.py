"""An ID card at the counter: one side after the other, and one page in the end."""

from __future__ import annotations

import hashlib

import pytest
from msgspec.structs import replace

from app.sides import join_sides
from devices.api import Page, Private, Verdict
from devices.sim import desk
from devices.sim.id_cards import draw_id_card
from kiosk.services.catalogue import Catalogue
from kiosk.session import effects as ask
from kiosk.session import events as evt
from kiosk.session.flow.both_sides import joined_pages
from kiosk.session.session import State
from tests.fixtures.flow import COUPLE, Walk, page_of
from tests.fixtures.pdf_pages import read_pages

S = State
SPOUSE_ID = "M-SPOUSE-ID"


@pytest.fixture
def walk(catalogue: Catalogue) -> Walk:
    """Somebody among the papers of an item that asks for another person's ID card."""
    found = Walk(catalogue).go(S.SCAN, COUPLE, situation="after")
    assert found.session.material == SPOUSE_ID
    return found


def lay(walk: Walk, side: str) -> Page:
    """Lay the card down with one side up and let the machine take it."""
    walk.do("shoot")
    (asked,) = walk.effects
    assert isinstance(asked, ask.Capture)
    page = replace(page_of(SPOUSE_ID, asked.index), side=side, sha256=f"{side}{asked.index}".ljust(64, "0"))
    walk.tell(evt.PageTaken(walk.session.turn, page))
    return page


def test_the_front_is_asked_for_and_then_the_back(walk: Walk) -> None:
    assert (walk.view.lead, walk.view.scan.page_limit) == ("请放正面（有照片）", 2)
    front = lay(walk, "front")
    assert (walk.state, walk.view.lead) == (S.SCAN, "请放反面（有国徽）")
    assert not any(action.id == "done" for action in walk.view.actions)
    back = lay(walk, "back")
    assert walk.state is S.MATERIALS
    assert walk.session.pages == (front, back)


def test_whoever_begins_with_the_back_is_asked_for_the_front(walk: Walk) -> None:
    lay(walk, "back")
    assert walk.view.lead == "请放正面（有照片）"
    walk.do("locale", "en")
    assert walk.view.lead == "Lay down the front (with the photo)"


def test_the_same_side_twice_is_refused_in_one_sentence(walk: Walk) -> None:
    front = lay(walk, "front")
    lay(walk, "front")
    assert walk.session.pages == (front,)
    assert [note.text for note in walk.view.notes] == ["这一面拍过了，请换反面（有国徽）"]
    assert isinstance(walk.effects[0], ask.WatchDesk)
    lay(walk, "back")
    assert walk.state is S.MATERIALS


def test_a_side_that_is_refused_three_times_may_be_kept(walk: Walk) -> None:
    lay(walk, "front")
    for _ in range(3):
        lay(walk, "front")
    walk.press("keep")
    walk.tell(evt.PageTaken(walk.session.turn, replace(page_of(SPOUSE_ID, 1), side="front")))
    assert walk.state is S.MATERIALS
    assert joined_pages(walk.session, join_sides) == walk.session.pages


def test_a_card_whose_sides_are_not_known_stays_two_pages(walk: Walk) -> None:
    lay(walk, "")
    assert walk.view.lead == "请放另一面"
    lay(walk, "back")
    assert walk.state is S.MATERIALS
    assert joined_pages(walk.session, join_sides) == walk.session.pages


def test_other_papers_ask_for_no_side(walk: Walk) -> None:
    walk.do("back")
    walk.do("scan", "M-MARRY")
    assert walk.view.lead == "一次一页，正面朝上"
    page = replace(page_of("M-MARRY", 0), side="front")
    for _ in range(2):
        walk.tell(evt.PageTaken(walk.session.turn, page))
    assert len(walk.session.pages) == 2


def card(side: str, dpi: int) -> Page:
    """A side as the eye gives it."""
    jpeg = bytes(desk.encode(draw_id_card(side, 1, 8.0).picture, 80))
    sharp = (Verdict("sharp", 0.4, 0.345, True),)
    is_back = side == "back"
    return Page(SPOUSE_ID, int(not is_back), Private(jpeg), 685, 432, dpi, sharp, "0" * 64, is_back, side=side)


def test_both_sides_are_sealed_as_one_a4_page_in_true_size(walk: Walk) -> None:
    dpi = {"back": 250, "front": 240}
    walk.session = replace(walk.session, pages=(page_of("M-HUKOU", 0), *(card(side, dpi[side]) for side in dpi)))
    other, joined = joined_pages(walk.session, join_sides)
    assert other.material == "M-HUKOU"
    assert (joined.material, joined.index, joined.mime, joined.dpi) == (SPOUSE_ID, 0, "application/pdf", 240)
    assert (joined.is_kept_despite, [verdict.gate for verdict in joined.verdicts]) == (True, ["sharp", "sharp"])
    data = joined.stored.reveal()
    assert joined.sha256 == hashlib.sha256(data).hexdigest()
    front, back = (card(side, dpi[side]).jpeg.reveal() for side in ("front", "back"))
    assert 0 < data.find(front) < data.find(back)
    (page,) = read_pages(data)
    assert page.size_pt == pytest.approx((595.28, 841.89), abs=0.3)
    assert (page.capture["dpi"], page.capture["width_px"]) == (240, joined.width_px)
