"""The terminal itself: a wrong clock, a second process at the same store, a blank state folder; what doctor says."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from app.build import NotEnrolled, prepare
from app.commands.doctor import run_doctor
from app.commands.queue import run_queue
from app.stage import ROOT
from kiosk.session.session import State
from kiosk.station.config import DevicesConfig
from kiosk.station.texts import own_texts
from offline_queue.api import StoreBusy
from tests.fixtures.kiosk import CUT_WHILE_GREETING, Terminal

DAY_S = 86_400
SECOND = """
import sys
from pathlib import Path
import msgspec
from app.build import prepare
from kiosk.station.texts import own_texts
from app.opening import refuse
from kiosk.station.config import Config
from offline_queue.api import QueueError
try:
    prepare(msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Config), own_texts())
except QueueError as error:
    sys.exit(refuse(error))
"""


def test_a_clock_that_is_behind_is_said_on_the_slip_and_delays_nothing(blank_terminal: Terminal) -> None:
    floor = blank_terminal.state_folder / "trust" / "time.json"
    floor.write_text(json.dumps({"floor_s": int(time.time()) + DAY_S}))
    terminal = blank_terminal.start()
    terminal.hands_in_less = True
    assert not terminal.running.ready.clock.is_trusted()
    terminal.play(until=State.SLIP)
    sid = terminal.sid
    terminal.until(lambda: terminal.session.slip == "printed", "the slip")
    terminal.until_delivered(sid)
    assert terminal.commits(sid) == 1
    job = terminal.control("printer", "last")
    assert isinstance(job, dict)
    assert any("终端时间未校准" in row for row in job["rows"])


def test_a_second_process_at_the_same_store_is_refused_and_harms_nothing(
    terminal: Terminal, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with pytest.raises(StoreBusy):
        prepare(terminal.config, own_texts())
    path = tmp_path / "config.json"
    path.write_bytes(msgspec.json.encode(replace(terminal.config, devices=DevicesConfig())))
    other = subprocess.run(
        [sys.executable, "-c", SECOND, str(path)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (other.returncode, other.stderr.count("\n")) == (2, 1), other.stderr
    assert other.stderr.startswith("another terminal is running")
    assert run_queue("export", terminal.write_config(), False, folder=tmp_path / "export") == 2
    assert capsys.readouterr().err.startswith("a terminal is running on this queue")
    terminal.hands_in_less = True
    terminal.play(until=State.SLIP)
    terminal.until_delivered(terminal.sid)


@pytest.mark.expected_log("defect: ValueError at test_misfortune_station.py")
def test_a_defect_of_ours_is_written_down_without_its_text_and_asks_for_a_new_process(
    terminal: Terminal, caplog: pytest.LogCaptureFixture
) -> None:
    try:
        raise ValueError("沈示例 330402")
    except ValueError as error:
        terminal.running.note_defect(error)
    assert terminal.stuck == ["stuck"]
    assert "沈示例" not in caplog.text
    (line,) = [line for line in terminal.audit_lines() if line["e"] == "defect"]
    assert set(line["a"]) == {"place"}  # type: ignore[call-overload]
    terminal.stuck.clear()


@CUT_WHILE_GREETING
def test_doctor_and_queue_speak_of_a_terminal_from_outside(
    terminal: Terminal, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    terminal.hands_in_less = True
    terminal.control("line", "cut")
    terminal.play(until=State.DELIVERING)
    sid, number = terminal.sid, terminal.session.ticket.intake_number
    terminal.pass_time(place_s=11)
    config = terminal.write_config()
    assert run_doctor(config, True) == 0
    findings = {one["what"]: one for one in json.loads(capsys.readouterr().out)}
    assert findings["reader"]["state"] == "good"
    assert "正在用" in findings["reader"]["text"]
    assert findings["queue"]["text"].startswith("等待 1")
    terminal.until(lambda: terminal.session.slip == "printed", "the slip")
    terminal.stop()

    assert run_queue("list", config, True) == 0
    (entry,) = json.loads(capsys.readouterr().out)
    assert (entry["sid"], entry["number"], entry["item"], entry["state"]) == (sid, number, "SIM-MZ-0008", "ready")
    assert run_queue("stats", config, True) == 0
    assert json.loads(capsys.readouterr().out)["ready"] == 1
    assert run_queue("retry", config, False, number) == 2
    assert "is not held" in capsys.readouterr().err
    assert run_queue("retry", config, True) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert run_queue("export", config, True, folder=tmp_path / "export") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["folder"], told["lost"]) == (str(tmp_path / "export"), [])
    (sealed,) = told["sealed"]
    assert (sealed["sid"], sealed["number"]) == (sid, number)
    assert {"envelope.json", "manifest.ksb1"} < set(sealed["files"])
    assert all((tmp_path / "export" / number / file).stat().st_size > 0 for file in sealed["files"])
    assert run_queue("list", config, False) == 0
    assert number in capsys.readouterr().out


def test_a_blank_terminal_says_so(blank_terminal: Terminal, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    config = blank_terminal.config
    blank_terminal.config = replace(config, state=replace(config.state, folder=str(tmp_path / "blank")))
    with pytest.raises(NotEnrolled):
        prepare(blank_terminal.config, own_texts())
    assert run_queue("stats", blank_terminal.write_config(), False) == 2
    assert capsys.readouterr().err.startswith("no queue yet")


def test_the_doctor_finds_nothing_wrong_at_a_simulated_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "kiosk.toml"
    text = (ROOT / "deploy" / "models" / "simulated" / "kiosk.toml").read_text("utf-8")
    path.write_text(text.replace("~/.local/state/jinban", str(tmp_path / "state")), encoding="utf-8")
    assert run_doctor(path, True) == 0
    findings = json.loads(capsys.readouterr().out)
    looked_at = ["reader", "camera", "printer", "queue", "clock", "network", "keys", "catalogue"]
    assert [one["what"] for one in findings] == looked_at
    assert {one["state"] for one in findings} == {"good"}
    assert findings[0]["text"].endswith("reader-samv · 115200 baud")


def test_the_doctor_says_what_is_wrong_and_what_to_do(
    blank_terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    announced = blank_terminal.stage.announced
    assert announced is not None
    path = blank_terminal.write_config()
    text = path.read_text("utf-8")
    platform = f'urls = ["https://127.0.0.1:9"]\nca = "{announced.ca}"\npins = "{announced.pins}"'
    for old, new in (
        ("= true", "= false"),
        ('"sim:printer"', '"tcp:127.0.0.1:9"'),
        ('"sim:reader"', '"serial:/dev/no-such-port"'),
        ('"sim:camera"', '"http://127.0.0.1:9/"'),
        ("urls = []", platform),
    ):
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    assert run_doctor(path, True) == 1
    findings = {one["what"]: one for one in json.loads(capsys.readouterr().out)}
    for what in ("reader", "camera", "printer", "network"):
        assert findings[what]["state"] == "fault", findings[what]
        assert findings[what]["remedy"], what
    assert findings["catalogue"]["state"] == "good"
    assert run_doctor(path, False) == 1
    assert "→" in capsys.readouterr().out
    path.write_text(text.replace('site = "village"', 'site = "moon"'), encoding="utf-8")
    assert run_doctor(path, False) == 2
    assert "station.site" in capsys.readouterr().err
