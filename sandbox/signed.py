"""Signed objects: canonical JSON, a key id and 64 bytes r‖s over `purpose ‖ 00 ‖ object`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256

from sandbox.canonical import NotCanonical, decode_b64url, decode_canonical, encode_b64url, encode_canonical

SUBMIT = "kiosk/submit/v1"
HEARTBEAT = "kiosk/heartbeat/v1"
ENROL_POP = "kiosk/enrol-pop/v1"
ROTATE = "kiosk/rotate/v1"
EVACUATE = "kiosk/evacuate/v1"
RECEIPT = "kiosk/receipt/v1"
TIME = "kiosk/time/v1"
ENROLLED = "kiosk/enrolled/v1"
BUNDLE = "kiosk/bundle/v1"
ORDER = "kiosk/order/v1"
COMMAND = "kiosk/command/v1"
NOTICE = "kiosk/notice/v1"
RESULT = "kiosk/result/v1"  # the hash of a case's document, key of use `notice`

P256_BYTES = 32


class BadSignature(ValueError):
    """A signed object that is malformed, unsigned, wrongly signed or not canonical."""


def sign_raw(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    """Return an ES256 signature as 64 bytes r‖s."""
    r, s = utils.decode_dss_signature(key.sign(message, ec.ECDSA(SHA256())))
    return r.to_bytes(P256_BYTES, "big") + s.to_bytes(P256_BYTES, "big")


def verify_raw(key: ec.EllipticCurvePublicKey, message: bytes, signature: bytes) -> None:
    """Return if `signature` (64 bytes r‖s, never DER) is `key`'s over `message`. Raises: BadSignature."""
    if len(signature) != 2 * P256_BYTES:
        raise BadSignature("length")
    r, s = int.from_bytes(signature[:P256_BYTES], "big"), int.from_bytes(signature[P256_BYTES:], "big")
    try:
        key.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError) as fault:
        raise BadSignature("signature") from fault


def sign_object(key: ec.EllipticCurvePrivateKey, kid: str, purpose: str, value: object) -> dict[str, str]:
    """Return the wire form `{"o", "kid", "sig"}` of `value`."""
    payload = encode_canonical(value)
    signature = sign_raw(key, purpose.encode() + b"\0" + payload)
    return {"kid": kid, "o": encode_b64url(payload), "sig": encode_b64url(signature)}


def open_object(
    wire: object, purpose: str, key_of: Callable[[str], ec.EllipticCurvePublicKey]
) -> tuple[dict[str, Any], bytes, str]:
    """Return value, exact object bytes and kid of a signed object: verified first, parsed afterwards.

    `key_of(kid)` gives the public key or raises KeyError. Raises: BadSignature.
    """
    if not isinstance(wire, dict) or set(wire) != {"o", "kid", "sig"}:
        raise BadSignature("shape")
    if not all(isinstance(text, str) for text in wire.values()):
        raise BadSignature("shape")
    try:
        payload, signature = decode_b64url(wire["o"]), decode_b64url(wire["sig"])
        verify_raw(key_of(wire["kid"]), purpose.encode() + b"\0" + payload, signature)
        value = decode_canonical(payload)
    except (KeyError, NotCanonical) as fault:
        raise BadSignature("unknown key or malformed") from fault
    if not isinstance(value, dict):
        raise BadSignature("not an object")
    return value, payload, wire["kid"]
