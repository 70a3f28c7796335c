"""A writer of KSB1 sealed blobs for simulated terminals, written from the description of the format alone.

Source: queue-and-sync.md §7. The terminal has a writer of its own; that both are read by `reader.py` is the point.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PublicKey

from sandbox.canonical import decode_b64url, encode_canonical
from sandbox.reader import CHUNK, HYBRID, MAGIC, SUITES, payload_key

X25519_BYTES = 32


@dataclass(frozen=True)
class Recipient:
    """One public sealing key of the platform, as its bundle names it."""

    kid: str
    suite: str
    public: X25519PublicKey | MLKEM768X25519PublicKey


def load_recipient(entry: dict[str, Any]) -> Recipient:
    """Return the recipient of an entry of the key bundle whose use is `seal`. Raises: KeyError, ValueError."""
    raw = decode_b64url(entry["pub"])
    small = X25519PublicKey.from_public_bytes(raw[-X25519_BYTES:])
    if entry["suite"] != HYBRID:
        return Recipient(entry["kid"], entry["suite"], small)
    large = MLKEM768PublicKey.from_public_bytes(raw[:-X25519_BYTES])
    return Recipient(entry["kid"], entry["suite"], MLKEM768X25519PublicKey(large, small))


def seal(facts: dict[str, Any], recipients: Sequence[Recipient], plain: bytes) -> bytes:
    """Return `plain` sealed to all recipients; `facts` are sid, dev, part, seq, ts and cat of the header."""
    header = {
        **facts,
        "v": 1,
        "aead": "A256GCM",
        "chunk": CHUNK,
        "typ": "manifest" if facts["part"] == "manifest" else "part",
        "to": [{"kid": one.kid, "suite": one.suite} for one in recipients],
    }
    raw = encode_canonical(header)
    head = MAGIC + len(raw).to_bytes(4, "big") + raw
    header_hash = hashlib.sha256(head).digest()
    file_key = os.urandom(32)
    pieces = [head]
    for one in recipients:
        wrap = SUITES[one.suite].suite.encrypt(file_key, one.public, info=b"kiosk/ksb1/wrap\0" + header_hash)
        pieces += [len(wrap).to_bytes(2, "big"), wrap]
    cipher = AESGCM(payload_key(file_key, header_hash))
    last = max(0, (len(plain) - 1) // CHUNK)
    view = memoryview(plain)
    for number in range(last + 1):
        nonce = number.to_bytes(11, "big") + (b"\1" if number == last else b"\0")
        pieces.append(cipher.encrypt(nonce, view[number * CHUNK : (number + 1) * CHUNK], None))
    return b"".join(pieces)
