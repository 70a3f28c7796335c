"""Evacuation: what is not delivered goes on a stick, sealed as it is, and comes to the platform another way.

A folder: `index.json`, signed by the device; `certificates.pem`, which says who that is; one folder a submission with
`envelope.json`, `manifest.ksb1` and its parts; and `receipts/SID.json`, written by whoever has brought it in. Nothing
leaves the store for it: the terminal sends on, and the platform's unique key makes one case of both ways. The folder
appears under its name whole or not at all. Format: docs/evacuation.md.
"""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import shutil
from pathlib import Path
from typing import Any

import msgspec

from offline_queue.api import Cause, DiskFull, Outcome, QueueError, Receipt, SignedObject, Signer, State, StoreCorrupt
from offline_queue.blobs import sync_folder
from offline_queue.canonical import encode_canonical
from offline_queue.intake import intake_number
from offline_queue.peek import write_durably
from offline_queue.salvage import Salvage, salvaging
from offline_queue.seal import from_os_error
from offline_queue.stick import digest_plain, read_plain, replace_plain
from offline_queue.store import QueueStore

PURPOSE = "kiosk/evacuate/v1"
INDEX, CERTIFICATES, RECEIPTS = "index.json", "certificates.pem", "receipts"
INDEX_LIMIT = 16 * 2**20  # ten thousand submissions of ten parts are about half of it
SMALL_LIMIT = 2**20
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
    """What an export has written, and what it could not take along.

    `lost` are sids of submissions whose sealed files are not whole any more, `unread` intake numbers of which the
    damaged database tells nothing. `is_signed` is False where the key of the store's own device is not here: the
    envelopes are signed all the same. `is_sound` is False for a damaged database, whatever could be read of it.
    """

    root: Path
    entries: tuple[Evacuee, ...]
    lost: tuple[str, ...]
    is_signed: bool = True
    unread: tuple[str, ...] = ()
    is_sound: bool = True
    dev: str = ""


def write_evacuation(path: Path, target: Path, signer: Signer | None, certificates: str, ts: int) -> Written:
    """Copy everything undelivered of the store in folder `path` to `target`, or into a new folder where it exists.

    The caller holds the store's lock: a row that is being sent must not be copied half. The index is signed by
    `signer`, if that is the device whose store this is. Raises: DiskFull when the stick is full, StoreTooNew,
    QueueError("target_unwritable", "target_in_store", "no_store"), StoreCorrupt where nothing can be read: nothing
    stays there.
    """
    if target.resolve().is_relative_to(path.resolve()):
        raise QueueError("target_in_store", str(target))
    with salvaging(path) as salvage:
        dev = salvage.device_id or (signer.device_id if signer is not None else "")
        is_ours = signer is not None and signer.device_id == dev
        root = target / f"evacuation-{dev}-{ts}-{secrets.token_hex(2)}" if target.exists() else target
        draft = root.with_name(f".{root.name}.{secrets.token_hex(4)}.unfinished")
        try:
            _clear_unfinished(root.parent, dev, target.name)
            draft.mkdir(mode=0o700, parents=True)
            copied, lost = _copy_all(salvage, draft)
            index = {"v": 1, "typ": "evacuation", "dev": dev, "ts": ts, "entries": list(map(_listed, copied))}
            signed = _sign(signer if is_ours else None, encode_canonical(index))
            write_durably(draft / CERTIFICATES, certificates.encode("ascii") if is_ours else b"")
            write_durably(draft / INDEX, encode_wire(signed))
            sync_folder(draft)
            draft.rename(root)
            sync_folder(root.parent)
        except OSError as error:
            raise _target_error(error) from error
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        is_signed, unread = signed.signature != b"", tuple(salvage.unread)
        return Written(root, tuple(copied), tuple(lost), is_signed, unread, salvage.is_sound, dev)


def _copy_all(salvage: Salvage, draft: Path) -> tuple[list[Evacuee], list[str]]:
    """Return what was copied, and the sids of what is not whole here any more. Raises: OSError for the stick."""
    copied: list[Evacuee] = []
    lost: list[str] = []
    for seq in salvage.numbers:
        sid = folder = ""
        try:
            sid, folder = salvage.name(seq)
            salvage.copy(seq, draft / folder)
            sync_folder(draft / folder)
            files = {file.name: digest_plain(draft, folder, file.name) for file in sorted((draft / folder).iterdir())}
            entry = Evacuee(sid, seq, folder, files)
            _check_signed(draft / folder, entry)
            copied.append(entry)
        except StoreCorrupt:  # one lost part must not keep the others here
            if folder:
                shutil.rmtree(draft / folder, ignore_errors=True)
            lost.append(sid or intake_number(salvage.device_id, seq))
    return copied, lost


def _clear_unfinished(folder: Path, dev: str, name: str) -> None:
    """Remove what a killed export of this terminal has left; the store's lock is ours, so no other one is at work."""
    names = rf"(?:evacuation-{re.escape(dev)}-\d+-[0-9a-f]{{4}}|{re.escape(name)})"
    ours = re.compile(rf"\.{names}\.[0-9a-f]{{8}}\.unfinished")
    if folder.is_dir():
        for left in [one for one in folder.iterdir() if ours.fullmatch(one.name)]:
            shutil.rmtree(left, ignore_errors=True)  # it goes through no link


def find_evacuations(folder: Path) -> tuple[Path, ...]:
    """Return the evacuations in a folder: itself, or those right below it. Half-written ones do not count."""
    try:
        below = [one for one in sorted(folder.iterdir()) if not one.is_symlink()] if folder.is_dir() else []
        found = [folder, *below] if folder.is_dir() else []
        return tuple(one for one in found if not one.name.startswith(".") and os.path.lexists(one / INDEX))
    except OSError as error:
        raise QueueError("unreadable", str(folder)) from error


def read_evacuation(root: Path) -> Evacuation:
    """Return what the index of an evacuation says; nothing is verified yet. Raises: QueueError("damaged")."""
    signed = decode_wire(_read(root, INDEX, limit=INDEX_LIMIT))
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
            is_whole = digest_plain(evacuation.root, entry.folder, name) == facts
        except OSError:
            is_whole = False
        if not is_whole:
            raise QueueError("damaged", f"{entry.folder}/{name}")


def read_envelope(evacuation: Evacuation, entry: Evacuee) -> SignedObject:
    """Return the envelope of a submission, as its device signed it. Raises: QueueError("damaged")."""
    return decode_wire(_read(evacuation.root, entry.folder, "envelope.json"))


def read_manifest(evacuation: Evacuation, entry: Evacuee) -> bytes:
    """Return the sealed manifest of a submission. Raises: QueueError("damaged")."""
    return _read(evacuation.root, entry.folder, "manifest.ksb1")


def read_certificates(root: Path) -> bytes:
    """Return the PEM that lies beside the index; nothing is verified yet. Raises: QueueError("damaged")."""
    return _read(root, CERTIFICATES)


def has_receipt(root: Path, sid: str) -> bool:
    """Whether something lies where the receipt of this submission belongs; only reading it tells what."""
    return os.path.lexists(root / RECEIPTS / f"{sid}.json")


def write_receipt(root: Path, sid: str, receipt: SignedObject) -> None:
    """Write a platform receipt beside the submissions, whole or not at all. Raises: DiskFull, QueueError."""
    try:
        replace_plain(root, RECEIPTS, f"{sid}.json", encode_wire(receipt))
    except OSError as error:
        raise _target_error(error) from error


def read_receipt(root: Path, sid: str) -> SignedObject:
    """Return a receipt that came back on the stick; nothing is verified yet. Raises: QueueError("damaged")."""
    return decode_wire(_read(root, RECEIPTS, f"{sid}.json"))


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


def _sign(signer: Signer | None, payload: bytes) -> SignedObject:
    """Return the index, signed; without a signature where the key is gone, which must not keep the papers here."""
    if signer is None:
        return SignedObject(payload, "", b"")
    try:
        return signer.sign(PURPOSE, payload)
    except QueueError:
        return SignedObject(payload, signer.certificate_serial, b"")


def _check_signed(folder: Path, entry: Evacuee) -> None:
    """Return if the copied files are those that the envelope names. Raises: StoreCorrupt: our disk has lost them."""
    try:
        value = _decode(decode_wire((folder / "envelope.json").read_bytes()).object)
        named = {f"{part['part']}.ksb1": (part["bytes"], part["sha256"]) for part in value["parts"]}
        named["manifest.ksb1"] = (value["manifest"]["bytes"], value["manifest"]["sha256"])
        is_it = value["sid"] == entry.sid
    except (QueueError, KeyError, TypeError) as error:
        raise StoreCorrupt("blob_damaged", entry.sid) from error
    if not is_it or named != {name: facts for name, facts in entry.files.items() if name != "envelope.json"}:
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


def _read(root: Path, *names: str, limit: int = SMALL_LIMIT) -> bytes:
    try:
        return read_plain(root, *names, limit=limit)
    except OSError as error:
        raise QueueError("damaged", names[-1]) from error


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
