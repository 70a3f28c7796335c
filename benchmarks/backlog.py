"""What a hundred thousand waiting submissions cost: claim and settle, opening after a kill, the sweep of their files.

Part of `python -m benchmarks queue`.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import statistics
import struct
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from benchmarks.bench_store import Clock, Figure, Signer, figure, fill, make_entry, open_raw_connection
from offline_queue.api import Consignment, Receipt, SignedObject
from offline_queue.blobs import SHELVES, BlobFolder
from offline_queue.ledger import Ledger
from offline_queue.recovery import sweep
from offline_queue.store import Limits, QueueStore

BACKLOG = 100_000
SETTLES = 150
OPENINGS = 11
LIMITS = Limits(rows=2 * BACKLOG, database_bytes=8 * 2**30)
BLOB_BYTES = 64
FILES = 20_000


def run(folder: Path) -> dict[str, Figure]:
    """Return the figures of a large backlog."""
    many, few = folder / "many", folder / "few"
    for place, rows in ((many, BACKLOG), (few, SETTLES)):
        with open_store(place) as store:
            store.commit(make_entry(1, parts=0))
        fill(place / "queue.db", rows)
    settled = measure_settle(many, few)
    opened = measure_open(many)
    return {"claim_settle_100000_rows": settled, "open_after_kill_100000_rows": opened, **measure_sweep(many)}


def open_store(place: Path) -> QueueStore:
    return QueueStore(place, clock=Clock(), signer=Signer(), limits=LIMITS)


def measure_settle(many: Path, few: Path) -> Figure:
    """Claim, note the sending and settle, at a hundred thousand waiting against none but those."""
    ours: list[float] = []
    theirs: list[float] = []
    with open_store(many) as full, open_store(few) as empty:
        for turn in range(SETTLES):
            sides = [(ours, full), (theirs, empty)]
            for times, store in sides if turn % 2 else reversed(sides):
                started = time.perf_counter()
                settle_once(store)
                times.append(time.perf_counter() - started)
    ratio = statistics.median(ours) / statistics.median(theirs)
    texts = (f"{statistics.median(side) * 1000:.2f} ms" for side in (ours, theirs))
    return figure(ratio, *texts, f"the same in a queue of {SETTLES}, three durable transactions", "<= 1.5")


def settle_once(store: QueueStore) -> None:
    claimed = store.claim()
    assert claimed is not None
    store.mark_sending(claimed.sid)
    store.settle_delivered(claimed.sid, SignedObject(b"{}", "r", bytes(64)), receipt_of(claimed))


def receipt_of(item: Consignment) -> Receipt:
    return Receipt(item.sid, "K-000123", item.seq, item.manifest_sha256, f"JX{item.seq:08d}", 0)


# ── opening after kill -9 ───────────────────────────────────────────────────────────────────


def measure_open(place: Path) -> Figure:
    """Open a store whose owner was killed in the middle of its work, log and lease left behind.

    Both sides find the same file and the same log; each opening is a process of its own that ends without closing. Ours
    ends ready to promise: lease given back, one durable transaction, no part left to look for (see blob_sweep). Theirs
    has recovered the log and read a row.
    """
    in_child(lambda: work_until_killed(place))
    log = place / "queue.db-wal"
    left = log.read_bytes()
    ours: list[float] = []
    theirs: list[float] = []
    for turn in range(OPENINGS):
        sides: list[tuple[list[float], Callable[[], object]]] = [
            (ours, lambda: open_store(place)),
            (theirs, lambda: open_and_read(place)),
        ]
        for times, open_it in sides if turn % 2 else reversed(sides):
            restore(log, left)
            (place / "queue.db-shm").unlink(missing_ok=True)
            times.append(in_child(lambda open_it=open_it: timed_open(open_it)))
    restore(log, left)
    ratio = statistics.median(ours) / statistics.median(theirs)
    texts = (f"{statistics.median(side) * 1000:.1f} ms" for side in (ours, theirs))
    size = (place / "queue.db").stat().st_size / 1e6
    peer = f"sqlite3 opening and recovering the same {size:.0f} MB and {len(left) / 1e6:.1f} MB of log"
    return figure(ratio, *texts, peer, "<= 2")


def restore(log: Path, content: bytes) -> None:
    """Write the log as it was left, synced, as its owner's commits had been."""
    with log.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def work_until_killed(place: Path) -> float:
    store = open_store(place)
    for _ in range(20):
        settle_once(store)
    seq = BACKLOG + 1
    for number in range(60):
        store.commit(make_entry(seq + number, parts=0))
    store.claim()
    os.kill(os.getpid(), signal.SIGKILL)
    return 0.0


def open_and_read(place: Path) -> sqlite3.Connection:
    db = open_raw_connection(place / "queue.db")
    db.execute("SELECT v FROM meta WHERE k = 'next_seq'").fetchone()
    return db


def timed_open(open_it: Callable[[], object]) -> float:
    started = time.perf_counter()
    kept = open_it()
    seconds = time.perf_counter() - started
    assert kept is not None
    return seconds


def in_child(call: Callable[[], float]) -> float:
    """Return what a call in a fork returns; the fork ends at once, closing nothing."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(write, struct.pack("d", call()))
        os._exit(0)
    os.close(write)
    os.waitpid(pid, 0)
    answer = os.read(read, 8)
    os.close(read)
    return float(struct.unpack("d", answer)[0]) if answer else 0.0


# ── the files ───────────────────────────────────────────────────────────────────────────────


def measure_sweep(place: Path) -> dict[str, Figure]:
    """The start's look at every file: each of the first `FILES` submissions has one part."""
    for shelf in range(SHELVES):
        (place / "blobs" / f"{shelf:02x}").mkdir(exist_ok=True)
    content = bytes(BLOB_BYTES)
    with closing(open_raw_connection(place / "queue.db")) as db:
        seqs = [seq for (seq,) in db.execute("SELECT seq FROM submission WHERE state = 'ready' LIMIT ?", (FILES,))]
        db.execute("BEGIN")
        for seq in seqs:
            name = f"blobs/{seq % SHELVES:02x}/{seq:064x}.ksb1"
            (place / name).write_bytes(content)
            row = (seq, "scan-0", bytes(32), BLOB_BYTES, name)
            db.execute("INSERT INTO attachment (submission_seq, part, sha256, size, path) VALUES (?, ?, ?, ?, ?)", row)
        db.execute("COMMIT")
        db.row_factory = sqlite3.Row
        ledger, blobs = Ledger(db, Clock(), place / "queue.db", LIMITS.database_bytes), BlobFolder(place)
        times = []
        for _ in range(3):
            started = time.perf_counter()
            assert sweep(ledger, blobs, Signer.device_id) == 0
            times.append(time.perf_counter() - started)
    seconds = statistics.median(times)
    with open_store(place) as store:
        started = time.perf_counter()
        stats = store.stats()
        asked = time.perf_counter() - started
        assert stats.ready >= len(seqs)
    return {
        "blob_sweep": plain(f"{seconds * 1000:.0f}", "ms", f"{len(seqs)} files and rows compared, once at the start"),
        "stats_100000_rows": plain(f"{asked * 1000:.1f}", "ms", "counts for health and heartbeat"),
    }


def plain(value: str, unit: str, what: str) -> Figure:
    return {"value": value, "unit": unit, "ours": value, "theirs": "", "peer": what, "goal": "", "holds": True}
