"""What cameras that OpenCV opens share: preview and still from a source each, open only while somebody looks."""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping

from devices.api import Deadline, DeviceKind, NotReady, Page, Preview
from devices.drivers.camera_eye import Eye, Looking, Unreached, own_eye
from devices.imaging.source import Source

log = logging.getLogger(__name__)

BACK_OFF_S = (0.1, 0.4, 0.7)  # before the camera is opened again
LOST_S = 1.3  # then the camera is gone, however long the attempts took: that is told within two seconds


class VideoCamera(ABC):
    """The common part of camera drivers over a Source."""

    kind = DeviceKind.CAMERA

    def __init__(self, address: str, eye: Eye | None, formats: Mapping[str, str]) -> None:
        self.address = address
        self._eye = eye or own_eye()
        self._formats = formats

    def close(self) -> None:
        """Forget what was seen."""
        self._eye.forget()

    def watch(self, on_preview: Callable[[Preview], None], deadline: Deadline) -> None:
        """Call `on_preview` for each frame until called off.

        Raises: Cancelled, TimedOut (also when the camera stands still), NotReady where it is gone and does not come
        back, WireFault after ten bad pictures in a row, HardwareFault where the eye died twice running.
        """
        failures, lost_at = 0, 0.0
        while True:
            deadline.check("watch")
            began, seen = time.monotonic(), 0
            try:
                with self._look(deadline) as source:
                    for preview in self._previews(source, deadline):
                        seen += 1
                        on_preview(preview)
            except Unreached:
                raise
            except NotReady:
                failures = 0 if seen else failures  # it had worked: the next loss begins a new row
                now = time.monotonic()
                if failures == 0:
                    lost_at = now if seen else began
                    log.info("camera lost, opening again")
                if failures >= len(BACK_OFF_S) or now + BACK_OFF_S[failures] > lost_at + LOST_S:
                    raise
                deadline.wait(BACK_OFF_S[failures])
                failures += 1

    def capture(self, material: str, index: int, deadline: Deadline, keep: bool = False) -> Page:
        """Return the page on a still of the largest size. Raises: as the contract says."""
        with self._look(deadline, is_still=True) as source:
            still = source.newest(deadline)
        return self._eye.take(still, material, index, deadline, keep, self._formats.get(material, "any"))

    def _previews(self, source: Source, deadline: Deadline) -> Iterator[Preview]:
        looking = Looking(self._eye)
        while True:
            if (preview := looking.look(source.newest(deadline), deadline)) is not None:
                yield preview

    @abstractmethod
    def _look(self, deadline: Deadline, is_still: bool = False) -> Source:
        """Return an open source. Raises: NotReady, TimedOut, Cancelled."""
