"""Enrolling terminals: one-time codes, and the six digits that a person compares."""

from __future__ import annotations

import json

import segno
import sqlalchemy as sa
from sqlalchemy.engine import RowMapping
from starlette.responses import Response

from sandbox import enrolment, store
from sandbox.console.accounts import Right
from sandbox.console.web import Call, Refusal, action, go, page

SITE = 64
LISTED = 50


def show_enrolments(call: Call) -> Response:
    """Show what waits for a comparison, and codes not used yet."""
    return _show(call)


def create_code(call: Call) -> Response:
    """Make a one-time code and show it, this once, as text and as a picture to photograph."""
    site, model = call.form.text("site", SITE), call.form.text("model", SITE)
    if not site:
        raise Refusal(422, "请写明站点。", "Say which site it is for.")
    fresh = enrolment.create_code(call.platform.store, call.now, site, model)
    call.record("enrol.code", detail=f"{site} {model}".strip())
    return _show(call, fresh)


def decide(call: Call) -> Response:
    """The six digits are the same at the terminal, or they are not."""
    enrol_id, said = call.path("enrol_id"), call.path("said")
    if said not in ("same", "reject"):
        raise Refusal(404, "没有这一页。", "There is no such page.")
    try:
        enrolment.decide(call.platform.store, enrol_id, is_same=said == "same")
    except KeyError as fault:
        raise Refusal(409, "这次入网已经决定过了。", "This enrolment has been decided already.") from fault
    call.record(f"enrol.{said}", enrol_id)
    return go("/enrolment")


def _show(call: Call, fresh: str = "") -> Response:
    tables = call.platform.store
    waiting = tables.rows(
        sa.select(store.enrolment, store.code.c.site, store.code.c.model)
        .join(store.code, store.code.c.code == store.enrolment.c.code)
        .where(store.enrolment.c.state == "waiting", store.enrolment.c.created > call.now - enrolment.PENDING_LIFE_S)
        .order_by(store.enrolment.c.created)
        .limit(LISTED)
    )
    bound = sa.select(store.enrolment.c.code)
    free = tables.rows(
        sa.select(store.code.c.site, store.code.c.model, store.code.c.expires)
        .where(store.code.c.expires > call.now, ~store.code.c.is_burnt, store.code.c.code.not_in(bound))
        .order_by(store.code.c.expires.desc())
        .limit(LISTED)
    )
    return call.render(
        "enrolment.html",
        waiting=[_describe(row) for row in waiting],
        free=free,
        fresh=" ".join(fresh[at : at + 4] for at in range(0, len(fresh), 4)),
        picture=segno.make(fresh, error="m", micro=False).svg_inline(scale=1, border=2, omitsize=True) if fresh else "",
    )


def _describe(row: RowMapping) -> dict[str, str | int]:
    hardware = json.loads(row["hw"])
    board = hardware.get("board", "") if isinstance(hardware, dict) else ""
    digits = enrolment.digits(row)
    return {
        "enrol_id": row["enrol_id"],
        "digits": f"{digits[:3]} {digits[3:]}",
        "site": row["site"],
        "model": row["model"],
        "board": str(board)[:64],
        "app": row["app"],
        "created": row["created"],
    }


ROUTES = [
    page("/enrolment", Right.MANAGE, show_enrolments),
    action("/enrolment/code", Right.MANAGE, create_code),
    action("/enrolment/{enrol_id}/{said}", Right.MANAGE, decide),
]
