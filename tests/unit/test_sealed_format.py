"""docs/sealed-format.md is enough to read, rebuild and verify by: its vectors and programs are cut out and run."""

from __future__ import annotations

import ast
import base64
import hashlib
import json
import re
import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey

from kiosk.trust.ring import SEAL_BYTES
from kiosk.trust.signed import Purpose, decode_wire, verify
from offline_queue.api import SealingKey
from offline_queue.blocks import CHUNK, PLAIN_MAX, Blocks
from offline_queue.seal import PUBLIC_BYTES, SealHeader, derive_payload_key, encode_prefix, seal_frames
from sandbox import reader as second
from sandbox.signed import open_object
from tests.fixtures import sealed_vectors
from tests.fixtures.openssl import es256_to_der, is_signed
from tests.fixtures.sealed_page import BLOCKS, PAGE, load_page_reader

KEYS: dict[str, Any] = json.loads(BLOCKS["json keys"])
BLOBS = [{**one, "blob": base64.b64decode("".join(one["blob"]))} for one in json.loads(BLOCKS["json blobs"])]
SIGNED = json.loads(BLOCKS["json signed"])
ANSWERS = dict(re.findall(r"^\| ([^|`]+?) +\| `([0-9a-f]+)` \|$", PAGE.replace("`abc`", "abc"), flags=re.MULTILINE))
FILE_KEY = bytes(range(32))
NAMES = [one["name"] for one in BLOBS]


def private_of(kid: str) -> bytes:
    private = KEYS[kid]["private"]
    return bytes.fromhex(private["mlkem_seed"] + private["x25519"])


def key_of(kid: str) -> X25519PrivateKey | MLKEM768X25519PrivateKey:
    seed, scalar = private_of(kid)[:-32], private_of(kid)[-32:]
    curve = X25519PrivateKey.from_private_bytes(scalar)
    return MLKEM768X25519PrivateKey(MLKEM768PrivateKey.from_seed_bytes(seed), curve) if seed else curve


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The reader that stands in the page, as a module."""
    return load_page_reader(tmp_path_factory.mktemp("page"))


def test_the_program_of_the_page_needs_the_standard_library_alone():
    tree = ast.walk(ast.parse(BLOCKS["python"]))
    names = {alias.name for node in tree if isinstance(node, ast.Import) for alias in node.names}
    assert names
    assert names <= set(sys.stdlib_module_names)
    assert "from " not in BLOCKS["python"].split("class Bad")[0]


@pytest.mark.parametrize("kid", KEYS)
def test_the_keys_of_the_page_belong_together(kid: str):
    seed, scalar = private_of(kid)[:-32], private_of(kid)[-32:]
    curve = X25519PrivateKey.from_private_bytes(scalar).public_key().public_bytes_raw()
    lattice = MLKEM768PrivateKey.from_seed_bytes(seed).public_key().public_bytes_raw() if seed else b""
    assert curve.hex() == KEYS[kid]["x25519_public"]
    assert hashlib.sha256(lattice + curve).hexdigest() == KEYS[kid]["public_sha256"]
    assert (scalar, seed) == (
        hashlib.sha256(f"jinban test key {kid} x25519".encode()).digest(),
        hashlib.sha512(f"jinban test key {kid} mlkem".encode()).digest() if seed else b"",
    )


@pytest.mark.parametrize("vector", BLOBS, ids=NAMES)
def test_both_readers_open_the_vectors_for_every_recipient(vector, program):
    blob, plain = vector["blob"], bytes.fromhex(vector["plain"])
    assert hashlib.sha256(blob).hexdigest() == vector["sha256"]
    for kid in vector["to"]:
        header, opened = program.open_blob(blob, {kid: private_of(kid)})
        facts, second_opened = second.open_bytes(blob, {kid: key_of(kid)})
        assert opened == second_opened == plain
        assert header == facts.header
        assert [one["kid"] for one in header["to"]] == vector["to"]


@pytest.mark.parametrize("number", range(8))
def test_the_kem_of_the_page_is_the_librarys(program, number: int):
    """A right ciphertext gives the shared secret, a spoilt one the secret that nobody else has (FIPS 203, implicit)."""
    seed = hashlib.sha512(f"page {number}".encode()).digest()
    private = MLKEM768PrivateKey.from_seed_bytes(seed)
    shared, ciphertext = private.public_key().encapsulate()
    assert program.decapsulate(seed, ciphertext) == shared
    at = 1088 * number // 8
    spoilt = ciphertext[:at] + bytes([ciphertext[at] ^ 1]) + ciphertext[at + 1 :]
    assert program.decapsulate(seed, spoilt) == private.decapsulate(spoilt) != shared


@pytest.mark.parametrize("name", ["classic, abc", "hybrid, abc"])
def test_the_program_of_the_page_opens_a_file_by_itself(tmp_path, name: str):
    vector = BLOBS[NAMES.index(name)]
    (tmp_path / "reader.py").write_text(BLOCKS["python"], "utf-8")
    (tmp_path / "blob").write_bytes(vector["blob"])
    command = [sys.executable, "-I", "-S", "reader.py", "blob", vector["to"][0], private_of(vector["to"][0]).hex()]
    assert subprocess.run(command, cwd=tmp_path, check=True, capture_output=True).stdout == b"abc"
    (tmp_path / "blob").write_bytes(vector["blob"][:-1])
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "bad blob\n")


@pytest.mark.parametrize("vector", BLOBS, ids=NAMES)
def test_the_vectors_are_rebuilt_from_the_page_but_for_the_random_wraps(vector):
    """Header and frames come out of our writer byte for byte; wraps hold the file key of the page."""
    blob, plain = vector["blob"], bytes.fromhex(vector["plain"])
    keys = tuple(SealingKey(kid, KEYS[kid]["suite"], b"") for kid in vector["to"])
    header = SealHeader("01990000-0000-7000-8000-000000000001", "K-000123", "id-front", 42, 1795400000, "2026.11.2")
    prefix = encode_prefix(header, keys)
    assert blob.startswith(prefix)
    cipher = AESGCM(derive_payload_key(FILE_KEY, hashlib.sha256(prefix).digest()))
    frames = b"".join(bytes(frame) for frame in seal_frames(cipher, Blocks(plain)))
    assert blob.endswith(frames)
    wraps = sum(2 + second.SUITES[key.suite].wrap_bytes for key in keys)
    assert len(blob) == len(prefix) + wraps + len(frames)


def test_known_answers_of_the_page_hold(program):
    prefix = BLOBS[NAMES.index("hybrid, abc")]["blob"][:248]
    assert hashlib.sha256(prefix).hexdigest() == ANSWERS["header_hash"]
    key = program.expand(program.extract(hashlib.sha256(prefix).digest(), FILE_KEY), b"kiosk/ksb1/payload", 32)
    assert key.hex() == ANSWERS["payload key"]
    assert second.payload_key(FILE_KEY, hashlib.sha256(prefix).digest()) == key
    assert program.gcm_open(key, bytes(11) + b"\1", bytes.fromhex(ANSWERS["frames of the empty content"])) == b""
    assert program.gcm_open(key, bytes(11) + b"\1", bytes.fromhex(ANSWERS["frames of abc"])) == b"abc"
    cipher = AESGCM(key)
    frames = cipher.encrypt(bytes(12), bytes(CHUNK), None) + cipher.encrypt(bytes(10) + b"\1\1", b"\0", None)
    assert hashlib.sha256(frames).hexdigest() == ANSWERS["SHA-256 of the frames of 262 145 zero bytes"]


@pytest.mark.parametrize("name", ["classic, abc", "hybrid, abc"])
def test_both_readers_refuse_the_same_spoilt_vectors(program, name: str):
    vector = BLOBS[NAMES.index(name)]
    blob, (kid,) = vector["blob"], vector["to"]
    wrap = 8 + int.from_bytes(blob[4:8], "big") + 2
    frames = len(blob) - 19
    places = (0, 7, 60, wrap - 1, wrap, frames - 81, frames - 49, frames - 48, frames - 1, frames, len(blob) - 1)
    spoilt = [blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :] for at in places]
    spoilt += [blob[:-1], blob + b"\0", blob[: wrap - 1], blob[: wrap + 9], blob[:100], b"", blob + blob]
    spoilt += [blob.replace(b'"seq":42', b'"seq":4e'), blob.replace(b'"v":1}', b'"v":2}')]
    for wrong in spoilt:
        with pytest.raises(program.Bad):
            program.open_blob(wrong, {kid: private_of(kid)})
        with pytest.raises(second.Bad):
            second.open_bytes(wrong, {kid: key_of(kid)})


def test_limits_and_sizes_of_the_page_are_those_of_the_code():
    assert "64 MiB" in PAGE
    assert PLAIN_MAX == second.LIMIT == 64 * 2**20
    assert CHUNK == second.CHUNK == 262_144
    assert PUBLIC_BYTES == SEAL_BYTES
    assert {suite: kind.wrap_bytes for suite, kind in second.SUITES.items()} == {
        second.HYBRID: 1168,
        second.CLASSIC: 80,
    }


# ── fixtures made by the oldest release ────────────────────────────────────────────────────

MADE_BY, VECTORS = sealed_vectors.load_vectors()


def test_the_fixtures_come_from_the_oldest_release_we_support():
    assert MADE_BY == "cryptography 48.0.0"
    assert f"Made with {MADE_BY}" in PAGE
    stored = {vector.name: vector.blob for vector in VECTORS}
    assert set(stored) == set(sealed_vectors.CASES)
    assert all(stored[one["name"]] == one["blob"] for one in BLOBS)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_what_the_oldest_release_sealed_opens_today(vector):
    for kid in vector.kids:
        assert second.open_bytes(vector.blob, {kid: sealed_vectors.private_key(kid)})[1] == vector.plain
    stranger = {"nobody": X25519PrivateKey.generate()}
    with pytest.raises(second.Bad):
        second.open_bytes(vector.blob, stranger)


# ── signed objects ─────────────────────────────────────────────────────────────────────────


def unpad(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.mark.parametrize("one", SIGNED, ids=[one["purpose"] for one in SIGNED])
def test_the_signed_objects_of_the_page_verify_by_all_three_verifiers(one, tmp_path):
    pem = "\n".join(one["public"]).encode() + b"\n"
    key = serialization.load_pem_public_key(pem)
    spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    value = verify(decode_wire(one["wire"]), Purpose(one["purpose"]), spki)
    assert open_object(one["wire"], one["purpose"], lambda kid: key)[0] == value
    payload, signature = unpad(one["wire"]["o"]), unpad(one["wire"]["sig"])
    message = one["purpose"].encode() + b"\0" + payload
    assert is_signed(tmp_path, pem, message, es256_to_der(signature))


@pytest.mark.parametrize("one", SIGNED, ids=[one["purpose"] for one in SIGNED])
def test_the_commands_of_the_page_verify_and_refuse(one, tmp_path):
    script = BLOCKS["sh"].replace("kiosk/receipt/v1", one["purpose"])
    (tmp_path / "public.pem").write_text("\n".join(one["public"]) + "\n")
    (tmp_path / "o.json").write_bytes(unpad(one["wire"]["o"]))
    (tmp_path / "sig").write_bytes(unpad(one["wire"]["sig"]))

    def run(text: str) -> tuple[int, str]:
        done = subprocess.run(["sh", "-c", text], cwd=tmp_path, check=False, capture_output=True, text=True)
        return done.returncode, done.stdout.strip()

    assert run(script) == (0, "Verified OK")
    assert run(script.replace(one["purpose"], "kiosk/time/v1")) == (1, "Verification failure")
    (tmp_path / "o.json").write_bytes(unpad(one["wire"]["o"]).replace(b'"seq":42', b'"seq":43'))
    assert run(script) == (1, "Verification failure")
