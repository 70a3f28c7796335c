"""What officers did, one row an action, each chained to the one before: a changed or missing row is found."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping
from sqlalchemy.exc import IntegrityError

from sandbox.canonical import encode_canonical
from sandbox.console.tables import record, record_head
from sandbox.store import PlatformStore

GENESIS = hashlib.sha256(b"kiosk/console/genesis/v1").hexdigest()
HEAD = 1
PAGE = 50
FIELDS = ("n", "at", "account", "role", "action", "subject", "detail")


@dataclass(frozen=True)
class Report:
    """Whether the chain holds: how many rows were read, and the first number that does not fit (0 = none)."""

    rows: int
    broken_at: int

    @property
    def is_sound(self) -> bool:
        """Whether every row is there and unchanged."""
        return self.broken_at == 0


def prepare_record(tables: PlatformStore) -> None:
    """Make the head of the chain, once."""
    try:
        with tables.begin() as connection:
            if connection.execute(sa.select(record_head.c.id)).first() is None:
                connection.execute(record_head.insert().values(id=HEAD, n=0, chain=GENESIS))
    except IntegrityError:
        return  # another worker was quicker


def write_record(
    tables: PlatformStore, at: int, account: str, role: str, action: str, subject: str = "", detail: str = ""
) -> int:
    """Append one action and return its number. Texts are cut to their columns."""
    with tables.begin() as connection:
        return _append(connection, at, account[:32], role, action, subject[:80], detail[:160])


def _append(connection: Connection, at: int, account: str, role: str, action: str, subject: str, detail: str) -> int:
    connection.execute(record_head.update().values(n=record_head.c.n + 1))  # takes the lock: writers queue here
    head = connection.execute(sa.select(record_head)).mappings().one()
    row = {
        "n": head["n"], "at": at, "account": account, "role": role, "action": action, "subject": subject,
        "detail": detail,
    }  # fmt: skip
    chain = _link(head["chain"], row)
    connection.execute(record.insert().values(**row, chain=chain))
    connection.execute(record_head.update().values(chain=chain))
    return int(head["n"])


def list_record(tables: PlatformStore, page: int, action: str = "") -> list[RowMapping]:
    """Return a page of the record, newest first."""
    rows = sa.select(record)
    if action:
        rows = rows.where(record.c.action == action)
    return tables.rows(rows.order_by(record.c.n.desc()).limit(PAGE).offset((page - 1) * PAGE))


def verify_record(tables: PlatformStore, batch: int = 1000) -> Report:
    """Walk the whole chain and return what was found."""
    chain, number = GENESIS, 0
    while True:
        rows = tables.rows(sa.select(record).where(record.c.n > number).order_by(record.c.n).limit(batch))
        for row in rows:
            chain = _link(chain, row)
            if row["n"] != number + 1 or row["chain"] != chain:
                return Report(number, number + 1)
            number += 1
        if len(rows) < batch:
            break
    head = tables.one(sa.select(record_head))
    is_whole = head is None or (head["n"], head["chain"]) == (number, chain)
    return Report(number, 0 if is_whole else number + 1)


def _link(former: str, row: Any) -> str:
    fields: Iterable[object] = (row[name] for name in FIELDS)
    return hashlib.sha256(former.encode() + b"\n" + encode_canonical(list(fields))).hexdigest()
