"""Two programs that share no code agree on the wire: the terminal writes, the platform reads."""

from __future__ import annotations

import io
import secrets
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from offline_queue.api import SealingKey
from offline_queue.intake import intake_number
from offline_queue.seal import SealHeader, seal_bytes, seal_part
from sandbox.cases import compose_intake_number
from sandbox.reader import CHUNK, CLASSIC, HYBRID, Origin, open_bytes, open_file

SID = "01990000-0000-7000-8000-000000000001"
SMALL = X25519PrivateKey.generate()
LARGE = MLKEM768PrivateKey.generate()
READER_KEYS = {"large": MLKEM768X25519PrivateKey(LARGE, SMALL), "small": SMALL}
SEALING_KEYS = (
    SealingKey("large", HYBRID, LARGE.public_key().public_bytes_raw() + SMALL.public_key().public_bytes_raw()),
    SealingKey("small", CLASSIC, SMALL.public_key().public_bytes_raw()),
)


def header(part: str) -> SealHeader:
    return SealHeader(sid=SID, dev="K-000123", part=part, seq=42, ts=1_795_400_000, cat="2017.1-sim")


@pytest.mark.parametrize("keys", [SEALING_KEYS[:1], SEALING_KEYS[1:], SEALING_KEYS], ids=["hybrid", "classic", "both"])
@pytest.mark.parametrize("size", [0, 1, CHUNK, CHUNK + 1, 3 * CHUNK + 5])
def test_the_platform_opens_what_the_terminal_seals(tmp_path: Path, keys: tuple[SealingKey, ...], size: int) -> None:
    plain = secrets.token_bytes(size)
    sealed = seal_part(header("m-bank-1"), io.BytesIO(plain), keys, tmp_path)
    opened = open_file(sealed.path, tmp_path / "plain", READER_KEYS, Origin(SID, "K-000123", 42, "m-bank-1"))
    assert (tmp_path / "plain").read_bytes() == plain
    assert opened.sealed_sha256 == sealed.facts.sealed_sha256
    assert opened.plain_sha256 == sealed.facts.plain_sha256
    assert (opened.sealed_bytes, opened.plain_bytes) == (sealed.facts.sealed_bytes, sealed.facts.plain_bytes)


def test_the_platform_opens_the_terminals_manifest() -> None:
    blob = seal_bytes(header("manifest"), b'{"v":1}', SEALING_KEYS)
    opened, plain = open_bytes(blob, READER_KEYS, Origin(SID, "K-000123", 42, "manifest"))
    assert plain == b'{"v":1}'
    assert opened.header["typ"] == "manifest"


@given(st.from_regex(r"K-[0-9A-Z]{6,12}", fullmatch=True).filter(str.isascii), st.integers(1, 99_999_999))
def test_both_compose_the_same_intake_number(device: str, seq: int) -> None:
    assert compose_intake_number(device, seq) == intake_number(device, seq)
