"""A UVC camera, by its Video4Linux node. No such camera has been met: what can be tested without one is its absence."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from devices.api import Capabilities, Deadline, DeviceState, NotReady, Status
from devices.drivers.camera_eye import Eye
from devices.drivers.camera_video import VideoCamera
from devices.imaging.source import Source

DRIVER = "camera-v4l2"
FREEZE_S = 3.0
_SIZE = re.compile(r"([1-9][0-9]{1,4})x([1-9][0-9]{1,4})")


class V4l2Camera(VideoCamera):
    """A camera at `v4l2:/dev/video0` or `v4l2:0`.

    Options: `eye`; `formats`; `preview_px` and `still_px` (WIDTHxHEIGHT; the camera takes the nearest it has);
    `freeze_s`. The node is open while somebody looks or takes a picture; between preview and still it is opened anew.
    """

    def __init__(
        self,
        address: str,
        *,
        eye: Eye | None = None,
        formats: Mapping[str, str] = MappingProxyType({}),
        preview_px: str = "1280x720",
        still_px: str = "3264x2448",
        freeze_s: float = FREEZE_S,
    ) -> None:
        kind, _, place = address.partition(":")
        place = f"/dev/video{place}" if place.isascii() and place.isdigit() and len(place) < 3 else place
        if kind != "v4l2" or not place.startswith("/") or "\n" in place:
            raise ValueError(f"camera {address!r}: allowed is v4l2:/dev/video0 or v4l2:0")
        self._node = place
        self._preview_px, self._still_px = _size(preview_px), _size(still_px)
        super().__init__(address, eye, formats)
        self._freeze_s = freeze_s

    def open(self, deadline: Deadline) -> None:
        """Make sure the node gives pictures; it is closed again at once. Raises: NotReady, TimedOut."""
        with self._look(deadline) as source:
            source.newest(deadline)

    def status(self, deadline: Deadline) -> Status:
        """Return online while the node is there; it is not opened. Raises: Cancelled."""
        deadline.check("camera")
        try:
            self._require_node()
        except NotReady as fault:
            return Status(self.kind, DRIVER, device=DeviceState.NO_DEVICE, code=fault.code)
        return Status(self.kind, DRIVER, device=DeviceState.ONLINE)

    def capabilities(self) -> Capabilities:
        """Return what this kind of camera can do; nothing of it has met hardware."""
        width, height = self._still_px
        said = ("preview", "still", "exposure", "focus", "unplug")
        return Capabilities(self.kind, DRIVER, ("preview", "still"), said, width_px=width, height_px=height)

    def _look(self, deadline: Deadline, is_still: bool = False) -> Source:
        self._require_node()
        return Source("v4l2", self._node, self._still_px if is_still else self._preview_px, self._freeze_s, deadline)

    def _require_node(self) -> None:
        try:
            is_device = stat.S_ISCHR(Path(self._node).stat().st_mode)
        except OSError as error:
            raise NotReady("noDevice") from error
        if not is_device:
            raise NotReady("noDevice", "no character device")
        if not os.access(self._node, os.R_OK | os.W_OK):
            raise NotReady("access_denied")


def _size(text: str) -> tuple[int, int]:
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ValueError(f"size {text!r}: allowed is WIDTHxHEIGHT in pixels, 1280x720")
    return int(found[1]), int(found[2])
