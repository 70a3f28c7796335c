"""A camera's own process: OpenCV opens a V4L2 node or an RTSP stream and hands out the newest frame as JPEG, on demand.

It decodes what comes from outside, so it has the eye's limits; unlike the eye it keeps the network, for RTSP alone. It
judges nothing: frames go through the product to the eye. The device is open exactly as long as this process lives.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
import threading
from typing import Any

from devices.imaging.eye_worker import leave_network

LENGTH = struct.Struct(">I")
QUALITY = 92
_RTSP = "rtsp_transport;tcp|protocol_whitelist;rtsp,rtp,tcp|fflags;nobuffer|analyzeduration;1000000|fpsprobesize;0"
"""For FFmpeg: interleaved in one connection, nothing but RTSP, and one second to find out what the stream is."""

ADDRESS_SPACE = 1_600_000_000  # FFmpeg's threads and buffers beside cv2's own
WARM_FRAMES = 5  # exposure settles; a camera's first frames are dark


def main(arguments: list[str]) -> int:
    """Serve on the socket descriptor given. Exit 0 when asked to end, 3 where nothing opens, 4 where frames end."""
    link = socket.socket(fileno=int(arguments[0]))
    kind, place, size = _receive(link).decode().split("\n")
    _limit()
    if kind == "v4l2":
        leave_network()
    import cv2  # after the limits

    cv2.setNumThreads(1)
    width, height, timeout_ms = (int(word) for word in size.split())
    capture = _open(cv2, kind, place, (width, height), timeout_ms)
    if capture is None:
        return 3
    newest = _Newest(cv2, capture, WARM_FRAMES if kind == "v4l2" else 0)
    link.sendall(LENGTH.pack(0))  # it is open
    while link.recv(1):
        data = newest.take()
        if not data:
            return 4
        link.sendall(LENGTH.pack(len(data)) + data)
    return 0


def _limit() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _receive(link: socket.socket) -> bytes:
    """Return the one message that says what to open; a password in it never stands in a process list."""
    (length,) = LENGTH.unpack(link.recv(LENGTH.size, socket.MSG_WAITALL))
    return link.recv(min(length, 4096), socket.MSG_WAITALL)


def _open(cv2: Any, kind: str, place: str, size: tuple[int, int], timeout_ms: int) -> Any:
    if kind == "v4l2":
        options = [cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG")]
        if size[0]:
            options += [cv2.CAP_PROP_FRAME_WIDTH, size[0], cv2.CAP_PROP_FRAME_HEIGHT, size[1]]
        capture = cv2.VideoCapture(place, cv2.CAP_V4L2, options)
    else:
        os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = _RTSP
        options = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, timeout_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, timeout_ms]
        capture = cv2.VideoCapture(place, cv2.CAP_FFMPEG, options)
    return capture if capture.isOpened() else None


class _Newest:
    """Reads the camera as fast as it sends and keeps the newest frame alone."""

    def __init__(self, cv2: Any, capture: Any, skip: int) -> None:
        self._cv2, self._capture, self._skip = cv2, capture, skip
        self._changed = threading.Condition()
        self._frame: Any = None
        self._is_over = False
        threading.Thread(target=self._read, name="camera", daemon=True).start()

    def take(self) -> bytes:
        """Return a frame not taken before as JPEG, b"" where the camera sends no more."""
        with self._changed:
            self._changed.wait_for(lambda: self._frame is not None or self._is_over)
            frame, self._frame = self._frame, None
        if frame is None:
            return b""
        done, data = self._cv2.imencode(".jpg", frame, [self._cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        return data.tobytes() if done else b""

    def _read(self) -> None:
        while True:
            done, frame = self._capture.read()
            with self._changed:
                if not done:
                    self._is_over = True
                    self._changed.notify_all()
                    return
                if self._skip:
                    self._skip -= 1
                    continue
                self._frame = frame
                self._changed.notify_all()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
