"""Persons at a terminal: ten-minute tickets, bound to one device and one visit."""

from __future__ import annotations

import datetime as dt
import re
import secrets
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import RowMapping

from sandbox import casework, store
from sandbox.case_tables import case_file
from sandbox.platform import Platform
from sandbox.problems import Problem

TICKET_LIFE_S = 600  # queue-and-sync.md §9.3
SECRET_LIMIT = 128
CITIZEN_NUMBER = re.compile(r"[1-9][0-9]{16}[0-9X]")
PERMIT_NUMBER = re.compile(r"[A-Z]{3}[0-9]{12}")  # foreigners' permits of 2017; their check digit is not ours to judge
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # GB 11643, ISO 7064 MOD 11-2
CHECKS = "10X98765432"

ticket = sa.Table(
    "person_ticket", store.SCHEMA,
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("dev", sa.String(14), nullable=False),
    sa.Column("session", sa.String(64), nullable=False),
    sa.Column("person", sa.String(64), nullable=False),
    sa.Column("level", sa.String(16), nullable=False),
    sa.Column("expires", sa.BigInteger, nullable=False, index=True),
)  # fmt: skip


@dataclass(frozen=True)
class Ticket:
    """A person who identified at one device, for one visit there."""

    person: str
    dev: str
    session: str
    level: str


NOBODY = Ticket("", "", "", "")


def give_ticket(platform: Platform, dev: str, session: str, citizen_number: str, level: str) -> str:
    """Return the secret of a new ticket. Raises: Problem 403 `identity_unverified`."""
    if not is_citizen_number(citizen_number) and not PERMIT_NUMBER.fullmatch(citizen_number):
        raise Problem(403, "identity_unverified")
    now = platform.now()
    secret = secrets.token_urlsafe(32)
    values = {
        "sha256": store.text_sha256(secret), "dev": dev, "session": session, "level": level,
        "person": casework.person_of({"id_number": citizen_number}), "expires": now + TICKET_LIFE_S,
    }  # fmt: skip
    with platform.store.begin() as connection:
        connection.execute(ticket.delete().where(ticket.c.expires <= now))
        connection.execute(ticket.insert().values(**values))
    return secret


def check_ticket(platform: Platform, dev: str, secret: str) -> Ticket:
    """Return the person behind a ticket of this device. Raises: Problem 401 `ticket_expired`."""
    found = None
    if 0 < len(secret) <= SECRET_LIMIT:
        mine = (ticket.c.sha256 == store.text_sha256(secret)) & (ticket.c.dev == dev)
        found = platform.store.one(sa.select(ticket).where(mine, ticket.c.expires > platform.now()))
    if found is None:
        raise Problem(401, "ticket_expired")
    return Ticket(found["person"], found["dev"], found["session"], found["level"])


def end_ticket(platform: Platform, dev: str, session: str) -> None:
    """Forget every ticket of one visit."""
    with platform.store.begin() as connection:
        connection.execute(ticket.delete().where(ticket.c.dev == dev, ticket.c.session == session))


def require_case(platform: Platform, person: str, case_number: str) -> RowMapping:
    """Return the person's own application. Raises: Problem 404 `not_found`, also for somebody else's."""
    mine = (case_file.c.case_number == case_number) & (case_file.c.person == person)
    found = platform.store.one(sa.select(case_file).where(mine, case_file.c.kind == "submission"))
    if found is None:
        raise Problem(404, "not_found")
    return found


def is_citizen_number(text: str) -> bool:
    """Whether a citizen number has a date that existed and the right check character."""
    if not CITIZEN_NUMBER.fullmatch(text):
        return False
    try:
        dt.date.fromisoformat(f"{text[6:10]}-{text[10:12]}-{text[12:14]}")
    except ValueError:
        return False
    total = sum(int(digit) * weight for digit, weight in zip(text[:17], WEIGHTS, strict=True))
    return CHECKS[total % 11] == text[17]
