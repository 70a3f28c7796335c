"""A4 documents: what to bring, and the slip's words on a full page."""

from __future__ import annotations

import subprocess

import pytest

from devices.api import Private
from kiosk.services.certificate import build_certificate
from kiosk.services.material_list import build_material_list, material_groups
from kiosk.services.sheet import Paper, build_sheet
from kiosk.services.slip import Word, build_slip
from kiosk.station.config import StationConfig
from tests.fixtures.services import item_of
from tests.unit.test_slip import CARD, CASE, INTAKE, facts_of, lines_of

SITE = StationConfig(
    name_zh="凤桥镇便民服务中心",
    name_en="Fengqiao Service Centre",
    hours_zh="周一至周五 9:00-17:00",
    hours_en="Mon-Fri 9-17",
    agent_zh="陈阿姨",
    agent_en="Ms Chen",
    phone="0573-83000000",
    terminal_no="JX-SIM-0001",
    site="village",
)
WALL_S = 1_795_400_000.0


def text_in(pdf: bytes) -> str:
    """What a reader finds when it selects all, without the breaks between rows."""
    done = subprocess.run(["pdftotext", "-layout", "-", "-"], input=pdf, capture_output=True, check=True)
    return "".join(done.stdout.decode().split())


def squeeze(text: str) -> str:
    return "".join(text.split())


def test_a_material_list_names_every_paper_and_can_be_selected(catalogue):
    item = item_of(catalogue, "SIM-MZ-0008")
    sheet = build_material_list(item, catalogue, SITE, WALL_S, "zh")
    found = text_in(sheet.pdf.reveal())
    for word in (
        "办事材料清单",
        item.name_zh,
        "居民户口簿",
        "可后补",
        SITE.phone,
        "自平台受理之日起算",
        catalogue.version,
    ):
        assert squeeze(word) in found
    assert (sheet.title, sheet.pages, sheet.copies) == ("material-list", 1, 1)
    again = build_material_list(item, catalogue, SITE, WALL_S, "zh")
    assert again.pdf.reveal() == sheet.pdf.reveal()  # the same content is the same bytes


def test_a_list_stands_in_english_too(catalogue):
    sheet = build_material_list(item_of(catalogue, "SIM-GA-0004"), catalogue, SITE, WALL_S, "en")
    found = text_in(sheet.pdf.reveal())
    assert "Whattobring" in found
    assert "renewanexpiredcard" in found
    assert SITE.phone in found


def test_every_item_has_a_list_and_asks_for_no_paper_twice_under_one_heading(catalogue):
    for item in catalogue.items:
        groups = material_groups(item)
        for group in groups:
            codes = [one.code for one in group.materials]
            assert len(codes) == len(set(codes))
        assert all(group.materials for group in groups)
        shared = {one.code for one in item.materials if one.reuse_scope == "shared_data"}
        assert not shared & {one.code for group in groups for one in group.materials}


def test_a_situation_leaves_out_what_others_need(catalogue):
    item = item_of(catalogue, "SIM-GA-0004")
    everything = {group.situation for group in material_groups(item)}
    (first, *others) = [code for code in everything if item.situation(code)]
    chosen = {group.situation for group in material_groups(item, first)}
    assert first in chosen
    assert not chosen & set(others)


@pytest.mark.parametrize("locale", ["zh", "en"])
def test_a_certificate_says_what_the_slip_says_and_nothing_more(catalogue, locale):
    facts = facts_of(
        catalogue, word=Word.DELIVERED, case_number=CASE, query_code="4821", platform_at_s=1_795_400_100, reprint=2
    )
    sheet = build_certificate(facts, WALL_S, locale)
    found = text_in(sheet.pdf.reveal())
    for line in lines_of(build_slip(facts, locale)):
        assert squeeze(line) in found
    assert "COPY" in found
    assert CARD.name.reveal() not in found
    assert CARD.id_number.reveal() not in found
    assert sheet.title == "delivery-receipt"
    assert CARD.name.reveal() not in repr(sheet)


def test_without_a_case_number_it_is_the_intake_slip(catalogue):
    sheet = build_certificate(facts_of(catalogue), WALL_S, "zh")
    found = text_in(sheet.pdf.reveal())
    assert sheet.title == "intake-slip"
    assert INTAKE in found
    assert "本凭证不代表已受理" in found
    assert "COPY" not in found


def test_a_text_is_never_markup_and_nothing_is_fetched():
    paper = Paper("zh", "<script>")
    paper.heading("<b>甲</b> & 乙")
    paper.say('<img src="file:///etc/passwd">')
    paper.boxes((("𠮷 㛃", "<td>"),))
    sheet = build_sheet(paper, "test")
    found = text_in(sheet.pdf.reveal())
    for word in ("<b>甲</b>&乙", '<imgsrc="file:///etc/passwd">', "𠮷㛃", "<td>"):
        assert word in found
    assert isinstance(sheet.pdf, Private)


def test_a_long_document_runs_over_pages():
    paper = Paper("en", "Long")
    for n in range(120):
        paper.say(f"Row {n}")
    paper.foot("Foot")
    sheet = build_sheet(paper, "test")
    assert sheet.pages > 2
    assert text_in(sheet.pdf.reveal()).count("Foot") == sheet.pages
