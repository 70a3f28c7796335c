"""A second reader of KSB1 sealed blobs, written from the description of the format alone.

Source: docs/sealed-format.md. Whatever is wrong with a blob comes out as the single error `Bad`.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, Suite
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sandbox.canonical import SAFE_INTEGER, NotCanonical, decode_canonical

MAGIC = b"KSB1"
CHUNK = 262_144
TAG = 16
HEADER_BYTES = range(2, 16_384 + 1)
LIMIT = 64 * 1024 * 1024  # default decoder limit, plain bytes
HYBRID = "hpke-xwing-sha256-aes256gcm"
CLASSIC = "hpke-x25519-sha256-aes256gcm"

UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
DEVICE = re.compile(r"K-[0-9A-Z]{6,12}")
PART = re.compile(r"[a-z0-9][a-z0-9-]{0,47}")
CATALOGUE = re.compile(r"[\x20-\x7e]{0,32}")
KID = re.compile(r"[\x21-\x7e]{1,64}")
KEYS = {"v", "aead", "chunk", "typ", "sid", "dev", "part", "seq", "ts", "cat", "to"}

SealKey = X25519PrivateKey | MLKEM768X25519PrivateKey


class Bad(Exception):
    """This blob cannot be believed. There is no detail on purpose."""


@dataclass(frozen=True)
class _Kind:
    wrap_bytes: int
    suite: Suite
    key: type


SUITES = {
    HYBRID: _Kind(1168, Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM), MLKEM768X25519PrivateKey),
    CLASSIC: _Kind(80, Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM), X25519PrivateKey),
}


@dataclass(frozen=True)
class Origin:
    """Where a blob claims, and must, come from."""

    sid: str
    dev: str
    seq: int
    part: str


@dataclass(frozen=True)
class Opened:
    """Facts of an opened blob; hashes are lower-case hex, of the whole sealed file and of the plain bytes."""

    header: dict[str, Any]
    sealed_sha256: str
    sealed_bytes: int
    plain_sha256: str
    plain_bytes: int


def open_bytes(
    blob: bytes, keys: Mapping[str, SealKey], origin: Origin | None = None, limit: int = LIMIT
) -> tuple[Opened, bytes]:
    """Return facts and plain bytes of a blob held in memory, such as a manifest. Raises: Bad."""
    plain = io.BytesIO()
    opened = _open(io.BytesIO(blob), plain, keys, origin, limit)
    return opened, plain.getvalue()


def open_file(
    source: Path, target: Path, keys: Mapping[str, SealKey], origin: Origin | None = None, limit: int = LIMIT
) -> Opened:
    """Open the blob file `source` into `target`, which appears only once the last frame has been authenticated.

    Raises: Bad, and then nothing is left behind; OSError when the disk fails.
    """
    temporary = target.with_name(f".{target.name}.{os.urandom(8).hex()}.opening")
    try:
        with source.open("rb") as sealed, open(temporary, "xb", opener=_private) as plain:
            opened = _open(sealed, plain, keys, origin, limit)
            plain.flush()
            os.fsync(plain.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return opened


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class _Tally:
    """A reader that counts and hashes what passes."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._hash = hashlib.sha256()
        self.size = 0

    def read(self, length: int) -> bytes:
        data = self._source.read(length)
        self._hash.update(data)
        self.size += len(data)
        return data

    def exactly(self, length: int) -> bytes:
        data = self.read(length)
        if len(data) != length:
            raise Bad
        return data

    def hex(self) -> str:
        return self._hash.hexdigest()


def _open(source: BinaryIO, target: BinaryIO, keys: Mapping[str, SealKey], origin: Origin | None, limit: int) -> Opened:
    tally = _Tally(source)
    prefix = tally.exactly(8)
    length = int.from_bytes(prefix[4:], "big")
    if prefix[:4] != MAGIC or length not in HEADER_BYTES:
        raise Bad
    raw = tally.exactly(length)
    header = decode_header(raw)
    if origin is not None and origin != Origin(header["sid"], header["dev"], header["seq"], header["part"]):
        raise Bad
    header_hash = hashlib.sha256(prefix + raw).digest()
    payload = AESGCM(payload_key(_file_key(tally, header["to"], keys, header_hash), header_hash))
    digest, size = hashlib.sha256(), 0
    for plain in _frames(tally, payload, limit):
        target.write(plain)
        digest.update(plain)
        size += len(plain)
    return Opened(header, tally.hex(), tally.size, digest.hexdigest(), size)


def payload_key(file_key: bytes, header_hash: bytes) -> bytes:
    """Return the AES-256 key of the frames."""
    return HKDF(SHA256(), 32, salt=header_hash, info=b"kiosk/ksb1/payload").derive(file_key)


def _file_key(
    tally: _Tally, recipients: list[dict[str, str]], keys: Mapping[str, SealKey], header_hash: bytes
) -> bytes:
    ours: tuple[_Kind, SealKey, bytes] | None = None
    for recipient in recipients:
        kind = SUITES[recipient["suite"]]
        if int.from_bytes(tally.exactly(2), "big") != kind.wrap_bytes:
            raise Bad
        wrap = tally.exactly(kind.wrap_bytes)
        key = keys.get(recipient["kid"])
        if ours is None and key is not None:
            ours = (kind, key, wrap)
    if ours is None or not isinstance(ours[1], ours[0].key):
        raise Bad
    kind, key, wrap = ours
    try:
        file_key = kind.suite.decrypt(wrap, key, info=b"kiosk/ksb1/wrap\0" + header_hash)
    except (InvalidTag, ValueError) as fault:
        raise Bad from fault
    if len(file_key) != 32:
        raise Bad
    return file_key


def _frames(tally: _Tally, payload: AESGCM, limit: int) -> Iterator[bytes]:
    number, total = 0, 0
    frame = tally.read(CHUNK + TAG)
    while True:
        following = tally.read(CHUNK + TAG) if len(frame) == CHUNK + TAG else b""
        is_last = not following
        size = len(frame) - TAG
        total += size
        if size < 0 or (size == 0 and number > 0) or total > limit:
            raise Bad
        nonce = number.to_bytes(11, "big") + (b"\1" if is_last else b"\0")
        try:
            plain = payload.decrypt(nonce, frame, None)
        except InvalidTag as fault:
            raise Bad from fault
        yield plain
        if is_last:
            return
        frame, number = following, number + 1


def decode_header(raw: bytes) -> dict[str, Any]:
    """Return the checked header of version 1: exactly eleven keys, each within its rule. Raises: Bad."""
    try:
        header = decode_canonical(raw)
    except NotCanonical as fault:
        raise Bad from fault
    if not isinstance(header, dict) or set(header) != KEYS or not raw.isascii():
        raise Bad
    fixed = header["aead"] == "A256GCM" and _integer(header["v"], 1, 1) and _integer(header["chunk"], CHUNK, CHUNK)
    named = (
        _matches(UUID7, header["sid"])
        and _matches(DEVICE, header["dev"])
        and _matches(PART, header["part"])
        and header["typ"] in ("part", "manifest")
        and (header["part"] == "manifest") == (header["typ"] == "manifest")
    )
    counted = _integer(header["seq"], 1, SAFE_INTEGER) and _integer(header["ts"], 1, SAFE_INTEGER)
    if not (fixed and named and counted and _matches(CATALOGUE, header["cat"]) and _recipients(header["to"])):
        raise Bad
    return header


def _recipients(to: object) -> bool:
    if not isinstance(to, list) or not 1 <= len(to) <= 4:
        return False
    for one in to:
        if not isinstance(one, dict) or set(one) != {"kid", "suite"} or not _matches(KID, one["kid"]):
            return False
        if not isinstance(one["suite"], str) or one["suite"] not in SUITES:
            return False
    return len({one["kid"] for one in to}) == len(to)


def _integer(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None
