"""Whose evacuation this is: the index of a stick against the authority that this terminal was enrolled by."""

from __future__ import annotations

from typing import Any

from kiosk.trust.identity import Device
from kiosk.trust.signed import Purpose, TrustFault, verify
from offline_queue.api import SignedObject

PEM_LIMIT = 64 * 1024
CERTIFICATES_MAX = 6


def compose_certificates(device: Device) -> str:
    """Return the device's certificate and its chain as PEM, to lie beside what it has signed."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    listed = (device.certificate, *device.chain)
    return "".join(x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM).decode("ascii") for der in listed)


def verify_index(signed: SignedObject, dev: str, certificates: bytes, own: Device) -> dict[str, Any]:
    """Return the index, if a device of our own platform signed it under the id it names.

    A courier need not trust what it carries, the platform verifies each envelope; this keeps it from carrying for
    strangers. An expired certificate still speaks for what was sealed under it. Raises: TrustFault.
    """
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    from cryptography.x509.oid import NameOID

    if len(certificates) > PEM_LIMIT:
        raise TrustFault
    try:
        leaf, *issuers = x509.load_pem_x509_certificates(certificates)
        if not issuers or len(issuers) >= CERTIFICATES_MAX:
            raise TrustFault
        for child, issuer in zip([leaf, *issuers], issuers, strict=False):
            child.verify_directly_issued_by(issuer)
        names = [attribute.value for attribute in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    except (ValueError, TypeError, InvalidSignature) as fault:
        raise TrustFault from fault
    if issuers[-1].public_bytes(Encoding.DER) != own.chain[-1] or names != [dev]:
        raise TrustFault
    if signed.kid != f"{leaf.serial_number:x}":
        raise TrustFault
    spki = leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    value = verify(signed, Purpose.EVACUATE, spki)
    if value.get("dev") != dev:
        raise TrustFault
    return value
