"""A virtual social security card. Its layouts are those of reference/devices.md §6; people and numbers are invented."""

from __future__ import annotations

from collections.abc import Mapping

from devices.api import WireFault
from devices.wire import social
from devices.wire.apdu import Command, Response, decode_command, encode_response
from devices.wire.social import CardField, Field, HolderField, HolderRule

ATR = bytes.fromhex("3B0853534F4349414C31")  # T=0, eight historical bytes
PIN = "246810"
TRIES = 3

CARD: dict[CardField, str] = {
    CardField.IDENTIFICATION: "110105" + "0" * 10 + "0123456789ABCDEF",
    CardField.CARD_TYPE: "01",
    CardField.VERSION: "2.00",
    CardField.ORGANISATION: "915600000211010000000011",
    CardField.ISSUED_ON: "20190601",
    CardField.VALID_UNTIL: "20290601",
    CardField.CARD_NUMBER: "A12345678",
}
HOLDER: dict[HolderField, str] = {
    HolderField.ID_NUMBER: "11010519491231002X",
    HolderField.NAME: "张桂兰",
    HolderField.SEX: "2",
    HolderField.NATION: "01",
    HolderField.BIRTH_PLACE: "110105",
    HolderField.BIRTH_DATE: "19491231",
}
RULES = {
    "standard": HolderRule.NONE,
    "pin": HolderRule.PIN,
    "psam": HolderRule.PSAM,
    "backoffice": HolderRule.BACK_OFFICE,
    "old": HolderRule.NONE,
    "nameless": HolderRule.NONE,
}
VARIANTS = tuple(RULES)
PREFIXES = {"pin": "650102", "psam": "330106", "backoffice": "440103"}  # region of the card, where it is another
HOLDER_OF_PIN = {HolderField.ID_NUMBER: 1, HolderField.NAME: 2}  # the numbers one vendor program reads after the PIN


def make_chip(variant: str) -> Social:
    """Return a card of one of the VARIANTS."""
    card = dict(CARD)
    holder = dict(HOLDER)
    records = HOLDER_OF_PIN if variant == "pin" else social.HOLDER_RECORDS
    if variant in PREFIXES:
        card[CardField.IDENTIFICATION] = PREFIXES[variant] + card[CardField.IDENTIFICATION][6:]
    if variant == "old":  # version 1.00 without the fields that came later
        card[CardField.VERSION] = "1.00"
        del card[CardField.VALID_UNTIL], holder[HolderField.BIRTH_PLACE], holder[HolderField.BIRTH_DATE]
    if variant == "nameless":
        del holder[HolderField.NAME]
    return Social(card, holder, records, RULES[variant])


class Social:
    """The chip: two files of numbered records, the second one closed as its rule says."""

    atr = ATR

    def __init__(
        self,
        card: dict[CardField, str],
        holder: dict[HolderField, str],
        records: dict[HolderField, int],
        rule: HolderRule,
    ) -> None:
        self._files: dict[int, dict[int, bytes]] = {
            social.CARD_FILE: _records({social.CARD_RECORDS[field]: (field, text) for field, text in card.items()}),
            social.HOLDER_FILE: _records(
                {records[field]: (field, text) for field, text in holder.items() if field in records}
            ),
        }
        self._rule = rule
        self._tries = TRIES
        self.reset()

    def reset(self) -> None:
        """Forget what was selected and opened."""
        self._is_selected = False
        self._file = 0
        self._is_verified = False
        self._waiting = b""

    def answer(self, apdu: bytes) -> bytes:
        """Return data and status word."""
        try:
            command = decode_command(apdu)
        except WireFault:
            return b"\x67\x00"
        data, sw = self._do(command)
        return encode_response(Response(data, sw))

    def _do(self, command: Command) -> tuple[bytes, int]:
        match command.ins:
            case 0xA4 if command.p1 == 0x04:
                return self._select(command.data)
            case 0xA4:
                return self._select_file(int.from_bytes(command.data, "big"))
            case 0xC0:
                data, self._waiting = self._waiting, b""
                return data, 0x9000 if data else 0x6985
            case 0x20:
                return b"", self._verify(command.data)
            case 0xB2:
                return self._read(command)
            case _:
                return b"", 0x6D00

    def _select(self, name: bytes) -> tuple[bytes, int]:
        if name != social.AID:
            return b"", 0x6A82
        self.reset()
        self._is_selected = True
        self._waiting = bytes((0x6F, len(name) + 2, 0x84, len(name))) + name
        return b"", 0x6100 | len(self._waiting)  # a T=0 card has its answer fetched

    def _select_file(self, file: int) -> tuple[bytes, int]:
        if not self._is_selected or file not in self._files:
            return b"", 0x6A82
        self._file = file
        return b"", 0x9000

    def _verify(self, pin: bytes) -> int:
        if not self._tries:
            return 0x6983
        if pin != bytes.fromhex(PIN):
            self._tries -= 1
            return 0x63C0 | self._tries
        self._tries = TRIES
        self._is_verified = True
        return 0x9000

    def _read(self, command: Command) -> tuple[bytes, int]:
        by_sfi = {0x2C: social.CARD_FILE, 0x34: social.HOLDER_FILE}.get(command.p2)
        file = by_sfi or self._file
        if not self._is_selected or not file:
            return b"", 0x6985
        if file == social.HOLDER_FILE and not (self._rule is HolderRule.NONE or self._is_verified):
            return b"", 0x6982
        record = self._files[file].get(command.p1)
        if record is None:
            return b"", 0x6A83
        if command.expected != len(record):
            return b"", 0x6C00 | len(record)
        return record, 0x9000


def _records(fields: Mapping[int, tuple[Field, str]]) -> dict[int, bytes]:
    return {
        number: social.encode_record(number, social.encode_field(field, text))
        for number, (field, text) in fields.items()
    }
