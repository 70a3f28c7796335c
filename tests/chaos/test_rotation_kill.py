"""A key rotation, killed before every write, rename, removal and connection it makes, then taken up again.

Pass: after every kill one identity is in force and signs in, the next start ends the rotation, no old key is left, and
the audit chain holds from the enrolment on.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.commands.audit import audit_verify
from app.commands.enrol import EMPTY_QUEUE, certificate_sha256, enrol_terminal, open_audit
from kiosk.central.heartbeat import Pulse
from kiosk.central.link import Link, open_link
from kiosk.central.rotating import KeyRotation
from kiosk.station.audit_events import Event
from kiosk.station.audit_format import Head
from kiosk.station.clock import SystemClock
from kiosk.trust.backends import KeyPlace
from kiosk.trust.identity import certificate_spki, load_device
from kiosk.trust.ring import KeyRing, load_pinned
from kiosk.trust.rotation import load_candidate, tidy
from tests.fixtures.platform import LivePlatform, running_platform

STRIDE = 1 if os.environ.get("JINBAN_CHAOS") else 2
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
POINTS_MAX = 200


class Station:
    """One enrolled terminal: what a start of it opens."""

    def __init__(self, platform: LivePlatform, state: Path) -> None:
        self.platform = platform
        self.state = state
        self.place = KeyPlace("file", state / "trust", "development")

    def open(self) -> Link:
        """Return the link as after a start."""
        device = load_device(self.place.folder)
        assert device is not None
        assert self.place.key(device.slot).spki() == certificate_spki(device)
        tidy(self.place, device)
        return open_link(
            device,
            self.place.key(device.slot),
            KeyRing(load_pinned(self.platform.pins_path)),
            SystemClock(),
            self.place.folder,
            url=self.platform.base_url,
            ca_path=self.platform.ca_path,
            version="0.1.0",
        )

    def rotate(self, link: Link) -> None:
        """Rotate to the end, and write a checkpoint with the new key."""
        log = open_audit(self.state, link.signer.device, link.signer, SystemClock())
        device = KeyRotation(link, self.place).rotate(lambda: Pulse("0.1.0", "", EMPTY_QUEUE, log.head()))
        log.record(Event.KEY_ROTATED, device=device.device_id, certificate=certificate_sha256(device))
        log.close()
        tidy(self.place, link.signer.device)

    def points(self, kill_at: int) -> int:
        """Rotate in a child that dies before its `kill_at`-th point, if it comes to it; return how many it passed."""
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                self._rotate_counting(kill_at, write)
            finally:
                os._exit(1)
        os.close(write)
        passed = len(os.read(read, POINTS_MAX * 4))
        _, status = os.waitpid(child, 0)
        while more := os.read(read, 4096):
            passed += len(more)
        os.close(read)
        assert status in (0, signal.SIGKILL), f"the child failed by itself: {status}"
        return passed

    def _rotate_counting(self, kill_at: int, write: int) -> None:
        link = self.open()
        count = 0

        def watch(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal count
            is_write = event == "open" and isinstance(arguments[2], int) and bool(arguments[2] & WRITING)
            if is_write or event in ("os.rename", "os.remove", "socket.connect"):
                count += 1
                if count == kill_at:
                    os.kill(os.getpid(), signal.SIGKILL)
                os.write(write, b".")

        sys.addaudithook(watch)
        self.rotate(link)
        link.client.close()
        os._exit(0)


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    """A terminal enrolled at a platform of its own."""
    with running_platform(tmp_path_factory.mktemp("platform")) as platform:
        state = tmp_path_factory.mktemp("terminal")
        enrol_terminal(
            platform.code,
            url=platform.base_url,
            ca_path=platform.ca_path,
            pins_path=platform.pins_path,
            state=state,
            profile="development",
            version="0.1.0",
            show_digits=lambda _: None,
        )
        yield Station(platform, state)


def test_a_rotation_killed_anywhere_ends_with_one_key_that_signs_in(station: Station) -> None:
    first = station.open().signer.device
    total = station.points(kill_at=POINTS_MAX)
    assert total > 10, "the hook saw the rotation"
    kills = half_way = 0
    for point in range(1, total + 1, STRIDE):
        before = load_device(station.place.folder)
        station.points(kill_at=point)
        kills += 1
        half_way += load_candidate(station.place.folder) is not None
        link = station.open()
        assert link.signer.device.device_id == first.device_id
        assert link.heartbeat.send(Pulse("0.1.0", "", EMPTY_QUEUE, head_of(station, link)))["now"] > 0
        if link.signer.device == before:  # killed before the new identity was in force: go on from there
            station.rotate(link)
        after = load_device(station.place.folder)
        assert before is not None
        assert after is not None
        assert after.serial != before.serial
        assert after.former[-1] == before.certificate
        assert load_candidate(station.place.folder) is None
        assert not station.place.key(station.place.other(after.slot)).exists()
        assert not list(station.place.folder.glob(".*.erased"))
        link.client.close()
    assert half_way, "no kill fell between the certificate and the first heartbeat"
    device = load_device(station.place.folder)
    assert device is not None
    assert device.first_certificate == first.certificate
    assert audit_verify(station.state) == 0
    counts = f"{kills} kills at {total} points, {half_way} half-way, 0 without a key, 0 old keys left"
    sys.stdout.write(f"\nchaos rotation: {counts}\n")


def head_of(station: Station, link: Link) -> Head:
    log = open_audit(station.state, link.signer.device, link.signer, SystemClock())
    try:
        return log.head()
    finally:
        log.close()
