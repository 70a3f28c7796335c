"""Ciphers, check sums and derived keys of eMRTD chips; basic access control (BAC), both sides.

Source: ICAO Doc 9303-11 §4.3 (BAC), §9.7 (key derivation), §9.8 (secure messaging); ISO 9797-1 algorithm 3 and padding
method 2; NIST SP 800-38B. All primitives are those of `cryptography`. Pure; the only error is WireFault.
"""

from __future__ import annotations

import hashlib
from enum import IntEnum

import msgspec
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import constant_time
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

from devices.api import WireFault

MAC_BYTES = 8
CHALLENGE_BYTES = 8
KEY_BYTES = 16
_DES_BLOCK = 8


class Use(IntEnum):
    """What a derived key is for: the counter of the derivation."""

    ENCRYPT = 1
    MAC = 2
    PASSWORD = 3  # PACE: the key that hides the nonce


class Suite(msgspec.Struct, frozen=True):
    """A cipher with its key length; 3DES goes with the retail MAC, AES with CMAC."""

    name: str
    key_bytes: int
    block_bytes: int

    @property
    def is_aes(self) -> bool:
        """Whether the cipher is AES."""
        return self.block_bytes == 16


DES3 = Suite("3DES", 16, 8)
AES128 = Suite("AES-128", 16, 16)
AES192 = Suite("AES-192", 24, 16)
AES256 = Suite("AES-256", 32, 16)


class Keys(msgspec.Struct, frozen=True):
    """Two keys of one suite. `repr` shows none."""

    suite: Suite
    encrypt: bytes
    mac: bytes

    def __repr__(self) -> str:
        return f"Keys({self.suite.name})"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("suite", self.suite.name)]


def derive_key(suite: Suite, secret: bytes, use: Use) -> bytes:
    """Return one key of a shared secret: SHA-1 for keys of 16 bytes, SHA-256 for longer ones; DES parity adjusted."""
    data = secret + int(use).to_bytes(4, "big")
    if suite.key_bytes > KEY_BYTES:
        return hashlib.sha256(data).digest()[: suite.key_bytes]
    key = hashlib.sha1(data, usedforsecurity=False).digest()[:KEY_BYTES]  # the standard's choice
    return key if suite.is_aes else _with_parity(key)


def derive_keys(suite: Suite, secret: bytes) -> Keys:
    """Return the pair of keys of a shared secret."""
    return Keys(suite, derive_key(suite, secret, Use.ENCRYPT), derive_key(suite, secret, Use.MAC))


def encrypt(suite: Suite, key: bytes, data: bytes, iv: bytes = b"") -> bytes:
    """Return whole blocks in CBC; the zero vector where none is given."""
    run = _cipher(suite, key, iv).encryptor()
    return run.update(data) + run.finalize()


def decrypt(suite: Suite, key: bytes, data: bytes, iv: bytes = b"") -> bytes:
    """Return the plain blocks. Raises: WireFault if they are not whole."""
    if len(data) % suite.block_bytes:
        raise WireFault("sm_blocks")
    run = _cipher(suite, key, iv).decryptor()
    return run.update(data) + run.finalize()


def compute_mac(suite: Suite, key: bytes, data: bytes) -> bytes:
    """Return eight bytes over data that is padded already (CMAC alone takes any length)."""
    if suite.is_aes:
        mac = CMAC(AES(key))
        mac.update(data)
        return mac.finalize()[:MAC_BYTES]
    # algorithm 3: DES-CBC with the first half, then the last block through the second half and the first again;
    # DES is 3DES whose keys are one and the same
    first, second = key[:_DES_BLOCK], key[_DES_BLOCK:]
    last = encrypt(DES3, first * 2, data)[-_DES_BLOCK:]
    return encrypt(DES3, first * 2, decrypt(DES3, second * 2, last))


def is_mac(suite: Suite, key: bytes, data: bytes, mac: bytes) -> bool:
    """Whether `mac` is the check sum of padded data, told in constant time."""
    return constant_time.bytes_eq(compute_mac(suite, key, data), mac)


def pad(data: bytes, block_bytes: int) -> bytes:
    """Return data with padding method 2: 80, then zeros to a whole block."""
    return data + b"\x80" + bytes(-(len(data) + 1) % block_bytes)


def unpad(data: bytes) -> bytes:
    """Return data without padding method 2. Raises: WireFault if there is none."""
    bare = data.rstrip(b"\x00")
    if bare[-1:] != b"\x80":
        raise WireFault("sm_padding")
    return bare[:-1]


# ── basic access control ───────────────────────────────────────────────────────────────────


class BacSecret(msgspec.Struct, frozen=True):
    """What one side draws or hears: the chip's challenge, the terminal's, and each side's key material."""

    challenge_chip: bytes
    challenge_terminal: bytes
    material: bytes

    def __repr__(self) -> str:
        return "BacSecret()"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return []


def compute_seed(key_text: str) -> bytes:
    """Return the key seed of BAC: SHA-1 of number, birth and expiry with their check digits, 16 bytes."""
    return hash_key_text(key_text)[:KEY_BYTES]


def hash_key_text(key_text: str) -> bytes:
    """Return SHA-1 of the key text, all 20 bytes: PACE's password. Raises: WireFault if it is not ASCII."""
    try:
        return hashlib.sha1(key_text.encode("ascii"), usedforsecurity=False).digest()
    except UnicodeEncodeError:
        raise WireFault("mrz_character") from None


def build_bac_keys(key_text: str) -> Keys:
    """Return the document's own BAC keys."""
    return derive_keys(DES3, compute_seed(key_text))


def encode_bac_request(keys: Keys, secret: BacSecret) -> bytes:
    """Return the data of EXTERNAL AUTHENTICATE: 32 bytes and their MAC."""
    return _seal(keys, secret.challenge_terminal + secret.challenge_chip + secret.material)


def decode_bac_request(keys: Keys, data: bytes, challenge_chip: bytes) -> BacSecret:
    """Return what the terminal drew, for the chip. Raises: WireFault if it does not hold our keys and challenge."""
    plain = _unseal(keys, data)
    if plain[8:16] != challenge_chip:
        raise WireFault("bac_challenge")
    return BacSecret(challenge_chip, plain[:8], plain[16:])


def encode_bac_answer(keys: Keys, secret: BacSecret, material_chip: bytes) -> bytes:
    """Return the chip's answer: 32 bytes and their MAC."""
    return _seal(keys, secret.challenge_chip + secret.challenge_terminal + material_chip)


def decode_bac_answer(keys: Keys, data: bytes, secret: BacSecret) -> bytes:
    """Return the chip's key material. Raises: WireFault if the answer is not for what we sent."""
    plain = _unseal(keys, data)
    if plain[:16] != secret.challenge_chip + secret.challenge_terminal:
        raise WireFault("bac_challenge")
    return plain[16:]


def build_bac_session(secret: BacSecret, material_chip: bytes) -> tuple[Keys, int]:
    """Return the session keys and the first send sequence counter."""
    seed = bytes(a ^ b for a, b in zip(secret.material, material_chip, strict=True))
    counter = secret.challenge_chip[4:] + secret.challenge_terminal[4:]
    return derive_keys(DES3, seed), int.from_bytes(counter, "big")


def _seal(keys: Keys, plain: bytes) -> bytes:
    body = encrypt(keys.suite, keys.encrypt, plain)
    return body + compute_mac(keys.suite, keys.mac, pad(body, keys.suite.block_bytes))


def _unseal(keys: Keys, data: bytes) -> bytes:
    body, mac = data[:-MAC_BYTES], data[-MAC_BYTES:]
    if len(data) != 32 + MAC_BYTES:
        raise WireFault("bac_length")
    if not is_mac(keys.suite, keys.mac, pad(body, keys.suite.block_bytes), mac):
        raise WireFault("bac_mac")
    return decrypt(keys.suite, keys.encrypt, body)


def _cipher(suite: Suite, key: bytes, iv: bytes) -> Cipher[modes.CBC]:
    algorithm = AES(key) if suite.is_aes else TripleDES(key + key[:_DES_BLOCK])
    return Cipher(algorithm, modes.CBC(iv or bytes(suite.block_bytes)))


def _with_parity(key: bytes) -> bytes:
    """Return the key with odd parity in each byte's lowest bit, as DES keys are written."""
    return bytes(one & 0xFE | (one >> 1).bit_count() % 2 ^ 1 for one in key)
