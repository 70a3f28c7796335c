"""kill -9 at any moment: what was promised before is there afterwards, and takes effect exactly once.

One helper process holds keys and a platform whose memory is a file; it forks a worker per round, which puts, delivers
and shreds, and prints each intake number once its `put` has returned. The worker is killed, then a fresh fork opens the
store and looks at everything.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from offline_queue.api import Answer, Consignment, PartUpload, State
from offline_queue.sync import SyncLoop
from tests.fixtures.queue import Bench, Platform, build_manifest, make_facts, make_parts, make_sid

ROOT = Path(__file__).parents[2]
RANDOM_ROUNDS = 60
FRESH_EVERY = 10  # rounds in one state folder
FEWEST_POINTS = 40  # a put, its delivery and its shredding have at least this many steps to die at


class LastingPlatform(Platform):
    """The platform in memory, with its memory in a file: it outlives a worker that dies inside its answer."""

    def attach(self, path: Path) -> None:
        self._path = path
        self.count: Callable[[], None] = lambda: None
        if path.exists():
            state = pickle.loads(path.read_bytes())  # noqa: S301  written by this very test
            self.uploads, self.envelopes, self.seqs, self.receipts, self.commits = state

    def upload(self, sid: str, part: PartUpload, progress: Callable[[str, int], None]) -> None:
        super().upload(sid, part, progress)
        self._keep()

    def put(self, consignment: Consignment) -> Answer:
        self.count()
        answer = super().put(consignment)
        self._keep()
        self.count()
        return answer

    def _keep(self) -> None:
        fresh = self._path.with_suffix(".new")
        state = (self.uploads, self.envelopes, self.seqs, self.receipts, self.commits)
        fresh.write_bytes(pickle.dumps(state))
        fresh.rename(self._path)


# ── the helper process ──────────────────────────────────────────────────────────────────────


def say(*words: object) -> None:
    os.write(1, (" ".join(str(word) for word in words) + "\n").encode())


def make_loop(bench: Bench, folder: Path):
    bench.folder = folder / "state"
    platform: LastingPlatform = bench.platform  # type: ignore[assignment]
    platform.attach(folder / "platform")
    store = bench.open()
    loop = SyncLoop(store, platform, bench.verifier, bench.clock, lambda change: None, rng=random.Random(1))
    return platform, store, loop


def work(bench: Bench, folder: Path, first: int, die_at: int) -> None:
    """Put, deliver and shred; without end, or once through and dying by itself at step `die_at`."""
    steps = [0]

    def count() -> None:
        steps[0] += 1
        if steps[0] == die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted(function: Callable[..., object]) -> Callable[..., object]:
        def call(*values: object, **named: object) -> object:
            count()
            return function(*values, **named)

        return call

    if die_at:
        os.fsync, os.rename, os.unlink = counted(os.fsync), counted(os.rename), counted(os.unlink)  # type: ignore[assignment]
    platform, store, loop = make_loop(bench, folder)
    platform.count = count
    store._ledger._connection.set_trace_callback(lambda statement: count())
    for number in range(first, first + (1 if die_at else 100_000)):
        sid = make_sid(number)
        ticket = store.put(sid, make_parts((600, 60), number), build_manifest(), make_facts(), bench.opener.keys)
        say("ticket", sid, ticket.intake_number)
        if die_at or number % 3 == 0:
            loop.step()
            loop.step()
    say("through")


def check(bench: Bench, folder: Path, promised: list[list[str]]) -> None:
    """Look at everything; say `ok` or what is wrong."""
    platform, store, loop = make_loop(bench, folder)
    bench.clock.reboot()
    entries = {entry.outcome.sid: entry for entry in store.entries(limit=100_000)}
    for sid, number in promised:
        if sid not in entries or entries[sid].outcome.intake_number != number:
            return say("lost", sid, number)
    if [entry.seq for entry in entries.values()] != list(range(1, len(entries) + 1)):
        return say("numbers", *(entry.seq for entry in entries.values()))
    connection = sqlite3.connect(f"file:{bench.folder / 'queue.db'}?mode=ro", uri=True)
    verdict = connection.execute("PRAGMA integrity_check").fetchone()[0]
    rows = connection.execute(
        "SELECT a.path, a.sha256 FROM attachment a JOIN submission s ON s.seq = a.submission_seq "
        "WHERE s.state <> 'shredded'"
    ).fetchall()
    connection.close()
    if verdict != "ok":
        return say("integrity", verdict)
    found = {str(path.relative_to(bench.folder)) for path in (bench.folder / "blobs").rglob("*") if path.is_file()}
    if found != {path for path, _ in rows}:
        return say("files", len(found), len(rows))
    for path, sha256 in rows:
        if hashlib.sha256((bench.folder / path).read_bytes()).digest() != sha256:
            return say("hash", path)
    for _ in range(10 * len(entries) + 50):
        bench.clock.turn(loop.step())
        if all(outcome.state is State.SHREDDED for outcome in store.outcomes(limit=100_000)):
            break
    if platform.commits != dict.fromkeys(entries, 1):
        return say("effects", json.dumps(platform.commits), len(entries))
    return say("ok", len(entries))


def serve() -> None:
    """Fork a worker or a checker for each line of standard input."""
    bench = Bench(Path())
    bench.platform = LastingPlatform(bench.signer, bench.opener)
    bench.verifier = type(bench.verifier)(bench.platform.receipt_key.public_key())
    for line in sys.stdin:
        order, folder, *rest = line.split()
        pid = os.fork()
        if pid == 0:
            if order == "work":
                work(bench, Path(folder), int(rest[0]), int(rest[1]))
            else:
                check(bench, Path(folder), [pair.split("=") for pair in rest])
            os._exit(0)
        say("pid", pid)
        say("end", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


# ── the tests ───────────────────────────────────────────────────────────────────────────────


class Helper:
    """The forking process, seen from the test."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.e2e.test_queue_kill"]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def order(self, *words: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(str(word) for word in words) + "\n")
        self.process.stdin.flush()

    def read(self) -> list[str]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the helper ended"
        return line.split()

    def read_to_end(self) -> tuple[list[list[str]], int]:
        """Return what was said until the fork ended, and its exit code."""
        said = []
        while (words := self.read())[0] != "end":
            said.append(words)
        return said, int(words[1])

    def check(self, folder: Path, promised: list[str]) -> int:
        """Return how many submissions there are, all whole and all delivered once."""
        self.order("check", folder, *promised)
        said, code = self.read_to_end()
        assert code == 0
        assert said[-1][0] == "ok", said[-1]
        return int(said[-1][1])

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


@pytest.fixture
def helper() -> Iterator[Helper]:
    made = Helper()
    yield made
    made.close()


def tickets(said: list[list[str]]) -> list[str]:
    return [f"{words[1]}={words[2]}" for words in said if words[0] == "ticket"]


def test_a_kill_at_a_random_moment_loses_no_promise(helper, tmp_path):
    rng = random.Random(20261123)
    moment = threading.Event()
    kept = 0
    for round_number in range(RANDOM_ROUNDS):
        if round_number % FRESH_EVERY == 0:
            folder = tmp_path / str(round_number)
            folder.mkdir()
            promised: list[str] = []
        helper.order("work", folder, 1 + 1000 * round_number, 0)
        pid = int(helper.read()[1])
        for _ in range(rng.randrange(5)):
            promised += tickets([helper.read()])
        moment.wait(rng.uniform(0, 0.02))  # the moment is meant to be any
        os.kill(pid, signal.SIGKILL)
        said, code = helper.read_to_end()
        assert code == -signal.SIGKILL
        promised += tickets(said)
        kept = helper.check(folder, promised)
        assert kept >= len(promised)
    assert kept > 0


def test_a_kill_at_each_single_step_loses_no_promise(helper, tmp_path):
    """Every sync, rename, unlink, SQL statement and both ends of the PUT, one after the other."""
    for step in range(1, 1000):
        folder = tmp_path / str(step)
        folder.mkdir()
        helper.order("work", folder, 1, step)
        said, code = helper.read_to_end()
        helper.check(folder, tickets(said))
        if code == 0:
            assert said[-1] == ["through"]
            break
        assert code == -signal.SIGKILL
    assert step > FEWEST_POINTS


if __name__ == "__main__":
    serve()
