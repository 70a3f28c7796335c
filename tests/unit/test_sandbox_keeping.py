"""What a receipt promises stays: a committed submission's sealed originals outlive every sweep, whoever dies when."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from sandbox import intake, store
from sandbox.api.uploads import find_or_create
from sandbox.blobs import BlobFolder
from sandbox.couriers import carrier_of
from sandbox.keeping import drop_expired
from sandbox.platform import Platform
from sandbox.problems import Problem
from tests.fixtures.platform_terminal import Consignment, b64url
from tests.unit.test_sandbox_rotation import Bench

PARTS = {"m-bank-1": (b"\xff\xd8\xff a scan", "image/jpeg"), "signature": (b"\x89PNG\r\n\x1a\n strokes", "image/png")}
LIFE_DAYS = 15


class Killed(BaseException):
    """The process is gone: nobody catches this."""


class Folder(BlobFolder):
    """A folder that lets a test act at two moments of a commit: just before it, and right after."""

    before: Callable[[], object] = staticmethod(lambda: None)
    after: Callable[[], object] = staticmethod(lambda: None)

    def sync_plain(self, dev: str, sid: str) -> None:
        """The last thing before the transaction."""
        super().sync_plain(dev, sid)
        self.before()

    def release(self, upload_id: str) -> None:
        """The first thing after it."""
        self.after()
        super().release(upload_id)


class Desk(Bench):
    """A platform in this process with one device, whose submissions arrive without a network."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.blobs = Folder(folder / "blobs")
        self.platform = replace(self.platform, blobs=self.blobs)
        self.device.seal_keys = [key for key in self.platform.keys.public if key["use"] == "seal"]

    def gather(self, packed: Consignment, uploader: str) -> None:
        """Let somebody's uploads be here, whole."""
        for part, sealed in packed.sealed.items():
            key = {"dev": uploader, "sid": packed.sid, "part": part, "sha256": hashlib.sha256(sealed).hexdigest()}
            row = find_or_create(self.platform, key, len(sealed))
            self.blobs.upload_path(row["id"]).write_bytes(sealed)

    def put(self, packed: Consignment, carrier: str = "") -> int:
        """Return the status of a PUT."""
        envelope = self.device.sign_object("kiosk/submit/v1", packed.envelope)
        body = {"envelope": envelope, "manifest": b64url(packed.sealed_manifest)}
        return intake.take(self.platform, self.device.dev, packed.sid, body, carrier).status

    def originals(self, packed: Consignment) -> dict[str, bytes]:
        """Return the sealed bytes that the committed parts name, as they lie there now."""
        rows = self.platform.store.rows(sa.select(store.part).where(store.part.c.sid == packed.sid))
        paths = {row["part"]: self.blobs.root / row["sealed_path"] for row in rows}
        return {part: path.read_bytes() for part, path in paths.items() if path.exists()}

    def notes(self, kind: str) -> int:
        """Return how many notes of a kind there are."""
        rows = self.platform.store.rows(sa.select(store.note.c.n).where(store.note.c.kind == kind))
        return len(rows)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def die() -> None:
    raise Killed


def uploads_of(platform: Platform) -> int:
    return len(platform.store.rows(sa.select(store.upload.c.id)))


@pytest.mark.parametrize("carrier", ["", "stick-0001"])
def test_a_process_killed_right_after_the_commit_costs_no_sealed_original(desk: Desk, carrier: str) -> None:
    packed = desk.device.pack(PARTS)
    desk.gather(packed, carrier or desk.device.dev)
    desk.blobs.after = die
    with pytest.raises(Killed):
        desk.put(packed, carrier)
    desk.blobs.after = lambda: None
    assert desk.put(packed, carrier) == 200, "it was here"
    assert desk.notes("carried") == bool(carrier), "told once, with the commit"
    assert carrier_of(desk.platform, desk.device.dev, packed.sid) == carrier
    desk.days(LIFE_DAYS)
    assert drop_expired(desk.platform) == 0
    assert desk.originals(packed) == packed.sealed
    assert uploads_of(desk.platform) == 0, "the rows of uploads go, the bytes stay"


def test_bytes_that_no_committed_part_names_go_after_their_days(desk: Desk) -> None:
    packed, waiting = desk.device.pack(PARTS), desk.device.pack(PARTS)
    for uploader in (desk.device.dev, "stick-0001"):
        desk.gather(packed, uploader)
    desk.gather(waiting, desk.device.dev)
    assert desk.put(packed, "stick-0001") == 201
    desk.days(LIFE_DAYS)
    drop_expired(desk.platform)
    assert desk.originals(packed) == packed.sealed
    assert desk.put(waiting) == 202, "nobody asked for it in time: it is to be sent anew"
    assert uploads_of(desk.platform) == 0


def test_a_sweep_between_opening_and_commit_takes_nothing_that_is_promised(desk: Desk) -> None:
    packed = desk.device.pack(PARTS)
    desk.gather(packed, desk.device.dev)

    def sweep() -> None:
        desk.days(LIFE_DAYS)
        assert drop_expired(desk.platform) == len(PARTS)

    desk.blobs.before = sweep
    with pytest.raises(Problem) as refused:
        desk.put(packed)
    assert (refused.value.status, refused.value.code) == (503, "busy")
    desk.blobs.before = lambda: None
    assert desk.put(packed) == 202
    desk.gather(packed, desk.device.dev)
    assert desk.put(packed) == 201
    desk.days(LIFE_DAYS)
    drop_expired(desk.platform)
    assert desk.originals(packed) == packed.sealed
