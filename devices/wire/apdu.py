"""Commands to a chip card and its answers, ISO 7816-4: short and extended.

Source: ISO/IEC 7816-3 §12.1 (cases 1 to 4, S and E); reference/devices.md §5.
"""

from __future__ import annotations

from typing import Any

import msgspec

from devices.api import WireFault

DONE = 0x9000
MORE = 0x61  # SW1: the rest waits, SW2 bytes of it
WRONG_LENGTH = 0x6C  # SW1: ask again with Le = SW2
SHORT = 256
EXTENDED = 65536


class Command(msgspec.Struct, frozen=True):
    """One command. `expected` is how many bytes may come back at most; 0 asks for none."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = b""
    expected: int = 0

    def __repr__(self) -> str:  # its data may be a PIN
        return f"Command({self.cla:02X}{self.ins:02X}{self.p1:02X}{self.p2:02X}, {len(self.data)} bytes)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("ins", f"{self.ins:02X}"), ("bytes", len(self.data))]


class Response(msgspec.Struct, frozen=True):
    """One answer: data and the status word."""

    data: bytes
    sw: int

    def __repr__(self) -> str:  # its data may be anything of a person
        return f"Response({len(self.data)} bytes, {self.sw:04X})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("bytes", len(self.data)), ("sw", f"{self.sw:04X}")]


def encode_command(command: Command) -> bytes:
    """Return the command's bytes, in the short form wherever it is enough. Raises: WireFault("command")."""
    head = (command.cla, command.ins, command.p1, command.p2)
    if not all(0 <= byte < 256 for byte in head):
        raise WireFault("command", "a header byte")
    length, expected = len(command.data), command.expected
    if length >= EXTENDED or not 0 <= expected <= EXTENDED:
        raise WireFault("command", "length")
    found = bytes(head)
    if length < SHORT and expected <= SHORT:
        found += bytes((length,)) + command.data if length else b""
        return found + (bytes((expected % SHORT,)) if expected else b"")
    found += b"\0"
    found += length.to_bytes(2, "big") + command.data if length else b""
    return found + ((expected % EXTENDED).to_bytes(2, "big") if expected else b"")


def decode_command(data: bytes) -> Command:
    """Return the command that `data` is. Raises: WireFault("command")."""
    if len(data) < 4:
        raise WireFault("command", f"{len(data)} bytes")
    cla, ins, p1, p2 = data[:4]
    body = data[4:]
    if len(body) <= 1:
        return Command(cla, ins, p1, p2, b"", (body[0] or SHORT) if body else 0)
    is_extended = body[0] == 0 and len(body) >= 3
    width, most = (2, EXTENDED) if is_extended else (1, SHORT)
    rest = body[1:] if is_extended else body
    length = int.from_bytes(rest[:width], "big")
    if is_extended and len(rest) == width:
        return Command(cla, ins, p1, p2, b"", length or most)
    content, le = rest[width : width + length], rest[width + length :]
    if not length or len(content) != length or len(le) not in (0, width):
        raise WireFault("command", "its length does not fit")
    return Command(cla, ins, p1, p2, content, (int.from_bytes(le, "big") or most) if le else 0)


def encode_response(response: Response) -> bytes:
    """Return the answer's bytes."""
    return response.data + response.sw.to_bytes(2, "big")


def decode_response(data: bytes) -> Response:
    """Return the answer that `data` is. Raises: WireFault("response")."""
    if len(data) < 2:
        raise WireFault("response", f"{len(data)} bytes")
    return Response(data[:-2], int.from_bytes(data[-2:], "big"))


def without_expected(apdu: bytes) -> bytes:
    """Return the command as a T=0 card takes it: one with data names no Le, its answer is fetched.

    Raises: WireFault("command").
    """
    command = decode_command(apdu)
    if command.data and 0 < command.expected <= SHORT and len(command.data) < SHORT:
        return apdu[:-1]
    return apdu


def with_expected(apdu: bytes, expected: int) -> bytes:
    """Return the command asking for `expected` bytes. Raises: WireFault("command")."""
    command = decode_command(apdu)
    return encode_command(Command(command.cla, command.ins, command.p1, command.p2, command.data, expected or SHORT))


def build_select(name: bytes, p2: int = 0x00, expected: int = 0) -> bytes:
    """Return SELECT by application name."""
    return encode_command(Command(0x00, 0xA4, 0x04, p2, name, expected))


def build_read_record(number: int, p2: int, expected: int = SHORT) -> bytes:
    """Return READ RECORD; `p2` is SFI << 3 | 4, or 04 for the selected file."""
    return encode_command(Command(0x00, 0xB2, number, p2, b"", expected))
