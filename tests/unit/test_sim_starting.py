"""What a simulator takes when it starts: nothing of anybody else's, and no word it cannot use."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from devices.sim import SIMULATORS
from devices.sim.__main__ import main
from devices.sim.control import ControlError, spawn
from devices.sim.starting import CannotServe, Name, clear

NAMED = (
    ("printer", "--serial"),
    ("printer", "--node"),
    ("reader",),
    ("reader", "--hid"),
    ("reader", "--usb", "split"),
    ("auxiliaries",),
    ("barcode", "--control", "c.sock"),
)


def start(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Start a simulator that cannot be, and wait for its end."""
    command = [sys.executable, "-m", "devices.sim", *words, "--tethered"]
    return subprocess.run(command, cwd=folder, input="", capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("words", NAMED, ids=" ".join)
def test_a_file_that_lies_where_a_name_should_be_is_left_as_it_is(tmp_path, words):
    file = tmp_path / "thesis.txt"
    file.write_text("years of work", "utf-8")
    done = start(*words, "--symlink", str(file), folder=tmp_path)
    assert (done.returncode, file.read_text("utf-8")) == (2, "years of work")
    assert done.stderr.startswith(f"sim {words[0]}: {file}: something else lies there")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("words", [("reader",), ("printer", "--serial"), ("auxiliaries",), ("barcode",)], ids=" ".join)
def test_a_file_that_lies_where_the_control_socket_should_be_is_left_and_so_is_no_name(tmp_path, words):
    file, name = tmp_path / "thesis.txt", tmp_path / "name"
    file.write_text("years of work", "utf-8")
    done = start(*words, "--symlink", str(name), "--control", str(file), folder=tmp_path)
    assert (done.returncode, file.read_text("utf-8")) == (2, "years of work")
    assert f"{file}: something else lies there" in done.stderr
    assert not name.is_symlink()


REFUSED = (
    (("reader", "--baud", "-5"), "argument --baud: '-5' — 0 or one of 1200, "),
    (("reader", "--baud", "12345"), "argument --baud: '12345' — 0 or one of 1200, "),
    (("reader", "--fingerprint-bytes", "-1"), "--fingerprint-bytes: '-1' — a whole number from 0 to 1024"),
    (("reader", "--tcp", "nowhere"), "argument --tcp: 'nowhere' — HOST:PORT with a port from 0 to 65535"),
    (("printer", "--tcp", "foo"), "argument --tcp: 'foo' — HOST:PORT"),
    (("printer", "--tcp", "127.0.0.1:65536"), "argument --tcp: '127.0.0.1:65536' — HOST:PORT"),
    (("printer", "--mm-per-s", "-1"), "argument --mm-per-s: '-1' — a number from 1 to 1000"),
    (("printer", "--mm-per-s", "nan"), "argument --mm-per-s: 'nan' — a number from 1 to 1000"),
    (("printer", "--serial", "--symlink", "/nope/x"), "/nope/x: its folder is not there"),
    (("printer", "--out", "a-file"), "a-file: File exists"),
    (("auxiliaries", "--tcp", "x:y"), "argument --tcp: 'x:y' — HOST:PORT"),
    (("auxiliaries", "--unit", "900"), "argument --unit: '900' — a whole number from 1 to 247"),
    (("auxiliaries", "--symlink", "/nope/x"), "/nope/x: its folder is not there"),
    (("barcode", "--tcp", "x:y"), "argument --tcp: 'x:y' — HOST:PORT"),
    (("camera", "--control", "/nope/z"), "/nope/z: its folder is not there"),
    (("camera", "--lay", "zzz"), "argument --lay: invalid choice: 'zzz' (choose from "),
    (("rtsp", "--lay", "zz"), "argument --lay: invalid choice: 'zz' (choose from "),
    (("line", "--target", "foo"), "argument --target: 'foo' — HOST:PORT"),
    (("printer", "--out="), "argument --out: '' — a path"),
    (("reader", "--symlink="), "argument --symlink: '' — a path"),
    (("printer", "--symlink", "x"), "argument --symlink: a TCP port has no name to last"),
    (("reader", "--tcp", "--symlink", "x"), "argument --symlink: a TCP port has no name to last"),
    (("line",), "the following arguments are required: --target"),
    (("card", "--vpcd", "x", "social"), "argument --vpcd: 'x' — HOST:PORT"),
)


@pytest.mark.parametrize(("words", "said"), REFUSED, ids=[" ".join(words) for words, _ in REFUSED])
def test_what_cannot_be_used_is_one_line_that_names_it_and_what_is_allowed(tmp_path, words, said):
    (tmp_path / "a-file").write_text("")
    done = start(*words, folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert done.stderr.startswith(f"sim {words[0]}: ")
    assert said in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("reader", "--tcp", "127.0.0.1:{}"),
        ("printer", "--tcp", "127.0.0.1:{}"),
        ("auxiliaries", "--tcp", "127.0.0.1:{}"),
        ("barcode", "--tcp", "127.0.0.1:{}"),
        ("camera", "--port", "{}"),
        ("rtsp", "--port", "{}"),
    ],
    ids=lambda words: words[0],
)
def test_a_port_that_another_program_has_is_told_in_one_line(tmp_path, words):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = start(*(word.format(port) for word in words), folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"sim {words[0]}: ")
    assert done.stderr.endswith(f"{port}: Address already in use\n")


def test_a_control_socket_where_somebody_listens_is_left_to_them_and_answers(tmp_path, capsys):
    with spawn("line", "--target", "127.0.0.1:9", folder=tmp_path) as far:
        theirs = far.control.address.removeprefix("unix:")
        done = start("line", "--target", "127.0.0.1:9", "--control", theirs, folder=tmp_path)
        assert (done.returncode, done.stderr) == (2, f"sim line: {theirs}: another program listens there\n")
        assert far.control.call("state") == "up"
        assert far.control.call("help")["cut"] == "break what runs and refuse what comes"
        assert main(("ask", far.control.address, "cut_after", "count=7")) == 0
        assert capsys.readouterr().out == "7\n"
        assert main(("ask", far.control.address, "target", "address=127.0.0.1:1")) == 0
        assert capsys.readouterr().out == '"127.0.0.1:1"\n'
        assert main(("ask", far.control.address, "fly")) == 1
        assert "allowed are count, cut, cut_after, help" in capsys.readouterr().err
        assert main(("ask", far.control.address, "cut", "now")) == 2
        with pytest.raises(ControlError, match="HOST:PORT with a port from 1 to 65535"):
            far.control.call("target", address="foo")


@pytest.mark.parametrize("word", ["--help", "-h"])
def test_help_names_every_simulator(capsys, word):
    assert main((word,)) == 0
    said = capsys.readouterr().out
    assert all(f"  {kind} " in said for kind in SIMULATORS)


def test_a_link_that_was_left_behind_is_taken_over_and_taken_away(tmp_path):
    link = tmp_path / "name"
    link.symlink_to("/dev/pts/nobody")
    name = Name(link, "/dev/pts/one")
    assert str(link.readlink()) == "/dev/pts/one"
    later = Name(link, "/dev/pts/two")
    name.close()
    assert str(link.readlink()) == "/dev/pts/two", "it leads to somebody else by now"
    later.close()
    assert not link.is_symlink()


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CannotServe, match="its folder is not there"):
        clear(tmp_path / "no" / "name")
