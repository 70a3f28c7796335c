"""What a simulator takes when it starts: nothing of anybody else's, and no word it cannot use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

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
