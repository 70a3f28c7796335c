"""What officers did, one row an action, each chained to the one before, the last one sealed with the platform's key.

A changed or missing row is found by the chain, a cut tail or a chain written anew by the seal, and an older head put
back with its seal by the note that each machine keeps outside of the database.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping
from sqlalchemy.exc import IntegrityError

from sandbox.blobs import sync_folder
from sandbox.canonical import encode_canonical
from sandbox.console.tables import record, record_head
from sandbox.keys import PlatformKeys
from sandbox.store import PlatformStore

GENESIS = hashlib.sha256(b"kiosk/console/genesis/v1").hexdigest()
HEAD = 1
KEY_LABEL = b"kiosk/console/record/v1"
ANCHOR_FILE = "record-anchor.json"
PAGE = 50
FIELDS = ("n", "at", "account", "role", "action", "subject", "detail")


@dataclass(frozen=True)
class Report:
    """Whether the chain holds: rows that fit, the first number that does not (0 = none), and the chain up to there."""

    rows: int
    broken_at: int
    chain: str

    @property
    def is_sound(self) -> bool:
        """Whether every row is there and unchanged."""
        return self.broken_at == 0


@dataclass(frozen=True)
class Book:
    """The record of one platform: its tables, the key that seals the head, and where this machine notes the head.

    The key is derived from the platform's own, so that it is the same on every machine; the anchor lies beside it,
    outside of the database, and tells a head that was put back.
    """

    tables: PlatformStore
    key: bytes
    anchor: Path

    def seal(self, n: int, chain: str) -> str:
        """Return what only the platform can write of a head."""
        return hmac.new(self.key, encode_canonical([n, chain]), "sha256").hexdigest()

    def is_sealed(self, head: Any) -> bool:
        """Whether a head is as this platform left it."""
        return hmac.compare_digest(head["seal"] or "", self.seal(head["n"], head["chain"]))


def open_book(tables: PlatformStore, keys: PlatformKeys) -> Book:
    """Return the record of the platform that has these keys."""
    secret = keys.device_ca.private.private_numbers().private_value.to_bytes(32, "big")
    return Book(tables, hmac.digest(secret, KEY_LABEL, "sha256"), keys.pins_path.parent.parent / ANCHOR_FILE)


def prepare_record(book: Book) -> None:
    """Make the head of the chain, once; seal one that a release without seals left, if its chain holds."""
    is_first = _load_anchor(book) is None
    try:
        with book.tables.begin() as connection:
            if connection.execute(sa.select(record_head.c.id)).first() is None:
                _make_head(connection, book, is_first=is_first)
    except IntegrityError:
        return  # another worker was quicker
    head = book.tables.one(sa.select(record_head))
    if is_first and head is not None and head["seal"] is None and _walk(book, 1000)[1:] == (head["n"], head["chain"]):
        mine = (record_head.c.n == head["n"]) & record_head.c.seal.is_(None)
        with book.tables.begin() as connection:
            connection.execute(record_head.update().where(mine).values(seal=book.seal(head["n"], head["chain"])))
    note_anchor(book)


def note_anchor(book: Book) -> None:
    """Write down beside the keys how far the record is, unless it does not go on from what stands there."""
    head, known = book.tables.one(sa.select(record_head)), _load_anchor(book)
    if head is None or not book.is_sealed(head) or (known is not None and not _holds(book, known)):
        return
    if known is not None and known[0] >= head["n"]:
        return
    draft = book.anchor.with_name(f".{book.anchor.name}.{secrets.token_hex(4)}")
    with draft.open("x") as file:
        json.dump({"n": head["n"], "chain": head["chain"]}, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(book.anchor)
    sync_folder(book.anchor.parent)


def write_record(
    book: Book, at: int, account: str, role: str, action: str, subject: str = "", detail: str = ""
) -> int:  # fmt: skip
    """Append one action and return its number. Texts are cut to their columns."""
    with book.tables.begin() as connection:
        return _append(book, connection, at, account[:32], role, action, subject[:80], detail[:160])


def _append(
    book: Book, connection: Connection, at: int, account: str, role: str, action: str, subject: str, detail: str
) -> int:  # fmt: skip
    look = sa.select(record_head).with_for_update()  # takes the lock: writers queue here
    head = connection.execute(look).mappings().first()
    if head is None:  # somebody took it away: go on, without a seal
        _make_head(connection, book, is_first=False)
        head = connection.execute(look).mappings().one()
    row = {
        "n": head["n"] + 1, "at": at, "account": account, "role": role, "action": action, "subject": subject,
        "detail": detail,
    }  # fmt: skip
    chain = _link(head["chain"], row)
    seal = book.seal(row["n"], chain) if book.is_sealed(head) else ""  # what is broken is never made whole
    connection.execute(record.insert().values(**row, chain=chain))
    connection.execute(record_head.update().values(n=row["n"], chain=chain, seal=seal))
    return int(row["n"])


def _make_head(connection: Connection, book: Book, *, is_first: bool) -> None:
    last = connection.execute(sa.select(record).order_by(record.c.n.desc()).limit(1)).mappings().first()
    n, chain = (last["n"], last["chain"]) if last is not None else (0, GENESIS)
    seal = book.seal(n, chain) if is_first and last is None else ""
    connection.execute(record_head.insert().values(id=HEAD, n=n, chain=chain, seal=seal))


def list_record(tables: PlatformStore, page: int, action: str = "") -> list[RowMapping]:
    """Return a page of the record, newest first."""
    rows = sa.select(record)
    if action:
        rows = rows.where(record.c.action == action)
    return tables.rows(rows.order_by(record.c.n.desc()).limit(PAGE).offset((page - 1) * PAGE))


def verify_record(book: Book, batch: int = 1000) -> Report:
    """Walk the whole chain and return what was found."""
    anchor = _load_anchor(book)
    number, chain = 0, GENESIS
    while True:
        broken_at, here, chain = _walk(book, batch, number, chain, anchor)
        if broken_at:
            return Report(here, broken_at, chain)
        head = book.tables.one(sa.select(record_head))
        if head is None or head["n"] <= here or here == number:  # else it grew while we walked: on from here
            break
        number = here
    is_empty = head is None and here == 0 and anchor is None
    is_whole = head is not None and (head["n"], head["chain"]) == (here, chain) and book.is_sealed(head)
    is_reached = anchor is None or (anchor[0] <= here and (anchor[0] > 0 or anchor[1] == GENESIS))
    return Report(here, 0 if (is_whole or is_empty) and is_reached else here + 1, chain)


def _walk(
    book: Book, batch: int, number: int = 0, chain: str = GENESIS, anchor: tuple[int, str] | None = None
) -> tuple[int, int, str]:
    """Return the first number that does not fit (0 = none), how far the rows go, and the chain there."""
    while True:
        rows = book.tables.rows(sa.select(record).where(record.c.n > number).order_by(record.c.n).limit(batch))
        for row in rows:
            chain = _link(chain, row)
            is_noted = anchor is None or anchor[0] != number + 1 or anchor[1] == chain
            if row["n"] != number + 1 or row["chain"] != chain or not is_noted:
                return number + 1, number, chain
            number += 1
        if len(rows) < batch:
            return 0, number, chain


def _holds(book: Book, anchor: tuple[int, str]) -> bool:
    row = book.tables.one(sa.select(record.c.chain).where(record.c.n == anchor[0]))
    return (row["chain"] if row is not None else GENESIS) == anchor[1] and (row is not None or anchor[0] == 0)


def _load_anchor(book: Book) -> tuple[int, str] | None:
    """Return number and chain that this machine noted last; a note that cannot be read is none that holds."""
    try:
        value = json.loads(book.anchor.read_text())
        return int(value["n"]), str(value["chain"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return 0, ""


def _link(former: str, row: Any) -> str:
    fields: Iterable[object] = (row[name] for name in FIELDS)
    return hashlib.sha256(former.encode() + b"\n" + encode_canonical(list(fields))).hexdigest()
