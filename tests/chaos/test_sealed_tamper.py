"""Sealed parts in hostile hands: whatever is changed, a reader refuses it or gives the exact content."""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from offline_queue.api import SealingKey
from offline_queue.blocks import CHUNK
from offline_queue.seal import SealHeader, seal_bytes
from sandbox.reader import Bad, Origin, open_bytes, open_file
from tests.fixtures.sealed_page import load_page_reader
from tests.fixtures.sealed_vectors import RECIPIENTS, private_key, public_bytes, seed_of

ROUNDS = 20_000 if os.environ.get("JINBAN_CHAOS") else 2_000
FILES = 100  # of them also by way of a file
READ_ALONG = 400 if os.environ.get("JINBAN_CHAOS") else 25  # by the page's reader, which is slow
SIZES = (0, 1, CHUNK, CHUNK + 1, 600_000)
SID = "01990000-0000-7000-8000-000000000001"
TAGGED = CHUNK + 16
KEYS = {kid: private_key(kid) for kid in RECIPIENTS}


@dataclass(frozen=True)
class Sealed:
    """One blob as it left the terminal, and where its pieces begin."""

    blob: bytes
    plain: bytes
    kids: tuple[str, ...]
    wraps: int  # offset
    frames: int  # offset

    def framed(self) -> list[bytes]:
        """Return the frames."""
        return [self.blob[at : at + TAGGED] for at in range(self.frames, len(self.blob), TAGGED)]


def seal(kids: tuple[str, ...], size: int) -> Sealed:
    plain = random.Random(size).randbytes(size)
    keys = tuple(SealingKey(kid, RECIPIENTS[kid], public_bytes(kid)) for kid in kids)
    blob = seal_bytes(SealHeader(SID, "K-000123", "id-front", 42, 1795400000, "2026.11.2"), plain, keys)
    wraps = frames = 8 + int.from_bytes(blob[4:8], "big")
    for _ in kids:
        frames += 2 + int.from_bytes(blob[frames : frames + 2], "big")
    return Sealed(blob, plain, kids, wraps, frames)


BLOBS = [seal(kids, size) for kids in (("p-2026-11",), ("p-2026-11", "e-2026-11")) for size in SIZES]
Spoil = Callable[[random.Random, Sealed], bytes]


def flip(rng: random.Random, sealed: Sealed) -> bytes:
    """Turn one bit: of the head as often as of the frames, which are longer by far."""
    spoilt = bytearray(sealed.blob)
    end = rng.choice((sealed.wraps, sealed.frames, len(spoilt)))
    spoilt[rng.randrange(end)] ^= 1 << rng.randrange(8)
    return bytes(spoilt)


def cut(rng: random.Random, sealed: Sealed) -> bytes:
    """End early: anywhere, or where something ends."""
    edges = [8, sealed.wraps, sealed.frames, *range(sealed.frames, len(sealed.blob), TAGGED), len(sealed.blob) - 1]
    return sealed.blob[: rng.choice((rng.randrange(len(sealed.blob)), *edges))]


def append(rng: random.Random, sealed: Sealed) -> bytes:
    """Go on after the end: noise, zeros, the last frame again, the blob again."""
    more = (rng.randbytes(rng.randint(1, 64)), bytes(16), sealed.framed()[-1], sealed.blob)
    return sealed.blob + rng.choice(more)


def leave_out(rng: random.Random, sealed: Sealed) -> bytes:
    """Take a piece out of the middle."""
    start = rng.randrange(len(sealed.blob))
    return sealed.blob[:start] + sealed.blob[start + rng.choice((1, 2, 16, 80, 1168, TAGGED)) :]


def shuffle(rng: random.Random, sealed: Sealed) -> bytes:
    """Swap two stretches of equal length."""
    length = rng.choice((1, 16, 32, 240))
    first = rng.randrange(len(sealed.blob) - length)
    second = rng.randrange(len(sealed.blob) - length)
    spoilt = bytearray(sealed.blob)
    spoilt[first : first + length], spoilt[second : second + length] = (
        spoilt[second : second + length],
        spoilt[first : first + length],
    )
    return bytes(spoilt)


def swap_frames(rng: random.Random, sealed: Sealed) -> bytes:
    """Reorder, repeat or drop whole frames."""
    frames = sealed.framed()
    choices = [frames[::-1], [*frames, frames[0]], frames[1:], frames[:-1], [frames[-1]], [frames[0], *frames]]
    return sealed.blob[: sealed.frames] + b"".join(rng.choice(choices))


def graft(rng: random.Random, sealed: Sealed) -> bytes:
    """Put in the frames, or the wraps, of another blob of the same submission."""
    other = rng.choice([one for one in BLOBS if one is not sealed])
    if rng.random() < 0.5:
        return sealed.blob[: sealed.frames] + other.blob[other.frames :]
    return sealed.blob[: sealed.wraps] + other.blob[other.wraps : other.frames] + sealed.blob[sealed.frames :]


def rewrite(rng: random.Random, sealed: Sealed) -> bytes:
    """Give the header another value, well formed, and leave the rest."""
    header = json.loads(sealed.blob[8 : sealed.wraps])
    name, value = rng.choice(
        [
            ("seq", rng.randint(1, 2**53 - 1)),
            ("ts", rng.randint(1, 2**33)),
            ("dev", "K-000124"),
            ("part", rng.choice(("id-back", "manifest"))),
            ("cat", "2026.11.3"),
            ("sid", SID[:-1] + "2"),
            ("typ", "manifest"),
            ("v", 2),
            ("chunk", 65_536),
            ("to", header["to"][::-1] + header["to"][:1]),
            ("to", [{**header["to"][0], "kid": "s-2026-11"}, *header["to"][1:]]),
            ("to", [{**header["to"][0], "suite": "hpke-x25519-sha256-aes256gcm"}, *header["to"][1:]]),
        ]
    )
    raw = json.dumps({**header, name: value}, sort_keys=True, separators=(",", ":")).encode()
    return b"KSB1" + len(raw).to_bytes(4, "big") + raw + sealed.blob[sealed.wraps :]


def respell(rng: random.Random, sealed: Sealed) -> bytes:
    """Say the same header in other bytes."""
    clear = sealed.blob[8 : sealed.wraps]
    raw = rng.choice(
        [
            clear.replace(b":", b": ", rng.randint(1, 9)),
            clear.replace(b'"v":1', b'"v":1.0'),
            clear.replace(b'"v":1', b'"v":1,"v":1'),
            clear.replace(b"K-000123", b"\\u004b-000123"),
            clear.replace(b'"seq":42', b'"seq":042'),
            clear + b"\n",
            b"\xef\xbb\xbf" + clear,
        ]
    )
    return b"KSB1" + len(raw).to_bytes(4, "big") + raw + sealed.blob[sealed.wraps :]


def noise(rng: random.Random, sealed: Sealed) -> bytes:
    """Overwrite a stretch with random bytes."""
    at, length = rng.randrange(len(sealed.blob)), rng.choice((1, 4, 64, 2000))
    return sealed.blob[:at] + rng.randbytes(length) + sealed.blob[at + length :]


WAYS: tuple[Spoil, ...] = (
    flip, flip, flip, cut, append, leave_out, shuffle, swap_frames, graft, rewrite, respell, noise,
)  # fmt: skip


def test_whatever_is_changed_is_refused_or_opens_to_the_exact_content(tmp_path: Path):
    """What opens all the same was changed in another recipient's wrap; its hash is then not the envelope's."""
    rng = random.Random(20261129)
    tally: Counter[str] = Counter()
    for number in range(ROUNDS):
        sealed = BLOBS[number % len(BLOBS)]
        way, spoilt = _spoil(rng, sealed)
        kid = rng.choice(sealed.kids)
        tally[way.__name__] += 1
        try:
            facts, plain = open_bytes(spoilt, {kid: KEYS[kid]})
        except Bad:
            tally["refused"] += 1
        else:
            assert plain == sealed.plain, f"round {number}: {way.__name__} opened to other content"
            assert len(sealed.kids) > 1, f"round {number}: {way.__name__} was not noticed"
            assert spoilt[: sealed.wraps] == sealed.blob[: sealed.wraps], f"round {number}: the header was changed"
            assert facts.sealed_sha256 != open_bytes(sealed.blob, {kid: KEYS[kid]})[0].sealed_sha256
            tally["exact"] += 1
        if number % (ROUNDS // FILES) == 0:
            tally["files"] += _refused_as_file(tmp_path, spoilt, kid, sealed)
    ways = ", ".join(f"{tally[way.__name__]} {way.__name__}" for way in dict.fromkeys(WAYS))
    print(  # noqa: T201  the count is the suite's result
        f"\nchaos tamper: {ROUNDS} spoilt blobs ({ways}), {tally['refused']} refused, "
        f"{tally['exact']} opened to the exact content, 0 wrong; {tally['files']} of {FILES} files left nothing behind"
    )
    assert tally["refused"] + tally["exact"] == ROUNDS
    assert tally["exact"] < 0.1 * ROUNDS


@pytest.mark.parametrize("sealed", BLOBS, ids=lambda one: f"{len(one.kids)} recipients, {len(one.plain)} bytes")
def test_untouched_they_open_for_every_recipient(sealed: Sealed):
    for kid in sealed.kids:
        assert open_bytes(sealed.blob, {kid: KEYS[kid]}, Origin(SID, "K-000123", 42, "id-front"))[1] == sealed.plain


def test_the_reader_of_the_page_says_the_same(tmp_path: Path):
    """Two readers that share nothing: both refuse, or both open to the same."""
    page = load_page_reader(tmp_path)
    rng = random.Random(614)
    small = [one for one in BLOBS if len(one.plain) <= 1]
    tally: Counter[str] = Counter()
    for _ in range(READ_ALONG):
        sealed = rng.choice(small)
        _, spoilt = _spoil(rng, sealed)
        kid = rng.choice(sealed.kids)
        seed, scalar = seed_of(kid)
        private = seed + scalar if "xwing" in RECIPIENTS[kid] else scalar
        ours = _opened(lambda blob=spoilt, kid=kid: open_bytes(blob, {kid: KEYS[kid]})[1], Bad)
        theirs = _opened(lambda blob=spoilt, kid=kid, key=private: page.open_blob(blob, {kid: key})[1], page.Bad)
        assert ours == theirs
        tally["refused" if ours is None else "opened"] += 1
    print(  # noqa: T201  the count is the suite's result
        f"\nchaos tamper, two readers: {READ_ALONG} spoilt blobs, {tally['refused']} refused by both, "
        f"{tally['opened']} opened alike by both"
    )


def _opened(read: Callable[[], bytes], bad: type[Exception]) -> bytes | None:
    try:
        return read()
    except bad:
        return None


def _spoil(rng: random.Random, sealed: Sealed) -> tuple[Spoil, bytes]:
    """Return a way and what it made, which is never the blob itself."""
    for _ in range(100):
        way = rng.choice(WAYS)
        spoilt = way(rng, sealed)
        if spoilt != sealed.blob:
            return way, spoilt
    raise AssertionError("a hundred ways that change nothing")


def _refused_as_file(folder: Path, spoilt: bytes, kid: str, sealed: Sealed) -> int:
    """Return 1 if a refused file left nothing behind, 0 if it opened to the exact content."""
    source, target = folder / "sealed", folder / "out" / "plain"
    target.parent.mkdir(exist_ok=True)
    source.write_bytes(spoilt)
    try:
        open_file(source, target, {kid: KEYS[kid]})
    except Bad:
        assert list(target.parent.iterdir()) == []
        return 1
    assert target.read_bytes() == sealed.plain
    target.unlink()
    return 0
