"""What camera drivers share: the eye, a look at a fresh connection, an empty desk. Drivers never touch pixels."""

from __future__ import annotations

import base64
import socket
from typing import Protocol

from devices.api import Deadline, HardwareFault, NotReady, Page, Preview, WireFault

BAD_FRAMES = 10  # in a row: then it is the camera, not a glitch
SLICE_S = 0.1  # how long a call-off, or a hang-up, may go unnoticed
SILENT_S = 0.7  # of a stream: then the camera is asked whether it is still there, for a pulled cable says nothing
REACH_S = 1.0  # for that question, and for a status; a camera on the terminal's own network answers in milliseconds


class Unreached(NotReady):
    """A silent stream of a camera that cannot be reached any more: there is nothing to try again."""


class Eye(Protocol):
    """Judges pictures in a process of its own (devices/imaging/eye.py); handed to the driver when it is made."""

    def look(self, frame: bytes, deadline: Deadline, accepts: str = "any") -> Preview:
        """Return what one preview frame shows. Raises: WireFault, HardwareFault, TimedOut, Cancelled."""

    def take(
        self, still: bytes, material: str, index: int, deadline: Deadline, keep: bool = False, accepts: str = "any"
    ) -> Page:
        """Return the page on a still. Raises: UserFault (code: the gate), WireFault, HardwareFault, DeviceError."""

    def forget(self) -> None:
        """Forget the picture on the screen and the page taken last."""


class Looking:
    """Looks at frame after frame; a frame that is spoilt, or an eye that died once over it, is passed over."""

    def __init__(self, eye: Eye) -> None:
        """Take the eye that judges."""
        self._eye = eye
        self._bad = self._deaths = 0

    def look(self, frame: bytes, deadline: Deadline) -> Preview | None:
        """Return what the frame shows, None for one to pass over. Raises: as the eye, for one too many."""
        try:
            preview = self._eye.look(frame, deadline)
        except WireFault:
            self._bad += 1
            if self._bad >= BAD_FRAMES:
                raise
            return None
        except HardwareFault:
            self._deaths += 1
            if self._deaths > 1:
                raise
            return None
        self._bad = self._deaths = 0
        return preview


def own_eye() -> Eye:
    """Return an eye of the driver's own, for whoever makes a camera without handing one in; it starts when asked."""
    from devices.imaging.eye import Eye as ImagingEye

    return ImagingEye()


def wait_for_hang_up(line: socket.socket) -> None:
    """Return when the other end waits for our question. Raises: NotReady where it hangs up at once instead.

    What stands between (a switch, a proxy, a camera that restarts) may take a connection and have nobody behind it.
    """
    line.settimeout(SLICE_S)
    try:
        line.recv(1)
    except TimeoutError:
        return
    except OSError as error:
        raise NotReady("noDevice") from error
    raise NotReady("noDevice", "hung up")


def empty_desk() -> bytes:
    """Return a small JPEG of a plain grey desk."""
    return base64.b64decode(_EMPTY)


_EMPTY = (
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4UG1RV19iZ2hnPk1xeX"
    "BkeFxlZ2P/2wBDARESEhgVGC8aGi9jQjhCY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2P/wAARCABa"
    "AKADASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAAT/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/8QAFAEBAAAAAAAAAAAAAAAAAAAAAP/EAB"
    "QRAQAAAAAAAAAAAAAAAAAAAAD/2gAMAwEAAhEDEQA/AKwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAf/2Q=="
)
