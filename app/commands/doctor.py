"""`doctor`: each device, the queue, the clock, the network, the catalogue: state and remedy."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from app import VERSION
from app.build import MB, TRUST, catalogue_folder, place_of
from app.commands.doctor_devices import DeviceDoctor
from app.commands.queue import queue_facts
from app.findings import MARKS, Finding
from app.stores import is_writable, require_own_papers, store_folder, store_words
from devices.api import DeviceKind
from kiosk.central.link import Link, open_link
from kiosk.services.catalogue import load_catalogue
from kiosk.station.clock import SystemClock
from kiosk.station.config import Config
from kiosk.station.errors import CatalogueError, ConfigError, KioskError
from kiosk.station.texts import Texts, own_texts
from kiosk.trust.backends import key_place
from kiosk.trust.identity import load_device
from kiosk.trust.ring import KeyRing, load_pinned
from kiosk.trust.time import load_floor
from offline_queue.api import PauseReason, QueueError, SealFault, StoreCorrupt, StoreTooNew, Unauthorised

CONNECT_S = 5.0
ALL = "all"


def run_doctor(config: Path | None, as_json: bool, tests: tuple[str, ...] = (), report: Path | None = None) -> int:
    """Say how everything is; with `tests` put those devices to the test instead, with `report` write down both.

    Return 0 when all is well, 1 when something is at fault or a test was not passed, 2 when it cannot be looked at.
    """
    from app.setting import check_setting, load_setting

    if mistake := _mistake_in(tests, report):
        print(mistake, file=sys.stderr)
        return 2
    try:
        setting = load_setting(config)
        check_setting(setting)
        texts = own_texts()
        with ExitStack() as undo:
            setting, is_held = _prepared(setting, undo, bool(tests))
            doctor = Doctor(setting, texts, is_held)
            kinds = doctor.devices.kinds if ALL in tests else tuple(DeviceKind(one) for one in dict.fromkeys(tests))
            tell = (lambda found: None) if as_json else (lambda found: _tell(found, texts, setting.screen.locale))
            tested = _tested(doctor.devices, kinds, as_json, tell)
            findings = doctor.examine() if report is not None or not kinds else ()
            tell(findings)
    except (ConfigError, KioskError, QueueError) as error:
        for mistake in getattr(error, "mistakes", ()) or (str(error),):
            print(mistake, file=sys.stderr)
        return 2
    except (OSError, RuntimeError) as error:
        print(f"the doctor could not start: {error}", file=sys.stderr)
        return 2
    if as_json:
        print(json.dumps(msgspec.to_builtins((*findings, *tested)), ensure_ascii=False, indent=2))
    is_written = report is None or written(report, setting, texts, findings, tested)
    is_well = all(one.state != "fault" for one in findings) and all(one.state == "good" for one in tested)
    return 0 if is_well and is_written else 1


def _mistake_in(tests: tuple[str, ...], report: Path | None) -> str:
    """Return what is wrong with the arguments, before a device has worked for them; "" for nothing."""
    if unknown := [one for one in tests if one not in (ALL, *DeviceKind)]:
        return f"--test: {unknown[0]!r} — {ALL} or one of {', '.join(DeviceKind)}"
    if report is None:
        return ""
    was_there = report.exists()
    try:
        report.open("ab").close()
        if not was_there:
            report.unlink()
    except OSError as error:
        return f"--report: '{report}' — a file that can be written ({error.strerror})"
    return ""


def written(
    report: Path, setting: Config, texts: Texts, findings: tuple[Finding, ...], tested: tuple[Finding, ...]
) -> bool:
    """Write the report; what was found has been told already, whatever happens to it."""
    from app.commands.report import write_report

    try:
        write_report(report, setting, texts, findings, tested)
    except Exception as error:
        print(texts("doctor.report_failed", setting.screen.locale, code=place_of(error)), file=sys.stderr)
        return False
    return True


def _tested(
    doctor: DeviceDoctor,
    kinds: tuple[DeviceKind, ...],
    as_json: bool,
    tell: Callable[[tuple[Finding, ...]], None],
) -> tuple[Finding, ...]:
    """Return what came of each device's self-test, told as it comes; what the technician's hand does is said before."""
    tested = []
    for kind in kinds:
        if (hand := doctor.hand_of(kind)) and not as_json:
            print(f"  {hand}", flush=True)
        tested.append(doctor.test(kind))
        tell(tuple(tested[-1:]))
    return tuple(tested)


def _prepared(config: Config, undo: ExitStack, is_test: bool = False) -> tuple[Config, bool]:
    """Return the configuration with its simulated far ends started, and whether a running terminal holds the state."""
    from app.setting import enrol_if_blank, is_held, on_stage

    holds = is_held(config)
    if config.simulation.is_on and not holds:
        from app.stage import Stage

        state = config.state_folder
        stage = undo.enter_context(Stage(state.parent / f"{state.name}-far-ends"))
        config = on_stage(config, stage, {})
        if stage.announced is not None:
            enrol_if_blank(config, stage.announced)
        if is_test:  # the hand at simulated devices is simulated too
            stage.sims["reader"].control.call("put", card="elder")
            stage.sims["camera"].control.call("lay", kind="blank", at_once=True)
    return config, holds


class Doctor:
    """Looks at one terminal. A device that a running terminal holds is not touched: one port, one owner."""

    def __init__(self, config: Config, texts: Texts, is_held: bool) -> None:
        self._config = config
        self._texts = texts
        self._is_held = is_held
        self._locale = config.screen.locale
        self._clock = SystemClock(load_floor(config.state_folder / TRUST))
        device = load_device(config.state_folder / TRUST)
        self._device_id = device.device_id if device is not None else ""
        self.devices = DeviceDoctor(config, texts, is_held)

    def examine(self) -> tuple[Finding, ...]:
        """Return what there is to say, in the order of the architecture page."""
        devices = [self.devices.look(kind) for kind in self.devices.kinds]
        network = self._network()
        return (*devices, self._queue(), self._clock_finding(), *network, self._catalogue())

    # ── queue, clock ─────────────────────────────────────────────────────────────────────

    def _queue(self) -> Finding:
        try:
            facts = queue_facts(store_folder(self._config))
            require_own_papers(self._config.state_folder, self._device_id)
        except (StoreCorrupt, StoreTooNew) as error:
            why, remedy = store_words(error, self._locale)
            return Finding("queue", "fault", why, error.code, remedy)
        except QueueError as error:
            if error.code == "no_store":
                return self._find("queue", "good", "queue_empty")
            code = error.code or type(error).__name__
            return self._find("queue", "fault", "queue_broken", remedy="doctor.remedy_store", code=code)
        if not is_writable(self._config.state_folder):
            remedy = self._texts("doctor.remedy_unwritable", self._locale)
            text = self._texts("doctor.queue_unwritable", self._locale)
            return Finding("queue", "fault", text, "state_unwritable", remedy)
        counts = {
            "waiting": facts["ready"] + facts["claimed"] + facts["sending"],
            "dead": facts["dead"],
            "free_mb": facts["free_bytes"] // MB,
        }
        is_full = facts["free_bytes"] < self._config.state.reserve_mb * MB
        is_over = facts["bytes_waiting"] >= self._config.state.quota_mb * MB
        if is_full or is_over:
            return self._find("queue", "fault", "queue_counts", remedy="remedies.disk_full", code="disk_full", **counts)
        if facts["dead"]:
            return self._find("queue", "fault", "queue_counts", remedy="remedies.held", code="held", **counts)
        if facts["pause"] != PauseReason.NONE:
            code = facts["pause"]
            why = self._texts(f"pauses.{code}.why", self._locale)
            return self._find("queue", "care", "queue_paused", remedy=f"pauses.{code}.remedy", code=code, why=why)
        return self._find("queue", "good", "queue_counts", **counts)

    def _clock_finding(self) -> Finding:
        clock = self._clock
        offset = round(clock.offset_s or min(0.0, clock.wall_s() - clock.floor_s))
        if not clock.is_plausible():
            return self._find("clock", "fault", "clock_wrong", remedy="remedies.clock", code="clock", offset=offset)
        if not clock.is_confirmed:
            return self._find("clock", "care", "clock_unknown", code="clock_unconfirmed")
        return self._find("clock", "good", "clock_good", offset=offset)

    # ── network, keys ────────────────────────────────────────────────────────────────────

    def _network(self) -> tuple[Finding, ...]:
        """Return how far a question to the platform comes; what it says of the time goes to the clock."""
        config, trust = self._config, self._config.state_folder / TRUST
        device = load_device(trust)
        if device is None:
            return (self._find("network", "fault", "not_enrolled", remedy=self._blank_remedy(), code="not_enrolled"),)
        if self._is_held and config.simulation.is_on:  # its platform is the running terminal's own
            return (self._find("network", "care", "in_use", code="—"),)
        key = key_place(config, trust).key(device.slot)
        ring = KeyRing(load_pinned(config.path(config.platform.pins)))
        ca = config.path(config.platform.ca)
        findings: list[Finding] = []
        for url in config.platform.urls or (device.platform_url,):
            link = open_link(device, key, ring, self._clock, trust, url=url, ca_path=ca, version=VERSION)
            try:
                findings.append(self._line(url, link))
                keys = self._keys(link)
            finally:
                link.close()
        return (*findings, keys)

    def _blank_remedy(self) -> str:
        """Return what to do with a blank terminal: not to enrol it while another device's papers wait in its queue."""
        try:
            require_own_papers(self._config.state_folder, "")
        except (StoreCorrupt, StoreTooNew) as error:
            return f"stores.{error.code}.remedy" if error.code == "other_device" else "doctor.remedy_enrol"
        return "doctor.remedy_enrol"

    def _line(self, url: str, link: Link) -> Finding:
        parts = urlsplit(url)
        try:
            found = socket.getaddrinfo(parts.hostname, parts.port or 443, type=socket.SOCK_STREAM)
        except OSError as error:
            return self._no_line("network_resolve", type(error).__name__)
        try:
            socket.create_connection(found[0][4][:2], CONNECT_S).close()
        except OSError as error:
            return self._no_line("network_connect", type(error).__name__)
        try:
            link.delivery.probe()
            if not self._is_held and is_writable(self._config.state_folder):
                link.refresh.refresh()
        except Unauthorised as error:
            code = error.code or "unauthorised"
            return self._find("network", "fault", "network_refused", remedy="doctor.remedy_refused", code=code)
        except QueueError as error:
            pause = getattr(error, "pause", PauseReason.NONE)
            return self._no_line("network_answer", pause.value or error.code or type(error).__name__)
        return self._find("network", "good", "network_good")

    def _no_line(self, text: str, code: str) -> Finding:
        return self._find("network", "fault", text, remedy="remedies.network", code=code)

    def _keys(self, link: Link) -> Finding:
        try:
            link.sealing.recipients()
        except SealFault as error:
            return self._find("keys", "fault", "keys_none", remedy="doctor.remedy_keys", code=error.code)
        return self._find("keys", "good", "keys_good", version=link.sealing.version)

    # ── catalogue ────────────────────────────────────────────────────────────────────────

    def _catalogue(self) -> Finding:
        try:
            catalogue = load_catalogue(catalogue_folder(self._config))
        except CatalogueError as error:
            count, first = len(error.mistakes), error.mistakes[0]
            text = self._texts("doctor.catalogue_bad", self._locale, count=count, first=first)
            remedy = self._texts("doctor.remedy_catalogue", self._locale)
            return Finding("catalogue", "fault", text, "catalogue_invalid", remedy)
        return self._find("catalogue", "good", "catalogue_good", version=catalogue.version, count=len(catalogue.items))

    def _find(
        self,
        what: str,
        state: Literal["good", "care", "fault"],
        text: str,
        *,
        remedy: str = "",
        code: str = "",
        **values: object,
    ) -> Finding:
        said = self._texts(f"doctor.{text}", self._locale, code=code, **values)
        return Finding(what, state, said, code, self._texts(remedy, self._locale) if remedy else "")


def _tell(findings: tuple[Finding, ...], texts: Texts, locale: str) -> None:
    for finding in findings:
        name = texts(f"doctor.{finding.what}", locale)
        print(f"{MARKS[finding.state]} {name}: {finding.text}")
        for key, value in finding.details.items():
            print(f"    · {key}: {value}")
        if finding.remedy:
            print(f"    → {finding.remedy}", flush=True)
