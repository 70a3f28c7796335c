"""Evacuation: what is not delivered goes on a stick, sealed as it is, and comes to the platform another way.

A folder: `index.json`, signed by the device; `certificates.pem`, which says who that is; one folder a submission with
`envelope.json`, `manifest.ksb1` and its parts; and `receipts/SID.json`, written by whoever has brought it in. Nothing
leaves the store for it: the terminal sends on, and the platform's unique key makes one case of both ways. The folder
appears under its name whole or not at all. Format: docs/evacuation.md.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import secrets
import shutil
import stat
from pathlib import Path
from typing import Any

import msgspec

from offline_queue.api import Cause, DiskFull, Outcome, QueueError, Receipt, SignedObject, Signer, State, StoreCorrupt
from offline_queue.blobs import sync_folder
from offline_queue.canonical import encode_canonical
from offline_queue.peek import export_sealed, read_entries
from offline_queue.seal import from_os_error
from offline_queue.store import QueueStore

PURPOSE = "kiosk/evacuate/v1"
UNDELIVERED = (State.READY, State.CLAIMED, State.SENDING, State.DEAD)
INDEX, CERTIFICATES, RECEIPTS = "index.json", "certificates.pem", "receipts"
INDEX_LIMIT = 16 * 2**20  # ten thousand submissions of ten parts are about half of it
SMALL_LIMIT = 2**20
READ_BYTES = 2**20
EVERYTHING = 1_000_000  # rows; a terminal keeps ten thousand at most
FOLDER = re.compile(r"[0-9A-Z][0-9A-Z-]{0,63}")
FILE = re.compile(r"envelope\.json|[a-z0-9][a-z0-9-]{0,47}\.ksb1")
SID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
DIGEST = re.compile(r"[0-9a-f]{64}")


class Evacuee(msgspec.Struct, frozen=True):
    """One submission in an evacuation: its folder, and each file with size and hex SHA-256."""

    sid: str
    seq: int
    folder: str
    files: dict[str, tuple[int, str]]


class Evacuation(msgspec.Struct, frozen=True):
    """What an index says. `signed` is not verified by reading it."""

    root: Path
    dev: str
    entries: tuple[Evacuee, ...]
    signed: SignedObject


class Written(msgspec.Struct, frozen=True):
    """What an export has written, and the sids of submissions whose sealed files are not whole any more.

    `is_signed` is False where the device key is gone: the envelopes are signed all the same.
    """

    root: Path
    entries: tuple[Evacuee, ...]
    lost: tuple[str, ...]
    is_signed: bool = True


def write_evacuation(path: Path, target: Path, signer: Signer, certificates: str, ts: int) -> Written:
    """Copy everything undelivered of the store in folder `path` to `target`, or into a new folder where it exists.

    The caller holds the store's lock: a row that is being sent must not be copied half. Raises: DiskFull when the
    stick is full, QueueError("target_unwritable", "no_store"), StoreCorrupt: nothing stays there.
    """
    entries = read_entries(path, UNDELIVERED, EVERYTHING)
    root = target / f"evacuation-{signer.device_id}-{ts}-{secrets.token_hex(2)}" if target.exists() else target
    draft = root.with_name(f".{root.name}.{secrets.token_hex(4)}.unfinished")
    try:
        draft.mkdir(mode=0o700, parents=True)
        copied: list[Evacuee] = []
        lost: list[str] = []
        for entry in entries:
            sid, folder = entry.outcome.sid, entry.outcome.intake_number
            try:
                files = export_sealed(path, sid, draft / folder, UNDELIVERED)
                copied.append(Evacuee(sid, entry.seq, folder, {file.name: _digest(file) for file in files}))
                _check_signed(draft / folder, copied[-1])
            except StoreCorrupt:  # one lost part must not keep the others here
                shutil.rmtree(draft / folder, ignore_errors=True)
                copied = [one for one in copied if one.sid != sid]
                lost.append(sid)
        index = {"v": 1, "typ": "evacuation", "dev": signer.device_id, "ts": ts, "entries": list(map(_listed, copied))}
        signed = _sign(signer, encode_canonical(index))
        written = Written(root, tuple(copied), tuple(lost), signed.signature != b"")
        _write(draft / CERTIFICATES, certificates.encode("ascii"))
        _write(draft / INDEX, encode_wire(signed))
        sync_folder(draft)
        draft.rename(root)
        sync_folder(root.parent)
    except OSError as error:
        raise _target_error(error) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return written


def find_evacuations(folder: Path) -> tuple[Path, ...]:
    """Return the evacuations in a folder: itself, or those right below it. Half-written ones do not count."""
    try:
        found = [folder, *sorted(folder.iterdir())] if folder.is_dir() else []
        return tuple(one for one in found if not one.name.startswith(".") and (one / INDEX).is_file())
    except OSError as error:
        raise QueueError("unreadable", str(folder)) from error


def read_evacuation(root: Path) -> Evacuation:
    """Return what the index of an evacuation says; nothing is verified yet. Raises: QueueError("damaged")."""
    signed = decode_wire(_read(root / INDEX, INDEX_LIMIT))
    value = _decode(signed.object)
    entries = value.get("entries")
    if value.get("v") != 1 or value.get("typ") != "evacuation" or not isinstance(value.get("dev"), str):
        raise QueueError("damaged", INDEX)
    if not isinstance(entries, list):
        raise QueueError("damaged", INDEX)
    return Evacuation(root, value["dev"], tuple(_decode_entry(entry) for entry in entries), signed)


def check_files(evacuation: Evacuation, entry: Evacuee) -> None:
    """Return if every file of a submission is there, whole. Raises: QueueError("damaged") naming one that is not."""
    for name, facts in entry.files.items():
        try:
            is_whole = _digest(evacuation.root / entry.folder / name) == facts
        except OSError:
            is_whole = False
        if not is_whole:
            raise QueueError("damaged", f"{entry.folder}/{name}")


def read_envelope(evacuation: Evacuation, entry: Evacuee) -> SignedObject:
    """Return the envelope of a submission, as its device signed it. Raises: QueueError("damaged")."""
    return decode_wire(_read(evacuation.root / entry.folder / "envelope.json", SMALL_LIMIT))


def read_manifest(evacuation: Evacuation, entry: Evacuee) -> bytes:
    """Return the sealed manifest of a submission. Raises: QueueError("damaged")."""
    return _read(evacuation.root / entry.folder / "manifest.ksb1", SMALL_LIMIT)


def has_receipt(root: Path, sid: str) -> bool:
    """Whether somebody has brought this submission in and written so."""
    return (root / RECEIPTS / f"{sid}.json").is_file()


def write_receipt(root: Path, sid: str, receipt: SignedObject) -> None:
    """Write a platform receipt beside the submissions, whole or not at all. Raises: DiskFull, QueueError."""
    folder = root / RECEIPTS
    draft = folder / f".{sid}.{secrets.token_hex(4)}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        try:
            _write(draft, encode_wire(receipt))
            draft.rename(folder / f"{sid}.json")
        finally:
            draft.unlink(missing_ok=True)
        sync_folder(folder)
        sync_folder(root)
    except OSError as error:
        raise _target_error(error) from error


def read_receipt(root: Path, sid: str) -> SignedObject:
    """Return a receipt that came back on the stick; nothing is verified yet. Raises: QueueError("damaged")."""
    return decode_wire(_read(root / RECEIPTS / f"{sid}.json", SMALL_LIMIT))


def settle_carried(store: QueueStore, sid: str, signed: SignedObject, receipt: Receipt) -> Outcome:
    """Return the outcome after a verified receipt that came another way: delivered, like one that came by the line.

    The caller owns the store and has verified the receipt. One that is delivered already stays as it is. Raises:
    QueueError("unknown_sid", "not_its_turn" while one that goes before it is not delivered, "receipt_mismatch").
    """
    known = store.find(sid)
    if known is None:
        raise QueueError("unknown_sid", sid)
    if known.state in (State.DELIVERED, State.SHREDDED):
        return known
    if known.state is not State.DEAD:
        claimed = store.claim(sid, is_due_waived=True)
        if claimed is None or claimed.sid != sid:
            if claimed is not None:
                store.release(claimed.sid, Cause.INTERRUPTED)
            raise QueueError("not_its_turn", sid)
        store.mark_sending(sid)  # it did leave, by hand
    try:
        return store.settle_delivered(sid, signed, receipt)
    except QueueError:
        if known.state is not State.DEAD:
            store.release(sid, Cause.BAD_RECEIPT)
        raise


def encode_wire(signed: SignedObject) -> bytes:
    """Return the wire form of a signed object as canonical JSON (§8)."""
    return encode_canonical(
        {"o": _base64url(signed.object), "kid": signed.kid, "sig": _base64url(signed.signature)},
    )


def decode_wire(data: bytes) -> SignedObject:
    """Return the signed object of wire bytes; nothing is verified. Raises: QueueError("damaged")."""
    value = _decode(data)
    if set(value) != {"o", "kid", "sig"} or not all(isinstance(text, str) for text in value.values()):
        raise QueueError("damaged")
    try:
        return SignedObject(_unbase64url(value["o"]), value["kid"], _unbase64url(value["sig"]))
    except ValueError as error:
        raise QueueError("damaged") from error


def _sign(signer: Signer, payload: bytes) -> SignedObject:
    """Return the index, signed; without a signature where the key is gone, which must not keep the papers here."""
    try:
        return signer.sign(PURPOSE, payload)
    except QueueError:
        return SignedObject(payload, signer.certificate_serial, b"")


def _check_signed(folder: Path, entry: Evacuee) -> None:
    """Return if the copied files are those that the envelope names. Raises: StoreCorrupt: our disk has lost them."""
    value = _decode(decode_wire((folder / "envelope.json").read_bytes()).object)
    named = {f"{part['part']}.ksb1": (part["bytes"], part["sha256"]) for part in value["parts"]}
    named["manifest.ksb1"] = (value["manifest"]["bytes"], value["manifest"]["sha256"])
    if named != {name: facts for name, facts in entry.files.items() if name != "envelope.json"}:
        raise StoreCorrupt("blob_damaged", entry.sid)


def _listed(entry: Evacuee) -> dict[str, Any]:
    files = [{"name": name, "bytes": size, "sha256": sha256} for name, (size, sha256) in sorted(entry.files.items())]
    return {"sid": entry.sid, "seq": entry.seq, "folder": entry.folder, "files": files}


def _decode_entry(value: Any) -> Evacuee:
    try:
        files = {one["name"]: (one["bytes"], one["sha256"]) for one in value["files"]}
        sid, seq, folder = value["sid"], value["seq"], value["folder"]
        is_sound = (
            SID.fullmatch(sid)
            and FOLDER.fullmatch(folder)
            and type(seq) is int
            and {"envelope.json", "manifest.ksb1"} <= set(files)
            and all(FILE.fullmatch(name) for name in files)
            and all(type(size) is int and DIGEST.fullmatch(sha256) for size, sha256 in files.values())
        )
    except (TypeError, KeyError) as error:
        raise QueueError("damaged", INDEX) from error
    if not is_sound:
        raise QueueError("damaged", INDEX)
    return Evacuee(sid, seq, folder, files)


def _decode(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise QueueError("damaged") from error
    if not isinstance(value, dict):
        raise QueueError("damaged")
    return value


def _digest(path: Path) -> tuple[int, str]:
    """Return size and hex SHA-256 of a plain file. Raises: OSError, also for anything that is no plain file."""
    digest = hashlib.sha256()
    size = 0
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(f"{path.name} is no plain file")
        while block := file.read(READ_BYTES):
            digest.update(block)
            size += len(block)
    return size, digest.hexdigest()


def _read(path: Path, limit: int) -> bytes:
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise QueueError("damaged", path.name) from error
    if len(data) > limit:
        raise QueueError("damaged", path.name)
    return data


def _write(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _target_error(error: OSError) -> QueueError:
    """Return what a failed write to the stick means: full, or not writable. It says nothing about the store."""
    fault = from_os_error(error)
    return fault if isinstance(fault, DiskFull) else QueueError("target_unwritable", error.strerror or "")


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _unbase64url(text: str) -> bytes:
    data = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    if _base64url(data) != text:
        raise ValueError("not the only spelling")
    return data
