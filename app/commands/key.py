"""`key show｜rotate`: the device key of this terminal, without a word of its private part."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app import VERSION
from app.build import QUEUE, TRUST
from app.commands.enrol import EMPTY_QUEUE, certificate_sha256, open_audit
from app.commands.queue import WORDS
from kiosk.central.heartbeat import Pulse
from kiosk.central.link import open_link
from kiosk.central.rotating import KeyRotation
from kiosk.station.audit_events import Event
from kiosk.station.clock import SystemClock
from kiosk.station.config import Config
from kiosk.station.errors import ConfigError, KioskError
from kiosk.trust.backends import BACKENDS, key_place
from kiosk.trust.identity import Device, load_device
from kiosk.trust.ring import KeyRing, load_pinned
from kiosk.trust.rotation import DUE_AT, load_candidate, tidy
from kiosk.trust.time import load_floor
from offline_queue.api import QueueError, StoreBusy
from offline_queue.lock import LockFile


def run_key(action: str, config: Path | None, as_json: bool) -> int:
    """Do `show` or `rotate`. Return 0 done, 1 the platform did not exchange it, 2 could not start."""
    from app.setting import load_setting

    try:
        setting = load_setting(config)
        device = load_device(setting.state_folder / TRUST)
        if device is None:
            return _refuse(WORDS["not_enrolled"], 2)
        if action == "rotate":
            device = _rotate(setting, device)
        return _say(key_facts(setting, device), as_json)
    except ConfigError as error:
        return _refuse("; ".join(error.mistakes), 2)
    except StoreBusy:
        return _refuse(WORDS["store_busy"], 2)
    except (QueueError, KioskError) as error:
        return _refuse(f"the key was not exchanged, the old one stays in force: {error}", 1)


def key_facts(config: Config, device: Device) -> dict[str, Any]:
    """Return what may be told of the key; dates ISO 8601."""
    place = key_place(config, config.state_folder / TRUST)
    part, whole = DUE_AT
    due_s = device.enrolled_s + (device.not_after_s - device.enrolled_s) * part // whole
    return {
        "device_id": device.device_id,
        "backend": place.backend,
        "about": BACKENDS[place.backend],
        "slot": device.slot,
        "serial": device.serial,
        "certificate_sha256": certificate_sha256(device),
        "since": _iso(device.enrolled_s),
        "due": _iso(due_s),
        "not_after": _iso(device.not_after_s),
        "former": len(device.former),
        "exchange_under_way": load_candidate(place.folder) is not None,
    }


def _rotate(config: Config, device: Device) -> Device:
    """Return the identity in force after the exchange; the old key is destroyed."""
    state, trust = config.state_folder, config.state_folder / TRUST
    (state / QUEUE).mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = LockFile(state / QUEUE / "queue.lock")  # a running terminal exchanges its key itself
    try:
        place = key_place(config, trust)
        clock = SystemClock(load_floor(trust))
        ring = KeyRing(load_pinned(config.path(config.platform.pins)))
        url = config.platform.urls[0] if config.platform.urls else device.platform_url
        ca = config.path(config.platform.ca)
        link = open_link(device, place.key(device.slot), ring, clock, trust, url=url, ca_path=ca, version=VERSION)
        log = open_audit(state, device, link.signer, clock)
        try:
            fresh = KeyRotation(link, place).rotate(lambda: Pulse(VERSION, "", EMPTY_QUEUE, log.head()))
            log.record(Event.KEY_ROTATED, device=fresh.device_id, certificate=certificate_sha256(fresh))
        finally:
            log.close()
            link.close()
        tidy(place, fresh)
    finally:
        lock.release()
    return fresh


def _iso(moment_s: int) -> str:
    return datetime.fromtimestamp(moment_s, UTC).isoformat()


def _say(facts: dict[str, Any], as_json: bool) -> int:
    if as_json:
        print(json.dumps(facts))
    else:
        for name, value in facts.items():
            print(f"{name:<19} {value}")
    return 0


def _refuse(text: str, code: int) -> int:
    print(text, file=sys.stderr)
    return code
