"""Pictures in a folder in place of a camera: in name order, each lies still until taken, then the desk is empty."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from devices.api import (
    Capabilities,
    Deadline,
    DeviceKind,
    DeviceState,
    NotReady,
    Page,
    Preview,
    Status,
    UserFault,
    WireFault,
)
from devices.drivers.camera_eye import Eye, empty_desk, own_eye

log = logging.getLogger(__name__)

DRIVER = "camera-folder"
SUFFIXES = (".jpg", ".jpeg", ".png")
EMPTY_S = 1.0
FRAME_S = 0.1
MAX_BYTES = 20_000_000


class FolderCamera:
    """A camera at `folder:PATH`. `remaining` says how many pictures were not taken yet; then the desk stays empty.

    Options: `eye`; `formats` (material code → a4, card or any). A file that is no picture is passed over and named in
    `skipped`.
    """

    kind = DeviceKind.CAMERA

    def __init__(
        self, address: str, *, eye: Eye | None = None, formats: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        kind, _, path = address.partition(":")
        if kind != "folder" or not path:
            raise ValueError(f"camera {address!r}: allowed is folder:PATH")
        self.address = address
        self._folder = Path(path)
        self._eye = eye or own_eye()
        self._formats = formats
        self._files: tuple[Path, ...] = ()
        self._data = b""
        self._empty_until = 0.0
        self.skipped: tuple[str, ...] = ()
        self._is_open = False

    @property
    def remaining(self) -> int:
        """Return how many pictures were not taken yet."""
        return len(self._files)

    def open(self, deadline: Deadline) -> None:
        """List the folder, once: what was taken stays taken. Raises: NotReady where there is no such folder."""
        if not self._folder.is_dir():
            raise NotReady("noDevice")
        if not self._is_open:
            found = (f for f in self._folder.iterdir() if f.suffix.lower() in SUFFIXES and f.is_file())
            self._files = tuple(sorted(found))
            self._is_open = True

    def close(self) -> None:
        """Forget what was seen."""
        self._data = b""
        self._eye.forget()

    def status(self, deadline: Deadline) -> Status:
        """Return online while the folder is there."""
        if self._folder.is_dir():
            return Status(self.kind, DRIVER, device=DeviceState.ONLINE)
        return Status(self.kind, DRIVER, device=DeviceState.NO_DEVICE, code="noDevice")

    def capabilities(self) -> Capabilities:
        """Return what it can do."""
        return Capabilities(self.kind, DRIVER, features=("preview", "still"))

    def watch(self, on_preview: Callable[[Preview], None], deadline: Deadline) -> None:
        """Call `on_preview` about ten times a second until called off. Raises: Cancelled, TimedOut, HardwareFault."""
        while True:
            started = time.monotonic()
            deadline.check("watch")
            try:
                on_preview(self._eye.look(self._picture() or empty_desk(), deadline))
            except WireFault as fault:
                self._skip(fault.code)
            deadline.wait(max(0.0, FRAME_S - (time.monotonic() - started)))

    def capture(self, material: str, index: int, deadline: Deadline, keep: bool = False) -> Page:
        """Return the page on the picture that lies there and take it away. Raises: as the contract says."""
        data = self._picture()
        if not data:
            raise UserFault("page")
        try:
            page = self._eye.take(data, material, index, deadline, keep, self._formats.get(material, "any"))
        except WireFault as fault:
            self._skip(fault.code)
            raise
        self._next()
        return page

    def _picture(self) -> bytes:
        """Return the bytes of the picture that lies there, b"" for an empty desk. Raises: NotReady."""
        if not self._folder.is_dir():
            raise NotReady("noDevice")  # a stick pulled out: its pictures are not passed over
        if time.monotonic() < self._empty_until:
            return b""
        while self._files and not self._data:
            file = self._files[0]
            try:
                if 0 < file.stat().st_size <= MAX_BYTES:
                    self._data = file.read_bytes()
                else:
                    self._skip("picture_too_large")
            except OSError:
                self._skip("unreadable")
        return self._data

    def _skip(self, code: str) -> None:
        if self._files:
            log.info("picture passed over: %s", code)
            self.skipped += (self._files[0].name,)
            self._files, self._data = self._files[1:], b""

    def _next(self) -> None:
        self._files, self._data = self._files[1:], b""
        self._empty_until = time.monotonic() + EMPTY_S
