"""What a bank card tells without a PIN: directory, application, options, records.

The card number is masked inside `decode_fields`, before anything else sees it; track 2 goes no further than that.
Source: EMV 4.3 Books 1 and 3, PBOC 3.0; reference/devices.md §7 (general knowledge there, not checked with a card).
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable
from datetime import date

import msgspec

from devices.api import Private, WireFault
from devices.wire.apdu import Command, encode_command
from devices.wire.tlv import decode_tag_lengths, decode_tlv, encode_tlv, find_all, value_of

PSE = b"1PAY.SYS.DDF01"
PPSE = b"2PAY.SYS.DDF01"
UNIONPAY = tuple(bytes.fromhex(f"A00000033301010{kind}") for kind in "1236")  # debit, credit, quasi-credit, e-cash
MAX_RECORDS = 64  # a card's file list names about ten
MAX_PDOL = 240  # bytes a card may ask of the terminal: what a short command holds
KEPT_FRONT, KEPT_BACK = 6, 4  # PCI DSS 3.4: what of a card number may be shown
STAR = "*"

# what a terminal says of itself when a card's PDOL asks; all else is zeros
_COUNTRY = _CURRENCY = bytes.fromhex("0156")  # ISO 3166 and 4217 numeric: China, yuan
_TERMINAL: dict[int, bytes] = {0x9F1A: _COUNTRY, 0x5F2A: _CURRENCY, 0x9F66: bytes.fromhex("26000000")}


class Application(msgspec.Struct, frozen=True):
    """One entry of the directory. The lower the priority the earlier; 0 means none was given."""

    name: bytes
    label: str = ""
    priority: int = 0


class FileEntry(msgspec.Struct, frozen=True):
    """Records of one file that the card wants read."""

    sfi: int
    first: int
    last: int


class Options(msgspec.Struct, frozen=True):
    """What GET PROCESSING OPTIONS answers: interchange profile and file list."""

    profile: bytes
    files: tuple[FileEntry, ...]


class Fields(msgspec.Struct, frozen=True):
    """What is kept of a bank card's records."""

    masked_number: str = ""
    sequence: str = ""
    valid_until: date | None = None
    holder_name: Private[str] = Private("")


def decode_directory_file(answer: bytes) -> int:
    """Return the SFI of the directory, from the answer to SELECT PSE. Raises: WireFault."""
    found = value_of(decode_tlv(answer), 0x88)
    if len(found) != 1 or not 1 <= found[0] <= 10:
        raise WireFault("emv", "no directory")
    return found[0]


def decode_applications(data: bytes) -> tuple[Application, ...]:
    """Return the applications of a directory record, or of the answer to SELECT PPSE, first choice first.

    Raises: WireFault.
    """
    found = []
    for entry in find_all(decode_tlv(data), 0x61):
        name = value_of(entry.children, 0x4F)
        if 5 <= len(name) <= 16:
            priority = value_of(entry.children, 0x87)
            label = _text(value_of(entry.children, 0x50))
            found.append(Application(name, label, priority[0] & 0x0F if priority else 0))
    return tuple(sorted(found, key=lambda one: one.priority or 16))


def decode_name(answer: bytes) -> bytes:
    """Return the application name from the answer to SELECT. Raises: WireFault."""
    name = value_of(decode_tlv(answer), 0x84)
    if not 5 <= len(name) <= 16:
        raise WireFault("emv", "no application name")
    return name


def decode_application(answer: bytes) -> tuple[str, tuple[tuple[int, int], ...]]:
    """Return label and PDOL (tag and length of each) from the answer to SELECT of an application. Raises: WireFault."""
    nodes = decode_tlv(answer)
    return _text(value_of(nodes, 0x50)), decode_tag_lengths(value_of(nodes, 0x9F38))


def build_options_request(pdol: tuple[tuple[int, int], ...], today: date) -> bytes:
    """Return GET PROCESSING OPTIONS with what the PDOL asks for. Raises: WireFault when it asks for too much."""
    if sum(length for _, length in pdol) > MAX_PDOL:  # before anything is built: each entry may name 16 MB
        raise WireFault("emv", "PDOL")
    said = {**_TERMINAL, 0x9A: bytes.fromhex(f"{today:%y%m%d}")}
    data = b"".join(said.get(tag, b"")[:length].rjust(length, b"\0") for tag, length in pdol)
    return encode_command(Command(0x80, 0xA8, 0x00, 0x00, encode_tlv(0x83, data), 256))


def decode_options(answer: bytes) -> Options:
    """Return profile and file list, from either form of the answer (80 or 77). Raises: WireFault."""
    nodes = decode_tlv(answer)
    packed = value_of(nodes, 0x80)
    profile, files = (packed[:2], packed[2:]) if packed else (value_of(nodes, 0x82), value_of(nodes, 0x94))
    if len(profile) != 2 or len(files) % 4:
        raise WireFault("emv", "options")
    found = tuple(FileEntry(files[at] >> 3, files[at + 1], files[at + 2]) for at in range(0, len(files), 4))
    for one in found:
        if not (1 <= one.sfi <= 30 and 1 <= one.first <= one.last):
            raise WireFault("emv", "file list")
    if sum(one.last - one.first + 1 for one in found) > MAX_RECORDS:
        raise WireFault("emv", "file list")
    return Options(profile, found)


def decode_fields(records: Iterable[bytes]) -> Fields:
    """Return what is kept of the records. The number is masked here; track 2 is never kept. Raises: WireFault."""
    nodes = tuple(node for record in records for node in decode_tlv(record))
    number = value_of(nodes, 0x5A).hex()
    if not number:  # contactless cards often tell it in track 2 alone
        number = value_of(nodes, 0x57).hex().partition("d")[0]
    sequence = value_of(nodes, 0x5F34).hex()
    return Fields(
        masked_number=mask_number(Private(number.rstrip("f"))),
        sequence=sequence if len(sequence) == 2 and sequence.isdigit() else "",
        valid_until=_expiry(value_of(nodes, 0x5F24)),
        holder_name=Private(_text(value_of(nodes, 0x5F20))),
    )


def mask_number(number: Private[str]) -> str:
    """Return a card number's first six and last four digits, stars between. Raises: WireFault("emv") for no number."""
    digits = number.reveal()
    if not (digits.isascii() and digits.isdigit() and 12 <= len(digits) <= 19):
        raise WireFault("emv", "no card number")
    return digits[:KEPT_FRONT] + STAR * (len(digits) - KEPT_FRONT - KEPT_BACK) + digits[-KEPT_BACK:]


def _expiry(value: bytes) -> date | None:
    """Return the last day a card is good for: YYMMDD; some write day 00 for the end of the month."""
    digits = value.hex()
    if len(digits) != 6 or not digits.isdigit():
        return None
    year, month, day = 2000 + int(digits[:2]), int(digits[2:4]), int(digits[4:])
    if not 1 <= month <= 12:
        return None
    last = calendar.monthrange(year, month)[1]
    return date(year, month, min(day or last, last))


def _text(value: bytes) -> str:
    """Return the printable part of a text; cards fill with spaces, and Chinese issuers write GBK."""
    text = value.decode("gb18030", "replace").strip("\0 ")
    return text if text.isprintable() else ""
