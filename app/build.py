"""The composition root: the only file that names concrete classes."""

from __future__ import annotations

import hashlib
import logging
import shutil
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from app import VERSION
from app.cabinet import Cabinet
from app.pulse import CentralLane
from app.sides import join_sides
from app.stores import store_folder
from devices.api import DeviceKind, Frames, Status
from devices.imaging.eye import Eye
from devices.lane import POLL_S, DeviceLane
from devices.registry import make_device
from devices.selftest import selftest_of
from kiosk.central.heartbeat import Pulse
from kiosk.central.link import Link, open_link
from kiosk.central.rotating import KeyRotation
from kiosk.services.catalogue import Catalogue, load_catalogue, own_catalogue
from kiosk.services.page_codes import coded_materials
from kiosk.session.journal import AuditJournal
from kiosk.session.lights import lights_of
from kiosk.session.parts import Loop, Parts
from kiosk.session.runner import SessionRunner
from kiosk.session.session import Session
from kiosk.session.view import View
from kiosk.station.audit import AuditLog
from kiosk.station.audit_events import Event
from kiosk.station.audit_format import genesis_hash
from kiosk.station.clock import SystemClock
from kiosk.station.config import Config, DeviceConfig
from kiosk.station.errors import KioskError
from kiosk.station.health import Station
from kiosk.station.structs import know_structs
from kiosk.station.texts import ASSETS, Texts
from kiosk.station.work import WorkLane
from kiosk.trust.backends import KeyPlace, key_place
from kiosk.trust.identity import Device, load_device
from kiosk.trust.ring import KeyRing, load_pinned
from kiosk.trust.rotation import tidy
from kiosk.trust.time import load_floor
from offline_queue.api import Change, Line, PauseReason, QueueError, State
from offline_queue.plan import build_plan
from offline_queue.store import Limits, QueueStore
from offline_queue.sync import SyncLoop

log = logging.getLogger(__name__)

TRUST, AUDIT, QUEUE = "trust", "audit", "queue"
MB = 1024 * 1024
BLINK_S = 0.5  # a relay board is looked at this often: each look turns over what flashes


class NotEnrolled(KioskError):
    """This terminal is blank: `enrol` first."""


class Ready(msgspec.Struct, frozen=True):
    """What takes long to load, loaded: nothing of it touches Qt, so any thread may do it."""

    config: Config
    texts: Texts
    catalogue: Catalogue
    clock: SystemClock
    device: Device
    keys: KeyPlace
    link: Link
    log: AuditLog
    store: QueueStore


def catalogue_folder(config: Config) -> Path:
    """Return where the service items lie."""
    return config.path(config.catalogue) if config.catalogue else ASSETS / "services"


def free_disk(folder: Path) -> int:
    """Return the bytes that the folder's disk has left."""
    return shutil.disk_usage(folder).free


def prepare(config: Config, texts: Texts, free_bytes: Callable[[Path], int] = free_disk) -> Ready:
    """Open the store and everything it needs.

    Raises: NotEnrolled, ConfigError, CatalogueError, StoreBusy, StoreTooNew, StoreCorrupt.
    """
    know_structs()
    state = config.state_folder
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = state / TRUST
    clock = SystemClock(load_floor(folder))
    device = load_device(folder)
    if device is None:
        raise NotEnrolled("not_enrolled", "run: main.py enrol --code CODE")
    keys = key_place(config, folder)
    key = keys.key(device.slot)
    ring = KeyRing(load_pinned(config.path(config.platform.pins)))
    url, *others = config.platform.urls or (device.platform_url,)
    link = open_link(
        device,
        key,
        ring,
        clock,
        folder,
        url=url,
        ca_path=config.path(config.platform.ca),
        version=VERSION,
        others=tuple(others),
        bytes_per_s=config.sync.max_bytes_per_s,
    )
    catalogue = load_catalogue(catalogue_folder(config)) if config.catalogue else own_catalogue()
    limits = Limits(bytes=config.state.quota_mb * MB, free_floor_bytes=config.state.reserve_mb * MB)
    store = QueueStore(store_folder(config), clock=clock, signer=link.signer, limits=limits, free_bytes=free_bytes)
    genesis = genesis_hash(device.device_id, device.first_certificate, device.genesis)
    try:
        tidy(keys, device)  # here, where the store's lock is ours: no other process signs
        audit = AuditLog(state / AUDIT, genesis, link.signer, clock)
    except (KioskError, QueueError):
        store.close()
        raise
    return Ready(config, texts, catalogue, clock, device, keys, link, audit, store)


def place_of(error: BaseException) -> str:
    """Return kind and place of a defect. Never its text: that may hold what a person has said."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "nowhere"


class Kiosk:
    """One running terminal: lanes, queue, sync and the runner. Built and stopped on the main thread."""

    def __init__(
        self, ready: Ready, loop: Loop, show: Callable[[View], None], eye: Eye, on_stuck: Callable[[], None]
    ) -> None:
        self.ready = ready
        self.eye = eye
        self.eye.coded = coded_materials(ready.catalogue.items)
        self.store = ready.store
        self.link = ready.link
        self.audit = ready.log
        self._on_stuck = on_stuck
        self._paused = ready.store.stats().pause
        self.work = WorkLane(self.note_defect)
        self.lanes = {
            kind: self._lane(kind, device)
            for kind in DeviceKind
            if (device := ready.config.devices.of(kind)) is not None
        }
        board = self.lanes.get(DeviceKind.AUXILIARIES)
        self.cabinet = Cabinet(board, ready.log, self.work.submit) if board is not None else None
        plan = build_plan(ready.config.sync.large_parts, ready.config.sync.large_from_kib)
        self.sync = SyncLoop(
            ready.store,
            ready.link.delivery,
            ready.link.verifier,
            ready.clock,
            self._queue_changed,
            on_line=self._pause_changed,
            plan=plan,
        )
        self.central = CentralLane(
            ready.link,
            self._pulse,
            self._line_changed,
            rotation=KeyRotation(ready.link, ready.keys),
            on_standing=self._standing_changed,
            on_rotated=self._key_rotated,
        )
        self.runner = SessionRunner(
            Parts(
                loop=loop,
                lanes=self.lanes,
                work=self.work,
                store=ready.store,
                sync=_Line(self.sync, self.central),
                journal=AuditJournal(ready.log),
                catalogue=ready.catalogue,
                texts=ready.texts,
                clock=ready.clock,
                station=Station(site=ready.config.station),
                screen=ready.config.screen,
                sealing_keys=ready.link.sealing.recipients,
                show=show,
                app_version=VERSION,
                on_end=eye.forget,
                on_stuck=on_stuck,
                self_tests=selftest_of,
                join_sides=join_sides,
                pin=ready.config.technician.pin,
            )
        )
        self.runner.listeners.append(self._light)

    def _lane(self, kind: DeviceKind, device: DeviceConfig) -> DeviceLane:
        options: dict[str, Any] = dict(device.options)
        if kind in (DeviceKind.CAMERA, DeviceKind.SCANNER):
            options["eye"] = self.eye
        return DeviceLane(
            device.driver or kind.value,
            lambda: make_device(kind, device.driver, device.link, **options),
            kind=kind,
            on_status=self._device_changed,
            poll_s=BLINK_S if kind is DeviceKind.AUXILIARIES else POLL_S,
        )

    @property
    def frames(self) -> Frames:
        """Return the newest preview picture's source."""
        return self.eye

    def start(self) -> None:
        """Start every thread and show ATTRACT."""
        self.audit.record(
            Event.APP_START, boot=self.ready.clock.boot_id(), app=VERSION, profile=self.ready.config.profile
        )
        self.audit.start()
        for lane in self.lanes.values():
            lane.start()
        self.sync.start()
        self.central.start()
        self.runner.start()
        if DeviceKind.CAMERA in self.lanes:
            self.work.submit(self.eye.warm)
        self.work.submit(self._drain_audit)

    def stop(self) -> bool:
        """Stop everything in order; return whether every thread ended."""
        self.runner.stop()
        done = [lane.stop() for lane in self.lanes.values()]
        done.append(self.central.stop())
        done.append(self.sync.stop())
        self.work.submit(self._drain_audit)
        done.append(self.work.stop())
        self.eye.close()
        self.audit.record(Event.APP_STOP, reason="requested")
        self.audit.close()
        self.store.close()
        self.link.close()
        return all(done)

    def note_defect(self, error: BaseException) -> None:
        """A mistake of ours, on any thread: write down where, by hash, and let the supervisor start anew."""
        place = place_of(error)
        log.error("defect: %s", place)
        self.audit.record(Event.DEFECT, place=hashlib.sha256(place.encode()).hexdigest())
        self._on_stuck()

    # ── what threads report ──────────────────────────────────────────────────────────────

    def _light(self, session: Session) -> None:
        if self.cabinet is not None:
            self.cabinet.light(lights_of(session, self.runner.station))

    def _device_changed(self, status: Status) -> None:
        if self.cabinet is not None and status.kind is DeviceKind.AUXILIARIES:
            self.cabinet.changed(status)
        self.runner.device_changed(status)

    def _queue_changed(self, change: Change) -> None:
        self.runner.queue_changed(change)
        if change.new is State.DELIVERED:
            self.central.heard()  # a receipt is the platform's signature
        self.work.submit(self._drain_audit)

    def _line_changed(self, is_online: bool) -> None:
        if is_online:
            self.sync.network_returned()
        self.runner.line_changed()

    def _pause_changed(self, line: Line) -> None:
        """The queue stands still for a reason, or goes on: show it, and write it down once a change."""
        paused, self._paused = self._paused, line.pause
        self.central.queue_line(line)
        if line.pause is not paused:
            self.work.submit(lambda: self._record_pause(line.pause))
        self.runner.line_changed()

    def _record_pause(self, pause: PauseReason) -> None:
        try:
            if pause is PauseReason.NONE:
                self.audit.record(Event.QUEUE_RESUMED)
            else:
                self.audit.record(Event.QUEUE_PAUSED, reason=pause)
        except KioskError as error:
            log.warning("a pause was not audited: %s", error.code)

    def _standing_changed(self, standing: PauseReason) -> None:
        had = self.store.stats().pause
        self.store.set_standing(standing)
        if standing is PauseReason.NONE and had in (PauseReason.SUSPENDED, PauseReason.REVOKED):
            self.sync.resume()

    def _key_rotated(self, device: Device) -> None:
        digest = hashlib.sha256(device.certificate).hexdigest()
        self.audit.record(Event.KEY_ROTATED, device=device.device_id, certificate=digest)

    def _pulse(self) -> Pulse:
        devices = self.runner.station.devices
        printer = devices.get(DeviceKind.PRINTER)
        return Pulse(
            app=VERSION,
            catalogue=self.ready.catalogue.version,
            queue=self.store.stats(),
            audit=self.audit.head(),
            devices={kind.value: status.device.value for kind, status in devices.items()},
            paper=printer.supply.value if printer is not None else "unknown",
        )

    def _drain_audit(self) -> None:
        """Carry the store's own transitions over into the audit log, at least once."""
        try:
            rows = self.store.unaudited()
            for row in rows:
                new = row.new if row.new != "removed" else "none"
                self.audit.record(Event.QUEUE_TRANSITION, row=row.n, sid=row.sid, old=row.old or "none", new=new)
                if row.new == "delivered":
                    self.audit.record(Event.RECEIPT_VERIFIED, sid=row.sid)
            if rows:
                self.store.mark_audited(rows[-1].n)
        except (QueueError, KioskError) as error:
            log.warning("queue transitions not audited: %s", error.code)


class _Line:
    """What the runner sees of sync and central lane."""

    def __init__(self, sync: SyncLoop, central: CentralLane) -> None:
        self._sync = sync
        self._central = central

    def nudge(self, sid: str = "") -> None:
        """Wake up; `sid` goes first."""
        self._sync.nudge(sid)

    def is_online(self) -> bool:
        """Whether the platform answered last."""
        return self._central.is_online
