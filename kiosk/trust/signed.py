"""The one wire form of signed objects: canonical JSON, purpose strings, verify first and parse afterwards.

Source: reference/queue-and-sync.md §8. Both sides use `{"o": base64url, "kid": …, "sig": base64url(r‖s)}`.
"""

from __future__ import annotations

import base64
import binascii
import json
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from kiosk.station.errors import KioskError
from offline_queue.api import SignedObject

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

SIGNATURE_BYTES = 64  # r‖s of P-256; DER is refused on the wire
OBJECT_LIMIT = 8 * 1024 * 1024  # a bundle, security.md §8; other objects are capped by the client before
DEPTH_LIMIT = 32  # security.md §8
INTEGER_LIMIT = 2**53 - 1  # what every JSON reader holds exactly
KID_LIMIT = 64
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256, FIPS 186-4 D.1.2.3


class Purpose(StrEnum):
    """What a signature is for; it stands in front of the signed bytes, so none can pass for another."""

    SUBMIT = "kiosk/submit/v1"
    HEARTBEAT = "kiosk/heartbeat/v1"
    AUDIT = "kiosk/audit/v1"
    ENROL_POP = "kiosk/enrol-pop/v1"
    ROTATE = "kiosk/rotate/v1"
    EVACUATE = "kiosk/evacuate/v1"
    RECEIPT = "kiosk/receipt/v1"
    TIME = "kiosk/time/v1"
    ENROLLED = "kiosk/enrolled/v1"
    ORDER = "kiosk/order/v1"
    COMMAND = "kiosk/command/v1"
    NOTICE = "kiosk/notice/v1"
    BUNDLE = "kiosk/bundle/v1"
    RESULT = "kiosk/result/v1"


class TrustFault(KioskError):
    """Something does not verify. One error without detail for every reason (security.md §11.5)."""

    def __init__(self, code: str = "not_trusted") -> None:
        super().__init__(code)


def encode_canonical(value: Any) -> bytes:
    """Return canonical JSON: keys by code point, no spaces, shortest escapes, integers only, UTF-8.

    Raises: TrustFault if the value holds a float, an integer beyond 2⁵³−1, a non-text key or a lone surrogate.
    """
    _check_plain(value)
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as fault:
        raise TrustFault from fault


def decode_canonical(data: bytes) -> Any:
    """Return the value of canonical JSON bytes.

    Raises: TrustFault for anything that does not re-encode to the same bytes (duplicate keys, spaces, 1.0, NaN,
    a byte order mark), is deeper than 32 or larger than 8 MiB.
    """
    if len(data) > OBJECT_LIMIT:
        raise TrustFault
    try:
        value = json.loads(data.decode("utf-8"), parse_float=_refuse, parse_constant=_refuse)
    except (ValueError, RecursionError) as fault:
        raise TrustFault from fault
    if encode_canonical(value) != data:
        raise TrustFault
    return value


def decode_object(data: bytes) -> dict[str, Any]:
    """Return a canonical JSON object. Raises: TrustFault, also when it is not an object."""
    value = decode_canonical(data)
    if not isinstance(value, dict):
        raise TrustFault
    return value


def signed_bytes(purpose: str, payload: bytes) -> bytes:
    """Return what a signature covers: purpose ‖ 00 ‖ payload."""
    return purpose.encode("ascii") + b"\x00" + payload


def encode_wire(signed: SignedObject) -> dict[str, str]:
    """Return the wire form of a signed object, ready for JSON."""
    return {"o": to_base64url(signed.object), "kid": signed.kid, "sig": to_base64url(signed.signature)}


def decode_wire(value: Any) -> SignedObject:
    """Return the signed object of a wire form; nothing is verified yet.

    Raises: TrustFault unless there are exactly the three keys, base64url without padding and 64 signature bytes.
    """
    if not isinstance(value, dict) or set(value) != {"o", "kid", "sig"}:
        raise TrustFault
    payload, kid, signature = value["o"], value["kid"], value["sig"]
    if not (isinstance(payload, str) and isinstance(kid, str) and isinstance(signature, str)):
        raise TrustFault
    if not 0 < len(kid) <= KID_LIMIT or not kid.isascii() or not kid.isprintable():
        raise TrustFault
    signed = SignedObject(from_base64url(payload), kid, from_base64url(signature))
    if len(signed.signature) != SIGNATURE_BYTES:
        raise TrustFault
    return signed


def verify(signed: SignedObject, purpose: Purpose, spki: bytes) -> dict[str, Any]:
    """Return the object, once the signature over its exact bytes holds and the bytes are canonical.

    `spki` is the signer's public key, DER SubjectPublicKeyInfo, P-256. Raises: TrustFault.
    """
    verify_signature(signed_bytes(purpose, signed.object), signed.signature, spki)
    return decode_object(signed.object)


def verify_signature(message: bytes, signature: bytes, spki: bytes) -> None:
    """Return if the 64-byte signature covers the message. Raises: TrustFault."""
    # late: 160 ms of import that the first frame does not pay
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, utils

    if len(signature) != SIGNATURE_BYTES:
        raise TrustFault
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if not (0 < r < ORDER and 0 < s < ORDER):
        raise TrustFault
    key = _load_key(spki)
    try:
        key.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as fault:
        raise TrustFault from fault


@lru_cache(maxsize=64)
def _load_key(spki: bytes) -> EllipticCurvePublicKey:
    """Return the P-256 key of DER bytes; the platform's few keys are loaded once. Raises: TrustFault."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        key = serialization.load_der_public_key(spki)
    except (ValueError, UnsupportedAlgorithm) as fault:
        raise TrustFault from fault
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise TrustFault
    return key


def to_base64url(data: bytes) -> str:
    """Return base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def from_base64url(text: str) -> bytes:
    """Return the bytes of unpadded base64url. Raises: TrustFault unless the text is their only spelling."""
    try:
        data = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (ValueError, binascii.Error) as fault:
        raise TrustFault from fault
    if to_base64url(data) != text:
        raise TrustFault
    return data


def _refuse(word: str) -> Any:
    raise ValueError("not an integer")


def _check_plain(value: Any) -> None:
    """Raise TrustFault unless the value is built of text, integers, booleans, null, lists and objects, ≤ 32 deep."""
    pending: list[tuple[Any, int]] = [(value, 1)]
    while pending:
        item, depth = pending.pop()
        if depth > DEPTH_LIMIT:
            raise TrustFault
        if isinstance(item, dict):
            if not all(isinstance(key, str) for key in item):
                raise TrustFault
            pending.extend((inner, depth + 1) for inner in item.values())
        elif isinstance(item, list | tuple):
            pending.extend((inner, depth + 1) for inner in item)
        elif isinstance(item, int):
            if abs(item) > INTEGER_LIMIT:
                raise TrustFault
        elif item is not None and not isinstance(item, str):
            raise TrustFault
