"""Chip cards over PC/SC: the channel to one card, what is read of it, and the reader's Protocol."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Protocol

import msgspec

from devices.api.deadline import Deadline
from devices.api.devices import Device
from devices.api.private import Private
from devices.api.travel import TravelDocument


class CardChannel(Protocol):
    """One card that lies in a reader, connected. Lost for good once the card was pulled."""

    @property
    def atr(self) -> bytes:
        """Return what the card said when it was powered."""

    def transmit(self, apdu: bytes, deadline: Deadline) -> tuple[bytes, int]:
        """Return the card's answer to one command: data and status word (0x9000 = done).

        Answers that wait (61xx) are fetched and a wrong length (6Cxx) is asked for again before this returns.
        Raises: UserFault("card_removed"), NotReady("noDevice"), TimedOut("mute" | "deadline"), Cancelled, WireFault.
        """


class CardKeys(msgspec.Struct, frozen=True):
    """What a person gave so that the chip opens; an empty one was not given. Never kept longer than one read."""

    pin: Private[str] = Private("")  # digits
    mrz: Private[str] = Private("")  # the zone's lines, or number, birth date, expiry, each with its check digit
    can: Private[str] = Private("")  # six digits printed on the card


NO_KEYS = CardKeys()


class HolderState(StrEnum):
    """Whether the holder's record of a social security card is in the value."""

    READ = "read"
    NOT_ASKED = "notAsked"  # configuration wants the card alone


class SocialCard(msgspec.Struct, frozen=True, tag="social"):
    """One social security card. Codes stay as on the card."""

    region: str  # first six digits of the identification code: GB/T 2260
    identification: Private[str]  # card identification code, 32 hexadecimal digits
    card_number: Private[str]
    card_type: str  # two hexadecimal digits
    version: str  # "1.00", "2.00", "3.00"
    organisation: str  # initialising organisation, hexadecimal
    issued_on: date | None
    valid_until: date | None
    holder: HolderState = HolderState.NOT_ASKED
    name: Private[str] = Private("")
    id_number: Private[str] = Private("")
    sex: str = ""
    nation: str = ""
    birth_place: str = ""
    birth_date: Private[date] | None = None  # None: not read, or the card holds none


class BankCard(msgspec.Struct, frozen=True, tag="bank"):
    """One bank card. The number is masked before it gets here; track 2 is never kept."""

    application: str  # AID, hexadecimal
    label: str
    masked_number: str  # 621700******8901
    sequence: str = ""
    valid_until: date | None = None
    holder_name: Private[str] = Private("")
    is_contactless: bool = False


class CardReader(Device, Protocol):
    """Reads chip cards. A read waits for a card until its deadline."""

    def read(self, deadline: Deadline, keys: CardKeys = NO_KEYS) -> ChipCard:
        """Return what the next card holds.

        Raises: UserFault("card_removed" | "card_unknown" | "card_unreadable"), Unsupported("pin_needed" | …), TimedOut,
        Cancelled, NotReady, WireFault.
        """

    def is_card_present(self, deadline: Deadline) -> bool:
        """Whether a card lies in the reader. Raises: DeviceError."""


ChipCard = SocialCard | BankCard | TravelDocument
