"""POST and DELETE /persons/ticket: who stands at a terminal, for ten minutes, on that terminal only."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from sandbox import persons
from sandbox.api.contract import TICKET, Answer, Auth, Call, Endpoint, Yes
from sandbox.api.words import Id, Seconds, Short
from sandbox.problems import Problem

Number = Annotated[str, Meta(min_length=1, max_length=32)]
NAMED = ("id_card", "staff_verified")


class IdCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="id_card"):
    """A resident ID card, read from its chip."""

    name: Short
    id_number: Number


class StaffVerified(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="staff_verified"):
    """A person whom a member of staff has looked at."""

    name: Short
    id_number: Number
    staff: Id


class NetworkId(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="network_id"):
    """An answer of the national identity service, which the platform redeems there."""

    token: Annotated[str, Meta(min_length=1, max_length=4096)]


class Evidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the terminal knows: what was done, when, and with which reader."""

    method: Literal["card_read", "network", "staff"]
    at: Seconds
    reader: Annotated[str, Meta(max_length=64)] = ""


class TicketRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who is there, how that is known, and the visit it is for."""

    identity: IdCard | StaffVerified | NetworkId
    evidence: Evidence
    session: Id


class TicketAnswer(msgspec.Struct, frozen=True):
    """The ticket, sent back in the header Jinban-Ticket. `level`: card, staff or network."""

    person_ticket: str
    expires_in: int
    level: Literal["card", "staff", "network"]


WAYS = {IdCard: ("card_read", "card"), StaffVerified: ("staff", "staff"), NetworkId: ("network", "network")}


def _give(call: Call) -> Answer:
    asked: TicketRequest = call.body
    method, level = WAYS[type(asked.identity)]
    if asked.evidence.method != method:
        raise Problem(422, "not_possible", "Identity and evidence are of two kinds.")
    if isinstance(asked.identity, NetworkId):
        raise Problem(403, "identity_unverified", "This platform knows no identity service.")
    secret = persons.give_ticket(
        call.platform, call.caller.dev, asked.session, asked.identity.id_number.upper(), level
    )  # fmt: skip
    return Answer(200, TicketAnswer(secret, persons.TICKET_LIFE_S, msgspec.convert(level, Level)))


Level = Literal["card", "staff", "network"]


def _end(call: Call) -> Answer:
    persons.end_ticket(call.platform, call.person.dev, call.person.session)
    return Answer(204)


ENDPOINTS = (
    Endpoint(
        "POST", "/persons/ticket", "Vouch for the person at this terminal.",
        {200: Yes("a ticket for ten minutes", TicketAnswer)},
        ("identity_unverified", "not_possible"), body=TicketRequest, repeat="a new ticket", handle=_give,
    ),
    Endpoint(
        "DELETE", "/persons/ticket", f"End the visit: every ticket of its session ends. The ticket stands in {TICKET}.",
        {204: Yes("ended", media=())}, auth=Auth.PERSON, repeat="401 `ticket_expired` the second time", handle=_end,
    ),
)  # fmt: skip
