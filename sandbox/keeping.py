"""Which gathered bytes stay and which go: a committed part names its sealed original, whoever brought it.

An upload's row lives for its days, committed or not. Its bytes go with it only if no part names them. A commit holds
its uploads within its own transaction, so that no sweep comes between.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from sandbox import store
from sandbox.api.common import RETRY_S
from sandbox.api.uploads import LIFE_S
from sandbox.blobs import Held
from sandbox.fixed import Fixed, among, listed
from sandbox.platform import Platform
from sandbox.problems import Problem

EXPIRED_AT_ONCE = 500


@Fixed
def _KEEP(dialect: str) -> Any:  # noqa: N802 - a statement as the others
    mine = store.upload.update().where(among(store.upload.c.id, "v_ids", dialect))
    return mine.values(expires=sa.bindparam("v_expires"))


def keep_uploads(connection: Connection, upload_ids: list[str], now: int) -> None:
    """Hold the uploads that the caller's transaction commits against the sweep. Raises: Problem 503 if one is gone."""
    values = {"v_ids": listed(connection.dialect.name, upload_ids), "v_expires": now + LIFE_S}
    if upload_ids and _KEEP.run(connection, values) != len(upload_ids):
        raise Problem(503, "busy", retry_after_s=RETRY_S)


def drop_expired(platform: Platform) -> int:
    """Forget uploads that expired, and the bytes that no committed submission names; return how many of these."""
    now = platform.now()
    stale = sa.select(store.upload).where(store.upload.c.expires <= now).limit(EXPIRED_AT_ONCE)
    dropped = 0
    for row in platform.store.rows(stale):
        mine = (store.upload.c.id == row["id"]) & (store.upload.c.expires <= now)
        try:
            with platform.blobs.hold(row["id"]):
                with platform.store.begin() as connection:
                    if connection.execute(store.upload.delete().where(mine)).rowcount == 0:
                        continue  # a commit was quicker, or somebody opened it again
                    is_named = _is_named(connection, platform.blobs.sealed_key(row["id"]), row)
                if is_named:
                    platform.blobs.release(row["id"])
                else:
                    platform.blobs.drop(row["id"])
                    dropped += 1
        except Held:
            continue
    return dropped


def _is_named(connection: Connection, key: str, row: RowMapping) -> bool:
    """Whether a committed part's sealed bytes are these, whoever brought them."""
    part = store.part.c
    its_own = (part.dev == row["dev"]) & (part.part == row["part"])  # rows of former releases name no sealed bytes
    named = sa.select(part.part).where(part.sid == row["sid"], (part.sealed_path == key) | its_own)
    return connection.execute(named.limit(1)).first() is not None
