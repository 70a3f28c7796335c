"""Taking in an evacuation: the sealed submissions of a terminal that came on a stick, through the one intake.

A reader of its own, written from docs/evacuation.md. Index signature, then every file's hash, then the same `take` as
PUT: the same ids, nothing twice, the same receipt byte for byte, which is written back into the folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sandbox import couriers, intake, signed, store
from sandbox.api import uploads
from sandbox.api.common import PUT_LIMIT, device_key
from sandbox.canonical import NotCanonical, decode_b64url, decode_json, encode_b64url
from sandbox.platform import Platform
from sandbox.problems import Problem
from sandbox.reader import LIMIT, UUID7

INDEX, RECEIPTS = "index.json", "receipts"
INDEX_LIMIT = 16 << 20
FOLDER = re.compile(r"[0-9A-Z][0-9A-Z-]{0,63}")
PART_FILE = re.compile(r"([a-z0-9][a-z0-9-]{0,47})\.ksb1")
SHA256_HEX = re.compile(r"[0-9a-f]{64}")
READ_BYTES = 1 << 20


class Damaged(Exception):
    """A file of an evacuation is missing, cut, or not what the index says."""


@dataclass(frozen=True)
class Entry:
    """One submission of a verified index."""

    sid: str
    folder: str
    files: dict[str, tuple[int, str]]  # name → bytes, hex SHA-256


def find_evacuations(folder: Path, *, has_index: bool = True) -> list[Path]:
    """Return the evacuations of a folder: itself or those right below it; half-written ones do not count.

    Without an index a folder is one if an envelope lies in a folder of it.
    """
    below = [one for one in sorted(folder.iterdir()) if not one.is_symlink()] if folder.is_dir() else []
    found = [folder, *below] if folder.is_dir() else []
    return [
        one
        for one in found
        if not one.name.startswith(".")
        and (os.path.lexists(one / INDEX) or (not has_index and any(one.glob("*/envelope.json"))))
    ]


def take_evacuation(
    platform: Platform, root: Path, *, has_index: bool = True, with_revoked: bool = False
) -> list[dict[str, str]]:
    """Return what became of each submission: `sid`, `word`, `case_number`.

    Without its index (damaged, or the terminal's key is gone) a folder is taken as it lies there: each envelope still
    stands for itself, and only what was taken away whole cannot be missed. `with_revoked`: somebody decided to take in
    what a revoked terminal sealed, too; the rest of its kind is refused.

    Words: `committed`, `was_here`, `damaged`, `refused_CODE`, `index_damaged`, `index_not_trusted`, each also with
    `no_room_for_receipt` as `note` where the stick took no receipt. A second import changes nothing.
    """
    carrier = f"stick-{secrets.token_hex(4)}"  # uploads of this run, apart from everybody else's
    if not has_index:
        return _take_unlisted(platform, root, carrier, with_revoked)
    try:
        dev, entries = read_index(platform, root)
    except Damaged:
        return [{"sid": "", "word": "index_damaged"}]
    except signed.BadSignature:
        return [{"sid": "", "word": "index_not_trusted"}]
    return [_take(platform, root, dev, entry, carrier, with_revoked) for entry in entries]


def _take_unlisted(platform: Platform, root: Path, carrier: str, with_revoked: bool) -> list[dict[str, str]]:
    found: list[tuple[int, str, Entry]] = []
    results: list[dict[str, str]] = []
    for folder in sorted(one for one in root.iterdir() if FOLDER.fullmatch(one.name) and one.is_dir()):
        try:
            found.append(read_unlisted(root, folder.name))
        except Damaged as fault:
            results.append({"sid": "", "word": "damaged", "note": f"{folder.name}/{fault}"})
    for _, dev, entry in sorted(found, key=lambda one: one[:2]):
        results.append(_take(platform, root, dev, entry, carrier, with_revoked))
    return results


def read_unlisted(root: Path, folder: str) -> tuple[int, str, Entry]:
    """Return number, device and submission as a folder's envelope says; the intake verifies it. Raises: Damaged."""
    name = "envelope.json"
    try:
        value = decode_json(decode_b64url(decode_json(_read(root, folder, name, limit=PUT_LIMIT))["o"]))
        files = [{"name": f"{part['part']}.ksb1", **part} for part in value["parts"]]
        files.append({"name": "manifest.ksb1", **value["manifest"]})
        size, sha256 = _digest(root, folder, name)
        files.append({"name": name, "bytes": size, "sha256": sha256})
        return _whole(value["seq"]), str(value["dev"]), _decode_entry({**value, "folder": folder, "files": files})
    except (NotCanonical, KeyError, TypeError, ValueError) as fault:
        raise Damaged(name) from fault


def read_index(platform: Platform, root: Path) -> tuple[str, list[Entry]]:
    """Return device and submissions, in the order of their numbers. Raises: Damaged, BadSignature."""
    try:
        wire = decode_json(_read(root, INDEX, limit=INDEX_LIMIT))
    except NotCanonical as fault:
        raise Damaged(INDEX) from fault
    value, _, serial = signed.open_object(wire, signed.EVACUATE, lambda kid: device_key(platform, kid))
    found = platform.store.one(sa.select(store.certificate.c.dev).where(store.certificate.c.serial == serial))
    if found is None or value.get("dev") != found["dev"] or value.get("typ") != "evacuation" or value.get("v") != 1:
        raise signed.BadSignature("index")
    try:
        entries = sorted(value["entries"], key=lambda one: _whole(one["seq"]))
        return str(value["dev"]), [_decode_entry(one) for one in entries]
    except (TypeError, KeyError, ValueError) as fault:
        raise signed.BadSignature("entries") from fault


def _take(platform: Platform, root: Path, dev: str, entry: Entry, carrier: str, with_revoked: bool) -> dict[str, str]:
    result = {"sid": entry.sid, "word": "", "case_number": ""}
    try:
        answer = _hand_over(platform, root, dev, entry, carrier, with_revoked)
    except Damaged as fault:
        return {**result, "word": "damaged", "note": str(fault)}
    except Problem as problem:
        return {**result, "word": f"refused_{problem.code}"}
    if answer.status == 202:
        return {**result, "word": "waits"}
    row = platform.store.find_submission(dev, entry.sid)
    result["word"] = "committed" if answer.status == 201 else "was_here"
    result["case_number"] = str(row["case_number"]) if row is not None else ""
    try:
        _write_receipt(root, entry.sid, answer.text)
    except OSError as fault:
        result["note"] = f"receipt not written: {fault.strerror}"
    return result


def _hand_over(
    platform: Platform, root: Path, dev: str, entry: Entry, carrier: str, with_revoked: bool
) -> intake.Answer:
    """Return the intake's answer. Raises: Damaged, Problem."""
    for name, facts in entry.files.items():
        if _digest(root, entry.folder, name) != facts:
            raise Damaged(f"{entry.folder}/{name}")
    state = platform.store.one(sa.select(store.device.c.state).where(store.device.c.dev == dev))
    if not with_revoked:
        couriers.check_signer(str(state["state"]) if state is not None else "revoked")
    try:
        envelope = decode_json(_read(root, entry.folder, "envelope.json", limit=PUT_LIMIT))
    except NotCanonical as fault:
        raise Damaged(f"{entry.folder}/envelope.json") from fault
    body: dict[str, Any] = {
        "envelope": envelope,
        "manifest": encode_b64url(_read(root, entry.folder, "manifest.ksb1", limit=PUT_LIMIT)),
    }
    answer = intake.take(platform, dev, entry.sid, body, carrier=carrier)
    if answer.status != 202:
        return answer
    for part in json.loads(answer.text)["missing"]:
        _upload(platform, root, entry, part, carrier)
    return intake.take(platform, dev, entry.sid, body, carrier=carrier)


def _upload(platform: Platform, root: Path, entry: Entry, part: str, carrier: str) -> None:
    """Put one sealed part where an upload's bytes are gathered, whole."""
    name = f"{part}.ksb1"
    if name not in entry.files:
        raise Damaged(f"{entry.folder}/{name}")
    size, sha256 = entry.files[name]
    if size > LIMIT:
        raise Problem(413, "too_large")
    if platform.blobs.free_bytes() < size + uploads.RESERVE_BYTES:
        raise Problem(507, "storage_full")
    row = uploads.find_or_create(platform, {"dev": carrier, "sid": entry.sid, "part": part, "sha256": sha256}, size)
    with _open(root, entry.folder, name) as source, platform.blobs.upload_path(row["id"]).open("wb") as target:
        shutil.copyfileobj(source, target, READ_BYTES)


def _decode_entry(one: dict[str, Any]) -> Entry:
    files = {str(file["name"]): (_whole(file["bytes"]), str(file["sha256"])) for file in one["files"]}
    sid, folder = str(one["sid"]), str(one["folder"])
    names = set(files) - {"envelope.json"}
    is_sound = (
        UUID7.fullmatch(sid)
        and FOLDER.fullmatch(folder)
        and {"envelope.json", "manifest.ksb1"} <= set(files)
        and all(PART_FILE.fullmatch(name) for name in names)
        and all(SHA256_HEX.fullmatch(sha256) for _, sha256 in files.values())
    )
    if not is_sound:
        raise ValueError("entry")
    return Entry(sid, folder, files)


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("not a whole number")
    return value


def _write_receipt(root: Path, sid: str, text: str) -> None:
    """Write a receipt whole or not at all, and through no link. Raises: OSError."""
    name = f"{sid}.json"
    draft = f".{name}.{secrets.token_hex(4)}"
    with contextlib.suppress(FileExistsError):
        (root / RECEIPTS).mkdir(mode=0o700)
    at = os.open(root / RECEIPTS, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=at)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.rename(draft, name, src_dir_fd=at, dst_dir_fd=at)
        os.fsync(at)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft, dir_fd=at)
        os.close(at)


def _open(root: Path, *names: str) -> Any:
    """Open a plain file of the stick; a link or a device is none, nor is one in a linked folder. Raises: Damaged."""
    *folders, name = names
    at = -1
    try:
        at = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        for folder in folders:
            below = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = below
        file = os.fdopen(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=at), "rb")
    except OSError as fault:
        raise Damaged(name) from fault
    finally:
        if at >= 0:
            os.close(at)
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise Damaged(name)
    return file


def _read(root: Path, *names: str, limit: int) -> bytes:
    try:
        with _open(root, *names) as file:
            data: bytes = file.read(limit + 1)
    except OSError as fault:
        raise Damaged(names[-1]) from fault
    if len(data) > limit:
        raise Damaged(names[-1])
    return data


def _digest(root: Path, *names: str) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    try:
        with _open(root, *names) as file:
            while block := file.read(READ_BYTES):
                digest.update(block)
                size += len(block)
    except OSError as fault:
        raise Damaged(names[-1]) from fault
    return size, digest.hexdigest()
