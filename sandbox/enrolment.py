"""Enrolment as an officer and a terminal see it: one-time code, six digits, approval, certificate."""

from __future__ import annotations

import hashlib
import json
import secrets
import uuid
from typing import Any

import sqlalchemy as sa
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy.engine import RowMapping

from sandbox import signed, store
from sandbox.canonical import NotCanonical, decode_b64url
from sandbox.keys import certificate_pem, serial_of
from sandbox.platform import Platform
from sandbox.problems import Problem

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LENGTH = 12  # 60 bits
CODE_LIFE_S = 24 * 3600
TRIES = 5
POLL_S = 2
PENDING_LIFE_S = 24 * 3600  # without a first heartbeat the enrolment lapses
LOOKALIKES = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})
OFFLINE_MAX_DAYS = 30


def create_code(platform_store: store.PlatformStore, now: int, site: str = "", model: str = "") -> str:
    """Return a new one-time code for a kiosk, good for a day."""
    return create_codes(platform_store, now, 1, site, model)[0]


def create_codes(
    platform_store: store.PlatformStore, now: int, count: int, site: str = "", model: str = ""
) -> list[str]:
    """Return new one-time codes for as many kiosks, good for a day."""
    fresh = ["".join(secrets.choice(CROCKFORD) for _ in range(CODE_LENGTH)) for _ in range(count)]
    common = {"site": site, "model": model, "expires": now + CODE_LIFE_S}
    with platform_store.begin() as connection:
        connection.execute(store.code.insert(), [{"code": one, **common} for one in fresh])
    return fresh


def begin(platform: Platform, text: str, csr: str, hw: object, app: str) -> RowMapping:
    """Return the enrolment of this code and key, made now if new. Raises: Problem 400, 403, 409, 410."""
    spki = decode_csr(csr)
    word = text.upper().translate(LOOKALIKES)
    now = platform.now()
    bound = store.enrolment.c.code == word
    with platform.store.begin() as connection:
        look = sa.select(store.code).where(store.code.c.code == word)
        known = connection.execute(look.with_for_update()).mappings().first()
        if known is None or known["is_burnt"]:
            raise Problem(403, "code_invalid")
        found = connection.execute(sa.select(store.enrolment).where(bound)).mappings().first()
        if found is None and known["expires"] <= now:
            raise Problem(410, "code_expired")
        if found is None:
            enrol_id = str(uuid.uuid4())
            values = {
                "enrol_id": enrol_id, "code": word, "spki": spki, "sas_nonce": secrets.token_hex(16),
                "hw": json.dumps(hw), "app": app[:64], "created": now,
                "state": "approved" if platform.is_auto_approving else "waiting",
            }  # fmt: skip
            connection.execute(store.enrolment.insert().values(**values))
            found = connection.execute(sa.select(store.enrolment).where(bound)).mappings().one()
        is_same_key = found["spki"] == spki
        if not is_same_key:
            tries = known["tries"] + 1
            connection.execute(
                store.code.update().where(store.code.c.code == word).values(tries=tries, is_burnt=tries >= TRIES)
            )
    if not is_same_key:
        platform.store.add_note("", "code_bound", f"second key for enrolment {found['enrol_id'][:8]}", now)
        raise Problem(409, "code_bound")
    return found


def digits(row: RowMapping) -> str:
    """Return the six digits that kiosk and console both show."""
    text = b"\0".join([b"kiosk/enrol/v1", row["code"].encode(), row["sas_nonce"].encode(), row["spki"]])
    return f"{int.from_bytes(hashlib.sha256(text).digest()[:8], 'big') % 1_000_000:06d}"


def decide(platform_store: store.PlatformStore, enrol_id: str, *, is_same: bool) -> None:
    """Approve a waiting enrolment, or refuse it and burn its code. Raises: KeyError if none waits under that id."""
    waiting = (store.enrolment.c.enrol_id == enrol_id) & (store.enrolment.c.state == "waiting")
    with platform_store.begin() as connection:
        found = connection.execute(sa.select(store.enrolment).where(waiting)).mappings().first()
        if found is None:
            raise KeyError(enrol_id)
        state = "approved" if is_same else "refused"
        connection.execute(store.enrolment.update().where(waiting).values(state=state))
        if not is_same:
            burnt = store.code.update().where(store.code.c.code == found["code"]).values(is_burnt=True)
            connection.execute(burnt)


def poll(platform: Platform, enrol_id: str, body: dict[str, Any]) -> str | None:
    """Return the signed answer as JSON text once approved, None while waiting. Raises: Problem 403, 404, 410."""
    row = platform.store.one(sa.select(store.enrolment).where(store.enrolment.c.enrol_id == enrol_id))
    if row is None:
        raise Problem(404, "not_found")
    _check_proof(row, body)
    if row["state"] == "refused":
        raise Problem(403, "refused")
    lapsed = row["state"] != "active" and row["created"] + PENDING_LIFE_S <= platform.now()
    if row["state"] == "active" or lapsed:
        raise Problem(410, "code_expired", "This enrolment is closed.")
    if row["state"] == "waiting":
        return None
    return str(row["answer"]) if row["answer"] else _issue(platform, enrol_id)


def _check_proof(row: RowMapping, body: dict[str, Any]) -> None:
    key = serialization.load_der_public_key(row["spki"])
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise Problem(403, "refused")
    try:
        proof, _, _ = signed.open_object(body, signed.ENROL_POP, lambda _: key)
    except signed.BadSignature as fault:
        raise Problem(403, "bad_signature") from fault
    if proof.get("enrol_id") != row["enrol_id"]:
        raise Problem(403, "bad_signature")


def _issue(platform: Platform, enrol_id: str) -> str:
    """Make device, certificate and signed answer in one transaction; the same answer if another poll was quicker."""
    mine = store.enrolment.c.enrol_id == enrol_id
    with platform.store.begin() as connection:
        row = connection.execute(sa.select(store.enrolment).where(mine).with_for_update()).mappings().one()
        if row["answer"]:
            return str(row["answer"])
        key = serialization.load_der_public_key(row["spki"])
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise Problem(400, "bad_csr")
        dev = platform.store.next_device_id(connection)
        now = platform.now()
        certificate = platform.keys.issue_device_certificate(key, dev, store.utc(now))
        answer = json.dumps(
            platform.sign(
                "enrolled",
                signed.ENROLLED,
                {
                    "device_id": dev,
                    "cert": certificate_pem(certificate),
                    "chain": [certificate_pem(platform.keys.device_ca.certificate)],
                    "policy": {"version": 1, "offline_max_days": OFFLINE_MAX_DAYS},
                    "now": now,
                    "nonce": secrets.token_hex(16),
                },
            )
        )
        connection.execute(store.device.insert().values(dev=dev, state="pending"))
        values = {"serial": serial_of(certificate), "dev": dev, "pem": certificate_pem(certificate)}
        connection.execute(store.certificate.insert().values(**values))
        connection.execute(store.enrolment.update().where(mine).values(dev=dev, answer=answer))
    return answer


def decode_csr(text: str) -> bytes:
    """Return the SPKI of a P-256 request, PEM or base64url DER, whose own signature holds. Raises: Problem 400."""
    try:
        if text.startswith("-----BEGIN"):
            request = x509.load_pem_x509_csr(text.encode())
        else:
            request = x509.load_der_x509_csr(decode_b64url(text))
        key = request.public_key()
        is_signed = request.is_signature_valid
    except (ValueError, NotCanonical, InvalidSignature, UnsupportedAlgorithm) as fault:
        raise Problem(400, "bad_csr") from fault
    if not is_signed or not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise Problem(400, "bad_csr")
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
