"""The doctor's look at the devices: state, abilities, last fault, and what each does when it is put to the test."""

from __future__ import annotations

import queue
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

from app.build import AUDIT, place_of
from app.eyesight import camera_facts, eye_limits
from app.findings import Finding, Verdict
from devices.api import NEEDED, Capabilities, Deadline, DeviceError, DeviceKind, DeviceState, Status, UserFault
from devices.imaging.eye import Eye
from devices.lane import GRACE_S, DeviceLane
from devices.registry import make_device
from devices.selftest import Tested, failed, selftest_of
from kiosk.station.audit_events import Event
from kiosk.station.audit_format import read_lines
from kiosk.station.config import Config, DeviceConfig
from kiosk.station.failures import failure_of
from kiosk.station.health import ALARMS
from kiosk.station.texts import Texts

OPEN_S = 8.0  # a reader is tried at five speeds
STATUS_S = 2.0
GRAVE = ("tampered", "battery_low")  # alarms that keep a terminal from opening
REPLY_S = 5.0  # a lane answers at once after its deadline and grace; this is for a machine that is very busy


class DeviceDoctor:
    """Looks at the devices of one terminal. One that a running terminal holds is not touched: one port, one owner."""

    def __init__(self, config: Config, texts: Texts, is_held: bool) -> None:
        self._config = config
        self._texts = texts
        self._is_held = is_held
        self._locale = config.screen.locale
        self._history = self._read_history()

    @property
    def kinds(self) -> tuple[DeviceKind, ...]:
        """Return what is asked for: what every terminal must have, and what is configured."""
        return tuple(kind for kind in DeviceKind if kind in NEEDED or self._config.devices.of(kind) is not None)

    def look(self, kind: DeviceKind) -> Finding:
        """Return how one device is and what it can do."""
        return self._guarded(kind, self._look)

    def test(self, kind: DeviceKind) -> Finding:
        """Return what came of the kind's self-test. It ends by its deadline, whatever the device does."""
        return self._guarded(kind, self._test)

    def _guarded(self, kind: DeviceKind, find: Callable[[DeviceKind], Finding]) -> Finding:
        """Return what is found of one device; a mistake of ours in it must not lose what is found of the others."""
        try:
            return find(kind)
        except Exception as error:
            place = place_of(error)
            return self._find(kind, "fault", "doctor.defect", {"place": place}, "doctor.remedy_defect", "defect")

    def _look(self, kind: DeviceKind) -> Finding:
        device = self._config.devices.of(kind)
        if device is None:
            return self._find(kind, "care", "doctor.not_configured", remedy="doctor.remedy_configure")
        details = {"link": device.link} | self._last_fault(kind)
        if self._is_held:
            return self._in_use(kind, details)
        try:
            status, told = self._ask(kind, device)
        except DeviceError as error:
            code = error.code or type(error).__name__
            return self._away(kind, code, self._remedy(error, kind), details)
        details |= describe(told)
        if kind is DeviceKind.CAMERA:
            facts, code = camera_facts(self._config)
            details |= facts
            if code and status.is_ready:
                return self._find(
                    kind, "care", f"doctor.{code}", remedy="doctor.remedy_calibrate", code=code, details=details
                )
        if status.is_ready and not status.sensors.alarm:
            spoken = f"{status.driver} · {told.line}" if told.line else status.driver
            return self._find(kind, "good", "doctor.online", {"driver": spoken}, details=details)
        word = _word(kind)
        if status.is_ready:
            return self._alarm(kind, status.sensors.alarm, details)
        return self._away(kind, status.code or status.device.value, failure_of("", status.code, word).remedy, details)

    def _alarm(self, kind: DeviceKind, alarm: str, details: dict[str, str]) -> Finding:
        """Return what a board feels that is well itself."""
        state: Verdict = "fault" if alarm in GRAVE else "care"
        remedy = failure_of("", alarm, ALARMS[alarm]).remedy
        return self._find(kind, state, f"doctor.alarm_{alarm}", remedy=remedy, code=alarm, details=details)

    def _test(self, kind: DeviceKind) -> Finding:
        device = self._config.devices.of(kind)
        if device is None:
            return self._find(kind, "care", "doctor.not_configured", remedy="doctor.remedy_configure")
        if self._is_held:
            return self._find(kind, "care", "selftest.in_use", code="in_use")
        answer = self._through_lane(kind, device)
        if isinstance(answer, Tested):
            state: Verdict = "care" if answer.code else "good"
            return self._find(kind, state, answer.text, answer.facts, code=answer.code, details=_facts(answer))
        tested = failed(answer)
        is_hand = isinstance(answer, UserFault) or tested.code == "no_card"
        state = "care" if is_hand else "fault"  # the device is well, its test was not done
        remedy = selftest_of(kind).hand if is_hand else self._remedy(answer, kind)
        return self._find(kind, state, tested.text, tested.facts, code=tested.code, remedy=remedy)

    def hand_of(self, kind: DeviceKind) -> str:
        """Return what the technician does for the test, in words; "" for nothing."""
        hand = selftest_of(kind).hand
        is_there = self._config.devices.of(kind) is not None and not self._is_held
        return self._texts(hand, self._locale) if hand and is_there else ""

    # ── how ──────────────────────────────────────────────────────────────────────────────

    def _ask(self, kind: DeviceKind, device: DeviceConfig) -> tuple[Status, Capabilities]:
        with ExitStack() as undo:
            driver: Any = self._made(kind, device, undo)
            undo.callback(driver.close)
            driver.open(Deadline(OPEN_S))
            status: Status = driver.status(Deadline(STATUS_S))
            return status, driver.capabilities()

    def _through_lane(self, kind: DeviceKind, device: DeviceConfig) -> Tested | DeviceError:
        """Run the test as the terminal would: on a lane, which answers exactly once, even for a driver that hangs."""
        test = selftest_of(kind)
        answers: queue.Queue[object] = queue.Queue()
        with ExitStack() as undo:
            lane = DeviceLane(
                device.driver or kind.value, lambda: self._made(kind, device, undo), kind=kind, poll_s=test.deadline_s
            )
            undo.callback(lane.stop)
            lane.start().call(0, test.ask, test.deadline_s, lambda turn, value: answers.put(value))
            try:
                answer = answers.get(timeout=test.deadline_s + GRACE_S + REPLY_S)
            except queue.Empty:
                return DeviceError("no_reply")
        if isinstance(answer, (Tested, DeviceError)):
            return answer
        return DeviceError("defect")

    def _made(self, kind: DeviceKind, device: DeviceConfig, undo: ExitStack) -> Any:
        options: dict[str, Any] = dict(device.options)
        if kind is DeviceKind.CAMERA:
            options["eye"] = Eye(eye_limits(self._config))
            undo.callback(options["eye"].close)
        return make_device(kind, device.driver, device.link, **options)

    # ── what was ─────────────────────────────────────────────────────────────────────────

    def _read_history(self) -> dict[str, list[tuple[str, str]]]:
        """Return (time, state) of every change the audit log tells of, by kind."""
        folder = self._config.state_folder / AUDIT
        history: dict[str, list[tuple[str, str]]] = {}
        for line in read_lines(folder) if folder.is_dir() else ():
            if line["e"] == Event.DEVICE_STATE:
                history.setdefault(str(line["a"].get("kind")), []).append((str(line["t"]), str(line["a"]["state"])))
        return history

    def _last_fault(self, kind: DeviceKind) -> dict[str, str]:
        well = (DeviceState.ONLINE.value, DeviceState.STARTING.value)
        faults = [(at, state) for at, state in self._history.get(kind.value, []) if state not in well]
        return {"last_fault": f"{faults[-1][1]} {faults[-1][0]}", "faults": str(len(faults))} if faults else {}

    def _in_use(self, kind: DeviceKind, details: dict[str, str]) -> Finding:
        """Return what the running terminal wrote down last."""
        last = self._history.get(kind.value, [("", "")])[-1][1]
        is_good = last == DeviceState.ONLINE
        return self._find(
            kind,
            "good" if is_good else "care",
            "doctor.in_use",
            remedy="" if is_good else f"remedies.{kind.value}",
            code=last or "—",
            details=details,
        )

    def _away(self, kind: DeviceKind, code: str, remedy: str, details: dict[str, str]) -> Finding:
        return self._find(kind, "fault", "doctor.away", remedy=remedy, code=code, details=details)

    def _remedy(self, error: DeviceError, kind: DeviceKind) -> str:
        return failure_of(type(error).__name__, error.code, _word(kind)).remedy

    def _find(
        self,
        kind: DeviceKind,
        state: Verdict,
        text: str,
        values: Mapping[str, object] | None = None,
        remedy: str = "",
        code: str = "",
        details: dict[str, str] | None = None,
    ) -> Finding:
        said = self._texts(text, self._locale, **{"code": code} | dict(values or {}))
        help_text = self._texts(remedy, self._locale) if remedy else ""
        return Finding(kind.value, state, said, code, help_text, details or {})


def describe(told: Capabilities) -> dict[str, str]:
    """Return what a device can do, in the words of its driver."""
    size = f"{told.width_px}×{told.height_px}" if told.height_px else str(told.width_px or "")
    facts = {
        "driver": told.driver,
        "line": told.line,
        "identifier": told.identifier,
        "features": " ".join(told.features),
        "provisional": " ".join(told.provisional),
        "dpi": str(told.dpi or ""),
        "px": size,
    }
    return {key: value for key, value in facts.items() if value}


def _facts(tested: Tested) -> dict[str, str]:
    return {key: str(value) for key, value in tested.facts.items()}


def _word(kind: DeviceKind) -> str:
    return kind.value.capitalize()
