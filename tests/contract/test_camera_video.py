"""Cameras that OpenCV opens: RTSP against a far end of our own that FFmpeg's client reads, V4L2 by its absence."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devices.api import (
    Camera,
    Cancelled,
    Deadline,
    Device,
    DeviceKind,
    DeviceState,
    NotReady,
    TimedOut,
)
from devices.imaging.eye import Eye
from devices.registry import make_device
from devices.sim.control import SimProcess, spawn
from tests.fixtures.camera import watch_until
from tests.fixtures.reader import wait_until


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimProcess]:
    with spawn("rtsp", folder=tmp_path_factory.mktemp("rtsp")) as process:
        yield process


@pytest.fixture
def camera(far: SimProcess, camera_eye: Eye) -> Iterator[Camera]:
    far.control.call("calm")
    far.control.call("lay", kind="register")
    found = make_device(DeviceKind.CAMERA, "", far.link, eye=camera_eye, freeze_s=5.0)
    yield found  # type: ignore[misc]
    found.close()
    far.control.call("calm")
    wait_until(lambda: far.control.call("state")["watchers"] == 0, "the stream to be closed")


def test_it_is_a_device_and_a_stream_is_open_only_while_somebody_looks(camera: Camera, far: SimProcess) -> None:
    assert isinstance(camera, Device)
    plays = far.control.call("state")["plays"]
    assert camera.status(Deadline(45)).device is DeviceState.ONLINE
    assert camera.capabilities().features == ("preview",)
    assert far.control.call("state") == {"watchers": 0, "plays": plays}
    camera.open(Deadline(45))
    wait_until(lambda: far.control.call("state") == {"watchers": 0, "plays": plays + 1}, "the stream to be closed")
    seen: list[int] = []

    def count(preview: object) -> bool:
        seen.append(far.control.call("state")["watchers"])
        return len(seen) > 2

    watch_until(camera, count, 45)
    assert set(seen) == {1}


def test_a_page_is_seen_and_taken(camera: Camera) -> None:
    previews = watch_until(camera, lambda preview: preview.is_ready, 45)
    assert previews[-1].corners is not None
    assert (previews[-1].width_px, previews[-1].height_px) == (960, 540)
    page = camera.capture("household_register", 1, Deadline(45), keep=True)
    assert (page.material, page.index) == ("household_register", 1)
    assert page.jpeg.reveal().startswith(b"\xff\xd8\xff")


def test_a_watch_ends_when_called_off_or_at_its_deadline(camera: Camera) -> None:
    off = threading.Event()
    with pytest.raises(Cancelled):
        camera.watch(lambda _: off.set(), Deadline(45, off))
    with pytest.raises(TimedOut):
        camera.watch(lambda _: None, Deadline(0.3))


def test_a_stream_that_is_closed_is_opened_again(camera: Camera, far: SimProcess) -> None:
    plays = far.control.call("state")["plays"]
    closed = False

    def seen(_: object) -> bool:
        nonlocal closed
        if not closed:
            closed = True
            far.control.call("fault", name="close")
        return bool(far.control.call("state")["plays"] >= plays + 2)

    watch_until(camera, seen, 45)


@pytest.mark.parametrize("fault", ["freeze", "half"])
def test_a_stream_that_stands_still_is_told_in_time(
    far: SimProcess, camera: Camera, camera_eye: Eye, fault: str
) -> None:
    short = make_device(DeviceKind.CAMERA, "", far.link, eye=camera_eye, freeze_s=1.0)
    with pytest.raises((TimedOut, NotReady)):
        short.watch(lambda _: far.control.call("fault", name=fault), Deadline(45))  # type: ignore[attr-defined]


def test_a_silent_stream_of_a_camera_that_is_not_reached_is_gone_long_before_it_stands_still(
    far: SimProcess, camera: Camera, camera_eye: Eye
) -> None:
    """A pulled network cable hangs nothing up."""
    patient = make_device(DeviceKind.CAMERA, "", far.link, eye=camera_eye, freeze_s=45.0)

    def unplug(_: object) -> None:
        far.control.call("fault", name="refuse")
        far.control.call("fault", name="freeze")

    with pytest.raises(NotReady, match="not reached"):
        patient.watch(unplug, Deadline(90))  # type: ignore[attr-defined]


def test_a_camera_that_hangs_up_or_is_not_there_is_no_device(far: SimProcess, camera: Camera, camera_eye: Eye) -> None:
    far.control.call("fault", name="refuse")
    with pytest.raises(NotReady):
        camera.open(Deadline(45))
    gone = make_device(DeviceKind.CAMERA, "", "rtsp://127.0.0.1:9/x", eye=camera_eye)
    assert gone.status(Deadline(45)).device is DeviceState.NO_DEVICE
    with pytest.raises(NotReady, match="noDevice"):
        gone.open(Deadline(45))


@pytest.mark.cold_start  # a forked process does not show its name
def test_no_process_is_left_behind(camera: Camera) -> None:
    camera.open(Deadline(45))
    listed = subprocess.run(["ps", "-eo", "ppid,args"], capture_output=True, text=True, check=True).stdout
    assert not [line for line in listed.splitlines() if "source_worker" in line and line.split()[0] == str(os.getpid())]


# ── UVC: there is none on a build machine ──────────────────────────────────────────────────


@pytest.mark.parametrize("address", ["v4l2:/dev/video97", "v4l2:97"])
def test_a_node_that_is_not_there_is_no_device(address: str, camera_eye: Eye) -> None:
    camera = make_device(DeviceKind.CAMERA, "", address, eye=camera_eye)
    assert camera.status(Deadline(45)).device is DeviceState.NO_DEVICE
    for ask in (camera.open, lambda deadline: camera.capture("m", 0, deadline)):  # type: ignore[attr-defined]
        with pytest.raises(NotReady, match="noDevice"):
            ask(Deadline(45))


def test_a_node_that_is_no_camera_is_no_device(camera_eye: Eye, tmp_path: Path) -> None:
    with pytest.raises(NotReady, match="noDevice"):
        make_device(DeviceKind.CAMERA, "", "v4l2:/dev/null", eye=camera_eye).open(Deadline(45))
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotReady, match="noDevice"):
        make_device(DeviceKind.CAMERA, "", f"v4l2:{tmp_path / 'file'}", eye=camera_eye).open(Deadline(45))


@pytest.mark.parametrize(
    ("address", "options"),
    [
        ("v4l2:video0", {}),
        ("v4l2:", {}),
        ("v4l2:/dev/video0", {"still_px": "big"}),
        ("rtsp://user:pw@camera/x", {}),
        ("rtsp:///x", {}),
        ("rtsp://camera/a\nb", {}),
    ],
)
def test_an_address_it_cannot_use_is_refused_when_it_is_made(
    address: str, options: dict[str, Any], camera_eye: Eye
) -> None:
    with pytest.raises(ValueError, match="allowed is"):
        make_device(DeviceKind.CAMERA, "", address, eye=camera_eye, **options)
