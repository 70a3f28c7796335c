"""The platform is told to end while it starts: it ends, at once, with 0, and starts again from what it left."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.__main__ import is_serving
from sandbox.main import Options, open_platform
from tests.fixtures.platform import ROOT

PATIENCE_S = 45
Moment = Callable[[int, Path], bool]


def begin(state: Path, *words: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "sandbox", "--state", str(state), "--code-file", str(state) + ".code", *words]
    return subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )  # fmt: skip


def catches_the_signal(pid: int, _: Path) -> bool:
    """As soon as our first line runs: modules are loaded for a second from now on."""
    caught = Path(f"/proc/{pid}/status").read_text().partition("SigCgt:")[2].split()[0]
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


def has_its_keys(_: int, state: Path) -> bool:
    return (state / "keys" / "index.json").exists()


def has_its_port(_: int, state: Path) -> bool:
    """Between the port and the server's own handlers a signal was swallowed."""
    return Path(f"{state}.code").exists()


@pytest.mark.parametrize(
    "moment", [pytest.param(catches_the_signal, marks=pytest.mark.cold_start), has_its_keys, has_its_port]
)
def test_a_signal_during_the_start_ends_it_with_0(moment: Moment, tmp_path: Path) -> None:
    state = tmp_path / "platform"
    process = begin(state)
    until = time.monotonic() + PATIENCE_S
    while not moment(process.pid, state):
        assert process.poll() is None, "it ended by itself"
        assert time.monotonic() < until
    process.terminate()
    said, complained = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, complained) == (0, b""), said
    open_platform(Options(state=state)).store.close()


def test_whose_starter_is_gone_before_it_serves_ends_too(tmp_path: Path) -> None:
    process = begin(tmp_path / "platform", "--tethered")
    assert process.communicate(timeout=PATIENCE_S)[1] == b""
    assert process.returncode == 0


def test_only_who_serves_may_end_with_0_before_it_is_done() -> None:
    assert all(map(is_serving, ([], ["serve"], ["--state", "x"])))
    assert not any(map(is_serving, (["import", "x"], ["code"], ["account", "add"])))
