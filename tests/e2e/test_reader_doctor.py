"""What the doctor says of a reader: how it is spoken to, and for each fault the remedy that helps."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.commands.doctor import run_doctor
from devices.sim.control import SimProcess
from tests.fixtures.reader import ReaderRig

STATION = """
[station]
name_zh = "站"
name_en = "Station"
hours_zh = "全天"
hours_en = "all day"
agent_zh = "人"
agent_en = "Person"
phone = "12345"
terminal_no = "T1"
site = "village"

[state]
folder = "state"

[screen]
locale = "en"
"""


@pytest.fixture
def doctor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[str], dict[str, str]]:
    """Return what asks the doctor of the reader at a link."""

    def ask(link: str) -> dict[str, str]:
        path = tmp_path / "kiosk.toml"
        device = f"[devices.reader]\ndriver = 'reader-samv'\nlink = '{link}'\n"
        path.write_text(STATION + device, encoding="utf-8")
        assert run_doctor(path, True) == 1  # a blank terminal is not enrolled
        (found,) = (one for one in json.loads(capsys.readouterr().out) if one["what"] == "reader")
        return found

    return ask


@pytest.fixture
def hid_rig(reader_processes: Callable[[str], SimProcess]) -> Iterator[ReaderRig]:
    """A far end behind reports."""
    rig = ReaderRig(reader_processes("hid"))
    rig.reset()
    yield rig
    rig.reset()


@pytest.mark.parametrize("wire", ["serial", "usb-whole"])
def test_a_good_reader_tells_how_it_is_spoken_to(doctor, reader_processes, wire):
    found = doctor(reader_processes(wire).link)
    assert found["state"] == "good"
    assert {"serial": "115200 baud", "usb-whole": "usb whole"}[wire] in found["text"]


@pytest.mark.parametrize(
    ("fault", "code", "remedy"),
    [
        ("self_test", "self_test", "replace the reader"),
        ("not_authorised", "not_authorised", "Ask its maker"),
        ("mute", "mute", "Check its power"),
        ("garbage", "garbled", "another cable"),
    ],
)
def test_each_fault_has_its_remedy(doctor, hid_rig, fault, code, remedy):
    hid_rig.call("fault", fault=fault)
    found = doctor(hid_rig.link)
    assert (found["state"], found["code"]) == ("fault", code)
    assert remedy in found["remedy"]


@pytest.mark.parametrize("link", ["serial:/dev/no-such-port", "hid:FFFF:FFFF"])
def test_a_reader_that_is_not_there_says_where_to_look(doctor, link):
    found = doctor(link)
    assert (found["code"], "Check its cable" in found["remedy"]) == ("noDevice", True)
