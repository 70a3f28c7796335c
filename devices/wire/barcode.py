"""Bytes of a serial code scanner ↔ codes: text in the scanner's charset, ended by a suffix or by silence. Pure.

Source: reference/devices.md §13; scanners add CR, LF, CR LF or nothing, as they were set up.
"""

from __future__ import annotations

from enum import StrEnum

from devices.api import MAX_CODE_CHARS, WireFault

CHARSETS = ("utf-8", "gb18030", "ascii")
MAX_BYTES = 4 * MAX_CODE_CHARS  # what 1,024 characters take at most, in each of the charsets


class Suffix(StrEnum):
    """What ends a code."""

    ANY = "any"  # CR, LF or CR LF, whichever comes
    CR = "cr"
    LF = "lf"
    CRLF = "crlf"
    NONE = "none"  # silence alone


_ENDS = {Suffix.CR: b"\r", Suffix.LF: b"\n", Suffix.CRLF: b"\r\n", Suffix.NONE: b""}


class Decoder:
    """Cuts what arrives into codes. Feed it bytes, tell it of silence; it never holds more than MAX_BYTES.

    A code beyond that is dropped up to its end and counted in `too_long`; one that silence cut off before its suffix
    is dropped and counted in `cut`. `flood` is how many bytes have come since the last end.
    """

    def __init__(self, suffix: Suffix = Suffix.ANY) -> None:
        self._suffix = suffix
        self._data = bytearray()
        self._last = -1
        self.too_long = self.cut = self.flood = 0

    @property
    def is_midway(self) -> bool:
        """Whether a code has begun and not ended."""
        return self.flood > 0

    def feed(self, data: bytes) -> tuple[bytes, ...]:
        """Return the codes that are complete now; empty ones (a suffix alone) are none."""
        codes: list[bytes] = []
        for byte in data:
            ends, self._last = self._is_end(byte), byte
            if ends:
                self._finish(codes)
                continue
            self.flood += 1
            if len(self._data) <= MAX_BYTES:
                self._data.append(byte)
        return tuple(codes)

    def silence(self) -> tuple[bytes, ...]:
        """Return the code that silence ends, where that is what ends one; else what has begun is dropped."""
        codes: list[bytes] = []
        if self._suffix is Suffix.NONE:
            self._finish(codes)
        elif self.flood:
            self.cut += 1
            self._forget()
        return tuple(codes)

    def _is_end(self, byte: int) -> bool:
        match self._suffix:
            case Suffix.NONE:
                return False
            case Suffix.ANY:
                return byte in b"\r\n"
            case Suffix.CRLF:
                ends = byte == 0x0A and self._last == 0x0D
                if ends:
                    self.flood -= 1
                    if self._data.endswith(b"\r"):  # of one that is too long, it is among what was dropped
                        del self._data[-1]
                return ends
        return byte == _ENDS[self._suffix][0]

    def _finish(self, codes: list[bytes]) -> None:
        if len(self._data) > MAX_BYTES:
            self.too_long += 1
        elif self._data:
            codes.append(bytes(self._data))
        self._forget()

    def _forget(self) -> None:
        self._data.clear()
        self.flood = 0


def decode_code(data: bytes, charset: str = "utf-8") -> str:
    """Return the text of one code. Raises: WireFault("code_charset" | "code_too_long"), never with the text in it."""
    try:
        text = data.decode(charset)
    except UnicodeDecodeError as error:
        raise WireFault("code_charset", f"not {charset}") from error
    if not 0 < len(text) <= MAX_CODE_CHARS:
        raise WireFault("code_too_long", f"{len(text)} characters")
    return text


def encode_code(text: str, suffix: Suffix = Suffix.ANY, charset: str = "utf-8") -> bytes:
    """Return what a scanner sends for a code. Raises: WireFault where the charset has no such character."""
    try:
        return text.encode(charset) + _ENDS.get(suffix, b"\r\n")
    except UnicodeEncodeError as error:
        raise WireFault("code_charset", f"not in {charset}") from error
