"""What a person asks at the terminal, over real HTTPS, while an officer moves their case."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from kiosk.central.queries import Queries, Ticket
from kiosk.station.private import Private
from offline_queue.api import Refused, Unauthorised
from sandbox import casework, materials, payments
from sandbox.case_views import find_case
from sandbox.documents import keep_document
from sandbox.platform import Platform
from tests.fixtures.citizen import OTHER, WOMAN, enrolled_link, file_submission, officers_hands, queries_of
from tests.fixtures.platform import LivePlatform, enrolled_terminal, running_platform
from tests.fixtures.platform_terminal import TestTerminal

PDF = b"%PDF-1.7\nthe result\n%%EOF\n"
NOTICE = "ab" * 32


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivePlatform]:
    with running_platform(tmp_path_factory.mktemp("platform")) as live:
        yield live


@pytest.fixture(scope="module")
def sender(platform: LivePlatform) -> Iterator[TestTerminal]:
    with enrolled_terminal(platform) as made:
        yield made


@pytest.fixture(scope="module")
def office(platform: LivePlatform) -> Iterator[Platform]:
    with officers_hands(platform) as opened:
        yield opened


@pytest.fixture(scope="module")
def queries(platform: LivePlatform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Queries]:
    with enrolled_link(platform, tmp_path_factory.mktemp("terminal")) as (link, ring):
        yield queries_of(link, ring)


@pytest.fixture
def ticket(queries: Queries) -> Ticket:
    return queries.open_ticket(WOMAN, f"visit-{uuid.uuid4()}")


def step_of(office: Platform, number: str) -> int:
    return int(find_case(office.store, number)["step"])


def declined(code: str, ask, *given, **named) -> None:
    with pytest.raises(Refused) as caught:
        ask(*given, **named)
    assert caught.value.code == code


# ── tickets ────────────────────────────────────────────────────────────────────────────────


def test_a_ticket_ends_with_its_visit(queries, ticket):
    assert ticket.level == "card"
    assert "•••" in repr(ticket)
    assert queries.cases(ticket).page == 1
    queries.end_ticket(ticket)
    with pytest.raises(Unauthorised, match="ticket_expired"):
        queries.cases(ticket)


def test_a_ticket_is_worth_nothing_at_another_terminal(ticket, sender):
    answer = sender.ask("POST", "/v1/cases/search", json={}, headers={"Jinban-Ticket": ticket.secret.reveal()})
    assert (answer.status_code, answer.json()["code"]) == (401, "ticket_expired")


def test_a_number_that_cannot_be_is_not_believed(sender):
    identity = {"kind": "id_card", "name": "王秀英", "id_number": "330402194503050021"}
    evidence = {"method": "card_read", "at": 1}
    for number, status, code in (("330402194503050020", 403, "identity_unverified"), ("", 400, "bad_request")):
        body = {"identity": {**identity, "id_number": number}, "evidence": evidence, "session": "s-1"}
        answer = sender.ask("POST", "/v1/persons/ticket", json=body)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert "王秀英" not in answer.text


# ── a case from intake to result ───────────────────────────────────────────────────────────


def test_the_terminal_sees_every_state_of_a_case(queries, ticket, sender, office):
    _, number = file_submission(sender, WOMAN)
    found = queries.case(ticket, number)
    assert (found.state, found.item.code, found.kind) == ("delivered", "SIM-YB-0001", "submission")
    assert [step.stage for step in found.timeline] == ["intake"]
    declined("no_correction", queries.correction, ticket, number)

    wanted = (casework.Wanted("M-BANK", "银行卡", "Bank card", "看不清卡号"),)
    asked = {"officer": "o-1", "at": office.now()}
    casework.ask_correction(
        office.store, number, **asked, seen=step_of(office, number), wanted=wanted, deadline="2099-12-31"
    )
    found = queries.case(ticket, number)
    correction = queries.correction(ticket, number)
    assert (found.state, found.correction) == ("correction_required", correction)
    assert correction.materials[0].reason.reveal() == "看不清卡号"
    assert "看不清" not in repr(correction)

    named = {"case_number": number, "request_id": correction.request_id}
    assert file_submission(sender, WOMAN, "correction", **named) == (201, number)
    assert file_submission(sender, WOMAN, "correction", **named) == (422, "correction_closed")
    assert queries.case(ticket, number).state == "correction_sent"

    casework.accept(office.store, number, **asked, seen=step_of(office, number), promised="2099-12-31", words="已受理")
    assert queries.case(ticket, number).acceptance_number

    row = find_case(office.store, number)
    kept = keep_document(office, number, "result", PDF, dev=row["dev"], sid=row["sid"])
    casework.conclude(
        office.store, number, **asked, seen=step_of(office, number), outcome="issued", document=kept, words="好"
    )
    found = queries.case(ticket, number)
    assert found.state == "concluded"
    assert [step.move for step in found.timeline] == ["receive", "ask", "answer", "accept", "conclude"]
    document = queries.document(ticket, number, found.documents[-1])
    assert (document.mime, document.data.reveal()) == ("application/pdf", PDF)
    assert number in [case.case_number for case in queries.cases(ticket, state="concluded").cases]
    assert number not in [case.case_number for case in queries.cases(ticket, state="accepted").cases]


def test_somebody_elses_case_is_not_there(queries, ticket, sender):
    _, number = file_submission(sender, OTHER)
    assert number not in [case.case_number for case in queries.cases(ticket).cases]
    declined("not_found", queries.case, ticket, number)
    declined("not_found", queries.correction, ticket, number)
    for strange in ("SIM-20261129-999999-9", "../time", "..", "a?b=c#d", "王"):
        declined("not_found", queries.case, ticket, strange)


def test_a_list_goes_on_over_pages(queries, sender):
    person = OTHER
    ticket = queries.open_ticket(person, f"visit-{uuid.uuid4()}")
    numbers = {file_submission(sender, person)[1] for _ in range(22)}
    first, second = queries.cases(ticket), queries.cases(ticket, page=2)
    assert (len(first.cases), first.has_more, second.has_more) == (20, True, False)
    assert numbers <= {case.case_number for case in (*first.cases, *second.cases)}


# ── ratings, questions ─────────────────────────────────────────────────────────────────────


def test_a_case_has_one_rating(sender, platform):
    consignment = sender.pack({}, {"identity": {"kind": "anonymous"}})
    _, number = file_submission(sender, WOMAN)
    assert file_submission(sender, None, "rating", case_number=number, level=5)[0] == 201
    assert file_submission(sender, None, "rating", case_number=number, level=1) == (422, "already_rated")
    assert file_submission(sender, None, "rating", case_number="SIM-20200101-000001-0", level=5) == (422, "refused")
    assert file_submission(sender, None, "rating", case_number=number, level=6) == (422, "refused")

    # given offline: it follows a submission whose case number nobody knew, and may come first
    waiting = sender.pack({}, {"identity": {"kind": "anonymous"}, "level": 4})
    waiting.envelope.update(kind="rating", after=consignment.sid)
    early = sender.put(waiting)
    assert (early.status_code, early.json()["code"]) == (409, "in_progress")
    assert early.headers["Retry-After"]
    assert sender.put(consignment).status_code == 201
    first, again = sender.put(waiting), sender.put(waiting)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.content == again.content


def test_a_question_shows_its_answer_when_there_is_one(queries, ticket, sender, office):
    _, number = file_submission(sender, WOMAN, "consultation", text="低保怎么申请?")
    file_submission(sender, None, "complaint", text="匿名")

    def asked():
        return next(one for one in queries.questions(ticket).questions if one.case_number == number)

    assert (asked().text.reveal(), asked().answer.reveal(), asked().kind) == ("低保怎么申请?", "", "consultation")
    assert all(one.text.reveal() != "匿名" for one in queries.questions(ticket).questions)
    casework.refuse(
        office.store, number, officer="o-1", at=office.now(), seen=1, reason="other", words="请到窗口"
    )  # fmt: skip
    assert asked().answer.reveal() == "请到窗口"


# ── library, payment, booking ──────────────────────────────────────────────────────────────


def test_consent_is_recorded_once_and_only_for_the_newest_copy(queries, ticket, office):
    found = queries.materials(ticket, ("M-HUKOU", "M-NOSUCH")).materials
    assert [one.code for one in found] == ["M-HUKOU"]
    key = str(uuid.uuid4())
    grant = queries.grant(ticket, (found[0].ref,), NOTICE, key)
    assert queries.grant(ticket, (found[0].ref,), NOTICE, key) == grant
    declined("id_reused", queries.grant, ticket, (found[0].ref,), "cd" * 32, key)
    declined("not_found", queries.grant, ticket, ("0" * 32,), NOTICE, str(uuid.uuid4()))
    newer = materials.renew(office, found[0].ref)
    declined("superseded", queries.grant, ticket, (found[0].ref,), NOTICE, str(uuid.uuid4()))
    assert queries.materials(ticket, ("M-HUKOU",)).materials[0].ref == newer
    expired = materials.renew(office, newer, valid_until="2020-01-01")
    declined("gone", queries.grant, ticket, (expired,), NOTICE, str(uuid.uuid4()))
    assert queries.materials(ticket, ("M-HUKOU",)).materials == ()


def test_an_order_is_paid_once(queries, ticket, office):
    key = str(uuid.uuid4())
    order = queries.open_order(ticket, "alipay", key, notice_no="JF-202611290001")
    assert queries.open_order(ticket, "alipay", key, notice_no="JF-202611290001") == order
    declined("id_reused", queries.open_order, ticket, "wechat", key, notice_no="JF-202611290001")
    assert (order.amount_fen, order.exp - order.ts) == (payments.amount_fen("JF-202611290001"), 120)
    assert queries.order_state(order).state == "pending"
    assert payments.move_order(office, order.order, "paid")
    assert queries.order_state(order).state == "paid"
    declined("paid", queries.close_order, order)
    declined("already_paid", queries.open_order, ticket, "alipay", str(uuid.uuid4()), notice_no="JF-202611290001")

    second = queries.open_order(ticket, "pos", str(uuid.uuid4()), notice_no="JF-202611290002")
    assert [queries.close_order(second).state for _ in range(2)] == ["closed", "closed"]
    assert not payments.move_order(office, second.order, "paid")
    declined("not_possible", queries.open_order, ticket, "pos", str(uuid.uuid4()))


def test_a_slot_has_two_seats_and_a_booking_one_uuid(queries, ticket):
    site = queries.sites().sites[0].site
    slot = queries.slots(site).slots[-1].slot
    mine, contact = str(uuid.uuid4()), Private("13800000000")
    booking = queries.book(ticket, mine, slot, "SIM-YB-0001", contact)
    assert queries.book(ticket, mine, slot, "SIM-YB-0001", contact) == booking
    declined("id_reused", queries.book, ticket, mine, slot, "SIM-YB-0001", Private("13900000000"))
    other = queries.open_ticket(OTHER, f"visit-{uuid.uuid4()}")
    declined("not_found", queries.book, other, mine, slot, "SIM-YB-0001", contact)
    declined("not_found", queries.cancel, other, mine)
    queries.book(other, str(uuid.uuid4()), slot, "", contact)
    declined("slot_taken", queries.book, other, str(uuid.uuid4()), slot, "", contact)
    assert next(one.free for one in queries.slots(site).slots if one.slot == slot) == 0
    queries.cancel(ticket, mine)
    queries.cancel(ticket, mine)
    queries.book(other, str(uuid.uuid4()), slot, "", contact)
    declined("too_late", queries.book, ticket, str(uuid.uuid4()), f"{site}-20200106-0900", "", contact)
    declined("not_possible", queries.book, ticket, str(uuid.uuid4()), f"{site}-20200105-0900", "", contact)
    declined("not_possible", queries.slots, "demo-nowhere")
