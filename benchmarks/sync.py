"""How well the way to the platform uses a bad line, and how fast a full queue drains.

Both figures use the real queue, the real wire and a reference platform in a process of its own. The line is a token
bucket in another process; what the queue drains is compared with the same requests from a bare client in the same run.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from app.commands.enrol import enrol_terminal
from benchmarks.bench_store import Figure, figure
from kiosk.central.link import Link, open_link
from kiosk.central.token import TokenSource
from kiosk.services.submission import uuid7
from kiosk.station.clock import SystemClock
from kiosk.trust.identity import KEY_FILE, Device
from kiosk.trust.keys import FileKey
from kiosk.trust.ring import KeyRing, load_pinned
from kiosk.trust.signed import encode_wire, to_base64url
from offline_queue.api import Consignment, EnvelopeFacts, Kind, PartFacts, PlainPart, State
from offline_queue.line import Pace
from offline_queue.store import QueueStore
from offline_queue.sync import SyncLoop

LINE_BYTES_PER_S = 125_000  # 1 Mbit/s
CUT_EVERY_S = 20.0
UPLOAD_BYTES = 7_000_000  # about a minute on that line, three cuts
FORMS = 1000
ROUND = 100  # forms a turn: the two sides take turns, so that a slow moment of the machine meets both
PATIENCE_S = 300.0


def run() -> dict[str, Figure]:
    """Return the figures of the way to the platform."""
    home = Path("build")  # a memory disk would make every sync free
    home.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home) as name, platform(Path(name) / "platform") as announced:
        folder = Path(name)
        return {
            "upload_cut_line": measure_upload(folder / "upload", announced),
            "drain_forms": measure_drain(folder / "drain", announced),
        }


def measure_upload(state: Path, announced: dict[str, str]) -> Figure:
    """One large part over 1 Mbit/s that is cut every 20 s, against the line alone."""
    port = int(announced["url"].rpartition(":")[2])
    with process("benchmarks.line_proxy", str(port), str(LINE_BYTES_PER_S), str(CUT_EVERY_S)) as line:
        terminal = Terminal(state, announced, f"https://127.0.0.1:{line['port']}")
        sid = terminal.put(random.Random(1).randbytes(UPLOAD_BYTES))
        terminal.sync.start()
        started = time.perf_counter()
        terminal.sync.nudge(sid)
        outcome = terminal.sync.wait_settled(sid, PATIENCE_S)
        seconds = time.perf_counter() - started
        terminal.close()
    assert outcome is not None
    assert outcome.state in {State.DELIVERED, State.SHREDDED}, outcome.state
    ratio = UPLOAD_BYTES / seconds / LINE_BYTES_PER_S
    ours = f"{UPLOAD_BYTES / 1e6:.0f} MB in {seconds:.1f} s"
    theirs = f"{UPLOAD_BYTES / LINE_BYTES_PER_S:.1f} s"
    return figure(ratio, ours, theirs, f"the line's own rate; it is cut every {CUT_EVERY_S:.0f} s", ">= 0.9")


def measure_drain(state: Path, announced: dict[str, str]) -> Figure:
    """A queue of forms drained by the loop, against the same PUTs from a bare client.

    Both have a token and an open connection before the clock runs, and send one form at a time. Per form the bare
    client writes the same JSON, sends it and reads the answer's; it keeps nothing, verifies nothing, gives no turns.
    """
    ours: list[float] = []
    theirs: list[float] = []
    terminal = Terminal(state / "ours", announced)
    bare = Terminal(state / "theirs", announced)
    wire, token = BareClient(announced), bare.token()
    terminal.link.delivery.probe()
    for at in range(FORMS // ROUND):
        for _ in range(ROUND):
            terminal.put()
            bare.put()
        items = bare.take_all()
        sides = [(ours, terminal.drain), (theirs, lambda items=items: wire.put_all(token, items))]
        for times, side in sides if at % 2 else reversed(sides):
            started = time.perf_counter()
            side()
            times.append(time.perf_counter() - started)
        terminal.forget()
    terminal.close()
    bare.close()
    wire.close()
    ratio = statistics.median(theirs) / statistics.median(ours)
    rates = (f"{ROUND / statistics.median(side):.0f}/s" for side in (ours, theirs))
    return figure(ratio, *rates, f"a bare client, {FORMS} forms, one open connection each", ">= 0.7")


class BareClient:
    """The standard library and one connection, opened beforehand."""

    def __init__(self, announced: dict[str, str]) -> None:
        trust = ssl.create_default_context(cafile=announced["ca"])
        self._wire = http.client.HTTPSConnection(announced["url"].removeprefix("https://"), context=trust, timeout=30)
        self._wire.connect()

    def put_all(self, token: str, items: list[Consignment]) -> None:
        """Send everything; what it needs was read beforehand."""
        for item in items:
            value = {"envelope": encode_wire(item.envelope), "manifest": to_base64url(item.manifest)}
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            self._wire.request("PUT", f"/v1/submissions/{item.sid}", json.dumps(value).encode(), headers)
            reply = self._wire.getresponse()
            said = json.loads(reply.read())
            assert reply.status == 201, said

    def close(self) -> None:
        """Hang up."""
        self._wire.close()


class Terminal:
    """An enrolled terminal without a face."""

    def __init__(self, state: Path, announced: dict[str, str], url: str = "") -> None:
        self.clock = SystemClock()
        code = subprocess.run(
            [sys.executable, "-m", "sandbox", "code", "--state", announced["state"]],
            capture_output=True,
            text=True,
            check=True,
        )
        self.device: Device = enrol_terminal(
            json.loads(code.stdout)["code"],
            url=announced["url"],
            ca_path=Path(announced["ca"]),
            pins_path=Path(announced["pins"]),
            state=state,
            profile="development",
            version="bench",
            show_digits=lambda digits: None,
        )
        trust = state / "trust"
        self.link: Link = open_link(
            self.device,
            FileKey(trust / KEY_FILE, "development"),
            KeyRing(load_pinned(Path(announced["pins"]))),
            self.clock,
            trust,
            url=url or announced["url"],
            ca_path=Path(announced["ca"]),
            version="bench",
        )
        self.store = QueueStore(state / "queue", clock=self.clock, signer=self.link.signer)
        self.sync = SyncLoop(
            self.store,
            self.link.delivery,
            self.link.verifier,
            self.clock,
            lambda change: None,
            pace=Pace(start_jitter_s=0.0),
        )

    def put(self, scan: bytes = b"") -> str:
        """Return the sid of a submission stored here: a form, or a form and one scan."""
        sid = uuid7(self.clock.wall_s())
        facts = EnvelopeFacts(Kind.SUBMISSION, "SIM-YB-0001", "2017.1", "bench", int(self.clock.wall_s()), True)
        parts = (PlainPart("m-bank-1", scan),) if scan else ()

        def manifest(sealed: tuple[PartFacts, ...]) -> bytes:
            listed = [
                {
                    "part": part.name,
                    "sealed_sha256": part.sealed_sha256,
                    "plain_sha256": part.plain_sha256,
                    "bytes": part.plain_bytes,
                    "mime": "image/jpeg",
                    "pages": 1,
                    "dpi": 300,
                    "at": "2026-11-23T10:00:00+08:00",
                    "review": False,
                }
                for part in sealed
            ]
            answers = {"note": "x" * 1500}
            value = {"v": 1, "sid": sid, "item": "SIM-YB-0001", "answers": answers, "parts": listed}
            return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()

        self.store.put(sid, parts, manifest, facts, self.link.sealing.recipients())
        return sid

    def drain(self) -> None:
        """Step the loop until everything that waited has a verified receipt in the store."""
        for _ in range(ROUND * 3):
            if len(self.store.outcomes((State.DELIVERED,), ROUND)) == ROUND:
                return
            for _ in range(ROUND - len(self.store.outcomes((State.DELIVERED,), ROUND))):
                self.sync.step()
        raise AssertionError("the queue did not drain")

    def forget(self) -> None:
        """Shred what was delivered: the loop does it when nothing waits, so it is no part of the drain."""
        while self.store.stats().delivered:
            self.sync.step()

    def take_all(self) -> list[Consignment]:
        """Return everything that waits, claimed for good."""
        items = []
        while (item := self.store.claim()) is not None:
            items.append(item)
        return items

    def token(self) -> str:
        """Return an access token."""
        return TokenSource(self.link.client, self.link.signer, self.link.time).bearer()

    def close(self) -> None:
        """Stop and let go."""
        self.sync.stop()
        self.store.close()
        self.link.close()


@contextlib.contextmanager
def platform(state: Path) -> Iterator[dict[str, str]]:
    """A reference platform for as long as the block lasts."""
    with process("sandbox", "--state", str(state), "--auto-approve", "--tethered") as announced:
        yield announced


@contextlib.contextmanager
def process(module: str, *arguments: str) -> Iterator[dict[str, str]]:
    """A process that announces itself in one JSON line and ends with its standard input."""
    command = [sys.executable, "-m", module, *arguments]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        yield json.loads(child.stdout.readline())
    finally:
        child.stdin.close()
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait(20)
        child.stdout.close()
