"""Lamps, door and battery of a running terminal, at the real board's wire; no visit depends on them."""

from __future__ import annotations

import time

import pytest
from msgspec.structs import replace

from devices.api import DeviceKind, DeviceState, Ups
from devices.lane import POLL_S
from kiosk.session.session import State
from kiosk.station.config import DeviceConfig

BOARD = DeviceKind.AUXILIARIES
READER, PRINTER, SCANNER, GOOD, WARNING, BAD = 0, 1, 2, 3, 4, 5
OPTIONS: dict[str, str | int | float | bool] = {"answer_s": 5}


@pytest.fixture
def cabinet(blank_terminal):
    """A running terminal whose cabinet has a board."""
    blank_terminal.stage.plug_in(BOARD)
    devices = blank_terminal.config.devices
    board = DeviceConfig(driver="", link=blank_terminal.stage.link(BOARD), options=OPTIONS)
    blank_terminal.config = replace(blank_terminal.config, devices=replace(devices, auxiliaries=board))
    blank_terminal.hands_in_less = True
    return blank_terminal.start()


def lit(terminal) -> set[int]:
    return set(terminal.control("auxiliaries", "lit"))


def is_flashing(terminal, lamp: int) -> bool:
    """Whether a lamp is lit within two turns. Looked at once a tick it may flash in step with the ticks, unseen."""
    end = time.monotonic() + 4 * POLL_S
    while time.monotonic() < end:
        if lamp in lit(terminal):
            return True
        terminal.loop.run_until(lambda: False, 0.05)
    return False


def sensors_in(audit) -> list[tuple[str, str]]:
    return [(line["a"]["sensor"], line["a"]["state"]) for line in audit if line["e"] == "cabinet.sensor"]


def test_the_lamps_follow_the_visit_and_the_contacts_are_told_and_written_down(cabinet):
    cabinet.until(lambda: lit(cabinet) == {GOOD}, "the good lamp alone")
    cabinet.play(until=State.IDENTIFY)
    cabinet.until(lambda: is_flashing(cabinet, READER), "the reader's lamp")
    cabinet.control("auxiliaries", "forget_asked")
    cabinet.until(lambda: cabinet.control("auxiliaries", "asked").count("05") >= 4, "its flashing")
    cabinet.play(until=State.NOTICE)
    cabinet.until(lambda: lit(cabinet) == {GOOD}, "the reader's lamp off")

    cabinet.control("auxiliaries", "feel", name="cabinetDoor")
    cabinet.until(lambda: "机柜的门开着" in cabinet.view.top.notice, "the word of the door")
    cabinet.until(lambda: lit(cabinet) == {WARNING}, "the yellow lamp")
    cabinet.control("auxiliaries", "feel", name="upsEngaged")
    cabinet.control("auxiliaries", "feel", name="upsLow")
    cabinet.until(lambda: cabinet.running.runner.station.is_battery_low, "the empty battery")
    cabinet.until(lambda: lit(cabinet) == {BAD}, "the red lamp")

    cabinet.play(until=State.SLIP)  # what has begun goes on
    cabinet.until_delivered(cabinet.session.sid)
    cabinet.go_home()
    cabinet.do("start")
    cabinet.do("choose", "item:SIM-MZ-0008")
    apply = next(action for action in cabinet.view.actions if action.id == "apply")
    assert not apply.is_enabled  # and nothing new begins
    assert "备用电源" in apply.reason
    cabinet.do("apply")
    assert cabinet.session.state is State.GUIDE

    cabinet.control("auxiliaries", "mend")
    cabinet.until(lambda: next(a for a in cabinet.view.actions if a.id == "apply").is_enabled, "the mains")
    cabinet.until(lambda: lit(cabinet) == {GOOD}, "the good lamp")
    cabinet.until(lambda: len(sensors_in(cabinet.audit_lines())) >= 7, "the audit log")
    felt = sensors_in(cabinet.audit_lines())
    assert [one for one in felt if one[0] == "door"] == [("door", "closed"), ("door", "open"), ("door", "closed")]
    assert next(one for one in felt if one[0] == "ups") == ("ups", Ups.POWERING)
    assert ("ups", Ups.LOW) in felt
    assert felt[-1] in (("door", "closed"), ("ups", Ups.POWERING))


def test_a_board_pulled_out_in_a_visit_costs_the_visit_nothing_and_its_lamps_come_back(cabinet):
    cabinet.play(until=State.IDENTIFY)
    cabinet.until(lambda: is_flashing(cabinet, READER), "the reader's lamp")
    cabinet.stage.unplug(BOARD)
    lane = cabinet.running.lanes[BOARD]
    cabinet.until(lambda: lane.status.device is not DeviceState.ONLINE, "the loss")
    cabinet.until(lambda: cabinet.running.runner.station.device_fault(BOARD)[0] == "Auxiliaries", "the word of it")
    assert cabinet.view.top.notice == "", "nobody who stands here needs lamps"
    cabinet.play(until=State.SLIP)
    cabinet.stage.plug_in(BOARD)
    cabinet.until(lambda: lane.status.is_ready, "the board")
    cabinet.until(lambda: is_flashing(cabinet, PRINTER), "the printer's lamp: the slip lies there")
    cabinet.until_delivered(cabinet.session.sid, 120)
    cabinet.go_home()
    cabinet.until(lambda: lit(cabinet) == {GOOD}, "rest")
    assert cabinet.view.top.notice == ""
