"""Words, values, errors and Protocols of everything that is plugged in.

Device, media and supply words are those of XFS4IoT, unchanged (reference/devices.md §1).
Imports msgspec and the standard library only.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import date
from enum import StrEnum
from typing import Generic, Literal, Protocol, TypeVar, runtime_checkable

import msgspec

T = TypeVar("T")

MASK = "•••"


class Private(msgspec.Struct, Generic[T], frozen=True, repr_omit_defaults=False):
    """A personal value. Only `reveal()` gives it back; repr, str and format give `•••`."""

    value: T

    def reveal(self) -> T:
        """Return the value, at the last line that must show it."""
        return self.value

    def __repr__(self) -> str:
        return MASK

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __rich_repr__(self):  # type: ignore[no-untyped-def]  # msgspec's own would show the value
        yield MASK


# ── words ──────────────────────────────────────────────────────────────────────────────────


class DeviceKind(StrEnum):
    """What a device is for; one configuration key each."""

    READER = "reader"
    CAMERA = "camera"
    PRINTER = "printer"


class DeviceState(StrEnum):
    """XFS4IoT Common `device`."""

    ONLINE = "online"
    OFFLINE = "offline"
    POWER_OFF = "powerOff"
    NO_DEVICE = "noDevice"
    HARDWARE_ERROR = "hardwareError"
    USER_ERROR = "userError"
    DEVICE_BUSY = "deviceBusy"
    FRAUD_ATTEMPT = "fraudAttempt"
    POTENTIAL_FRAUD = "potentialFraud"
    STARTING = "starting"


class MediaState(StrEnum):
    """XFS4IoT CardReader and Printer `media`."""

    UNKNOWN = "unknown"
    PRESENT = "present"
    NOT_PRESENT = "notPresent"
    JAMMED = "jammed"
    ENTERING = "entering"


class SupplyState(StrEnum):
    """XFS4IoT Printer `paper`; for devices without a supply it stays `unknown`."""

    UNKNOWN = "unknown"
    FULL = "full"
    LOW = "low"
    OUT = "out"
    JAMMED = "jammed"


class Status(msgspec.Struct, frozen=True):
    """One device's state. `code` is a closed word for the technician, never an exception text."""

    kind: DeviceKind
    driver: str
    device: DeviceState = DeviceState.STARTING
    media: MediaState = MediaState.UNKNOWN
    supply: SupplyState = SupplyState.UNKNOWN
    code: str = ""
    at_mono_s: float = 0.0

    @property
    def is_ready(self) -> bool:
        """Whether a visit may count on the device: online, and not out of its supply."""
        return self.device is DeviceState.ONLINE and self.supply not in (SupplyState.OUT, SupplyState.JAMMED)


class Capabilities(msgspec.Struct, frozen=True):
    """What a device can do. `provisional` names features no hardware has confirmed."""

    kind: DeviceKind
    driver: str
    features: tuple[str, ...] = ()
    provisional: tuple[str, ...] = ()
    dpi: int = 0
    width_px: int = 0
    height_px: int = 0
    identifier: str = ""  # serial number or SAM id


# ── errors ─────────────────────────────────────────────────────────────────────────────────


class DeviceError(Exception):
    """Root of what a device can do wrong. `code` is a closed word, safe for logs and staff."""

    def __init__(self, code: str = "", detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


class NotReady(DeviceError):
    """The device is not there or not switched on (XFS deviceNotReady)."""


class TimedOut(DeviceError):
    """The deadline passed without the answer (XFS timeOut)."""


class Cancelled(DeviceError):
    """We called the command off (XFS canceled)."""


class UserFault(DeviceError):
    """The person's move: card pulled early, unreadable card, wrong side (XFS userError)."""


class SupplyOut(DeviceError):
    """Paper or ink has run out (XFS paperOut, tonerOut)."""


class Jammed(DeviceError):
    """Paper or media is stuck (XFS paperJammed, mediaJam)."""


class HardwareFault(DeviceError):
    """The device reports a fault of its own (XFS hardwareError)."""


class Unsupported(DeviceError):
    """This device cannot do that (XFS unsupportedCommand)."""


class WireFault(DeviceError):
    """Bytes that do not follow the protocol. The only error a codec raises."""


# ── time ───────────────────────────────────────────────────────────────────────────────────


class Deadline:
    """A point on the monotonic clock, and a way to be called off before it."""

    def __init__(self, seconds: float, cancelled: threading.Event | None = None) -> None:
        self.at = time.monotonic() + seconds
        self.cancelled = cancelled or threading.Event()

    def left_s(self) -> float:
        """Return the seconds left, never below zero."""
        return max(0.0, self.at - time.monotonic())

    def check(self, what: str = "deadline") -> None:
        """Raise Cancelled or TimedOut when it is over."""
        if self.cancelled.is_set():
            raise Cancelled(what)
        if time.monotonic() >= self.at:
            raise TimedOut(what)

    def wait(self, seconds: float) -> None:
        """Sleep at most `seconds`, waking at once when called off; then check."""
        self.cancelled.wait(min(seconds, self.left_s()))
        self.check()


# ── values ─────────────────────────────────────────────────────────────────────────────────


class CardKind(StrEnum):
    """Layout of the text record, by its type mark (reference/devices.md §4.6)."""

    RESIDENT = "R"
    RESIDENCE_PERMIT = "J"
    FOREIGNER_2017 = "I"
    FOREIGNER_2023 = "Y"


class IdCard(msgspec.Struct, frozen=True):
    """One identity card as its chip tells it. Codes stay as on the card."""

    kind: CardKind
    name: Private[str]
    id_number: Private[str]
    sex: str  # GB/T 2261.1 code, one character
    nation: str  # GB/T 3304 code, two characters; "" where the layout has none
    birth_date: Private[date]
    address: Private[str]
    authority: str
    valid_from: date | None
    valid_until: date | None  # None together with is_permanent means 长期
    is_permanent: bool = False
    photo: Private[bytes] = Private(b"")  # WLT bytes, never decoded here
    extra_addresses: tuple[Private[str], ...] = ()
    english_name: Private[str] = Private("")


class Verdict(msgspec.Struct, frozen=True):
    """One quality gate's answer. `gate` is a key of reference/imaging.md §5."""

    gate: str
    value: float
    limit: float
    ok: bool


class Page(msgspec.Struct, frozen=True):
    """One captured page, encoded by us, with no metadata. `dpi` is the captured one."""

    material: str
    index: int
    jpeg: Private[bytes]
    width_px: int
    height_px: int
    dpi: int
    verdicts: tuple[Verdict, ...]
    sha256: str
    is_kept_despite: bool = False  # refused three times and kept, marked for review


Corners = tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]


class Preview(msgspec.Struct, frozen=True):
    """What the eye sees now. Corners in pixels of the preview, clockwise from the top left."""

    number: int
    width_px: int
    height_px: int
    gate: str  # the gate that speaks (imaging.md §5); "" = good, "taken" = this page was taken already
    corners: Corners | None = None
    score: float = 0.0
    stable_frames: int = 0
    is_ready: bool = False  # auto-capture may fire now


class StripLine(msgspec.Struct, frozen=True, tag="line"):
    """A line of text. `scale` 1 or 2 (double width and height)."""

    text: str
    scale: Literal[1, 2] = 1
    align: Literal["left", "center", "right"] = "left"
    is_bold: bool = False


class StripRule(msgspec.Struct, frozen=True, tag="rule"):
    """A dashed line across the paper."""


class StripCode(msgspec.Struct, frozen=True, tag="qr"):
    """A QR code, centred."""

    payload: str
    module_dots: int = 6


class StripGap(msgspec.Struct, frozen=True, tag="gap"):
    """Empty lines."""

    lines: int = 1


class Strip(msgspec.Struct, frozen=True):
    """What a receipt printer prints, top to bottom; it ends with a cut."""

    parts: tuple[StripLine | StripRule | StripCode | StripGap, ...]
    width_columns: int = 48  # half-width characters of font A on 80 mm paper (576 dots / 12)


class Printed(msgspec.Struct, frozen=True):
    """A job the printer confirmed: the status asked for after the job was good."""

    lines: int
    ms: float
    supply: SupplyState


# ── one small Protocol per kind ────────────────────────────────────────────────────────────


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


class Frames(Protocol):
    """The latest preview picture; newest wins, never an event."""

    def latest(self) -> tuple[int, int, int, bytes] | None:
        """Return (number, width_px, height_px, RGB888 bytes) of the newest frame, or None."""
