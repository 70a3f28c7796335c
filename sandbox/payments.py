"""Payment orders, invented for demonstration: no money moves. An order is signed and lives two minutes."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import RowMapping
from sqlalchemy.exc import IntegrityError

from sandbox import persons, signed, store
from sandbox.platform import Platform
from sandbox.problems import Problem

LIFE_S = 120  # queue-and-sync.md §9.3: exp ≤ 120 s
PAYEE = "示例收款单位（演示，不收款）"
STATES = ("pending", "paid", "closed", "refunding", "refunded")
MOVES = {"pending": ("paid", "closed"), "paid": ("refunding",), "refunding": ("refunded",)}
OPEN = ("pending", "paid", "refunding")

order = sa.Table(
    "payment_order", store.SCHEMA,
    sa.Column("order", sa.String(32), primary_key=True),
    sa.Column("dev", sa.String(14), nullable=False),
    sa.Column("key", sa.String(64), nullable=False),
    sa.Column("person", sa.String(64), nullable=False),
    sa.Column("subject", sa.String(40), nullable=False, index=True),  # case number or notice number
    sa.Column("channel", sa.String(16), nullable=False),
    sa.Column("amount_fen", sa.Integer, nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Column("state", sa.String(12), nullable=False),
    sa.UniqueConstraint("dev", "key"),
)  # fmt: skip


def open_order(
    platform: Platform, caller: persons.Ticket, key: str, case_number: str, notice_no: str, channel: str
) -> dict[str, str]:
    """Return the signed order of this key, made now if new.

    Raises: Problem 404 for a case that is not the person's, 409 `already_paid`, 422 `id_reused`, `not_possible`.
    """
    subject = case_number or notice_no
    known = _by_key(platform, caller.dev, key)
    if known is None:
        if case_number:
            persons.require_case(platform, caller.person, case_number)
        _refuse_paid(platform, subject)
        values = {
            "order": f"P{secrets.token_hex(12)}", "dev": caller.dev, "key": key, "person": caller.person,
            "subject": subject, "channel": channel, "amount_fen": amount_fen(subject), "created": platform.now(),
            "state": "pending",
        }  # fmt: skip
        try:
            with platform.store.begin() as connection:
                connection.execute(order.insert().values(**values))
        except IntegrityError:
            pass  # the same request was quicker on another line: its order is ours
        known = _by_key(platform, caller.dev, key)
    if known is None or (known["person"], known["subject"], known["channel"]) != (caller.person, subject, channel):
        raise Problem(422, "id_reused")
    return _sign(platform, known, is_new=True)


def tell_order(platform: Platform, dev: str, name: str) -> dict[str, str]:
    """Return how an order of this device stands, signed. Raises: Problem 404."""
    return _sign(platform, _find(platform, dev, name))


def close_order(platform: Platform, dev: str, name: str) -> dict[str, str]:
    """Close an order and return how it stands; closed stays closed. Raises: Problem 404, 409 `paid`."""
    found = _find(platform, dev, name)
    if found["state"] == "pending" and move_order(platform, name, "closed"):
        found = _find(platform, dev, name)
    if found["state"] in ("paid", "refunding", "refunded"):
        raise Problem(409, "paid")
    return _sign(platform, found)


def move_order(platform: Platform, name: str, state: str) -> bool:
    """Whether an order moved on: what the bank's far end would say. An order out of time cannot be paid."""
    before = [one for one, after in MOVES.items() if state in after]
    is_it = (order.c.order == name) & order.c.state.in_(before)
    if state == "paid":
        is_it &= order.c.created > platform.now() - LIFE_S
    with platform.store.begin() as connection:
        return connection.execute(order.update().where(is_it).values(state=state)).rowcount == 1


def amount_fen(subject: str) -> int:
    """Return the invented amount: 5 to 200 yuan, always the same for one subject."""
    return 500 + int(hashlib.sha256(subject.encode()).hexdigest()[:6], 16) % 19_501


def _refuse_paid(platform: Platform, subject: str) -> None:
    paid = sa.select(order.c.order).where(order.c.subject == subject, order.c.state.in_(("paid", "refunding")))
    if platform.store.one(paid) is not None:
        raise Problem(409, "already_paid")


def _find(platform: Platform, dev: str, name: str) -> RowMapping:
    mine = sa.select(order).where(order.c.order == name, order.c.dev == dev)
    found = platform.store.one(mine)
    if found is not None and found["state"] == "pending" and found["created"] + LIFE_S <= platform.now():
        move_order(platform, name, "closed")
        found = platform.store.one(mine)
    if found is None:
        raise Problem(404, "not_found")
    return found


def _by_key(platform: Platform, dev: str, key: str) -> RowMapping | None:
    return platform.store.one(sa.select(order).where(order.c.dev == dev, order.c.key == key))


def _sign(platform: Platform, row: RowMapping, *, is_new: bool = False) -> dict[str, str]:
    value: dict[str, Any] = {
        "v": 1, "typ": "order" if is_new else "order-state", "order": row["order"], "dev": row["dev"],
        "subject": row["subject"], "amount_fen": row["amount_fen"], "ts": row["created"] if is_new else platform.now(),
    }  # fmt: skip
    if is_new:
        exp = row["created"] + LIFE_S
        qr = f"jinban-demo://pay/{row['order']}?fen={row['amount_fen']}"
        value |= {"channel": row["channel"], "payee": PAYEE, "exp": exp, "qr": qr}
    else:
        value |= {"state": row["state"]}
    return platform.sign("order", signed.ORDER, value)
