"""What leaves the terminal: canonical, complete, only visible answers, whole numbers; and the ids of it."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.api import Private
from kiosk.services.form import prefill, prefill_member, type_into
from kiosk.services.identity import identity_of
from kiosk.services.materials import material_plan
from kiosk.services.submission import (
    Consent,
    SubmissionFacts,
    build_submission,
    canonical_json,
    delivery_codes,
    part_name,
    uuid7,
)
from offline_queue.api import Kind, PartFacts
from tests.fixtures.services import TODAY, item_of, make_card, make_context, make_page

AT = 1_795_400_000.75
STROKES = (((0.1, 0.25, 0, 0.0), (0.5, 0.3333, 16, 0.0)), ((0.0, 1.0, 40, 0.0),))


def facts_of(catalogue, code="SIM-MZ-0008", situation="age_80", **changes):
    item, card = item_of(catalogue, code), make_card()
    context = make_context(catalogue, situation, has_card=True)
    answers = type_into(item, "phone", prefill(item, card, TODAY, "zh"), "13805738899")
    pages = (make_page("M-BANK", 0), make_page("M-HUKOU", 0), make_page("M-HUKOU", 1, kept=True))
    counts = {"M-BANK": 1, "M-HUKOU": 2}
    base = {
        "sid": uuid7(AT),
        "catalogue": catalogue,
        "item": item,
        "context": context,
        "identity": identity_of(card, TODAY),
        "answers": answers,
        "plan": material_plan(item, context, answers, counts, True),
        "pages": pages,
        "consents": (Consent("ab" * 32, 1_795_399_000),),
        "signature_png": Private(b"\x89PNG"),
        "strokes": Private(STROKES),
        "signed_at_s": AT,
        "clock_ok": True,
        "locale": "en",
        "app_version": "0.1.0",
        "audit_head": "cd" * 32,
    }
    return SubmissionFacts(**{**base, **changes})


def sealed(parts):
    return tuple(
        PartFacts(
            name=part.name,
            sealed_sha256=hashlib.sha256(b"sealed" + part.data).hexdigest(),
            sealed_bytes=len(part.data) + 300,
            plain_sha256=hashlib.sha256(part.data).hexdigest(),
            plain_bytes=len(part.data),
        )
        for part in parts
    )


def manifest_of(facts):
    parts, build, _ = build_submission(facts)
    return json.loads(build(sealed(parts)))


def test_parts_are_pages_signature_and_strokes(catalogue):
    parts, _, envelope = build_submission(facts_of(catalogue))
    assert [part.name for part in parts] == [
        "m-bank-1",
        "m-hukou-1",
        "m-hukou-2",
        "signature",
        "signature-strokes",
        "signature-svg",
    ]
    strokes = json.loads(parts[-2].data)
    assert strokes["strokes"][0] == [[1000, 2500, 0], [5000, 3333, 16]]
    assert (envelope.kind, envelope.item, envelope.catalogue) == (Kind.SUBMISSION, "SIM-MZ-0008", "2017.1-sim")
    assert (envelope.ts, envelope.clock_ok, envelope.audit_head) == (1_795_400_000, True, "cd" * 32)


def test_the_manifest_says_all_of_it(catalogue):
    facts = facts_of(catalogue)
    manifest = manifest_of(facts)
    assert set(manifest) == {
        "v", "sid", "item", "item_version", "item_name", "situation", "situation_name", "identity", "answers",
        "consents", "filed_by", "materials", "parts", "reuse", "capture", "signature", "delivery", "locale",
    }  # fmt: skip
    assert manifest["sid"] == facts.sid
    assert manifest["item_name"] == {"zh": "高龄津贴申领", "en": "Old-age allowance"}
    assert manifest["situation_name"]["zh"] == "80-89周岁"
    who = manifest["identity"]
    assert (who["kind"], who["name"], who["verified"]) == ("id_card", "王秀英", False)
    assert (who["birth_date"], who["valid_until"], who["sex"], who["nation"]) == ("1945-03-05", "长期", "2", "01")
    phone = next(answer for answer in manifest["answers"] if answer["key"] == "phone")
    assert phone["value"] == phone["display"] == "13805738899"
    assert phone["label"] == {"zh": "联系手机", "en": "Mobile phone"}
    assert phone["group"] == {"zh": "联系方式", "en": "contact"}
    sex = next(answer for answer in manifest["answers"] if answer["key"] == "gender")
    assert (sex["value"], sex["display"]) == ("2", "女")
    assert manifest["consents"] == [{"notice_sha256": "ab" * 32, "at": 1_795_399_000}]
    assert manifest["signature"] == {
        "part": "signature", "strokes": "signature-strokes", "svg": "signature-svg", "at": 1_795_400_000,
        "clock_ok": True,
    }  # fmt: skip
    assert manifest["delivery"]["methods"] == ["direct_credit", "terminal_print"]
    assert manifest["delivery"]["name"]["en"] == "paid into the account, printed at the kiosk"


def test_materials_name_their_parts_and_parts_their_hashes(catalogue):
    manifest = manifest_of(facts_of(catalogue))
    materials = {entry["code"]: entry for entry in manifest["materials"]}
    assert {code: entry["state"] for code, entry in materials.items()} == {
        "M-ID": "card_read", "M-HUKOU": "scanned", "M-BANK": "scanned", "M-FORM": "signed_form",
    }  # fmt: skip
    assert materials["M-HUKOU"]["parts"] == ["m-hukou-1", "m-hukou-2"]
    assert materials["M-FORM"]["parts"] == ["signature", "signature-strokes", "signature-svg"]
    parts = {entry["part"]: entry for entry in manifest["parts"]}
    page = parts["m-hukou-2"]
    assert page["plain_sha256"] == hashlib.sha256(b"\xff\xd8page\xff\xd9").hexdigest()
    assert (page["mime"], page["pages"], page["dpi"], page["review"], page["bytes"]) == ("image/jpeg", 1, 200, True, 8)
    assert parts["signature"]["mime"] == "image/png"
    named = {name for entry in manifest["materials"] for name in entry["parts"]}
    assert named == set(parts)


def test_a_page_kept_as_pdf_is_sent_as_the_pdf_and_not_as_what_the_screen_shows(catalogue):
    facts = facts_of(catalogue)
    pdf = b"%PDF-1.4 in layers\n%%EOF\n"
    bank, first, second = facts.pages
    written = msgspec.structs.replace(first, pdf=Private(pdf), sha256=hashlib.sha256(pdf).hexdigest())
    facts = msgspec.structs.replace(facts, pages=(bank, written, second))
    parts, _, _ = build_submission(facts)
    entries = {entry["part"]: entry for entry in manifest_of(facts)["parts"]}
    sent = next(part for part in parts if part.name == "m-hukou-1")
    assert (sent.data, entries["m-hukou-1"]["mime"]) == (pdf, "application/pdf")
    assert entries["m-hukou-1"]["plain_sha256"] == written.sha256
    assert entries["m-hukou-2"]["mime"] == "image/jpeg"


def test_only_visible_answers_are_sent(catalogue):
    item = item_of(catalogue, "SIM-YB-0001")
    spouse = make_card(date(1950, 7, 1), "李大明", 3)
    answers = prefill_member(item, prefill(item, make_card(), TODAY, "zh"), spouse)
    changes = {"answers": answers, "pages": (), "plan": ()}
    family = facts_of(catalogue, "SIM-YB-0001", "family", **changes)
    keys = {answer["key"] for answer in manifest_of(family)["answers"]}
    assert {"members.0.member_name", "members.0.member_id"} <= keys
    alone = facts_of(catalogue, "SIM-YB-0001", "self", **changes)
    parts, build, _ = build_submission(alone)
    assert "李大明" not in build(sealed(parts)).decode()


def test_a_deferred_paper_and_an_unsigned_anonymous_report_are_told_as_they_are(catalogue):
    facts = facts_of(catalogue)
    plan = material_plan(facts.item, facts.context, facts.answers, {}, True, ("M-HUKOU",))
    manifest = manifest_of(facts_of(catalogue, plan=plan, pages=()))
    states = {entry["code"]: entry["state"] for entry in manifest["materials"]}
    assert (states["M-HUKOU"], states["M-BANK"]) == ("deferred", "missing")
    unsigned = {"signature_png": Private(b""), "strokes": Private(()), "identity": None, "pages": ()}
    report = manifest_of(facts_of(catalogue, "SIM-HB-0023", "anonymous", plan=(), **unsigned))
    assert report["identity"] == {"kind": "anonymous", "verified": False}
    assert (report["signature"], report["parts"]) == ({}, [])
    nameless = manifest_of(facts_of(catalogue, "SIM-MZ-0008", "", plan=(), **unsigned))
    assert nameless["situation_name"] == {}


def test_the_bytes_are_canonical_and_the_same_each_time(catalogue):
    parts, build, _ = build_submission(facts_of(catalogue))
    first = build(sealed(parts))
    assert first == build(sealed(parts))
    value = json.loads(first, parse_float=lambda text: pytest.fail(f"a float: {text}"))
    assert canonical_json(value) == first
    assert b": " not in first.replace("：".encode(), b"")
    assert "王秀英".encode() in first  # UTF-8 as it is, no escapes


def test_facts_of_other_parts_are_refused(catalogue):
    parts, build, _ = build_submission(facts_of(catalogue))
    with pytest.raises(ValueError, match="other parts"):
        build(sealed(parts[:-1]))
    with pytest.raises(ValueError, match="other parts"):
        build((*sealed(parts), sealed(parts)[0]))


def test_no_repr_shows_a_person(catalogue):
    facts = facts_of(catalogue)
    parts, _, envelope = build_submission(facts)
    for text in (repr(facts), repr(parts), repr(envelope), str(facts)):
        assert "王" not in text
        assert "1380573" not in text


def test_the_way_a_person_chose_is_the_way_it_comes(catalogue):
    item = item_of(catalogue, "SIM-GA-0003")
    assert delivery_codes(item, {"delivery.method": Private("courier")}) == ("courier",)
    assert delivery_codes(item, {}) == item.delivery


# ── canonical JSON, names, ids ─────────────────────────────────────────────────────────────

WORDS = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@given(PLAIN)
def test_canonical_json_comes_back_and_agrees_with_the_platforms_reader(value):
    from sandbox.canonical import decode_canonical

    assert decode_canonical(canonical_json(value)) == value


@pytest.mark.parametrize("value", [1.0, {"a": [1, 2.5]}, (0.1,), float("nan")])
def test_floats_are_refused(value):
    with pytest.raises(TypeError):
        canonical_json(value)


@given(st.text(max_size=60), st.integers(1, 999))
def test_every_part_name_is_a_slot(material, number):
    import re

    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{0,47}", part_name(material, number))


@given(st.floats(0, 2**48 / 1000 - 1))
def test_a_uuid7_tells_version_variant_and_millisecond(wall_s):
    text = uuid7(wall_s)
    value = UUID(text)
    assert text == text.lower()
    assert value.version == 7
    assert value.variant == "specified in RFC 4122"
    assert value.int >> 80 == int(wall_s * 1000)


def test_uuid7s_of_one_moment_differ():
    assert len({uuid7(AT) for _ in range(1000)}) == 1000
