"""A power cut at any moment, replayed from a recording: nothing promised is lost, nothing is torn or corrupt."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from offline_queue import blobs, database, seal
from offline_queue.api import Change, QueueError, State, StoreCorrupt
from offline_queue.store import QueueStore
from offline_queue.sync import SyncLoop
from tests.chaos.disk import FAIL_SYNC, IS_FULL, Disk, Helper, report, rounds, say, started_helper
from tests.chaos.replay import SYNC_FAILED, cuts, load_events
from tests.fixtures.queue import SMALL, Bench, TurnedClock, build_manifest, make_facts, make_parts, make_sid

POINTS = rounds(45, 400)
FAULT_POINTS = rounds(12, 60)  # for each of the syncs that fail
LAST_SYNC = 27  # five puts have five syncs each, the last is the commit's; closing has two
FAULTY_SYNCS = range(1, LAST_SYNC + 1) if IS_FULL else (2, 5, 15, LAST_SYNC)
MEMORY_DISK = Path("/dev/shm")  # noqa: S108  what is rebuilt is the disk after the cut: it needs no durability
SEED = 20261129


# ── in the helper's forks ───────────────────────────────────────────────────────────────────


def live(bench: Bench, disk: Disk, folder: str, log: str, synchronous: str, has_blob_syncs: bool) -> None:
    """Put, deliver, shred, close and open again, while every write is recorded."""
    if not has_blob_syncs:
        blobs.sync_folder = lambda folder: None
        seal.os = _NoSync()  # type: ignore[assignment]
    if synchronous == "NORMAL":
        database.PRAGMAS = tuple(p if p[0] != "synchronous" else ("synchronous", "NORMAL", 1) for p in database.PRAGMAS)
    bench.folder = Path(folder)
    disk.root(folder)
    disk.record(log)
    number = 0
    for _ in range(3):
        store = bench.open()
        loop = SyncLoop(
            store,
            bench.platform,
            bench.verifier,
            bench.clock,
            lambda change: _promise_delivered(disk, change),
            rng=random.Random(1),
        )
        for _ in range(5):
            number += 1
            sizes = (20_000, 60) if number % 5 in {1, 2} else ()  # the others: forms in a row
            put(bench, disk, store, number, sizes)
            if number % 3 == 0:
                loop.step()
            if number % 5 == 0:
                loop.step()
                loop.step()
                loop.step()
        store.close()
    say(put=number)


def fail_once(bench: Bench, disk: Disk, folder: str, log: str, at: int) -> None:
    """Put again and again while one sync fails for good; then go on as the store allows."""
    bench.folder = Path(folder)
    disk.root(folder)
    disk.record(log)
    store = bench.open()
    put(bench, disk, store, 1)
    disk.fail(FAIL_SYNC, errno.EIO, at, 1)
    refused = 0
    for number in range(2, 7):
        try:
            put(bench, disk, store, number)
        except StoreCorrupt:
            refused += 1
            if store.find(make_sid(number)) is not None:  # asked afterwards, the store says what is true
                disk.promise(f"ticket {make_sid(number)}")
    store.close()
    store = bench.open()
    put(bench, disk, store, 7)
    say(refused=refused, failed=disk.failed(), again=disk.resyncs())


def put(bench: Bench, disk: Disk, store: QueueStore, number: int, sizes: tuple[int, ...] = (20_000, 60)) -> None:
    sid = make_sid(number)
    store.put(sid, make_parts(sizes, number), build_manifest(), make_facts(), bench.opener.keys)
    disk.promise(f"ticket {sid}")


def _promise_delivered(disk: Disk, change: Change) -> None:
    if change.new is State.DELIVERED:
        disk.promise(f"delivered {change.sid}")


class _NoSync:
    """`os` without its sync."""

    def __getattr__(self, name: str) -> object:
        return (lambda descriptor: None) if name == "fsync" else getattr(os, name)


# ── after the cut ───────────────────────────────────────────────────────────────────────────


def judge(folder: Path, promised: list[str]) -> Counter[str]:
    """Return what is wrong with a store after a cut, counted: corrupt, lost, torn, clear rows without receipt."""
    wrong: Counter[str] = Counter()
    bench = Bench(folder)
    clock = TurnedClock()
    clock.reboot()
    try:
        with QueueStore(folder, clock=clock, signer=bench.signer, limits=SMALL) as store:
            found = {outcome.sid: outcome for outcome in store.outcomes(limit=10_000)}
            with closing(sqlite3.connect(f"file:{folder / 'queue.db'}?mode=ro", uri=True)) as db:
                wrong["corrupt"] += db.execute("PRAGMA integrity_check").fetchone()[0] != "ok"
                named = db.execute(
                    "SELECT a.path, a.sha256 FROM attachment a JOIN submission s ON s.seq = a.submission_seq "
                    "WHERE s.state <> 'shredded'"
                ).fetchall()
    except (QueueError, sqlite3.Error):
        wrong["corrupt"] += 1
        return wrong
    for words in promised:
        kind, sid = words.split()
        wrong["lost"] += sid not in found
        if kind == "delivered" and sid in found:
            wrong["lost"] += found[sid].state not in {State.DELIVERED, State.SHREDDED}
    for path, sha256 in named:
        blob = folder / path
        wrong["torn"] += not blob.is_file() or hashlib.sha256(blob.read_bytes()).digest() != sha256
    wrong["orphans"] = sum(path.is_file() for path in (folder / "blobs").rglob("*")) - len(named) + wrong["torn"]
    return wrong


def replay(log: Path, root: Path, count: int, scratch: Path, seed: int = SEED) -> Counter[str]:
    """Return what was wrong over `count` cuts, and how many cuts had anything wrong."""
    total: Counter[str] = Counter()
    for disk, rng in cuts(load_events(log), str(root), count, seed):
        folder = scratch / "cut"
        disk.rebuild(folder, rng)
        wrong = +judge(folder, disk.promised)
        total += wrong
        total["bad cuts"] += bool(wrong)
        total["promised"] += len(disk.promised)
        shutil.rmtree(folder)
    return total


@pytest.fixture(scope="module")
def helper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Helper]:
    with started_helper(tmp_path_factory.mktemp("preload")) as made:
        yield made


@pytest.fixture
def scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=MEMORY_DISK if MEMORY_DISK.is_dir() else None) as name:
        yield Path(name)


def test_a_power_cut_at_any_moment_loses_no_promise(helper, tmp_path, scratch):
    root, log = tmp_path / "state", tmp_path / "log"
    helper.run(live, folder=str(root), log=str(log), synchronous="FULL", has_blob_syncs=True)
    total = replay(log, root, POINTS, scratch)
    report(f"chaos power: {POINTS} cuts, {total['promised']} promises looked for, {dict(+total)}")
    assert total["promised"] > POINTS
    assert (total["corrupt"], total["lost"], total["torn"], total["orphans"]) == (0, 0, 0, 0)


def test_the_replay_finds_what_weaker_syncs_lose(helper, tmp_path, scratch):
    """The proof that the test above bites."""
    root, log = tmp_path / "state", tmp_path / "log"
    helper.run(live, folder=str(root), log=str(log), synchronous="NORMAL", has_blob_syncs=True)
    total = replay(log, root, POINTS, scratch)
    report(f"chaos power, synchronous=NORMAL: {POINTS} cuts, {total['bad cuts']} of them lost something")
    assert total["lost"] > 0


@pytest.mark.expected_log("a sealed part is gone")
def test_the_replay_finds_what_parts_without_syncs_lose(helper, tmp_path, scratch):
    root, log = tmp_path / "state", tmp_path / "log"
    helper.run(live, folder=str(root), log=str(log), synchronous="FULL", has_blob_syncs=False)
    total = replay(log, root, POINTS, scratch)
    report(f"chaos power, parts not synced: {POINTS} cuts, {total['bad cuts']} of them lost or tore something")
    assert total["torn"] > 0


def test_a_failed_sync_and_then_a_power_cut_lose_no_promise(helper, tmp_path, scratch):
    """What a failed sync gave up counts as gone, though the file still reads as if it were there."""
    total: Counter[str] = Counter()
    for at in FAULTY_SYNCS:
        root, log = tmp_path / f"state-{at}", tmp_path / f"log-{at}"
        said = helper.run(fail_once, folder=str(root), log=str(log), at=at)[-1]
        assert said["failed"] == 1
        assert said["again"] == 0, "the descriptor of a failed sync is never synced again"
        assert said["refused"] <= 1
        assert any(event.kind == SYNC_FAILED for event in load_events(log))
        total += replay(log, root, FAULT_POINTS, scratch, at)
        total["refused"] += said["refused"]
    cut = len(FAULTY_SYNCS) * FAULT_POINTS
    report(f"chaos power after EIO: {len(FAULTY_SYNCS)} syncs failed, {cut} cuts, {dict(+total)}")
    assert (total["corrupt"], total["lost"], total["torn"], total["orphans"]) == (0, 0, 0, 0)
