"""The doctor's self-tests over real wires: what they say of a device that is well, lacking, or pulled in the middle."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from app.code_hash import PARTS, code_folder, code_hash
from app.commands.doctor import run_doctor, written
from app.commands.doctor_devices import DeviceDoctor
from app.commands.report import RECIPE, write_report
from app.findings import Finding
from app.setting import DEFAULT_CONFIG
from devices.api import DeviceKind
from devices.sim.control import SimProcess, spawn
from kiosk.station.config import Config, DeviceConfig, DevicesConfig, load_config
from kiosk.station.texts import own_texts
from tests.fixtures.reader import wait_until

K = DeviceKind
PATIENT = {
    "reader": {"answer_s": 5},
    "printer": {"answer_s": 15},
    "auxiliaries": {"answer_s": 5},
    "camera": {"freeze_s": 20},
}  # a far end on a busy machine may take its time
USUAL = {
    "reader": "reader-samv",
    "printer": "printer-escpos",
    "camera": "camera-http",
    "auxiliaries": "auxiliaries-modbus",
}
Options = dict[str, dict[str, int]]


@pytest.fixture
def far(tmp_path) -> Iterator[Callable[..., SimProcess]]:
    started: list[SimProcess] = []

    def start(kind: str, *words: str) -> SimProcess:
        started.append(spawn(kind, *words, folder=tmp_path / f"{kind}{len(started)}"))
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture(scope="module")
def printer_rig_tcp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimProcess]:
    with spawn("printer", "--tcp", "--instant", "--undrawn", folder=tmp_path_factory.mktemp("printer")) as process:
        yield process


def doctor_for(tmp_path: Path, is_held: bool = False, options: Options | None = None, **links: str) -> DeviceDoctor:
    base = load_config(DEFAULT_CONFIG)
    devices = DevicesConfig(
        **{
            kind: DeviceConfig(driver=USUAL[kind], link=link, options=(options or PATIENT).get(kind, {}))
            for kind, link in links.items()
        }
    )
    config = replace(base, devices=devices, state=replace(base.state, folder=str(tmp_path / "state")))
    return DeviceDoctor(config, own_texts(), is_held)


def test_a_card_is_read_and_nothing_of_it_is_told(tmp_path, far):
    reader = far("reader", "--baud", "0", "--put", "elder")
    doctor = doctor_for(tmp_path, reader=reader.link)
    found = doctor.test(K.READER)
    assert (found.state, found.text) == ("good", "读到一张证件（R 版），照片 1024 字节")
    assert set(found.details) == {"layout", "photo"}
    assert doctor.hand_of(K.READER) == "请放上一张证件"


def test_a_slip_with_the_ruler_comes_out(tmp_path, far):
    printer = far("printer", "--serial", "--instant", "--out", str(tmp_path / "slips"))
    found = doctor_for(tmp_path, printer=printer.link).test(K.PRINTER)
    assert (found.state, found.details["paper"]) == ("good", "full")
    (job,) = printer.control.call("jobs")
    assert job["is_complete"]
    assert job["rows"][0] == "打印自检 Print self-test"
    assert sum(row.startswith("[picture 576×") for row in job["rows"]) > 4


def test_a_blank_page_is_looked_at(tmp_path, far):
    found = doctor_for(tmp_path, camera=far("camera", "--lay", "blank").link).test(K.CAMERA)
    assert (found.state, found.details["streaks"]) == ("good", "0")
    assert int(found.details["white"]) > 160
    assert "污点" in found.text


def test_what_the_hand_did_wrong_is_asked_for_again(tmp_path, far):
    reader = far("reader", "--baud", "0", "--put", "elder")
    reader.control.call("fault", fault="read_failed")
    found = doctor_for(tmp_path, reader=reader.link).test(K.READER)
    assert (found.state, found.remedy) == ("care", "请放上一张证件")
    assert found.text.startswith("没有测成：")


@pytest.mark.parametrize(
    ("kind", "remedy"), [(K.READER, "没找到读卡器"), (K.PRINTER, "检查打印机的线"), (K.CAMERA, "检查高拍仪")]
)
def test_a_device_that_is_not_there_is_a_fault_with_its_remedy(tmp_path, kind, remedy):
    link = {K.READER: "serial:/nowhere/tty", K.PRINTER: "tcp:127.0.0.1:9", K.CAMERA: "http://127.0.0.1:9/stream"}[kind]
    doctor = doctor_for(tmp_path, **{kind.value: link})
    for found in (doctor.look(kind), doctor.test(kind)):
        assert (found.state, found.code) == ("fault", "noDevice")
        assert found.remedy.startswith(remedy)


def pulled(
    doctor: DeviceDoctor, kind: DeviceKind, is_under_way: Callable[[], bool], pull: Callable[[], None]
) -> Finding:
    """Return what is said when the device is pulled while its test is under way."""
    found: list[Finding] = []
    test = threading.Thread(target=lambda: found.append(doctor.test(kind)))
    test.start()
    wait_until(is_under_way, f"the test of the {kind.value}")
    pull()
    test.join(60)
    return found[0]


def test_a_reader_pulled_in_the_middle_is_told_in_one_clear_line(tmp_path, far):
    reader = far("reader", "--baud", "0")
    doctor = doctor_for(tmp_path, reader=reader.link)
    found = pulled(doctor, K.READER, lambda: "2001" in reader.control.call("asked"), reader.kill)
    assert (found.state, found.code, found.text) == (
        "fault",
        "noDevice",
        "没有通过：设备没接好，或没准备好（noDevice）",
    )
    assert found.remedy.startswith("没找到读卡器")


def test_a_printer_pulled_in_the_middle_is_told_in_one_clear_line(tmp_path, far):
    printer = far("printer", "--serial", "--mm-per-s", "8", "--baud", "9600", "--out", str(tmp_path / "slips"))
    doctor = doctor_for(tmp_path, printer=printer.link)

    def is_printing() -> bool:
        return printer.control.call("rows_out") > 0

    found = pulled(doctor, K.PRINTER, is_printing, printer.kill)
    assert (found.state, found.code) == ("fault", "noDevice")
    assert found.text.startswith("打到一半停了（noDevice）")
    assert found.remedy.startswith("检查打印机的线")


def test_a_camera_pulled_in_the_middle_is_told_in_one_clear_line(tmp_path, far):
    camera = far("camera", "--lay", "blank")
    doctor = doctor_for(tmp_path, camera=camera.link)
    camera.control.call("fault", name="freeze", on=True)  # the still never ends: the test waits for it
    found = pulled(doctor, K.CAMERA, lambda: True, camera.kill)
    assert found.state == "fault"
    assert found.text.startswith("没有通过：")
    assert found.remedy.startswith("检查高拍仪")


def test_paper_that_is_out_is_the_attendants_and_says_so(tmp_path, far):
    printer = far("printer", "--serial", "--instant", "--out", str(tmp_path / "slips"))
    printer.control.call("paper_out_after")
    found = doctor_for(tmp_path, printer=printer.link).test(K.PRINTER)
    assert (found.state, found.code) == ("fault", "paper_out")
    assert found.remedy.startswith("装入80毫米热敏纸")


@pytest.mark.parametrize(
    ("fault", "remedy"),
    [
        ("jam", "关电源，打开上盖，取出卡在切刀的纸"),
        ("cover_open", "合紧打印机上盖"),
        ("hot", "打印头过热"),
        ("broken", "打印机报自身故障"),
        ("paper_out_after", "装入80毫米热敏纸"),
    ],
)
def test_each_trouble_of_the_printer_has_its_own_remedy(tmp_path, printer_rig_tcp, fault, remedy):
    printer_rig_tcp.control.call("mend")
    printer_rig_tcp.control.call(fault)
    doctor = doctor_for(tmp_path, printer=printer_rig_tcp.link)
    for found in (doctor.look(K.PRINTER), doctor.test(K.PRINTER)):
        assert found.state == "fault"
        assert found.remedy.startswith(remedy)


@pytest.mark.parametrize(
    ("felt", "state", "text"),
    [
        (("cabinetDoor",), "care", "在线；机柜的门开着"),
        (("tamperSensor",), "fault", "在线；防拆触点动过"),
        (("upsEngaged",), "care", "在线；停电了，正在用电池"),
        (("upsEngaged", "upsLow"), "fault", "在线；停电了，电池快用完"),
    ],
)
def test_a_board_that_feels_trouble_is_well_itself(tmp_path, board_processes, felt, state, text):
    board = board_processes("tcp")
    for do in ("mend", "reset"):
        board.control.call(do)
    for name in felt:
        board.control.call("feel", name=name)
    found = doctor_for(tmp_path, auxiliaries=board.link).look(K.AUXILIARIES)
    for do in ("mend", "reset"):
        board.control.call(do)
    assert (found.state, found.text) == (state, text)
    assert found.remedy


def test_a_device_that_a_running_terminal_holds_is_not_touched(tmp_path):
    doctor = doctor_for(tmp_path, is_held=True, reader="serial:/nowhere/tty")
    found = doctor.test(K.READER)
    assert (found.state, found.code) == ("care", "in_use")
    assert doctor.hand_of(K.READER) == ""


def test_what_a_device_can_do_and_has_done_is_told(tmp_path, far):
    reader = far("reader", "--baud", "0")
    found = doctor_for(tmp_path, reader=reader.link).look(K.READER)
    assert found.details["identifier"] == "05.01-20200115-0000123456-0305419896"
    assert "card_R" in found.details["features"].split()
    assert "card_Y" in found.details["provisional"].split()


def test_a_relay_board_that_is_well_passes_its_test(tmp_path, far):
    found = doctor_for(tmp_path, auxiliaries=far("auxiliaries").link).test(K.AUXILIARIES)
    assert (found.state, found.code, found.details) == ("good", "", {"state": "online"})
    assert found.text == "状态 online，没有更多可测"


def test_a_mistake_of_the_program_in_one_device_loses_no_word_of_the_others(tmp_path, far):
    """An option that the driver does not know stands for any defect: `config check` refuses it long before."""
    options = {"reader": {"nobody": 1}}
    doctor = doctor_for(tmp_path, options=options, reader="tcp:127.0.0.1:9", auxiliaries=far("auxiliaries").link)
    broken, well = doctor.look(K.READER), doctor.look(K.AUXILIARIES)
    assert (broken.state, broken.code, well.state) == ("fault", "defect", "good")
    assert broken.text.startswith("程序自己出错：TypeError at ")


def test_a_test_of_what_is_no_device_is_refused(capsys):
    assert run_doctor(None, False, ("toaster",)) == 2
    assert "'toaster' — all or one of reader" in capsys.readouterr().err


def one_board(tmp_path: Path, link: str) -> Path:
    """Return the configuration of a terminal that has nothing but a relay board."""
    config = tmp_path / "kiosk.toml"
    text = re.sub(r"\[devices\.[^[]*", "", DEFAULT_CONFIG.read_text("utf-8"))
    text = text.replace('"~/.local/state/jinban"', f'"{tmp_path}/state"').replace("= true", "= false")
    device = f"[devices.auxiliaries]\ndriver = 'auxiliaries-modbus'\nlink = '{link}'\noptions = {{answer_s = 5}}\n"
    config.write_text(text + device, "utf-8")
    return config


def test_the_command_succeeds_only_when_every_test_was_passed(tmp_path, board_processes, capsys):
    config = one_board(tmp_path, board_processes("tcp").link)
    assert run_doctor(config, False, ("auxiliaries",)) == 0
    assert "✓ 指示灯和传感器：" in capsys.readouterr().out.replace(": ", "：")
    assert run_doctor(config, True, ("auxiliaries", "printer")) == 1  # not configured: nothing was proven
    assert [one["state"] for one in json.loads(capsys.readouterr().out)] == ["good", "care"]


def test_a_report_that_cannot_be_written_is_told_before_anything_is_done(tmp_path, capsys):
    config = one_board(tmp_path, "serial:/nowhere/tty")
    assert run_doctor(config, False, ("auxiliaries",), tmp_path / "none" / "r.pdf") == 2
    told = capsys.readouterr()
    assert (told.out, "a file that can be written" in told.err) == ("", True)
    assert run_doctor(config, False, ("auxiliaries",), tmp_path) == 2
    assert list(tmp_path.iterdir()) == [config]


def test_a_report_that_fails_at_the_end_is_one_line(tmp_path, capsys):
    broken = (Finding("no such part of a terminal", "good", ""),)
    assert not written(tmp_path / "r.pdf", load_config(DEFAULT_CONFIG), own_texts(), broken, ())
    assert capsys.readouterr().err == "报告没有写成：KeyError at texts.py:64\n"


# ── the report, and the hash of the code ─────────────────────────────────────────────────


def report_of(tmp_path: Path, config: Config) -> Path:
    findings = (
        Finding("reader", "fault", "不可用：noDevice", "noDevice", "检查线", {"identifier": "<b>05.01</b>"}),
        Finding("queue", "good", "等待 0"),
    )
    path = tmp_path / "report.pdf"
    write_report(path, config, own_texts(), findings, (Finding("printer", "good", "0.9 秒打完"),))
    return path


def test_the_report_says_terminal_states_and_tests_and_its_code_the_hash(tmp_path):
    import zxingcpp
    from PIL import Image

    path = report_of(tmp_path, load_config(DEFAULT_CONFIG))
    text = subprocess.run(["pdftotext", "-layout", str(path), "-"], capture_output=True, text=True, check=True).stdout
    for word in ("JX-SIM-0001", "暂不能开门", "noDevice", "<b>05.01</b>", "0.9 秒打完", code_hash()):
        assert word in text, word
    subprocess.run(["pdftoppm", "-r", "150", "-png", "-f", "1", "-l", "1", str(path), str(tmp_path / "p")], check=True)
    (picture,) = tmp_path.glob("p*.png")
    with Image.open(picture) as page:
        (code,) = zxingcpp.read_barcodes(page)
    assert re.fullmatch(rf"JINBAN-CODE \S+ JX-SIM-0001 \S+ sha256:{code_hash()}", code.text)


def test_the_hash_is_the_one_that_plain_shell_gives():
    said = subprocess.run(["sh", "-c", RECIPE], cwd=code_folder(), capture_output=True, text=True, check=True).stdout
    assert said == f"{code_hash()}  -\n"


def test_the_hash_changes_with_every_file_and_with_no_cache(tmp_path):
    for part in PARTS:
        path = tmp_path / part if part.endswith(".py") else tmp_path / part / "one.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(part)
    first = code_hash(tmp_path)
    (tmp_path / "app/__pycache__").mkdir()
    (tmp_path / "app/__pycache__/one.pyc").write_text("x")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/x.py").write_text("x")
    assert code_hash(tmp_path) == first
    (tmp_path / "ui/one.py").write_text("other")
    assert code_hash(tmp_path) != first


def test_the_command_tests_what_it_is_told_to_and_writes_the_report(tmp_path, far, capsys):
    reader, printer = far("reader", "--baud", "0", "--put", "elder"), far("printer", "--serial", "--instant")
    config = tmp_path / "kiosk.toml"
    text = DEFAULT_CONFIG.read_text("utf-8").replace('"~/.local/state/jinban"', f'"{tmp_path}/state"')
    for kind in ("reader", "printer"):
        line = f'link = "sim:{kind}"'
        text = text.replace(line, f"{line}\noptions = {{answer_s = {PATIENT[kind]['answer_s']}}}")
    text = text.replace("sim:reader", reader.link).replace("sim:printer", printer.link).replace("= true", "= false")
    text = text.replace('[devices.camera]\ndriver = "camera-http"\nlink = "sim:camera"\n', "")
    config.write_text(text, "utf-8")
    code = run_doctor(config, True, ("all",), tmp_path / "r.pdf")
    told = json.loads(capsys.readouterr().out)
    assert code == 1, "a terminal that is not enrolled is not well"
    assert [(one["what"], one["state"]) for one in told[-3:]] == [
        ("reader", "good"),
        ("camera", "care"),
        ("printer", "good"),
    ]
    assert (tmp_path / "r.pdf").read_bytes().startswith(b"%PDF-")
