"""The terminal believes an answer about a person only if it is what the contract says, and repeats no word of it."""

from __future__ import annotations

import hashlib
import json
import uuid
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.central.queries import Queries, Ticket
from kiosk.central.query_values import Case, CasePage, DocumentFacts, Questions, decode_value
from kiosk.station.private import Private
from kiosk.trust.signed import to_base64url
from offline_queue.api import AnswerFault, Busy, QueueError, Refused, Unauthorised, Unreachable
from tests.fixtures.central import DEVICE_ID, NOW_S, Asked, Say, answer, html, problem
from tests.fixtures.citizen import WOMAN

NUMBER = "SIM-20261123-000001-8"
PDF = b"%PDF-1.7\nresult\n%%EOF\n"
TICKET = Ticket(Private("secret-of-the-visit"), 10**9, "card")
WORDS = {"zh": "字", "en": "word"}
SUMMARY = {
    "case_number": NUMBER, "kind": "submission", "item": {"code": "SIM-YB-0001", "zh": "参保", "en": "Enrol"},
    "state": "delivered", "as_of": "2026-11-23T10:00:00+08:00",
}  # fmt: skip
CASE = {
    **SUMMARY, "applicant": {"name": "王*英", "id_number": "330402********0021"},
    "timeline": [{"step": 1, "stage": "intake", "move": "receive", "name": WORDS, "state": "delivered",
                  "at": "2026-11-23", "reason": {}, "words": "私密的话"}],
}  # fmt: skip
FACTS = DocumentFacts("result-5", "result", **{
    "name": decode_value(CasePage, {"cases": [SUMMARY]}).cases[0].next, "mime": "application/pdf",
    "size_bytes": len(PDF), "sha256": hashlib.sha256(PDF).hexdigest(),
})  # fmt: skip


@pytest.fixture
def queries(link, signer) -> Queries:
    return Queries(link.authorised, signer.ring(), link.time, DEVICE_ID)


# ── what is asked ──────────────────────────────────────────────────────────────────────────


def test_person_data_goes_in_bodies_and_headers_only(queries, server):
    server.say("POST", "persons", answer(200, {"person_ticket": "t-1", "expires_in": 600, "level": "card"}))
    server.say("POST", "cases", answer(200, {"cases": [SUMMARY]}))
    server.say("PUT", "appointments", answer(201, {"code": "Y1", "slip": {
        "site_zh": "厅", "site_en": "Hall", "address": "路1号", "when": "2026-11-24T09:00+08:00"}}))  # fmt: skip
    ticket = queries.open_ticket(WOMAN, "visit-1")
    queries.cases(ticket, state="delivered")
    queries.book(ticket, str(uuid.uuid4()), "slot-1", "", Private("13800000000"))
    for asked in server.asked:
        target = asked.path + json.dumps({k: v for k, v in asked.headers.items() if k != "jinban-ticket"})
        assert not any(word in target for word in ("13800000000", WOMAN.id_number.reveal(), "t-1", "王"))
    assert server.seen("POST", "cases")[0].headers["jinban-ticket"] == "t-1"
    assert json.loads(server.seen("POST", "cases")[0].body) == {"state": "delivered", "page": 1}
    assert server.seen("PUT", "appointments")[0].headers["idempotency-key"]


def test_a_ticket_is_over_before_the_platform_says_so(queries, server, clock):
    server.say("POST", "persons", answer(200, {"person_ticket": "t-1", "expires_in": 600, "level": "card"}))
    ticket = queries.open_ticket(WOMAN, "visit-1")
    clock.advance(584)
    assert not queries.is_over(ticket)
    clock.advance(2)
    assert queries.is_over(ticket)


@pytest.mark.parametrize("change", [
    {"person_ticket": ""}, {"person_ticket": "a b"}, {"person_ticket": "x" * 129}, {"person_ticket": "票"},
    {"person_ticket": 5}, {"expires_in": 0}, {"expires_in": 601}, {"expires_in": "600"}, {"expires_in": True},
    {"level": None},
])  # fmt: skip
def test_a_ticket_that_cannot_be_is_refused(queries, server, change):
    good = {"person_ticket": "t-1", "expires_in": 600, "level": "card"}
    server.say("POST", "persons", answer(200, {**good, **change}))
    with pytest.raises(AnswerFault, match="bad_ticket"):
        queries.open_ticket(WOMAN, "visit-1")


# ── what is said ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("say", "error", "code"), [
    (problem(404, "not_found"), Refused, "not_found"),
    (problem(403, "identity_unverified"), Refused, "identity_unverified"),
    (problem(409, "slot_taken"), Refused, "slot_taken"),
    (problem(401, "ticket_expired"), Unauthorised, "ticket_expired"),
    (problem(403, "device_suspended"), Unauthorised, "device_suspended"),
    (problem(503, "busy", **{"Retry-After": "7"}), Busy, "busy"),
    (Say(404, b"gone", {"Content-Type": "text/plain"}), Unreachable, "gateway"),  # no word of the platform's
    (problem(404, "a_word_from_nowhere"), Unreachable, "gateway"),
    (problem(500, "oops"), Unreachable, "server_error"),
    (html(), Unreachable, "portal"),
    (html(404), Unreachable, "portal"),
    (Say(302, b"", {"Location": "https://elsewhere.example/"}), Unreachable, "portal"),
    (answer(201, CASE), AnswerFault, "unexpected_answer"),
    (Say(200, b"not json", {"Content-Type": "application/json"}), AnswerFault, "not_json"),
    (Say(200, b'{"cases":[],"cases":[]}', {"Content-Type": "application/json"}), AnswerFault, "not_json"),
    (Say(200, b'{"cases":NaN}', {"Content-Type": "application/json"}), AnswerFault, "not_json"),
    (Say(200, b"[" * 5000, {"Content-Type": "application/json"}), AnswerFault, "not_json"),
    (Say(200, b" " * 70_000, {"Content-Type": "application/json"}), Unreachable, "answer_too_large"),
    (Say(200, b"{}", {"Content-Encoding": "gzip"}), Unreachable, "encoded_answer"),
    (Say(200, json.dumps(CASE).encode(), cut_after=30), Unreachable, "cut"),
    (answer(200, {**CASE, "case_number": "SIM-20261123-000002-6"}), AnswerFault, "other_case"),
])  # fmt: skip
def test_each_answer_is_its_own_error(queries, server, say, error, code):
    server.say("GET", "cases", say)
    with pytest.raises(QueueError) as caught:
        queries.case(TICKET, NUMBER)
    assert (type(caught.value), caught.value.code) == (error, code)


def test_a_case_is_read_and_none_of_it_is_printed(queries, server):
    server.say("GET", "cases", answer(200, {**CASE, "something_new": [1]}))
    found = queries.case(TICKET, NUMBER)
    assert found.timeline[0].words.reveal() == "私密的话"
    assert not any(word in repr(found) for word in ("私密", "王*英", "330402"))


def test_a_wrong_value_is_not_quoted_in_the_error(queries, server):
    wrong = {**CASE, "applicant": {"name": {"secret": "王秀英"}, "id_number": "x"}}
    server.say("GET", "cases", answer(200, wrong))
    with pytest.raises(AnswerFault) as caught:
        queries.case(TICKET, NUMBER)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert "王" not in str(caught.value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["cases", "questions", "timeline", "applicant", "name", "text", "x"]), inner
            )
        ),
    )
)
def test_any_json_is_a_value_or_one_error(raw: Any) -> None:
    for kind in (CasePage, Case, Questions):
        with suppress(AnswerFault):
            assert isinstance(decode_value(kind, raw), kind)


def test_an_ended_ticket_costs_no_device_token(queries, server):
    server.say("GET", "cases", problem(401, "ticket_expired"))
    for _ in range(2):
        with pytest.raises(Unauthorised, match="ticket_expired"):
            queries.case(TICKET, NUMBER)
    assert (server.tokens, len(server.seen("GET", "cases"))) == (1, 2)


# ── documents ──────────────────────────────────────────────────────────────────────────────


def document(signer, body: bytes = PDF, use: str = "notice", purpose: str = "kiosk/result/v1", **changes: Any) -> Say:
    value = {
        "v": 1, "typ": "document", "case_number": NUMBER, "kind": "result", "mime": "application/pdf",
        "bytes": len(PDF), "sha256": hashlib.sha256(PDF).hexdigest(), "ts": NOW_S, **changes,
    }  # fmt: skip
    wire = json.dumps(signer.wire(use, purpose, value)).encode()
    return Say(200, body, {"Content-Type": "application/pdf", "Jinban-Document": to_base64url(wire)})


def test_a_document_is_what_was_signed(queries, server, signer):
    server.say("GET", "cases", document(signer))
    found = queries.document(TICKET, NUMBER, FACTS)
    assert (found.data.reveal(), found.mime) == (PDF, "application/pdf")
    assert "result\\n" not in repr(found)


def test_a_document_that_is_not_what_was_signed_is_not_shown(queries, server, signer):
    html_page = b"<script>" + PDF
    bad = [
        document(signer, body=PDF + b" "), document(signer, body=PDF[:-1]), document(signer, body=b""),
        document(signer, case_number="SIM-20261123-000002-6"), document(signer, kind="refusal"),
        document(signer, sha256="0" * 64), document(signer, bytes=1), document(signer, mime="image/png"),
        document(signer, use="time"), document(signer, purpose="kiosk/notice/v1"), document(signer, typ="notice"),
        document(signer, body=html_page, sha256=hashlib.sha256(html_page).hexdigest(), bytes=len(html_page)),
        Say(200, PDF, {"Content-Type": "application/pdf"}),
        Say(200, PDF, {"Content-Type": "application/pdf", "Jinban-Document": "!!"}),
        Say(200, PDF, {"Content-Type": "application/pdf", "Jinban-Document": to_base64url(b"[]")}),
    ]  # fmt: skip
    for say in bad:
        server.say("GET", "cases", say)
        with pytest.raises(AnswerFault):
            queries.document(TICKET, NUMBER, FACTS)
    server.say("GET", "cases", document(signer, body=b"%PDF-" + b" " * (10 << 20)))
    with pytest.raises(Unreachable, match="answer_too_large"):
        queries.document(TICKET, NUMBER, FACTS)


# ── orders ─────────────────────────────────────────────────────────────────────────────────

ORDER = {
    "v": 1, "typ": "order", "order": "P1", "dev": DEVICE_ID, "subject": "JF-202611230001", "channel": "pos",
    "payee": "示例", "amount_fen": 500, "qr": "demo", "ts": NOW_S, "exp": NOW_S + 120,
}  # fmt: skip


def open_order(queries: Queries) -> Any:
    return queries.open_order(TICKET, "pos", str(uuid.uuid4()), notice_no="JF-202611230001")


@pytest.mark.parametrize("change", [
    {"dev": "K-000124"}, {"subject": "JF-202611230002"}, {"channel": "wechat"}, {"typ": "order-state"},
    {"exp": NOW_S + 121}, {"exp": NOW_S}, {"ts": NOW_S - 120, "exp": NOW_S}, {"amount_fen": 0}, {"amount_fen": -5},
    {"amount_fen": "500"}, {"payee": None}, {"ts": None},
])  # fmt: skip
def test_an_order_that_is_not_ours_not_for_this_or_over_is_not_shown(queries, server, signer, change):
    server.say("POST", "payments", answer(201, signer.wire("order", "kiosk/order/v1", {**ORDER, **change})))
    with pytest.raises(AnswerFault):
        open_order(queries)


def test_only_the_order_key_signs_orders(queries, server, signer):
    good = signer.wire("order", "kiosk/order/v1", ORDER)
    server.say("POST", "payments", answer(201, good))
    assert open_order(queries).amount_fen == 500
    for wire in (signer.wire("notice", "kiosk/order/v1", ORDER), signer.wire("order", "kiosk/time/v1", ORDER),
                 {**good, "kid": "order-2"}, {"order": "P1"}):  # fmt: skip
        server.say("POST", "payments", answer(201, wire))
        with pytest.raises(AnswerFault, match="order_unverified"):
            open_order(queries)


def test_an_old_word_on_an_order_is_not_believed(queries, server, signer):
    server.say("POST", "payments", answer(201, signer.wire("order", "kiosk/order/v1", ORDER)))
    order = open_order(queries)

    def state(**changes: Any) -> None:
        value = {key: ORDER[key] for key in ("v", "order", "dev", "subject", "amount_fen", "ts")}
        told = {**value, "typ": "order-state", "state": "paid", **changes}
        server.say("GET", "payments", answer(200, signer.wire("order", "kiosk/order/v1", told)))

    state()
    assert queries.order_state(order).state == "paid"
    for change in ({"ts": NOW_S - 61}, {"ts": NOW_S + 61}, {"order": "P2"}, {"amount_fen": 1}, {"subject": "x"},
                   {"typ": "order"}):  # fmt: skip
        state(**change)
        with pytest.raises(AnswerFault, match="order_unverified"):
            queries.order_state(order)


def test_an_address_never_leaves_its_segment(queries, server):
    seen: list[str] = []

    def note(asked: Asked) -> Say:
        seen.append(asked.path)
        return problem(404, "not_found")

    server.say("GET", "cases", note)
    for text in ("a/b", "a?b", "a#b", "../keys", "%2e%2e", "票"):
        with pytest.raises(Refused):
            queries.case(TICKET, text)
    assert all(path.count("/") == 3 and "?" not in path for path in seen)
    for text in ("", ".", ".."):
        with pytest.raises(Refused):
            queries.case(TICKET, text)
    assert len(seen) == 6
