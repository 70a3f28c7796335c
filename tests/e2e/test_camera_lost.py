"""The camera is unplugged, hangs up, stands still, or talks nonsense: each has its own word, and it comes back."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from devices.api import Deadline, DeviceState, NotReady, Preview, TimedOut, WireFault
from devices.drivers.camera_http import HttpCamera
from devices.imaging.eye import Eye
from devices.sim.control import spawn
from tests.fixtures.camera import CameraBench, watch_until


def test_a_stream_that_ends_is_opened_again_and_the_watch_goes_on(camera_bench: CameraBench) -> None:
    camera_bench.lay("register")
    hung_up = threading.Event()

    def hang_up_once(preview: Preview) -> bool:
        if not hung_up.is_set():
            hung_up.set()
            camera_bench.fault("close")
            return False
        return preview.is_ready

    assert camera_bench.watch_until(hang_up_once)[-1].is_ready


def test_a_camera_that_stands_still_times_out(camera_bench: CameraBench) -> None:
    camera_bench.watch_until(lambda p: p.number > 0)
    camera_bench.fault("freeze")
    impatient = camera_bench.driver(freeze_s=1.0)
    with pytest.raises(TimedOut) as frozen:
        watch_until(impatient, lambda p: p.is_ready)
    assert frozen.value.code == "camera_frozen"
    with pytest.raises(TimedOut):
        impatient.capture("m", 0, Deadline(1.5))
    camera_bench.fault("freeze", on=False)
    assert camera_bench.watch_until(lambda p: p.gate == "page")


def test_a_camera_that_refuses_is_no_device_until_it_answers_again(camera_bench: CameraBench) -> None:
    camera_bench.fault("refuse")
    with pytest.raises(NotReady) as gone:
        camera_bench.watch_until(lambda p: False)
    assert gone.value.code == "noDevice"
    assert camera_bench.camera.status(Deadline(2)).device is DeviceState.NO_DEVICE
    with pytest.raises(NotReady):
        camera_bench.camera.capture("m", 0, Deadline(5))
    camera_bench.fault("refuse", on=False)
    assert camera_bench.camera.status(Deadline(2)).device is DeviceState.ONLINE


def test_a_camera_pulled_out_under_the_watch_is_lost_and_found(camera_eye: Eye, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with spawn("camera", "--port", str(port), folder=tmp_path) as sim:
        camera = HttpCamera(sim.link, eye=camera_eye)
        watch_until(camera, lambda p: p.number > 0)
        pulled = threading.Event()

        def pull(preview: Preview) -> bool:
            if not pulled.is_set():
                pulled.set()
                sim.kill()
            return False

        with pytest.raises(NotReady):
            watch_until(camera, pull)
        sim.start_again()
        assert watch_until(camera, lambda p: p.gate == "page")


@pytest.mark.parametrize("fault", ["truncated", "garbage"])
def test_pictures_cut_short_are_never_taken_for_pages(camera_bench: CameraBench, fault: str) -> None:
    camera_bench.lay("register")
    camera_bench.fault(fault)
    with pytest.raises(WireFault) as still:
        camera_bench.camera.capture("m", 0, Deadline(20))
    assert still.value.code in ("picture_truncated", "not_a_picture")
    with pytest.raises(WireFault):
        camera_bench.watch_until(lambda p: False)
    camera_bench.fault(fault, on=False)
    assert camera_bench.watch_until(lambda p: p.is_ready)


def test_nothing_is_sent_while_nobody_looks(camera_bench: CameraBench) -> None:
    camera_bench.camera.open(Deadline(5))
    camera_bench.watch_until(lambda p: p.number > 0)
    for _ in range(200):
        if camera_bench.sim.control.call("state")["watchers"] == 0:
            return
        threading.Event().wait(0.02)
    pytest.fail("the camera still streams although nobody watches")


class _Odd(threading.Thread):
    """A server that answers every request with the same bytes."""

    def __init__(self, answer: bytes) -> None:
        super().__init__(daemon=True)
        self._answer = answer
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}/stream"

    def run(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                connection.recv(4096)
                connection.sendall(self._answer)

    def stop(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self.join(5)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"HTTP/1.0 404 Not Found\r\n\r\n", NotReady),
        (b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<html>", WireFault),
        (b"SSH-2.0-OpenSSH_9.2\r\n", WireFault),
        (b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace\r\n\r\n", WireFault),
        (b"", NotReady),
    ],
    ids=["404", "html", "ssh", "no boundary", "nothing"],
)
def test_something_else_at_the_address_is_not_taken_for_a_camera(
    answer: bytes, error: type[Exception], camera_eye: Eye
) -> None:
    odd = _Odd(answer)
    odd.start()
    try:
        with pytest.raises(error):
            HttpCamera(odd.address, eye=camera_eye).open(Deadline(5))
    finally:
        odd.stop()


def test_a_still_beyond_twenty_megabytes_is_not_read(camera_eye: Eye) -> None:
    odd = _Odd(b"HTTP/1.0 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: 30000000\r\n\r\n\xff\xd8")
    odd.start()
    try:
        with pytest.raises(WireFault) as refused:
            HttpCamera(odd.address, eye=camera_eye).capture("m", 0, Deadline(5))
        assert refused.value.code == "picture_too_large"
    finally:
        odd.stop()
