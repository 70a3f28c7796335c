"""A document scanner that SANE knows, driven through `scanimage`: flatbed and feeder, page after page into the eye."""

from __future__ import annotations

import logging
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from devices.api import (
    MAX_SCAN_BYTES,
    Cancelled,
    Capabilities,
    Deadline,
    DeviceError,
    DeviceKind,
    DeviceState,
    HardwareFault,
    NotReady,
    Page,
    Scanned,
    ScanSettings,
    ScanSource,
    Status,
    TimedOut,
    UserFault,
)
from devices.drivers.scanner_process import make_folder, run_scanimage, sweep
from devices.wire import sane

if TYPE_CHECKING:
    from devices.imaging.eye import Eye as ImagingEye

log = logging.getLogger(__name__)

DRIVER = "scanner-sane"
LIST_S = 15.0  # opening a network scanner and hearing what it can do
_DEVICE = re.compile(r"[!-~]([ -~]{0,198}[!-~])?")
_PAGE_NAME = re.compile(r"p[0-9]{4}\.pnm")


class Eye(Protocol):
    """Encodes pages in a process of its own (devices/imaging/eye.py); handed to the driver when it is made."""

    def sheet(self, scan: bytes, material: str, index: int, deadline: Deadline, dpi: int) -> Page:
        """Return a page of binary PNM bytes. Raises: WireFault, HardwareFault, TimedOut, Cancelled."""


class SaneScanner:
    """A scanner at `sane:DEVICE`, as `scanimage -L` names it. Pages are never decoded in this process.

    Options: `eye`; `config_dir` (SANE's configuration, instead of the system's). The device is open only during a
    command, so that other programs and the scanner's own sleep are not kept off.
    """

    kind = DeviceKind.SCANNER

    def __init__(self, address: str, *, eye: Eye | None = None, config_dir: str = "") -> None:
        kind, _, device = address.partition(":")
        if kind != "sane" or _DEVICE.fullmatch(device) is None:
            raise ValueError(f"scanner {address!r}: allowed is sane:DEVICE, a name that scanimage -L tells")
        self.address = address
        self._device = device
        self._config_dir = config_dir
        self._own = _OwnEye()
        self._eye = eye or self._own
        self._options: sane.ScannerOptions | None = None

    def open(self, deadline: Deadline) -> None:
        """Make sure the scanner answers and hear what it can do. Raises: NotReady, TimedOut, WireFault."""
        sweep()
        self._options = self._ask(deadline)

    def close(self) -> None:
        """Let go of what `open` heard; closing twice is harmless."""
        self._options = None
        self._own.close()

    def status(self, deadline: Deadline) -> Status:
        """Ask the scanner. SANE tells neither papers nor jams until a scan is tried. Raises: Cancelled."""
        try:
            self._options = self._ask(deadline)
        except Cancelled:
            raise
        except DeviceError as fault:
            return Status(self.kind, DRIVER, device=_state_of(fault), code=fault.code)
        return Status(self.kind, DRIVER, device=DeviceState.ONLINE)

    def capabilities(self) -> Capabilities:
        """Return what the opened scanner can do."""
        found = self._options or sane.ScannerOptions()
        offers = {"flatbed": found.flatbed or not found.has_source, "feeder": found.feeder, "colour": found.colour}
        return Capabilities(
            self.kind,
            DRIVER,
            features=tuple(name for name, offered in offers.items() if offered),
            provisional=("feeder", "cover"),
            dpi=found.most_dpi,
            identifier=self._device,
        )

    def scan(self, settings: ScanSettings, material: str, index: int, deadline: Deadline) -> Scanned:
        """Return the pages of one stack, or the one on the flatbed. Raises: as the contract says."""
        if self._options is None:
            raise NotReady("noDevice", "not open")
        words, dpi = sane.encode_settings(settings, self._options)
        if settings.size_bytes(dpi) > MAX_SCAN_BYTES:
            raise HardwareFault("scan_too_large", f"{dpi} dpi is the least it can do")
        count = settings.most_pages if settings.source is ScanSource.FEEDER else 1
        folder = make_folder()
        try:
            stack = _Stack(folder, self._eye, material, index, deadline, dpi)
            return self._run(stack, words, count, deadline)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _run(self, stack: _Stack, words: tuple[str, ...], count: int, deadline: Deadline) -> Scanned:
        command = [
            f"--device-name={self._device}",
            "--format=pnm",
            f"--batch={stack.folder}/p%04d.pnm",
            f"--batch-count={count}",
            "--batch-print",
            *words,
        ]
        fault: DeviceError | None
        try:
            ended = run_scanimage(command, deadline, self._config_dir, stack.take, sane.LAST_WORDS)
            fault = sane.error_of(ended.status, ended.said)
        except Cancelled:
            raise
        except DeviceError as error:
            fault = error
        if fault is not None and fault.code == sane.NO_MEDIA and stack.pages:
            fault = None  # the feeder is empty: that is how a stack ends
        if fault is None and not stack.pages:  # a batch without a limit ends with exit 0 even so
            fault = UserFault(sane.NO_MEDIA)
        if fault is not None and not stack.pages:
            raise fault
        if fault is not None:
            log.info("stack stopped after %d pages: %s", len(stack.pages), fault.code)
        return Scanned(tuple(stack.pages), "" if fault is None else fault.code)

    def _ask(self, deadline: Deadline) -> sane.ScannerOptions:
        words = [f"--device-name={self._device}", "-A"]
        ended = run_scanimage(words, Deadline(min(LIST_S, deadline.left_s()), deadline.cancelled), self._config_dir)
        fault = sane.error_of(ended.status, ended.said)
        if fault is not None:
            raise fault
        return sane.decode_options(ended.output)


class _Stack:
    """Pages as they come: each goes to the eye and its raw pixels are gone before the next one is whole."""

    def __init__(self, folder: Path, eye: Eye, material: str, index: int, deadline: Deadline, dpi: int) -> None:
        self.folder = folder
        self.pages: list[Page] = []
        self._eye, self._material, self._index = eye, material, index
        self._deadline, self._dpi = deadline, dpi

    def take(self, line: str) -> None:
        """Take the page that scanimage has just named. Raises: HardwareFault, WireFault, TimedOut, Cancelled."""
        name = line.rpartition("/")[2]
        if _PAGE_NAME.fullmatch(name) is None:
            return
        file = self.folder / name
        try:
            if file.stat().st_size > MAX_SCAN_BYTES:
                raise HardwareFault("scan_too_large", f"{file.stat().st_size} bytes")
            data = file.read_bytes()
            file.unlink()
        except OSError as error:
            raise HardwareFault("scanner_page", "named and not there") from error
        number = self._index + len(self.pages)
        self.pages.append(self._eye.sheet(data, self._material, number, self._deadline, self._dpi))


class _OwnEye:
    """An eye of the driver's own, started with the first page, for whoever makes a scanner without handing one in."""

    def __init__(self) -> None:
        self._eye: ImagingEye | None = None

    def sheet(self, scan: bytes, material: str, index: int, deadline: Deadline, dpi: int) -> Page:
        """Return a page of binary PNM bytes."""
        if self._eye is None:
            from devices.imaging.eye import Eye as OneEye

            self._eye = OneEye()
        return self._eye.sheet(scan, material, index, deadline, dpi)

    def close(self) -> None:
        """End the process."""
        eye, self._eye = self._eye, None
        if eye is not None:
            eye.close()


def _state_of(fault: DeviceError) -> DeviceState:
    if fault.code == "deviceBusy":
        return DeviceState.DEVICE_BUSY
    if isinstance(fault, NotReady):
        return DeviceState.NO_DEVICE
    return DeviceState.OFFLINE if isinstance(fault, TimedOut) else DeviceState.HARDWARE_ERROR
