"""The invented state that signs the virtual passports: its CSCA, its document signer, its EF.SOD.

Keys are the same in every process, so that the certificate one process writes into a folder vouches for the chip of
another; they protect nothing. Names are those of Utopia, the ICAO's own example.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from devices.wire.sod import SecurityObject, decode_sod, encode_attributes, encode_security_object, encode_sod

YEAR = timedelta(days=365)
ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
_CSCA, _SIGNER, _STRANGER = 0x00C5CA, 0x00D5C0, 0x57A6E4


class Signing(StrEnum):
    """How a chip is signed."""

    GOOD = "good"
    NONE = "none"  # no EF.SOD
    WRONG_HASH = "wrong_hash"  # DG2 is another than the one signed
    WRONG_SIGNATURE = "wrong_signature"
    UNKNOWN = "unknown"  # by a state that no folder knows
    FORGED = "forged"  # names our CSCA as issuer, and its key, which did not sign
    EXPIRED = "expired"


def build_csca() -> bytes:
    """Return the CSCA certificate, DER; another at each call, of the same key."""
    return _certificate("CSCA", "CSCA", _key(_CSCA), _key(_CSCA), 10 * YEAR, is_ca=True).public_bytes(Encoding.DER)


@cache
def build_sod(signing: Signing, groups: tuple[tuple[int, bytes], ...]) -> bytes:
    """Return EF.SOD for the files of these data groups; b"" where there is none."""
    if signing is Signing.NONE:
        return b""
    signed: Mapping[int, bytes] = dict(groups)
    if signing is Signing.WRONG_HASH:
        signed = {number: data[:-1] + b"\x00" if number == 2 else data for number, data in groups}
    content = encode_security_object("sha256", signed)
    attributes = encode_attributes("sha256", content)
    signature = _key(_SIGNER).sign(attributes, ec.ECDSA(hashes.SHA256()))
    if signing is Signing.WRONG_SIGNATURE:
        signature = _key(_SIGNER).sign(attributes + b"x", ec.ECDSA(hashes.SHA256()))
    sod = SecurityObject(
        hash_name="sha256",
        hashes={},
        content=content,
        attributes=attributes,
        digest_name="sha256",
        digest=b"",
        algorithm=ECDSA_SHA256,
        signature=signature,
        certificate=_signer(signing),
    )
    whole = encode_sod(sod)
    decode_sod(whole)  # a simulator that cannot read itself is worth nothing
    return whole


def _signer(signing: Signing) -> bytes:
    issuer = "Other CSCA" if signing is Signing.UNKNOWN else "CSCA"
    by = _key(_STRANGER if signing in (Signing.UNKNOWN, Signing.FORGED) else _CSCA)
    life = -YEAR / 2 if signing is Signing.EXPIRED else 5 * YEAR
    named = _key(_STRANGER if signing is Signing.UNKNOWN else _CSCA).public_key()
    return _certificate("Document Signer", issuer, _key(_SIGNER), by, life, named=named).public_bytes(Encoding.DER)


def _certificate(
    subject: str,
    issuer: str,
    key: ec.EllipticCurvePrivateKey,
    by: ec.EllipticCurvePrivateKey,
    life: timedelta,
    *,
    is_ca: bool = False,
    named: ec.EllipticCurvePublicKey | None = None,
) -> x509.Certificate:
    today = datetime.now(UTC).replace(microsecond=0)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(0x5EED + len(subject))
        .not_valid_before(today - YEAR)
        .not_valid_after(today + life)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(named or by.public_key()), critical=False)
    )
    if is_ca:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    return builder.sign(by, hashes.SHA256())


def _name(common: str) -> x509.Name:
    oid = x509.NameOID
    return x509.Name(
        [x509.NameAttribute(oid.COUNTRY_NAME, "UT"), x509.NameAttribute(oid.COMMON_NAME, f"Utopia {common}")]
    )


def _key(number: int) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(number, ec.SECP256R1())
