"""A P-256 private key in memory, for the backends whose key the processor has to hold: `file` and `systemd-creds`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offline_queue.api import QueueError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec

# `cryptography` is imported late: 160 ms that the first frame does not pay


def generate_pem() -> bytes:
    """Return a fresh private key as PKCS #8 PEM, not encrypted."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def decode_pem(pem: bytes) -> ec.EllipticCurvePrivateKey:
    """Return the private key. Raises: QueueError("signer_unavailable") for anything but a P-256 key."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as fault:
        raise QueueError("signer_unavailable", type(fault).__name__) from fault
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise QueueError("signer_unavailable", "not a P-256 key")
    return key


def spki_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return DER SubjectPublicKeyInfo, 91 bytes."""
    from cryptography.hazmat.primitives import serialization

    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def sign_with(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    """Return ECDSA P-256 SHA-256 over the message, r‖s, 64 bytes."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    return to_raw(key.sign(message, ec.ECDSA(hashes.SHA256())))


def to_raw(der: bytes) -> bytes:
    """Return a DER signature, as libraries and TPMs give it, as 64 bytes r‖s.

    Raises: QueueError("signer_unavailable") for what is no signature of P-256.
    """
    from cryptography.hazmat.primitives.asymmetric import utils

    try:
        r, s = utils.decode_dss_signature(der)
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    except (ValueError, OverflowError) as fault:
        raise QueueError("signer_unavailable", "not a signature") from fault
