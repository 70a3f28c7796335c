"""What an applicant may ask of their cases: a masked list, one timeline, an open correction, a document."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
import sqlalchemy as sa
from msgspec import Meta

from sandbox import case_views, persons, signed
from sandbox.api.contract import Answer, Auth, Call, Endpoint, Yes
from sandbox.api.words import CaseNumber, Count, Date, Id, Page, Sha256, Short, Text
from sandbox.canonical import encode_b64url
from sandbox.case_tables import case_document
from sandbox.casework import CaseState
from sandbox.documents import BadDocument, read_document
from sandbox.problems import Problem

DOCUMENT = "Jinban-Document"
Moment = Annotated[str, Meta(description="ISO 8601 with offset", max_length=32)]
Item = Annotated[str, Meta(max_length=64)]


class Words(msgspec.Struct, frozen=True):
    """A word in both languages; empty where there is nothing to say."""

    zh: Text = ""
    en: Text = ""


class ItemName(msgspec.Struct, frozen=True):
    """The service item of a case."""

    code: Item
    zh: Short
    en: Short


class CaseSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One case in a list. `as_of`: when the platform said so."""

    case_number: CaseNumber
    kind: Literal["submission", "consultation", "complaint"]
    item: ItemName
    state: CaseState
    state_name: Words
    next: Words
    received: Moment
    changed: Moment
    as_of: Moment


class Applicant(msgspec.Struct, frozen=True):
    """The applicant, masked."""

    name: Short
    id_number: Short


class Step(msgspec.Struct, frozen=True):
    """One entry of the timeline. `stage`: 收件 intake · 受理 acceptance · 过程 process · 结果 result."""

    step: Count
    stage: Literal["intake", "acceptance", "process", "result"]
    move: Short
    name: Words
    state: CaseState
    at: Moment
    reason: Words
    words: Text


class Wanted(msgspec.Struct, frozen=True):
    """One material to correct, and why."""

    code: Item
    name: Words
    reason: Text


class Correction(msgspec.Struct, frozen=True):
    """What must be corrected by when. A correction names `request_id` and works offline."""

    request_id: Id
    deadline: Date
    materials: tuple[Wanted, ...]


class DocumentFacts(msgspec.Struct, frozen=True):
    """A document that can be fetched."""

    doc: Id
    kind: Literal["acceptance", "refusal", "correction", "result"]
    name: Words
    mime: Short
    bytes: Count
    sha256: Sha256
    at: Moment


class CaseTold(CaseSummary, frozen=True, kw_only=True):
    """Everything an applicant may know of a case."""

    applicant: Applicant
    acceptance_number: Short
    promised: Short
    outcome: Words
    delivery: Words
    timeline: tuple[Step, ...]
    correction: Correction | None
    documents: tuple[DocumentFacts, ...]


class CaseSearch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which cases; what is not named does not choose."""

    state: CaseState | None = None
    item: Item = ""
    page: Page = 1


class CasePage(msgspec.Struct, frozen=True):
    """A page of cases, newest first."""

    cases: tuple[CaseSummary, ...]
    page: int
    has_more: bool


class DocumentObject(msgspec.Struct, frozen=True):
    """The platform's word on a document, in the header Jinban-Document of its bytes."""

    v: Literal[1]
    typ: Literal["document"]
    case_number: CaseNumber
    kind: Literal["acceptance", "refusal", "correction", "result"]
    mime: Short
    bytes: Count
    sha256: Sha256
    ts: Count


def _search(call: Call) -> Answer:
    asked: CaseSearch = call.body

    def page(number: int) -> tuple[CaseSummary, ...]:
        listed = case_views.list_cases(
            call.platform.store, call.person.person, call.platform.now(),
            state=str(asked.state or ""), item=asked.item, page=number,
        )  # fmt: skip
        return msgspec.convert(listed, tuple[CaseSummary, ...])

    cases = page(asked.page)
    has_more = len(cases) == case_views.PAGE and bool(page(asked.page + 1))
    return Answer(200, CasePage(cases, asked.page, has_more))


def _tell(call: Call) -> Answer:
    number = _own(call)
    told = case_views.tell_case(call.platform.store, number, call.platform.now())
    return Answer(200, msgspec.convert(told, CaseTold))


def _correction(call: Call) -> Answer:
    found = case_views.find_open_request(call.platform.store, _own(call))
    if found is None:
        raise Problem(404, "no_correction")
    return Answer(200, msgspec.convert(found, Correction))


def _document(call: Call) -> Answer:
    is_it = (case_document.c.case_number == _own(call)) & (case_document.c.doc == call.path["doc"])
    row = call.platform.store.one(sa.select(case_document).where(is_it))
    if row is None:
        raise Problem(404, "not_found")
    try:
        data = read_document(call.platform, row)
    except (OSError, BadDocument) as fault:
        raise Problem(410, "gone") from fault
    with call.platform.store.begin() as connection:
        connection.execute(case_document.update().where(is_it).values(prints=case_document.c.prints + 1))
    return Answer(200, data, {DOCUMENT: encode_b64url(row["signed"].encode())}, media=row["mime"])


def _own(call: Call) -> str:
    return str(persons.require_case(call.platform, call.person.person, call.path["case_number"])["case_number"])


NUMBER = {"case_number": CaseNumber}
ENDPOINTS = (
    Endpoint(
        "POST", "/cases/search", "The person's cases, masked.", {200: Yes("a page of cases", CasePage)},
        auth=Auth.PERSON, body=CaseSearch, handle=_search,
    ),
    Endpoint(
        "GET", "/cases/{case_number}", "One case with its timeline 收件·受理·过程·结果.",
        {200: Yes("the case", CaseTold)}, ("not_found",), auth=Auth.PERSON, params=NUMBER, handle=_tell,
    ),
    Endpoint(
        "GET", "/cases/{case_number}/correction", "The open correction 补正, if one is.",
        {200: Yes("what to correct", Correction)}, ("not_found", "no_correction"),
        auth=Auth.PERSON, params=NUMBER, handle=_correction,
    ),
    Endpoint(
        "GET", "/cases/{case_number}/results/{doc}", "A document's bytes; each fetch is counted as a print.",
        {200: Yes("the bytes as they were kept", media=("application/pdf", "image/png", "image/jpeg"),
                  signs=DocumentObject, purpose=signed.RESULT, headers=(DOCUMENT,))},
        ("not_found", "gone"), auth=Auth.PERSON, params={**NUMBER, "doc": Id}, handle=_document,
    ),
)  # fmt: skip
