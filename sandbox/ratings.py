"""好差评: five levels, one for each case, whoever sends first. Taken in the transaction of its submission's commit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from sandbox import store
from sandbox.case_tables import case_file

LEVELS = range(1, 6)  # 非常不满意 … 非常满意

rating = sa.Table(
    "rating", store.SCHEMA,
    sa.Column("case_number", sa.String(40), primary_key=True),  # one a case, by key
    sa.Column("dev", sa.String(14), nullable=False),
    sa.Column("sid", sa.String(36), nullable=False),
    sa.Column("level", sa.Integer, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
)  # fmt: skip


class AlreadyRated(Exception):
    """The case has its rating, from another submission."""


class NothingToRate(Exception):
    """The rating names no case of this platform."""


class NotHereYet(Exception):
    """The rating follows a submission that has not been committed: it must be sent again later."""


class Unrated(Exception):
    """The rating has no level of the scale."""


def file_rating(connection: Connection, *, dev: str, sid: str, after: str, manifest: Mapping[str, Any], at: int) -> str:
    """Write a rating down and return the case it is for.

    A rating given offline knows no case number: it names by `after` the submission it follows, of the same device.
    Raises: Unrated, NothingToRate, NotHereYet, AlreadyRated.
    """
    level = manifest.get("level")
    if not isinstance(level, int) or isinstance(level, bool) or level not in LEVELS:
        raise Unrated
    number = _case_of(connection, dev, after, manifest.get("case_number", ""))
    try:
        with connection.begin_nested():
            connection.execute(rating.insert().values(case_number=number, dev=dev, sid=sid, level=level, at=at))
    except IntegrityError as fault:
        raise AlreadyRated(number) from fault
    return number


def level_of(tables: store.PlatformStore, case_number: str) -> int:
    """Return the rating of a case, 0 while there is none."""
    found = tables.one(sa.select(rating.c.level).where(rating.c.case_number == case_number))
    return int(found["level"]) if found else 0


def _case_of(connection: Connection, dev: str, after: str, named: object) -> str:
    if isinstance(named, str) and named:
        is_it = case_file.c.case_number == named
    else:
        is_it = (case_file.c.dev == dev) & (case_file.c.sid == after)
    found = connection.execute(sa.select(case_file.c.case_number).where(is_it)).scalar()
    if found is None and after and not named:
        raise NotHereYet(after)
    if found is None:
        raise NothingToRate
    return str(found)
