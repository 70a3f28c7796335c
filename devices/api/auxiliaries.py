"""Lights, power supply and cabinet sensors. Words are those of XFS4IoT Lights and Auxiliaries."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Light(StrEnum):
    """XFS4IoT Lights: which lamp."""

    CARD_READER = "cardReader"
    RECEIPT_PRINTER = "receiptPrinter"
    SCANNER = "scanner"
    STATUS_GOOD = "statusGood"
    STATUS_WARNING = "statusWarning"
    STATUS_BAD = "statusBad"


class FlashRate(StrEnum):
    """XFS4IoT Lights `flashRate`."""

    OFF = "off"
    SLOW = "slow"
    MEDIUM = "medium"
    QUICK = "quick"
    CONTINUOUS = "continuous"


class Colour(StrEnum):
    """XFS4IoT Lights `color`; `default` is whatever the lamp has."""

    DEFAULT = "default"
    RED = "red"
    GREEN = "green"
    YELLOW = "yellow"
    BLUE = "blue"
    CYAN = "cyan"
    MAGENTA = "magenta"
    WHITE = "white"


class Lamp(msgspec.Struct, frozen=True):
    """How one light shall be."""

    light: Light
    rate: FlashRate = FlashRate.CONTINUOUS
    colour: Colour = Colour.DEFAULT


class Door(StrEnum):
    """XFS4IoT Auxiliaries `cabinetDoor`."""

    UNKNOWN = "unknown"
    CLOSED = "closed"
    OPEN = "open"


class Switch(StrEnum):
    """XFS4IoT Auxiliaries `tamperSensor`: on where it has been touched."""

    UNKNOWN = "unknown"
    OFF = "off"
    ON = "on"


class Proximity(StrEnum):
    """XFS4IoT Auxiliaries `proximitySensor`."""

    UNKNOWN = "unknown"
    PRESENT = "present"
    NOT_PRESENT = "notPresent"


class Ups(StrEnum):
    """XFS4IoT Auxiliaries `UPS`, the one word that matters most."""

    UNKNOWN = "unknown"
    POWERING = "powering"  # the mains are there and go through it
    ENGAGED = "engaged"  # the mains are away: on battery
    LOW = "low"  # on battery, and the battery is nearly empty


class Sensors(msgspec.Struct, frozen=True):
    """What the cabinet feels. A sensor that is not wired stays `unknown`."""

    door: Door = Door.UNKNOWN
    tamper: Switch = Switch.UNKNOWN
    ups: Ups = Ups.UNKNOWN
    proximity: Proximity = Proximity.UNKNOWN

    @property
    def alarm(self) -> str:
        """Return the closed word of what somebody must look after first, "" when all is quiet."""
        if self.tamper is Switch.ON:
            return "tampered"
        if self.ups is Ups.LOW:
            return "battery_low"
        if self.door is Door.OPEN:
            return "door_open"
        return "on_battery" if self.ups is Ups.ENGAGED else ""
