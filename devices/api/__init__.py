"""Words, values, errors and Protocols of everything that is plugged in.

Device, media and supply words are those of XFS4IoT, unchanged (reference/devices.md §1).
Imports msgspec and the standard library only; everything is imported from here.
"""

from devices.api.deadline import Deadline
from devices.api.devices import Camera, Device, Frames, IdReader, Link, ReceiptPrinter
from devices.api.errors import (
    Cancelled,
    DeviceError,
    HardwareFault,
    Jammed,
    NotReady,
    SupplyOut,
    TimedOut,
    Unsupported,
    UserFault,
    WireFault,
)
from devices.api.private import MASK, Private
from devices.api.strip import Printed, Strip, StripCode, StripGap, StripLine, StripPicture, StripRule
from devices.api.values import CardKind, Corners, IdCard, Page, Preview, Verdict
from devices.api.words import NEEDED, Capabilities, DeviceKind, DeviceState, MediaState, Status, SupplyState

__all__ = [
    "MASK",
    "NEEDED",
    "Camera",
    "Cancelled",
    "Capabilities",
    "CardKind",
    "Corners",
    "Deadline",
    "Device",
    "DeviceError",
    "DeviceKind",
    "DeviceState",
    "Frames",
    "HardwareFault",
    "IdCard",
    "IdReader",
    "Jammed",
    "Link",
    "MediaState",
    "NotReady",
    "Page",
    "Preview",
    "Printed",
    "Private",
    "ReceiptPrinter",
    "Status",
    "Strip",
    "StripCode",
    "StripGap",
    "StripLine",
    "StripPicture",
    "StripRule",
    "SupplyOut",
    "SupplyState",
    "TimedOut",
    "Unsupported",
    "UserFault",
    "Verdict",
    "WireFault",
]
