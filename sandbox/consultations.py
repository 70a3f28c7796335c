"""What a person asked or complained of, with the answer an officer gave on the desk, and the day it is due."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from sandbox.case_tables import case_file, case_move
from sandbox.case_views import manifest_of
from sandbox.cases import CHINA
from sandbox.casework import CaseState, Move
from sandbox.store import PlatformStore

KINDS = ("consultation", "complaint")
DUE_WORKING_DAYS = 5
ANSWERING = (Move.CONCLUDE, Move.REFUSE)
PAGE = 20


@dataclass(frozen=True)
class Asked:
    """One question or complaint. `answer` is empty until an officer has given it."""

    case_number: str
    kind: str
    state: str
    text: str
    asked: int
    due: str
    answer: str
    answered: int


def search(tables: PlatformStore, person: str, page: int) -> list[Asked]:
    """Return a page of what a person asked by name, newest first. Anonymous ones are nobody's."""
    if not person:
        return []
    mine = sa.select(case_file).where(case_file.c.person == person, case_file.c.kind.in_(KINDS))
    newest = mine.order_by(case_file.c.received.desc(), case_file.c.case_number.desc())
    found = []
    for row in tables.rows(newest.limit(PAGE).offset((page - 1) * PAGE)):
        said = tables.one(
            sa.select(case_move).where(
                case_move.c.case_number == row["case_number"], case_move.c.move.in_([str(move) for move in ANSWERING])
            )
        )
        text = manifest_of(tables, row).get("text", "")
        found.append(
            Asked(
                case_number=row["case_number"],
                kind=row["kind"],
                state=str(CaseState(row["state"])),
                text=text[:2000] if isinstance(text, str) else "",
                asked=row["received"],
                due=due_day(row["received"]).isoformat(),
                answer=said["words"] if said else "",
                answered=said["at"] if said else 0,
            )
        )
    return found


def due_day(asked: int) -> dt.date:
    """Return the day by which an answer is due: five working days, holidays not counted here."""
    day = dt.datetime.fromtimestamp(asked, CHINA).date()
    for _ in range(DUE_WORKING_DAYS):
        day += dt.timedelta(days=3 if day.weekday() == 4 else 2 if day.weekday() == 5 else 1)
    return day
