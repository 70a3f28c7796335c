"""The maintenance page of a running terminal: its door, its self-tests on real wires, and what it leaves behind."""

from __future__ import annotations

from devices.api import DeviceKind
from kiosk.session.session import State
from tests.fixtures.kiosk import TECHNICIAN_PIN as PIN
from tests.fixtures.kiosk import Terminal


def enter(kiosk: Terminal, pin: str) -> None:
    for digit in pin:
        kiosk.do("type", digit)
    kiosk.do("pin_done")
    kiosk.until(lambda: not kiosk.session.is_checking_pin, "the verdict")


def row(kiosk: Terminal, key: str) -> str:
    return next((row.value for row in kiosk.view.rows if row.key == key), "")


def test_a_wrong_code_stays_out_and_the_right_one_sees_every_device(kiosk: Terminal) -> None:
    kiosk.do("technician")
    enter(kiosk, "271828")
    assert (kiosk.session.state, kiosk.session.pin_verdict) == (State.PIN, "wrong")
    assert kiosk.view.fields[0].error == "密码不对，请再输一次"
    enter(kiosk, PIN)
    kiosk.until_state(State.TECHNICIAN)
    assert kiosk.session.pin.reveal() == ""
    kiosk.until(lambda: "card_R" in row(kiosk, "reader.abilities"), "what the reader can do")
    assert row(kiosk, "reader.identifier") == "05.01-20200115-0000123456-0305419896"
    assert {one.key for one in kiosk.view.rows} >= {"reader", "camera", "printer"}


def test_each_device_is_tested_and_one_pulled_in_the_middle_says_so(kiosk: Terminal) -> None:
    before = len(kiosk.audit_lines())
    kiosk.do("technician")
    enter(kiosk, PIN)
    kiosk.until_state(State.TECHNICIAN)
    kiosk.control("reader", "put", card="elder")
    kiosk.do("self_test", "reader")
    kiosk.until(lambda: row(kiosk, "reader.tested") != "", "the reader's test")
    assert row(kiosk, "reader.tested") == "读到一张证件（R 版），照片 1024 字节"
    kiosk.do("self_test", "printer")
    kiosk.until(lambda: row(kiosk, "printer.tested") != "", "the printer's test")
    assert "秒打完" in row(kiosk, "printer.tested")
    kiosk.control("reader", "take")
    kiosk.do("self_test", "reader")
    assert kiosk.view.key == "technician.testing"
    kiosk.stage.unplug(DeviceKind.READER)
    kiosk.until(lambda: "noDevice" in row(kiosk, "reader.tested"), "the broken test")
    assert row(kiosk, "reader.tested").startswith("没有通过：设备没接好，或没准备好（noDevice） — 没找到读卡器")
    kiosk.until(lambda: row(kiosk, "reader.fault").startswith("noDevice — 没找到读卡器"), "the last trouble")
    kiosk.do("end")
    kiosk.until_state(State.ATTRACT)
    assert kiosk.session.tested == ()
    lines = [(one["e"], one["a"]) for one in kiosk.audit_lines()[before:]]
    tests = [args for event, args in lines if event == "device.tested"]
    assert tests == [
        {"kind": "reader", "result": "passed"},
        {"kind": "printer", "result": "passed"},
        {"kind": "reader", "result": "failed"},
    ]
    assert [args["verdict"] for event, args in lines if event == "technician.code"] == ["right"]
    assert PIN not in str(lines)
