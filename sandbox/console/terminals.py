"""Terminals and their health: a list with alarms, one terminal, its state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from cryptography import x509
from sqlalchemy.engine import RowMapping
from starlette.responses import Response

from sandbox import store
from sandbox.console.accounts import Right
from sandbox.console.alarms import Health, decode_health, find_alarms
from sandbox.console.web import Call, Refusal, action, age_words, go, page

PAGE = 50
NOTES = 20
STATE_WORDS = {
    "pending": ("待首次心跳", "Awaits its first heartbeat"),
    "active": ("在用", "In use"),
    "suspended": ("已暂停", "Suspended"),
    "revoked": ("已吊销", "Revoked"),
}
DEVICE_WORDS = {
    "id_reader": ("身份证阅读器", "Card reader"),
    "reader": ("身份证阅读器", "Card reader"),
    "camera": ("高拍仪", "Camera"),
    "printer": ("凭条打印机", "Slip printer"),
}
STATUS_WORDS = {  # XFS4IoT words as a heartbeat says them
    "online": ("正常", "online"),
    "offline": ("离线", "offline"),
    "powerOff": ("断电", "power off"),
    "noDevice": ("未接", "no device"),
    "hardwareError": ("硬件故障", "hardware error"),
    "userError": ("待处理", "user error"),
    "deviceBusy": ("忙", "busy"),
    "full": ("充足", "full"),
    "low": ("将尽", "low"),
    "out": ("已尽", "out"),
    "jammed": ("卡纸", "jammed"),
    "unknown": ("未知", "unknown"),
}


def list_terminals(call: Call) -> Response:
    """Show a page of terminals, those with alarms first within it."""
    rows = call.platform.store.rows(
        sa.select(store.device).order_by(store.device.c.dev).limit(PAGE + 1).offset((call.page_number() - 1) * PAGE)
    )
    lines = _compose(call, rows[:PAGE])
    counted = call.platform.store.rows(
        sa.select(store.device.c.state, sa.func.count().label("n")).group_by(store.device.c.state)
    )
    return call.render(
        "terminals.html",
        lines=sorted(lines, key=lambda line: (not line["alarms"], line["dev"])),
        counts={row["state"]: row["n"] for row in counted},
        state_words={state: call.word(*words) for state, words in STATE_WORDS.items()},
        ready=sum(line["health"].ready for line in lines if line["health"]),
        dead=sum(line["health"].dead for line in lines if line["health"]),
        page=call.page_number(),
        has_more=len(rows) > PAGE,
    )


def show_terminal(call: Call) -> Response:
    """Show all that is known of one terminal."""
    row = _find(call)
    notes = call.platform.store.rows(
        sa.select(store.note).where(store.note.c.dev == row["dev"]).order_by(store.note.c.n.desc()).limit(NOTES)
    )
    taken = call.platform.store.one(
        sa.select(sa.func.count().label("n"), sa.func.max(store.submission.c.committed).label("last")).where(
            store.submission.c.dev == row["dev"], store.submission.c.state == "committed"
        )
    )
    return call.render(
        "terminal.html",
        line=_compose(call, [row])[0],
        certificates=[_describe(one) for one in _certificates(call, [row["dev"]])],
        notes=notes,
        taken=taken,
        changes=store.DEVICE_CHANGES[row["state"]] if call.who.may(Right.MANAGE) else (),
        state_words={state: call.word(*words) for state, words in STATE_WORDS.items()},
        status_words={word: call.word(*words) for word, words in STATUS_WORDS.items()},
        device_words={kind: call.word(*words) for kind, words in DEVICE_WORDS.items()},
    )


def change_state(call: Call) -> Response:
    """Suspend, take up again or revoke a terminal."""
    row = _find(call)
    state = call.form.text("state", 12)
    if state not in store.DEVICE_CHANGES:
        raise Refusal(422, "没有这种状态。", "There is no such state.")
    try:
        former = call.platform.store.set_device_state(row["dev"], state)
    except store.NoSuchChange as fault:
        raise Refusal(
            409, "这台终端不能这样改；吊销是最终的，机器须重新入网。",
            "This terminal cannot be changed so. Revoked is for good: the machine enrols anew.",
        ) from fault  # fmt: skip
    call.record("device.state", row["dev"], f"{former} > {state}")
    return go(f"/terminals/{row['dev']}")


def _find(call: Call) -> RowMapping:
    row = call.platform.store.one(sa.select(store.device).where(store.device.c.dev == call.path("dev")))
    if row is None:
        raise Refusal(404, "没有这台终端。", "There is no such terminal.")
    return row


def _compose(call: Call, rows: list[RowMapping]) -> list[dict[str, Any]]:
    names = [row["dev"] for row in rows]
    newest = {one["dev"]: x509.load_pem_x509_certificate(one["pem"].encode()) for one in _certificates(call, names)}
    notes = call.platform.store.rows(sa.select(store.note).where(store.note.c.dev.in_(names)))
    healths = {row["dev"]: decode_health(row["heartbeat"]) for row in rows}
    app = newest_app(healths.values())
    return [
        {
            "dev": row["dev"],
            "state": row["state"],
            "beat_at": row["heartbeat_at"],
            "beat_age": age_words(call.now - row["heartbeat_at"], call) if row["heartbeat_at"] else "",
            "health": healths[row["dev"]],
            "oldest_age": _oldest(call, healths[row["dev"]]),
            "alarms": find_alarms(
                row, healths[row["dev"]], newest.get(row["dev"]), [n for n in notes if n["dev"] == row["dev"]],
                app, call.now,
            ),
        }
        for row in rows
    ]  # fmt: skip


def newest_app(healths: Iterable[Health | None]) -> str:
    """Return the highest version among terminals, compared number by number."""
    return max((health.app for health in healths if health is not None), key=_version, default="")


def _version(app: str) -> tuple[int, ...]:
    return tuple(int(piece) for piece in app.rpartition("/")[2].split(".") if piece.isascii() and piece.isdigit())


def _oldest(call: Call, health: Health | None) -> str:
    return age_words(max(0, call.now - health.oldest), call) if health and health.oldest else ""


def _certificates(call: Call, names: list[str]) -> list[RowMapping]:
    return call.platform.store.rows(sa.select(store.certificate).where(store.certificate.c.dev.in_(names)))


def _describe(row: RowMapping) -> dict[str, str]:
    certificate = x509.load_pem_x509_certificate(row["pem"].encode())
    return {
        "serial": row["serial"],
        "since": f"{certificate.not_valid_before_utc:%Y-%m-%d}",
        "until": f"{certificate.not_valid_after_utc:%Y-%m-%d}",
    }


ROUTES = [
    page("/terminals", Right.TERMINALS, list_terminals),
    page("/terminals/{dev}", Right.TERMINALS, show_terminal),
    action("/terminals/{dev}/state", Right.MANAGE, change_state),
]
