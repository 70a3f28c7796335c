"""What a person may ask of the platform while they stand at the terminal. Online only; nothing of it is queued or kept.

Source: reference/queue-and-sync.md §9.3, docs/platform-api.md. Person data goes in bodies and in the ticket's header,
never in an address. The platform's own *no* is `Refused(code)`; its words are `DECLINES`.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from kiosk.central.answers import JSON_LIMIT, PROBLEM, Reply, decode_json, fault_of, is_portal
from kiosk.central.query_values import (
    Booking,
    Case,
    CasePage,
    Correction,
    Document,
    DocumentFacts,
    Grant,
    Materials,
    PaymentOrder,
    PaymentState,
    Questions,
    Sites,
    Slots,
    decode_value,
)
from kiosk.central.token import AuthorisedClient
from kiosk.services.identity import Identity
from kiosk.station.private import Private
from kiosk.trust.ring import KeyRing
from kiosk.trust.signed import Purpose, TrustFault, decode_wire, from_base64url
from kiosk.trust.time import TrustedTime
from offline_queue.api import AnswerFault, Refused, Unauthorised

TICKET, DOCUMENT, IDEMPOTENCY = "Jinban-Ticket", "jinban-document", "Idempotency-Key"
DOCUMENT_LIMIT = 10 * 1024 * 1024
ORDER_LIFE_S = 120  # §9.3
STATE_AGE_S = 60  # an older word on an order is somebody's replay
TICKET_LIFE_S = 600
SECRET = re.compile(r"[!-~]{1,128}")
MARGIN_S = 15
HEADS = {b"%PDF-": "application/pdf", b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}
DECLINES = frozenset(
    (
        "identity_unverified", "not_possible", "not_found", "no_correction", "gone", "superseded", "already_paid",
        "paid", "slot_taken", "too_late", "id_reused",
    )
)  # fmt: skip
"""Codes by which the platform declines a question; each has a sentence of its own on the screen."""
T = TypeVar("T")


class Ticket(msgspec.Struct, frozen=True):
    """A person at this terminal, for one visit and at most ten minutes."""

    secret: Private[str]
    until_mono_s: float
    level: str


class Queries:
    """Asks the platform. Each question is one request; usable from one thread at a time.

    Every method raises Unreachable, Busy, Unauthorised (`ticket_expired` when the ticket is over), Refused with a word
    of DECLINES, and AnswerFault for an answer that is not what the contract says or does not verify.
    """

    def __init__(self, client: AuthorisedClient, ring: KeyRing, time: TrustedTime, device_id: str) -> None:
        self._client = client
        self._ring = ring
        self._time = time
        self._device_id = device_id

    # ── who asks ───────────────────────────────────────────────────────────────────────────

    def open_ticket(self, identity: Identity, session: str) -> Ticket:
        """Return a ticket for the person whose card was read in this visit."""
        body = {
            "identity": {
                "kind": str(identity.method),
                "name": identity.name.reveal(),
                "id_number": identity.id_number.reveal(),
            },
            "evidence": {"method": "card_read", "at": int(self._time.now_s())},
            "session": session,
        }
        asked_mono_s = self._client.client.clock.mono_s()
        value = decode_json(self._ask("POST", "/persons/ticket", None, body).body)
        secret, life_s, level = value.get("person_ticket"), value.get("expires_in"), value.get("level")
        if not isinstance(secret, str) or not SECRET.fullmatch(secret):
            raise AnswerFault("bad_ticket")
        if not isinstance(life_s, int) or not MARGIN_S < life_s <= TICKET_LIFE_S or not isinstance(level, str):
            raise AnswerFault("bad_ticket")
        return Ticket(Private(secret), asked_mono_s + life_s - MARGIN_S, level[:16])

    def is_over(self, ticket: Ticket) -> bool:
        """Whether a ticket is too old to ask with."""
        return self._client.client.clock.mono_s() >= ticket.until_mono_s

    def end_ticket(self, ticket: Ticket) -> None:
        """Tell the platform that the visit is over."""
        self._ask("DELETE", "/persons/ticket", ticket, allowed=(204,))

    # ── cases ──────────────────────────────────────────────────────────────────────────────

    def cases(self, ticket: Ticket, *, state: str = "", item: str = "", page: int = 1) -> CasePage:
        """Return a page of the person's cases."""
        return self._value(CasePage, "POST", "/cases/search", ticket, _named(state=state, item=item, page=page))

    def case(self, ticket: Ticket, case_number: str) -> Case:
        """Return one case with its timeline."""
        found = self._value(Case, "GET", f"/cases/{_segment(case_number)}", ticket)
        if found.case_number != case_number:
            raise AnswerFault("other_case")
        return found

    def correction(self, ticket: Ticket, case_number: str) -> Correction:
        """Return what must be corrected. Refused("no_correction") when nothing is open."""
        return self._value(Correction, "GET", f"/cases/{_segment(case_number)}/correction", ticket)

    def document(self, ticket: Ticket, case_number: str, facts: DocumentFacts) -> Document:
        """Return a document of a case, once the signature and the hash of its bytes hold."""
        path = f"/cases/{_segment(case_number)}/results/{_segment(facts.doc)}"
        reply = self._ask("GET", path, ticket, limit=DOCUMENT_LIMIT)
        try:
            wire = decode_json(from_base64url(reply.headers.get(DOCUMENT, "")))
            value = self._ring.verify(decode_wire(wire), Purpose.RESULT, when="ts")
        except TrustFault as fault:
            raise AnswerFault("document_unverified") from fault
        digest = hashlib.sha256(reply.body).hexdigest()
        expected = {"typ": "document", "case_number": case_number, "kind": facts.kind, "sha256": digest}
        is_whole = value.get("bytes") == len(reply.body) == facts.size_bytes and facts.sha256 == digest
        if not is_whole or any(value.get(key) != word for key, word in expected.items()):
            raise AnswerFault("document_unverified")
        mime = next((mime for head, mime in HEADS.items() if reply.body.startswith(head)), "")
        if not mime or not mime == reply.media_type == value.get("mime") == facts.mime:
            raise AnswerFault("document_unverified")
        return Document(case_number, facts.kind, mime, digest, Private(reply.body))

    # ── materials ──────────────────────────────────────────────────────────────────────────

    def materials(self, ticket: Ticket, codes: tuple[str, ...]) -> Materials:
        """Return the copies that the person's library holds of these codes."""
        return self._value(Materials, "POST", "/materials/search", ticket, {"codes": list(codes)})

    def grant(self, ticket: Ticket, refs: tuple[str, ...], notice_sha256: str, key: str) -> Grant:
        """Return the recorded consent to reuse copies. `key` is drawn once; asked again it is the same grant."""
        body = {"refs": list(refs), "notice_sha256": notice_sha256}
        return self._value(Grant, "POST", "/materials/grants", ticket, body, key=key, allowed=(201,))

    # ── payments ───────────────────────────────────────────────────────────────────────────

    def open_order(
        self, ticket: Ticket, channel: str, key: str, *, case_number: str = "", notice_no: str = ""
    ) -> PaymentOrder:
        """Return a payment order, once it verifies, is ours, is for this and is not over. `key` is drawn once."""
        body = _named(channel=channel, case_number=case_number, notice_no=notice_no)
        value = self._order("POST", "/payments/orders", "order", ticket, body, key)
        found = decode_value(PaymentOrder, value)
        is_ours = (found.subject, found.channel) == (case_number or notice_no, channel)
        if not is_ours or not 0 < found.exp - found.ts <= ORDER_LIFE_S or found.exp <= self._time.now_s():
            raise AnswerFault("order_unverified")
        return found

    def order_state(self, order: PaymentOrder) -> PaymentState:
        """Return how an order stands. Only this word is believed: no paper and no code on it."""
        return self._state(order, "GET", f"/payments/orders/{_segment(order.order)}")

    def close_order(self, order: PaymentOrder) -> PaymentState:
        """Return the closed order. Refused("paid") when the money was quicker."""
        return self._state(order, "POST", f"/payments/orders/{_segment(order.order)}/close")

    # ── appointments ───────────────────────────────────────────────────────────────────────

    def sites(self, item: str = "") -> Sites:
        """Return the places that can be booked."""
        return self._value(Sites, "GET", f"/appointments/sites?{urlencode(_named(item=item))}", None)

    def slots(self, site: str, item: str = "", start_day: str = "") -> Slots:
        """Return the times at one place, seven days from a day (YYYY-MM-DD, empty for today)."""
        asked = urlencode(_named(**{"site": site, "item": item, "from": start_day}))
        return self._value(Slots, "GET", f"/appointments/slots?{asked}", None)

    def book(self, ticket: Ticket, uuid: str, slot: str, item: str, contact: Private[str]) -> Booking:
        """Return the booking. `uuid` is drawn once; asked again it is the same booking. Refused("slot_taken")."""
        body = {"slot": slot, "item": item, "contact": contact.reveal()}
        return self._value(
            Booking, "PUT", f"/appointments/{_segment(uuid)}", ticket, body, key=uuid, allowed=(200, 201)
        )

    def cancel(self, ticket: Ticket, uuid: str) -> None:
        """Give the time back."""
        self._ask("DELETE", f"/appointments/{_segment(uuid)}", ticket, allowed=(204,))

    def questions(self, ticket: Ticket, page: int = 1) -> Questions:
        """Return a page of what the person asked, with answers and due days."""
        return self._value(Questions, "POST", "/consultations/search", ticket, {"page": page})

    # ── one question ───────────────────────────────────────────────────────────────────────

    def _value(
        self, kind: type[T], method: str, path: str, ticket: Ticket | None, body: Any = None, *,
        key: str = "", allowed: tuple[int, ...] = (200,),
    ) -> T:  # fmt: skip
        reply = self._ask(method, path, ticket, body, key=key, allowed=allowed)
        return decode_value(kind, decode_json(reply.body))

    def _ask(
        self, method: str, path: str, ticket: Ticket | None, body: Any = None, *, key: str = "",
        allowed: tuple[int, ...] = (200,), limit: int = JSON_LIMIT,
    ) -> Reply:  # fmt: skip
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if ticket is not None:
            headers[TICKET] = ticket.secret.reveal()
        if key:
            headers[IDEMPOTENCY] = key
        data = msgspec.json.encode(body) if body is not None else None
        wire = self._client.client
        reply = self._client.send(method, wire.url(path), headers, data, limit)
        if reply.status in allowed and not is_portal(reply):
            return reply
        code = _code(reply)
        if code == "ticket_expired":
            raise Unauthorised(code, reply.status)
        if code in DECLINES:
            raise Refused(code, reply.status)
        raise fault_of(reply, wire.clock)

    def _order(self, method: str, path: str, typ: str, ticket: Ticket | None, body: Any, key: str) -> dict[str, Any]:
        reply = self._ask(method, path, ticket, body, key=key, allowed=(201,) if key else (200,))
        try:
            value = self._ring.verify(decode_wire(decode_json(reply.body)), Purpose.ORDER, when="ts")
        except TrustFault as fault:
            raise AnswerFault("order_unverified") from fault
        if value.get("typ") != typ or value.get("dev") != self._device_id:
            raise AnswerFault("order_unverified")
        return value

    def _state(self, order: PaymentOrder, method: str, path: str) -> PaymentState:
        found = decode_value(PaymentState, self._order(method, path, "order-state", None, None, ""))
        is_same = (found.order, found.subject, found.amount_fen) == (order.order, order.subject, order.amount_fen)
        if not is_same or abs(self._time.now_s() - found.ts) > STATE_AGE_S:
            raise AnswerFault("order_unverified")
        return found


def _named(**words: Any) -> dict[str, Any]:
    """Return what is asked for, without what is left open."""
    return {name: word for name, word in words.items() if word != ""}


def _segment(text: str) -> str:
    """Return a text as one segment of a path, whatever it holds."""
    quoted = quote(text, safe="")
    if quoted in ("", ".", ".."):  # would lead to another address
        raise Refused("not_found", 404)
    return quoted


def _code(reply: Reply) -> str:
    if reply.media_type != PROBLEM or reply.status < 400:
        return ""
    try:
        code = decode_json(reply.body).get("code", "")
    except AnswerFault:
        return ""
    return code if isinstance(code, str) else ""
