"""KSB1: the known answers of the format's description, and what a reader must refuse."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import random
import stat
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from offline_queue.api import DiskFull, SealFault, SealingKey, StoreCorrupt
from offline_queue.blocks import CHUNK, PLAIN_MAX, Blocks
from offline_queue.recipients import choose_keys
from offline_queue.seal import (
    X25519,
    XWING,
    SealHeader,
    derive_payload_key,
    encode_prefix,
    from_os_error,
    seal_bytes,
    seal_frames,
    seal_part,
    seal_parts,
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


def open_below(folder: Path) -> list[str]:
    """Return the files below a folder that this process holds open, deleted ones too."""
    held = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the listing's own, and what another thread closes meanwhile
            held.append(str(descriptor.readlink()))
    return [path for path in held if path.startswith(f"{folder}/")]


def frames_of(plain: bytes) -> bytes:
    return b"".join(bytes(frame) for frame in seal_frames(AESGCM(PAYLOAD_KEY), Blocks(plain)))


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
    assert frames_of(plain).hex() == frames


def test_two_frames_of_zeros_hash_as_described():
    assert (
        hashlib.sha256(frames_of(bytes(262_145))).hexdigest()
        == "3cc8a9e38db7b89a40fe1c6f19dee1b06bc71ff16fed3a57591ff01893616ca0"
    )


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


def test_a_sync_that_fails_beside_the_sealing_leaves_no_file_of_any_part(tmp_path, monkeypatch):
    calls, real = [], os.fsync

    def fail_once(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 1:
            raise OSError(errno.EIO, "input/output error")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fail_once)
    with pytest.raises(StoreCorrupt, match="io_error"):
        seal_parts([(HEADER, bytes(300_000))] * 3, OPENER.keys, tmp_path)
    assert len(calls) == 3, "each once"
    assert open_below(tmp_path) == []
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
        ("ts", 2**53),
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
    zero_point = SealingKey("p", X25519, bytes(32))
    for key in (short, zero_point):
        with pytest.raises(SealFault, match="bad_key"):
            seal_bytes(HEADER, b"", (key,))


def test_the_manifest_says_so_in_its_header():
    header = SealHeader(HEADER.sid, HEADER.dev, "manifest", 1, 0, "")
    assert OPENER.open(seal_bytes(header, b"{}", OPENER.keys))[0]["typ"] == "manifest"


@pytest.mark.parametrize("ts", [0, -1, -(2**40)])
def test_a_clock_before_1970_still_seals_what_a_reader_takes(ts: int):
    header = SealHeader(HEADER.sid, HEADER.dev, HEADER.part, 42, ts, HEADER.cat)
    assert OPENER.open(seal_bytes(header, b"abc", OPENER.keys))[0]["ts"] == 1


# ── sources ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 7])
def test_every_source_of_the_same_bytes_seals_to_the_same_content(tmp_path, size: int):
    plain = random.Random(size).randbytes(size)
    path = tmp_path / "scan.pdf"
    path.write_bytes(plain)
    pieces = (plain[at : at + 70_001] for at in range(0, size, 70_001))
    with path.open("rb") as stream, path.open("rb", buffering=0) as raw:
        sources = (plain, bytearray(plain), memoryview(plain), path, stream, raw, io.BytesIO(plain), pieces)
        headers = [SealHeader(HEADER.sid, HEADER.dev, f"scan-{n}", 1, 1, "") for n in range(len(sources))]
        parts = seal_parts(list(zip(headers, sources, strict=True)), OPENER.keys, tmp_path)
    for header, part in zip(headers, parts, strict=True):
        blob = part.path.read_bytes()
        opened, content = OPENER.open(blob)
        assert (opened["part"], content) == (header.part, plain)
        assert part.facts.plain_sha256 == hashlib.sha256(plain).hexdigest()
        assert (part.facts.sealed_sha256, part.facts.plain_bytes) == (hashlib.sha256(blob).hexdigest(), size)


def test_pieces_larger_than_a_frame_and_empty_ones_are_cut_right(tmp_path):
    plain = random.Random(5).randbytes(3 * CHUNK + 5)
    pieces = [b"", plain[: 2 * CHUNK + 1], b"", plain[2 * CHUNK + 1 :], b""]
    assert OPENER.open(seal_part(HEADER, pieces, OPENER.keys, tmp_path).path.read_bytes())[1] == plain


def test_a_long_source_is_sealed_in_flat_memory(tmp_path):
    def pieces(count: int) -> Iterator[bytes]:
        yield from (bytes([n % 251]) * 100_000 for n in range(count))

    seal_part(HEADER, pieces(1), OPENER.keys, tmp_path)  # what is imported and cached at the first use is no growth
    tracemalloc.start()
    try:
        part = seal_part(HEADER, pieces(300), OPENER.keys, tmp_path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert part.facts.plain_bytes == 30_000_000
    assert peak < 6 * CHUNK, "two blocks, one frame and what a piece takes"


class _Breaking(io.RawIOBase):
    """A stream whose disk fails after the first megabyte, or that has nothing more for now."""

    def __init__(self, end: OSError | None) -> None:
        self._left = 4
        self._end = end

    def read(self, size: int = -1) -> bytes | None:
        self._left -= 1
        if self._left >= 0:
            return bytes(size)
        if self._end is not None:
            raise self._end
        return None


@pytest.mark.parametrize("end", [OSError(errno.EIO, "input/output error"), None], ids=["fails", "would block"])
def test_a_source_cut_short_never_passes_for_the_whole(tmp_path, end):
    with pytest.raises(SealFault, match="unreadable"):
        seal_part(HEADER, _Breaking(end), OPENER.keys, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_path_that_is_not_there_leaves_no_file_of_any_part(tmp_path):
    wanted = [(HEADER, b"abc"), (HEADER, tmp_path / "gone")]
    with pytest.raises(SealFault, match="unreadable"):
        seal_parts(wanted, OPENER.keys, tmp_path)
    assert not list(tmp_path.iterdir())


def test_every_part_is_synced_once_and_let_go_of(tmp_path, monkeypatch):
    synced, real = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (synced.append(os.fstat(descriptor).st_ino), real(descriptor)))
    parts = seal_parts([(HEADER, b"abc")] * 30, (OPENER.escrow_key,), tmp_path)
    assert open_below(tmp_path) == []
    assert sorted(synced) == sorted(part.path.stat().st_ino for part in parts)
    assert len(set(synced)) == 30


# ── whom to seal to ────────────────────────────────────────────────────────────────────────

OLD = SealingKey("old", XWING, b"", not_before=10, not_after=100)
NEW = SealingKey("new", XWING, b"", not_before=50)
FUTURE = SealingKey("future", XWING, b"", not_before=500)
CLASSIC = SealingKey("classic", X25519, b"", not_before=70)
RETIRED = SealingKey("retired", XWING, b"", not_before=80, is_retired=True)
REVOKED = SealingKey("revoked", XWING, b"", not_before=60, is_revoked=True)
UNKNOWN = SealingKey("unknown", "sm2", b"", not_before=60)
ARCHIVE = SealingKey("archive", X25519, b"", not_before=20, not_after=300, is_escrow=True)


def chosen(keys: tuple[SealingKey, ...], now_s: float | None) -> tuple[list[str], bool]:
    recipients, is_stale = choose_keys(keys, now_s)
    return [key.kid for key in recipients], is_stale


def test_one_platform_key_serves_hybrid_before_classic_then_the_newest():
    keys = (CLASSIC, OLD, NEW, FUTURE, RETIRED, REVOKED, UNKNOWN)
    assert chosen(keys, 99) == (["new"], False)
    assert chosen((CLASSIC, OLD), 99) == (["old"], False)
    assert chosen((CLASSIC, UNKNOWN), 99) == (["classic"], False), "a platform of small devices"


def test_escrow_keys_are_added_when_named_and_valid():
    assert chosen((ARCHIVE, NEW), 99) == (["new", "archive"], False)
    assert chosen((ARCHIVE, NEW), 300) == (["new"], False), "a run-out escrow key is left out, the rest goes on"
    burnt = SealingKey("burnt", X25519, b"", is_escrow=True, is_revoked=True)
    resting = SealingKey("resting", X25519, b"", is_escrow=True, is_retired=True)
    assert chosen((burnt, resting, NEW), 99) == (["new"], False)
    many = tuple(SealingKey(f"e{n}", XWING, b"", not_before=n, is_escrow=True) for n in range(6))
    assert chosen((ARCHIVE, *many, NEW), 99) == (["new", "e5", "e4", "e3"], False)


def test_a_terminal_long_offline_still_seals_and_says_so():
    assert chosen((OLD, REVOKED), 100) == (["old"], True)
    assert chosen((OLD, FUTURE), 200) == (["old"], True), "what was in force, not what will be"
    assert chosen((RETIRED, FUTURE), 200) == (["retired"], True)
    assert chosen((FUTURE,), 200) == (["future"], True)


def test_an_unsure_clock_judges_no_date():
    assert chosen((OLD, RETIRED, REVOKED), None) == (["old"], False)
    assert chosen((OLD, FUTURE, ARCHIVE), None) == (["future", "archive"], False)


@pytest.mark.parametrize("keys", [(), (REVOKED, UNKNOWN), (ARCHIVE,)], ids=["none", "none sound", "escrow alone"])
def test_without_a_key_of_the_platform_nothing_is_sealed(keys):
    with pytest.raises(SealFault, match="no_key"):
        choose_keys(keys, 99)
