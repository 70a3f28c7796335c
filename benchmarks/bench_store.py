"""What the benchmarks of the queue share: clocks, a signer that signs nothing, rows by the hundred thousand."""

from __future__ import annotations

import random
import sqlite3
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import x25519

from offline_queue.api import EnvelopeFacts, Kind, PartFacts, SealingKey, SignedObject
from offline_queue.database import PRAGMAS
from offline_queue.seal import X25519
from offline_queue.store import Entry

PARTS = 3
MANIFEST_BYTES = 4096
FACTS = EnvelopeFacts(Kind.SUBMISSION, "SIM-MZ-0008", "2026.11.2", "0.1.0", 1_795_400_000, True)

Figure = dict[str, object]


def open_raw_connection(path: Path) -> sqlite3.Connection:
    """Return a plain connection with the store's pragmas; SQLite's own checkpoints stay on."""
    connection = sqlite3.connect(path, isolation_level=None)
    for name, value, _ in PRAGMAS:
        if name != "wal_autocheckpoint":
            connection.execute(f"PRAGMA {name} = {value}")
    return connection


def fill(path: Path, rows: int) -> None:
    """Multiply the one row of a closed store."""
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode = OFF")  # hundreds of megabytes: once is enough
    db.execute("PRAGMA synchronous = OFF")
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


def timed(call: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    started = clock()
    call()
    return clock() - started


def rate(seconds: list[float]) -> str:
    return f"{1 / statistics.median(seconds):.0f}/s"


def figure(ratio: float, ours: str, theirs: str, peer: str, goal: str) -> Figure:
    """Return a ratio beside its goal, or beside none."""
    word, _, limit = goal.partition(" ")
    holds = {">=": lambda: ratio >= float(limit), "<=": lambda: ratio <= float(limit), "": lambda: True}[word]()
    return {
        "value": round(ratio, 3),
        "unit": "x",
        "ours": ours,
        "theirs": theirs,
        "peer": peer,
        "goal": goal,
        "holds": holds,
    }
