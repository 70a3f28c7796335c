"""What the platform tells a person, as typed values. Strings that a person wrote or that speak of one are `Private`.

Names follow reference/queue-and-sync.md §9.3 and docs/platform-api.md. Words of the platform (states, kinds) stay
texts: a word that is new must not make an old terminal fail.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeVar, get_args, get_origin

import msgspec
from msgspec import Meta

from kiosk.station.private import Private
from offline_queue.api import AnswerFault

Word = Annotated[str, Meta(max_length=64)]
Short = Annotated[str, Meta(max_length=200)]
Text = Annotated[str, Meta(max_length=2000)]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$", max_length=64)]
Size = Annotated[int, Meta(ge=0, le=2**53 - 1)]
T = TypeVar("T")


class Names(msgspec.Struct, frozen=True):
    """A word of the platform in both languages; empty where it says nothing."""

    zh: Text = ""
    en: Text = ""


class Item(msgspec.Struct, frozen=True):
    """The service item of a case."""

    code: Word
    zh: Short = ""
    en: Short = ""


class CaseSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One case in a list. `as_of` is shown beside the state: 截至."""

    case_number: Word
    kind: Word
    item: Item
    state: Word
    state_name: Names = Names()
    next: Names = Names()
    received: Word = ""
    changed: Word = ""
    as_of: Word


class CasePage(msgspec.Struct, frozen=True):
    """A page of cases, newest first."""

    cases: tuple[CaseSummary, ...]
    page: int = 1
    has_more: bool = False


class Applicant(msgspec.Struct, frozen=True):
    """The applicant as the platform masks them; private all the same."""

    name: Private[Short]
    id_number: Private[Short]


class Step(msgspec.Struct, frozen=True):
    """One entry of the timeline 收件·受理·过程·结果. `words` are the officer's."""

    step: Size
    stage: Word
    move: Word
    name: Names
    state: Word
    at: Word
    reason: Names
    words: Private[Text]


class WantedMaterial(msgspec.Struct, frozen=True):
    """One material to correct; the reason is shown verbatim."""

    code: Word
    name: Names
    reason: Private[Text]


class Correction(msgspec.Struct, frozen=True):
    """What must be corrected by when 补正."""

    request_id: Word
    deadline: Word
    materials: tuple[WantedMaterial, ...]


class DocumentFacts(msgspec.Struct, frozen=True, rename={"size_bytes": "bytes"}):
    """A document that can be fetched."""

    doc: Word
    kind: Word
    name: Names
    mime: Word
    size_bytes: Size
    sha256: Sha256
    at: Word = ""


class Case(CaseSummary, frozen=True, kw_only=True):
    """Everything the platform tells the applicant of one case."""

    applicant: Applicant
    acceptance_number: Word = ""
    promised: Word = ""
    outcome: Names = Names()
    delivery: Names = Names()
    timeline: tuple[Step, ...]
    correction: Correction | None = None
    documents: tuple[DocumentFacts, ...] = ()


class Document(msgspec.Struct, frozen=True):
    """A document whose bytes have the hash that the platform signed."""

    case_number: str
    kind: str
    mime: str
    sha256: str
    data: Private[bytes]


class LibraryMaterial(msgspec.Struct, frozen=True):
    """A copy in the person's library 资料库."""

    ref: Word
    code: Word
    name_zh: Private[Short]
    name_en: Private[Short]
    issued: Word
    valid_until: Word
    pages: Size
    sha256: Sha256


class Materials(msgspec.Struct, frozen=True):
    """What the library holds of the codes asked for."""

    materials: tuple[LibraryMaterial, ...]


class Grant(msgspec.Struct, frozen=True):
    """The consent to reuse copies, until `exp` (Unix seconds)."""

    grant_id: Word
    exp: Size


class PaymentOrder(msgspec.Struct, frozen=True):
    """A verified order. Payee and amount are shown from here."""

    order: Word
    subject: Word
    channel: Word
    payee: Short
    amount_fen: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    qr: Text
    ts: Size
    exp: Size


class PaymentState(msgspec.Struct, frozen=True):
    """How an order stands: pending, paid, closed, refunding or refunded."""

    order: Word
    subject: Word
    amount_fen: Size
    state: Word
    ts: Size


class Site(msgspec.Struct, frozen=True):
    """A place that can be booked."""

    site: Word
    name_zh: Short
    name_en: Short
    address: Short


class Sites(msgspec.Struct, frozen=True):
    """The places."""

    sites: tuple[Site, ...]


class Slot(msgspec.Struct, frozen=True):
    """A time, and how many may still come."""

    slot: Word
    start: Word
    free: Size


class Slots(msgspec.Struct, frozen=True):
    """The times, earliest first."""

    slots: tuple[Slot, ...]


class BookingSlip(msgspec.Struct, frozen=True):
    """What is printed of a booking."""

    site_zh: Short
    site_en: Short
    address: Short
    when: Word


class Booking(msgspec.Struct, frozen=True):
    """A booking; whoever knows the code is called in."""

    code: Private[Word]
    slip: BookingSlip


class Question(msgspec.Struct, frozen=True):
    """A question or complaint; `answer` is empty until there is one."""

    case_number: Word
    kind: Word
    state: Word
    text: Private[Text]
    asked: Word
    due: Word
    answer: Private[Text]
    answered: Word = ""


class Questions(msgspec.Struct, frozen=True):
    """A page of questions, newest first."""

    questions: tuple[Question, ...]
    page: int = 1


def decode_value(kind: type[T], raw: Any) -> T:
    """Return plain JSON as a value of a type above. Raises: AnswerFault, which names no content."""
    try:
        return msgspec.convert(_wrap(kind, raw), kind)
    except msgspec.ValidationError:
        pass  # its text may quote what a person wrote
    raise AnswerFault("unexpected_answer")


def _wrap(kind: Any, raw: Any) -> Any:
    """Return `raw` with every value that belongs in a `Private` wrapped as msgspec reads it."""
    origin = get_origin(kind)
    if origin is Private:
        return {"value": raw}
    if origin is tuple and isinstance(raw, list):
        return [_wrap(get_args(kind)[0], one) for one in raw]
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        known = {one.encode_name: one.type for one in msgspec.structs.fields(kind)}
        pairs = raw.items() if isinstance(raw, dict) else ()
        return {name: _wrap(known[name], value) for name, value in pairs if name in known} if pairs else raw
    if raw is not None and type(None) in get_args(kind):
        return _wrap(next(one for one in get_args(kind) if one is not type(None)), raw)
    return raw
