"""A device's next certificate: asked for with the old key, in force after the first heartbeat with the new one.

Both keys sign in for seven days. A new certificate without a heartbeat lapses after them, and the old one goes on; with
one, the old certificate ends after them. Certificates are kept for ever, to verify older envelopes.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy.engine import Connection

from sandbox import signed, store
from sandbox.api.common import device_key
from sandbox.enrolment import decode_csr
from sandbox.fixed import Fixed
from sandbox.keys import certificate_pem, serial_of
from sandbox.platform import Platform
from sandbox.problems import Problem
from sandbox.rotations import rotation

BOTH_S = 7 * 24 * 3600  # security.md §6.3
RETRY_S = 3600


def rotate(platform: Platform, dev: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return `{cert, chain}` for the new key. The same key asked again gets the same certificate.

    An expired certificate may still ask: a terminal that was switched off for a year comes back by itself, unless it
    was suspended or revoked meanwhile. Raises: Problem 400 `bad_csr`, 403 `bad_signature` or `device_suspended`,
    409 `rotation_pending` while another key waits.
    """
    try:
        value, _, serial = signed.open_object(body, signed.ROTATE, lambda kid: device_key(platform, kid, dev))
    except signed.BadSignature as fault:
        raise Problem(403, "bad_signature") from fault
    if value.get("typ") != "rotate" or value.get("dev") != dev or not isinstance(value.get("csr"), str):
        raise Problem(403, "bad_signature")
    spki = decode_csr(value["csr"])
    now = platform.now()
    with platform.store.begin() as connection:
        # one rotation a device at a time, also where two workers serve it; SQLite needs no lock beyond its BEGIN
        device = sa.select(store.device.c.state).where(store.device.c.dev == dev).with_for_update()
        if connection.execute(device).scalar_one() == "suspended":
            raise Problem(403, "device_suspended")
        if standing_of(connection, serial, now) == "ended":
            raise Problem(403, "bad_signature")
        pending = connection.execute(
            sa.select(rotation).where(
                rotation.c.dev == dev, rotation.c.confirmed.is_(None), rotation.c.issued > now - BOTH_S
            )
        ).mappings()
        waiting = {bytes(row["spki"]): str(row["serial"]) for row in pending}
        if spki in waiting:
            return _answer(platform, _pem_of(connection, waiting[spki]))
        if waiting:
            raise Problem(409, "rotation_pending", retry_after_s=RETRY_S)
        if _is_known(connection, spki, now):
            raise Problem(400, "bad_csr", "This key was used before.")
        pem = _issue(platform, connection, dev, spki, serial, now)
    platform.store.add_note(dev, "key_rotation", f"after {serial[:16]}", now)
    return _answer(platform, pem)


def standing_of(connection: Connection, serial: str, now: int) -> str:
    """Return how a certificate may sign in: `good`, `expired` (it still brings what is stored), `ended`."""
    for row in _FOLLOWERS.rows(connection, {"v_serial": serial}):
        is_over = row["issued"] + BOTH_S <= now
        has_lapsed = row["serial"] == serial and row["confirmed"] is None
        was_replaced = row["old_serial"] == serial and row["confirmed"] is not None
        if is_over and (has_lapsed or was_replaced):
            return "ended"
    return "expired" if _end_of(_pem_of(connection, serial)) <= now else "good"


_SERIAL = sa.bindparam("v_serial")
_FOLLOWERS = Fixed(sa.select(rotation).where((rotation.c.serial == _SERIAL) | (rotation.c.old_serial == _SERIAL)))
_PEM = Fixed(sa.select(store.certificate.c.pem).where(store.certificate.c.serial == _SERIAL))


@lru_cache(maxsize=4096)
def _end_of(pem: str) -> float:
    """Return when a certificate's life ends, in Unix seconds."""
    return x509.load_pem_x509_certificate(pem.encode()).not_valid_after_utc.timestamp()


def _issue(platform: Platform, connection: Connection, dev: str, spki: bytes, old_serial: str, now: int) -> str:
    key = serialization.load_der_public_key(spki)
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise Problem(400, "bad_csr")
    certificate = platform.keys.issue_device_certificate(key, dev, store.utc(now))
    pem, serial = certificate_pem(certificate), serial_of(certificate)
    connection.execute(store.certificate.insert().values(serial=serial, dev=dev, pem=pem))
    values = {"serial": serial, "old_serial": old_serial, "dev": dev, "spki": spki, "issued": now}
    connection.execute(rotation.insert().values(**values))
    return pem


def _is_known(connection: Connection, spki: bytes, now: int) -> bool:
    """Whether the key is that of an enrolment or of a rotation that did not lapse."""
    enrolled = sa.select(store.enrolment.c.enrol_id).where(store.enrolment.c.spki == spki)
    rotated = sa.select(rotation.c.serial).where(
        rotation.c.spki == spki, rotation.c.confirmed.is_not(None) | (rotation.c.issued > now - BOTH_S)
    )
    return any(connection.execute(question).first() is not None for question in (enrolled, rotated))


def _pem_of(connection: Connection, serial: str) -> str:
    return str(_PEM.rows(connection, {"v_serial": serial})[0]["pem"])


def _answer(platform: Platform, pem: str) -> dict[str, Any]:
    return {"cert": pem, "chain": [certificate_pem(platform.keys.device_ca.certificate)]}
