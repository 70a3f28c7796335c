"""FFmpeg as a camera: its MJPEG over HTTP through our driver, written by others to the same protocol."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from devices.api import Deadline, DeviceKind, NotReady
from devices.imaging.eye import Eye
from devices.registry import make_device
from tests.fixtures.camera import watch_until
from tests.fixtures.reader import wait_until

KIND = ["-content_type", "multipart/x-mixed-replace; boundary=ffmpeg"]  # it says application/octet-stream by itself


@pytest.fixture
def peer() -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """FFmpeg serving one client."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}/cam"
    words = ["ffmpeg", "-nostdin", "-loglevel", "error", "-re", "-f", "lavfi", "-i", "testsrc=size=1280x720:rate=12"]
    process = subprocess.Popen([*words, "-c:v", "mjpeg", *KIND, "-f", "mpjpeg", "-listen", "1", url])
    wait_until(lambda: f":{port:04X} 00000000:0000 0A" in Path("/proc/net/tcp").read_text("ascii"), "ffmpeg to listen")
    yield process, url
    process.kill()
    process.wait()


def test_ffmpegs_frames_are_seen_by_our_driver(peer: tuple[subprocess.Popen[bytes], str], camera_eye: Eye) -> None:
    process, url = peer
    camera = make_device(DeviceKind.CAMERA, "", url, eye=camera_eye, still_url="stream")
    previews = []

    def seen(preview: object) -> bool:
        previews.append(preview)
        return len(previews) >= 5

    watch_until(camera, seen, 45)
    assert [(p.width_px, p.height_px) for p in previews] == [(960, 540)] * 5  # type: ignore[attr-defined]
    shown = camera_eye.latest()
    assert shown is not None
    assert len(set(shown[3][:3000])) > 10, "a test picture has many colours"
    process.kill()
    process.wait()
    with pytest.raises(NotReady):
        camera.watch(lambda _: None, Deadline(45))  # type: ignore[attr-defined]
