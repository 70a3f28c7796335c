"""The second reader of KSB1: known answers as bytes, and nothing but `Bad` for whatever is spoilt."""

from __future__ import annotations

import hashlib
import secrets
import tracemalloc
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox import reader
from sandbox.reader import CHUNK, CLASSIC, HYBRID, Bad, Origin, open_bytes, open_file
from tests.fixtures.platform_terminal import canonical, seal, seal_frames

SID = "01990000-0000-7000-8000-000000000001"
EXAMPLE = (
    b'{"aead":"A256GCM","cat":"2026.11.2","chunk":262144,"dev":"K-000123","part":"id-front","seq":42,'
    b'"sid":"01990000-0000-7000-8000-000000000001","to":[{"kid":"p-2026-11","suite":"hpke-xwing-sha256-aes256gcm"}],'
    b'"ts":1795400000,"typ":"part","v":1}'
)
EXAMPLE_HEAD = bytes.fromhex("4b534231000000f0") + EXAMPLE
HEADER_HASH = bytes.fromhex("819c92057d1e2c6ece01fee208bbe403188beec5a536de6e56834e40277229b4")
FILE_KEY = bytes(range(32))
PAYLOAD_KEY = bytes.fromhex("d2979eda9e0d373f5cdaf68dcbbac1005dd87726e75d1e72a0f875f0c52f1f2e")
EMPTY_FRAMES = bytes.fromhex("c0ecc0eb400bd3c3c531f1e85820744b")
ABC_FRAMES = bytes.fromhex("89b49b94287ba8b5a90b8c1fa547d71483f5c7")
LONG_FRAMES_SHA256 = "3cc8a9e38db7b89a40fe1c6f19dee1b06bc71ff16fed3a57591ff01893616ca0"

SMALL = X25519PrivateKey.generate()
LARGE = MLKEM768PrivateKey.generate()
KEYS = {"p-2026-11": MLKEM768X25519PrivateKey(LARGE, SMALL), "s-2026-11": SMALL}
PUBLICS = {
    "p-2026-11": LARGE.public_key().public_bytes_raw() + SMALL.public_key().public_bytes_raw(),
    "s-2026-11": SMALL.public_key().public_bytes_raw(),
    "escrow": X25519PrivateKey.generate().public_key().public_bytes_raw(),
}
ORIGIN = Origin(SID, "K-000123", 42, "id-front")


def header(**changes: object) -> dict:
    base = {
        "aead": "A256GCM", "cat": "2026.11.2", "chunk": CHUNK, "dev": "K-000123", "part": "id-front", "seq": 42,
        "sid": SID, "to": [{"kid": "s-2026-11", "suite": CLASSIC}], "ts": 1795400000, "typ": "part", "v": 1,
    }  # fmt: skip
    return base | changes


def blob(plain: bytes = b"abc", **changes: object) -> bytes:
    return seal(header(**changes), PUBLICS, plain)


def raw_blob(raw_header: bytes, frames: bytes | None = None) -> bytes:
    """Return a blob whose header bytes are given as they are; wrap and frames are right for them."""
    from tests.fixtures.platform_terminal import SUITES

    head = b"KSB1" + len(raw_header).to_bytes(4, "big") + raw_header
    digest = hashlib.sha256(head).digest()
    wrap = SUITES[CLASSIC].encrypt(FILE_KEY, SMALL.public_key(), info=b"kiosk/ksb1/wrap\0" + digest)
    body = seal_frames(digest, FILE_KEY, b"abc") if frames is None else frames
    return head + len(wrap).to_bytes(2, "big") + wrap + body


def assert_bad(data: bytes, origin: Origin | None = None, **more: int) -> None:
    with pytest.raises(Bad):
        open_bytes(data, KEYS, origin, **more)


def test_known_answers_of_the_reference() -> None:
    assert len(EXAMPLE) == 240
    assert hashlib.sha256(EXAMPLE_HEAD).digest() == HEADER_HASH
    assert reader.decode_header(EXAMPLE)["seq"] == 42
    assert canonical(reader.decode_header(EXAMPLE)) == EXAMPLE
    assert reader.payload_key(FILE_KEY, HEADER_HASH) == PAYLOAD_KEY
    payload = AESGCM(PAYLOAD_KEY)
    assert payload.decrypt(bytes(11) + b"\1", EMPTY_FRAMES, None) == b""
    assert payload.decrypt(bytes(11) + b"\1", ABC_FRAMES, None) == b"abc"
    assert seal_frames(HEADER_HASH, FILE_KEY, b"") == EMPTY_FRAMES
    assert seal_frames(HEADER_HASH, FILE_KEY, b"abc") == ABC_FRAMES
    assert hashlib.sha256(seal_frames(HEADER_HASH, FILE_KEY, bytes(262_145))).hexdigest() == LONG_FRAMES_SHA256


@pytest.mark.parametrize(
    ("frames", "plain"),
    [(EMPTY_FRAMES, b""), (ABC_FRAMES, b"abc"), (None, bytes(262_145))],
    ids=["empty", "abc", "two frames"],
)
def test_the_example_header_opens_with_the_known_frames(frames: bytes | None, plain: bytes) -> None:
    sealed = seal(header(to=[{"kid": "p-2026-11", "suite": HYBRID}]), PUBLICS, plain, FILE_KEY)
    assert sealed.startswith(EXAMPLE_HEAD)
    body = sealed[len(EXAMPLE_HEAD) + 2 + 1168 :]
    assert frames in (None, body)
    assert hashlib.sha256(body).hexdigest() == LONG_FRAMES_SHA256 or frames is not None
    opened, found = open_bytes(sealed, KEYS, ORIGIN)
    assert found == plain
    assert opened.plain_sha256 == hashlib.sha256(plain).hexdigest()
    assert opened.sealed_sha256 == hashlib.sha256(sealed).hexdigest()
    assert (opened.sealed_bytes, opened.plain_bytes) == (len(sealed), len(plain))


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 7])
def test_every_frame_shape_opens(size: int) -> None:
    plain = secrets.token_bytes(size)
    assert open_bytes(blob(plain), KEYS, ORIGIN)[1] == plain


def test_one_known_recipient_among_several_is_enough() -> None:
    to = [{"kid": "escrow", "suite": CLASSIC}, {"kid": "p-2026-11", "suite": HYBRID}]
    assert open_bytes(blob(to=to), KEYS)[1] == b"abc"


def test_every_cut_and_every_flipped_byte_is_bad() -> None:
    whole = blob()
    for length in range(len(whole)):
        assert_bad(whole[:length])
    for at in range(len(whole)):
        for mask in (0x01, 0x80, 0xFF):
            assert_bad(whole[:at] + bytes([whole[at] ^ mask]) + whole[at + 1 :])
    assert_bad(whole + b"\0")
    assert_bad(whole + whole)


def test_flips_in_a_hybrid_blob_are_bad() -> None:
    whole = blob(to=[{"kid": "p-2026-11", "suite": HYBRID}])
    for at in range(len(whole)):
        assert_bad(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])


@given(st.binary(max_size=400))
def test_random_bytes_are_bad(data: bytes) -> None:
    assert_bad(data)
    assert_bad(b"KSB1" + data)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(sorted(reader.KEYS)), st.none() | st.integers() | st.text(max_size=5)))
def test_headers_of_other_types_are_bad(changes: dict) -> None:
    changed = header() | changes
    is_same = all(type(changed[key]) is type(value) and changed[key] == value for key, value in header().items())
    raw = canonical({key: value for key, value in changed.items() if not isinstance(value, str) or value.isascii()})
    try:
        decoded = reader.decode_header(raw)
    except Bad:
        assert not is_same
    else:
        assert decoded == changed
        assert set(changes) <= {"seq", "ts", "cat", "part"}


WRONG_HEADERS = {
    "spaces": canonical(header()).replace(b":", b": "),
    "duplicate key": canonical(header()).replace(b'"v":1', b'"v":1,"v":1'),
    "duplicate key before": canonical(header()).replace(b'{"aead', b'{"v":2,"aead'),
    "float": canonical(header()).replace(b'"seq":42', b'"seq":42.0'),
    "exponent": canonical(header()).replace(b'"seq":42', b'"seq":42e0'),
    "leading zero": canonical(header()).replace(b'"seq":42', b'"seq":042'),
    "NaN": canonical(header()).replace(b'"seq":42', b'"seq":NaN'),
    "sign": canonical(header()).replace(b'"seq":42', b'"seq":-42'),
    "long escape": canonical(header()).replace(b"K-000123", b"\\u004b-000123"),
    "unsorted": canonical(header()).replace(b'"ts":1795400000,"typ":"part"', b'"typ":"part","ts":1795400000'),
    "byte order mark": b"\xef\xbb\xbf" + canonical(header()),
    "not an object": b"[]",
    "two bytes": b"{}",
    "deep": b"[" * 8000,
    "long number": canonical(header()).replace(b'"seq":42', b'"seq":' + b"9" * 5000),
    "not UTF-8": canonical(header()).replace(b"2026.11.2", b"2026.11.\xff"),
    "beyond ASCII": canonical(header(cat="近办")),
    "missing key": canonical({key: value for key, value in header().items() if key != "cat"}),
    "another key": canonical(header(x=1)),
    "true for 1": canonical(header(v=True)),
    "true for seq": canonical(header(seq=True)),
    "version 2": canonical(header(v=2)),
    "other aead": canonical(header(aead="A128GCM")),
    "other chunk": canonical(header(chunk=65536)),
    "other typ": canonical(header(typ="audit")),
    "manifest as a part": canonical(header(part="manifest")),
    "part as the manifest": canonical(header(typ="manifest")),
    "seq 0": canonical(header(seq=0)),
    "seq 2**53": canonical(header(seq=2**53)),
    "ts 0": canonical(header(ts=0)),
    "sid in capitals": canonical(header(sid=SID.upper().replace("8000", "A000"))),
    "sid of version 4": canonical(header(sid=SID.replace("-7000", "-4000"))),
    "sid with a newline": canonical(header(sid=SID + "\n")),
    "short dev": canonical(header(dev="K-00012")),
    "small dev": canonical(header(dev="K-00012a")),
    "part with a dot": canonical(header(part="../x")),
    "long part": canonical(header(part="a" * 49)),
    "long cat": canonical(header(cat="c" * 33)),
    "cat with a tab": canonical(header(cat="2026\t")),
    "cat with DEL": canonical(header(cat="2026\x7f")),
    "nobody": canonical(header(to=[])),
    "five recipients": canonical(header(to=[{"kid": str(n), "suite": CLASSIC} for n in range(5)])),
    "kid twice": canonical(header(to=[{"kid": "s-2026-11", "suite": suite} for suite in (CLASSIC, HYBRID)])),
    "empty kid": canonical(header(to=[{"kid": "s-2026-11", "suite": CLASSIC}, {"kid": "", "suite": CLASSIC}])),
    "kid with a space": canonical(header(to=[{"kid": "s 1", "suite": CLASSIC}])),
    "long kid": canonical(header(to=[{"kid": "s" * 65, "suite": CLASSIC}])),
    "other suite": canonical(header(to=[{"kid": "s-2026-11", "suite": "rsa"}])),
    "suite of another type": canonical(header(to=[{"kid": "s-2026-11", "suite": []}])),
    "kid of another type": canonical(header(to=[{"kid": 1, "suite": CLASSIC}])),
    "more about a recipient": canonical(header(to=[{"kid": "s-2026-11", "suite": CLASSIC, "x": 1}])),
    "recipient is text": canonical(header(to=["s-2026-11"])),
    "too long": canonical(header()) + b" " * 16_384,
}


@pytest.mark.parametrize("raw", WRONG_HEADERS.values(), ids=WRONG_HEADERS.keys())
def test_wrong_headers_are_bad_even_when_sealed_right(raw: bytes) -> None:
    assert open_bytes(raw_blob(canonical(header())), KEYS)[1] == b"abc"
    assert_bad(raw_blob(raw))


def test_wraps_for_nobody_here_or_of_another_suite_are_bad() -> None:
    assert_bad(blob(to=[{"kid": "escrow", "suite": CLASSIC}]))
    with pytest.raises(Bad):
        open_bytes(blob(), {"s-2026-11": KEYS["p-2026-11"]})
    with pytest.raises(Bad):
        open_bytes(blob(), {"s-2026-11": X25519PrivateKey.generate()})
    whole = blob()
    at = 8 + int.from_bytes(whole[4:8], "big")
    assert_bad(whole[:at] + (81).to_bytes(2, "big") + whole[at + 2 : at + 82] + b"\0" + whole[at + 82 :])


LOW_ORDER = [  # u-coordinates whose products are all zeros, RFC 7748 §6.1
    bytes(32),
    b"\x01" + bytes(31),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
]


@pytest.mark.parametrize("point", LOW_ORDER, ids=lambda point: point.hex()[:8])
def test_a_wrap_from_a_point_of_low_order_is_bad(point: bytes) -> None:
    for to, at in (([{"kid": "s-2026-11", "suite": CLASSIC}], 2), ([{"kid": "p-2026-11", "suite": HYBRID}], 1090)):
        whole = blob(to=to)
        start = 8 + int.from_bytes(whole[4:8], "big") + at
        assert_bad(whole[:start] + point + whole[start + 32 :])


def frames_of(*frames: tuple[int, bool, bytes]) -> bytes:
    raw = canonical(header())
    digest = hashlib.sha256(b"KSB1" + len(raw).to_bytes(4, "big") + raw).digest()
    payload = AESGCM(reader.payload_key(FILE_KEY, digest))
    return b"".join(payload.encrypt(n.to_bytes(11, "big") + bytes([last]), data, None) for n, last, data in frames)


FULL = bytes(CHUNK)
WRONG_FRAMES = {
    "none": b"",
    "no last flag": frames_of((0, False, b"abc")),
    "no last flag on a full frame": frames_of((0, False, FULL)),
    "last flag, then more": frames_of((0, True, FULL), (1, True, b"abc")),
    "short frame in between": frames_of((0, False, b"abc"), (1, True, b"abc")),
    "empty last frame after another": frames_of((0, False, FULL), (1, True, b"")),
    "swapped": frames_of((1, False, FULL), (0, True, b"abc")),
    "first left out": frames_of((1, True, b"abc")),
    "repeated": frames_of((0, False, FULL), (0, False, FULL), (1, True, b"abc")),
    "too large a frame": frames_of((0, True, FULL + b"x")),
}


@pytest.mark.parametrize("frames", WRONG_FRAMES.values(), ids=WRONG_FRAMES.keys())
def test_wrong_frames_are_bad(frames: bytes) -> None:
    assert open_bytes(raw_blob(canonical(header()), frames_of((0, True, b"abc"))), KEYS)[1] == b"abc"
    assert_bad(raw_blob(canonical(header()), frames))


def test_more_than_the_limit_is_bad() -> None:
    assert open_bytes(blob(bytes(1000)), KEYS, limit=1000)[1] == bytes(1000)
    assert_bad(blob(bytes(1001)), limit=1000)
    assert_bad(blob(bytes(CHUNK + 1)), limit=CHUNK)


@pytest.mark.parametrize(
    "origin",
    [
        Origin(SID.replace("1", "2"), "K-000123", 42, "id-front"),
        Origin(SID, "K-000124", 42, "id-front"),
        Origin(SID, "K-000123", 43, "id-front"),
        Origin(SID, "K-000123", 42, "id-back"),
    ],
)
def test_a_blob_moved_from_elsewhere_is_bad(origin: Origin) -> None:
    assert_bad(blob(), origin)


def test_a_file_appears_only_when_its_last_frame_is_authentic(tmp_path: Path) -> None:
    sealed, target = tmp_path / "sealed", tmp_path / "out" / "plain"
    target.parent.mkdir()
    whole = blob(bytes(CHUNK) + b"end")
    sealed.write_bytes(whole)
    assert open_file(sealed, target, KEYS, ORIGIN).plain_bytes == CHUNK + 3
    assert target.read_bytes() == bytes(CHUNK) + b"end"
    assert target.stat().st_mode & 0o777 == 0o600
    target.unlink()
    sealed.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(Bad):
        open_file(sealed, target, KEYS, ORIGIN)
    assert list(target.parent.iterdir()) == []


def test_a_long_blob_is_opened_in_flat_memory(tmp_path: Path) -> None:
    sealed, target = tmp_path / "sealed", tmp_path / "plain"
    sealed.write_bytes(blob(bytes(30_000_000)))
    tracemalloc.start()
    try:
        opened = open_file(sealed, target, KEYS, ORIGIN)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert opened.plain_bytes == target.stat().st_size == 30_000_000
    assert peak < 8 * CHUNK, "two frames, one block and what the files keep"
