"""What is wrong with a terminal, from its heartbeat, its certificate and what the platform noted (security.md §14)."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from sqlalchemy.engine import RowMapping

SILENT_S = 10 * 60
UNSENT_S = 4 * 3600
DRIFT_MS = 5 * 60 * 1000
RESERVE_BYTES = 64 * 1024 * 1024  # below this the ballast is at stake
NOTE_WORDS = {
    "seq_reused": ("stop", "序号重复：设备可能被复制", "Number used twice: the device may be a copy"),
    "seq_gap": ("care", "序号有缺口", "Numbers are missing"),
    "audit_gap": ("stop", "审计记录断裂", "Its audit log is broken"),
    "code_bound": ("stop", "入网码被另一密钥使用", "A second key tried an enrolment code"),
}


@dataclass(frozen=True)
class Alarm:
    """One thing that somebody should look at. `state` is care or stop."""

    state: str
    zh: str
    en: str


@dataclass(frozen=True)
class Health:
    """What a terminal last said of itself, every field checked: it is the device's word."""

    app: str
    catalogue: str
    ready: int
    dead: int
    oldest: int  # Unix seconds of the oldest unsent one, 0 = none
    bytes_waiting: int
    disk_free: int
    drift_ms: int
    paper: str
    pause: str
    devices: tuple[tuple[str, str], ...]
    faults: tuple[str, ...]
    audit_n: int


def decode_health(text: str | None) -> Health | None:
    """Return the health of a heartbeat's JSON, or nothing before the first."""
    if text is None:
        return None
    beat = json.loads(text)
    queue, devices, faults, audit = (beat.get(key) for key in ("queue", "devices", "faults", "audit"))
    queue = queue if isinstance(queue, Mapping) else {}
    return Health(
        app=_text(beat.get("app")),
        catalogue=_text(beat.get("cat")),
        ready=_count(queue.get("ready")),
        dead=_count(queue.get("dead")),
        oldest=_moment(queue.get("oldest")),
        bytes_waiting=_count(queue.get("bytes")),
        disk_free=_count(beat.get("disk_free"), -1),
        drift_ms=_signed(beat.get("clk_offset_ms")),
        paper=_text(beat.get("paper")),
        pause=_text(beat.get("pause")),
        devices=tuple((_text(kind), _text(word)) for kind, word in sorted(devices.items())[:16])
        if isinstance(devices, Mapping)
        else (),
        faults=tuple(_text(one) for one in faults[:10]) if isinstance(faults, list) else (),
        audit_n=_count(audit.get("n")) if isinstance(audit, Mapping) else 0,
    )


def find_alarms(
    row: RowMapping, health: Health | None, certificate: x509.Certificate | None, notes: list[RowMapping],
    newest_app: str, now: int,
) -> tuple[Alarm, ...]:  # fmt: skip
    """Return the alarms of one device, the grave ones first."""
    found = [Alarm(*NOTE_WORDS[note["kind"]]) for note in notes if note["kind"] in NOTE_WORDS]
    if row["state"] == "active":
        found += _of_silence(row, now)
    if health is not None:
        found += _of_health(health, newest_app, now)
    if certificate is not None:
        begun, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        if dt.datetime.fromtimestamp(now, dt.UTC) > begun + (ends - begun) * 2 / 3:
            found.append(Alarm("care", f"证书 {ends:%Y-%m-%d} 到期", f"Certificate ends {ends:%Y-%m-%d}"))
    unique = dict.fromkeys(found)
    return tuple(sorted(unique, key=lambda alarm: alarm.state != "stop"))


def _of_silence(row: RowMapping, now: int) -> list[Alarm]:
    silent = now - (row["heartbeat_at"] or 0)
    if row["heartbeat_at"] is None or silent <= SILENT_S:
        return []
    return [Alarm("stop", f"{silent // 60} 分钟没有心跳", f"Silent for {silent // 60} min")]


def _of_health(health: Health, newest_app: str, now: int) -> list[Alarm]:
    waited = now - health.oldest if health.oldest else 0
    checks = (
        (health.dead > 0, "stop", f"{health.dead} 件需要处理", f"{health.dead} need attention"),
        (waited > UNSENT_S, "stop", f"最早一件已等 {waited // 3600} 小时", f"Oldest waits {waited // 3600} h"),
        (bool(health.pause), "stop", f"上报暂停：{health.pause}", f"Sending paused: {health.pause}"),
        (0 <= health.disk_free < RESERVE_BYTES, "stop", "磁盘余量不足", "Disk reserve broken"),
        (abs(health.drift_ms) > DRIFT_MS, "care", "时钟偏差超过 5 分钟", "Clock is off by more than 5 min"),
        (bool(health.faults), "care", f"故障：{' '.join(health.faults)}", f"Faults: {' '.join(health.faults)}"),
        (health.app != newest_app, "care", f"版本 {health.app} 不是最新", f"Version {health.app} is not the newest"),
    )
    return [Alarm(state, zh, en) for is_so, state, zh, en in checks if is_so]


def _moment(value: object) -> int:
    """Return Unix seconds of a number or of ISO 8601 with an offset, as terminals send it; else 0."""
    try:
        found = dt.datetime.fromisoformat(value) if isinstance(value, str) else None
        return int(found.timestamp()) if found is not None and found.tzinfo is not None else _count(value)
    except (ValueError, OverflowError):
        return 0


def _text(value: object) -> str:
    return value[:40] if isinstance(value, str) else ""


def _count(value: object, other: int = 0) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else other


def _signed(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
