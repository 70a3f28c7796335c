"""kill -9 at any moment: what was promised before is there afterwards, and takes effect exactly once.

The helper holds keys and a platform whose memory is a file; it forks a worker per round, which puts, delivers and
shreds, and says each intake number once its `put` has returned. The worker is killed, then a fresh fork opens the
store and looks at everything.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import random
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from offline_queue.api import Answer, Consignment, PartUpload, PlainPart, State, idle
from offline_queue.store import QueueStore
from offline_queue.sync import SyncLoop
from tests.chaos.disk import Disk, Helper, report, rounds, say, started_helper
from tests.fixtures.queue import Bench, PinnedVerifier, Platform, build_manifest, make_facts, make_sid
from tests.fixtures.queue_looks import find_plaintext

RANDOM_ROUNDS = rounds(40, 500)
FRESH_EVERY = 10  # rounds in one state folder
NEVER = 10**9
FEWEST_POINTS = 300  # puts, deliveries and the shredding of the first have at least this many steps to die at
WHOLE = 4  # submissions once through: one with scans, delivered and shredded, then forms delivered in a row
WORDS = ("欧阳建国", "330402194503121234")
CLEAR = "，".join(WORDS).encode()


class LastingPlatform(Platform):
    """The platform in memory, with its memory in a file: it outlives a worker that dies inside its answer."""

    def attach(self, path: Path, disk: Disk) -> None:
        self._path = path
        self._disk = disk
        if path.exists():
            state = pickle.loads(path.read_bytes())  # noqa: S301  written by this very test
            self.uploads, self.envelopes, self.seqs, self.receipts, self.commits = state

    def upload(self, sid: str, part: PartUpload, progress: Any) -> None:
        super().upload(sid, part, progress)
        self._keep()

    def put(self, consignment: Consignment, meanwhile: Callable[[], None] = idle) -> Answer:
        self._disk.step()  # both ends of the PUT are moments to die at, too
        answer = super().put(consignment, meanwhile)
        self._keep()
        self._disk.step()
        return answer

    def _keep(self) -> None:
        fresh = self._path.with_suffix(".new")
        state = (self.uploads, self.envelopes, self.seqs, self.receipts, self.commits)
        fresh.write_bytes(pickle.dumps(state))
        fresh.rename(self._path)


# ── in the helper's forks ───────────────────────────────────────────────────────────────────


def open_all(bench: Bench, disk: Disk, folder: str) -> tuple[LastingPlatform, QueueStore, SyncLoop]:
    bench.folder = Path(folder) / "state"
    platform = LastingPlatform(bench.signer, bench.opener)
    platform.receipt_key = bench.platform.receipt_key
    platform.attach(Path(folder) / "platform", disk)
    store = bench.open()
    verifier = PinnedVerifier(platform.receipt_key.public_key())
    loop = SyncLoop(store, platform, verifier, bench.clock, lambda change: None, rng=random.Random(1))
    return platform, store, loop


def work(bench: Bench, disk: Disk, folder: str, first: int, die_at: int) -> None:
    """Put, deliver and shred; without end, or once through and dying by itself at step `die_at`.

    One of four has scans; the others are forms in a row, whose receipts are written while the next one travels.
    """
    disk.root(f"{folder}/state")
    disk.kill(die_at)
    _, store, loop = open_all(bench, disk, folder)
    for number in range(first, first + (WHOLE if die_at else 100_000)):
        sizes = (600, 60) if number % 4 == 1 else ()
        parts = tuple(PlainPart(f"scan-{n}", CLEAR + bytes([n]) * size) for n, size in enumerate(sizes))
        manifest = build_manifest(CLEAR.decode())
        ticket = store.put(make_sid(number), parts, manifest, make_facts(), bench.opener.keys)
        say(ticket=[ticket.sid, ticket.intake_number])
        if number == first or (not die_at and number % 3 == 0):
            loop.step()
            loop.step()
    for _ in range(WHOLE):
        loop.step()
    say(through=disk.steps())


def check(bench: Bench, disk: Disk, folder: str, promised: list[list[str]]) -> None:
    """Look at everything; say how many there are, or what is wrong."""
    platform, store, loop = open_all(bench, disk, folder)
    bench.clock.reboot()
    entries = {entry.outcome.sid: entry for entry in store.entries(limit=100_000)}
    for sid, number in promised:
        assert entries[sid].outcome.intake_number == number, ("lost", sid)
    assert [entry.seq for entry in entries.values()] == list(range(1, len(entries) + 1))
    connection = sqlite3.connect(f"file:{bench.folder / 'queue.db'}?mode=ro", uri=True)
    assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    rows = connection.execute(
        "SELECT a.path, a.sha256 FROM attachment a JOIN submission s ON s.seq = a.submission_seq "
        "WHERE s.state <> 'shredded'"
    ).fetchall()
    unproven = "SELECT count(*) FROM submission WHERE state IN ('delivered', 'shredded') AND receipt IS NULL"
    assert connection.execute(unproven).fetchone() == (0,)
    connection.close()
    found = {str(path.relative_to(bench.folder)) for path in (bench.folder / "blobs").rglob("*") if path.is_file()}
    assert found == {path for path, _ in rows}
    for path, sha256 in rows:
        assert hashlib.sha256((bench.folder / path).read_bytes()).digest() == sha256, path
    assert find_plaintext(bench.folder, WORDS) == []
    for _ in range(10 * len(entries) + 50):
        bench.clock.turn(loop.step())
        if all(outcome.state is State.SHREDDED for outcome in store.outcomes(limit=100_000)):
            break
    assert platform.commits == dict.fromkeys(entries, 1)
    store.close()
    say(kept=len(entries))


# ── the tests ───────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def helper(tmp_path: Path) -> Iterator[Helper]:
    with started_helper(tmp_path) as made:
        yield made


def fresh_folder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    return folder


def tickets(said: list[dict[str, Any]]) -> list[list[str]]:
    return [words["ticket"] for words in said if "ticket" in words]


def test_a_kill_at_a_random_moment_loses_no_promise(helper, tmp_path):
    rng = random.Random(20261123)
    moment = threading.Event()
    total = 0
    for round_number in range(RANDOM_ROUNDS):
        if round_number % FRESH_EVERY == 0:
            folder = fresh_folder(tmp_path, f"random-{round_number}")
            promised: list[list[str]] = []
        pid = helper.start(work, folder=str(folder), first=1 + 1000 * round_number, die_at=0)
        fresh = [helper.read() for _ in range(rng.randrange(5))]
        moment.wait(rng.uniform(0, 0.02))  # the moment is meant to be any
        os.kill(pid, signal.SIGKILL)
        said, code = helper.finish()
        assert code == -signal.SIGKILL
        promised += tickets(fresh + said)
        total += len(tickets(fresh + said))
        kept = helper.run(check, folder=str(folder), promised=promised)[-1]["kept"]
        assert kept >= len(promised)
    assert total > RANDOM_ROUNDS
    report(f"chaos kill: {RANDOM_ROUNDS} kills, {total} promised, 0 lost, 0 twice, 0 in clear")


def test_a_kill_at_each_single_step_loses_no_promise(helper, tmp_path):
    """Every write, truncation, sync, rename, unlink, new file and both ends of the PUT, one after the other."""
    helper.start(work, folder=str(fresh_folder(tmp_path, "through")), first=1, die_at=NEVER)
    said, code = helper.finish()
    assert code == 0
    last = said[-1]["through"]
    assert last > FEWEST_POINTS
    points = range(1, last + 1, rounds(11, 1))
    for step in points:
        folder = fresh_folder(tmp_path, str(step))
        helper.start(work, folder=str(folder), first=1, die_at=step)
        said, code = helper.finish()
        assert code == -signal.SIGKILL
        helper.run(check, folder=str(folder), promised=tickets(said))
    report(f"chaos kill: died at {len(points)} of {last} steps from creation to the last of a row, 0 lost, 0 twice")
