"""How often a sign-in may be tried: a try is counted before its password is looked at, so many at once gain nothing.

An account is guarded strictly, whoever tries. An address is a gateway as often as it is one person: its limit is for
those who never signed in from there, it forgets, and a right password eases it. So nobody behind a gateway can shut out
the officers who work there; shutting out one account by its name, for a quarter of an hour at a time, stays possible.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sandbox.console.tables import attempt, known
from sandbox.database import insert
from sandbox.store import PlatformStore

FORGET_S = 24 * 3600  # after so long without a try nothing is left of the former ones
KNOWN_S = 30 * 24 * 3600  # how long an account counts as one that works at an address


@dataclass(frozen=True)
class Limit:
    """Free wrong tries; then a wait that doubles up to a longest one. One try is forgotten in `forget_s`."""

    free: int
    first_wait_s: int
    max_wait_s: int
    forget_s: int = 0


ACCOUNT = Limit(free=5, first_wait_s=15, max_wait_s=15 * 60)  # security.md §5
ADDRESS = Limit(free=20, first_wait_s=15, max_wait_s=120, forget_s=60)


class Wait(Exception):
    """Too many wrong tries: nothing is looked at for so many seconds."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


def take_try(tables: PlatformStore, name: str, address: str, now: int) -> None:
    """Count a try of an account from an address as a wrong one, until `settle_try` knows better. Raises: Wait."""
    with tables.begin() as connection:
        _take(connection, _account(name), ACCOUNT, now, must_wait=True)
        _take(connection, _address(address), ADDRESS, now, must_wait=not _is_known(connection, name, address, now))


def settle_try(tables: PlatformStore, name: str, address: str, now: int) -> None:
    """The password was right: forget the account's tries and half of the address's, and note that it works there."""
    with tables.begin() as connection:
        connection.execute(attempt.delete().where(attempt.c.key == _account(name)))
        eased = {"failures": attempt.c.failures // 2, "until": now}
        connection.execute(attempt.update().where(attempt.c.key == _address(address)).values(**eased))
        fresh = insert(connection, known).values(account=name, address=address[:64], at=now)
        connection.execute(fresh.on_conflict_do_update(index_elements=["account", "address"], set_={"at": now}))
        connection.execute(known.delete().where(known.c.at <= now - KNOWN_S))


def _take(connection: Connection, key: str, limit: Limit, now: int, *, must_wait: bool) -> None:
    """Count one try under a key. The row's lock lasts as long as the transaction: tries come one after the other."""
    mine = attempt.c.key == key
    fresh = insert(connection, attempt).values(key=key, failures=0, until=now).on_conflict_do_nothing()
    if connection.execute(fresh).rowcount > 0:
        connection.execute(attempt.delete().where(attempt.c.until < now - FORGET_S))
    row = connection.execute(sa.select(attempt).where(mine).with_for_update()).mappings().one()
    if must_wait and row["until"] > now:
        raise Wait(row["until"] - now)
    idle_s = max(0, now - row["until"])
    forgotten = row["failures"] if idle_s >= FORGET_S else idle_s // limit.forget_s if limit.forget_s else 0
    failures = max(0, row["failures"] - forgotten) + 1
    doublings = min(failures - limit.free, 16)
    wait = min(limit.first_wait_s << doublings, limit.max_wait_s) if doublings >= 0 else 0
    connection.execute(attempt.update().where(mine).values(failures=failures, until=now + wait))


def _is_known(connection: Connection, name: str, address: str, now: int) -> bool:
    mine = (known.c.account == name) & (known.c.address == address[:64]) & (known.c.at > now - KNOWN_S)
    return connection.execute(sa.select(known.c.at).where(mine)).first() is not None


def _account(name: str) -> str:
    return f"name:{name[:64]}"


def _address(address: str) -> str:
    return f"addr:{address[:64]}"
