"""Bookings at invented places: half-hour slots on weekdays, two seats each, one uuid one booking."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping
from sqlalchemy.exc import IntegrityError

from sandbox import persons, store
from sandbox.cases import CHINA
from sandbox.platform import Platform
from sandbox.problems import Problem

SITES = {
    "demo-county-hall": ("示例县政务服务中心", "Demo county service hall", "示例县人民路1号（演示）"),
    "demo-town-hall": ("示例镇便民服务中心", "Demo town service centre", "示例镇建设路8号（演示）"),
}
HALF_HOURS = tuple(f"{hour:02d}{minute}" for hour in (9, 10, 14, 15) for minute in ("00", "30"))
DAYS = 7
SEATS = 2
LEAD_S = 30 * 60  # nobody is booked, and nobody cancels, later than this before the time

appointment = sa.Table(
    "appointment", store.SCHEMA,
    sa.Column("uuid", sa.String(36), primary_key=True),
    sa.Column("dev", sa.String(14), nullable=False),
    sa.Column("person", sa.String(64), nullable=False),
    sa.Column("request", sa.Text, nullable=False),  # slot, item, contact as asked for
    sa.Column("slot", sa.String(48), nullable=False),
    sa.Column("seat", sa.Integer),  # empty once cancelled
    sa.Column("code", sa.String(8), nullable=False),
    sa.UniqueConstraint("slot", "seat"),
)  # fmt: skip


@dataclass(frozen=True)
class Slot:
    """One half hour at one place."""

    slot: str
    site: str
    start: int
    free: int


def slots(platform: Platform, site: str, start_day: str = "") -> list[Slot]:
    """Return the slots of seven days from a day, weekends left out, those that are over too. Raises: Problem 422."""
    if site not in SITES:
        raise Problem(422, "not_possible", "No such site.")
    now = platform.now()
    today = dt.datetime.fromtimestamp(now, CHINA).date()
    try:
        first = max(dt.date.fromisoformat(start_day), today) if start_day else today
    except ValueError as fault:
        raise Problem(422, "not_possible", "No such day.") from fault
    if first > today + dt.timedelta(days=90):
        return []
    taken = _taken(platform, site)
    found = []
    for day in (first + dt.timedelta(days=number) for number in range(DAYS)):
        for time in HALF_HOURS if day.weekday() < 5 else ():
            name = f"{site}-{day:%Y%m%d}-{time}"
            start = _start_of(name)
            if start > now + LEAD_S:
                found.append(Slot(name, site, start, max(SEATS - taken.get(name, 0), 0)))
    return found


def book(platform: Platform, caller: persons.Ticket, uuid: str, asked: dict[str, Any]) -> tuple[RowMapping, bool]:
    """Return the booking of this uuid and whether this call made it.

    Raises: Problem 404 somebody else's uuid, 409 `slot_taken`, `too_late`, 422 `id_reused`, `not_possible`.
    """
    request = json.dumps(asked, sort_keys=True, ensure_ascii=False)
    known = _find(platform, uuid)
    if known is not None:
        if known["person"] != caller.person:
            raise Problem(404, "not_found")
        if known["request"] != request:
            raise Problem(422, "id_reused")
        if known["seat"] is None:
            raise Problem(409, "too_late", "The booking was cancelled: book again with a fresh uuid.")
        return known, False
    slot = str(asked["slot"])
    if _start_of(slot) <= platform.now() + LEAD_S:
        raise Problem(409, "too_late")
    values = {"uuid": uuid, "dev": caller.dev, "person": caller.person, "request": request, "slot": slot}
    for seat in range(SEATS):
        try:
            with platform.store.begin() as connection:
                connection.execute(appointment.insert().values(seat=seat, code=_code(connection, uuid), **values))
        except IntegrityError:
            known = _find(platform, uuid)
            if known is not None:
                return book(platform, caller, uuid, asked)  # the same request was quicker on another line
            continue
        made = _find(platform, uuid)
        if made is not None:
            return made, True
    raise Problem(409, "slot_taken")


def cancel(platform: Platform, person: str, uuid: str) -> None:
    """Give the seat back; cancelled stays cancelled. Raises: Problem 404, 409 `too_late`."""
    known = _find(platform, uuid)
    if known is None or known["person"] != person:
        raise Problem(404, "not_found")
    if known["seat"] is None:
        return
    if _start_of(known["slot"]) <= platform.now() + LEAD_S:
        raise Problem(409, "too_late")
    with platform.store.begin() as connection:
        connection.execute(appointment.update().where(appointment.c.uuid == uuid).values(seat=None))


def compose_slip(row: RowMapping) -> dict[str, str]:
    """Return what a booking's slip says."""
    site = _site_of(row["slot"])
    zh, en, address = SITES[site]
    when = dt.datetime.fromtimestamp(_start_of(row["slot"]), CHINA)
    return {"site_zh": zh, "site_en": en, "address": address, "when": when.isoformat(timespec="minutes")}


def _start_of(slot: str) -> int:
    """Return Unix seconds of a slot's beginning. Raises: Problem 422 `not_possible` for a slot nobody offers."""
    site = _site_of(slot)
    day, _, time = slot.removeprefix(f"{site}-").partition("-")
    try:
        start = dt.datetime.strptime(f"{day} {time}", "%Y%m%d %H%M").replace(tzinfo=CHINA)
    except ValueError as fault:
        raise Problem(422, "not_possible", "No such slot.") from fault
    if time not in HALF_HOURS or start.weekday() >= 5 or f"{site}-{start:%Y%m%d-%H%M}" != slot:
        raise Problem(422, "not_possible", "No such slot.")
    return int(start.timestamp())


def _site_of(slot: str) -> str:
    for site in SITES:
        if slot.startswith(f"{site}-"):
            return site
    raise Problem(422, "not_possible", "No such site.")


def _taken(platform: Platform, site: str) -> dict[str, int]:
    counted = sa.select(appointment.c.slot, sa.func.count().label("n")).group_by(appointment.c.slot)
    booked = counted.where(appointment.c.seat.is_not(None), appointment.c.slot.like(f"{site}-%"))
    return {row["slot"]: row["n"] for row in platform.store.rows(booked)}


def _code(connection: Connection, uuid: str) -> str:
    number = connection.execute(sa.select(sa.func.count()).select_from(appointment)).scalar_one()
    return f"Y{int(number) + 1:05d}"[:8]


def _find(platform: Platform, uuid: str) -> RowMapping | None:
    return platform.store.one(sa.select(appointment).where(appointment.c.uuid == uuid))
