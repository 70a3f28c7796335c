"""The lamp beside the person's move flashes, one lamp tells how the terminal is, and a dead device has no lamp."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from devices.api import DeviceKind, DeviceState, Door, FlashRate, Light, Sensors, Status, Switch, Ups
from kiosk.session.lights import lights_of
from kiosk.session.session import State
from kiosk.station.failures import failure_of
from kiosk.station.health import ALARMS
from offline_queue.api import PauseReason
from tests.fixtures.flow import make_station

PLACES = {Light.CARD_READER, Light.SCANNER, Light.RECEIPT_PRINTER}


def felt(**sensors):
    station = make_station()
    status = Status(DeviceKind.AUXILIARIES, "test", DeviceState.ONLINE, sensors=Sensors(**sensors))
    return replace(station, devices={**station.devices, DeviceKind.AUXILIARIES: status})


def rates(session, station=None):
    return {lamp.light: lamp.rate for lamp in lights_of(session, station or make_station())}


@pytest.fixture
def at(walk):
    return lambda state, **more: replace(walk.session, state=state, **more)


@pytest.mark.parametrize("state", State)
def test_at_most_one_place_is_lit_and_every_lamp_is_told(at, state):
    found = rates(at(state))
    assert set(found) == set(Light)
    assert sum(found[light] is not FlashRate.OFF for light in PLACES) <= 1


@pytest.mark.parametrize(
    ("state", "more", "light", "rate"),
    [
        (State.IDENTIFY, {}, Light.CARD_READER, FlashRate.MEDIUM),
        (State.FORM, {"is_reading_further": True}, Light.CARD_READER, FlashRate.MEDIUM),
        (State.FORM, {}, Light.CARD_READER, FlashRate.OFF),
        (State.FAREWELL, {"is_card_left": True}, Light.CARD_READER, FlashRate.MEDIUM),
        (State.FAREWELL, {}, Light.CARD_READER, FlashRate.OFF),
        (State.SCAN, {}, Light.SCANNER, FlashRate.CONTINUOUS),
        (State.SCAN, {"is_capturing": True}, Light.SCANNER, FlashRate.CONTINUOUS),
        (State.SLIP, {"slip": "printing"}, Light.RECEIPT_PRINTER, FlashRate.CONTINUOUS),
        (State.SLIP, {"slip": "printed"}, Light.RECEIPT_PRINTER, FlashRate.MEDIUM),
        (State.SLIP, {"slip": "failed"}, Light.RECEIPT_PRINTER, FlashRate.OFF),
    ],
)
def test_the_lamp_of_the_persons_move(at, state, more, light, rate):
    assert rates(at(state, **more))[light] is rate


@pytest.mark.parametrize(
    ("state", "light", "kind"),
    [
        (State.IDENTIFY, Light.CARD_READER, DeviceKind.READER),
        (State.SCAN, Light.SCANNER, DeviceKind.CAMERA),
    ],
)
def test_a_device_that_is_away_has_no_lamp(at, state, light, kind):
    assert rates(at(state), make_station(away=(kind,)))[light] is FlashRate.OFF


@pytest.mark.parametrize(
    ("station", "lit"),
    [
        (make_station(), Light.STATUS_GOOD),
        (make_station(online=False), Light.STATUS_GOOD),  # papers are taken in all the same
        (make_station(away=(DeviceKind.PRINTER,)), Light.STATUS_WARNING),
        (make_station(away=(DeviceKind.READER,)), Light.STATUS_BAD),
        (felt(door=Door.OPEN), Light.STATUS_WARNING),
        (felt(tamper=Switch.ON), Light.STATUS_WARNING),
        (felt(ups=Ups.ENGAGED), Light.STATUS_WARNING),
        (felt(ups=Ups.LOW), Light.STATUS_BAD),
        (felt(), Light.STATUS_GOOD),
        (replace(make_station(), is_clock_ok=False), Light.STATUS_WARNING),
    ],
)
def test_exactly_one_lamp_tells_how_the_terminal_is(at, station, lit):
    found = rates(at(State.ATTRACT), station)
    states = {Light.STATUS_GOOD, Light.STATUS_WARNING, Light.STATUS_BAD}
    assert {light for light in states if found[light] is FlashRate.CONTINUOUS} == {lit}
    assert all(found[light] is FlashRate.OFF for light in states - {lit})


@pytest.mark.parametrize("pause", PauseReason)
def test_a_terminal_the_platform_has_barred_burns_red(at, pause):
    queue = make_station().queue
    station = replace(make_station(), queue=replace(queue, pause=pause))
    is_red = rates(at(State.ATTRACT), station)[Light.STATUS_BAD] is FlashRate.CONTINUOUS
    assert is_red == (pause in (PauseReason.SUSPENDED, PauseReason.REVOKED))


@pytest.mark.parametrize(
    ("sensors", "word"),
    [
        ({"door": Door.OPEN}, "DoorOpen"),
        ({"tamper": Switch.ON, "door": Door.OPEN}, "Tampered"),
        ({"ups": Ups.ENGAGED}, "OnBattery"),
        ({"ups": Ups.LOW, "door": Door.OPEN}, "BatteryLow"),
    ],
)
def test_an_alarm_has_a_row_and_a_remedy_of_its_own(sensors, word):
    kind, code = felt(**sensors).device_fault(DeviceKind.AUXILIARIES)
    assert (kind, ALARMS[code]) == (word, word)
    assert failure_of("", code, kind).remedy.startswith("remedies.")
