"""Enrolment by one-time code: from a blank terminal to a device the platform knows (security.md §6.2).

Nothing is half-enrolled: the identity is written once, whole, after the platform's signed answer has been checked.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any, Protocol

import msgspec

from kiosk.station.errors import KioskError
from kiosk.trust.identity import Device, load_device, store_device
from kiosk.trust.keys import DeviceKey, build_csr
from kiosk.trust.ring import KeyRing
from kiosk.trust.signed import (
    Purpose,
    TrustFault,
    decode_wire,
    encode_canonical,
    encode_wire,
    signed_bytes,
    to_base64url,
)
from kiosk.trust.time import draw_nonce
from offline_queue.api import Clock, SignedObject

CODE = re.compile(r"[0-9A-HJKMNP-TV-Z]{12}")  # 12 characters of Crockford base32, 60 bits
LOOK_ALIKES = str.maketrans({"I": "1", "L": "1", "O": "0"})  # Crockford's reading rules
DEVICE_ID = re.compile(r"K-[0-9A-Z]{6,12}")
TOKEN = re.compile(r"[0-9A-Za-z_-]{1,64}")
SAS_PURPOSE = b"kiosk/enrol/v1"
REFUSALS = frozenset({"bad_csr", "code_invalid", "code_bound", "code_expired", "refused"})
MAX_POLL_S = 60


class EnrolFault(KioskError):
    """Enrolment did not happen, and nothing of it stays. `code` is one of the platform's words or ours:

    `bad_code` `already_enrolled` `not_trusted` `bad_answer` `not_approved`, besides `REFUSALS`.
    """


class WireAnswer(msgspec.Struct, frozen=True):
    """What an enrolment request brought: HTTP status, JSON value, and the problem code if there was one."""

    status: int
    value: Any = None
    code: str = ""


class Wire(Protocol):
    """The way to the platform before there is a token; implemented in kiosk.central."""

    @property
    def base_url(self) -> str:
        """Return the platform's address without `/v1`."""

    def post(self, path: str, body: dict[str, Any]) -> WireAnswer:
        """Return the platform's own answer, yes or no. Raises: Unreachable, Busy."""


class Pending(msgspec.Struct, frozen=True):
    """An enrolment that waits for a person to compare the six digits."""

    enrol_id: str
    digits: str
    poll_s: int


class Enrolment:
    """One enrolment: `begin`, show the digits, then `poll` until a device comes out."""

    def __init__(self, folder: Path, key: DeviceKey, ring: KeyRing, wire: Wire, clock: Clock) -> None:
        self._folder = folder
        self._key = key
        self._ring = ring
        self._wire = wire
        self._clock = clock

    def begin(self, code: str, app: str, board: str = "") -> Pending:
        """Return what to compare, once the platform has bound the code to our key.

        A key left by an enrolment that broke off is used again, so the same code continues it.
        Raises: EnrolFault, Unreachable, Busy, QueueError("signer_unavailable").
        """
        word = normalise_code(code)
        if load_device(self._folder) is not None:
            raise EnrolFault("already_enrolled")
        is_fresh = not self._key.exists()
        if is_fresh:
            self._key.create()
        body = {
            "code": word,
            "csr": to_base64url(build_csr(self._key)),
            "hw": {"board": board, "tpm_ek_hash": ""},
            "app": app,
        }
        answer = self._wire.post("/enrol", body)
        if answer.code in REFUSALS:
            if is_fresh:  # an older key may be bound to the code of an enrolment that broke off: a typing slip keeps it
                self._key.destroy()
            raise EnrolFault(answer.code)
        return self._decode_pending(answer, word)

    def poll(self, pending: Pending) -> Device | None:
        """Return the enrolled device, now stored, or None while the operator has not pressed *same*.

        Raises: EnrolFault, Unreachable, Busy, QueueError("signer_unavailable").
        """
        payload = encode_canonical({"enrol_id": pending.enrol_id, "n": draw_nonce()})
        spki_hash = hashlib.sha256(self._key.spki()).hexdigest()  # there is no certificate yet to name the key by
        proof = SignedObject(payload, spki_hash, self._key.sign(signed_bytes(Purpose.ENROL_POP, payload)))
        answer = self._wire.post(f"/enrol/{pending.enrol_id}/status", encode_wire(proof))
        if answer.code in REFUSALS:
            self._key.destroy()
            raise EnrolFault(answer.code)
        if answer.status == 202:
            return None
        if answer.status == 410:
            self._key.destroy()
            raise EnrolFault("code_expired")
        if answer.status != 200:
            raise EnrolFault("bad_answer")
        device = self._check(answer.value)
        store_device(self._folder, device)
        return device

    def _decode_pending(self, answer: WireAnswer, word: str) -> Pending:
        value = answer.value
        if answer.status != 202 or not isinstance(value, dict):
            raise EnrolFault("bad_answer")
        enrol_id, nonce, poll_s = value.get("enrol_id"), value.get("sas_nonce"), value.get("poll_s")
        if not isinstance(enrol_id, str) or not TOKEN.fullmatch(enrol_id):
            raise EnrolFault("bad_answer")
        if not isinstance(nonce, str) or not TOKEN.fullmatch(nonce) or not isinstance(poll_s, int):
            raise EnrolFault("bad_answer")
        digits = compose_digits(word, nonce, self._key.spki())
        return Pending(enrol_id, digits, min(max(poll_s, 0), MAX_POLL_S))

    def _check(self, value: Any) -> Device:
        """Return the device of the platform's signed answer, once signature, key and certificate agree."""
        try:
            answer = self._ring.verify(decode_wire(value), Purpose.ENROLLED, when="now")
        except TrustFault as fault:
            raise EnrolFault("not_trusted") from fault
        device_id, genesis = answer.get("device_id"), answer.get("nonce")
        if not isinstance(device_id, str) or not DEVICE_ID.fullmatch(device_id):
            raise EnrolFault("bad_answer")
        if not isinstance(genesis, str) or not TOKEN.fullmatch(genesis):
            raise EnrolFault("bad_answer")
        certificate, chain, serial, not_after_s = check_certificate(answer, self._key.spki())
        return Device(
            device_id=device_id,
            serial=serial,
            certificate=certificate,
            chain=chain,
            platform_url=self._wire.base_url,
            genesis=genesis,
            enrolled_s=int(self._clock.wall_s()),
            not_after_s=not_after_s,
        )


def normalise_code(code: str) -> str:
    """Return the twelve characters of a one-time code as typed or scanned. Raises: EnrolFault("bad_code")."""
    word = code.upper().replace("-", "").replace(" ", "").translate(LOOK_ALIKES)
    if not CODE.fullmatch(word):
        raise EnrolFault("bad_code")
    return word


def compose_digits(code: str, sas_nonce: str, spki: bytes) -> str:
    """Return the six digits that kiosk and console both show (security.md §6.2)."""
    covered = b"\x00".join((SAS_PURPOSE, code.encode("ascii"), sas_nonce.encode("ascii"), spki))
    return f"{int.from_bytes(hashlib.sha256(covered).digest()[:8], 'big') % 1_000_000:06d}"


def check_certificate(answer: Any, spki: bytes) -> tuple[bytes, tuple[bytes, ...], str, int]:
    """Return certificate DER, chain DER, serial in hex and end of validity, if all is ours and well-formed.

    Raises: EnrolFault("not_trusted") if the certificate is for another key or not issued by the chain.
    """
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    leaf, chain = answer.get("cert"), answer.get("chain")
    if not isinstance(leaf, str) or not isinstance(chain, list) or not chain or len(chain) > 4:
        raise EnrolFault("bad_answer")
    try:
        certificate = x509.load_pem_x509_certificate(leaf.encode())
        issuers = [x509.load_pem_x509_certificate(str(text).encode()) for text in chain]
        found = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        for child, issuer in zip([certificate, *issuers], issuers, strict=False):
            child.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature) as fault:
        raise EnrolFault("not_trusted") from fault
    if found != spki:
        raise EnrolFault("not_trusted")
    return (
        certificate.public_bytes(Encoding.DER),
        tuple(issuer.public_bytes(Encoding.DER) for issuer in issuers),
        f"{certificate.serial_number:x}",
        int(certificate.not_valid_after_utc.timestamp()),
    )
