"""A disk that refuses or fails: whoever was promised nothing is told so, the older ones stand, sending goes on."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from offline_queue.api import Cause, DiskFull, PlainPart, QueueError, State, StoreCorrupt
from offline_queue.retention import Retention
from offline_queue.store import Limits, QueueStore
from tests.chaos.disk import FAIL_SYNC, FAIL_WRITE, ROOT, Disk, Helper, report, rounds, say, started_helper
from tests.fixtures.queue import SMALL, Bench, build_manifest, make_facts, make_parts, make_sid
from tests.fixtures.queue_looks import find_plaintext

EVERY = {FAIL_WRITE: rounds(7, 1), FAIL_SYNC: rounds(2, 1)}  # every single call fails in the long form
SMALL_DISK = 4 * 2**20
SMALL_LIMITS = Limits(free_floor_bytes=0, ballast_bytes=2**20)
ALWAYS = 10**9


# ── in the helper's forks ───────────────────────────────────────────────────────────────────


def fail_in_put(bench: Bench, disk: Disk, folder: str, kind: int, number: int, at: int, count: int) -> None:
    """Put one, then one whose `at`-th write or sync fails; say how it went, during and after."""
    bench.folder = Path(folder)
    disk.root(folder)
    store = bench.open()
    put(bench, store, 1)
    disk.fail(kind, number, at, count)
    answer = "stored"
    try:
        put(bench, store, 2)
    except QueueError as error:
        answer = type(error).__name__
    failed = disk.failed()
    told = known(store, 2)
    disk.fail(0, 0, 1, 0)
    again = "stored"
    try:
        put(bench, store, 3)
    except QueueError as error:
        again = type(error).__name__
    facts = {"answer": answer, "failed": failed, "told": told, "again": again, "first": known(store, 1)}
    store.close()
    bench.clock.reboot()
    store = bench.open()
    opened = [known(store, n) for n in (1, 2, 3)]
    put(bench, store, 4)
    named = {part.path for _ in range(4) if (item := store.claim()) for part in item.parts}
    standing = {str(path) for path in (bench.folder / "blobs").rglob("*") if path.is_file()}
    say(**facts, opened=opened, resyncs=disk.resyncs(), stray=len(standing ^ named))
    store.close()


def fill_up(bench: Bench, disk: Disk, folder: str, is_quota: bool) -> None:
    """Put until the small disk is full, then deliver, shred and fold on the full disk."""
    bench.folder = Path(folder) / "state"
    disk.root(folder)
    if is_quota:
        disk.quota(SMALL_DISK)
    store = bench.open(limits=SMALL_LIMITS)
    assert store.has_ballast
    number = 1
    try:
        while True:
            put(bench, store, number, (90_000, 60))
            number += 1
    except DiskFull:
        stored = number - 1
    assert store.has_ballast, "taking in does not touch the ballast"
    filler = Path(folder) / "somebody-elses.log"
    fill(filler)
    had_ballast_dropped = False
    for _ in range(stored):
        item = store.claim()
        had_ballast_dropped |= not store.has_ballast
        assert item is not None
        store.mark_sending(item.sid)
        signed = bench.platform.make_receipt(item.sid, item.seq, item.manifest_sha256)
        receipt = bench.verifier.verify_receipt(signed, item.sid, store.device_id, item.seq, item.manifest_sha256)
        store.settle_delivered(item.sid, signed, receipt)
    had_ballast_dropped |= not store.has_ballast
    was_accepting = store.is_accepting()
    shredded = len(Retention(store, bench.clock).run())
    Retention(store, bench.clock).run()
    facts = {"stored": stored, "shredded": shredded, "dropped": had_ballast_dropped, "was_accepting": was_accepting}
    log = bench.folder / "queue.db-wal"
    say(**facts, ballast=store.has_ballast, wal=log.stat().st_size, accepts=store.is_accepting())
    put(bench, store, number)
    store.close()


def open_when_full(bench: Bench, disk: Disk, folder: str, is_quota: bool) -> None:
    """Open a store with a lease on a disk without a byte left."""
    bench.folder = Path(folder) / "state"
    disk.root(folder)
    if is_quota:
        disk.quota(SMALL_DISK)
    store = bench.open(limits=SMALL_LIMITS)
    put(bench, store, 1)
    assert store.claim() is not None
    store.close()
    fill(Path(folder) / "somebody-elses.log")
    store = bench.open(limits=SMALL_LIMITS)
    say(state=known(store, 1), ballast=store.has_ballast, accepts=store.is_accepting())
    store.close()


def fill(path: Path) -> None:
    """Take every free byte, block by block and then byte by byte."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    for size in (65_536, 4096, 512, 1):
        try:
            while True:
                os.write(descriptor, bytes(size))
        except OSError:  # smaller pieces may still fit
            continue
    os.close(descriptor)


def put(bench: Bench, store: QueueStore, number: int, sizes: tuple[int, ...] = (30_000, 60)) -> None:
    store.put(make_sid(number), make_parts(sizes, number), build_manifest(), make_facts(), bench.opener.keys)


def known(store: QueueStore, number: int) -> str:
    try:
        found = store.find(make_sid(number))
    except StoreCorrupt:
        return "out of service"
    return found.state.value if found else "none"


# ── the tests ───────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def helper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Helper]:
    with started_helper(tmp_path_factory.mktemp("preload")) as made:
        yield made


@pytest.mark.parametrize("count", [1, ALWAYS], ids=["once", "from then on"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO], ids=["ENOSPC", "EIO"])
@pytest.mark.parametrize("kind", [FAIL_WRITE, FAIL_SYNC], ids=["write", "sync"])
def test_a_disk_that_fails_at_any_call_of_a_put_promises_nothing(helper, tmp_path, kind, number, count):
    answers: Counter[str] = Counter()
    at = 1
    while True:
        said = helper.run(fail_in_put, folder=str(tmp_path / str(at)), kind=kind, number=number, at=at, count=count)[-1]
        if not said["failed"]:
            break
        expected = {"DiskFull"} if number == errno.ENOSPC and kind == FAIL_WRITE else {"DiskFull", "StoreCorrupt"}
        assert said["answer"] in expected, "the error reaches the caller"
        assert said["resyncs"] == 0, "the descriptor of a failed sync is never synced again"
        assert said["first"] == "ready" or (said["first"] == "out of service" and count == ALWAYS)
        if said["told"] != "out of service":
            assert said["opened"][1] == said["told"], "what the store said afterwards is what the next open finds"
        assert said["opened"][0] == "ready"
        assert (said["again"] == "stored") == (said["opened"][2] == "ready")
        assert said["again"] == "stored" or count == ALWAYS
        assert said["stray"] == 0
        answers[said["answer"]] += 1
        at += EVERY[kind]
    assert said["answer"] == "stored"
    assert answers.total() >= 2
    word = {FAIL_WRITE: "write", FAIL_SYNC: "sync"}[kind]
    often = "once" if count == 1 else "from then on"
    report(f"chaos {errno.errorcode[number]} on {word}, {often}: {answers.total()} points, {dict(answers)}, 0 promised")


@pytest.fixture(params=["mounted", "counted"])
def small_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, bool]]:
    """Give a folder on a disk of 4 MB: a mounted one where we may mount, else one whose bytes the preload counts."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount") if request.param == "mounted" and os.geteuid() == 0 else None
    command = [mount or "false", "-t", "tmpfs", "-o", f"size={SMALL_DISK}", "jinban", str(folder)]
    is_mounted = subprocess.run(command, check=False, capture_output=True).returncode == 0
    yield folder, not is_mounted
    if is_mounted:
        subprocess.run(["umount", str(folder)], check=True)


def test_on_a_full_disk_of_four_megabytes_sending_and_deleting_go_on(helper, small_disk):
    folder, is_quota = small_disk
    said = helper.run(fill_up, folder=str(folder), is_quota=is_quota)[-1]
    assert said["stored"] > 10
    assert said["shredded"] == said["stored"]
    assert said["dropped"], "the disk was full: only the ballast made room"
    assert not said["was_accepting"]
    assert (said["ballast"], said["wal"], said["accepts"]) == (True, 0, True)
    report(f"chaos 4 MB disk ({'counted' if is_quota else 'mounted'}): {said['stored']} stored, delivered and shredded")


def test_a_store_opens_on_a_disk_without_a_byte_left(helper, small_disk):
    folder, is_quota = small_disk
    said = helper.run(open_when_full, folder=str(folder), is_quota=is_quota)[-1]
    assert said == {"state": "ready", "ballast": False, "accepts": False}


TAILS = (1, 2, 3, 7, 8, 23, 24, 25, 100, 511, 512, 513, 1000, 2048, 3000, 3999, 4000, 4095, 4096, 4120)


@pytest.mark.parametrize("is_overwritten", [False, True], ids=["cut", "overwritten"])
def test_a_torn_tail_of_the_log_loses_only_what_was_not_promised(tmp_path, is_overwritten):
    """40 cases: the last bytes of the log are gone or garbage; everything before the last commit stays."""
    bench = Bench(tmp_path / "state")
    store = bench.open()
    for number in range(1, 6):
        put(bench, store, number)
    log = bench.folder / "queue.db-wal"
    whole = {name: (bench.folder / name).read_bytes() for name in ("queue.db", "queue.db-wal")}
    store.close()
    for tail in TAILS:
        copy = tmp_path / f"copy-{tail}"
        copy.mkdir()
        (copy / "blobs").symlink_to(bench.folder / "blobs")
        (copy / "queue.db").write_bytes(whole["queue.db"])
        kept = whole["queue.db-wal"][:-tail]
        (copy / log.name).write_bytes(kept + (b"\xa5" * tail if is_overwritten else b""))
        with closing(sqlite3.connect(copy / "queue.db")) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            found = [seq for (seq,) in db.execute("SELECT seq FROM submission ORDER BY seq")]
            assert found == [1, 2, 3, 4], "the torn commit is gone as a whole, and no other"
            assert db.execute("SELECT v FROM meta WHERE k = 'next_seq'").fetchone() == ("5",)
            assert db.execute("SELECT count(*) FROM attachment").fetchone() == (8,)
    torn = QueueStore(copy, clock=bench.clock, signer=bench.signer, limits=SMALL)
    put(bench, torn, 9)
    assert [entry.seq for entry in torn.entries()] == [1, 2, 3, 4, 5]
    torn.close()
    report(f"chaos torn log, {'overwritten' if is_overwritten else 'cut'}: {len(TAILS)} tails, 0 lost before the tail")


HOLDER = """
import pathlib, sys
from tests.chaos.test_store_faults import put
from tests.fixtures.queue import Bench
bench = Bench(pathlib.Path(sys.argv[1]))
store = bench.open()
put(bench, store, 1)
print("holding", flush=True)
sys.stdin.read()
"""


def test_the_second_process_is_refused_and_harms_nothing_until_the_holder_is_killed(tmp_path):
    folder = tmp_path / "state"
    command = [sys.executable, "-c", HOLDER, str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "holding\n"
        before = {path: hashlib.sha256(path.read_bytes()).digest() for path in folder.rglob("*") if path.is_file()}
        second = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, input="")
        assert second.returncode != 0
        assert second.stderr.splitlines()[-1] == "offline_queue.api.StoreBusy: store_busy"
        after = {path: hashlib.sha256(path.read_bytes()).digest() for path in folder.rglob("*") if path.is_file()}
        assert after == before
        holder.send_signal(signal.SIGKILL)
        holder.wait(30)
    bench = Bench(folder)
    with closing(bench.open()) as store:
        assert [entry.seq for entry in store.entries()] == [1]
    report("chaos two processes: the second refused, nothing touched, the next opened once the holder was killed")


YEAR_S = 365.25 * 86_400


def test_no_clock_however_wrong_moves_the_order_or_a_due_time(tmp_path):
    """Ten years forth and back, a battery that is dead at every start, months asleep."""
    bench = Bench(tmp_path / "state")
    cases = 0
    for jump_s in (10 * YEAR_S, -10 * YEAR_S, 31 * 86_400.0, -31 * 86_400.0, -bench.clock.wall, 0.0):
        bench.folder = tmp_path / f"state-{cases}"
        store = bench.open()
        right = bench.clock.wall
        for number in range(1, 4):
            bench.clock.wall = right if number % 2 else right + jump_s
            bench.clock.is_sure = bool(number % 2)
            facts = make_facts(clock_ok=bench.clock.is_sure, ts=max(0, int(bench.clock.wall)))
            store.put(make_sid(number), make_parts(), build_manifest(), facts, bench.opener.keys)
        first = store.claim()
        assert first is not None
        store.release(first.sid, Cause.WAITING, wait_s=60.0, is_counted=True)
        bench.clock.wall = right + jump_s
        assert [_claimed(store), _claimed(store), _claimed(store)] == [2, 3, 0], "by number, and none before its time"
        bench.clock.mono += 60.0
        assert _claimed(store) == 1, "nor later than its time"
        envelopes = [_clock_word(bench, store, number) for number in (1, 2, 3)]
        assert envelopes == ["ok", "unsure", "ok"]
        retention = Retention(store, bench.clock)
        for number in (1, 2, 3):
            settle(bench, store, number)
        bench.clock.is_sure = False
        assert len(retention.run()) == 3, "content goes by the receipt, whatever the clock says"
        assert len(store.outcomes((State.SHREDDED,))) == 3, "and tombstones stay while no clock is to be trusted"
        store.close()
        bench.clock.wall, bench.clock.is_sure = right, True
        bench.clock.reboot()
        with closing(bench.open()) as store:
            put(bench, store, 7)
            assert [entry.seq for entry in store.entries()] == [1, 2, 3, 4]
        cases += 1
    report(f"chaos clock: {cases} clocks, order by number, none early, none starved")


def _claimed(store: QueueStore) -> int:
    item = store.claim()
    return item.seq if item else 0


def _clock_word(bench: Bench, store: QueueStore, number: int) -> str:
    with closing(sqlite3.connect(f"file:{bench.folder / 'queue.db'}?mode=ro", uri=True)) as db:
        (envelope,) = db.execute("SELECT envelope FROM submission WHERE seq = ?", (number,)).fetchone()
    return str(msgspec.json.decode(envelope)["clk"])


def settle(bench: Bench, store: QueueStore, number: int) -> None:
    """Take a claimed submission through to `delivered`."""
    store.mark_sending(make_sid(number))
    with closing(sqlite3.connect(f"file:{bench.folder / 'queue.db'}?mode=ro", uri=True)) as db:
        seq, digest = db.execute(
            "SELECT seq, manifest_sha256 FROM submission WHERE sid = ?", (make_sid(number),)
        ).fetchone()
    signed = bench.platform.make_receipt(make_sid(number), seq, digest.hex())
    receipt = bench.verifier.verify_receipt(signed, make_sid(number), store.device_id, seq, digest.hex())
    store.settle_delivered(make_sid(number), signed, receipt)


CANARY = ("欧阳建国", "330402194503121234", "嘉兴市南湖区中山路1号")


def test_nothing_of_a_person_and_after_the_receipt_nothing_sealed_is_left(tmp_path):
    """The clear words never touch the disk; the sealed bytes are gone from file, log and folder after shredding."""
    bench = Bench(tmp_path / "state")
    store = bench.open()
    text = "，".join(CANARY)
    sealed: list[bytes] = []
    for number in range(1, 8):
        part = PlainPart("scan-0", text.encode() * 50)
        store.put(make_sid(number), (part,), build_manifest(text * 20), make_facts(), bench.opener.keys)
        item = store.claim()
        assert item is not None
        sealed += [item.manifest[at : at + 48] for at in range(600, len(item.manifest) - 48, 400)]
        sealed.append(Path(item.parts[0].path).read_bytes()[-64:])
        assert find_plaintext(bench.folder, CANARY) == []
    assert all(_is_on_disk(bench.folder, canary) for canary in sealed), "the search itself must bite"
    for number in range(1, 8):
        settle(bench, store, number)
    Retention(store, bench.clock).run()
    assert (bench.folder / "queue.db-wal").stat().st_size == 0
    left = [canary for canary in sealed if _is_on_disk(bench.folder, canary)]
    assert left == []
    assert find_plaintext(bench.folder, CANARY) == []
    store.close()
    report(f"chaos canary: {len(sealed)} sealed pieces and {len(CANARY)} words looked for, 0 left")


def _is_on_disk(folder: Path, canary: bytes) -> bool:
    return any(canary in path.read_bytes() for path in folder.rglob("*") if path.is_file())
