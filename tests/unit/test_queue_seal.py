"""KSB1: the known answers of the format's description, and what a reader must refuse."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline_queue.api import DiskFull, SealFault, SealingKey, StoreCorrupt
from offline_queue.seal import (
    CHUNK,
    PLAIN_MAX,
    XWING,
    SealHeader,
    choose_keys,
    derive_payload_key,
    encode_prefix,
    from_os_error,
    seal_bytes,
    seal_frames,
    seal_part,
)
from tests.fixtures.queue import BadBlob, Opener

HEADER = SealHeader("01990000-0000-7000-8000-000000000001", "K-000123", "id-front", 42, 1795400000, "2026.11.2")
KEY = SealingKey("p-2026-11", XWING, b"")
CLEAR = (
    b'{"aead":"A256GCM","cat":"2026.11.2","chunk":262144,"dev":"K-000123","part":"id-front","seq":42,'
    b'"sid":"01990000-0000-7000-8000-000000000001",'
    b'"to":[{"kid":"p-2026-11","suite":"hpke-xwing-sha256-aes256gcm"}],"ts":1795400000,"typ":"part","v":1}'
)
HEADER_HASH = bytes.fromhex("819c92057d1e2c6ece01fee208bbe403188beec5a536de6e56834e40277229b4")
PAYLOAD_KEY = bytes.fromhex("d2979eda9e0d373f5cdaf68dcbbac1005dd87726e75d1e72a0f875f0c52f1f2e")
OPENER = Opener()


def test_the_header_of_the_description_comes_out_byte_for_byte():
    prefix = encode_prefix(HEADER, (KEY,))
    assert prefix == bytes.fromhex("4b534231000000f0") + CLEAR
    assert hashlib.sha256(prefix).digest() == HEADER_HASH


def test_the_payload_key_of_the_description_comes_out():
    assert derive_payload_key(bytes(range(32)), HEADER_HASH) == PAYLOAD_KEY


@pytest.mark.parametrize(
    ("plain", "frames"),
    [(b"", "c0ecc0eb400bd3c3c531f1e85820744b"), (b"abc", "89b49b94287ba8b5a90b8c1fa547d71483f5c7")],
)
def test_the_frames_of_the_description_come_out(plain: bytes, frames: str):
    assert b"".join(seal_frames(PAYLOAD_KEY, io.BytesIO(plain))).hex() == frames


def test_two_frames_of_zeros_hash_as_described():
    frames = b"".join(seal_frames(PAYLOAD_KEY, io.BytesIO(bytes(262_145))))
    assert hashlib.sha256(frames).hexdigest() == "3cc8a9e38db7b89a40fe1c6f19dee1b06bc71ff16fed3a57591ff01893616ca0"


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 7])
def test_a_blob_opens_to_what_went_in_for_either_recipient(size: int):
    plain = bytes(range(256)) * (size // 256 + 1)
    blob = seal_bytes(HEADER, plain[:size], OPENER.keys)
    for kid in ("p-2026-11", "escrow"):
        header, opened = OPENER.open(blob, kid)
        assert opened == plain[:size]
        assert header["to"] == [{"kid": key.kid, "suite": key.suite} for key in OPENER.keys]


@given(st.binary(max_size=400))
def test_any_content_opens_again(plain: bytes):
    assert OPENER.open(seal_bytes(HEADER, plain, OPENER.keys))[1] == plain


def test_one_recipient_costs_what_the_description_says():
    assert len(seal_bytes(HEADER, b"", (OPENER.hybrid_key,))) == 1434


def test_every_flipped_byte_and_every_cut_is_refused():
    blob = seal_bytes(HEADER, b"abc", (OPENER.hybrid_key,))
    for at in range(len(blob)):
        with pytest.raises(BadBlob):
            OPENER.open(blob[:at])
        with pytest.raises(BadBlob):
            OPENER.open(blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :])
    with pytest.raises(BadBlob):
        OPENER.open(blob + b"\x00")


def test_frames_of_another_blob_are_refused():
    one, two = (seal_bytes(HEADER, plain, (OPENER.hybrid_key,)) for plain in (b"one", b"two"))
    with pytest.raises(BadBlob):
        OPENER.open(one[:-19] + two[-19:])


def test_a_part_is_a_private_synced_file_with_its_hashes(tmp_path):
    part = seal_part(HEADER, b"abc", OPENER.keys, tmp_path)
    blob = part.path.read_bytes()
    assert stat.S_IMODE(part.path.stat().st_mode) == 0o600
    assert part.facts.name == "id-front"
    assert (part.facts.sealed_sha256, part.facts.sealed_bytes) == (hashlib.sha256(blob).hexdigest(), len(blob))
    assert (part.facts.plain_sha256, part.facts.plain_bytes) == (hashlib.sha256(b"abc").hexdigest(), 3)
    assert OPENER.open(blob)[1] == b"abc"


class _Dripping(io.RawIOBase):
    """A stream that gives less than asked, as pipes do."""

    def __init__(self, data: bytes) -> None:
        self._inner = io.BytesIO(data)

    def read(self, size: int = -1) -> bytes:
        return self._inner.read(min(size, 100_003))


def test_a_stream_that_drips_seals_like_one_that_pours(tmp_path):
    plain = bytes(range(251)) * 3000
    part = seal_part(HEADER, _Dripping(plain), OPENER.keys, tmp_path)
    assert OPENER.open(part.path.read_bytes())[1] == plain
    assert part.facts.plain_bytes == len(plain)


def test_a_part_above_the_platforms_limit_leaves_no_file(tmp_path):
    class Endless(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            return bytes(size)

    with pytest.raises(SealFault, match="too_large"):
        seal_part(HEADER, Endless(), (OPENER.escrow_key,), tmp_path)
    assert PLAIN_MAX == 64 * 1024 * 1024
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_no_file(tmp_path):
    """The kernel itself refuses the write: a limit on file size stands for the end of the disk."""
    script = (
        "import resource, pathlib\n"
        "from offline_queue.api import DiskFull\n"
        "from offline_queue.seal import seal_part\n"
        "from tests.unit.test_queue_seal import HEADER, OPENER\n"
        f"folder = pathlib.Path({str(tmp_path)!r})\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try:\n"
        "    seal_part(HEADER, bytes(400_000), OPENER.keys, folder)\n"
        "except DiskFull:\n"
        "    raise SystemExit(7 if not list(folder.iterdir()) else 1)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[2], check=False, timeout=60)
    assert done.returncode == 7


def test_a_failed_sync_is_not_tried_again_and_leaves_no_file(tmp_path, monkeypatch):
    calls = []

    def fail(descriptor: int) -> None:
        calls.append(descriptor)
        raise OSError(errno.EIO, "input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StoreCorrupt, match="io_error"):
        seal_part(HEADER, b"abc", OPENER.keys, tmp_path)
    assert len(calls) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_no_room_is_told_from_a_broken_disk(number: int):
    assert isinstance(from_os_error(OSError(number, "")), DiskFull)
    assert isinstance(from_os_error(OSError(errno.EIO, "")), StoreCorrupt)
    assert from_os_error(OSError("no number")).detail == "unknown"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sid", "01990000-0000-4000-8000-000000000001"),
        ("sid", HEADER.sid.upper().replace("0", "A")),
        ("dev", "K-12"),
        ("part", "Id-Front"),
        ("part", ""),
        ("cat", "2026年"),
        ("cat", "x" * 33),
        ("seq", 0),
        ("seq", 2**53),
        ("ts", -1),
    ],
)
def test_a_header_out_of_rule_is_refused_by_name(field: str, value: object):
    broken = SealHeader(**{**{name: getattr(HEADER, name) for name in HEADER.__struct_fields__}, field: value})
    with pytest.raises(SealFault, match=field):
        encode_prefix(broken, (KEY,))


@pytest.mark.parametrize("keys", [(), (KEY, KEY), tuple(SealingKey(f"k{n}", XWING, b"") for n in range(5))])
def test_recipients_are_one_to_four_and_distinct(keys):
    with pytest.raises(SealFault, match="to"):
        encode_prefix(HEADER, keys)


def test_a_key_that_is_none_is_refused():
    short = SealingKey("p", XWING, bytes(32))
    zero_point = SealingKey("p", "hpke-x25519-sha256-aes256gcm", bytes(32))
    for key in (short, zero_point):
        with pytest.raises(SealFault, match="bad_key"):
            seal_bytes(HEADER, b"", (key,))


def test_the_manifest_says_so_in_its_header():
    header = SealHeader(HEADER.sid, HEADER.dev, "manifest", 1, 0, "")
    assert OPENER.open(seal_bytes(header, b"{}", OPENER.keys))[0]["typ"] == "manifest"


def test_the_newest_valid_keys_seal():
    old = SealingKey("old", XWING, b"", not_before=10, not_after=100)
    new = SealingKey("new", XWING, b"", not_before=50)
    future = SealingKey("future", XWING, b"", not_before=500)
    revoked = SealingKey("revoked", XWING, b"", not_before=60, is_revoked=True)
    unknown = SealingKey("unknown", "sm2", b"", not_before=60)
    keys = (old, new, future, revoked, unknown)
    assert choose_keys(keys, 99) == ((new, old), False)
    assert choose_keys(keys, 100) == ((new,), False)
    assert choose_keys((old, revoked), 200) == ((old,), True), "a terminal long offline still seals"
    with pytest.raises(SealFault, match="no_key"):
        choose_keys((revoked, unknown), 99)
    many = tuple(SealingKey(f"k{n}", XWING, b"", not_before=n) for n in range(6))
    assert [key.kid for key in choose_keys(many, 99)[0]] == ["k5", "k4", "k3", "k2"]
