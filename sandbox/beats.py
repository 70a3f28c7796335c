"""Heartbeats, taken in batches: what arrives within a moment is verified and stored together, and answered once stored.

Nothing waits in memory unanswered, so a process may end at any moment; the newest beat of a device wins, in whatever
order and through whichever process they come.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sandbox import rotations, store
from sandbox.fixed import Fixed
from sandbox.problems import Problem

PAUSE_S = 0.5  # between two transactions: at 400 beats a second a batch is 200
COUNT_MAX = 2**31 - 1
FLAGS = ("door_open", "usb_refused", "receipt_rejected", "disk_reserve", "audit_gap")  # bits of device.alarms
AUDIT_GAP = 1 << FLAGS.index("audit_gap")


@dataclass(frozen=True)
class Beat:
    """One verified heartbeat. `renew_at` is set on the first under a certificate in this process."""

    dev: str
    serial: str
    n: int
    text: str  # the signed object's JSON
    value: dict[str, Any]
    at: int
    renew_at: int = 0


@dataclass(frozen=True)
class Letter:
    """A heartbeat as it came, unread: the hash of the token it was sent with, and the body."""

    token_hash: str
    body: bytes


Outcome = bytes | Problem  # the answer's body, or what is wrong with this one
Take = Callable[[Sequence[Letter]], Sequence[Outcome]]


@dataclass
class BeatBook:
    """Gathers the beats of one process."""

    pause_s: float = PAUSE_S
    _waiting: list[Letter] = field(default_factory=list)
    _round: asyncio.Task[Sequence[Outcome]] | None = None
    _last: float = float("-inf")

    async def keep(self, letter: Letter, take: Take) -> bytes:
        """Return what `take`, called in a thread with all that came in the same moment, says to this one.

        Raises: Problem, of this one or of all.
        """
        number = len(self._waiting)
        self._waiting.append(letter)
        if self._round is None:
            self._round = asyncio.create_task(self._take(take))
        outcome = (await asyncio.shield(self._round))[number]
        if isinstance(outcome, Problem):
            raise outcome
        return outcome

    async def _take(self, take: Take) -> Sequence[Outcome]:
        now = asyncio.get_running_loop().time()
        await asyncio.sleep(max(0.0, self._last + self.pause_s - now))
        self._last = max(now, self._last + self.pause_s)
        letters, self._waiting, self._round = self._waiting, [], None
        return await asyncio.get_running_loop().run_in_executor(None, take, letters)


def newest_of(beats: Sequence[Beat]) -> list[Beat]:
    """Return one beat a device, ordered by device: two processes then lock the same rows in the same order."""
    newest: dict[str, Beat] = {}
    for beat in beats:
        other = newest.get(beat.dev, beat)
        winner = beat if beat.n > other.n else other
        newest[beat.dev] = replace(winner, renew_at=max(beat.renew_at, other.renew_at))
    return [newest[dev] for dev in sorted(newest)]


def store_beats(tables: store.PlatformStore, beats: Sequence[Beat], former: Mapping[str, Mapping[str, Any]]) -> None:
    """Store beats, make pending devices active, note an audit chain that is broken. Raises: Problem.

    `beats` are as `newest_of` returns them; `former` gives the row that each device had: `heartbeat` and `alarms`.
    """
    changes = [_compose_change(beat, former.get(beat.dev)) for beat in beats]
    with tables.begin(is_lasting=any(beat.renew_at for beat in beats)) as connection:
        _KEEP.run_each(connection, changes)
        for change, beat in zip(changes, beats, strict=True):
            known = former.get(beat.dev)
            if known is not None and change["v_alarms"] & AUDIT_GAP & ~(known["alarms"] or 0):
                values = {"at": beat.at, "dev": beat.dev, "kind": "audit_gap", "detail": f"heartbeat {beat.n}"}
                connection.execute(store.note.insert().values(**values))
        for beat in beats:
            if beat.renew_at:
                _welcome(connection, beat)


def _welcome(connection: Connection, beat: Beat) -> None:
    """Do what a device's first beat under a certificate asks for. Safe to do again."""
    mine = store.device.c.dev == beat.dev
    connection.execute(store.device.update().where(mine).values(renew_at=beat.renew_at))
    connection.execute(store.device.update().where(mine, store.device.c.state == "pending").values(state="active"))
    closed = (store.enrolment.c.dev == beat.dev) & (store.enrolment.c.state != "active")
    connection.execute(store.enrolment.update().where(closed).values(state="active"))
    rotations.confirm(connection, beat.dev, beat.serial, beat.at)


_KEEP = Fixed(
    store.device.update()
    .where(store.device.c.dev == sa.bindparam("v_dev"), store.device.c.heartbeat_n < sa.bindparam("v_n"))
    .values(
        heartbeat_n=sa.bindparam("v_n"), heartbeat=sa.bindparam("v_text"), heartbeat_at=sa.bindparam("v_at"),
        ready=sa.bindparam("v_ready"), dead=sa.bindparam("v_dead"), oldest_at=sa.bindparam("v_oldest"),
        clock_off_s=sa.bindparam("v_clock"), app=sa.bindparam("v_app"), alarms=sa.bindparam("v_alarms"),
    )
)  # fmt: skip


def _compose_change(beat: Beat, former: Any) -> dict[str, Any]:
    """Return the values of a device's row; whatever a terminal writes in an odd place counts as nought."""
    value = beat.value
    queue = value.get("queue") if isinstance(value.get("queue"), dict) else {}
    faults = value.get("faults") if isinstance(value.get("faults"), list) else []
    oldest = _decode_moment(queue.get("oldest"))
    alarms = sum(1 << bit for bit, word in enumerate(FLAGS) if word in faults)
    if _is_audit_broken(value.get("audit"), former["heartbeat"] if former is not None else None):
        alarms |= AUDIT_GAP
    return {
        "v_dev": beat.dev, "v_n": beat.n, "v_text": beat.text, "v_at": beat.at,
        "v_ready": _number(queue.get("ready")), "v_dead": _number(queue.get("dead")),
        "v_oldest": oldest if oldest > 0 and _number(queue.get("ready")) else None,
        "v_clock": _number(value.get("clk_offset_ms")) // 1000,
        "v_app": str(value.get("app", "")).replace("\0", "")[:64], "v_alarms": alarms,
    }  # fmt: skip


def _is_audit_broken(audit: object, former_text: str | None) -> bool:
    """Whether the chain's number fell, or its head changed under the same number."""
    former = json.loads(former_text).get("audit") if former_text else None
    if not isinstance(audit, dict) or not isinstance(former, dict):
        return False
    here, before = _number(audit.get("n")), _number(former.get("n"))
    return here < before or (here == before and audit.get("h") != former.get("h"))


def _decode_moment(value: object) -> int:
    """Return Unix seconds of an ISO time or of a number; 0 for anything else."""
    try:
        return int(dt.datetime.fromisoformat(value).timestamp()) if isinstance(value, str) else _number(value)
    except (ValueError, OverflowError):
        return 0


def _number(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        return 0
    return max(-COUNT_MAX, min(value, COUNT_MAX))
