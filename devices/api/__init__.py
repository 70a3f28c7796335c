"""Words, values, errors and Protocols of everything that is plugged in.

Device, media and supply words are those of XFS4IoT, unchanged (reference/devices.md §1).
Imports msgspec and the standard library only; everything is imported from here.
"""

from devices.api.auxiliaries import Colour, Door, FlashRate, Lamp, Light, Proximity, Sensors, Switch, Ups
from devices.api.chipcards import (
    NO_KEYS,
    BankCard,
    CardChannel,
    CardKeys,
    CardReader,
    ChipCard,
    HolderState,
    SocialCard,
)
from devices.api.codes import MAX_CODE_CHARS, Code, CodeSource, Symbology
from devices.api.deadline import Deadline
from devices.api.devices import (
    Auxiliaries,
    Camera,
    CodeReader,
    Device,
    DocumentPrinter,
    DocumentScanner,
    Frames,
    IdReader,
    Link,
    ReceiptPrinter,
)
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
from devices.api.scanning import MAX_SCAN_BYTES, ScanMode, Scanned, ScanSettings, ScanSource
from devices.api.sheets import Sheet, SheetPrinted
from devices.api.strip import Printed, Strip, StripCode, StripGap, StripLine, StripPicture, StripRule
from devices.api.travel import Authenticity, ChipAccess, PictureKind, TravelDocument
from devices.api.values import CardKind, Corners, IdCard, Page, Preview, Verdict
from devices.api.words import NEEDED, Capabilities, DeviceKind, DeviceState, MediaState, Status, SupplyState

__all__ = [
    "MASK",
    "MAX_CODE_CHARS",
    "MAX_SCAN_BYTES",
    "NEEDED",
    "NO_KEYS",
    "Authenticity",
    "Auxiliaries",
    "BankCard",
    "Camera",
    "Cancelled",
    "Capabilities",
    "CardChannel",
    "CardKeys",
    "CardKind",
    "CardReader",
    "ChipAccess",
    "ChipCard",
    "Code",
    "CodeReader",
    "CodeSource",
    "Colour",
    "Corners",
    "Deadline",
    "Device",
    "DeviceError",
    "DeviceKind",
    "DeviceState",
    "DocumentPrinter",
    "DocumentScanner",
    "Door",
    "FlashRate",
    "Frames",
    "HardwareFault",
    "HolderState",
    "IdCard",
    "IdReader",
    "Jammed",
    "Lamp",
    "Light",
    "Link",
    "MediaState",
    "NotReady",
    "Page",
    "PictureKind",
    "Preview",
    "Printed",
    "Private",
    "Proximity",
    "ReceiptPrinter",
    "ScanMode",
    "ScanSettings",
    "ScanSource",
    "Scanned",
    "Sensors",
    "Sheet",
    "SheetPrinted",
    "SocialCard",
    "Status",
    "Strip",
    "StripCode",
    "StripGap",
    "StripLine",
    "StripPicture",
    "StripRule",
    "SupplyOut",
    "SupplyState",
    "Switch",
    "Symbology",
    "TimedOut",
    "TravelDocument",
    "Unsupported",
    "Ups",
    "UserFault",
    "Verdict",
    "WireFault",
]
