"""A virtual bank card after EMV and PBOC. Numbers and names are invented; no cryptography is on it.

Variants: `even` (16 digits), `odd` (19 digits, F-padded as UnionPay does), `contactless` (PPSE, its number in
track 2 alone), `bare` (no directory), `blocked` (its first application is), `pdol` (wants to know the terminal),
`packed` (GPO in tag 77).
"""

from __future__ import annotations

import msgspec

from devices.api import WireFault
from devices.wire import emv
from devices.wire.apdu import Command, Response, decode_command, encode_response
from devices.wire.tlv import decode_tag_lengths, encode_tlv

CONTACT_ATR = bytes.fromhex("3B0842414E4B53494D31")  # T=0, eight historical bytes
CONTACTLESS_ATR = bytes.fromhex("3B80800101")  # as PC/SC part 3 makes it for a chip without historical bytes
EVEN, ODD = "6217003456781236", "6217001234567890122"
SFI_DIRECTORY, SFI_NUMBER, SFI_HOLDER = 1, 1, 2


class Account(msgspec.Struct, frozen=True):
    """What one virtual card holds."""

    number: str = EVEN
    expiry: str = "301231"
    name: str = "ZHANG/GUILAN"
    label: str = "UnionPay Debit"
    has_pse: bool = True
    has_ppse: bool = False
    only_track_2: bool = False
    is_first_blocked: bool = False
    pdol: bytes = b""
    is_packed: bool = False


ACCOUNTS: dict[str, Account] = {
    "even": Account(),
    "odd": Account(number=ODD),
    "contactless": Account(number=ODD, has_pse=False, has_ppse=True, only_track_2=True),
    "bare": Account(has_pse=False),
    "blocked": Account(is_first_blocked=True),
    "pdol": Account(pdol=bytes.fromhex("9F66049F02069F3704 9F1A02 5F2A02 9A03")),
    "packed": Account(is_packed=True),
}
VARIANTS = tuple(ACCOUNTS)


def make_chip(variant: str) -> Bank:
    """Return a card of one of the VARIANTS."""
    return Bank(ACCOUNTS[variant])


class Bank:
    """The chip: a directory, one or two applications, two files."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.atr = CONTACTLESS_ATR if account.has_ppse else CONTACT_ATR
        self._applications = emv.UNIONPAY[:2] if account.is_first_blocked else emv.UNIONPAY[:1]
        self.counter = 0  # application transactions: GPO advances it
        self.reset()

    def reset(self) -> None:
        """Forget what was selected."""
        self._selected = b""
        self._is_begun = False
        self._waiting = b""

    def answer(self, apdu: bytes) -> bytes:
        """Return data and status word."""
        try:
            command = decode_command(apdu)
        except WireFault:
            return b"\x67\x00"
        data, sw = self._do(command)
        if data and command.data and not command.expected:  # T=0: what answers a command with data is fetched
            self._waiting, data, sw = data, b"", 0x6100 | len(data)
        return encode_response(Response(data, sw))

    def _do(self, command: Command) -> tuple[bytes, int]:
        match (command.cla, command.ins):
            case (0x00, 0xA4):
                return self._select(command.data)
            case (0x00, 0xB2):
                return self._record(command.p1, command.p2 >> 3)
            case (0x80, 0xA8):
                return self._options(command.data)
            case (0x80, 0xCA):
                return b"", 0x6A88
            case (_, 0xC0):
                data, self._waiting = self._waiting, b""
                return data, 0x9000 if data else 0x6985
            case _:
                return b"", 0x6D00

    def _select(self, name: bytes) -> tuple[bytes, int]:
        account = self._account
        if (name == emv.PSE and account.has_pse) or (name == emv.PPSE and account.has_ppse):
            self._selected, self._is_begun = name, False
            inner = encode_tlv(0x88, bytes((SFI_DIRECTORY,))) if name == emv.PSE else self._entries(0xBF0C)
            return encode_tlv(0x6F, encode_tlv(0x84, name), encode_tlv(0xA5, inner)), 0x9000
        if name not in self._applications:
            return b"", 0x6A82
        if account.is_first_blocked and name == self._applications[0]:
            return b"", 0x6A81
        self._selected, self._is_begun = name, False
        pdol = encode_tlv(0x9F38, account.pdol) if account.pdol else b""
        about = encode_tlv(0x50, account.label.encode()) + encode_tlv(0x87, b"\x01") + pdol
        return encode_tlv(0x6F, encode_tlv(0x84, name), encode_tlv(0xA5, about, encode_tlv(0x5F2D, b"zh"))), 0x9000

    def _entries(self, tag: int) -> bytes:
        entries = (
            encode_tlv(
                0x61,
                encode_tlv(0x4F, name),
                encode_tlv(0x50, self._account.label.encode()),
                encode_tlv(0x87, bytes((at,))),
            )
            for at, name in enumerate(self._applications, 1)
        )
        return encode_tlv(tag, *entries)

    def _options(self, data: bytes) -> tuple[bytes, int]:
        if self._selected not in self._applications or self._is_begun:
            return b"", 0x6985
        wanted = sum(length for _, length in decode_tag_lengths(self._account.pdol))
        if data[:1] != b"\x83" or len(data) != wanted + 2:
            return b"", 0x6700
        self._is_begun = True
        self.counter += 1
        profile, files = b"\x3c\x00", bytes((SFI_NUMBER << 3, 1, 1, 0, SFI_HOLDER << 3, 1, 1, 0))
        if self._account.is_packed:
            return encode_tlv(0x77, encode_tlv(0x82, profile), encode_tlv(0x94, files)), 0x9000
        return encode_tlv(0x80, profile, files), 0x9000

    def _record(self, number: int, sfi: int) -> tuple[bytes, int]:
        if self._selected == emv.PSE and sfi == SFI_DIRECTORY:
            return (self._entries(0x70), 0x9000) if number == 1 else (b"", 0x6A83)
        if not self._is_begun:
            return b"", 0x6985
        account = self._account
        padded = account.number + "f" * (len(account.number) % 2)
        track = f"{account.number}d{account.expiry[:4]}201000000000"
        number_field = encode_tlv(0x5A, bytes.fromhex(padded))
        records = {
            (SFI_NUMBER, 1): (
                encode_tlv(0x57, bytes.fromhex(track + "f" * (len(track) % 2))),
                b"" if account.only_track_2 else number_field,
                encode_tlv(0x5F24, bytes.fromhex(account.expiry)),
                encode_tlv(0x5F34, b"\x01"),
            ),
            (SFI_HOLDER, 1): (encode_tlv(0x5F20, account.name.encode().ljust(26)), encode_tlv(0x9F61, b"\x30" * 18)),
        }
        found = records.get((sfi, number))
        return (encode_tlv(0x70, *found), 0x9000) if found else (b"", 0x6A83)
