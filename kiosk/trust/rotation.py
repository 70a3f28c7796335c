"""A new device key in the place of the old one, safe against a kill between any two steps (security.md §6.3).

Steps: make the new key in the other slot · ask for its certificate, the request signed by the old key · keep the new
identity beside the old one (`device-next.json`) · a heartbeat with the new key · rename it over `device.json` · destroy
the old key. Each step can be done again: the same key asked for twice brings the same certificate, and what is
already there is used. Until the rename the old identity is in force, after it the new one; there is no third state.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import msgspec

from kiosk.station.errors import KioskError
from kiosk.trust.backends import KeyPlace
from kiosk.trust.enrol import EnrolFault, check_certificate
from kiosk.trust.identity import DEVICE_FILE, Device, facts_of, write_device
from kiosk.trust.keys import DeviceKey, build_csr, sync_folder
from kiosk.trust.signed import Purpose, encode_canonical, signed_bytes, to_base64url
from kiosk.trust.time import draw_nonce
from offline_queue.api import QueueError, SignedObject

log = logging.getLogger(__name__)

NEXT_FILE = "device-next.json"
DUE_AT = (2, 3)  # of the certificate's life, security.md §6.3
FORMER_MAX = 64  # a rotation every three months for sixteen years, 30 KB


class RotationFault(KioskError):
    """The rotation did not go on; the old key stays in force. `code`: `not_trusted` `bad_answer` `rotation_pending`."""


def is_due(device: Device, now_s: float) -> bool:
    """Whether two thirds of the certificate's life have passed."""
    part, whole = DUE_AT
    return (now_s - device.enrolled_s) * whole >= (device.not_after_s - device.enrolled_s) * part


def load_candidate(folder: Path) -> Device | None:
    """Return the new identity that waits for its first heartbeat, if any; a broken note counts as none."""
    try:
        return msgspec.json.decode((folder / NEXT_FILE).read_bytes(), type=Device)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def prepare_key(place: KeyPlace, device: Device) -> DeviceKey:
    """Return the new key, made now unless a rotation that broke off has left it.

    A key that the other slot holds from before the last rotation is destroyed, never used again.
    """
    tidy(place, device)
    key = place.key(place.other(device.slot))
    if key.exists():
        try:
            key.spki()
        except QueueError:  # it cannot be used any more, so it cannot be in force either
            key.destroy()
    if not key.exists():
        key.create()
    return key


def build_request(old: DeviceKey, device: Device, new: DeviceKey, now_s: float) -> SignedObject:
    """Return the request for a certificate: the new key signs the CSR inside, the old key the whole."""
    payload = encode_canonical(
        {
            "v": 1,
            "typ": "rotate",
            "dev": device.device_id,
            "csr": to_base64url(build_csr(new)),
            "ts": int(now_s),
            "n": draw_nonce(),
        }
    )
    return SignedObject(payload, device.serial, old.sign(signed_bytes(Purpose.ROTATE, payload)))


def keep_candidate(place: KeyPlace, device: Device, new: DeviceKey, answer: Any, now_s: float) -> Device:
    """Return the new identity, now kept beside the old one.

    The certificate must be for the new key and from the authority that the enrolment brought: the answer itself is
    not signed. Raises: RotationFault.
    """
    if not isinstance(answer, dict):
        raise RotationFault("bad_answer")
    try:
        certificate, chain, serial, not_after_s = check_certificate(answer, new.spki())
    except EnrolFault as fault:
        raise RotationFault(fault.code) from fault
    if chain[-1] != device.chain[-1] or serial == device.serial or not_after_s <= now_s:
        raise RotationFault("not_trusted")
    candidate = msgspec.structs.replace(
        device,
        serial=serial,
        certificate=certificate,
        chain=chain,
        enrolled_s=int(now_s),
        not_after_s=not_after_s,
        slot=place.other(device.slot),
        former=_kept((*device.former, device.certificate)),
    )
    write_device(place.folder / NEXT_FILE, candidate)
    return candidate


def commit(folder: Path) -> None:
    """Put the new identity in force, after a heartbeat with the new key: one rename."""
    (folder / NEXT_FILE).rename(folder / DEVICE_FILE)
    sync_folder(folder)


def abandon(folder: Path) -> None:
    """Forget a new identity that the platform no longer takes; its key stays and is asked for again."""
    (folder / NEXT_FILE).unlink(missing_ok=True)
    sync_folder(folder)


def tidy(place: KeyPlace, device: Device) -> bool:
    """Destroy the key before this one, if it still stands in the other slot; return whether it did.

    Called where no thread can still be signing with it: at a start, and by commands.
    """
    if not device.former:
        return False
    key = place.key(place.other(device.slot))
    try:
        was_there = key.exists()
        if was_there and key.spki() not in {facts_of(old)[1] for old in device.former}:
            return False
        key.destroy()  # also what a kill left of one that was being destroyed
    except QueueError as fault:  # a start must not fail over a key that is out of force
        log.info("the key in slot %s stays: %s", place.other(device.slot), fault.code)
        return False
    return was_there


def _kept(former: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Return the certificates to keep: the first, which the audit chain names, and the newest."""
    return former if len(former) <= FORMER_MAX else (former[0], *former[-(FORMER_MAX - 1) :])
