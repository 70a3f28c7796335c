"""What sealing costs: beside the bare ciphers in memory, and beside the same bytes written plainly to the disk.

All figures are ratios within one run. The two sides take turns, one operation each, and which of them goes first takes
turns too, so that a slow moment of the machine or of the disk meets both.
"""

from __future__ import annotations

import hashlib
import os
import random
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, mlkem, utils, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from benchmarks.bench_store import FACTS, MANIFEST_BYTES, Clock, Figure, figure, make_sid, timed
from benchmarks.queue import counted_syncs
from offline_queue.api import PlainPart, SealingKey, SignedObject
from offline_queue.blobs import sync_folder
from offline_queue.seal import XWING, SealHeader, seal_bytes
from offline_queue.store import QueueStore

MEMORY_BYTES = 3_500_000
MEMORY_ROUNDS = 60
SCANS = (1_400_000, 1_200_000, 900_000)  # a 3-scan submission, 3.5 MB
DISK_ROUNDS = 200
ROW_BYTES = 8_000  # sealed manifest, envelope, signature and the rows around them, as one put writes them


def run() -> dict[str, Figure]:
    """Return the figures of sealing."""
    home = Path("build")  # a memory disk under the temporary folder would make every sync free
    home.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home) as name:
        return {"in_memory": measure_memory(), **measure_durable(Path(name))}


def measure_memory() -> Figure:
    """Sealing of one part in memory against one AES-256-GCM call and the two hashes that a manifest lists."""
    data = random.Random(1).randbytes(MEMORY_BYTES)
    header, keys, cipher = SealHeader(make_sid(1), "K-000123", "scan", 1, 0, ""), (make_key(),), AESGCM(bytes(32))

    def ours() -> None:
        hashlib.sha256(data).digest()
        hashlib.sha256(seal_bytes(header, data, keys)).digest()

    def bare() -> None:
        hashlib.sha256(data).digest()
        hashlib.sha256(cipher.encrypt(bytes(12), data, None)).digest()

    mine, theirs = take_turns(ours, bare, MEMORY_ROUNDS)
    speeds = (f"{MEMORY_BYTES / 1e6 / statistics.median(side):.0f} MB/s" for side in (mine, theirs))
    ratio = statistics.median(mine) / statistics.median(theirs)
    return figure(ratio, *speeds, "AES-256-GCM and SHA-256 of clear and sealed, one shot, 3.5 MB", "<= 1.5")


def measure_durable(folder: Path) -> dict[str, Figure]:
    """One put of three scans against the same bytes written plainly: same files, same names, as many syncs."""
    keys = (make_key(),)
    scans = [random.Random(size).randbytes(size) for size in SCANS]
    parts = tuple(PlainPart(f"scan-{n}", scan) for n, scan in enumerate(scans))
    plain, manifest = PlainFolder(folder / "plain"), random.Random(4).randbytes(MANIFEST_BYTES)
    mine: list[float] = []
    theirs: list[float] = []
    counts: list[list[int]] = [[], []]
    with QueueStore(folder / "ours", clock=Clock(), signer=SoftwareSigner()) as store, counted_syncs() as calls:
        for number in range(1, DISK_ROUNDS + 1):
            sides: list[tuple[list[float], list[int], Callable[[], object], int]] = [
                # a commit syncs the log inside SQLite, where os.fsync does not see it
                (
                    mine,
                    counts[0],
                    lambda n=number: store.put(make_sid(n), parts, lambda known: manifest, FACTS, keys),
                    1,
                ),
                (theirs, counts[1], lambda: plain.write(scans), 0),
            ]
            for times, syncs, write, unseen in sides if number % 2 else reversed(sides):
                before = calls[0]
                times.append(timed(write))
                syncs.append(calls[0] - before + unseen)
    ours_ms, theirs_ms = ([value * 1000 for value in side] for side in (mine, theirs))
    ratio = statistics.median(ours_ms) / statistics.median(theirs_ms)
    tails = [statistics.quantiles(side, n=100)[98] for side in (ours_ms, theirs_ms)]
    texts = [f"{statistics.median(side):.1f} ms" for side in (ours_ms, theirs_ms)]
    syncs = [statistics.mean(side) for side in counts]
    return {
        "durable_3_scans_p50": figure(ratio, *texts, "the same bytes in plain files, as many syncs", "<= 1.3"),
        "durable_3_scans_p99": {
            "value": round(tails[0], 1),
            "unit": "ms",
            "ours": f"{tails[0]:.1f} ms",
            "theirs": f"{tails[1]:.1f} ms",
            "peer": f"as above; {syncs[0]:.2f} syncs a put, {syncs[1]:.2f} a plain write",
            "goal": "",
            "holds": True,
        },
    }


class SoftwareSigner:
    """Signs envelopes with a key in memory."""

    device_id = "K-000123"
    certificate_serial = "0a"

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    def sign(self, purpose: str, payload: bytes) -> SignedObject:
        """Return the signed envelope."""
        der = self._key.sign(purpose.encode() + b"\x00" + payload, ec.ECDSA(hashes.SHA256()))
        return SignedObject(payload, "0a", b"".join(half.to_bytes(32) for half in utils.decode_dss_signature(der)))


class PlainFolder:
    """Writes a submission as a careful program without sealing would: files, syncs, renames, a log record."""

    def __init__(self, root: Path) -> None:
        self._root = root
        (root / "incoming").mkdir(parents=True)
        self._log = (root / "log").open("ab", buffering=0)
        self._record = random.Random(2).randbytes(ROW_BYTES)
        self._names = random.Random(3)

    def write(self, scans: list[bytes]) -> None:
        """Return once all of it is durable."""
        written = []
        for scan in scans:
            path = self._root / "incoming" / self._names.randbytes(16).hex()
            with path.open("xb") as file:
                file.write(scan)
                file.flush()
                os.fsync(file.fileno())
            written.append(path)
        touched: set[Path] = set()
        for path in written:
            target = self._root / path.name[:2] / path.name
            if not target.parent.is_dir():
                target.parent.mkdir()
                touched.add(self._root)
            path.rename(target)
            touched.add(target.parent)
        for place in touched:
            sync_folder(place)
        self._log.write(self._record)
        os.fsync(self._log.fileno())


def take_turns(
    ours: Callable[[], object], theirs: Callable[[], object], rounds: int
) -> tuple[list[float], list[float]]:
    """Return the seconds of both sides, each round one of each, the first place changing hands."""
    mine: list[float] = []
    others: list[float] = []
    for number in range(rounds):
        sides = [(mine, ours), (others, theirs)]
        for times, call in sides if number % 2 else reversed(sides):
            times.append(timed(call))
    return mine, others


def make_key() -> SealingKey:
    """Return a hybrid key, the default suite."""
    public = (mlkem.MLKEM768PrivateKey.generate().public_key(), x25519.X25519PrivateKey.generate().public_key())
    return SealingKey("bench", XWING, b"".join(part.public_bytes_raw() for part in public))
