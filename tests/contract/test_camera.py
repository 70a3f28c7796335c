"""One suite over every camera driver, each against its far end."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from devices.api import (
    Camera,
    Cancelled,
    Deadline,
    Device,
    DeviceKind,
    DeviceState,
    Frames,
    NotReady,
    TimedOut,
    UserFault,
)
from devices.drivers.camera_eye import empty_desk
from devices.imaging.eye import Eye
from devices.registry import DRIVERS, make_device
from devices.selftest import look_at_blank_page
from tests.fixtures.camera import PATIENT_S, CameraBench, watch_until

Still = Callable[..., bytes]


class Desk(NamedTuple):
    """A camera under test, how to put a good or a bad page under it, and the address of one that is not there."""

    camera: Camera
    eye: Eye
    lay: Callable[[str], None]
    gone: str


@pytest.fixture(params=["camera-http", "camera-folder"])
def desk(
    request: pytest.FixtureRequest, camera_bench: CameraBench, camera_eye: Eye, desk_still: Still, tmp_path: Path
) -> Iterator[Desk]:
    driver = str(request.param)
    patience: dict[str, float] = {}
    if driver == "camera-http":
        patience["freeze_s"] = PATIENT_S
        address, gone = camera_bench.sim.link, "http://127.0.0.1:9/stream"
        lay: Callable[[str], None] = camera_bench.lay
    else:
        folder = tmp_path / "desk"
        folder.mkdir()
        address, gone = f"folder:{folder}", f"folder:{tmp_path / 'nowhere'}"

        def lay(kind: str) -> None:
            (folder / f"{len(list(folder.iterdir())):02d}.jpg").write_bytes(desk_still(kind))

    camera = make_device(DeviceKind.CAMERA, driver, address, eye=camera_eye, **patience)
    yield Desk(camera, camera_eye, lay, gone)  # type: ignore[arg-type]
    camera.close()


def test_every_camera_in_the_registry_is_under_contract() -> None:
    ours = {"camera-http", "camera-folder"}
    elsewhere = {"camera-rtsp", "camera-v4l2"}  # test_camera_video.py: no stills of 8 MP there, and no UVC camera here
    assert {name for name in DRIVERS if name.startswith("camera-")} == ours | elsewhere


def test_it_is_a_device_and_says_what_it_can(desk: Desk) -> None:
    assert isinstance(desk.camera, Device)
    desk.camera.open(Deadline(10))
    assert desk.camera.capabilities().kind is DeviceKind.CAMERA
    assert "preview" in desk.camera.capabilities().features
    status = desk.camera.status(Deadline(5))
    assert (status.kind, status.device) == (DeviceKind.CAMERA, DeviceState.ONLINE)


def test_a_page_is_seen_shown_taken_and_then_known(desk: Desk) -> None:
    desk.lay("register")
    desk.camera.open(Deadline(10))
    previews = watch_until(desk.camera, lambda p: p.is_ready)
    assert previews[-1].gate == ""
    assert previews[-1].corners is not None
    assert previews[-1].stable_frames >= 8
    numbers = [p.number for p in previews]
    assert numbers == sorted(set(numbers))
    frames: Frames = desk.eye
    shown = frames.latest()
    assert shown is not None
    assert len(shown[3]) == shown[1] * shown[2] * 3
    page = desk.camera.capture("household_register", 1, Deadline(20))
    assert (page.material, page.index, page.is_kept_despite) == ("household_register", 1, False)
    assert page.jpeg.reveal().startswith(b"\xff\xd8\xff")
    assert page.dpi > 150
    assert all(v.ok for v in page.verdicts)
    assert watch_until(desk.camera, lambda p: p.gate in ("taken", "page"))[-1].is_ready is False


@pytest.mark.parametrize("kind", ["glare", "blank"])
def test_a_bad_page_is_refused_by_its_gate_and_kept_on_demand(desk: Desk, kind: str) -> None:
    desk.lay(kind)
    desk.camera.open(Deadline(10))
    for _ in range(2):
        with pytest.raises(UserFault) as refused:
            desk.camera.capture("m", 0, Deadline(20))
        assert refused.value.code == kind
    page = desk.camera.capture("m", 0, Deadline(20), keep=True)
    assert page.is_kept_despite
    assert [v.gate for v in page.verdicts if not v.ok] == [kind]


def test_an_empty_desk_shows_no_page_and_gives_none(desk: Desk) -> None:
    desk.camera.open(Deadline(10))
    assert watch_until(desk.camera, lambda p: p.gate == "page")[-1].corners is None
    with pytest.raises(UserFault) as refused:
        desk.camera.capture("m", 0, Deadline(20))
    assert refused.value.code == "page"


def test_a_watch_ends_when_called_off_or_at_its_deadline(desk: Desk) -> None:
    desk.lay("register")
    desk.camera.open(Deadline(10))
    off = threading.Event()
    with pytest.raises(Cancelled):
        desk.camera.watch(lambda _: off.set(), Deadline(20, off))
    with pytest.raises(TimedOut):
        desk.camera.watch(lambda _: None, Deadline(0.3))
    off = threading.Event()
    off.set()
    with pytest.raises(Cancelled):
        desk.camera.capture("m", 0, Deadline(20, off))


def test_closing_forgets_what_was_seen_and_twice_is_harmless(desk: Desk) -> None:
    desk.lay("register")
    desk.camera.open(Deadline(10))
    watch_until(desk.camera, lambda p: p.is_ready)
    desk.camera.close()
    desk.camera.close()
    assert desk.eye.latest() is None
    assert desk.eye.track.corners is None


def test_a_camera_that_is_not_there_is_no_device(desk: Desk) -> None:
    driver = "camera-http" if desk.gone.startswith("http") else "camera-folder"
    camera = make_device(DeviceKind.CAMERA, driver, desk.gone, eye=desk.eye)
    assert camera.status(Deadline(5)).device is DeviceState.NO_DEVICE
    with pytest.raises(NotReady):
        camera.open(Deadline(5))


@contextmanager
def _silent_camera(frames: int) -> Iterator[tuple[str, socket.socket, threading.Event]]:
    """A camera that sends so many pictures to whoever looks first, then nothing, its connection kept."""
    listener, told = socket.create_server(("127.0.0.1", 0)), threading.Event()
    done = threading.Event()
    picture = empty_desk()
    part = b"--cut\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n" % (len(picture), picture)

    def serve() -> None:
        near, _ = listener.accept()
        with near:
            near.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=cut\r\n\r\n")
            near.sendall(part * frames + b"--cut\r\n")
            told.set()
            done.wait(45)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/stream", listener, told
    finally:
        done.set()
        thread.join()
        listener.close()


def test_a_silent_camera_that_takes_no_connection_is_gone_long_before_it_stands_still(camera_eye: Eye) -> None:
    """A pulled network cable hangs nothing up."""
    with _silent_camera(2) as (link, listener, told):
        camera = make_device(DeviceKind.CAMERA, "camera-http", link, eye=camera_eye, freeze_s=45.0)

        def unplug(preview: object) -> None:
            told.wait(45)
            listener.close()

        with pytest.raises(NotReady, match="noDevice"):
            camera.watch(unplug, Deadline(90))  # type: ignore[attr-defined]


def test_a_silent_camera_that_still_takes_connections_stands_still(camera_eye: Eye) -> None:
    with _silent_camera(2) as (link, _, _):
        camera = make_device(DeviceKind.CAMERA, "camera-http", link, eye=camera_eye, freeze_s=1.5)
        with pytest.raises(TimedOut, match="camera_frozen"):
            camera.watch(lambda preview: None, Deadline(45))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("driver", "address"),
    [
        ("camera-http", "https://camera/stream"),
        ("camera-http", "http:///stream"),
        ("camera-http", "http://user:pw@camera/stream"),
        ("camera-folder", "folder:"),
    ],
)
def test_an_address_it_cannot_use_is_refused_when_it_is_made(driver: str, address: str, camera_eye: Eye) -> None:
    with pytest.raises(ValueError, match="allowed is"):
        make_device(DeviceKind.CAMERA, driver, address, eye=camera_eye)


class _LaidWhenWaitedFor(Deadline):
    """A deadline whose first wait is when the sheet is laid down."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(45)
        self._desk = desk
        self.waits = 0

    def wait(self, seconds: float) -> None:
        self.waits += 1
        if self.waits == 1:
            self._desk.lay("blank")
        super().wait(seconds)


@pytest.mark.parametrize("desk", ["camera-http"], indirect=True)  # a folder is listed once
def test_its_self_test_waits_for_a_sheet(desk: Desk) -> None:
    desk.camera.open(Deadline(10))
    deadline = _LaidWhenWaitedFor(desk)
    assert look_at_blank_page(desk.camera, deadline).code != "dark"
    assert deadline.waits > 0


@pytest.mark.parametrize("desk", ["camera-http"], indirect=True)  # a folder is listed once
def test_its_self_test_says_in_time_that_no_sheet_came(desk: Desk) -> None:
    desk.camera.open(Deadline(10))
    with pytest.raises(UserFault, match="page"):
        look_at_blank_page(desk.camera, Deadline(45), look_s=46)
