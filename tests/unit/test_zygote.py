"""A process forked from a warm one is a process like any other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devices.sim.control import SimProcess, spawn
from tests.fixtures import zygote

FAR_END = [sys.executable, "-m", "devices.sim"]


@pytest.fixture
def line(tmp_path: Path) -> Iterator[SimProcess]:
    with spawn("line", "--target", "127.0.0.1:9", folder=tmp_path) as far:
        yield far


def command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text("utf-8").replace("\0", " ")


def is_warm(pid: int) -> bool:
    return "zygote_process" in command_of(pid)


def test_it_is_a_child_of_ours_and_ends_when_its_pipe_does(line: SimProcess) -> None:
    status = Path(f"/proc/{line.pid}/status").read_text("ascii")
    assert is_warm(line.pid)
    assert f"PPid:\t{os.getpid()}\n" in status
    assert "Threads:\t1\n" not in status
    assert line._process.stdin is not None
    line._process.stdin.close()
    assert line._process.wait(45) == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_signals_reach_it_and_its_end_is_told(line: SimProcess, number: signal.Signals) -> None:
    line._process.send_signal(number)
    assert line._process.wait(45) == (-9 if number is signal.SIGKILL else 0)
    assert not Path(f"/proc/{line.pid}").exists()


def test_it_has_only_the_descriptors_it_was_given(line: SimProcess, tmp_path: Path) -> None:
    """What the warm process and its other children hold would keep pipes and ports from closing."""
    links = [str(Path(f"/proc/{line.pid}/fd/{fd}").readlink()) for fd in (0, 1, 2)]
    assert links[0].startswith("pipe:")
    assert links[1].startswith("pipe:")
    with spawn("line", "--target", "127.0.0.1:9", folder=tmp_path) as second:
        fds = sorted(Path(f"/proc/{second.pid}/fd").iterdir())
        assert not {str(fd.readlink()) for fd in fds} & set(links[:2])


def test_it_says_and_ends_as_its_program_does(tmp_path: Path) -> None:
    warm = subprocess.run([*FAR_END, "tram"], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert warm.returncode == 2
    assert warm.stderr.startswith("simulator 'tram': allowed are reader")
    asked = subprocess.run([*FAR_END, "line", "--help"], capture_output=True, text=True, check=False)
    assert asked.returncode == 0
    assert "--target" in asked.stdout


def test_environment_and_folder_are_those_it_was_started_with(tmp_path: Path) -> None:
    environment = {**os.environ, "JINBAN_SEEN": "1", "PYTHONPATH": str(zygote.ROOT)}
    words = [*FAR_END, "line", "--target", "127.0.0.1:9", "--control", str(tmp_path / "c.sock"), "--tethered"]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=tmp_path, start_new_session=True
    ) as far:
        assert far.stdout is not None
        assert json.loads(far.stdout.readline())["link"].startswith("tcp:")
        assert is_warm(far.pid)
        assert str(Path(f"/proc/{far.pid}/cwd").readlink()) == str(tmp_path)
        assert os.getsid(far.pid) == far.pid


def test_another_setting_of_the_interpreter_has_another_origin(tmp_path: Path) -> None:
    """What is read once at the start of an interpreter cannot be changed in a fork."""
    first = zygote.key_of({**os.environ, "HOME": "/"})
    assert first == zygote.key_of(dict(os.environ))
    assert first != zygote.key_of({**os.environ, "PYTHONHASHSEED": "1"})
    assert first != zygote.key_of({**os.environ, "OPENCV_IO_MAX_IMAGE_PIXELS": "1"})


@pytest.mark.cold_start
def test_a_test_about_the_start_gets_a_start(line: SimProcess) -> None:
    assert not is_warm(line.pid)
    assert command_of(line.pid).startswith(f"{sys.executable} -m devices.sim line")


def test_a_program_of_somebody_else_is_started_as_ever(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", "print(__name__)"], capture_output=True, text=True, check=True)
    assert done.stdout == "__main__\n"


def test_a_worker_of_pytest_has_what_it_imports_but_nothing_that_is_measured() -> None:
    told = """
import json, sys
from tests.fixtures import zygote
ours = [name for name in sys.modules if name.partition(".")[0] in ("kiosk", "devices", "offline_queue", "sandbox")]
print(json.dumps([__name__, sys.argv, ours, "numpy" in sys.modules, len(zygote._zygotes), zygote._is_heir]))
"""
    worker = [sys.executable, *zygote.WORKER]
    asked = f"{told!r}\n"
    done = subprocess.run(worker, input=asked, capture_output=True, text=True, cwd=zygote.ROOT, check=True)
    assert json.loads(done.stdout) == ["__main__", ["-c"], [], True, 1, False]
