"""The desk: incoming cases by window class, one case opened, its pictures and documents, its moves."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from starlette.responses import Response

from sandbox.case_tables import case_document, case_file
from sandbox.case_views import DOCUMENT_WORDS, MOVE_WORDS, STATE_WORDS, manifest_of
from sandbox.cases import CHINA, compose_intake_number, decode_intake_number, tidy_number
from sandbox.casework import MOVES, OUTCOMES, REFUSALS, CaseState
from sandbox.console.accounts import Right
from sandbox.console.decide import ROUTES as DECIDE_ROUTES
from sandbox.console.opened import (
    HEADS,
    PICTURES,
    compose_opened,
    open_case,
    parts_of,
    plain_parts,
    read_part,
    submissions_of,
)
from sandbox.console.web import Call, Refusal, age_words, go, page
from sandbox.documents import BadDocument, read_document
from sandbox.items import CLASSES, find_item

PAGE = 25
GROUPS: dict[str, tuple[str, str, tuple[CaseState, ...]]] = {
    "waiting": ("待处理", "To do", (CaseState.DELIVERED, CaseState.CORRECTION_SENT)),
    "correction": ("待补正", "Correction asked", (CaseState.CORRECTION_REQUIRED,)),
    "accepted": ("办理中", "In process", (CaseState.ACCEPTED,)),
    "closed": ("已结束", "Closed", (CaseState.CONCLUDED, CaseState.NOT_ACCEPTED)),
}
STATE_LOOKS = {
    CaseState.DELIVERED: ("new", "inbox"),
    CaseState.CORRECTION_SENT: ("new", "inbox"),
    CaseState.CORRECTION_REQUIRED: ("care", "pen"),
    CaseState.ACCEPTED: ("going", "gear"),
    CaseState.NOT_ACCEPTED: ("stop", "cross"),
    CaseState.CONCLUDED: ("good", "tick"),
}
SANDBOXED = "default-src 'none'; sandbox"
LATE_S = 24 * 3600  # a case that waits longer is marked


@dataclass(frozen=True)
class Window:
    """One window class: what waits there and for how long."""

    name: str
    en: str
    waiting: int
    oldest_s: int


def list_cases(call: Call) -> Response:
    """Show cases of a window class and a group, oldest first where something is to be done."""
    group = call.query("state") if call.query("state") in GROUPS else "waiting"
    chosen = call.query("class") if call.query("class") in CLASSES else ""
    mine = case_file.c.state.in_(GROUPS[group][2])
    if chosen:
        mine &= case_file.c.window_class == chosen
    order = case_file.c.changed.desc() if group == "closed" else case_file.c.received
    found = call.platform.store.rows(
        sa.select(case_file)
        .where(mine).order_by(order, case_file.c.case_number)
        .limit(PAGE + 1).offset((call.page_number() - 1) * PAGE)
    )  # fmt: skip
    return call.render(
        "cases.html",
        windows=_windows(call),
        groups={name: (call.word(*words[:2]), _count(call, words[2], chosen)) for name, words in GROUPS.items()},
        group=group,
        chosen=chosen,
        cases=[_line(call, row) for row in found[:PAGE]],
        page=call.page_number(),
        has_more=len(found) > PAGE,
    )


def find(call: Call) -> Response:
    """Go to the case of a number, as typed from a slip: the case's or the intake's."""
    text = tidy_number(call.query("number"))
    mine = case_file.c.case_number == text
    intake = decode_intake_number(text)  # K-000123-000042-X
    if intake is not None:
        mine = (case_file.c.dev == intake[0]) & (case_file.c.seq == intake[1])
    found = call.platform.store.one(sa.select(case_file.c.case_number).where(mine))
    if found is None:
        raise Refusal(404, "没有这个编号的办件。", "There is no case of that number.")
    return go(f"/cases/{found['case_number']}")


def show_case(call: Call) -> Response:
    """Open one case, whole. It is written down before anything is shown."""
    row = open_case(call)
    call.record("case.open", row["case_number"])
    opened = compose_opened(call.platform, row)
    state = CaseState(row["state"])
    item = find_item(row["item"])
    return call.render(
        "case.html",
        o=opened,
        item=item,
        state=state,
        state_word=call.word(*STATE_WORDS[state]),
        look=STATE_LOOKS[state],
        may={move.value: state in before for move, (before, _) in MOVES.items()},
        can_decide=call.who.may(Right.DECIDE),
        refusals={code: call.word(*words) for code, words in REFUSALS.items()},
        outcomes={code: call.word(*words) for code, words in OUTCOMES.items()},
        move_words={move.value: call.word(*words) for move, words in MOVE_WORDS.items()},
        document_words={kind: call.word(*words) for kind, words in DOCUMENT_WORDS.items()},
        class_word=call.word(row["window_class"], CLASSES.get(row["window_class"], "")),
        promised=add_working_days(call.now, item.promised_days),
        correction_day=add_working_days(call.now, 5),  # 5 working days is the usual term for a correction
        today=add_working_days(call.now, 0),
        age=age_words(call.now - row["received"], call),
        done=call.query("done"),
    )


def show_part(call: Call) -> Response:
    """Give one stored part of the case: a picture to look at, anything else to save. Never as a page."""
    row = open_case(call)
    sid, name = call.path("sid"), call.path("part")
    dev = submissions_of(call.platform, row).get(sid, "")
    part = parts_of(call.platform, dev, sid).get(name)
    if part is None:
        raise Refusal(404, "没有这个文件。", "There is no such file.")
    data = read_part(call.platform, part)
    if call.request.headers.get("sec-fetch-dest") != "image":  # a picture within the opened page: that is written down
        call.record("case.part", row["case_number"], name)
    return give_file(data, part["mime"], f"{row['case_number']}-{name}")


def show_picture(call: Call) -> Response:
    """Give the first page of a scan that came as PDF as a picture, for the opened page."""
    from sandbox.scan_picture import NotShown, draw_first_page  # heavy; only this asks for it

    row = open_case(call)
    sid, name = call.path("sid"), call.path("part")
    dev = submissions_of(call.platform, row).get(sid, "")
    part = plain_parts(call.platform, dev, sid).get(name)
    if part is None or part.mime != "application/pdf":
        raise Refusal(404, "没有这个文件。", "There is no such file.")
    try:
        data = draw_first_page(part.path)
    except NotShown as fault:
        raise Refusal(404, "这个文件不能显示，请下载。", "This file cannot be shown. Save it.") from fault
    if call.request.headers.get("sec-fetch-dest") != "image":
        call.record("case.part", row["case_number"], name)
    return give_file(data, "image/jpeg", f"{row['case_number']}-{name}")


def show_form(call: Call) -> Response:
    """Give the application form as PDF, drawn now."""
    from sandbox.form import render_submission  # heavy; only this asks for it

    row = open_case(call)
    opened = compose_opened(call.platform, row)
    call.record("case.form", row["case_number"])
    data = render_submission(
        manifest_of(call.platform.store, row),
        plain_parts(call.platform, row["dev"], row["sid"]),
        intake_number=opened.sent.intake_number,
        case_number=row["case_number"],
        received=row["received"],
    )
    return give_file(data, "application/pdf", f"{row['case_number']}-form")


def show_document(call: Call) -> Response:
    """Give one document of the case, checked against its hash."""
    row = open_case(call)
    mine = (case_document.c.case_number == row["case_number"]) & (case_document.c.doc == call.path("doc"))
    document = call.platform.store.one(sa.select(case_document).where(mine))
    if document is None:
        raise Refusal(404, "没有这份文书。", "There is no such document.")
    try:
        data = read_document(call.platform, document)
    except (BadDocument, OSError) as fault:
        raise Refusal(500, "文书已损坏，请找运维人员。", "The document is damaged. Ask the technician.") from fault
    call.record("case.document", row["case_number"], document["doc"])
    return give_file(data, document["mime"], f"{row['case_number']}-{document['doc']}")


def give_file(data: bytes, mime: str, name: str) -> Response:
    """Return bytes that a browser shows as the picture they are or saves; they are never interpreted."""
    head = HEADS.get(mime)
    is_what_it_says = head is not None and data.startswith(head)
    kind = mime if is_what_it_says else "application/octet-stream"
    way = "inline" if is_what_it_says and mime in PICTURES else "attachment"
    end = kind.rpartition("/")[2] if is_what_it_says else "bin"
    headers = {"Content-Disposition": f'{way}; filename="{name}.{end}"', "Content-Security-Policy": SANDBOXED}
    return Response(data, media_type=kind, headers=headers)


def add_working_days(now: int, days: int) -> str:
    """Return the date so many working days ahead. Public holidays are not known here: an officer moves the day."""
    found = dt.datetime.fromtimestamp(now, CHINA).date()
    while days > 0:
        found += dt.timedelta(days=1)
        days -= found.weekday() < 5
    return found.isoformat()


def _windows(call: Call) -> list[Window]:
    states = GROUPS["waiting"][2]
    rows = call.platform.store.rows(
        sa.select(case_file.c.window_class, sa.func.count().label("n"), sa.func.min(case_file.c.received).label("old"))
        .where(case_file.c.state.in_(states)).group_by(case_file.c.window_class)
    )  # fmt: skip
    found = {row["window_class"]: row for row in rows}
    return [
        Window(name, en, found[name]["n"], call.now - found[name]["old"]) if name in found else Window(name, en, 0, 0)
        for name, en in CLASSES.items()
    ]


def _count(call: Call, states: tuple[CaseState, ...], chosen: str) -> int:
    mine = case_file.c.state.in_(states)
    if chosen:
        mine &= case_file.c.window_class == chosen
    found = call.platform.store.one(sa.select(sa.func.count().label("n")).where(mine))
    return int(found["n"]) if found else 0


def _line(call: Call, row: Mapping[str, Any]) -> dict[str, Any]:
    state = CaseState(row["state"])
    item = find_item(row["item"])
    waits = call.now - row["received"]
    return {
        "number": row["case_number"],
        "intake_number": compose_intake_number(row["dev"], row["seq"]),
        "item": call.word(item.zh, item.en or item.zh),
        "window": call.word(row["window_class"], CLASSES.get(row["window_class"], "")),
        "applicant": row["applicant"] or call.word("匿名", "anonymous"),
        "state": call.word(*STATE_WORDS[state]),
        "look": STATE_LOOKS[state],
        "received": row["received"],
        "changed": row["changed"],
        "age": age_words(waits, call),
        "is_late": state in GROUPS["waiting"][2] and waits > LATE_S,
        "dev": row["dev"],
    }


ROUTES = [
    page("/cases", Right.LIST, list_cases),
    page("/find", Right.LIST, find),
    page("/cases/{number}", Right.OPEN, show_case),
    page("/cases/{number}/form.pdf", Right.OPEN, show_form),
    page("/cases/{number}/parts/{sid}/{part}", Right.OPEN, show_part),
    page("/cases/{number}/parts/{sid}/{part}/picture", Right.OPEN, show_picture),
    page("/cases/{number}/documents/{doc}", Right.OPEN, show_document),
    *DECIDE_ROUTES,
]
