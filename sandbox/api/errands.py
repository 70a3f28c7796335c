"""Materials, payments, bookings and questions: what a person can do beside an application, online only."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from sqlalchemy.engine import RowMapping

from sandbox import appointments, consultations, materials, payments, signed
from sandbox.api.contract import IDEMPOTENCY, Answer, Auth, Call, Endpoint, Yes, etagged
from sandbox.api.public import IF_NONE_MATCH, NOT_MODIFIED
from sandbox.api.words import CaseNumber, Count, Date, Id, Key, Page, Seconds, Sha256, Short, Signed, Text, Uuid
from sandbox.cases import CHINA
from sandbox.problems import Problem

KEY = {IDEMPOTENCY: Key}
Code = Annotated[str, Meta(pattern=r"^M-[A-Z0-9-]{1,30}$(?!\n)", max_length=32)]
Notice = Annotated[str, Meta(pattern=r"^JF-[0-9]{12}$(?!\n)", max_length=15)]


# ── materials ──────────────────────────────────────────────────────────────────────────────


class MaterialSearch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Codes of the item's materials that could be reused."""

    codes: Annotated[tuple[Code, ...], Meta(min_length=1, max_length=20)]


class Material(msgspec.Struct, frozen=True):
    """A copy in the person's library 资料库."""

    ref: Id
    code: Code
    name_zh: Short
    name_en: Short
    issued: Date
    valid_until: Date
    pages: Count
    sha256: Sha256


class MaterialList(msgspec.Struct, frozen=True):
    """The newest valid copy of each code that has one."""

    materials: tuple[Material, ...]


class GrantRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Consent to reuse copies: the hash is that of the notice which was shown."""

    refs: Annotated[tuple[Id, ...], Meta(min_length=1, max_length=20)]
    notice_sha256: Sha256


class Grant(msgspec.Struct, frozen=True):
    """The consent on record; a manifest names it in `reuse[]` until `exp`."""

    grant_id: Id
    exp: Seconds


def _materials(call: Call) -> Answer:
    rows = materials.search(call.platform, call.person.person, call.body.codes)
    return Answer(200, MaterialList(tuple(_material(row) for row in rows)))


def _material(row: RowMapping) -> Material:
    zh, en = materials.NAMES[row["code"]]
    return Material(
        row["ref"], row["code"], zh, en, row["issued"], row["valid_until"], row["pages"], row["sha256"]
    )  # fmt: skip


def _grant(call: Call) -> Answer:
    row = materials.give_grant(
        call.platform, call.caller.dev, call.person.person, call.key, call.body.refs, call.body.notice_sha256
    )
    return Answer(201, Grant(row["grant_id"], row["exp"]))


# ── payments ───────────────────────────────────────────────────────────────────────────────


class OrderRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is paid for: a case's fee or a payment notice 缴款通知单, one of the two."""

    channel: Literal["wechat", "alipay", "unionpay", "pos"]
    case_number: CaseNumber | None = None
    notice_no: Notice | None = None


class Order(msgspec.Struct, frozen=True):
    """A payment order. Payee and amount are shown from here, never from a code on paper."""

    v: Literal[1]
    typ: Literal["order"]
    order: Id
    dev: Id
    subject: Short
    channel: Literal["wechat", "alipay", "unionpay", "pos"]
    payee: Short
    amount_fen: Count
    qr: Text
    ts: Seconds
    exp: Seconds


class OrderState(msgspec.Struct, frozen=True):
    """How an order stands at `ts`."""

    v: Literal[1]
    typ: Literal["order-state"]
    order: Id
    dev: Id
    subject: Short
    amount_fen: Count
    state: Literal["pending", "paid", "closed", "refunding", "refunded"]
    ts: Seconds


def _order(call: Call) -> Answer:
    asked: OrderRequest = call.body
    if bool(asked.case_number) == bool(asked.notice_no):
        raise Problem(422, "not_possible", "One of case_number and notice_no is named.")
    wire = payments.open_order(
        call.platform, call.person, call.key, asked.case_number or "", asked.notice_no or "", asked.channel
    )  # fmt: skip
    return Answer(201, msgspec.convert(wire, Signed))


def _order_state(call: Call) -> Answer:
    wire = payments.tell_order(call.platform, call.caller.dev, call.path["order"])
    return Answer(200, msgspec.convert(wire, Signed))


def _close(call: Call) -> Answer:
    wire = payments.close_order(call.platform, call.caller.dev, call.path["order"])
    return Answer(200, msgspec.convert(wire, Signed))


# ── appointments ───────────────────────────────────────────────────────────────────────────


class SiteQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sites that serve an item."""

    item: Annotated[str, Meta(max_length=64)] = ""


class Site(msgspec.Struct, frozen=True):
    """A place that can be booked."""

    site: Id
    name_zh: Short
    name_en: Short
    address: Short


class SiteList(msgspec.Struct, frozen=True):
    """The places."""

    sites: tuple[Site, ...]


class SlotQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    """Slots of seven days at one site."""

    site: Id
    item: Annotated[str, Meta(max_length=64)] = ""
    from_: Date | None = None


class SlotFacts(msgspec.Struct, frozen=True):
    """One time at one place, and how many may still come."""

    slot: Id
    start: Annotated[str, Meta(description="ISO 8601 with offset", max_length=32)]
    free: Count


class SlotList(msgspec.Struct, frozen=True):
    """The times, earliest first."""

    slots: tuple[SlotFacts, ...]


class BookingRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is booked; the contact is told to that place only."""

    slot: Id
    item: Annotated[str, Meta(max_length=64)]
    contact: Annotated[str, Meta(max_length=64)]


class BookingSlip(msgspec.Struct, frozen=True):
    """What is printed."""

    site_zh: Short
    site_en: Short
    address: Short
    when: Annotated[str, Meta(description="ISO 8601 with offset", max_length=32)]


class Booking(msgspec.Struct, frozen=True):
    """A booking: the code is called out at the place."""

    code: Short
    slip: BookingSlip


def _sites(call: Call) -> Answer:
    listed = (Site(site, *texts) for site, texts in appointments.SITES.items())
    return etagged(call, SiteList(tuple(listed)))


def _slots(call: Call) -> Answer:
    found = appointments.slots(call.platform, call.query.site, call.query.from_ or "")
    return etagged(call, SlotList(tuple(SlotFacts(one.slot, _when(one.start), one.free) for one in found)))


def _book(call: Call) -> Answer:
    asked: dict[str, Any] = msgspec.to_builtins(call.body)
    row, is_new = appointments.book(call.platform, call.person, call.path["uuid"], asked)
    booking = Booking(row["code"], msgspec.convert(appointments.compose_slip(row), BookingSlip))
    return Answer(201 if is_new else 200, booking)


def _cancel(call: Call) -> Answer:
    appointments.cancel(call.platform, call.person.person, call.path["uuid"])
    return Answer(204)


# ── consultations ──────────────────────────────────────────────────────────────────────────


class QuestionSearch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which page of the person's questions."""

    page: Page = 1


class Question(msgspec.Struct, frozen=True):
    """A question or complaint with its answer, which is empty until there is one."""

    case_number: CaseNumber
    kind: Literal["consultation", "complaint"]
    state: Short
    text: Text
    asked: Annotated[str, Meta(max_length=32)]
    due: Date
    answer: Text
    answered: Annotated[str, Meta(max_length=32)]


class QuestionPage(msgspec.Struct, frozen=True):
    """A page of questions, newest first."""

    questions: tuple[Question, ...]
    page: int


def _questions(call: Call) -> Answer:
    found = consultations.search(call.platform.store, call.person.person, call.body.page)
    listed = (
        Question(
            one.case_number, msgspec.convert(one.kind, Literal["consultation", "complaint"]), one.state, one.text,
            _when(one.asked), one.due, one.answer, _when(one.answered) if one.answered else "",
        )
        for one in found
    )  # fmt: skip
    return Answer(200, QuestionPage(tuple(listed), call.body.page))


def _when(at: int) -> str:
    return dt.datetime.fromtimestamp(at, CHINA).isoformat(timespec="seconds")


ORDER = {"order": Id}
BOOKING = {"uuid": Uuid}
ENDPOINTS = (
    Endpoint(
        "POST", "/materials/search", "What the person's library holds of these codes.",
        {200: Yes("the copies", MaterialList)}, auth=Auth.PERSON, body=MaterialSearch, handle=_materials,
    ),
    Endpoint(
        "POST", "/materials/grants", "Consent to reuse copies.", {201: Yes("the grant", Grant)},
        ("not_found", "superseded", "gone", "id_reused"), auth=Auth.PERSON, body=GrantRequest, headers=KEY,
        repeat="same Idempotency-Key → same grant", handle=_grant,
    ),
    Endpoint(
        "POST", "/payments/orders", "Open a payment order, good for two minutes.",
        {201: Yes("the order", Signed, signs=Order, purpose=signed.ORDER)},
        ("not_found", "already_paid", "id_reused", "not_possible"), auth=Auth.PERSON, body=OrderRequest, headers=KEY,
        repeat="same Idempotency-Key → same order", handle=_order,
    ),
    Endpoint(
        "GET", "/payments/orders/{order}", "How an order stands. Asked every two seconds.",
        {200: Yes("the state", Signed, signs=OrderState, purpose=signed.ORDER)}, ("not_found",), params=ORDER,
        handle=_order_state,
    ),
    Endpoint(
        "POST", "/payments/orders/{order}/close", "Close an order that nobody paid.",
        {200: Yes("the state", Signed, signs=OrderState, purpose=signed.ORDER)}, ("not_found", "paid"), params=ORDER,
        repeat="closed stays closed", handle=_close,
    ),
    Endpoint(
        "GET", "/appointments/sites", "Places that can be booked.",
        {200: Yes("the places", SiteList, headers=("ETag",)), 304: NOT_MODIFIED},
        query=SiteQuery, headers=IF_NONE_MATCH, handle=_sites,
    ),
    Endpoint(
        "GET", "/appointments/slots", "Times at one place, seven days from a day.",
        {200: Yes("the times", SlotList, headers=("ETag",)), 304: NOT_MODIFIED}, ("not_possible",),
        query=SlotQuery, headers=IF_NONE_MATCH, handle=_slots,
    ),
    Endpoint(
        "PUT", "/appointments/{uuid}", "Book a time.",
        {201: Yes("booked", Booking), 200: Yes("booked before", Booking)},
        ("not_found", "slot_taken", "too_late", "id_reused", "not_possible"), auth=Auth.PERSON, body=BookingRequest,
        params=BOOKING, repeat="same uuid → same booking", handle=_book,
    ),
    Endpoint(
        "DELETE", "/appointments/{uuid}", "Give the time back.", {204: Yes("cancelled", media=())},
        ("not_found", "too_late"), auth=Auth.PERSON, params=BOOKING, repeat="cancelled stays cancelled",
        handle=_cancel,
    ),
    Endpoint(
        "POST", "/consultations/search", "The person's questions and complaints, with answers and due days.",
        {200: Yes("a page of questions", QuestionPage)}, auth=Auth.PERSON, body=QuestionSearch, handle=_questions,
    ),
)  # fmt: skip
