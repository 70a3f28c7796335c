"""What is told of cases, masked: a person's list, one case's timeline 收件·受理·过程·结果, an open request, documents.

Plain JSON values, the same for a terminal's questions and for the desk. Nothing here shows a whole name or number.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import RowMapping

from sandbox.case_tables import case_document, case_file, case_move, case_request
from sandbox.cases import CHINA
from sandbox.casework import OUTCOMES, REFUSALS, CaseState, Move, NoCase
from sandbox.items import find_item
from sandbox.store import PlatformStore, submission

PAGE = 20
STATE_WORDS = {
    CaseState.DELIVERED: ("平台已收到", "Received by the platform"),
    CaseState.CORRECTION_REQUIRED: ("需要补正", "Correction needed"),
    CaseState.CORRECTION_SENT: ("补正已提交", "Correction received"),
    CaseState.ACCEPTED: ("已受理", "Accepted"),
    CaseState.NOT_ACCEPTED: ("不予受理", "Not accepted"),
    CaseState.CONCLUDED: ("已办结", "Concluded"),
}
NEXT_WORDS = {
    CaseState.DELIVERED: ("等待窗口审核", "The window will look at it"),
    CaseState.CORRECTION_REQUIRED: ("请您补正材料", "Please correct the papers named"),
    CaseState.CORRECTION_SENT: ("等待窗口审核补正", "The window will look at the correction"),
    CaseState.ACCEPTED: ("正在办理", "It is being worked on"),
    CaseState.NOT_ACCEPTED: ("可到窗口咨询", "Ask at the window"),
    CaseState.CONCLUDED: ("可查看结果", "The result can be seen"),
}
STAGES = {  # 收件 · 受理 · 过程 · 结果
    Move.RECEIVE: "intake",
    Move.ASK: "intake",
    Move.ANSWER: "intake",
    Move.ACCEPT: "acceptance",
    Move.REFUSE: "acceptance",
    Move.CONCLUDE: "result",
}
MOVE_WORDS = {
    Move.RECEIVE: ("平台收到申请", "The platform received the application"),
    Move.ASK: ("要求补正", "A correction was asked for"),
    Move.ANSWER: ("收到补正", "The correction was received"),
    Move.ACCEPT: ("受理", "Accepted"),
    Move.REFUSE: ("不予受理", "Not accepted"),
    Move.CONCLUDE: ("办结", "Concluded"),
}
DOCUMENT_WORDS = {
    "acceptance": ("受理通知书", "Notice of acceptance"),
    "refusal": ("不予受理通知书", "Notice of non-acceptance"),
    "correction": ("补正告知书", "Notice of correction"),
    "result": ("办理结果", "Result"),
}


def find_case(tables: PlatformStore, case_number: str) -> RowMapping:
    """Return the row of one case. Raises: NoCase."""
    found = tables.one(sa.select(case_file).where(case_file.c.case_number == case_number))
    if found is None:
        raise NoCase(case_number)
    return found


def moves_of(tables: PlatformStore, case_number: str) -> list[RowMapping]:
    """Return the moves of a case, oldest first."""
    mine = case_move.c.case_number == case_number
    return tables.rows(sa.select(case_move).where(mine).order_by(case_move.c.step))


def documents_of(tables: PlatformStore, case_number: str) -> list[RowMapping]:
    """Return the documents of a case, oldest first."""
    mine = case_document.c.case_number == case_number
    return tables.rows(sa.select(case_document).where(mine).order_by(case_document.c.at, case_document.c.doc))


def requests_of(tables: PlatformStore, case_number: str) -> list[RowMapping]:
    """Return what was asked to be corrected, oldest first."""
    mine = case_request.c.case_number == case_number
    return tables.rows(sa.select(case_request).where(mine).order_by(case_request.c.step))


def find_open_request(tables: PlatformStore, case_number: str) -> dict[str, Any] | None:
    """Return `{request_id, deadline, materials: [{code, name, reason}]}` of the open correction, if one is."""
    for row in requests_of(tables, case_number):
        if row["state"] == "open":
            materials = json.loads(row["materials"])
            return {"request_id": row["request_id"], "deadline": row["deadline"], "materials": materials}
    return None


def list_cases(
    tables: PlatformStore, person: str, now: int, *, state: str = "", item: str = "", page: int = 1
) -> list[dict[str, Any]]:
    """Return a page of a person's cases, newest first, masked. `person` is person_of(identity); nobody has none."""
    if not person:
        return []
    mine = sa.select(case_file).where(case_file.c.person == person)
    if state:
        mine = mine.where(case_file.c.state == state)
    if item:
        mine = mine.where(case_file.c.item == item)
    newest = mine.order_by(case_file.c.received.desc(), case_file.c.case_number.desc())
    return [_summary(row, now) for row in tables.rows(newest.limit(PAGE).offset(max(0, page - 1) * PAGE))]


def tell_case(tables: PlatformStore, case_number: str, now: int) -> dict[str, Any]:
    """Return a case's timeline with masked facts. Raises: NoCase."""
    row = find_case(tables, case_number)
    manifest = manifest_of(tables, row)
    identity = manifest.get("identity")
    known = identity if isinstance(identity, Mapping) else {}
    accepted = row["state"] in (CaseState.ACCEPTED, CaseState.CONCLUDED)
    return {
        **_summary(row, now),
        "applicant": {
            "name": row["applicant"],
            "id_number": mask_number(str(known.get("id_number", ""))),
        },
        "acceptance_number": acceptance_number(case_number) if accepted else "",
        "promised": row["promised"],
        "outcome": _pair(OUTCOMES.get(row["outcome"])),
        "delivery": _named(manifest.get("delivery")),
        "timeline": [_told(move) for move in moves_of(tables, case_number)],
        "correction": find_open_request(tables, case_number),
        "documents": [
            {
                "doc": one["doc"], "kind": one["kind"], "name": _pair(DOCUMENT_WORDS[one["kind"]]), "mime": one["mime"],
                "bytes": one["size"], "sha256": one["sha256"], "at": when(one["at"]),
            }
            for one in documents_of(tables, case_number)
        ],
    }  # fmt: skip


def manifest_of(tables: PlatformStore, row: RowMapping) -> dict[str, Any]:
    """Return the plain manifest that a case, or a correction's row, came with."""
    mine = (submission.c.dev == row["dev"]) & (submission.c.sid == row["sid"])
    found = tables.one(sa.select(submission.c.manifest).where(mine))
    value = json.loads(found["manifest"]) if found is not None and found["manifest"] else {}
    return value if isinstance(value, dict) else {}


def acceptance_number(case_number: str) -> str:
    """Return the 受理回执号 of an accepted case."""
    return f"SL-{case_number.removeprefix('SIM-')}"


def mask_number(number: str) -> str:
    """Return an ID number as `330402********1234`; a short one shows nothing."""
    return f"{number[:6]}{'*' * (len(number) - 10)}{number[-4:]}" if len(number) > 10 else "*" * len(number)


def when(at: int) -> str:
    """Return Unix seconds as ISO 8601 in China's time."""
    return dt.datetime.fromtimestamp(at, CHINA).isoformat(timespec="seconds")


def _summary(row: RowMapping, now: int) -> dict[str, Any]:
    state = CaseState(row["state"])
    item = find_item(row["item"])
    return {
        "case_number": row["case_number"],
        "kind": row["kind"],
        "item": {"code": item.code, "zh": item.zh, "en": item.en},
        "state": state.value,
        "state_name": _pair(STATE_WORDS[state]),
        "next": _pair(NEXT_WORDS[state]),
        "received": when(row["received"]),
        "changed": when(row["changed"]),
        "as_of": when(now),
    }


def _told(move: RowMapping) -> dict[str, Any]:
    """Return one step for the applicant: no officer's name; the reason as the platform says it."""
    word = Move(move["move"])
    return {
        "step": move["step"],
        "stage": STAGES[word],
        "move": word.value,
        "name": _pair(MOVE_WORDS[word]),
        "state": move["state"],
        "at": when(move["at"]),
        "reason": _pair(REFUSALS.get(move["reason"])),
        "words": move["words"],
    }


def _pair(words: tuple[str, str] | None) -> dict[str, str]:
    return {"zh": words[0], "en": words[1]} if words else {}


def _named(value: object) -> dict[str, str]:
    name = value.get("name") if isinstance(value, Mapping) else None
    return {str(key): str(text) for key, text in name.items()} if isinstance(name, Mapping) else {}
