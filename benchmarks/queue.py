"""What the durable queue costs beside raw SQLite, the bare ciphers and the number of syncs.

All figures are ratios within one run. The two sides of a ratio take turns, one operation each, so that a slow moment of
the disk meets both; medians are compared.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from benchmarks import backlog
from benchmarks.bench_store import (
    FACTS,
    PARTS,
    Clock,
    Figure,
    Signer,
    figure,
    fill,
    make_entry,
    make_key,
    make_sid,
    open_raw_connection,
    rate,
    timed,
)
from offline_queue.api import Cause, PlainPart
from offline_queue.seal import SealHeader, seal_bytes
from offline_queue.store import Entry, QueueStore

PUTS = 600
PEER_PUTS = 200
SEAL_BYTES = 16 * 2**20
SEALS = 5
CLAIMS = 60
FEW, MANY = 100, 10_000


def run() -> dict[str, Figure]:
    """Return the figures of the queue."""
    home = Path("build")  # a memory disk under the temporary folder would make every sync free
    home.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home) as name:
        folder = Path(name)
        return {
            "put_rows_rate": measure_put(folder),
            "syncs_per_put": count_syncs(folder),
            "seal_cpu": measure_sealing(),
            "claim_10000_rows": measure_claim(folder),
            **compare_queues(folder),
            **backlog.run(folder / "backlog"),
        }


def measure_put(folder: Path) -> Figure:
    """Rows and transition of one put, without sealing, against the same rows written with sqlite3 alone."""
    raw = open_raw(folder / "raw")
    ours: list[float] = []
    theirs: list[float] = []
    with QueueStore(folder / "ours", clock=Clock(), signer=Signer()) as store:
        for seq in range(1, PUTS + 1):
            entry = make_entry(seq)
            sides = [(ours, lambda entry=entry: store.commit(entry)), (theirs, lambda entry=entry: put_raw(raw, entry))]
            for times, put in sides if seq % 2 else reversed(sides):  # neither always comes after the other's sync
                times.append(timed(put))
    raw.close()
    ratio = statistics.median(theirs) / statistics.median(ours)
    return figure(ratio, rate(ours), rate(theirs), "sqlite3, same rows, one transaction at FULL", ">= 0.85")


def count_syncs(folder: Path) -> Figure:
    """Syncs of one whole put with three parts.

    Counted are the calls of os.fsync, which is every file and folder we sync ourselves, and one for the commit: in WAL
    mode at synchronous=FULL a commit syncs the log once. A checkpoint, about every hundred puts, adds two.
    """
    counts: list[int] = []
    parts = tuple(PlainPart(f"scan-{n}", random.Random(n).randbytes(50_000)) for n in range(PARTS))
    with QueueStore(folder / "syncs", clock=Clock(), signer=Signer()) as store, counted_syncs() as calls:
        for seq in range(1, 41):
            before = calls[0]
            store.put(make_sid(seq), parts, lambda known: b"{}", FACTS, (make_key(),))
            counts.append(calls[0] - before + 1)
    usual, limit = int(statistics.median(counts)), PARTS + 2
    return {
        "value": usual,
        "unit": "syncs",
        "ours": f"{usual} for {PARTS} parts, {max(counts)} for the first on each shelf after a start",
        "theirs": f"{2 * PARTS + 2}",
        "peer": "each file, the shelf, the commit; beside 2 x parts + 2 with a shelf for each part",
        "goal": f"<= {limit}",
        "holds": usual <= limit,
    }


def compare_queues(folder: Path) -> dict[str, Figure]:
    """One durable item by us, by persist-queue and by huey, with the same bytes; they take turns.

    Theirs hold no parts, no lease, no state and no history. persist-queue commits at synchronous=FULL in WAL mode;
    huey is asked for its fsync.
    """
    from huey.storage import SqliteStorage
    from persistqueue import SQLiteAckQueue

    peer = SQLiteAckQueue(str(folder / "persist"), multithreading=False, auto_commit=True)
    other = SqliteStorage(filename=str(folder / "huey.db"), fsync=True)
    levels = {
        "persist-queue": peer._putter.execute("PRAGMA synchronous").fetchone()[0],
        "huey": other.conn.execute("PRAGMA synchronous").fetchone()[0],
    }
    times: dict[str, list[float]] = {"ours": [], "persist-queue": [], "huey": []}
    with QueueStore(folder / "beside", clock=Clock(), signer=Signer()) as store:
        for seq in range(1, PEER_PUTS + 1):
            entry = make_entry(seq)
            data = entry.envelope.object + entry.envelope.signature + entry.manifest
            sides: list[tuple[str, Callable[[], object]]] = [
                ("ours", lambda entry=entry: store.commit(entry)),
                ("persist-queue", lambda data=data: peer.put(data)),
                ("huey", lambda data=data: other.enqueue(data)),
            ]
            turn = seq % len(sides)
            for name, put in sides[turn:] + sides[:turn]:
                times[name].append(timed(put))
    peer.close()
    other.close()
    return {
        f"put_beside_{name}": figure(
            statistics.median(taken) / statistics.median(times["ours"]),
            rate(times["ours"]),
            rate(taken),
            f"{name}, the same bytes in one item, synchronous={levels[name]}",
            "",
        )
        for name, taken in times.items()
        if name != "ours"
    }


def measure_sealing() -> Figure:
    """CPU of sealing in memory against one AES-256-GCM call and the two hashes that a manifest lists."""
    data = random.Random(1).randbytes(SEAL_BYTES)
    header, key, cipher = SealHeader(make_sid(1), "K-000123", "scan", 1, 0, ""), make_key(), AESGCM(bytes(32))

    def bare() -> None:
        hashlib.sha256(data).digest()
        hashlib.sha256(cipher.encrypt(bytes(12), data, None)).digest()

    ours, theirs = [], []
    for _ in range(SEALS):
        ours.append(timed(lambda: hashlib.sha256(seal_bytes(header, data, (key,))).digest(), time.process_time))
        theirs.append(timed(bare, time.process_time))
    ratio = statistics.median(ours) / statistics.median(theirs)
    megabytes = SEAL_BYTES / 1e6
    speeds = (f"{megabytes / statistics.median(side):.0f} MB/s" for side in (ours, theirs))
    return figure(ratio, *speeds, "AES-256-GCM and SHA-256 of clear and sealed, one shot", "<= 1.5")


def measure_claim(folder: Path) -> Figure:
    """Claim and release at ten thousand waiting submissions against a hundred."""
    places = {rows: folder / f"claim-{rows}" for rows in (MANY, FEW)}
    for rows, place in places.items():
        with QueueStore(place, clock=Clock(), signer=Signer()) as store:
            store.commit(make_entry(1, parts=0))
        fill(place / "queue.db", rows)
    times: dict[int, list[float]] = {MANY: [], FEW: []}
    with contextlib.ExitStack() as open_stores:
        stores = {
            rows: open_stores.enter_context(QueueStore(place, clock=Clock(), signer=Signer()))
            for rows, place in places.items()
        }
        for turn in range(CLAIMS):
            for rows in (MANY, FEW) if turn % 2 else (FEW, MANY):
                times[rows].append(timed(lambda store=stores[rows]: claim_once(store)))
    many, few = (statistics.median(times[rows]) for rows in (MANY, FEW))
    return figure(many / few, f"{many * 1000:.2f} ms", f"{few * 1000:.2f} ms", f"the same at {FEW} rows", "<= 1.5")


def claim_once(store: QueueStore) -> None:
    claimed = store.claim()
    assert claimed is not None
    store.release(claimed.sid, Cause.INTERRUPTED)


# ── the raw side ────────────────────────────────────────────────────────────────────────────


def open_raw(folder: Path) -> sqlite3.Connection:
    """Return a plain connection to a database of the same schema, with the same pragmas."""
    QueueStore(folder, clock=Clock(), signer=Signer()).close()
    return open_raw_connection(folder / "queue.db")


def put_raw(db: sqlite3.Connection, entry: Entry) -> None:
    """Write what `QueueStore.commit` writes, with everything ready beforehand."""
    envelope, wall = entry.envelope, "2026-11-23T02:13:20.000Z"
    db.execute("BEGIN IMMEDIATE")
    db.execute(
        "INSERT INTO submission (seq, sid, intake_number, kind, item, after_sid, priority, state, envelope, "
        "envelope_kid, envelope_sig, manifest, manifest_sha256, bytes, created_wall, clock_ok) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, 'ready', ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            entry.seq,
            entry.sid,
            f"K-000123-{entry.seq:06d}-X",
            "submission",
            "SIM-MZ-0008",
            None,
            5,
            envelope.object,
            envelope.kid,
            envelope.signature,
            entry.manifest,
            bytes(32),
            9000,
            wall,
            1,
        ),
    )
    for part in entry.parts:
        db.execute(
            "INSERT INTO attachment (submission_seq, part, sha256, size, path) VALUES (?, ?, ?, ?, ?)",
            (entry.seq, part.name, bytes(32), part.sealed_bytes, f"blobs/ab/{part.sealed_sha256}.ksb1"),
        )
    db.execute("UPDATE meta SET v = ? WHERE k = 'next_seq'", (str(entry.seq + 1),))
    db.execute(
        "INSERT INTO transition (submission_seq, sid, old, new, cause, status, code, at_wall, boot, mono_ms) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (entry.seq, entry.sid, None, "ready", "stored", 0, "", wall, "boot", 1),
    )
    db.execute("COMMIT")


@contextlib.contextmanager
def counted_syncs() -> Iterator[list[int]]:
    """Count calls of os.fsync while the block runs."""
    calls, real = [0], os.fsync

    def fsync(descriptor: int | io.IOBase) -> None:
        calls[0] += 1
        real(descriptor)  # type: ignore[arg-type]

    os.fsync = fsync  # type: ignore[assignment]
    try:
        yield calls
    finally:
        os.fsync = real
