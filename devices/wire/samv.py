"""SAM-V: the wire of resident ID card readers. Frames, commands, results and the data of each answer, both ways.

Source: reference/devices.md §4; the text record stands in `samv_records`, its codes in `samv_codes`.
Pure; the only error is WireFault.
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct as Layout

import msgspec

from devices.api import WireFault
from devices.wire.samv_records import RECORD_BYTES, decode_text, encode_text

PREAMBLE = bytes.fromhex("AA AA AA 96 69")
LENGTH_END = 7  # preamble and LEN
MIN_LEN, MAX_LEN = 3, 4096
PHOTO_BYTES = 1024  # WLT; proprietary, never decoded here (§4.9)
ADDRESS_BYTES = 70
MAX_ADDRESSES = 4


class Command(IntEnum):
    """CMD and PARA as one number."""

    RESET = 0x10FF
    STATUS = 0x11FF
    SAM_ID = 0x12FF
    FIND = 0x2001
    SELECT = 0x2002
    READ = 0x3001  # text and photo
    READ_ADDRESSES = 0x3003
    READ_NUMBER = 0x3005  # the card's management number
    READ_FINGERPRINT = 0x3010  # text, photo and fingerprint
    MAX_RF_FRAME = 0x61FF


class Result(IntEnum):
    """SW3, every one a source names; a word for each is in MEANINGS."""

    SUCCESS = 0x90
    CARD_FOUND = 0x9F
    NO_CARD = 0x80
    SELECT_FAILED = 0x81
    NOTHING_APPENDED = 0x91
    CHECKSUM = 0x10
    LENGTH = 0x11
    COMMAND = 0x21
    NOT_PERMITTED = 0x23
    UNKNOWN = 0x24
    SELF_TEST = 0x60
    CARD_REFUSED_SAM = 0x31
    SAM_REFUSED_CARD = 0x32
    NOT_VERIFIED = 0x33
    CARD_TYPE = 0x40
    READ_FAILED = 0x41
    RANDOM = 0x47
    NOT_AUTHORISED = 0x66


MEANINGS: dict[int, str] = {
    0x90: "success",
    0x9F: "card_found",
    0x80: "no_card",
    0x81: "select_failed",
    0x91: "nothing_appended",
    0x10: "checksum_received",
    0x11: "length_received",
    0x21: "command_received",  # sources disagree: bad parameter, or command error
    0x23: "not_permitted",
    0x24: "unknown_error",
    0x31: "card_refused_sam",
    0x32: "sam_refused_card",
    0x33: "not_verified",
    0x40: "card_type",
    0x41: "read_failed",
    0x47: "random_number",
    0x60: "self_test",
    0x66: "not_authorised",
}


class Request(msgspec.Struct, frozen=True):
    """What the terminal asks. `command` may be a number that Command does not list."""

    command: int
    data: bytes = b""


class Answer(msgspec.Struct, frozen=True):
    """What the reader answers."""

    sw3: int
    data: bytes = b""
    sw1: int = 0
    sw2: int = 0

    @property
    def meaning(self) -> str:
        """Return a closed word for SW3; an unlisted one keeps its byte: `sw3_5a`."""
        return MEANINGS.get(self.sw3, f"sw3_{self.sw3:02x}")


class CardData(msgspec.Struct, frozen=True):
    """The blocks of one read: 256 bytes of text, the photo, and a fingerprint or nothing. Repr tells only lengths."""

    text: bytes
    photo: bytes
    fingerprint: bytes = b""

    def __repr__(self) -> str:
        return f"CardData({len(self.text)}, {len(self.photo)}, {len(self.fingerprint)} bytes)"


class ManagementNumber(msgspec.Struct, frozen=True):
    """The card's own numbers, not its owner's."""

    iin: bytes
    sn: bytes
    dn: bytes


# ── frames ─────────────────────────────────────────────────────────────────────────────────


def encode_request(request: Request) -> bytes:
    """Return the frame of a request. Raises: WireFault if it does not fit."""
    if not 0 <= request.command <= 0xFFFF:
        raise WireFault("command", f"{request.command:x}")
    return _encode_frame(request.command.to_bytes(2, "big") + request.data)


def encode_answer(answer: Answer) -> bytes:
    """Return the frame of an answer. Raises: WireFault if it does not fit."""
    try:
        head = bytes((answer.sw1, answer.sw2, answer.sw3))
    except ValueError as error:
        raise WireFault("result") from error
    return _encode_frame(head + answer.data)


def decode_request(payload: bytes) -> Request:
    """Return the request in a frame's payload. Raises: WireFault if it is shorter than CMD and PARA."""
    if len(payload) < 2:
        raise WireFault("request_short")
    return Request(int.from_bytes(payload[:2], "big"), payload[2:])


def decode_answer(payload: bytes) -> Answer:
    """Return the answer in a frame's payload. Raises: WireFault if it is shorter than SW1 SW2 SW3."""
    if len(payload) < 3:
        raise WireFault("answer_short")
    return Answer(payload[2], payload[3:], payload[0], payload[1])


class Decoder:
    """Finds frames in whatever arrives: in pieces, several at once, with noise before, between and inside."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.rejected = 0  # frames that began well and were wrong

    def feed(self, data: bytes) -> tuple[bytes, ...]:
        """Take bytes; return the payloads (between LEN and CHK) of the frames that are complete now."""
        self._buffer += data
        found = []
        while (payload := self._take(is_last=False)) is not None:
            found.append(payload)
        return tuple(found)

    def flush(self) -> tuple[bytes, ...]:
        """Return the payloads found when nothing more will come, and forget the rest.

        A frame that never came to its end is dropped like a wrong one, and what it swallowed is searched.
        """
        found = []
        while (payload := self._take(is_last=True)) is not None:
            found.append(payload)
        self._buffer.clear()
        return tuple(found)

    def _take(self, is_last: bool) -> bytes | None:
        buffer = self._buffer
        while True:
            start = buffer.find(PREAMBLE)
            if start < 0:
                del buffer[: max(0, len(buffer) - len(PREAMBLE) + 1)]
                return None
            del buffer[:start]
            length = int.from_bytes(buffer[len(PREAMBLE) : LENGTH_END], "big")
            is_whole = len(buffer) >= LENGTH_END + length
            if len(buffer) < LENGTH_END or (MIN_LEN <= length <= MAX_LEN and not is_whole):
                if not is_last:
                    return None
            elif MIN_LEN <= length <= MAX_LEN and _xor(buffer[len(PREAMBLE) : LENGTH_END + length]) == 0:
                payload = bytes(buffer[LENGTH_END : LENGTH_END + length - 1])
                del buffer[: LENGTH_END + length]
                return payload
            self.rejected += 1
            del buffer[: len(PREAMBLE)]  # only the preamble: a good frame may stand inside the bad one


def _encode_frame(payload: bytes) -> bytes:
    length = len(payload) + 1
    if length > MAX_LEN:
        raise WireFault("frame_long", f"{length} bytes")
    body = length.to_bytes(2, "big") + payload
    return PREAMBLE + body + bytes((_xor(body),))


def _xor(data: bytes | bytearray) -> int:
    found = 0
    for byte in data:
        found ^= byte
    return found


# ── the data of the answers ────────────────────────────────────────────────────────────────


def decode_card_data(data: bytes, has_fingerprint: bool) -> CardData:
    """Return the blocks of a 30 01 answer, or of a 30 10 answer when `has_fingerprint`.

    Shape: text length, photo length [, fingerprint length], each two bytes big-endian; then the blocks.
    Raises: WireFault if the lengths do not add up.
    """
    heads = 3 if has_fingerprint else 2
    lengths = [int.from_bytes(data[2 * at : 2 * at + 2], "big") for at in range(heads)]
    if len(data) < 2 * heads or len(data) != 2 * heads + sum(lengths) or lengths[0] != RECORD_BYTES:
        raise WireFault("card_lengths")
    text_end = 2 * heads + lengths[0]
    photo_end = text_end + lengths[1]
    return CardData(data[2 * heads : text_end], data[text_end:photo_end], data[photo_end:])


def encode_card_data(card: CardData, has_fingerprint: bool) -> bytes:
    """Return the data of a 30 01 or 30 10 answer. Raises: WireFault if a block cannot be there."""
    if len(card.text) != RECORD_BYTES or (card.fingerprint and not has_fingerprint):
        raise WireFault("card_lengths")
    blocks = (card.text, card.photo, card.fingerprint)[: 3 if has_fingerprint else 2]
    if max(map(len, blocks)) > MAX_LEN:
        raise WireFault("card_lengths")
    return b"".join(len(block).to_bytes(2, "big") for block in blocks) + b"".join(blocks)


def decode_addresses(data: bytes) -> tuple[str, ...]:
    """Return the appended addresses of a 30 03 answer, at most four. Raises: WireFault."""
    if len(data) % ADDRESS_BYTES or len(data) > MAX_ADDRESSES * ADDRESS_BYTES:
        raise WireFault("address_lengths")
    return tuple(decode_text(data[at : at + ADDRESS_BYTES]) for at in range(0, len(data), ADDRESS_BYTES))


def encode_addresses(addresses: tuple[str, ...]) -> bytes:
    """Return the data of a 30 03 answer. Raises: WireFault if there are too many or one is too long."""
    if len(addresses) > MAX_ADDRESSES:
        raise WireFault("address_lengths")
    return b"".join(encode_text(address, ADDRESS_BYTES) for address in addresses)


_SAM_ID = Layout("<HHIII")


def decode_sam_id(data: bytes) -> str:
    """Return the reader's SAM id as it is printed: `05.01-20200115-0000123456-0305419896`. Raises: WireFault."""
    if len(data) != _SAM_ID.size:
        raise WireFault("sam_id_length")
    return "{:02d}.{:02d}-{:08d}-{:010d}-{:010d}".format(*_SAM_ID.unpack(data))


def encode_sam_id(text: str) -> bytes:
    """Return the 16 bytes of a printed SAM id. Raises: WireFault if it is not one."""
    try:
        head, *rest = text.split("-")
        numbers = [int(part) for part in (*head.split("."), *rest)]
        return _SAM_ID.pack(*numbers)
    except Exception as error:  # ValueError, struct.error: whatever is not five numbers that fit
        raise WireFault("sam_id_text") from error


_NUMBER = (4, 8, 16)  # IIN, SN, DN


def decode_management_number(data: bytes) -> ManagementNumber:
    """Return the card's management number of a 30 05 answer. Raises: WireFault."""
    if len(data) != sum(_NUMBER):
        raise WireFault("number_length")
    return ManagementNumber(data[:4], data[4:12], data[12:])


def encode_management_number(number: ManagementNumber) -> bytes:
    """Return the data of a 30 05 answer. Raises: WireFault if a part has another length."""
    parts = (number.iin, number.sn, number.dn)
    if tuple(map(len, parts)) != _NUMBER:
        raise WireFault("number_length")
    return b"".join(parts)
