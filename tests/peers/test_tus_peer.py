"""Our upload client against an independent tus server: whole, cut, resumed, expired; equal hashes in the end.

The server is `@tus/server` of its own authors, installed from the committed lock into build/peers/tus, once.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.central.link import Link, open_link
from kiosk.central.pieces import PIECE_MIN
from offline_queue.api import PartUpload, QueueError
from tests.chaos.faults import close, drop_reply, reset_up, say
from tests.chaos.proxy import ChaosProxy, Fault
from tests.fixtures.central import PATIENT, Pki, issue_device

pytestmark = pytest.mark.xdist_group("tus peer")
SOURCE = Path(__file__).parent / "tus"
INSTALLED = Path(__file__).parents[2] / "build" / "peers" / "tus"
INSTALL_S = 300
SID = "01990000-0000-7000-8000-000000000001"
SIZE = 1_500_000


def installed() -> Path:
    """Return the folder of the peer; installed from the lock if it is not there yet, or another lock's."""
    INSTALLED.mkdir(parents=True, exist_ok=True)
    wanted = hashlib.sha256((SOURCE / "package-lock.json").read_bytes()).hexdigest()
    with (INSTALLED / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in ("package.json", "package-lock.json", "server.mjs"):
            shutil.copyfile(SOURCE / name, INSTALLED / name)
        mark = INSTALLED / "installed"
        if not mark.is_file() or mark.read_text() != wanted:
            quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")
            command = ["npm", "ci", "--omit=dev", "--omit=optional", "--prefer-offline", *quiet]
            done = subprocess.run(
                command, check=False, cwd=INSTALLED, capture_output=True, text=True, timeout=INSTALL_S
            )
            assert done.returncode == 0, f"npm ci: {done.stderr[-600:]}"
            mark.write_text(wanted)
    return INSTALLED


class Peer:
    """The server's process."""

    def __init__(self, uploads: Path, pki: Pki) -> None:
        self.uploads = uploads
        command = ["node", "server.mjs", str(uploads), str(pki.folder / "good.pem"), str(pki.folder / "good.key")]
        self.process = subprocess.Popen(
            command, cwd=installed(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        line = self.process.stdout.readline()
        assert line, "the peer did not start"
        self.url = f"https://127.0.0.1:{json.loads(line)['port']}"

    def sha256s(self) -> list[str]:
        """Return the hashes of all uploads that are whole, and check them against what was promised."""
        found = []
        for path in self.uploads.glob("*.json"):
            told = json.loads(path.read_text())
            data = path.with_suffix("").read_bytes()
            if len(data) == told["size"]:
                found.append(hashlib.sha256(data).hexdigest())
                assert found[-1] == told["metadata"]["sha256"]
                assert (told["metadata"]["sid"], told["metadata"]["part"]) == (SID, "scan")
        return found

    def close(self) -> None:
        """End the process."""
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory, pki: Pki) -> Iterator[Peer]:
    """The independent server."""
    made = Peer(tmp_path_factory.mktemp("uploads"), pki)
    yield made
    made.close()


@pytest.fixture
def proxy(peer: Peer, pki: Pki) -> Iterator[ChaosProxy]:
    """What stands between us and the peer."""
    made = ChaosProxy(peer.url, pki.ca_path, pki.folder)
    yield made
    made.close()


@pytest.fixture
def link(proxy, pki, clock, signer, device_key, tmp_path) -> Iterator[Link]:
    """A terminal's connection to the peer."""
    made = open_link(
        issue_device(device_key, proxy.url),
        device_key,
        signer.ring(),
        clock,
        tmp_path / "trust",
        url=proxy.url,
        ca_path=pki.ca_path,
        version="0.1.0",
        timeouts=PATIENT,
    )
    yield made
    made.close()


class Written:
    """What the store keeps of an upload, over any number of attempts."""

    def __init__(self, folder: Path, seed: int, size: int = SIZE) -> None:
        data = random.Random(seed).randbytes(size)
        self.sha256 = hashlib.sha256(data).hexdigest()
        path = folder / "scan.ksb1"
        path.write_bytes(data)
        self.part = PartUpload("scan", str(path), size, self.sha256)
        self.offsets: list[int] = []

    def __call__(self, url: str, offset: int) -> None:
        self.offsets.append(offset)
        self.part = PartUpload("scan", self.part.path, self.part.size, self.sha256, url, offset)


def bring(link: Link, written: Written, attempts: int = 12) -> int:
    """Upload until it is whole; return how many attempts were cut."""
    for cuts in range(attempts):
        try:
            link.delivery.upload(SID, written.part, written)
        except QueueError:
            continue
        return cuts
    pytest.fail(f"not whole after {attempts} attempts: {written.offsets}")


def test_a_part_arrives_whole_in_pieces(link, peer, tmp_path):
    written = Written(tmp_path, 1)
    assert bring(link, written) == 0
    assert written.sha256 in peer.sha256s()
    assert written.offsets[0] == 0
    assert written.offsets[-1] == SIZE
    assert len(written.offsets) >= 5


CUTS: list[tuple[str, str, Fault, int]] = [
    ("bytes of a piece", "patch", reset_up(50_000), 3),
    ("answers to pieces", "patch", drop_reply, 2),
    ("connections", "patch", close, 2),
    ("answers to HEAD", "head", drop_reply, 1),
    ("the answer to creation", "create", drop_reply, 1),
    ("by a gateway", "patch", say(502), 2),
    ("as too large by a gateway", "patch", say(413), 2),
]


@pytest.mark.parametrize(("on", "fault", "times"), [row[1:] for row in CUTS], ids=[row[0] for row in CUTS])
def test_a_part_that_was_cut_is_resumed_and_equal(link, peer, proxy, tmp_path, on, fault, times):
    written = Written(tmp_path, sum(on.encode()) + times)
    proxy.next("patch", reset_up(30_000))
    proxy.next(on, fault, times)
    assert bring(link, written) >= 1
    assert written.sha256 in peer.sha256s()
    assert proxy.seen.count("create") <= 2
    assert any(0 < offset < SIZE for offset in written.offsets)


def test_a_restart_in_the_middle_goes_on_where_the_peer_stands(link, peer, proxy, tmp_path):
    written = Written(tmp_path, 77)
    proxy.next("patch", reset_up(PIECE_MIN))
    with pytest.raises(QueueError):
        link.delivery.upload(SID, written.part, written)
    link.close()
    proxy.seen.clear()
    assert bring(link, written) == 0
    assert proxy.seen[0] == "head"
    assert "create" not in proxy.seen
    assert written.sha256 in peer.sha256s()


def test_an_upload_past_the_end_the_peer_named_is_not_resumed(link, peer, proxy, clock, tmp_path):
    written = Written(tmp_path, 78)
    proxy.next("patch", reset_up(PIECE_MIN))
    with pytest.raises(QueueError):
        link.delivery.upload(SID, written.part, written)
    clock.advance(2 * 86_400)
    proxy.seen.clear()
    assert bring(link, written) == 0
    uploads = [name for name in proxy.seen if name != "token"]
    assert uploads[0] == "create", "not even asked for"
    assert written.sha256 in peer.sha256s()
