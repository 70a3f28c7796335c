"""Which lamps burn: the place where the person's move is, and how the terminal is. Pure; nothing waits for a lamp."""

from __future__ import annotations

from devices.api import DeviceKind, FlashRate, Lamp, Light
from kiosk.session.session import Session, State
from kiosk.station.health import Station

# a lamp beside a device that is away would send the person to a dead one
BESIDE = {
    Light.CARD_READER: DeviceKind.READER,
    Light.SCANNER: DeviceKind.CAMERA,
    Light.RECEIPT_PRINTER: DeviceKind.PRINTER,
}


def lights_of(session: Session, station: Station) -> tuple[Lamp, ...]:
    """Return how every lamp shall be. A flashing lamp asks for a hand; a steady one says: the machine is at it."""
    places = {
        Light.CARD_READER: _reader(session),
        Light.SCANNER: _scanner(session),
        Light.RECEIPT_PRINTER: _printer(session),
    }
    state = _state_light(station)
    return (
        *(Lamp(light, rate if station.has(BESIDE[light]) else FlashRate.OFF) for light, rate in places.items()),
        *(
            Lamp(light, FlashRate.CONTINUOUS if light is state else FlashRate.OFF)
            for light in (Light.STATUS_GOOD, Light.STATUS_WARNING, Light.STATUS_BAD)
        ),
    )


def _reader(session: Session) -> FlashRate:
    is_asked = session.state is State.IDENTIFY or (session.state is State.FORM and session.is_reading_further)
    if is_asked or (session.state is State.FAREWELL and session.is_card_left):
        return FlashRate.MEDIUM
    return FlashRate.OFF


def _scanner(session: Session) -> FlashRate:
    # steady: a lamp that flashes beside the desk would move in the camera's picture
    return FlashRate.CONTINUOUS if session.state is State.SCAN else FlashRate.OFF


def _printer(session: Session) -> FlashRate:
    if session.slip == "printing":
        return FlashRate.CONTINUOUS
    is_lying = session.slip == "printed" and session.state in (State.SLIP, State.FAREWELL)
    return FlashRate.MEDIUM if is_lying else FlashRate.OFF


def _state_light(station: Station) -> Light:
    """Return the one lamp that tells from across the room: takes applications, with something amiss, or not at all."""
    if station.is_barred or not station.queue.is_accepting or not station.has(DeviceKind.READER):
        return Light.STATUS_BAD
    is_amiss = any(station.device_fault(kind)[0] for kind in DeviceKind) or not station.is_clock_ok
    return Light.STATUS_WARNING if is_amiss else Light.STATUS_GOOD
