"""A camera that OpenCV opens, as drivers see it: a process that lives as long as somebody looks. Never imports cv2."""

from __future__ import annotations

import contextlib
import math
import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from devices.api import Deadline, NotReady, TimedOut, WireFault

MAX_FRAME = 20_000_000
START_S = 20.0  # importing cv2 on a busy, cold machine
SLICE_S = 0.1
_LENGTH = struct.Struct(">I")
_ROOT = Path(__file__).resolve().parents[2]
_KEPT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "TZ")


class Source:
    """One look through a camera: open in its `with` block and not a moment longer.

    `kind` is v4l2 (`place` a device node) or rtsp (`place` its URL); `size_px` (0, 0) leaves the camera's own size.
    `freeze_s` is how long it may send nothing; after `silent_s` of it `on_silence` is called, which may raise.
    """

    def __init__(
        self,
        kind: str,
        place: str,
        size_px: tuple[int, int],
        freeze_s: float,
        deadline: Deadline,
        silent_s: float = math.inf,
        on_silence: Callable[[], None] = lambda: None,
    ) -> None:
        self._freeze_s = freeze_s
        self._silent_s, self._on_silence = silent_s, on_silence
        self._link, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [*_command(), str(theirs.fileno())],
                cwd=_ROOT,
                env={name: os.environ[name] for name in _KEPT if name in os.environ} | {"OPENBLAS_NUM_THREADS": "1"},
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        try:
            message = f"{kind}\n{place}\n{size_px[0]} {size_px[1]} {int(freeze_s * 1000)}".encode()
            self._link.sendall(_LENGTH.pack(len(message)) + message)
            self._read(_LENGTH.size, START_S + freeze_s, deadline)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process, and with it the camera's stream."""
        with contextlib.suppress(OSError):
            self._link.close()
        self._process.kill()
        self._process.wait()

    def newest(self, deadline: Deadline) -> bytes:
        """Return the newest frame as JPEG. Raises: NotReady where the camera went, TimedOut, Cancelled, WireFault."""
        try:
            self._link.sendall(b"n")
        except OSError as error:
            raise NotReady("noDevice", "the stream ended") from error
        (length,) = _LENGTH.unpack(self._read(_LENGTH.size, self._freeze_s, deadline, self._silent_s))
        if not 0 < length <= MAX_FRAME:
            raise WireFault("picture_too_large", f"{length} bytes")
        return self._read(length, self._freeze_s, deadline)

    def _read(self, count: int, most_s: float, deadline: Deadline, silent_s: float = math.inf) -> bytes:
        data = bytearray()
        until = time.monotonic() + most_s
        ask_at = time.monotonic() + silent_s
        while len(data) < count:
            deadline.check("camera")
            left = min(until - time.monotonic(), deadline.left_s())
            if left <= 0 and time.monotonic() >= until:
                raise TimedOut("camera_frozen")
            if time.monotonic() >= ask_at:
                self._on_silence()
                ask_at = until
            self._link.settimeout(max(0.001, min(SLICE_S, left)))
            try:
                part = self._link.recv(min(count - len(data), 1 << 20))
            except TimeoutError:
                continue
            except OSError as error:
                raise NotReady("noDevice") from error
            if not part:
                raise NotReady("noDevice", "it opened nothing, or the stream ended")
            data += part
        return bytes(data)


def _command() -> list[str]:
    if getattr(sys, "frozen", False):
        return [sys.executable, "camera-worker"]
    return [sys.executable, "-m", "devices.imaging.source_worker"]
