"""kill -9 of a whole terminal at any moment: what was promised is at the platform once, what was not, at most once."""

from __future__ import annotations

import io
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import date
from pathlib import Path

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image

from app.canary import search
from app.commands.audit import verify_log
from app.setting import enrol_if_blank, load_setting, on_stage
from app.stage import Stage
from devices.sim.people import people
from kiosk.station.config import Config, DevicesConfig
from offline_queue.api import State
from offline_queue.peek import read_entries
from sandbox.store_view import open_view
from tests.fixtures.kiosk import ANSWERS

ROOT = Path(__file__).parents[2]
KILLS = 54 if os.environ.get("JINBAN_CHAOS") else 24  # four at each of the moments, nine under chaos
MOMENTS = ("visit", "sealing", "ticket", "claimed", "sending", "delivered")
LATER_S = {"visit": 0.05, "sealing": 0.03, "ticket": 0.02, "claimed": 0.06, "sending": 0.04, "delivered": 0.02}


class Killable:
    """The forking process, its state folder and its platform."""

    def __init__(self, folder: Path, undo: ExitStack) -> None:
        self.stage = undo.enter_context(Stage(folder, kinds=()))
        self.state = folder / "terminal"
        bare = replace(load_setting(None), devices=DevicesConfig())
        self.config: Config = on_stage(replace(bare, state=replace(bare.state, folder=str(self.state))), self.stage, {})
        assert self.stage.announced is not None
        enrol_if_blank(self.config, self.stage.announced)
        (folder / "config.json").write_bytes(msgspec.json.encode(self.config))
        (folder / "page.jpg").write_bytes(_page())
        command = [sys.executable, "-m", "tests.e2e.kill_child", str(folder / "config.json"), str(folder / "page.jpg")]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        undo.callback(self._end)
        self.read("ready")

    def order(self, what: str) -> int:
        """Give an order; return the process id of who takes it."""
        assert self._process.stdin is not None
        self._process.stdin.write(what + "\n")
        self._process.stdin.flush()
        return int(self.read("pid")[-1][1])

    def read(self, until: str) -> list[list[str]]:
        """Return what is said up to the word `until`, which comes last."""
        assert self._process.stdout is not None
        said: list[list[str]] = []
        while not said or said[-1][0] != until:
            line = self._process.stdout.readline()
            assert line, "the helper ended"
            said.append(line.split())
            assert said[-1][0] not in ("lost", "stuck"), said
            assert said[-1][0] != "end" or until == "end", said
        return said

    def _end(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()


def _page() -> bytes:
    """Return a picture of a few hundred kilobytes, so that its upload takes a while."""
    pixels = np.random.default_rng(7).integers(0, 255, (420, 640, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=85)
    return out.getvalue()


@pytest.fixture
def killable(tmp_path: Path) -> Iterator[Killable]:
    with ExitStack() as undo:
        yield Killable(tmp_path, undo)


def test_a_kill_at_any_moment_of_a_visit_keeps_every_promise(killable: Killable) -> None:
    rng = random.Random(20261123)
    never = threading.Event()
    promised: dict[str, str] = {}
    begun: set[str] = set()
    last_words: Counter[str] = Counter()
    for number in range(KILLS):
        moment = MOMENTS[number % len(MOMENTS)]
        pid = killable.order("visit")
        said = killable.read(moment)
        never.wait(rng.uniform(0.0, LATER_S[moment]))  # the moment is meant to be any
        os.kill(pid, signal.SIGKILL)
        said += killable.read("end")
        assert said.pop()[1] == str(-signal.SIGKILL)
        promised |= {words[1]: words[2] for words in said if words[0] == "ticket"}
        begun |= {words[1] for words in said if words[0] == "sealing"}
        last_words[said[-1][0]] += 1
    killable.order("drain")
    assert [words[0] for words in killable.read("end")][-2:] == ["drained", "end"]

    entries = {entry.outcome.sid: entry for entry in read_entries(killable.state / "queue")}
    assert {sid: entries[sid].outcome.intake_number for sid in promised} == promised
    assert set(entries) <= begun
    assert {entry.outcome.state for entry in entries.values()} <= {State.DELIVERED, State.SHREDDED}
    with open_view(killable.stage.platform.folder) as platform:
        assert sorted(platform.sids()) == sorted(entries)
        assert {platform.commits(sid) for sid in entries} == {1}
    with closing(sqlite3.connect(f"file:{killable.state / 'queue' / 'queue.db'}?mode=ro", uri=True)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    report = verify_log(killable.state)
    assert report.is_sound, report.findings
    card = people(date.today())["elder"].card
    words = [card.name.reveal(), card.id_number.reveal(), card.address.reveal()]
    words += [ANSWERS[key] for key in ("phone", "living_address", "bank_account")]
    assert search([killable.state], words) == []
    assert len(promised) >= KILLS // len(
        MOMENTS
    )  # `ticket` waits for one; `delivered` may be a former visit's, the others may be cut short
    assert {"visit", "sealing", "claimed", "sending"} <= set(last_words), last_words
