"""What an officer decides. Each press is one form of an opened case; it names the step that its page showed."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

from sqlalchemy.engine import RowMapping
from starlette.responses import Response

from sandbox.case_views import manifest_of
from sandbox.casework import (
    OUTCOMES,
    REFUSALS,
    IllegalMove,
    KeptDocument,
    Wanted,
    accept,
    ask_correction,
    conclude,
    refuse,
)
from sandbox.console.accounts import Right
from sandbox.console.opened import open_case
from sandbox.console.web import Call, Refusal, action, day, go
from sandbox.documents import BadDocument, check_document, keep_document
from sandbox.items import find_item
from sandbox.notice import Notice, render_notice

DAY = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}")
WORDS = 500


def take_acceptance(call: Call) -> Response:
    """受理."""
    row = open_case(call)
    due = _day(call, "promised")
    item = find_item(row["item"])
    notice = _notice(call, row, "acceptance", due=due, legal_days=item.legal_days)
    return _decide(
        call, row, "accept", "",
        lambda common: accept(call.platform.store, row["case_number"], promised=due, document=notice(), **common),
    )  # fmt: skip


def take_refusal(call: Call) -> Response:
    """不予受理, for a reason of the list."""
    row = open_case(call)
    reason = call.form.text("reason", 24)
    if reason not in REFUSALS:
        raise Refusal(422, "请选择不予受理的原因。", "Choose the reason.")
    notice = _notice(call, row, "refusal", reason=REFUSALS[reason])
    return _decide(
        call, row, "refuse", reason,
        lambda common: refuse(call.platform.store, row["case_number"], reason=reason, document=notice(), **common),
    )  # fmt: skip


def take_request(call: Call) -> Response:
    """补正: which materials, why, by when."""
    row = open_case(call)
    deadline = _day(call, "deadline")
    wanted = _wanted(call, row)
    if not deadline or not wanted or not all(one.reason for one in wanted):
        raise Refusal(
            422, "请勾选材料，逐项写明原因，并定好期限。", "Tick the papers, say why for each, and set a day."
        )
    notice = _notice(call, row, "correction", wanted=wanted, deadline=deadline)

    def ask(common: dict[str, Any]) -> None:
        number = row["case_number"]
        ask_correction(
            call.platform.store, number, wanted=wanted, deadline=deadline, document=notice(), **common
        )  # fmt: skip

    return _decide(call, row, "ask", " ".join(one.code for one in wanted), ask)


def take_conclusion(call: Call) -> Response:
    """办结, with a document: uploaded, or written by the platform."""
    row = open_case(call)
    outcome = call.form.text("outcome", 16)
    if outcome not in OUTCOMES:
        raise Refusal(422, "请选择办理结果。", "Choose the outcome.")
    data = call.form.files.get("document", b"")
    if data:
        _check_document(data)

        def kept() -> KeptDocument:
            return keep_document(
                call.platform, row["case_number"], "result", data, dev=row["dev"], sid=row["sid"]
            )  # fmt: skip
    else:
        kept = _notice(call, row, "result", outcome=OUTCOMES[outcome])
    return _decide(
        call, row, "conclude", outcome,
        lambda common: conclude(call.platform.store, row["case_number"], outcome=outcome, document=kept(), **common),
    )  # fmt: skip


def _decide(call: Call, row: RowMapping, name: str, detail: str, act: Callable[[dict[str, Any]], object]) -> Response:
    number, seen = row["case_number"], call.form.text("seen", 9)
    if not seen.isascii() or not seen.isdigit():
        raise Refusal(422, "提交的内容无法读取。", "What was sent cannot be read.")
    common = {
        "officer": call.who.name, "at": call.now, "seen": int(seen), "words": call.form.text("words", WORDS),
    }  # fmt: skip
    try:
        if int(seen) != row["step"]:
            raise IllegalMove(seen)
        act(common)
    except IllegalMove as fault:
        call.record(f"case.{name}.refused", number, detail)
        raise Refusal(
            409, "办件状态已变，请重新打开后再决定。", "The case has moved since. Open it again, then decide."
        ) from fault
    except ValueError as fault:
        raise Refusal(422, "请写明原因。", "Please give the reason.") from fault
    call.record(f"case.{name}", number, detail)
    return go(f"/cases/{number}?done={name}")


def _notice(call: Call, row: RowMapping, kind: str, **facts: Any) -> Callable[[], KeptDocument]:
    """Return a function that writes the notice and keeps it: only a move that may be made needs one."""

    def write() -> KeptDocument:
        identity = manifest_of(call.platform.store, row).get("identity")
        item = find_item(row["item"])
        data = render_notice(
            Notice(
                kind=kind, case_number=row["case_number"], item_zh=item.zh, item_en=item.en or item.zh,
                applicant=str(identity.get("name", "")) if isinstance(identity, dict) else "",
                received=row["received"], at=call.now, words=call.form.text("words", WORDS), **facts,
            )
        )  # fmt: skip
        return keep_document(call.platform, row["case_number"], kind, data, dev=row["dev"], sid=row["sid"])

    return write


def _wanted(call: Call, row: RowMapping) -> tuple[Wanted, ...]:
    """Return the ticked materials of this case; a code that the case does not have is left out."""
    listed = manifest_of(call.platform.store, row).get("materials")
    found = []
    for material in listed if isinstance(listed, list) else []:
        code = str(material.get("code", "")) if isinstance(material, dict) else ""
        name = material.get("name") if isinstance(material, dict) else {}
        named = name if isinstance(name, dict) else {}
        if code and code in call.form.all("want"):
            reason = call.form.text(f"why-{code}", WORDS)
            found.append(Wanted(code, str(named.get("zh", "")), str(named.get("en", "")), reason))
    return tuple(found)


def _day(call: Call, name: str) -> str:
    """Return a day of the form, today or later, or nothing when it was left empty."""
    text = call.form.text(name, 10)
    if text and (not is_day(text) or text < day(call.now)):
        raise Refusal(422, "日期要在今天或以后。", "The day has to be today or later.")
    return text


def is_day(text: str) -> bool:
    """Whether this is a day of the calendar, as a browser writes it."""
    try:
        return DAY.fullmatch(text) is not None and bool(dt.date.fromisoformat(text))
    except ValueError:
        return False


def _check_document(data: bytes) -> None:
    """Refuse an upload that a terminal could not show or print. Raises: Refusal 422."""
    try:
        check_document(data)
    except BadDocument as fault:
        raise Refusal(
            422, "请上传 PDF 或 PNG（要能打开），10 MB 以内，PDF 不超过 50 页、不加密。",
            "Upload a PDF or PNG that opens, of at most 10 MB; a PDF without password and of at most 50 pages.",
        ) from fault  # fmt: skip


ROUTES = [
    action("/cases/{number}/accept", Right.DECIDE, take_acceptance),
    action("/cases/{number}/refuse", Right.DECIDE, take_refusal),
    action("/cases/{number}/ask", Right.DECIDE, take_request),
    action("/cases/{number}/conclude", Right.DECIDE, take_conclusion, with_file=True),
]
