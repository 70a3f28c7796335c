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

from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from offline_queue.api import Cause, EnvelopeFacts, Kind, PartFacts, PlainPart, SealingKey, SignedObject
from offline_queue.database import PRAGMAS
from offline_queue.seal import X25519, SealHeader, seal_bytes
from offline_queue.store import Entry, QueueStore

PUTS = 300
PARTS = 3
MANIFEST_BYTES = 4096
SEAL_BYTES = 16 * 2**20
SEALS = 5
CLAIMS = 60
FEW, MANY = 100, 10_000
FACTS = EnvelopeFacts(Kind.SUBMISSION, "SIM-MZ-0008", "2026.11.2", "0.1.0", 1_795_400_000, True)

Figure = dict[str, object]


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
    return figure(ratio, rate(ours), rate(theirs), "sqlite3, same rows, one transaction at FULL", ">= 0.8")


def count_syncs(folder: Path) -> Figure:
    """Syncs of one whole put with three parts.

    Counted are the calls of os.fsync, which is every file and folder we sync ourselves, and one for the commit: in WAL
    mode at synchronous=FULL a commit syncs the log once. A checkpoint, about every hundred puts, adds two.
    """
    counts: list[int] = []
    parts = tuple(PlainPart(f"scan-{n}", random.Random(n).randbytes(50_000)) for n in range(PARTS))
    with QueueStore(folder / "syncs", clock=Clock(), signer=Signer()) as store, counted_syncs() as calls:
        for seq in range(1, 21):
            before = calls[0]
            store.put(make_sid(seq), parts, lambda known: b"{}", FACTS, (make_key(),))
            counts.append(calls[0] - before + 1)
    worst, limit = max(counts), 2 * PARTS + 2
    return {
        "value": worst,
        "unit": "syncs",
        "ours": f"{min(counts)} to {worst} for {PARTS} parts",
        "theirs": f"{limit}",
        "peer": "2 x parts + 2: each file, its folder, a new folder's parent, the commit",
        "goal": f"<= {limit}",
        "holds": worst <= limit,
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
    medians = []
    for rows in (MANY, FEW):
        place = folder / f"claim-{rows}"
        with QueueStore(place, clock=Clock(), signer=Signer()) as store:
            store.commit(make_entry(1, parts=0))
        fill(place / "queue.db", rows)
        with QueueStore(place, clock=Clock(), signer=Signer()) as store:
            medians.append(statistics.median(timed(lambda store=store: claim_once(store)) for _ in range(CLAIMS)))
    many, few = medians
    return figure(many / few, f"{many * 1000:.2f} ms", f"{few * 1000:.2f} ms", f"the same at {FEW} rows", "<= 1.5")


def claim_once(store: QueueStore) -> None:
    claimed = store.claim()
    assert claimed is not None
    store.release(claimed.sid, Cause.INTERRUPTED)


# ── the raw side ────────────────────────────────────────────────────────────────────────────


def open_raw(folder: Path) -> sqlite3.Connection:
    """Return a plain connection to a database of the same schema, with the same pragmas."""
    QueueStore(folder, clock=Clock(), signer=Signer()).close()
    connection = sqlite3.connect(folder / "queue.db", isolation_level=None)
    for name, value, _ in PRAGMAS:
        connection.execute(f"PRAGMA {name} = {value}")
    return connection


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


def fill(path: Path, rows: int) -> None:
    """Multiply the one row of a closed store."""
    db = sqlite3.connect(path)
    columns = [row[1] for row in db.execute("PRAGMA table_info(submission)") if row[1] not in {"seq", "sid"}]
    listed = ", ".join(column for column in columns if column != "intake_number")
    db.execute(
        f"WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) "  # noqa: S608  our own
        f"INSERT INTO submission (seq, sid, intake_number, {listed}) "
        f"SELECT i, printf('01990000-0000-7000-8000-%012d', i), 'K-' || i, {listed} FROM n, submission WHERE seq = 1"
    )
    db.execute("UPDATE meta SET v = ? WHERE k = 'next_seq'", (str(rows + 1),))
    db.commit()
    db.close()


# ── what both sides need ────────────────────────────────────────────────────────────────────


class Clock:
    """The machine's clocks."""

    def wall_s(self) -> float:
        return time.time()

    def mono_s(self) -> float:
        return time.monotonic()

    def boot_id(self) -> str:
        return "bench"

    def is_trusted(self) -> bool:
        return True


class Signer:
    """Signs nothing: signatures are no part of these figures."""

    device_id = "K-000123"
    certificate_serial = "0a"

    def sign(self, purpose: str, payload: bytes) -> SignedObject:
        return SignedObject(payload, "0a", bytes(64))


def make_sid(number: int) -> str:
    return f"01990000-0000-7000-8000-{number:012d}"


def make_entry(seq: int, parts: int = PARTS) -> Entry:
    rng = random.Random(seq)
    facts = tuple(PartFacts(f"scan-{n}", rng.randbytes(32).hex(), 1_000_000, "", 0) for n in range(parts))
    signed = SignedObject(rng.randbytes(700), "0a", rng.randbytes(64))
    return Entry(make_sid(seq), seq, FACTS, signed, rng.randbytes(MANIFEST_BYTES), facts)


def make_key() -> SealingKey:
    return SealingKey("bench", X25519, x25519.X25519PrivateKey.generate().public_key().public_bytes_raw())


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


def timed(call: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    started = clock()
    call()
    return clock() - started


def rate(seconds: list[float]) -> str:
    return f"{1 / statistics.median(seconds):.0f}/s"


def figure(ratio: float, ours: str, theirs: str, peer: str, goal: str) -> Figure:
    word, limit = goal.split()
    holds = ratio >= float(limit) if word == ">=" else ratio <= float(limit)
    return {
        "value": round(ratio, 3),
        "unit": "x",
        "ours": ours,
        "theirs": theirs,
        "peer": peer,
        "goal": goal,
        "holds": holds,
    }
