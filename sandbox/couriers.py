"""Whose submission a request carries: the caller's own, or one that it brings for another terminal.

The envelope decides: it is signed by the terminal that sealed it and verified against that terminal's certificate. The
token only says who knocks. What a courier uploads lies under its own name, apart from the first terminal's uploads, so
that it can spoil none of them; both ways end at the same unique key (device, submission).
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sandbox import store
from sandbox.api.common import Caller
from sandbox.platform import Platform
from sandbox.problems import Problem

CARRIED = "carried"


def signer_of(platform: Platform, caller: Caller, wire: object) -> str:
    """Return the device whose certificate the envelope names, or the caller when it names none we know.

    Raises: Problem 403 for a courier that is suspended, 422 `refused` for a signer that is revoked.
    """
    kid = wire.get("kid") if isinstance(wire, dict) else None
    if isinstance(kid, str) and platform.device_keys.get(kid, ("",))[0] == caller.dev:
        return caller.dev  # a certificate never changes hands
    found = platform.store.one(
        sa.select(store.certificate.c.dev, store.device.c.state)
        .join(store.device, store.device.c.dev == store.certificate.c.dev)
        .where(store.certificate.c.serial == (kid if isinstance(kid, str) else ""))
    )
    if found is None or found["dev"] == caller.dev:
        return caller.dev
    if caller.scope != "all":
        raise Problem(403, "device_suspended")
    check_signer(str(found["state"]))
    return str(found["dev"])


def check_signer(state: str) -> None:
    """Return if what a device sealed may still come in by hand. Raises: Problem 422 `refused`."""
    if state == "revoked":
        raise Problem(
            422,
            "refused",
            "The terminal that signed it is revoked. The platform takes this in by hand, if somebody decides so.",
        )


def carrier_of(platform: Platform, dev: str, sid: str) -> str:
    """Return who brought a terminal's submission by hand: a courier's id, or the run of an import; else nothing."""
    mine = (store.note.c.dev == dev) & (store.note.c.kind == CARRIED) & store.note.c.detail.startswith(f"{sid} by ")
    found = platform.store.one(sa.select(store.note.c.detail).where(mine))
    return str(found["detail"]).partition(" by ")[2] if found is not None else ""


def note_carried(connection: Connection, dev: str, sid: str, carrier: str, at: int) -> None:
    """Tell the officers who brought it, in the transaction that commits it."""
    values = {"at": at, "dev": dev, "kind": CARRIED, "detail": f"{sid} by {carrier}"}
    connection.execute(store.note.insert().values(**values))
