"""How audit lines lie on disk: canonical JSON, the chain's hashes, segments and the kept head (security.md §7)."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

PURPOSE = "kiosk/audit/v1"
GENESIS_PURPOSE = b"kiosk/audit/genesis/v1"
HEAD_FILE = "head.json"
KEYS = {"a", "e", "m", "n", "p", "t"}


class Head(msgspec.Struct, frozen=True):
    """Number and hash of the last line; heartbeats and envelopes carry it, so that the platform pins it."""

    n: int
    h: str


def genesis_hash(device_id: str, certificate: bytes, nonce: str) -> str:
    """Return what line 1 names as the line before it. `certificate` is DER; its SHA-256 goes in as hex text."""
    digest = hashlib.sha256(certificate).hexdigest()
    covered = (GENESIS_PURPOSE, device_id.encode(), digest.encode(), nonce.encode())
    return hashlib.sha256(b"\x00".join(covered)).hexdigest()


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield every whole event of a log that has been verified, for export."""
    for line, is_whole in lines(path):
        if is_whole:
            yield json.loads(line)


def segments(folder: Path) -> list[Path]:
    """Return the log's files, oldest first; each is named after the number of its first line."""
    return sorted(folder.glob("audit-*.jsonl"))


def lines(path: Path) -> Iterator[tuple[bytes, bool]]:
    """Yield every line without its newline, and whether it had one."""
    for segment in segments(path) if path.is_dir() else [path]:
        with segment.open("rb") as file:
            for line in file:
                yield line.removesuffix(b"\n"), line.endswith(b"\n")


def decode_line(line: bytes) -> dict[str, Any] | None:
    """Return a record, or None unless the line is the one canonical form of one."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or set(record) != KEYS or not isinstance(record["a"], dict):
        return None
    numbers = all(isinstance(record[key], int) and not isinstance(record[key], bool) for key in "mnt")
    if not numbers or not isinstance(record["e"], str) or not isinstance(record["p"], str):
        return None
    return record if encode_line(record) == line else None


def load_head(folder: Path) -> Head:
    """Return the head as it stood at the last checkpoint, number 0 if there was none."""
    try:
        return msgspec.json.decode((folder / HEAD_FILE).read_bytes(), type=Head)
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
        return Head(0, "")


def store_head(folder: Path, head: Head) -> None:
    """Keep the head beside the log, so that lost last lines are noticed."""
    temporary = folder / f".{HEAD_FILE}.new"
    with temporary.open("wb") as file:
        file.write(msgspec.json.encode(head))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / HEAD_FILE)


def encode_line(value: dict[str, Any]) -> bytes:
    """Return canonical JSON; our values are ASCII and integers, so the standard library's form is canonical."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def to_text(data: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
