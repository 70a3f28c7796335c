"""Who may sign in, and what each role may do. Passwords are kept as scrypt hashes only."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import threading
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.engine import RowMapping
from sqlalchemy.exc import IntegrityError

from sandbox.console.tables import account, session
from sandbox.store import PlatformStore

NAME = re.compile(r"[a-z][a-z0-9._-]{1,31}")
ONE_TIME_LIFE_S = 24 * 3600
MIN_LENGTH = 12
MAX_LENGTH = 256
LOG_N, R, P = 15, 8, 3  # 32 MiB and about 0.2 s: the middle row of the OWASP password storage table
MEMORY = 64 * 1024 * 1024
_HASHING = threading.BoundedSemaphore(2)  # a flood of sign-ins must not take the machine's memory


class Role(StrEnum):
    """Who somebody is at the console."""

    OFFICER = "officer"
    SUPERVISOR = "supervisor"
    TECHNICIAN = "technician"
    AUDITOR = "auditor"


class Right(StrEnum):
    """What a page asks for."""

    LIST = "list"  # cases, masked
    OPEN = "open"  # one case, whole
    DECIDE = "decide"
    TERMINALS = "terminals"
    MANAGE = "manage"  # states and enrolment of terminals
    RECORD = "record"


RIGHTS: dict[Role, frozenset[Right]] = {
    Role.OFFICER: frozenset({Right.LIST, Right.OPEN, Right.DECIDE}),
    Role.SUPERVISOR: frozenset({Right.LIST, Right.OPEN, Right.DECIDE, Right.TERMINALS, Right.RECORD}),
    Role.TECHNICIAN: frozenset({Right.TERMINALS, Right.MANAGE}),
    Role.AUDITOR: frozenset({Right.LIST, Right.TERMINALS, Right.RECORD}),
}


class NameTaken(ValueError):
    """There is such an account."""


class WeakPassword(ValueError):
    """Too short, too long, or made of the name."""


def create_account(tables: PlatformStore, name: str, role: Role, now: int) -> str:
    """Return a one-time password for a new account; it lives a day and only buys a password of the owner's own.

    Raises: ValueError for a name that is none; NameTaken.
    """
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r}: a name is 2 to 32 of a-z 0-9 . _ - and begins with a letter")
    password = secrets.token_urlsafe(15)
    values = {"name": name, "role": role.value, "is_first": True, "expires": now + ONE_TIME_LIFE_S, "created": now}
    try:
        with tables.begin() as connection:
            connection.execute(account.insert().values(**values, password=hash_password(password)))
    except IntegrityError as fault:
        raise NameTaken(f"{name!r}: there is such an account; reset or lock it, or take another name") from fault
    return password


def reset_account(tables: PlatformStore, name: str, now: int) -> str:
    """Return a new one-time password; every session of the account ends. Raises: KeyError."""
    password = secrets.token_urlsafe(15)
    values = {"password": hash_password(password), "is_first": True, "expires": now + ONE_TIME_LIFE_S}
    _change(tables, name, is_locked=False, **values)
    return password


def lock_account(tables: PlatformStore, name: str) -> None:
    """Let an account sign in no more, and end its sessions. Raises: KeyError."""
    _change(tables, name, is_locked=True)


def choose_password(tables: PlatformStore, name: str, password: str) -> None:
    """Set the owner's own password and end every session. Raises: WeakPassword, KeyError."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH or name in password.lower() or len(set(password)) < 5:
        raise WeakPassword
    _change(tables, name, password=hash_password(password), is_first=False, expires=0)


def list_accounts(tables: PlatformStore) -> list[RowMapping]:
    """Return names and roles, without hashes."""
    columns = (account.c.name, account.c.role, account.c.is_first, account.c.is_locked, account.c.created)
    return tables.rows(sa.select(*columns).order_by(account.c.name))


def check_password(tables: PlatformStore, name: str, password: str, now: int) -> RowMapping | None:
    """Return the account if the password is its own. An unknown name takes as long as a wrong password."""
    found = tables.one(sa.select(account).where(account.c.name == name))
    is_right = verify_password(password[:MAX_LENGTH], found["password"] if found is not None else _NOBODY)
    if found is None or not is_right or found["is_locked"]:
        return None
    return None if found["expires"] and found["expires"] <= now else found


def hash_password(password: str) -> str:
    """Return the text that is stored."""
    salt = secrets.token_bytes(16)
    return f"scrypt${LOG_N}${R}${P}${_text(salt)}${_text(_derive(password, salt, LOG_N, R, P))}"


def verify_password(password: str, stored: str) -> bool:
    """Whether the password is the one whose hash is stored, with the cost it was stored with."""
    _, log_n, r, p, salt, digest = stored.split("$")
    found = _derive(password, base64.b64decode(salt), int(log_n), int(r), int(p))
    return hmac.compare_digest(found, base64.b64decode(digest))


def _derive(password: str, salt: bytes, log_n: int, r: int, p: int) -> bytes:
    with _HASHING:
        return hashlib.scrypt(password.encode(), salt=salt, n=1 << log_n, r=r, p=p, maxmem=MEMORY, dklen=32)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _change(tables: PlatformStore, name: str, **values: object) -> None:
    with tables.begin() as connection:
        if connection.execute(account.update().where(account.c.name == name).values(**values)).rowcount == 0:
            raise KeyError(name)
        connection.execute(session.delete().where(session.c.account == name))


_NOBODY = f"scrypt${LOG_N}${R}${P}${_text(bytes(16))}${_text(bytes(32))}"
