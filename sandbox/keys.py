"""The platform's own keys: made at its first start, kept in its own state folder, files 0600.

Layout of `STATE/keys`: one file per key, `index.json` with kid, use and validity, certificates as PEM.
Public for terminals: `STATE/public/ca.pem` (TLS trust) and `STATE/public/pins.json` (who may sign for the platform).
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sandbox.blobs import sync_folder, write_whole
from sandbox.canonical import encode_b64url
from sandbox.reader import CLASSIC, HYBRID, SealKey

SIGNING_USES = ("receipt", "time", "order", "command", "notice", "enrolled", "bundle")
SEAL_SUITES = {"seal": HYBRID, "seal-small": CLASSIC}
DAY = dt.timedelta(days=1)
DEVICE_DAYS = 365  # security.md §6.2: one year
KEY_DAYS = 730
CA_DAYS = 3650


class KeysBroken(Exception):
    """The key folder exists but cannot be used."""


@dataclass(frozen=True)
class SigningKey:
    """One P-256 key of the platform."""

    kid: str
    private: ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Authority:
    """A certificate authority: its certificate and key."""

    certificate: x509.Certificate
    private: ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class PlatformKeys:
    """Everything the platform signs, opens and serves with."""

    signing: dict[str, SigningKey]  # by use
    sealing: dict[str, SealKey]  # by kid
    device_ca: Authority
    public: list[dict[str, Any]]  # {kid, use, pub, nbf, naf, status} and suite for sealing keys; hybrid ones only
    ca_path: Path
    pins_path: Path
    tls_cert: Path
    tls_key: Path

    def issue_device_certificate(
        self, public: ec.EllipticCurvePublicKey, device_id: str, now: dt.datetime
    ) -> x509.Certificate:
        """Return a one-year certificate for an enrolled device's key."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, device_id)])
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.device_ca.certificate.subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + DEVICE_DAYS * DAY)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .sign(self.device_ca.private, SHA256())
        )


def load_or_create_keys(state: Path, now: dt.datetime) -> PlatformKeys:
    """Return the keys under `state`, created if this is the first start. Raises: KeysBroken."""
    folder, public = state / "keys", state / "public"
    if not (folder / "index.json").exists():
        _create(folder, public, now)
    try:
        return _load(folder, public)
    except (OSError, ValueError, KeyError) as fault:
        raise KeysBroken(f"{folder}: {fault}") from fault


def certificate_pem(certificate: x509.Certificate) -> str:
    """Return a certificate as PEM text."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def serial_of(certificate: x509.Certificate) -> str:
    """Return the serial as lower-case hex: the kid of what the device signs."""
    return f"{certificate.serial_number:x}"


def _load(folder: Path, public: Path) -> PlatformKeys:
    index = json.loads((folder / "index.json").read_text())
    signing: dict[str, SigningKey] = {}
    sealing: dict[str, SealKey] = {}
    for entry in index:
        raw = (folder / f"{entry['kid']}.key").read_bytes()
        if entry["use"] == "seal":
            sealing[entry["kid"]] = _decode_seal_key(raw, entry["suite"])
        else:
            signing[entry["use"]] = SigningKey(entry["kid"], _decode_private(raw))
    return PlatformKeys(
        signing=signing,
        sealing=sealing,
        device_ca=Authority(
            x509.load_pem_x509_certificate((folder / "device-ca.pem").read_bytes()),
            _decode_private((folder / "device-ca.key").read_bytes()),
        ),
        # A terminal may seal to every key it knows: publishing the small one too would undo the hybrid one.
        public=[entry for entry in index if entry.get("suite") != CLASSIC],
        ca_path=public / "ca.pem",
        pins_path=public / "pins.json",
        tls_cert=folder / "tls.pem",
        tls_key=folder / "tls.key",
    )


def _create(folder: Path, public: Path, now: dt.datetime) -> None:
    for path in (folder, public):
        path.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    valid = {"nbf": int((now - DAY).timestamp()), "naf": int((now + KEY_DAYS * DAY).timestamp()), "status": "active"}
    index: list[dict[str, Any]] = []
    stem = now.strftime("%Y-%m")
    for use in SIGNING_USES:
        key = ec.generate_private_key(ec.SECP256R1())
        kid = f"{use}-{stem}-{secrets.token_hex(3)}"
        write_whole(folder / f"{kid}.key", _encode_private(key))
        index.append({"kid": kid, "use": use, "pub": encode_b64url(_spki(key)), **valid})
    for label, suite in SEAL_SUITES.items():
        secret, raw_public = _generate_seal_key(suite)
        kid = f"{label}-{stem}-{secrets.token_hex(3)}"
        write_whole(folder / f"{kid}.key", secret)
        index.append({"kid": kid, "use": "seal", "suite": suite, "pub": encode_b64url(raw_public), **valid})
    device_ca = _create_authority("Jinban sandbox device CA", now)
    write_whole(folder / "device-ca.key", _encode_private(device_ca.private))
    write_whole(folder / "device-ca.pem", certificate_pem(device_ca.certificate).encode())
    _create_tls(folder, public, now)
    pins = {"keys": [entry for entry in index if entry["use"] != "seal"]}
    write_whole(public / "pins.json", json.dumps(pins, indent=1).encode(), 0o644)
    for path in (folder, public, folder.parent):
        sync_folder(path)
    write_whole(folder / "index.json", json.dumps(index, indent=1).encode())  # last: its presence means complete
    sync_folder(folder)


def _create_tls(folder: Path, public: Path, now: dt.datetime) -> None:
    authority = _create_authority("Jinban sandbox TLS CA", now)
    key = ec.generate_private_key(ec.SECP256R1())
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]))
        .issuer_name(authority.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + KEY_DAYS * DAY)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.private.public_key()), critical=False
        )
        .sign(authority.private, SHA256())
    )
    # The authority's key is not kept: nobody can issue a second server certificate for this trust anchor.
    write_whole(folder / "tls.key", _encode_private(key))
    write_whole(folder / "tls.pem", certificate_pem(certificate).encode())
    write_whole(public / "ca.pem", certificate_pem(authority.certificate).encode(), 0o644)


def _create_authority(name: str, now: dt.datetime) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + CA_DAYS * DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )
    return Authority(certificate, key)


def _generate_seal_key(suite: str) -> tuple[bytes, bytes]:
    """Return private and public bytes; the hybrid class has no serialisation, so both are raw parts in a row."""
    small = X25519PrivateKey.generate()
    if suite == CLASSIC:
        return small.private_bytes_raw(), small.public_key().public_bytes_raw()
    large = MLKEM768PrivateKey.generate()
    return (
        large.private_bytes_raw() + small.private_bytes_raw(),
        large.public_key().public_bytes_raw() + small.public_key().public_bytes_raw(),
    )


def _decode_seal_key(raw: bytes, suite: str) -> SealKey:
    if suite == CLASSIC:
        return X25519PrivateKey.from_private_bytes(raw)
    seed, small = raw[:-32], raw[-32:]  # 64-byte ML-KEM seed, then X25519
    return MLKEM768X25519PrivateKey(
        MLKEM768PrivateKey.from_seed_bytes(seed), X25519PrivateKey.from_private_bytes(small)
    )


def _encode_private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _decode_private(raw: bytes) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(raw, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("not a P-256 key")
    return key


def _spki(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
