"""Which certificate followed which, and whether a heartbeat has come with the new key."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sandbox import store

rotation = sa.Table(
    "rotation", store.SCHEMA,
    sa.Column("serial", sa.String(40), primary_key=True),  # of the new certificate
    sa.Column("old_serial", sa.String(40), nullable=False, index=True),
    sa.Column("dev", sa.String(14), nullable=False, index=True),
    sa.Column("spki", sa.LargeBinary, nullable=False),
    sa.Column("issued", sa.Integer, nullable=False),
    sa.Column("confirmed", sa.Integer),  # when the first heartbeat with the new key came
)  # fmt: skip


def confirm(connection: Connection, dev: str, serial: str, at: int) -> None:
    """Note the first heartbeat with a new key. Called with every heartbeat whose certificate may be new here."""
    mine = (rotation.c.serial == serial) & (rotation.c.dev == dev) & rotation.c.confirmed.is_(None)
    connection.execute(rotation.update().where(mine).values(confirmed=at))
