"""What a device is, how it is and what it can do. Device, media and supply words are those of XFS4IoT, unchanged."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from devices.api.auxiliaries import Sensors


class DeviceKind(StrEnum):
    """What a device is for; one configuration key each."""

    READER = "reader"  # identity cards, SAM-V
    CAMERA = "camera"
    PRINTER = "printer"  # receipts
    CARD = "card"  # chip cards over PC/SC: social security, bank, travel documents
    DOCUMENT_PRINTER = "document_printer"  # A4 pages
    SCANNER = "scanner"  # flatbed and feeder
    BARCODE = "barcode"  # XFS4IoT BarcodeReader
    AUXILIARIES = "auxiliaries"  # lights, power supply, cabinet sensors


NEEDED = (DeviceKind.READER, DeviceKind.CAMERA, DeviceKind.PRINTER)  # a terminal without one of these says so


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
    sensors: Sensors = Sensors()  # what auxiliaries feel; all unknown for every other kind

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
    line: str = ""  # how it is spoken to, as found: "57600 baud", "usb split"
