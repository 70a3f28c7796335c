"""What every driver of lamps and cabinet sensors promises, over every wire, against its far end."""

from __future__ import annotations

import threading

import pytest

from devices.api import (
    Cancelled,
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
    Switch,
    TimedOut,
    Unsupported,
    Ups,
    WireFault,
)
from devices.drivers.auxiliaries_modbus import ModbusAuxiliaries
from devices.sim.control import spawn
from tests.fixtures.auxiliaries import QUICK
from tests.fixtures.reader import wait_until, within

QUIET = Sensors(Door.CLOSED, Switch.OFF, Ups.POWERING, Proximity.NOT_PRESENT)


def test_a_quiet_cabinet_is_ready_and_says_so(board, board_rig):
    status = board.status(within())
    assert (status.kind, status.device, status.code, status.is_ready) == (
        DeviceKind.AUXILIARIES,
        DeviceState.ONLINE,
        "",
        True,
    )
    assert status.sensors == QUIET
    assert {"cardReader", "cabinetDoor", "upsLow"} <= set(board.capabilities().features)
    board.open(within())  # again: harmless


@pytest.mark.parametrize(
    ("closed", "alarm"),
    [
        ((), ""),
        (("proximitySensor",), ""),
        (("cabinetDoor",), "door_open"),
        (("tamperSensor", "cabinetDoor"), "tampered"),
        (("upsEngaged",), "on_battery"),
        (("upsEngaged", "upsLow"), "battery_low"),
        (("upsLow",), ""),  # it charges: the mains are there
        (("cabinetDoor", "upsEngaged"), "door_open"),
        (("cabinetDoor", "upsEngaged", "upsLow"), "battery_low"),
    ],
)
def test_each_contact_is_felt_and_the_first_to_see_to_is_named(board, board_rig, closed, alarm):
    for name in closed:
        board_rig.call("feel", name=name)
    status = board.status(within())
    sensors = status.sensors
    assert (sensors.door is Door.OPEN) == ("cabinetDoor" in closed)
    assert (sensors.tamper is Switch.ON) == ("tamperSensor" in closed)
    assert (sensors.proximity is Proximity.PRESENT) == ("proximitySensor" in closed)
    assert (sensors.ups is Ups.POWERING) == ("upsEngaged" not in closed)
    assert (sensors.alarm, status.code, status.is_ready) == (alarm, alarm, True)


def test_lamps_go_on_and_off_and_others_stay(board, board_rig):
    board.set_light(Lamp(Light.STATUS_GOOD), Lamp(Light.CARD_READER), deadline=within())
    assert board_rig.lit == [0, 3]
    board.set_light(Lamp(Light.STATUS_GOOD, FlashRate.OFF), deadline=within())
    assert board_rig.lit == [0]


def test_only_what_changes_is_written(board, board_rig):
    board.set_light(Lamp(Light.SCANNER), deadline=within())
    board_rig.call("forget_asked")
    board.set_light(Lamp(Light.SCANNER), deadline=within())
    assert board_rig.call("asked") == ["01"]


@pytest.mark.parametrize(("rate", "seen"), [("medium", "10101010"), ("slow", "11001100"), ("quick", "10101010")])
def test_a_lamp_that_flashes_turns_over_as_the_board_is_looked_at(board, board_rig, rate, seen):
    board.set_light(Lamp(Light.CARD_READER, FlashRate(rate)), deadline=within())
    found = "".join("1" if board_rig.lit else "0" for _ in range(8) if [board.status(within())])
    assert found in (seen, seen[1:] + seen[0], seen[2:] + seen[:2], seen[3:] + seen[:3])


def test_a_board_that_lost_its_power_is_put_right_at_the_next_look(board, board_rig):
    board.set_light(Lamp(Light.STATUS_BAD), deadline=within())
    board_rig.call("reset")
    board.status(within())
    assert board_rig.lit == [5]


@pytest.mark.parametrize("board_rig", ["serial"], indirect=True)  # each waits for its line to stay silent
@pytest.mark.parametrize("fault", ["bad_crc", "garbage", "truncated", "flood", "mute", "other_unit"])
def test_one_spoilt_answer_is_asked_for_again(board_rig, fault):
    driver = ModbusAuxiliaries(board_rig.link, answer_s=2.0)
    driver.open(within())
    board_rig.call("fault", fault=fault, times=1)
    assert driver.status(within()).sensors == QUIET
    driver.close()


@pytest.mark.parametrize("fault", ["noise", "split"])
def test_noise_before_an_answer_and_pieces_do_no_harm(board, board_rig, fault):
    board_rig.call("fault", fault=fault)
    board.set_light(Lamp(Light.SCANNER), deadline=within())
    assert board.status(within()).sensors == QUIET
    assert board_rig.lit == [2]


@pytest.mark.parametrize(
    ("fault", "error", "code"),
    [
        ("mute", TimedOut, "no_answer"),
        ("bad_crc", WireFault, "garbled"),
        ("truncated", WireFault, "garbled"),
        ("flood", WireFault, "flood|garbled"),
        ("other_unit", WireFault, "garbled"),
        ("failure", HardwareFault, "device_failure"),
        ("busy", HardwareFault, "busy"),
        ("address", HardwareFault, "illegal_address"),
    ],
)
def test_each_lasting_fault_is_a_typed_error_and_mending_it_is_enough(board_rig, fault, error, code):
    driver = ModbusAuxiliaries(board_rig.link, **QUICK)
    board_rig.call("fault", fault=fault)
    with pytest.raises(error, match=code):
        driver.open(within())
    board_rig.call("mend")
    wait_until(lambda: _opens(driver), "the board")
    driver.close()
    driver.close()
    with pytest.raises(NotReady):
        driver.status(within())


def _opens(driver: ModbusAuxiliaries) -> bool:
    try:
        driver.open(within())
    except DeviceError:  # on a busy machine the board may need longer than QUICK
        return False
    return True


def test_wiring_of_ones_own_and_contacts_closed_at_rest(board_rig):
    driver = ModbusAuxiliaries(
        board_rig.link, lights="cardReader=9", inputs="!cabinetDoor=7 upsEngaged=0", answer_s=10.0
    )
    driver.open(within())
    board_rig.call("feel", name=7)
    assert driver.sensors(within()) == Sensors(door=Door.CLOSED, ups=Ups.POWERING)
    board_rig.call("feel", name=7, on=False)  # a cut wire reads as an open door
    assert driver.sensors(within()).door is Door.OPEN
    driver.set_light(Lamp(Light.CARD_READER), Lamp(Light.STATUS_BAD), deadline=within())
    assert board_rig.lit == [9]
    driver.close()


def test_a_board_without_contacts_knows_nothing_of_the_cabinet(board_rig):
    driver = ModbusAuxiliaries(board_rig.link, inputs="", lights="", answer_s=10.0)
    driver.open(within())
    assert driver.status(within()).sensors == Sensors()
    driver.close()


def test_a_lamp_beyond_the_board_is_said(board_rig):
    driver = ModbusAuxiliaries(board_rig.link, lights="scanner=40", answer_s=10.0)
    with pytest.raises(HardwareFault, match="illegal_address"):
        driver.open(within())


def test_a_board_at_another_address_does_not_answer(board_rig):
    driver = ModbusAuxiliaries(board_rig.link, unit=2, **QUICK)
    with pytest.raises(TimedOut, match="no_answer"):
        driver.open(within())


def test_a_call_off_ends_it_before_the_next_question(board):
    called_off = threading.Event()
    called_off.set()
    with pytest.raises(Cancelled):
        board.status(Deadline(5, called_off))
    board.status(within())


def test_a_board_pulled_out_is_not_ready_and_comes_back(own_board):
    driver = ModbusAuxiliaries(own_board.link, answer_s=10.0)
    driver.open(within())
    own_board.process.kill()
    with pytest.raises(NotReady):
        driver.status(within())
    driver.close()
    own_board.process.start_again()
    driver.open(within())
    assert driver.status(within()).is_ready
    driver.close()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"lights": "cardReader"}, "lights 'cardReader'"),
        ({"lights": "lamp=1"}, "NAME is one of cardReader"),
        ({"lights": "!scanner=1"}, "only an input"),
        ({"lights": "scanner=64"}, "NAME=0…63"),
        ({"lights": "scanner=1 cardReader=1"}, "each number once"),
        ({"inputs": "cabinetDoor=1 cabinetDoor=2"}, "each name"),
        ({"inputs": "upsLow=²"}, "NAME=0…63"),
        ({"unit": 248}, "1 to 247"),
    ],
)
def test_a_wiring_that_cannot_be_is_refused_in_words(options, said):
    with pytest.raises(ValueError, match=said.replace("…", ".")):
        ModbusAuxiliaries("tcp:127.0.0.1:9", **options)


def test_an_old_board_without_inputs_is_unsupported_in_words(tmp_path):
    with spawn("auxiliaries", folder=tmp_path) as far:
        driver = ModbusAuxiliaries(far.link, answer_s=10.0)
        driver.open(within())
        far.control.call("fault", fault="function")
        with pytest.raises(Unsupported, match="illegal_function"):
            driver.status(within())
        driver.close()
