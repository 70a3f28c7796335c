"""`run` as a process: it refuses a second one without harming the first, ends on SIGTERM, leaves nobody behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.stage import ROOT

PATIENCE_S = 60.0


class Running:
    """One `run` with its log and everybody it has started."""

    def __init__(self, config: Path, log: Path) -> None:
        self._log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / "main.py"), "run", "--config", str(config), "--size", "1024x768"],
                cwd=ROOT,
                env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
                stdout=subprocess.DEVNULL,
                stderr=out,
            )

    @property
    def said(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def wait_for(self, word: str) -> None:
        wait_until(lambda: word in self.said or self.process.poll() is not None, word)
        assert word in self.said, self.said

    def children(self) -> set[int]:
        """Return the process ids of everybody below it."""
        parents = {int(path.name): parent_of(path) for path in Path("/proc").iterdir() if path.name.isdecimal()}
        found = {self.process.pid}
        for _ in parents:
            found |= {pid for pid, parent in parents.items() if parent in found}
        return found - {self.process.pid}

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE_S)


def parent_of(path: Path) -> int:
    try:
        return int((path / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[1])
    except OSError:
        return 0


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(done: Callable[[], bool], what: str) -> None:
    moment, end = threading.Event(), time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < end, f"waited for {what}"
        moment.wait(0.05)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], Running]]:
    config = tmp_path / "kiosk.toml"
    text = (ROOT / "deploy" / "models" / "simulated" / "kiosk.toml").read_text("utf-8")
    config.write_text(text.replace("~/.local/state/jinban", str(tmp_path / "state")), encoding="utf-8")
    with ExitStack() as undo:
        numbers = iter(range(9))

        def begin() -> Running:
            running = Running(config, tmp_path / f"{next(numbers)}.log")
            undo.callback(running.end)
            return running

        yield begin


@pytest.mark.cold_start
def test_it_ends_in_order_and_a_second_one_is_refused(start: Callable[[], Running]) -> None:
    first = start()
    first.wait_for("platform answers")
    others = first.children()
    assert len(others) >= 5  # platform, line, reader, camera, printer
    second = start()
    assert second.process.wait(PATIENCE_S) == 2
    assert "another terminal is running with this state folder: end it first\n" in second.said
    assert "Traceback" not in second.said
    assert all(is_alive(pid) for pid in others)
    first.process.send_signal(signal.SIGTERM)
    assert first.process.wait(PATIENCE_S) == 0
    wait_until(lambda: not any(is_alive(pid) for pid in others), "everybody's end")
    assert "WARNING" not in first.said


def test_of_two_that_start_at_once_one_is_refused_and_the_other_keeps_its_reader(start, tmp_path) -> None:
    pair = (start(), start())
    wait_until(lambda: any(one.process.poll() is not None for one in pair), "one to be refused")
    refused, kept = sorted(pair, key=lambda one: one.process.poll() is None)
    assert refused.process.returncode == 2
    assert "another terminal is running with this state folder: end it first\n" in refused.said
    kept.wait_for("platform answers")
    others = kept.children()
    assert (tmp_path / "state-far-ends" / "reader.tty").exists()
    kept.process.send_signal(signal.SIGTERM)
    assert kept.process.wait(PATIENCE_S) == 0
    wait_until(lambda: not any(is_alive(pid) for pid in others), "everybody's end")
    assert "noDevice" not in kept.said


def test_killed_it_leaves_nobody_behind_and_starts_again(start: Callable[[], Running]) -> None:
    first = start()
    first.wait_for("platform answers")
    others = first.children()
    first.process.kill()
    first.process.wait(PATIENCE_S)
    wait_until(lambda: not any(is_alive(pid) for pid in others), "everybody's end")
    again = start()
    again.wait_for("platform answers")
    again.process.send_signal(signal.SIGTERM)
    assert again.process.wait(PATIENCE_S) == 0


DEFECT = """
import logging, sys, threading
from contextlib import ExitStack
from app.setting import load_setting
from app.waking import Waking, waking_view
from ui.app import Terminal
logging.basicConfig()
config = load_setting(None)
waking = Waking(config, ExitStack())
terminal = Terminal(waking.intent, size=(1024, 768))
terminal.show(waking_view(config))
waking.catch_defects(lambda: terminal.post(lambda: terminal.quit(3)))
def slip():
    raise ValueError("what a person has said")
acts = {
    "timer": slip,
    "post": lambda: terminal.post(slip),
    "thread": lambda: threading.Thread(target=slip).start(),
}
terminal.after(0.05, acts[sys.argv[1]])
terminal.after(30.0, terminal.quit)
code = terminal.exec()
terminal.close()
sys.exit(code)
"""


@pytest.mark.parametrize("where", ["timer", "post", "thread"])
def test_a_defect_anywhere_ends_it_for_the_supervisor_without_a_word_of_a_person(where: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", DEFECT, where],
        cwd=ROOT,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert ended.returncode == 3, ended.stderr
    assert "defect: ValueError" in ended.stderr
    assert "what a person has said" not in ended.stderr
