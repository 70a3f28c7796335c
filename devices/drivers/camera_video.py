"""What cameras that OpenCV opens share: preview and still from a source each, open only while somebody looks."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping

from devices.api import Deadline, DeviceKind, HardwareFault, NotReady, Page, Preview, WireFault
from devices.drivers.camera_eye import Eye, own_eye
from devices.imaging.source import Source

log = logging.getLogger(__name__)

BACK_OFF_S = (0.1, 0.4, 1.0)  # before the camera is opened again; after the last it is gone
BAD_FRAMES = 10  # in a row: then it is the camera, not a glitch


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
        failures = 0
        while True:
            deadline.check("watch")
            seen = 0
            try:
                with self._look(deadline) as source:
                    for preview in self._previews(source, deadline):
                        seen += 1
                        on_preview(preview)
            except NotReady:
                failures = 0 if seen else failures  # it had worked: the next loss begins a new row
                if failures >= len(BACK_OFF_S):
                    raise
                if failures == 0:
                    log.info("camera lost, opening again")
                deadline.wait(BACK_OFF_S[failures])
                failures += 1

    def capture(self, material: str, index: int, deadline: Deadline, keep: bool = False) -> Page:
        """Return the page on a still of the largest size. Raises: as the contract says."""
        with self._look(deadline, is_still=True) as source:
            still = source.newest(deadline)
        return self._eye.take(still, material, index, deadline, keep, self._formats.get(material, "any"))

    def _previews(self, source: Source, deadline: Deadline) -> Iterator[Preview]:
        bad = deaths = 0
        while True:
            frame = source.newest(deadline)
            try:
                preview = self._eye.look(frame, deadline)
            except WireFault:
                bad += 1
                if bad >= BAD_FRAMES:
                    raise
                continue
            except HardwareFault:
                deaths += 1
                if deaths > 1:
                    raise
                continue
            bad = deaths = 0
            yield preview

    @abstractmethod
    def _look(self, deadline: Deadline, is_still: bool = False) -> Source:
        """Return an open source. Raises: NotReady, TimedOut, Cancelled."""
