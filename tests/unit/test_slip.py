"""The slip: the exact words, masks, and never more than is known."""

from __future__ import annotations

import hashlib
import re

import pytest

from devices.api import Private, StripCode, StripLine
from kiosk.services.masks import mask_id
from kiosk.services.materials import material_plan
from kiosk.services.slip import (
    SlipFacts,
    SlipKind,
    SlipMaterial,
    Word,
    build_slip,
    check_code,
    code_payload,
    is_payment_due,
    slip_kind,
    slip_materials,
    trips,
)
from tests.fixtures.services import item_of, make_card, make_context

CARD = make_card()
INTAKE = "K-000123-000042-X"
CASE = "330402202611230001"


def facts_of(catalogue, **changes):
    base = {
        "word": Word.QUEUED,
        "intake_number": INTAKE,
        "item": item_of(catalogue, "SIM-MZ-0008"),
        "situation": "age_80",
        "name": CARD.name,
        "id_number": CARD.id_number,
        "materials": (
            SlipMaterial("居民身份证", "Resident ID card"),
            SlipMaterial("居民户口簿", "Household register", 0, "deferred"),
            SlipMaterial("本人银行卡/社保卡", "Bank card", 1),
        ),
        "delivery": ("直接发放到账户", "自助打印"),
        "signed_at_s": 1_795_400_000,
        "station": "凤桥镇庄史村便民服务站",
        "agent_name": "代办员 陈阿姨",
        "agent_phone": "0573-8300 0000",
        "terminal_no": "JX-SIM-0001",
    }
    return SlipFacts(**{**base, **changes})


def lines_of(strip):
    return [part.text for part in strip.parts if isinstance(part, StripLine)]


def text_of(strip):
    return "\n".join(lines_of(strip))


def code_of(strip):
    (code,) = [part for part in strip.parts if isinstance(part, StripCode)]
    return code.payload


def test_the_queued_slip_says_stored_here_and_nothing_more(catalogue):
    strip = build_slip(facts_of(catalogue), "zh")
    lines = lines_of(strip)
    assert lines[:2] == ["收件凭证", "本凭证不代表已受理"]
    assert strip.parts[0].scale == 2
    for line in (
        "收件流水号:K-000123-000042-X",
        "事项:高龄津贴申领(80-89周岁)",
        "申请人:王*英",
        f"证件号:{mask_id(CARD.id_number.reveal())}",
        "[身份待核验]",
        "材料 2 份 1 页:",
        "居民身份证 · 已采集",
        "居民户口簿 · 可后补",
        "本人银行卡/社保卡 1 页 · 已采集",
        "签名时间:2026年11月23日 10:13",
        "您的申请已加密存在本终端,尚未送达平台。有网后自动上报,无需重复办理。",
        "办理时限自平台受理之日起算。",
        "领取方式:直接发放到账户、自助打印。",
        "预计还需到场 0 次。",
        "平台收到后,可凭证件在任一终端查询。",
        "需要帮助:凤桥镇庄史村便民服务站 代办员 陈阿姨 0573-8300 0000",
        "JX-SIM-0001",
    ):
        assert line in "\n".join(lines).replace(":\n", ":"), line
    assert slip_kind(facts_of(catalogue)) is SlipKind.INTAKE_SLIP


def test_the_unconfirmed_and_held_slips_differ_in_one_sentence(catalogue):
    queued = set(lines_of(build_slip(facts_of(catalogue), "zh")))
    unconfirmed = set(lines_of(build_slip(facts_of(catalogue, word=Word.UNCONFIRMED), "zh")))
    assert unconfirmed - queued == {"您的申请已加密保存并已发出,平台尚未确认收到。终端会继续核实,无需重复办理。"}
    held = set(lines_of(build_slip(facts_of(catalogue, word=Word.HELD), "zh")))
    assert len(held - queued) == 1
    assert "工作人员" in (held - queued).pop()


def test_the_receipt_carries_the_case_number(catalogue):
    facts = facts_of(catalogue, word=Word.DELIVERED, case_number=CASE, query_code="4K7Q2P", platform_at_s=1_795_400_060)
    strip = build_slip(facts, "zh")
    text = text_of(strip)
    assert text.startswith("收件回执\n本回执不代表已受理")
    assert CASE in text
    assert INTAKE in text
    assert "平台收到时间:2026年11月23日 10:14" in text
    assert "平台已收到您的申请,正在预审。如需补正,将一次性告知。" in text
    assert "凭办件编号和查询码 4K7Q2P 网上查询。" in text
    assert code_of(strip) == f"{CASE} {hashlib.sha256(CASE.encode()).hexdigest()[:6]}"
    bare = text_of(build_slip(facts_of(catalogue, word=Word.DELIVERED, case_number=CASE), "en"))
    assert "any terminal with your card." in bare
    assert "query code" not in bare


def test_delivered_without_a_case_number_is_no_receipt(catalogue):
    text = text_of(build_slip(facts_of(catalogue, word=Word.DELIVERED), "zh"))
    assert "收件凭证" in text
    assert "平台尚未确认收到" in text


def test_the_english_slip_has_the_exact_words(catalogue):
    text = text_of(build_slip(facts_of(catalogue, delivery=("printed at the kiosk",)), "en"))
    assert text.startswith("Intake slip\nThis slip does not mean that your case has been accepted")
    for sentence in (
        "Service: Old-age allowance (80–89)",
        "Applicant: 王*英",
        "[identity to be verified]",
        "2 materials, 1 pages:",
        "Household register · may follow later",
        "Bank card, 1 p. · captured",
        "Signed: 23 November 2026 10:13",
        "Your application is stored, encrypted, on this terminal and has not yet reached the platform. "
        "It will be sent by itself when the network is back. There is no need to apply again.",
        "Time limits run from the day the platform accepts the case.",
        "Delivery: printed at the kiosk.",
        "Trips still expected: 0.",
        "Once the platform has it you can ask at any terminal with your card.",
    ):
        assert sentence in text


VARIANTS = [
    {},
    {"word": Word.UNCONFIRMED, "scale": "elder"},
    {"word": Word.HELD, "reprint": 2},
    {"word": Word.DELIVERED, "case_number": CASE, "query_code": "ABC", "scale": "elder", "is_clock_ok": False},
    {"phone": Private("13805738899"), "is_payment_due": True, "filed_by": Private("陈小红")},
]


@pytest.mark.parametrize("changes", VARIANTS)
@pytest.mark.parametrize("locale", ["zh", "en"])
def test_accepted_stands_only_in_the_two_fixed_sentences(catalogue, changes, locale):
    for item in catalogue.items:
        text = text_of(build_slip(facts_of(catalogue, item=item, situation="", **changes), locale))
        rest = re.sub(r"本(凭证|回执)不代表已受理|办理时限自平台受理之日起算。", "", text)
        assert "受理" not in rest
        english = re.sub(
            r"does not mean that your case has been accepted|the day the platform accepts the case", "", text
        )
        assert not re.search(r"\baccept", english)
        assert not re.search(r"失败|已提交|error|failed", text)


@pytest.mark.parametrize("changes", VARIANTS)
@pytest.mark.parametrize("locale", ["zh", "en"])
def test_no_slip_shows_a_person_in_full(catalogue, changes, locale):
    strip = build_slip(facts_of(catalogue, **changes), locale)
    everything = text_of(strip) + code_of(strip)
    for secret in (CARD.name.reveal(), CARD.id_number.reveal(), "13805738899", "陈小红", "庄史村12号"):
        assert secret not in everything
    number = CASE if changes.get("case_number") else INTAKE
    assert code_of(strip) == f"{number} {check_code(number)}"
    assert "王秀英" not in repr(facts_of(catalogue, **changes))


def test_what_applies_only_sometimes_is_printed_only_then(catalogue):
    plain = text_of(build_slip(facts_of(catalogue, is_verified=True), "zh"))
    for word in ("身份待核验", "未校准", "补打", "待缴费", "短信", "代办人"):
        assert word not in plain
    full = text_of(
        build_slip(
            facts_of(
                catalogue,
                is_clock_ok=False,
                reprint=3,
                is_payment_due=True,
                phone=Private("13805738899"),
                filed_by=Private("陈小红"),
            ),
            "zh",
        )
    )
    for word in ("(终端时间未校准)", "[补打第 3 次]", "待缴费:", "短信通知 138****8899", "[代办人:陈*红]"):
        assert word in full
    nobody = text_of(build_slip(facts_of(catalogue, name=Private(""), id_number=Private("")), "zh"))
    assert "申请人" not in nobody
    assert "待核验" not in nobody


def columns(text):
    return sum(1 if " " <= sign <= "~" else 2 for sign in text)


@pytest.mark.parametrize("locale", ["zh", "en"])
def test_the_elder_slip_is_large_and_no_word_is_wider_than_the_paper(catalogue, locale):
    strip = build_slip(facts_of(catalogue, scale="elder", intake_number="K-" + "9" * 30), locale)
    lines = [part for part in strip.parts if isinstance(part, StripLine)]
    assert sum(line.scale == 2 for line in lines) >= len(lines) - 2
    for line in lines:
        for word in re.findall(r"[!-~]+", line.text):
            assert columns(word) * line.scale <= 48
    standard = build_slip(facts_of(catalogue), locale)
    assert sum(part.scale == 2 for part in standard.parts if isinstance(part, StripLine)) <= 4


def test_the_code_is_a_number_and_its_check_signs():
    assert code_payload("K-1") == f"K-1 {hashlib.sha256(b'K-1').hexdigest()[:6]}"
    assert re.fullmatch(r"[0-9a-f]{6}", check_code("任意"))


def test_trips_payment_and_materials_follow_the_item(catalogue):
    insurance = item_of(catalogue, "SIM-YB-0001")
    context = make_context(catalogue, "self", has_card=True)
    assert is_payment_due(insurance, {"pay_now": Private("true")}, context)
    assert not is_payment_due(insurance, {"pay_now": Private("false")}, context)
    assert not is_payment_due(item_of(catalogue, "SIM-MZ-0008"), {}, context)
    assert trips(insurance) == 0
    assert trips(item_of(catalogue, "SIM-GA-0003")) == 1
    item = item_of(catalogue, "SIM-MZ-0008")
    plan = material_plan(item, make_context(catalogue, "age_80"), {}, {"M-BANK": 1}, True, ("M-HUKOU",))
    lines = slip_materials(item, plan)
    assert [(line.name_zh, line.pages, line.state) for line in lines] == [
        ("居民身份证", 0, "captured"),
        ("居民户口簿", 0, "deferred"),
        ("本人银行卡/社保卡", 1, "captured"),
        ("申请表(系统生成,手写签名)", 0, "captured"),
    ]
    assert slip_materials(item, material_plan(item, make_context(catalogue), {}, {}, False))[-1].state == "captured"
