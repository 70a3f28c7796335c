"""`enrol`: make a blank terminal known to its platform by a one-time code."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from kiosk.central.client import PlatformClient, Timeouts
from kiosk.central.enrolling import EnrolWire, await_device
from kiosk.central.heartbeat import Pulse
from kiosk.central.link import open_link
from kiosk.station.audit import AuditLog
from kiosk.station.audit_events import Event
from kiosk.station.audit_format import genesis_hash
from kiosk.station.clock import SystemClock
from kiosk.station.errors import ConfigError
from kiosk.trust.backends import KeyPlace, key_place
from kiosk.trust.enrol import EnrolFault, Enrolment
from kiosk.trust.identity import Device, DeviceSigner, load_device
from kiosk.trust.ring import KeyRing, load_pinned
from kiosk.trust.time import LearningClock, load_floor
from offline_queue.api import QueueError, QueueStats, StoreCorrupt, StoreTooNew

TRUST, AUDIT = "trust", "audit"  # folders under the state folder
PATIENCE_S = 30 * 60.0  # a person has to reach the console and compare the digits


def enrol(
    code: str,
    *,
    url: str,
    ca_path: Path,
    pins_path: Path,
    state: Path,
    profile: str,
    version: str,
    keys: KeyPlace | None = None,
    as_json: bool = False,
) -> int:
    """Return the exit code: 0 enrolled, 1 refused or not reached, 2 could not start."""

    def show(digits: str) -> None:
        print(f"Compare with the console, then press “same” there: {digits}", file=sys.stderr, flush=True)

    try:
        device = enrol_terminal(
            code,
            url=url,
            ca_path=ca_path,
            pins_path=pins_path,
            state=state,
            profile=profile,
            version=version,
            keys=keys,
            show_digits=show,
        )
    except ConfigError as fault:
        return _refuse("; ".join(fault.mistakes), 2)
    except (StoreCorrupt, StoreTooNew) as fault:
        from app.stores import store_words

        why, remedy = store_words(fault, "en")
        return _refuse(f"not enrolled: {why}\n    → {remedy}", 1)
    except (EnrolFault, QueueError) as fault:
        return _refuse(f"not enrolled: {fault.code}", 1)
    except KeyboardInterrupt:
        return _refuse("not enrolled: stopped", 1)
    facts = describe(device)
    print(json.dumps(facts) if as_json else f"enrolled as {device.device_id}, certificate until {facts['not_after']}")
    return 0


def enrol_configured(code: str, config: Path | None, as_json: bool = False) -> int:
    """Enrol the terminal of a configuration at its platform; return the exit code."""
    from app import VERSION
    from app.setting import check_setting, load_setting

    try:
        setting = load_setting(config)
        check_setting(setting)
    except ConfigError as fault:
        return _refuse("; ".join(fault.mistakes), 2)
    platform = setting.platform
    if not platform.urls or not platform.ca or not platform.pins:
        return _refuse(
            "platform.urls, platform.ca, platform.pins: needed to enrol; the simulated terminal does it by itself", 2
        )
    return enrol(
        code,
        url=platform.urls[0],
        ca_path=setting.path(platform.ca),
        pins_path=setting.path(platform.pins),
        state=setting.state_folder,
        profile=setting.profile,
        version=VERSION,
        keys=key_place(setting, setting.state_folder / TRUST),
        as_json=as_json,
    )


def enrol_terminal(
    code: str,
    *,
    url: str,
    ca_path: Path,
    pins_path: Path,
    state: Path,
    profile: str,
    version: str,
    keys: KeyPlace | None = None,
    show_digits: Callable[[str], None],
    clock: LearningClock | None = None,
    patience_s: float = PATIENCE_S,
    timeouts: Timeouts | None = None,
) -> Device:
    """Return the enrolled device: identity stored, keys fetched, audit chain begun, first heartbeat sent.

    Raises: EnrolFault, ConfigError, StoreCorrupt("other_device") while papers wait here that only another device may
    send, and the delivery errors when the platform cannot be reached.
    """
    from app.stores import require_own_papers

    folder = state / TRUST
    if load_device(folder) is None:  # else it is refused as enrolled already
        require_own_papers(state, "")
    clock = clock or SystemClock(load_floor(folder))
    key = (keys or KeyPlace("file", folder, profile)).key()
    ring = KeyRing(load_pinned(pins_path))
    client = PlatformClient(url, ca_path, clock, version, timeouts)
    try:
        enrolment = Enrolment(folder, key, ring, EnrolWire(client), clock)
        pending = enrolment.begin(code, version)
        show_digits(pending.digits)
        device = await_device(enrolment, pending, threading.Event().wait, patience_s)
    finally:
        client.close()
    link = open_link(device, key, ring, clock, folder, url=url, ca_path=ca_path, version=version, timeouts=timeouts)
    log = open_audit(state, device, link.signer, clock)
    try:
        log.record(Event.DEVICE_ENROLLED, device=device.device_id, certificate=certificate_sha256(device))
        link.heartbeat.send(Pulse(version, "", EMPTY_QUEUE, log.head()))
        link.refresh.refresh()
    finally:
        log.close()
        link.close()
    return device


EMPTY_QUEUE = QueueStats(ready=0, sending=0, delivered=0, shredded=0, dead=0, bytes_waiting=0, oldest_wall="")


def open_audit(state: Path, device: Device, signer: DeviceSigner, clock: LearningClock) -> AuditLog:
    """Return the audit log of an enrolled terminal."""
    genesis = genesis_hash(device.device_id, device.first_certificate, device.genesis)
    return AuditLog(state / AUDIT, genesis, signer, clock)


def certificate_sha256(device: Device) -> str:
    """Return the certificate's SHA-256 in hex."""
    import hashlib

    return hashlib.sha256(device.certificate).hexdigest()


def describe(device: Device) -> dict[str, str]:
    """Return what may be told of an enrolment; dates ISO 8601."""
    from datetime import UTC, datetime

    return {
        "device_id": device.device_id,
        "serial": device.serial,
        "certificate_sha256": certificate_sha256(device),
        "not_after": datetime.fromtimestamp(device.not_after_s, UTC).isoformat(),
        "platform": device.platform_url,
    }


def _refuse(text: str, exit_code: int) -> int:
    print(text, file=sys.stderr)
    return exit_code
