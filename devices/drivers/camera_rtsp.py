"""A network camera that speaks RTSP, over TCP: what its stream carries is decoded in the camera's own process."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import urlsplit

from devices.api import Capabilities, Deadline, DeviceState, NotReady, Status
from devices.drivers.camera_eye import REACH_S, SILENT_S, Eye, Unreached, wait_for_hang_up
from devices.drivers.camera_video import VideoCamera
from devices.imaging.source import Source

DRIVER = "camera-rtsp"
CONNECT_S = 2.0
FREEZE_S = 3.0


class RtspCamera(VideoCamera):
    """A camera at `rtsp://host:port/path`. Options: `eye`; `formats`; `still_url` (its larger stream); `freeze_s`."""

    def __init__(
        self,
        address: str,
        *,
        eye: Eye | None = None,
        still_url: str = "",
        formats: Mapping[str, str] = MappingProxyType({}),
        freeze_s: float = FREEZE_S,
    ) -> None:
        self._host, self._port = _place(address)
        self._still = still_url or address
        _place(self._still)
        super().__init__(address, eye, formats)
        self._freeze_s = freeze_s

    def open(self, deadline: Deadline) -> None:
        """Make sure a stream of pictures comes; it is closed again at once. Raises: NotReady, TimedOut."""
        with self._look(deadline) as source:
            source.newest(deadline)

    def status(self, deadline: Deadline) -> Status:
        """Return online where the camera takes a connection and keeps it; no stream is asked for. Raises: Cancelled."""
        try:
            self._connect(deadline, REACH_S)
        except NotReady as fault:
            return Status(self.kind, DRIVER, device=DeviceState.NO_DEVICE, code=fault.code)
        return Status(self.kind, DRIVER, device=DeviceState.ONLINE)

    def capabilities(self) -> Capabilities:
        """Return what this kind of camera can do; sizes are known only from its pictures."""
        features = ("preview", "still") if self._still != self.address else ("preview",)
        return Capabilities(self.kind, DRIVER, features=features, provisional=("h264", "exposure"))

    def _look(self, deadline: Deadline, is_still: bool = False) -> Source:
        self._connect(deadline)  # a refused camera is told at once, not after a process has started
        place = self._still if is_still else self.address
        return Source("rtsp", place, (0, 0), self._freeze_s, deadline, SILENT_S, lambda: self._reach(deadline))

    def _reach(self, deadline: Deadline) -> None:
        """Return where the camera still takes a connection, though its stream is silent. Raises: Unreached."""
        try:
            self._connect(deadline, REACH_S)
        except NotReady as fault:
            raise Unreached("noDevice", "silent, and not reached") from fault

    def _connect(self, deadline: Deadline, most_s: float = CONNECT_S) -> None:
        deadline.check("camera")
        try:
            with socket.create_connection((self._host, self._port), min(most_s, deadline.left_s())) as line:
                wait_for_hang_up(line)
        except OSError as error:
            raise NotReady("noDevice") from error


def _place(address: str) -> tuple[str, int]:
    parts = urlsplit(address)
    has_signs = any(not " " < sign <= "~" for sign in address)
    if parts.scheme != "rtsp" or not parts.hostname or parts.username or has_signs:
        raise ValueError(f"camera {address!r}: allowed is rtsp://host:port/path, without a password")
    return parts.hostname, parts.port or 554
