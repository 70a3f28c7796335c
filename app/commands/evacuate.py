"""`queue export` and `queue import`: undelivered submissions leave on a stick, and come to the platform another way."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from app import VERSION
from app.build import QUEUE, TRUST
from app.stores import store_folder
from kiosk.central.link import Link, open_link
from kiosk.station.clock import SystemClock
from kiosk.station.config import Config
from kiosk.station.errors import KioskError
from kiosk.trust.backends import key_place
from kiosk.trust.carried import compose_certificates, verify_index
from kiosk.trust.identity import Device, DeviceSigner, load_device
from kiosk.trust.ring import KeyRing, load_pinned
from kiosk.trust.signed import TrustFault
from kiosk.trust.time import load_floor
from offline_queue.api import (
    Answer,
    AnswerFault,
    Busy,
    Consignment,
    PartUpload,
    QueueError,
    Receipt,
    Refused,
    SignedObject,
    StoreBusy,
    Unauthorised,
    Unreachable,
)
from offline_queue.evacuation import (
    Evacuation,
    Evacuee,
    Written,
    check_files,
    find_evacuations,
    has_receipt,
    read_certificates,
    read_envelope,
    read_evacuation,
    read_manifest,
    read_receipt,
    settle_carried,
    write_evacuation,
    write_receipt,
)
from offline_queue.lock import ReadingLock
from offline_queue.store import QueueStore
from offline_queue.traces import require_database

PUT_ROUNDS = 3
STORE_BUSY = "a terminal is running on this queue: end it first, then try again"
GOOD = ("delivered", "brought", "receipt_here")


class Result(msgspec.Struct, frozen=True):
    """What became of one submission of a stick. `word` is closed: see docs/evacuation.md."""

    sid: str
    word: str
    case_number: str = ""
    note: str = ""


def export(config: Config, target: Path, as_json: bool) -> int:
    """Write everything undelivered to `target`; return 0, or 1 where something is lost, or the index is not signed."""
    path = store_folder(config)
    require_database(path)
    trust = config.state_folder / TRUST
    device = load_device(trust)
    signer = DeviceSigner(key_place(config, trust).key(device.slot), device) if device is not None else None
    certificates = compose_certificates(device) if device is not None else ""
    clock = SystemClock(load_floor(trust))
    lock = ReadingLock(path / "queue.lock")
    try:
        written = write_evacuation(path, target, signer, certificates, int(clock.wall_s()))
    finally:
        lock.release()
    return _say_written(written, device.device_id if device is not None else "", as_json)


def carry_in(config: Config, folder: Path, as_json: bool) -> int:
    """Take what a stick holds: receipts for our own submissions, and other terminals' submissions, sent for them.

    Return 0 when all of it is settled, 1 when something is left. Raises: QueueError("nothing_there", "not_enrolled").
    """
    found = find_evacuations(folder)
    if not found:
        raise QueueError("nothing_there", str(folder))
    device, _ = _signer(config)
    courier = Courier(config, device)
    results: list[Result] = []
    try:
        for root in found:
            results += courier.take(root)
    finally:
        courier.close()
    return _say_results(results, as_json)


class Courier:
    """Works through evacuations. It opens the line and the store only where it needs them."""

    def __init__(self, config: Config, device: Device) -> None:
        self._config = config
        self._device = device
        self._link: Link | None = None
        self._store: QueueStore | None = None

    def close(self) -> None:
        """Let go of line and store."""
        if self._store is not None:
            self._store.close()
        if self._link is not None:
            self._link.close()

    def take(self, root: Path) -> list[Result]:
        """Return what became of each submission of one evacuation."""
        try:
            evacuation = read_evacuation(root)
            if evacuation.dev != self._device.device_id:
                verify_index(evacuation.signed, evacuation.dev, read_certificates(root), self._device)
        except QueueError:
            return [Result("", "index_damaged")]
        except TrustFault:
            return [Result("", "index_not_trusted")]
        act = self._settle if evacuation.dev == self._device.device_id else self._bring
        return [self._try(act, evacuation, entry) for entry in sorted(evacuation.entries, key=lambda one: one.seq)]

    def _try(self, act: Callable[[Evacuation, Evacuee], Result], evacuation: Evacuation, entry: Evacuee) -> Result:
        try:
            return act(evacuation, entry)
        except Refused as fault:
            return Result(entry.sid, f"refused_{fault.code}")
        except (Unreachable, Busy):
            return Result(entry.sid, "platform_away")
        except Unauthorised as fault:
            return Result(entry.sid, fault.code or "unauthorised")
        except AnswerFault:
            return Result(entry.sid, "receipt_not_trusted")
        except StoreBusy:
            return Result(entry.sid, "store_busy", note=STORE_BUSY)
        except QueueError as fault:
            return Result(entry.sid, "stick_full" if fault.code == "disk_full" else fault.code)

    # ── our own: receipts that came back ─────────────────────────────────────────────────

    def _settle(self, evacuation: Evacuation, entry: Evacuee) -> Result:
        """Believe a receipt for one of our own, once it verifies against what we hold, not against the stick."""
        if not has_receipt(evacuation.root, entry.sid):
            return Result(entry.sid, "no_receipt")
        signed = read_receipt(evacuation.root, entry.sid)
        store = self._open_store()
        held = store.ticket(entry.sid)
        if held is None:
            return Result(entry.sid, "unknown_here")
        digest = store.manifest_sha256(entry.sid)
        receipt = self._open_link().verifier.verify_receipt(signed, entry.sid, store.device_id, held.seq, digest)
        outcome = settle_carried(store, entry.sid, signed, receipt)
        return Result(entry.sid, "delivered", outcome.case_number)

    # ── another terminal's: we send it for them ──────────────────────────────────────────

    def _bring(self, evacuation: Evacuation, entry: Evacuee) -> Result:
        """Send another terminal's submission, its bytes and its signature, and write the receipt beside it."""
        note = ""
        if has_receipt(evacuation.root, entry.sid):
            receipt = self._receipt_there(evacuation, entry)
            if receipt is not None:
                return Result(entry.sid, "receipt_here", receipt.case_number)
            note = "a receipt that does not verify lay there"
        check_files(evacuation, entry)
        item = _consignment(evacuation, entry)
        answer = self._put(item)
        if answer.state != "committed" or answer.receipt is None:
            return Result(entry.sid, "waits_at_platform")
        verifier = self._open_link().verifier
        receipt = verifier.verify_receipt(answer.receipt, entry.sid, evacuation.dev, entry.seq, item.manifest_sha256)
        write_receipt(evacuation.root, entry.sid, answer.receipt)
        return Result(entry.sid, "brought", receipt.case_number, note)

    def _receipt_there(self, evacuation: Evacuation, entry: Evacuee) -> Receipt | None:
        """Return the receipt that lies on the stick, None unless it is the platform's for just this submission."""
        digest = entry.files["manifest.ksb1"][1]
        try:
            signed = read_receipt(evacuation.root, entry.sid)
            return self._open_link().verifier.verify_receipt(signed, entry.sid, evacuation.dev, entry.seq, digest)
        except (QueueError, AnswerFault):
            return None

    def _put(self, item: Consignment) -> Answer:
        """PUT first: where the first terminal was quicker nothing else need be sent."""
        delivery = self._open_link().delivery
        answer = delivery.put(item)
        for _ in range(PUT_ROUNDS - 1):
            if answer.state != "parts_missing":
                break
            for part in item.parts:
                if part.name in answer.missing:
                    delivery.upload(item.sid, part, lambda url, offset: None)
            answer = delivery.put(item)
        return answer

    def _open_store(self) -> QueueStore:
        if self._store is None:
            trust = self._config.state_folder / TRUST
            clock = SystemClock(load_floor(trust))
            self._store = QueueStore(self._config.state_folder / QUEUE, clock=clock, signer=_signer(self._config)[1])
        return self._store

    def _open_link(self) -> Link:
        if self._link is None:
            config, trust = self._config, self._config.state_folder / TRUST
            url = config.platform.urls[0] if config.platform.urls else self._device.platform_url
            self._link = open_link(
                self._device,
                key_place(config, trust).key(self._device.slot),
                KeyRing(load_pinned(config.path(config.platform.pins))),
                SystemClock(load_floor(trust)),
                trust,
                url=url,
                ca_path=config.path(config.platform.ca),
                version=VERSION,
            )
        return self._link


def _consignment(evacuation: Evacuation, entry: Evacuee) -> Consignment:
    """Return a submission of the stick as a Delivery needs it."""
    folder = evacuation.root / entry.folder
    envelope: SignedObject = read_envelope(evacuation, entry)
    return Consignment(
        sid=entry.sid,
        seq=entry.seq,
        intake_number=entry.folder,
        envelope=envelope,
        manifest=read_manifest(evacuation, entry),
        manifest_sha256=entry.files["manifest.ksb1"][1],
        parts=tuple(
            PartUpload(name.removesuffix(".ksb1"), str(folder / name), size, sha256)
            for name, (size, sha256) in sorted(entry.files.items())
            if name not in ("envelope.json", "manifest.ksb1")
        ),
        sent_once=True,
    )


def _signer(config: Config) -> tuple[Device, DeviceSigner]:
    trust = config.state_folder / TRUST
    device = load_device(trust)
    if device is None:
        raise KioskError("not_enrolled")
    return device, DeviceSigner(key_place(config, trust).key(device.slot), device)


def _say_written(written: Written, dev: str, as_json: bool) -> int:
    """Print what is on the stick and what is not; `dev` is this terminal's id, "" for a blank one."""
    facts: dict[str, Any] = {
        "folder": str(written.root),
        "device": written.dev,
        "sealed": [
            {"sid": one.sid, "seq": one.seq, "number": one.folder, "files": sorted(one.files)}
            for one in written.entries
        ],
        "lost": list(written.lost),
        "unread": list(written.unread),
        "sound": written.is_sound,
        "signed": written.is_signed,
    }
    if as_json:
        print(json.dumps(facts))
    else:
        print(f"{len(written.entries)} sealed submissions in {written.root}")
        for line in _shortcomings(written, dev):
            print(line, file=sys.stderr)
    return 0 if written.is_signed and written.is_sound and not (written.lost or written.unread) else 1


def _shortcomings(written: Written, dev: str) -> Iterator[str]:
    if not written.is_signed:
        why = "the device key is gone" if dev == written.dev else f"this terminal is {dev or 'blank'}"
        yield (
            f"the queue belongs to {written.dev} and {why}: the index is not signed, the envelopes are; only the "
            "platform can take this, with --without-index"
        )
    if not written.is_sound:
        yield "the queue's database is damaged: here is what could be read of it; call maintenance"
    for sid in written.lost:
        yield f"{sid}: its sealed files are not whole here any more; call maintenance"
    for number in written.unread:
        yield f"{number}: the database tells nothing of it any more, delivered or not; call maintenance"


def _say_results(results: list[Result], as_json: bool) -> int:
    if as_json:
        print(json.dumps([msgspec.to_builtins(one) for one in results]))
    else:
        for one in results:
            case, note = f" → {one.case_number}" if one.case_number else "", f"  ({one.note})" if one.note else ""
            print(f"{one.sid or '—':<36}  {one.word}{case}{note}")
        said = Counter(one.word for one in results)
        print(", ".join(f"{count} {word}" for word, count in sorted(said.items())) or "the evacuation holds nothing")
    return 0 if all(one.word in GOOD for one in results) else 1
