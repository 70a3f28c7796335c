"""KSB1 sealed blobs, writing only: the terminal holds no key that opens one (queue-and-sync.md §7)."""

from __future__ import annotations

import errno
import hashlib
import io
import itertools
import os
import re
import secrets
import struct
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import lru_cache
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives import hashes, hpke
from cryptography.hazmat.primitives.asymmetric import mlkem, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from offline_queue.api import DiskFull, PartFacts, QueueError, SealFault, SealingKey, StoreCorrupt
from offline_queue.blocks import CHUNK, PLAIN_MAX, TAG, Blocks, Source, number_frames
from offline_queue.canonical import encode_canonical

MAGIC = b"KSB1"
RECIPIENTS_MAX = 4
SYNCS = 3  # at a time: a file system makes one commit of syncs that wait together
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
NUMBER_MAX = 2**53 - 1  # exact in every JSON reader

_disk = ThreadPoolExecutor(SYNCS, "sealed-to-disk")  # kept: to start three threads costs as much as one sync


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


def seal_part(header: SealHeader, source: Source, keys: tuple[SealingKey, ...], folder: Path) -> SealedPart:
    """Return one part sealed into a new file of `folder`; see `seal_parts`."""
    return seal_parts(((header, source),), keys, folder)[0]


def seal_parts(
    wanted: Sequence[tuple[SealHeader, Source]], keys: tuple[SealingKey, ...], folder: Path
) -> tuple[SealedPart, ...]:
    """Return parts sealed into new files of `folder`: mode 0600, hashed while written, synced, all or none.

    Memory is flat, whatever the size of the sources. While one part is being synced the next is being sealed.
    Raises: SealFault; DiskFull or StoreCorrupt where writing fails.
    """
    paths = [folder / f"{secrets.token_hex(16)}.part" for _ in wanted]
    try:
        facts = _seal_into(paths, wanted, keys)
    except BaseException as error:
        for path in paths:
            path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise from_os_error(error) from error
        raise
    return tuple(map(SealedPart, paths, facts))


def seal_bytes(header: SealHeader, data: bytes, keys: tuple[SealingKey, ...]) -> bytes:
    """Return `data` sealed in memory: the way of the manifest. Raises: SealFault."""
    prefix, wraps, cipher = _begin(header, keys)
    start = len(prefix) + len(wraps)
    frames = max(1, -(-len(data) // CHUNK))
    blob = io.BytesIO(bytes(start + len(data) + TAG * frames))  # zeros come untouched from the system
    with blob.getbuffer() as room:
        room[:start] = prefix + wraps
        for nonce, block in number_frames(Blocks(data)):
            end = start + len(block) + TAG
            cipher.encrypt_into(nonce, block, None, room[start:end])
            start = end
    return blob.getvalue()  # the same bytes, not a copy


def encode_prefix(header: SealHeader, keys: tuple[SealingKey, ...]) -> bytes:
    """Return magic, length and canonical header: the bytes that header_hash covers. Raises: SealFault."""
    values = msgspec.structs.asdict(header)
    kids = {key.kid for key in keys}
    for name, rule in _RULES.items():
        texts = kids if name == "kid" else {values[name]}
        if not all(rule.fullmatch(text) for text in texts):
            raise SealFault("bad_header", name)
    values["ts"] = max(1, header.ts)  # a dead clock may stand before 1970; the envelope's `clk` says it is unsure
    for name in ("seq", "ts"):
        if not 1 <= values[name] <= NUMBER_MAX:
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


def seal_frames(cipher: AESGCM, blocks: Iterable[memoryview]) -> Iterator[memoryview]:
    """Yield the frames of a part: AES-256-GCM, nonce = counter ‖ last flag. Flat memory.

    A frame holds until the next one is asked for.
    """
    room = memoryview(bytearray(CHUNK + TAG))
    for nonce, block in number_frames(blocks):
        frame = room[: len(block) + TAG]
        cipher.encrypt_into(nonce, block, None, frame)
        yield frame


def from_os_error(error: OSError) -> QueueError:
    """Return the queue's word for a failed write, sync or rename. A sync is never tried twice (§11.9)."""
    if error.errno in FULL_ERRNOS:
        return DiskFull("disk_full")
    return StoreCorrupt("io_error", errno.errorcode.get(error.errno or 0, "unknown"))


def _begin(header: SealHeader, keys: tuple[SealingKey, ...]) -> tuple[bytes, bytes, AESGCM]:
    """Return prefix, wraps and the cipher of the frames, under a file key that nobody keeps."""
    prefix = encode_prefix(header, keys)
    header_hash = hashlib.sha256(prefix).digest()
    file_key = secrets.token_bytes(32)
    wraps = [_wrap(file_key, key, header_hash) for key in keys]
    framed = b"".join(struct.pack(">H", len(wrap)) + wrap for wrap in wraps)
    return prefix, framed, AESGCM(derive_payload_key(file_key, header_hash))


def _seal_into(
    paths: Sequence[Path], wanted: Sequence[tuple[SealHeader, Source]], keys: tuple[SealingKey, ...]
) -> list[PartFacts]:
    clear = [Blocks(source) for _, source in wanted]
    sealed: dict[int, tuple[str, int]] = {}
    syncs: list[Future[None]] = []
    try:
        for at in sorted(range(len(wanted)), key=lambda at: _length(wanted[at][1])):  # the disk begins early
            descriptor = os.open(paths[at], os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            try:
                sealed[at] = _write_part(descriptor, wanted[at][0], clear[at], keys)
            except BaseException:
                os.close(descriptor)
                raise
            syncs.append(_disk.submit(_sync, descriptor))
        facts = [
            PartFacts(header.part, *sealed[at], clear[at].sha256, clear[at].size)
            for at, (header, _) in enumerate(wanted)
        ]
    finally:
        wait(syncs)  # whatever happens, no file is touched while its sync is under way
    for sync in syncs:
        sync.result()
    return facts


def _length(source: Source) -> int:
    """Return how long a source is, as far as it tells."""
    return len(source) if isinstance(source, bytes | bytearray | memoryview) else PLAIN_MAX


def _sync(descriptor: int) -> None:
    """Make a file durable and let go of it. Tried once: what a second try would say means nothing (§11.9)."""
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_part(descriptor: int, header: SealHeader, clear: Blocks, keys: tuple[SealingKey, ...]) -> tuple[str, int]:
    """Return hash and size of a part written to an open file, not yet synced."""
    prefix, wraps, cipher = _begin(header, keys)
    sealed = hashlib.sha256()
    size = 0
    for piece in itertools.chain((memoryview(prefix + wraps),), seal_frames(cipher, clear)):
        sealed.update(piece)
        size += len(piece)
        _write_all(descriptor, piece)
    return sealed.hexdigest(), size


def _write_all(descriptor: int, piece: memoryview) -> None:
    while piece:
        piece = piece[os.write(descriptor, piece) :]


def _wrap(file_key: bytes, key: SealingKey, header_hash: bytes) -> bytes:
    try:
        public = _load_public(key.suite, key.public)
        return SUITES[key.suite].encrypt(file_key, public, info=b"kiosk/ksb1/wrap\x00" + header_hash)
    except ValueError as error:  # a wrong length, a point or a lattice element that is none
        raise SealFault("bad_key", key.kid) from error


@lru_cache(maxsize=RECIPIENTS_MAX)  # the same few keys for months, once a part
def _load_public(suite: str, raw: bytes) -> x25519.X25519PublicKey | hpke.MLKEM768X25519PublicKey:
    if len(raw) != PUBLIC_BYTES[suite]:
        raise ValueError("length")
    curve = x25519.X25519PublicKey.from_public_bytes(raw[-32:])
    if suite == X25519:
        return curve
    return hpke.MLKEM768X25519PublicKey(mlkem.MLKEM768PublicKey.from_public_bytes(raw[:MLKEM_BYTES]), curve)
