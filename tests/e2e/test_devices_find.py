"""`devices find` on real ptys: who answers is told from who does not, nothing is printed, and no file is spoilt."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.proposing import propose, write_proposal
from app.setting import DEFAULT_CONFIG
from devices.api import DeviceKind
from devices.discovery import Scope, Seen, Sight, find_devices, spoolers
from devices.discovery.serial_ports import crc16, find_serial, look_at_port
from devices.discovery.spoolers import find_sane
from devices.discovery.usb import find_usb
from devices.discovery.video import find_video
from devices.links import open_link
from devices.sim.control import SimProcess, spawn
from kiosk.station.config import load_config
from kiosk.station.errors import ConfigError
from main import KINDS, cli
from tests.fixtures.reader import wait_until

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 10.0  # a far end on a busy machine; only silence costs it


@pytest.fixture(scope="module")
def reader(tmp_path_factory) -> Iterator[SimProcess]:
    with spawn("reader", "--baud", "57600", folder=tmp_path_factory.mktemp("reader")) as far:
        yield far


@pytest.fixture(scope="module")
def printer(tmp_path_factory) -> Iterator[SimProcess]:
    place = tmp_path_factory.mktemp("printer")
    with spawn("printer", "--serial", "--instant", "--out", str(place), folder=place) as far:
        yield far


@pytest.fixture
def nobody() -> Iterator[str]:
    """A pty at whose far end nobody reads."""
    far, near = pty.openpty()
    tty.setraw(near)
    yield os.ttyname(near)
    os.close(far)
    os.close(near)


def port_of(far: SimProcess) -> str:
    return far.link.removeprefix("serial:").partition("?")[0]


def main(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "main.py"), *words], capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture
def config(tmp_path) -> Path:
    """A configuration with a comment, and without a printer."""
    text = DEFAULT_CONFIG.read_text("utf-8")
    cut = '[devices.printer]\ndriver = "printer-escpos"\nlink = "sim:printer"\n'
    assert cut in text
    path = tmp_path / "kiosk.toml"
    path.write_text(text.replace(cut, "# no printer yet\n"), "utf-8")
    return path


def test_a_reader_is_found_with_its_speed(reader):
    sight = look_at_port(port_of(reader), PATIENCE)
    assert (sight.seen, sight.kind, sight.driver) == (Seen.FOUND, DeviceKind.READER, "reader-samv")
    assert sight.link == f"serial:{port_of(reader)}?baud=57600"
    assert "SAM-V reader at 57600 baud" in sight.why
    assert set(reader.control.call("asked")) == {"11ff"}, "the status alone was asked"


def test_a_printer_is_found_and_nothing_comes_out(printer):
    sight = look_at_port(port_of(printer), PATIENCE)
    assert (sight.seen, sight.kind, sight.driver) == (Seen.FOUND, DeviceKind.PRINTER, "printer-escpos")
    printer.control.call("cover_open")
    assert "answers DLE EOT 1, " in look_at_port(port_of(printer), PATIENCE).why
    printer.control.call("reset")
    assert printer.control.call("jobs") == []
    assert printer.control.call("errors") == []


def test_a_relay_board_is_told_by_its_check_sum():
    from devices.discovery.serial_ports import QUESTIONS

    board = next(question for question in QUESTIONS if question.kind is DeviceKind.AUXILIARIES)
    assert board.ask == bytes.fromhex("010100000001fdca")  # the frame that two public Modbus calculators give
    good = bytes.fromhex("01010101")
    assert board.decode(good + crc16(good).to_bytes(2, "little")) == "answers as Modbus unit 1"
    assert board.decode(good + b"\0\0") == ""
    assert board.decode(b"") == ""


def test_a_port_where_nobody_answers_is_mute_and_costs_its_three_seconds_at_most(nobody):
    assert look_at_port(nobody).seen in (Seen.MUTE, Seen.HANGS)


def test_a_port_that_another_program_holds_is_left_alone(reader, nobody):
    link = open_link(f"serial:{nobody}")
    link.open()
    assert look_at_port(nobody).seen is Seen.HELD
    link.close()
    holder = subprocess.Popen(
        [sys.executable, "-c", "import sys; f = open(sys.argv[1]); print(1, flush=True); sys.stdin.read()", nobody],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    holder.stdout.readline()
    sight = look_at_port(nobody)
    holder.communicate()
    assert (sight.seen, str(holder.pid) in sight.why) == (Seen.HELD, True)


def test_a_port_that_is_not_there_is_absent(tmp_path):
    assert look_at_port(str(tmp_path / "ttyUSB0")).seen is Seen.ABSENT


def test_what_is_no_port_is_told_and_not_opened(tmp_path, nobody):
    file, link = tmp_path / "file", tmp_path / "tty?1"
    file.write_text("kept")
    link.symlink_to(nobody)
    names = (str(file), str(tmp_path), "/dev/full", str(link))
    assert [look_at_port(name).why for name in names] == [
        "a file, not a serial port",
        "a folder, not a serial port",
        "no serial port, or one the kernel gives no line to",
        "a name with ? cannot stand in a link; give the port another one: ln -s",
    ]
    assert {look_at_port(name).seen for name in names} == {Seen.ABSENT}


def test_a_port_with_two_names_is_asked_once_by_the_first_and_a_relative_name_is_made_whole(
    printer, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Path("slips.tty").symlink_to(port_of(printer))
    (sight,) = find_serial(Scope(ports=("slips.tty", port_of(printer)), is_alone=True, patience=PATIENCE))
    assert (sight.seen, sight.where) == (Seen.FOUND, str(tmp_path / "slips.tty"))
    assert sight.link.startswith(f"serial:{tmp_path}/slips.tty?baud=")


def test_a_printer_of_one_speed_is_found_at_that(tmp_path):
    with spawn("printer", "--serial", "--baud", "19200", "--instant", "--out", str(tmp_path), folder=tmp_path) as far:
        sight = look_at_port(port_of(far), PATIENCE)
        assert sight.link == f"serial:{port_of(far)}?baud=19200"
        assert far.control.call("errors") == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--only-ports", "name one"),
        ("--replace printer", "is for --write FILE"),
        ("--write x --replace foo", "'foo' is not one of 'reader', 'camera', 'printer', "),
        ("--port=", "'' is no path"),
    ],
)
def test_words_that_ask_for_nothing_are_refused(words, said):
    done = CliRunner().invoke(cli, ["devices", "find", *words.split()])
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr


def test_a_line_that_answers_everything_with_noise_is_no_device(nobody):
    far = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import os, pty, sys, tty\n"
            "far, near = pty.openpty()\n"
            "tty.setraw(near)\n"
            "print(os.ttyname(near), flush=True)\n"
            "while os.read(far, 4096): os.write(far, b'\\xff\\x00noise')\n",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    port = far.stdout.readline().strip()
    sight = look_at_port(port, PATIENCE)
    far.kill()
    far.wait()
    far.stdout.close()
    assert (sight.seen, sight.kind) == (Seen.UNUSED, None)


def test_the_command_proposes_what_it_found_and_writes_nothing(reader, printer, tmp_path):
    before = sorted(tmp_path.iterdir())
    ports = [word for far in (reader, printer) for word in ("--port", port_of(far))]
    done = main("devices", "find", "--json", "--only-ports", "--patience", str(PATIENCE), *ports)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [sight["kind"] for sight in told["seen"]] == ["reader", "printer"]
    assert f'[devices.reader]\ndriver = "reader-samv"\nlink = "serial:{port_of(reader)}?baud=57600"' in told["toml"]
    assert sorted(tmp_path.iterdir()) == before


def test_writing_keeps_the_rest_of_the_file_and_the_former_one(printer, config):
    former = config.read_text("utf-8")
    find = ("devices", "find", "--only-ports", "--patience", str(PATIENCE), "--port", port_of(printer))
    done = main(*find, "--write", str(config))
    assert done.returncode == 0, done.stderr
    text = config.read_text("utf-8")
    assert text.startswith(former.rstrip("\n"))
    assert load_config(config).devices.printer.link.startswith(f"serial:{port_of(printer)}?baud=")
    (kept,) = config.parent.glob("*.bak")
    assert kept.read_text("utf-8") == former
    again = main(*find, "--write", str(config))
    assert again.returncode == 2
    assert "devices.printer: is configured already" in again.stderr
    assert config.read_text("utf-8") == text
    told = main(*find, "--write", str(config), "--replace", "printer")
    assert told.returncode == 0, told.stderr
    assert config.read_text("utf-8").count("[devices.printer]") == 1
    assert "# no printer yet" in config.read_text("utf-8")


def test_every_kind_of_device_can_be_replaced():
    assert set(KINDS) == {kind.value for kind in DeviceKind}


def sight(kind: DeviceKind, link: str, driver: str) -> Sight:
    return Sight("here", Seen.FOUND, "a thing", kind, driver, link)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (sight(DeviceKind.PRINTER, "folder:/x", "printer-escpos"), "devices.printer.link"),
        (sight(DeviceKind.PRINTER, "tcp:127.0.0.1:9", "no-such-driver"), "devices.printer.driver"),
    ],
)
def test_a_result_that_would_not_hold_is_not_written(config, found, words):
    former = config.read_bytes()
    with pytest.raises(ConfigError, match=words):
        write_proposal(config, propose((found,)))
    assert config.read_bytes() == former
    assert [path.name for path in config.parent.iterdir()] == [config.name]


def test_devices_written_inline_are_left_to_a_hand(config):
    text = config.read_text("utf-8") + '\n[devices]\nprinter = {driver = "printer-escpos", link = "tcp:127.0.0.1:9"}\n'
    text = text.replace('[devices.reader]\ndriver = "reader-samv"\nlink = "sim:reader"\n', "")
    text = text.replace('[devices.camera]\ndriver = "camera-http"\nlink = "sim:camera"\n', "")
    config.write_text(text, "utf-8")
    with pytest.raises(ConfigError, match="by hand"):
        write_proposal(config, propose((sight(DeviceKind.PRINTER, "tcp:127.0.0.1:1", "printer-escpos"),)), ("printer",))
    assert config.read_text("utf-8") == text


def test_between_two_of_a_kind_the_technician_chooses():
    two = tuple(sight(DeviceKind.PRINTER, f"tcp:127.0.0.1:{n}", "printer-escpos") for n in (1, 2))
    proposal = propose(two)
    assert (proposal.chosen, proposal.rivals) == ((), two)


def test_usb_devices_and_cameras_are_read_from_what_the_kernel_lists(tmp_path):
    usb = tmp_path / "sys/bus/usb/devices"
    for name, files in {
        "1-1": {"idVendor": "10c4", "idProduct": "0007", "product": "IDR\x1b[2J", "serial": "A1"},
        "1-2": {"idVendor": "04b8", "idProduct": "0202", "manufacturer": "EPSON"},
        "1-2/1-2:1.0": {"bInterfaceClass": "07"},
        "1-3": {"idVendor": "1d6b", "idProduct": "0002"},
    }.items():
        (usb / name).mkdir(parents=True)
        for file, text in files.items():
            (usb / name / file).write_text(text + "\n")
    reader, printer = find_usb(Scope(root=str(tmp_path)))
    assert (reader.kind, reader.identifier) == (DeviceKind.READER, "A1")
    assert "\x1b" not in reader.why
    assert (printer.kind, printer.seen) == (DeviceKind.PRINTER, Seen.UNUSED)
    for number, index in ((0, 0), (1, 1)):
        node = tmp_path / f"sys/class/video4linux/video{number}"
        node.mkdir(parents=True)
        (node / "name").write_text("USB Camera\n")
        (node / "index").write_text(f"{index}\n")
    (camera,) = find_video(Scope(root=str(tmp_path)))
    assert (camera.kind, camera.where) == (DeviceKind.CAMERA, "/dev/video0")
    assert find_usb(Scope(root=str(tmp_path / "none")))[0].seen is Seen.ABSENT


def test_the_test_scanners_of_sane_are_found(tmp_path, monkeypatch):
    (tmp_path / "dll.conf").write_text("test\n")
    (tmp_path / "test.conf").write_text("number_of_devices 2\n")
    monkeypatch.setenv("SANE_CONFIG_DIR", str(tmp_path))
    sights = find_sane(Scope(patience=PATIENCE))
    assert [one.where for one in sights] == ["sane test:0", "sane test:1"]
    assert {one.kind for one in sights} == {DeviceKind.SCANNER}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_program_that_is_asked_ends_with_us(tmp_path, number):
    told = tmp_path / "pid"
    slow = tmp_path / "scanimage"
    slow.write_text(f"#!/bin/sh\necho $$ > {told}.new && mv {told}.new {told}\nexec sleep 600\n")
    slow.chmod(0o700)
    command = [sys.executable, str(ROOT / "main.py"), "devices", "find"]
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        wait_until(told.exists, "the program")
        process.send_signal(number)
        process.communicate(timeout=45)
    assert process.returncode == (1 if number == signal.SIGINT else 143)
    pid = int(told.read_text())
    wait_until(lambda: not is_running(pid), "the program's end")


def test_no_program_is_started_once_nobody_waits(tmp_path, monkeypatch):
    program = tmp_path / "lpstat"
    program.write_text(f"#!/bin/sh\necho asked >> {tmp_path / 'asked'}\n")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    spoolers.end_programs()
    try:
        (sight,) = spoolers.find_cups(Scope())
        assert (sight.seen, sight.why) == (Seen.ABSENT, "nobody waits any longer")
        assert not (tmp_path / "asked").exists()
    finally:
        spoolers.allow_programs()
    (sight,) = spoolers.find_cups(Scope())
    assert sight.why == "no queue"
    assert (tmp_path / "asked").read_text() == "asked\n"


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_bus_that_is_not_served_is_named_and_hides_no_other(nobody, monkeypatch):
    monkeypatch.setenv("CUPS_SERVER", "127.0.0.1:1")
    monkeypatch.setenv("PCSCLITE_CSOCK_NAME", "/nonexistent/pcscd.comm")
    sights = find_devices(Scope(ports=(nobody,), root="/nonexistent"))
    told = {one.where: one for one in sights}
    assert told["pcsc"].why == "pcscd is not running"
    assert told["cups"].seen is Seen.ABSENT
    assert {nobody, "usb", "v4l2"} <= told.keys()
