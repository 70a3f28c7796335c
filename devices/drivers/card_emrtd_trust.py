"""Passive authentication: whether a state signed what a travel document's chip told.

Every step is checked on the bytes as they came: hash of each file → security object → signature of the document signer
→ certificate of a country (CSCA) from our own folder. Without a CSCA the answer is never `valid`. Not checked:
revocation lists, and whether the chip is the one it was signed for (active and chip authentication).
Source: ICAO Doc 9303-11 §5.1, 9303-12; public keys with explicit curve parameters are what 9303-12 asks for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from asn1crypto import algos, keys, pem, x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from devices.api import Authenticity, WireFault
from devices.wire.curve import CURVES, decode_point
from devices.wire.sod import SecurityObject, decode_master_list, decode_sod

SUFFIXES = (".cer", ".crt", ".der", ".pem", ".ml")
_CURVES: dict[str, ec.EllipticCurve] = {
    one.name: one
    for one in (
        ec.SECP256R1(),
        ec.SECP384R1(),
        ec.SECP521R1(),
        ec.BrainpoolP256R1(),
        ec.BrainpoolP384R1(),
        ec.BrainpoolP512R1(),
    )
}
_HASHES: dict[str, hashes.HashAlgorithm] = {  # SHA-1 can be made to collide: what it signs proves nothing any more
    one.name: one for one in (hashes.SHA224(), hashes.SHA256(), hashes.SHA384(), hashes.SHA512())
}


class Finding(msgspec.Struct, frozen=True):
    """The verdict, and the country in the signer's certificate ("" where there was none)."""

    authenticity: Authenticity
    signer: str = ""


class _CannotCheck(Exception):
    """A key or an algorithm that we do not know, or that proves nothing."""


def load_csca(folder: str) -> tuple[bytes, ...]:
    """Return the certificates of a folder, DER: .cer .crt .der .pem and master lists (.ml); none for "".

    Raises: ValueError naming the file that is no certificate, or the folder that is none.
    """
    if not folder:
        return ()
    place = Path(folder)
    if not place.is_dir():
        raise ValueError(f"csca {folder!r}: a folder of certificates is needed")
    found: list[bytes] = []
    for path in sorted(place.iterdir()):
        if path.suffix.lower() not in SUFFIXES:
            continue
        try:
            found.extend(_load_certificates(path))
        except (WireFault, ValueError, TypeError) as error:
            raise ValueError(f"csca {folder!r}: {path.name} holds no certificate") from error
    return tuple(found)


def judge(sod: bytes, groups: Mapping[int, bytes], csca: tuple[bytes, ...], now: datetime | None = None) -> Finding:
    """Return what the signature says of the files read. `sod` is b"" where the chip has none.

    Raises: WireFault if the security object cannot be taken apart.
    """
    if not sod:
        return Finding(Authenticity.NO_SOD)
    found = decode_sod(sod)
    try:
        signer = x509.Certificate.load(found.certificate, strict=True)
        country = str(signer.subject.native.get("country_name", ""))
        return Finding(_judge(found, signer, groups, csca, now or datetime.now(UTC)), country)
    except _CannotCheck:
        return Finding(Authenticity.UNSUPPORTED)
    except (ValueError, TypeError, KeyError) as error:  # a certificate of no form
        raise WireFault("certificate") from error


def _judge(
    sod: SecurityObject, signer: Any, groups: Mapping[int, bytes], csca: tuple[bytes, ...], now: datetime
) -> Authenticity:
    for number, data in groups.items():
        if sod.compute_hash(data) != sod.hashes.get(number):
            return Authenticity.WRONG_HASH
    if sod.attributes and hashlib.new(sod.digest_name, sod.content, usedforsecurity=False).digest() != sod.digest:
        return Authenticity.WRONG_SIGNATURE
    algorithm = algos.SignedDigestAlgorithm.load(sod.algorithm)
    signed = sod.attributes or sod.content
    if not _is_signed(signer.public_key, algorithm, sod.digest_name, sod.signature, signed):
        return Authenticity.WRONG_SIGNATURE
    issuers = [one for one in map(x509.Certificate.load, csca) if one.ca and one.subject == signer.issuer]
    for issuer in issuers:
        if _is_issued_by(signer, issuer):
            return Authenticity.VALID if _in_time(signer, now) and _in_time(issuer, now) else Authenticity.EXPIRED
    named = signer.authority_key_identifier
    if named is not None and any(one.key_identifier == named for one in issuers):
        return Authenticity.WRONG_SIGNATURE  # the very key that is said to have signed did not
    return Authenticity.NO_CSCA


def _load_certificates(path: Path) -> tuple[bytes, ...]:
    data = path.read_bytes()
    if path.suffix.lower() == ".ml":
        return decode_master_list(data)
    ders = [der for _, _, der in pem.unarmor(data, multiple=True)] if pem.detect(data) else [data]
    for der in ders:
        x509.Certificate.load(der, strict=True).subject.native  # noqa: B018  # reading it is the check
    return tuple(ders)


def _in_time(certificate: Any, now: datetime) -> bool:
    return bool(certificate.not_valid_before <= now <= certificate.not_valid_after)


def _is_issued_by(certificate: Any, issuer: Any) -> bool:
    algorithm = certificate["signature_algorithm"]
    if algorithm.dump() != certificate["tbs_certificate"]["signature"].dump():
        return False
    data = certificate["tbs_certificate"].dump()
    return _is_signed(issuer.public_key, algorithm, "", certificate["signature_value"].native, data)


def _is_signed(public: Any, algorithm: Any, digest_name: str, signature: bytes, data: bytes) -> bool:
    """Whether the signature is right. `digest_name` is for algorithms that name no hash of their own.

    Raises: _CannotCheck.
    """
    try:
        kind = algorithm.signature_algo
    except ValueError as error:
        raise _CannotCheck from error
    name = _hash_of(algorithm, kind, digest_name)
    key = _load_key(public)
    try:
        if kind == "ecdsa" and isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, data, ec.ECDSA(_HASHES[name]))
        elif kind == "rsassa_pkcs1v15" and isinstance(key, RSAPublicKey):
            key.verify(signature, data, padding.PKCS1v15(), _HASHES[name])
        elif kind == "rsassa_pss" and isinstance(key, RSAPublicKey):
            salt = int(algorithm["parameters"]["salt_length"].native)
            key.verify(signature, data, padding.PSS(padding.MGF1(_HASHES[name]), salt), _HASHES[name])
        else:
            raise _CannotCheck
    except InvalidSignature:
        return False
    return True


def _hash_of(algorithm: Any, kind: str, digest_name: str) -> str:
    if kind == "rsassa_pss":
        parameters = algorithm["parameters"]
        name = str(parameters["hash_algorithm"]["algorithm"].native)
        if parameters["mask_gen_algorithm"]["parameters"]["algorithm"].native != name:
            raise _CannotCheck
    else:
        try:
            name = str(algorithm.hash_algo)
        except ValueError:
            name = digest_name
    if name not in _HASHES:
        raise _CannotCheck
    return name


def _load_key(public: Any) -> Any:
    """Return the public key; explicit curve parameters are looked up among the curves we know."""
    try:
        if public.algorithm != "ec" or public["algorithm"]["parameters"].name == "named":
            return load_der_public_key(public.dump())
        given = public["algorithm"]["parameters"].chosen
        curve = next(one for one in CURVES.values() if _is_same_curve(one, given))
        x, y = decode_point(curve, public["public_key"].native)
        return ec.EllipticCurvePublicNumbers(x, y, _CURVES[curve.name]).public_key()
    except (ValueError, StopIteration, UnsupportedAlgorithm, WireFault) as error:
        raise _CannotCheck from error


def _is_same_curve(curve: Any, given: keys.SpecifiedECDomain) -> bool:
    field = given["field_id"]
    if field["field_type"].native != "prime_field" or field["parameters"].native != curve.p:
        return False
    a, b = (int.from_bytes(given["curve"][name].native, "big") for name in ("a", "b"))
    is_base = decode_point(curve, given["base"].native) == curve.base
    return (a, b, given["order"].native) == (curve.a, curve.b, curve.order) and is_base
