"""Records of a social security card: EF05 tells of the card, EF06 of its holder.

Where the holder's fields lie, and what opens them, differs by region: a `Region` says it, configuration gives it.
Source: reference/devices.md §6 (two public programs; they disagree on EF06). No card was at hand.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum

import msgspec

from devices.api import WireFault
from devices.wire.apdu import Command, build_read_record, encode_command

AID = bytes.fromhex("7378312E73682EC9E7BBE1B1A3D5CF")  # "sx1.sh." + GBK 社会保障
CARD_FILE = 0xEF05
HOLDER_FILE = 0xEF06
MAX_RECORD = 255
PIN_DIGITS = range(4, 13)


class HolderRule(StrEnum):
    """What opens the holder's file."""

    NONE = "none"
    PIN = "pin"
    PSAM = "psam"  # external authentication by a security module in the reader
    BACK_OFFICE = "backoffice"  # external authentication by the issuer's service


class CardField(StrEnum):
    """A field of EF05."""

    IDENTIFICATION = "identification"
    CARD_TYPE = "card_type"
    VERSION = "version"
    ORGANISATION = "organisation"
    ISSUED_ON = "issued_on"
    VALID_UNTIL = "valid_until"
    CARD_NUMBER = "card_number"


class HolderField(StrEnum):
    """A field of EF06."""

    ID_NUMBER = "id_number"
    NAME = "name"
    SEX = "sex"
    NATION = "nation"
    BIRTH_PLACE = "birth_place"
    BIRTH_DATE = "birth_date"


Field = CardField | HolderField

# bytes of a field's value
SIZES: dict[Field, int] = {
    CardField.IDENTIFICATION: 16,
    CardField.CARD_TYPE: 1,
    CardField.VERSION: 4,
    CardField.ORGANISATION: 12,
    CardField.ISSUED_ON: 4,
    CardField.VALID_UNTIL: 4,
    CardField.CARD_NUMBER: 9,
    HolderField.ID_NUMBER: 18,
    HolderField.NAME: 30,
    HolderField.SEX: 1,
    HolderField.NATION: 1,
    HolderField.BIRTH_PLACE: 3,
    HolderField.BIRTH_DATE: 4,
}
CARD_RECORDS: dict[CardField, int] = {field: number for number, field in enumerate(CardField, 1)}
HOLDER_RECORDS: dict[HolderField, int] = {field: number for number, field in enumerate(HolderField, 8)}
_TEXTS = frozenset({CardField.VERSION, CardField.CARD_NUMBER, HolderField.ID_NUMBER, HolderField.NAME, HolderField.SEX})


class Region(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How cards of one region are read. `prefix` begins the card identification code; the longest that fits counts."""

    prefix: str = ""
    rule: HolderRule = HolderRule.NONE
    records: dict[HolderField, int] = msgspec.field(default_factory=lambda: dict(HOLDER_RECORDS))
    select_p1: int = 0x00  # 02 where the card wants “file under the current one”
    read_p2: int = 0x04  # 00 current file, 04 record number; by SFI 2C (EF05) and 34 (EF06)


STANDARD = Region()


def region_for(identification: str, regions: tuple[Region, ...]) -> Region:
    """Return the region whose prefix fits best; the standard layout where none does."""
    fitting = [region for region in regions if identification.startswith(region.prefix)]
    return max(fitting, key=lambda region: len(region.prefix), default=STANDARD)


def build_select_file(file: int, region: Region = STANDARD) -> bytes:
    """Return SELECT of EF05 or EF06."""
    return encode_command(Command(0x00, 0xA4, region.select_p1, 0x00, file.to_bytes(2, "big")))


def build_read(field: Field, region: Region = STANDARD) -> bytes:
    """Return READ RECORD of one field: two bytes of head, then the value."""
    number = CARD_RECORDS[field] if isinstance(field, CardField) else region.records[field]
    return build_read_record(number, region.read_p2, SIZES[field] + 2)


def build_verify(pin: str) -> bytes:
    """Return VERIFY PIN; the digits go as packed decimals, F fills the last byte. Raises: WireFault("pin")."""
    if not (pin.isascii() and pin.isdigit() and len(pin) in PIN_DIGITS):
        raise WireFault("pin", "four to twelve digits")
    return encode_command(Command(0x00, 0x20, 0x00, 0x00, bytes.fromhex(pin + "F" * (len(pin) % 2))))


def decode_record(data: bytes, number: int) -> bytes:
    """Return the value of a record.

    Shape: number, length, value; bytes behind the value are filling.
    Raises: WireFault("record").
    """
    if len(data) < 2 or data[0] != number:
        raise WireFault("record", f"not record {number}")
    value = data[2 : 2 + data[1]]
    if len(value) != data[1]:
        raise WireFault("record", "shorter than it says")
    return value


def encode_record(number: int, value: bytes) -> bytes:
    """Return a record. Raises: WireFault("record")."""
    if not 0 < number < MAX_RECORD or len(value) > MAX_RECORD:
        raise WireFault("record", "number or length")
    return bytes((number, len(value))) + value


def decode_field(field: Field, value: bytes) -> str:
    """Return a field's text: GB18030 text without its filling, else hexadecimal digits as they are packed.

    Raises: WireFault("record") for a length that is not the field's, or bytes that are no text.
    """
    if len(value) > SIZES[field] or (field not in _TEXTS and len(value) != SIZES[field]):
        raise WireFault("record", f"{field.value}: {len(value)} bytes")
    if field not in _TEXTS:
        return value.hex().upper()
    if field is HolderField.SEX and value and value[0] < 0x20:  # some pack the digit, others write it
        return str(value[0])
    try:
        text = value.rstrip(b"\0\xff ").decode("gb18030")
    except UnicodeDecodeError as error:
        raise WireFault("record", f"{field.value}: no text") from error
    if not text.isprintable():
        raise WireFault("record", f"{field.value}: no text")
    return text


def encode_field(field: Field, text: str) -> bytes:
    """Return a field's value, filled to its length with 00. Raises: WireFault("record")."""
    try:
        value = text.encode("gb18030") if field in _TEXTS else bytes.fromhex(text)
    except (UnicodeEncodeError, ValueError) as error:
        raise WireFault("record", field.value) from error
    if len(value) > SIZES[field]:
        raise WireFault("record", f"{field.value}: {len(value)} bytes")
    return value.ljust(SIZES[field], b"\0")


def decode_date(digits: str) -> date | None:
    """Return the date of eight packed digits; None where the card holds none. Raises: WireFault("record")."""
    if not digits.strip("0") or not digits.strip("F"):
        return None
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError as error:
        raise WireFault("record", "no date") from error
