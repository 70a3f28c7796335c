"""Signing in and staying in: throttled tries, a fresh session for each sign-in, an idle limit."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass

import sqlalchemy as sa

from sandbox.console.accounts import RIGHTS, Right, Role, check_password
from sandbox.console.tables import account, session
from sandbox.console.throttle import settle_try, take_try
from sandbox.store import PlatformStore, text_sha256

IDLE_S = 15 * 60
LIFE_S = 10 * 3600  # a working day
TOUCH_S = 30  # a session's time is written no more often
BEFORE_KEY = "console-before"


@dataclass(frozen=True)
class Visitor:
    """Who is signed in, in this request."""

    name: str
    role: Role
    csrf: str
    is_first: bool  # the password is a one-time one and has to be changed
    key: str  # of the session's row

    def may(self, right: Right) -> bool:
        """Whether the role has the right."""
        return right in RIGHTS[self.role]


class WrongPassword(Exception):
    """No such account, another password, a locked account or a one-time password past its day: all the same."""


def sign_in(tables: PlatformStore, name: str, password: str, address: str, now: int, former: str = "") -> str:
    """Return the token of a new session; the `former` one, whoever gave it, ends. Raises: Wait, WrongPassword."""
    check_again(tables, name, password, address, now)
    token = secrets.token_urlsafe(32)
    with tables.begin() as connection:
        stale = (session.c.seen <= now - IDLE_S) | (session.c.begun <= now - LIFE_S)
        connection.execute(session.delete().where(stale | (session.c.sha256 == text_sha256(former))))
        values = {"account": name, "csrf": secrets.token_urlsafe(32), "begun": now, "seen": now}
        connection.execute(session.insert().values(sha256=text_sha256(token), **values))
    return token


def check_again(tables: PlatformStore, name: str, password: str, address: str, now: int) -> None:
    """Return if the password is the account's own; each try counts until it was right. Raises: Wait, WrongPassword."""
    take_try(tables, name, address, now)
    if check_password(tables, name, password, now) is None:
        raise WrongPassword
    settle_try(tables, name, address, now)


def find_visitor(tables: PlatformStore, token: str, now: int, *, touch: bool = True) -> Visitor | None:
    """Return who holds this session, unless it was idle or open too long."""
    if not token:
        return None
    key = text_sha256(token)
    found = tables.one(
        sa.select(session, account.c.role, account.c.is_first, account.c.is_locked)
        .join(account, account.c.name == session.c.account)
        .where(session.c.sha256 == key)
    )
    if found is None or found["is_locked"] or found["seen"] <= now - IDLE_S or found["begun"] <= now - LIFE_S:
        return None
    if touch and found["seen"] <= now - TOUCH_S:
        with tables.begin() as connection:
            connection.execute(session.update().where(session.c.sha256 == key).values(seen=now))
    return Visitor(found["account"], Role(found["role"]), found["csrf"], found["is_first"], key)


def sign_out(tables: PlatformStore, key: str) -> None:
    """End a session."""
    with tables.begin() as connection:
        connection.execute(session.delete().where(session.c.sha256 == key))


def before_token(tables: PlatformStore, cookie: str) -> str:
    """Return what the sign-in form must bring back for a browser with this cookie."""
    secret = tables.keep_setting(BEFORE_KEY, lambda: secrets.token_hex(32))
    return hmac.new(bytes.fromhex(secret), b"sign-in\0" + cookie.encode(), "sha256").hexdigest()
