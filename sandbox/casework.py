"""A case on the officer's desk: what was taken in, the moves an officer may make, and what each of them left behind.

States are the words of product.md §4: `delivered` 收件, `accepted` 受理, `not_accepted` 不予受理, `concluded` 办结,
`correction_required` and `correction_sent` 补正. A move names the states it may start from; every other is refused, and
two officers who press at once make one move.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from sandbox.case_tables import case_document, case_file, case_move, case_request, evidence
from sandbox.database import insert
from sandbox.fixed import Fixed
from sandbox.items import find_item
from sandbox.store import PlatformStore, setting, submission

FORMER = "desk-since"
DESK_KINDS = ("submission", "consultation", "complaint")
REFUSALS = {
    "not_met": ("不符合受理条件", "The conditions are not met"),
    "not_ours": ("不属于本机关职权范围", "Not within this office's powers"),
    "not_needed": ("依法不需要办理", "The law asks for no such application"),
    "repeated": ("与已有办件重复", "The same was applied for before"),
    "not_true": ("材料与事实不符", "Papers do not agree with the facts"),
    "not_corrected": ("逾期未补正", "Nothing was corrected in time"),
    "other": ("其他", "Another reason"),
}
OUTCOMES = {  # 办结结果 BJJGDM: 0, 6, 1
    "issued": ("出具结果", "Result issued"),
    "done": ("办结", "Done"),
    "returned": ("退回", "Returned"),
}


class CaseState(StrEnum):
    """Where a case stands at the platform."""

    DELIVERED = "delivered"
    CORRECTION_REQUIRED = "correction_required"
    CORRECTION_SENT = "correction_sent"
    ACCEPTED = "accepted"
    NOT_ACCEPTED = "not_accepted"
    CONCLUDED = "concluded"


class Move(StrEnum):
    """What moves a case."""

    RECEIVE = "receive"
    ACCEPT = "accept"
    REFUSE = "refuse"
    ASK = "ask"
    ANSWER = "answer"
    CONCLUDE = "conclude"


_OPEN_CASE, _WRITE_MOVE, _KEEP_EVIDENCE = (Fixed(table.insert()) for table in (case_file, case_move, evidence))
UNDECIDED = (CaseState.DELIVERED, CaseState.CORRECTION_REQUIRED, CaseState.CORRECTION_SENT)
MOVES: dict[Move, tuple[tuple[CaseState, ...], CaseState]] = {
    Move.ACCEPT: (UNDECIDED, CaseState.ACCEPTED),
    Move.REFUSE: (UNDECIDED, CaseState.NOT_ACCEPTED),
    Move.ASK: ((CaseState.DELIVERED, CaseState.CORRECTION_SENT), CaseState.CORRECTION_REQUIRED),
    Move.ANSWER: ((CaseState.CORRECTION_REQUIRED,), CaseState.CORRECTION_SENT),
    Move.CONCLUDE: ((CaseState.ACCEPTED,), CaseState.CONCLUDED),
}


class NoCase(KeyError):
    """The platform has no case of that number."""


class IllegalMove(Exception):
    """The case does not stand where this move may start, or somebody moved it since the page was read."""


class CorrectionClosed(Exception):
    """A correction that answers no open request."""


@dataclass(frozen=True)
class Wanted:
    """One material to be corrected: its code and names, and what is wrong with it."""

    code: str
    zh: str
    en: str
    reason: str


@dataclass(frozen=True)
class KeptDocument:
    """A document that lies in the blob store, durable and signed, and is not yet part of a case."""

    kind: str
    mime: str
    size: int
    sha256: str
    path: str
    signed: str


# ── what is taken in ───────────────────────────────────────────────────────────────────────


def file_case(
    connection: Connection,
    *,
    dev: str,
    sid: str,
    seq: int,
    kind: str,
    manifest: Mapping[str, Any],
    case_number: str,
    query_code: str,
    at: int,
) -> tuple[str, str]:
    """Put a committed submission on the desk, in its own transaction; return the numbers that its receipt names.

    A correction belongs to its case and names the case's numbers. Raises: CorrectionClosed.
    """
    if kind == "correction":
        return _answer(connection, dev, sid, manifest, at)
    if kind in DESK_KINDS:
        item = find_item(str(manifest.get("item", "")))
        values = {
            "case_number": case_number, "dev": dev, "sid": sid, "seq": seq, "kind": kind,
            "item": str(manifest.get("item", ""))[:64], "window_class": item.window_class,
            "person": person_of(manifest.get("identity")), "applicant": mask_name(_name_of(manifest.get("identity"))),
            "query_code": query_code, "state": str(CaseState.DELIVERED), "step": 1, "received": at, "changed": at,
            "promised": "", "outcome": "",
        }  # fmt: skip
        _OPEN_CASE.run(connection, values)
        _write_move(connection, case_number, 1, Move.RECEIVE, CaseState.DELIVERED, at)
    return case_number, query_code


def keep_evidence(connection: Connection, dev: str, sid: str, kid: str, signature: str) -> None:
    """Keep the device's signature over the envelope, in the transaction of the commit."""
    _KEEP_EVIDENCE.run(connection, {"dev": dev, "sid": sid, "kid": kid, "sig": signature})


def _answer(connection: Connection, dev: str, sid: str, manifest: Mapping[str, Any], at: int) -> tuple[str, str]:
    """Bind a correction to the request it names. One that comes late is taken: an officer judges that."""
    number, request_id = str(manifest.get("case_number", "")), str(manifest.get("request_id", ""))
    is_it = (case_request.c.request_id == request_id) & (case_request.c.case_number == number)
    taken = connection.execute(
        case_request.update()
        .where(is_it, case_request.c.state == "open")
        .values(state="answered", dev=dev, sid=sid, answered=at)
    )
    if taken.rowcount == 0:
        raise CorrectionClosed(number)
    try:
        case = _step(connection, number, Move.ANSWER, "", at)
    except (NoCase, IllegalMove) as fault:
        raise CorrectionClosed(number) from fault
    return number, str(case["query_code"])


def person_of(identity: object) -> str:
    """Return the key that all cases of one person share, empty for nobody. It is an index, not a protection."""
    if not isinstance(identity, Mapping):
        return ""
    value = identity.get("id_number") or identity.get("token")
    if not isinstance(value, str) or not value:
        return ""
    return hashlib.sha256(b"kiosk/person/v1\0" + value.strip().upper().encode()).hexdigest()


def _name_of(identity: object) -> str:
    return str(identity.get("name", "")) if isinstance(identity, Mapping) else ""


def mask_name(name: str) -> str:
    """Return 王*, 王*明, 欧**娜: first and last only."""
    if len(name) <= 1:
        return name
    return f"{name[0]}*" if len(name) == 2 else f"{name[0]}{'*' * min(len(name) - 2, 30)}{name[-1]}"


# ── what an officer does ───────────────────────────────────────────────────────────────────


def accept(
    tables: PlatformStore, number: str, *, officer: str, at: int, seen: int, promised: str = "",
    words: str = "", document: KeptDocument | None = None,
) -> None:  # fmt: skip
    """受理, due by `promised`. `seen` is the step the officer's page showed. Raises: NoCase, IllegalMove."""
    with tables.begin() as connection:
        _step(connection, number, Move.ACCEPT, officer, at, seen=seen, words=words, promised=promised)
        _close_requests(connection, number)
        _attach(connection, number, seen + 1, document, at)


def refuse(
    tables: PlatformStore, number: str, *, officer: str, at: int, seen: int, reason: str,
    words: str = "", document: KeptDocument | None = None,
) -> None:  # fmt: skip
    """不予受理 for a reason of REFUSALS. Raises: NoCase, IllegalMove, ValueError for a reason without words."""
    if reason not in REFUSALS or (reason == "other" and not words.strip()):
        raise ValueError("a reason is needed")
    with tables.begin() as connection:
        _step(connection, number, Move.REFUSE, officer, at, seen=seen, reason=reason, words=words)
        _close_requests(connection, number)
        _attach(connection, number, seen + 1, document, at)


def ask_correction(
    tables: PlatformStore, number: str, *, officer: str, at: int, seen: int, wanted: Sequence[Wanted],
    deadline: str, words: str = "", document: KeptDocument | None = None,
) -> str:  # fmt: skip
    """补正: return the id of the request that a correction names. Raises: NoCase, IllegalMove, ValueError."""
    if not wanted or not all(one.reason.strip() for one in wanted) or not deadline:
        raise ValueError("materials, reasons and a day are needed")
    request_id = secrets.token_hex(16)
    materials = [
        {"code": one.code, "name": {"zh": one.zh, "en": one.en}, "reason": one.reason.strip()} for one in wanted
    ]
    with tables.begin() as connection:
        _step(connection, number, Move.ASK, officer, at, seen=seen, words=words)
        values = {
            "request_id": request_id, "case_number": number, "step": seen + 1, "deadline": deadline, "state": "open",
            "materials": json.dumps(materials, ensure_ascii=False),
        }  # fmt: skip
        connection.execute(case_request.insert().values(**values))
        _attach(connection, number, seen + 1, document, at)
    return request_id


def conclude(
    tables: PlatformStore, number: str, *, officer: str, at: int, seen: int, outcome: str,
    document: KeptDocument, words: str = "",
) -> None:  # fmt: skip
    """办结 with its document. Raises: NoCase, IllegalMove, ValueError for an unknown outcome."""
    if outcome not in OUTCOMES:
        raise ValueError("an outcome is needed")
    with tables.begin() as connection:
        _step(connection, number, Move.CONCLUDE, officer, at, seen=seen, words=words, outcome=outcome)
        _attach(connection, number, seen + 1, document, at)


def _step(
    connection: Connection, number: str, move: Move, officer: str, at: int, *, seen: int | None = None,
    reason: str = "", words: str = "", **changes: str,
) -> RowMapping:  # fmt: skip
    """Make one move, or none. Returns the case as it was."""
    mine = case_file.c.case_number == number
    case = connection.execute(sa.select(case_file).where(mine)).mappings().first()
    if case is None:
        raise NoCase(number)
    before, after = MOVES[move]
    moved = connection.execute(
        case_file.update()
        .where(mine, case_file.c.state.in_(before), case_file.c.step == (case["step"] if seen is None else seen))
        .values(state=after, step=case_file.c.step + 1, changed=at, **changes)
    )
    if moved.rowcount == 0:
        raise IllegalMove(f"{move} from {case['state']}, step {case['step']}")
    _write_move(connection, number, case["step"] + 1, move, after, at, officer, reason, words.strip())
    return case


def _write_move(
    connection: Connection, number: str, step: int, move: Move, state: CaseState, at: int,
    officer: str = "", reason: str = "", words: str = "",
) -> None:  # fmt: skip
    values = {"case_number": number, "step": step, "move": str(move), "state": str(state), "at": at}
    _WRITE_MOVE.run(connection, {**values, "officer": officer, "reason": reason, "words": words})


def _close_requests(connection: Connection, number: str) -> None:
    is_open = (case_request.c.case_number == number) & (case_request.c.state == "open")
    connection.execute(case_request.update().where(is_open).values(state="closed"))


def _attach(connection: Connection, number: str, step: int, document: KeptDocument | None, at: int) -> None:
    if document is not None:
        doc = f"{document.kind}-{step}"
        connection.execute(case_document.insert().values(case_number=number, doc=doc, at=at, **vars(document)))


def file_former(tables: PlatformStore, now: int) -> int:
    """Put on the desk, once for ever, what was committed before there was one; return how many."""
    if tables.one(sa.select(setting.c.v).where(setting.c.k == FORMER)) is not None:
        return 0
    filed = 0
    with tables.begin() as connection:
        once = insert(connection, setting).values(k=FORMER, v=str(now)).on_conflict_do_nothing()
        if connection.execute(once).rowcount == 0:  # workers start together: one does it, the others find it done
            return 0
        known = sa.select(case_file.c.sid).where(
            case_file.c.dev == submission.c.dev, case_file.c.sid == submission.c.sid
        )
        former = sa.select(submission).where(submission.c.state == "committed", ~known.exists())
        for row in connection.execute(former).mappings():
            kind = str(json.loads(row["envelope"]).get("kind", ""))
            if kind in DESK_KINDS:
                file_case(
                    connection, dev=row["dev"], sid=row["sid"], seq=row["seq"], kind=kind, at=row["committed"],
                    manifest=json.loads(row["manifest"]), case_number=row["case_number"], query_code=row["query_code"],
                )  # fmt: skip
                filed += 1
    return filed
