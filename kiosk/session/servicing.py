"""What the technician's page has done: the code judged on the work lane, devices tested on their own lanes."""

from __future__ import annotations

from collections.abc import Callable

from devices.api import Capabilities, Deadline, Device, DeviceError, DeviceKind, Left, UserFault
from kiosk.session import effects as ask
from kiosk.session import events as evt
from kiosk.session.parts import Parts
from kiosk.station.pin import PinGate

ABILITIES_S = 10.0
HALF = {Left.PART: "half", Left.UNKNOWN: "unsure"}  # how the sentence of a slip that broke off ends


class Servicing:
    """Turns the technician's effects into commands, and their replies into events. Main thread only."""

    def __init__(self, parts: Parts, took: Callable[[evt.Event], None]) -> None:
        self._p = parts
        self._took = took
        self._gate = PinGate(parts.pin)

    def run(self, effect: ask.Effect) -> None:
        """Run one effect."""
        match effect:
            case ask.CheckPin(turn=turn, pin=pin):
                now = self._p.loop.now()
                self._p.work.submit(lambda: self._check(turn, pin.reveal(), now))
            case ask.AskAbilities(turn=turn):
                for kind in self._p.lanes:
                    self._ask(kind, turn)
            case ask.TestDevice(turn=turn, kind=kind):
                self._test(turn, DeviceKind(kind))
            case _:
                raise ValueError(f"no effect of the technician: {type(effect).__name__}")

    def _check(self, turn: int, pin: str, now: float) -> None:
        """Judge a code; on the work lane, since a hash of its kind takes longer than a frame."""
        wait_s = self._gate.wait_s(now)
        verdict: evt.PinVerdict = "unset" if not self._gate.is_set else "closed" if wait_s else "wrong"
        if self._gate.check(pin, now):
            verdict = "right"
        elif verdict == "wrong" and self._gate.wait_s(now):
            verdict = "closed"
        self._p.journal.technician_came(verdict)
        found = evt.PinChecked(turn, verdict, self._gate.wait_s(now))
        self._p.loop.post(lambda: self._took(found))

    def _ask(self, kind: DeviceKind, turn: int) -> None:
        def ask_it(device: Device, deadline: Deadline) -> object:
            return device.capabilities()

        def replied(answered: int, value: object) -> None:
            if isinstance(value, Capabilities):
                told = evt.AbilitiesTold(answered, kind.value, value.identifier, value.features, value.provisional)
                self._p.loop.post(lambda: self._took(told))

        self._p.lanes[kind].call(turn, ask_it, ABILITIES_S, replied)

    def _test(self, turn: int, kind: DeviceKind) -> None:
        test, lane = self._p.self_tests(kind), self._p.lanes.get(kind)
        if lane is None:
            missing = evt.DeviceTested(turn, kind.value, "doctor.not_configured", "not_configured")
            self._p.loop.post(lambda: self._took(missing))
            return

        def replied(answered: int, value: object) -> None:
            found = _tested(answered, kind, value)
            self._p.journal.device_tested(kind, "failed" if found.error else "dirty" if found.code else "passed")
            self._p.loop.post(lambda: self._took(found))

        lane.call(turn, test.ask, test.deadline_s, replied)


def _tested(turn: int, kind: DeviceKind, value: object) -> evt.DeviceTested:
    """Return the event of what a self-test gave: a value with text, code and facts, or the device's error."""
    if isinstance(value, DeviceError):
        code = value.code or value.how
        is_hand = isinstance(value, UserFault) or code == "no_card"
        text = f"selftest.failed_{HALF.get(value.left, value.how)}"
        return evt.DeviceTested(turn, kind.value, text, code, {"code": code}, error="" if is_hand else value.how)
    facts = {key: str(one) for key, one in getattr(value, "facts", {}).items()}
    return evt.DeviceTested(turn, kind.value, str(getattr(value, "text", "")), str(getattr(value, "code", "")), facts)
