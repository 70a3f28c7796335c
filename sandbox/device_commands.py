"""Commands to terminals: a closed list, each signed once, numbered upwards, repeated until there is a result."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sandbox import signed, store
from sandbox.fixed import Fixed, among, listed
from sandbox.platform import Platform
from sandbox.published import config_version

WORDS = (
    "refresh", "restart_app", "reboot", "out_of_service", "in_service", "self_test", "upload_logs", "rotate_key",
    "update_now", "wipe",
)  # fmt: skip
OUTCOMES = ("done", "refused", "failed", "expired")
AT_ONCE = 5  # queue-and-sync.md §9.2
LIFE_S = 24 * 3600
RESULTS = 32  # more in one heartbeat are left for the next

command = sa.Table(
    "device_command", store.SCHEMA,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("dev", sa.String(14), nullable=False),
    sa.Column("counter", sa.Integer, nullable=False),
    sa.Column("word", sa.String(16), nullable=False),
    sa.Column("exp", sa.BigInteger, nullable=False),
    sa.Column("wire", sa.Text, nullable=False),  # signed once, repeated byte for byte
    sa.Column("outcome", sa.String(16)),
    sa.Column("settled", sa.BigInteger),
    sa.UniqueConstraint("dev", "counter"),
)  # fmt: skip


def issue(platform: Platform, dev: str, word: str, life_s: int = LIFE_S) -> str:
    """Queue a command for a device and return its id. Raises: ValueError for a word outside the list, KeyError."""
    if word not in WORDS:
        raise ValueError(f"no such command: {word}")
    now = platform.now()
    value: dict[str, Any] = {"v": 1, "typ": "command", "id": str(uuid.uuid4()), "dev": dev, "word": word}
    with platform.store.begin() as connection:
        # the row of the device is locked by this update: two officers draw two numbers
        known = connection.execute(store.device.update().where(store.device.c.dev == dev).values(dev=dev))
        if known.rowcount == 0:
            raise KeyError(dev)
        value |= {"counter": _last(connection, dev) + 1, "ts": now, "exp": now + life_s}
        row = {name: value[name] for name in ("id", "dev", "word", "counter", "exp")}
        wire = json.dumps(platform.sign("command", signed.COMMAND, value))
        connection.execute(command.insert().values(wire=wire, **row))
    return str(value["id"])


def answer_beats(platform: Platform, devs: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return what the answers to a batch of heartbeats carry: the newest configuration, commands due."""
    version = config_version(platform)
    commands = due(platform, devs)
    return {dev: {"config_version": version, "commands": commands.get(dev, [])} for dev in devs}


def due(platform: Platform, devs: Sequence[str]) -> dict[str, list[dict[str, str]]]:
    """Return each device's oldest commands without a result whose time is not over, signed, at most five."""
    found: dict[str, list[dict[str, str]]] = {}
    values = {"v_devs": listed(platform.store.dialect, devs), "v_now": platform.now()}
    for row in platform.store.rows(_DUE, values):
        mine = found.setdefault(row["dev"], [])
        if len(mine) < AT_ONCE:
            mine.append(json.loads(row["wire"]))
    return found


_DUE = Fixed(
    lambda dialect: (
        sa.select(command.c.dev, command.c.wire)
        .where(
            among(command.c.dev, "v_devs", dialect),
            command.c.outcome.is_(None),
            command.c.exp > sa.bindparam("v_now"),
        )
        .order_by(command.c.dev, command.c.counter)
    )
)


def results(platform: Platform, dev: str) -> dict[str, str]:
    """Return the outcome of every command of a device by its id; empty while there is none."""
    rows = platform.store.rows(sa.select(command).where(command.c.dev == dev).order_by(command.c.counter))
    return {row["id"]: row["outcome"] or "" for row in rows}


def take_results(platform: Platform, dev: str, listed: object) -> list[str]:
    """Keep the first result of each command and return the ids to forget: also those we never gave."""
    taken: list[str] = []
    for one in listed[:RESULTS] if isinstance(listed, list) else []:
        if not isinstance(one, dict) or not isinstance(one.get("id"), str) or one.get("outcome") not in OUTCOMES:
            continue
        mine = (command.c.id == one["id"]) & (command.c.dev == dev) & command.c.outcome.is_(None)
        with platform.store.begin() as connection:
            values = {"outcome": one["outcome"], "settled": platform.now()}
            connection.execute(command.update().where(mine).values(**values))
        taken.append(one["id"][:64])
    return taken


def _last(connection: Connection, dev: str) -> int:
    highest = sa.select(sa.func.max(command.c.counter)).where(command.c.dev == dev)
    return int(connection.execute(highest).scalar() or 0)
