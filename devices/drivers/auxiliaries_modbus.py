"""A relay board that speaks Modbus RTU: coils switch lamps, discrete inputs feel door, tamper contact and UPS.

Which coil is which lamp, and which input which contact, is configuration: boards and wiring differ. A relay knows on
and off: a lamp flashes because each look at the board turns it over, and a colour is whatever lamp hangs there.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TypeVar

from devices.api import (
    Capabilities,
    Deadline,
    DeviceError,
    DeviceKind,
    DeviceState,
    Door,
    FlashRate,
    HardwareFault,
    Lamp,
    Light,
    NotReady,
    Proximity,
    Sensors,
    Status,
    Switch,
    TimedOut,
    Unsupported,
    Ups,
    WireFault,
)
from devices.links import open_link
from devices.wire import modbus
from devices.wire.modbus import Answer, Function, Refusal, Request

T = TypeVar("T")

DRIVER = "auxiliaries-modbus"
ANSWER_S = 0.5  # boards answer within some ten milliseconds; 9600 baud carries a frame in ten
TRIES = 2  # a long line beside a motor loses a frame now and then; writing a coil twice does no harm
SWITCHES = ("cabinetDoor", "tamperSensor", "upsEngaged", "upsLow", "proximitySensor")
LIGHTS = "cardReader=0 receiptPrinter=1 scanner=2 statusGood=3 statusWarning=4 statusBad=5"
INPUTS = "cabinetDoor=0 tamperSensor=1 upsEngaged=2 upsLow=3 proximitySensor=4"
SPAN = 64  # one request reads or writes all of them; no board for a cabinet has more
EVERY = {FlashRate.SLOW: 2, FlashRate.MEDIUM: 1, FlashRate.QUICK: 1}  # looks at the board between two turns
REFUSALS = {
    Refusal.ILLEGAL_FUNCTION: Unsupported("illegal_function"),
    Refusal.ILLEGAL_ADDRESS: HardwareFault("illegal_address"),
    Refusal.ILLEGAL_VALUE: HardwareFault("illegal_value"),
    Refusal.BUSY: HardwareFault("busy"),
    Refusal.GATEWAY_PATH: NotReady("no_answer"),
    Refusal.GATEWAY_SILENT: NotReady("no_answer"),
}


class ModbusAuxiliaries:
    """Lamps and contacts of one board at one address of the line."""

    kind = DeviceKind.AUXILIARIES

    def __init__(
        self, address: str, *, lights: str = LIGHTS, inputs: str = INPUTS, unit: int = 1, answer_s: float = ANSWER_S
    ) -> None:
        """Take a link and the wiring.

        `lights` is `name=coil …`; `inputs` is `name=input …`, with `!name` where the contact is closed at rest.
        `upsEngaged` is the UPS's contact for on battery, `upsLow` the one for battery low. Raises: ValueError.
        """
        self._link = open_link(address)
        self._coils = {Light(name): number for name, number, _ in _wiring("lights", lights, tuple(Light))}
        wires = _wiring("inputs", inputs, SWITCHES)
        self._inputs = {name: (number, is_resting) for name, number, is_resting in wires}
        if not modbus.BROADCAST < unit <= modbus.LAST_UNIT:
            raise ValueError(f"unit {unit}: allowed are 1 to {modbus.LAST_UNIT}")
        self._unit = unit
        self._answer_s = answer_s
        self._lamps: dict[Light, FlashRate] = {}
        self._looks = 0
        self._is_open = False

    def open(self, deadline: Deadline) -> None:
        """Connect and make sure the board answers. Raises: DeviceError."""
        if not self._is_open:
            self._link.open()
            self._is_open = True
        try:
            self._ask(Request(self._unit, Function.READ_COILS, 0, self._coil_count), deadline)
        except DeviceError:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the port; lamps stay as they are. Closing twice is harmless."""
        self._is_open = False
        self._link.close()

    def status(self, deadline: Deadline) -> Status:
        """Return what the contacts say, and turn over what flashes. Raises: DeviceError.

        Lamps are read back: a board that lost its power for a moment is put right.
        """
        sensors = self.sensors(deadline)
        self._looks += 1
        self._show(deadline)
        return Status(
            self.kind,
            DRIVER,
            device=DeviceState.ONLINE,
            code=sensors.alarm,
            at_mono_s=time.monotonic(),
            sensors=sensors,
        )

    def capabilities(self) -> Capabilities:
        """Return which lamps and contacts are wired; nothing here has met a physical board."""
        return Capabilities(
            kind=self.kind,
            driver=DRIVER,
            features=(*(light.value for light in self._coils), *self._inputs, "flash_slow", "flash_medium"),
            provisional=("boards", "ups_contacts"),
            identifier=f"unit {self._unit}",
        )

    def set_light(self, *lamps: Lamp, deadline: Deadline) -> None:
        """Have these lamps so from now on; others stay, unwired ones are passed over. Raises: DeviceError."""
        for lamp in lamps:
            if lamp.light in self._coils:
                self._lamps[lamp.light] = lamp.rate
        self._show(deadline)

    def sensors(self, deadline: Deadline) -> Sensors:
        """Return what the contacts say. Raises: DeviceError."""
        if not self._inputs:
            return Sensors()
        count = 1 + max(number for number, _ in self._inputs.values())
        answer = self._ask(Request(self._unit, Function.READ_INPUTS, 0, count), deadline)
        return _sensors({name: answer.bits[number] != rests for name, (number, rests) in self._inputs.items()})

    @property
    def _coil_count(self) -> int:
        return 1 + max(self._coils.values(), default=0)

    def _show(self, deadline: Deadline) -> None:
        """Write the coils of our lamps that are not as they shall be; coils of nobody's are left alone."""
        wanted = {self._coils[light]: self._is_lit(rate) for light, rate in self._lamps.items()}
        if not wanted:
            return
        are = self._ask(Request(self._unit, Function.READ_COILS, 0, self._coil_count), deadline).bits
        wrong = {coil: bit for coil, bit in wanted.items() if are[coil] != bit}
        if len(wrong) > 1:
            first, last = min(wrong), max(wrong)
            bits = tuple(wanted.get(coil, are[coil]) for coil in range(first, last + 1))
            self._ask(Request(self._unit, Function.WRITE_COILS, first, len(bits), bits), deadline)
        for coil, bit in wrong.items() if len(wrong) == 1 else ():
            self._ask(Request(self._unit, Function.WRITE_COIL, coil, 1, (bit,)), deadline)

    def _is_lit(self, rate: FlashRate) -> bool:
        if rate in EVERY:
            return self._looks // EVERY[rate] % 2 == 0
        return rate is FlashRate.CONTINUOUS

    # ── the line ─────────────────────────────────────────────────────────────────────────

    def _ask(self, request: Request, deadline: Deadline) -> Answer:
        """Return the board's answer. Raises: NotReady, TimedOut, Cancelled, WireFault, HardwareFault, Unsupported."""
        for left in reversed(range(TRIES)):
            deadline.check("relay")
            try:
                answer = self._exchange(request, min(self._answer_s, deadline.left_s()))
            except (TimedOut, WireFault):
                if not left or not deadline.left_s():
                    raise
                continue
            if answer.refusal:
                known = answer.refusal in tuple(Refusal)
                fault = REFUSALS.get(Refusal(answer.refusal)) if known else None
                raise type(fault)(fault.code) if fault else HardwareFault("device_failure")
            return answer
        raise TimedOut("no_answer")

    def _exchange(self, request: Request, seconds: float) -> Answer:
        """Ask once. It is let finish, called off or not: an answer nobody waits for would be the next one's."""
        patience = Deadline(seconds)
        decoder = modbus.AnswerDecoder(request)
        self._link.drain()
        self._link.write(modbus.encode_request(request), patience)
        try:
            while True:
                if (answer := decoder.feed(self._link.read(modbus.MAX_FRAME, patience))) is not None:
                    return answer
        except TimedOut as fault:
            if decoder.has_heard:
                with suppress(NotReady):
                    self._link.drain()
                raise WireFault("garbled") from fault
            raise TimedOut("no_answer") from fault


def _wiring(what: str, text: str, names: tuple[str, ...]) -> list[tuple[str, int, bool]]:
    """Return (name, number, rests closed) of `name=number !name=number …`. Raises: ValueError."""
    found: list[tuple[str, int, bool]] = []
    for word in text.split():
        name, equals, number = word.removeprefix("!").partition("=")
        is_inverted = word.startswith("!")
        if name not in names or not equals or not (number.isascii() and number.isdigit()) or int(number) >= SPAN:
            raise ValueError(f"{what} {word!r}: allowed is NAME=0…{SPAN - 1}, where NAME is one of {', '.join(names)}")
        if is_inverted and what == "lights":
            raise ValueError(f"{what} {word!r}: only an input can be closed at rest")
        if name in {other for other, _, _ in found} or int(number) in {other for _, other, _ in found}:
            raise ValueError(f"{what} {word!r}: each name and each number once")
        found.append((name, int(number), is_inverted))
    return found


def _sensors(on: Mapping[str, bool]) -> Sensors:
    """Return the contacts in words; one that is not wired is unknown."""
    engaged, low = on.get("upsEngaged"), on.get("upsLow")
    ups = Ups.UNKNOWN if engaged is None else Ups.ENGAGED if engaged else Ups.POWERING
    if low and engaged is not False:  # a battery that is empty while the mains are there charges
        ups = Ups.LOW
    return Sensors(
        door=_word(on.get("cabinetDoor"), Door.UNKNOWN, Door.OPEN, Door.CLOSED),
        tamper=_word(on.get("tamperSensor"), Switch.UNKNOWN, Switch.ON, Switch.OFF),
        ups=ups,
        proximity=_word(on.get("proximitySensor"), Proximity.UNKNOWN, Proximity.PRESENT, Proximity.NOT_PRESENT),
    )


def _word(is_on: bool | None, unknown: T, on: T, off: T) -> T:
    return unknown if is_on is None else on if is_on else off
