"""One small Protocol per kind of device, and the link below it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from devices.api.auxiliaries import Lamp, Sensors
from devices.api.codes import Code
from devices.api.deadline import Deadline
from devices.api.private import Private
from devices.api.scanning import Scanned, ScanSettings
from devices.api.sheets import Sheet, SheetPrinted
from devices.api.strip import Printed, Strip
from devices.api.values import IdCard, Page, Preview
from devices.api.words import Capabilities, DeviceKind, Status


class Link(Protocol):
    """Bytes in, bytes out. Every loss of the other end is NotReady("noDevice")."""

    @property
    def address(self) -> str:
        """Return the link as written in configuration, `serial:/dev/ttyUSB0?baud=115200`."""

    def open(self) -> None:
        """Take the port for ourselves alone. Raises: NotReady."""

    def close(self) -> None:
        """Give the port back; closing twice is harmless."""

    def write(self, data: bytes, deadline: Deadline) -> None:
        """Send all bytes. Raises: NotReady, TimedOut, Cancelled."""

    def read(self, limit: int, deadline: Deadline) -> bytes:
        """Return 1…limit bytes as soon as there are any. Raises: NotReady, TimedOut, Cancelled."""

    def drain(self) -> bytes:
        """Return what has arrived already, without waiting (may be empty). Raises: NotReady."""


@runtime_checkable
class Device(Protocol):
    """What every driver offers. All calls come from one thread, its lane."""

    kind: DeviceKind

    def open(self, deadline: Deadline) -> None:
        """Connect and make sure the right kind of device answers. Raises: DeviceError."""

    def close(self) -> None:
        """Let go of the device; closing twice is harmless."""

    def status(self, deadline: Deadline) -> Status:
        """Ask the device. No answer is unknown, and unknown is never ready. Raises: DeviceError."""

    def capabilities(self) -> Capabilities:
        """Return what the opened device can do."""


class IdReader(Device, Protocol):
    """Reads identity cards. A read waits for a card until its deadline."""

    def read(self, deadline: Deadline) -> IdCard:
        """Return the next card laid down. Raises: UserFault, TimedOut, Cancelled, DeviceError."""

    def is_card_present(self, deadline: Deadline) -> bool:
        """Whether the card just read still lies there. Raises: DeviceError."""

    def decode_photo(self, card: IdCard, deadline: Deadline) -> Private[bytes]:
        """Return a card's portrait as a BMP. Raises: Unsupported("photo_not_available", why), Cancelled."""


class Camera(Device, Protocol):
    """Looks at the desk. Open only while capturing (no spying; §4 row 24)."""

    def watch(self, on_preview: Callable[[Preview], None], deadline: Deadline) -> None:
        """Call `on_preview` for each frame until called off. Raises: DeviceError."""

    def capture(self, material: str, index: int, deadline: Deadline, keep: bool = False) -> Page:
        """Take the high-resolution still and return the page, straightened and encoded.

        Raises: UserFault whose code is the gate that refused it (never when `keep`), DeviceError.
        """


class ReceiptPrinter(Device, Protocol):
    """Prints one strip and says honestly whether it came out."""

    def print(self, strip: Strip, deadline: Deadline) -> Printed:
        """Print and cut. Raises: SupplyOut, Jammed, HardwareFault, TimedOut, NotReady."""


class DocumentPrinter(Device, Protocol):
    """Prints A4 documents and says honestly whether the job came to its end."""

    def print(self, sheet: Sheet, deadline: Deadline) -> SheetPrinted:
        """Print one document. Raises: SupplyOut, Jammed, HardwareFault, TimedOut, NotReady, Cancelled, WireFault."""


class Auxiliaries(Device, Protocol):
    """Lamps, and what the cabinet feels. `status` brings the sensors along."""

    def set_light(self, *lamps: Lamp, deadline: Deadline) -> None:
        """Have these lamps so from now on; others stay. Raises: DeviceError."""

    def sensors(self, deadline: Deadline) -> Sensors:
        """Return what the cabinet feels now. Raises: DeviceError."""


class DocumentScanner(Device, Protocol):
    """Scans papers from a flatbed or a feeder."""

    def scan(self, settings: ScanSettings, material: str, index: int, deadline: Deadline) -> Scanned:
        """Return the pages, numbered from `index`; where something stops a stack, those that came through whole.

        Raises, where no page came through: UserFault("noMedia") for an empty feeder, Jammed, HardwareFault, NotReady,
        Unsupported, TimedOut; Cancelled at any time.
        """


class CodeReader(Device, Protocol):
    """Reads bar codes and QR codes. A read waits for a code until its deadline."""

    def read(self, deadline: Deadline) -> Code:
        """Return the next code held before it; what was shown before is dropped.

        Raises: UserFault for one that is not to be read, WireFault, TimedOut, Cancelled, NotReady.
        """


class Frames(Protocol):
    """The latest preview picture; newest wins, never an event."""

    def latest(self) -> tuple[int, int, int, bytes] | None:
        """Return (number, width_px, height_px, RGB888 bytes) of the newest frame, or None."""
