"""KSB1 sealed blobs, writing only: the terminal holds no key that opens one (queue-and-sync.md §7)."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import secrets
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec
from cryptography.hazmat.primitives import hashes, hpke
from cryptography.hazmat.primitives.asymmetric import mlkem, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from offline_queue.api import DiskFull, PartFacts, QueueError, SealFault, SealingKey, StoreCorrupt
from offline_queue.canonical import encode_canonical

MAGIC = b"KSB1"
CHUNK = 262_144  # plaintext bytes of every frame but the last
RECIPIENTS_MAX = 4
PLAIN_MAX = 64 * 1024 * 1024  # the platform's blob limit, §9.1
XWING = "hpke-xwing-sha256-aes256gcm"
X25519 = "hpke-x25519-sha256-aes256gcm"
MLKEM_BYTES = 1184
PUBLIC_BYTES = {XWING: MLKEM_BYTES + 32, X25519: 32}
SUITES = {
    XWING: hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM),
    X25519: hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM),
}
FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

_RULES = {
    "sid": re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
    "dev": re.compile(r"K-[0-9A-Z]{6,12}"),
    "part": re.compile(r"[a-z0-9][a-z0-9-]{0,47}"),
    "cat": re.compile(r"[\x20-\x7e]{0,32}"),
    "kid": re.compile(r"[\x21-\x7e]{1,64}"),
}
_NUMBERS = {"seq": 1, "ts": 0}  # lowest value; the highest is 2⁵³−1, exact in every JSON reader


class Blocks(Protocol):
    """Clear bytes, block by block."""

    def read(self, size: int, /) -> bytes:
        """Return `size` bytes, fewer only at the end."""


class SealHeader(msgspec.Struct, frozen=True):
    """What the clear header of a blob says beside the recipients. `part` is `manifest` for the manifest."""

    sid: str
    dev: str
    part: str
    seq: int
    ts: int
    cat: str


class SealedPart(msgspec.Struct, frozen=True):
    """A sealed part in a temporary file, synced, not yet under its name."""

    path: Path
    facts: PartFacts


def choose_keys(keys: tuple[SealingKey, ...], now_s: float) -> tuple[tuple[SealingKey, ...], bool]:
    """Return the keys to seal to (at most four, newest first) and whether they are stale.

    A revoked key or one of an unknown suite is never used. Where none is valid today the newest
    outdated ones serve: a terminal long offline still seals (§8). Raises: SealFault("no_key").
    """
    sound = sorted(
        (key for key in keys if not key.is_revoked and key.suite in SUITES),
        key=lambda key: key.not_before,
        reverse=True,
    )
    if not sound:
        raise SealFault("no_key")
    valid = [key for key in sound if key.not_before <= now_s and not 0 < key.not_after <= now_s]
    return tuple((valid or sound)[:RECIPIENTS_MAX]), not valid


def seal_part(header: SealHeader, source: bytes | BinaryIO, keys: tuple[SealingKey, ...], folder: Path) -> SealedPart:
    """Return a part sealed into a new file of `folder`: mode 0600, hashed while written, synced.

    Raises: SealFault; DiskFull or StoreCorrupt where writing fails, and then no file is left.
    """
    stream = _Counted(io.BytesIO(source) if isinstance(source, bytes) else source)
    path = folder / f"{secrets.token_hex(16)}.part"
    sealed = hashlib.sha256()
    size = 0
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                for block in _blob(header, stream, keys):
                    sealed.update(block)
                    size += file.write(block)
                file.flush()
                os.fsync(descriptor)
        except BaseException:
            path.unlink()
            raise
    except OSError as error:
        raise from_os_error(error) from error
    facts = PartFacts(header.part, sealed.hexdigest(), size, stream.sha256.hexdigest(), stream.size)
    return SealedPart(path, facts)


def seal_bytes(header: SealHeader, data: bytes, keys: tuple[SealingKey, ...]) -> bytes:
    """Return `data` sealed in memory: the way of the manifest. Raises: SealFault."""
    return b"".join(_blob(header, _Counted(io.BytesIO(data)), keys))


def encode_prefix(header: SealHeader, keys: tuple[SealingKey, ...]) -> bytes:
    """Return magic, length and canonical header: the bytes that header_hash covers. Raises: SealFault."""
    values = msgspec.structs.asdict(header)
    kids = {key.kid for key in keys}
    for name, rule in _RULES.items():
        texts = kids if name == "kid" else {values[name]}
        if not all(rule.fullmatch(text) for text in texts):
            raise SealFault("bad_header", name)
    for name, lowest in _NUMBERS.items():
        if not lowest <= values[name] < 2**53:
            raise SealFault("bad_header", name)
    if not 1 <= len(keys) == len(kids) <= RECIPIENTS_MAX:
        raise SealFault("bad_header", "to")
    clear = encode_canonical(
        {
            **values,
            "v": 1,
            "aead": "A256GCM",
            "chunk": CHUNK,
            "typ": "manifest" if header.part == "manifest" else "part",
            "to": [{"kid": key.kid, "suite": key.suite} for key in keys],
        }
    )
    return MAGIC + struct.pack(">I", len(clear)) + clear


def derive_payload_key(file_key: bytes, header_hash: bytes) -> bytes:
    """Return the 32-byte key of the frames, bound to the header."""
    return HKDF(hashes.SHA256(), 32, salt=header_hash, info=b"kiosk/ksb1/payload").derive(file_key)


def seal_frames(payload_key: bytes, stream: Blocks) -> Iterator[bytes]:
    """Yield the frames of `stream`: AES-256-GCM, nonce = counter ‖ last flag. Flat memory."""
    cipher = AESGCM(payload_key)
    block = stream.read(CHUNK)
    index = 0
    while following := stream.read(CHUNK):
        yield cipher.encrypt(index.to_bytes(11) + b"\x00", block, None)
        block = following
        index += 1
    yield cipher.encrypt(index.to_bytes(11) + b"\x01", block, None)


def from_os_error(error: OSError) -> QueueError:
    """Return the queue's word for a failed write, sync or rename. A sync is never tried twice (§11.9)."""
    if error.errno in FULL_ERRNOS:
        return DiskFull("disk_full")
    return StoreCorrupt("io_error", errno.errorcode.get(error.errno or 0, "unknown"))


class _Counted:
    """Passes whole blocks on, counting and hashing the clear bytes that go by."""

    def __init__(self, inner: BinaryIO) -> None:
        self._inner = inner
        self.sha256 = hashlib.sha256()
        self.size = 0

    def read(self, size: int, /) -> bytes:
        """Return exactly `size` bytes, fewer only at the end. Raises: SealFault past the blob limit."""
        block = self._inner.read(size)
        while block and len(block) < size and (more := self._inner.read(size - len(block))):
            block += more
        self.sha256.update(block)
        self.size += len(block)
        if self.size > PLAIN_MAX:
            raise SealFault("too_large")
        return block


def _blob(header: SealHeader, stream: _Counted, keys: tuple[SealingKey, ...]) -> Iterator[bytes]:
    prefix = encode_prefix(header, keys)
    header_hash = hashlib.sha256(prefix).digest()
    file_key = secrets.token_bytes(32)
    yield prefix
    for key in keys:
        wrap = _wrap(file_key, key, header_hash)
        yield struct.pack(">H", len(wrap)) + wrap
    yield from seal_frames(derive_payload_key(file_key, header_hash), stream)


def _wrap(file_key: bytes, key: SealingKey, header_hash: bytes) -> bytes:
    if len(key.public) != PUBLIC_BYTES[key.suite]:
        raise SealFault("bad_key", key.kid)
    try:
        public = _load_public(key)
        return SUITES[key.suite].encrypt(file_key, public, info=b"kiosk/ksb1/wrap\x00" + header_hash)
    except ValueError as error:  # a point or a lattice element that is none
        raise SealFault("bad_key", key.kid) from error


def _load_public(key: SealingKey) -> x25519.X25519PublicKey | hpke.MLKEM768X25519PublicKey:
    curve = x25519.X25519PublicKey.from_public_bytes(key.public[-32:])
    if key.suite == X25519:
        return curve
    return hpke.MLKEM768X25519PublicKey(mlkem.MLKEM768PublicKey.from_public_bytes(key.public[:MLKEM_BYTES]), curve)
