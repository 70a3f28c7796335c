"""ESC/POS commands that we never send and other programs do: a printer obeys them, so the simulated one knows them.

Only their lengths, and what of them changes the picture. Source: the output of python-escpos 3.1 and receiptline 4.0.4.
"""

from __future__ import annotations

import msgspec

ESC, FS, GS = 0x1B, 0x1C, 0x1D

# (lead, letter) → bytes of parameters
LENGTHS: dict[tuple[int, int], int] = {
    (ESC, 0x20): 1,  # space between characters
    (ESC, 0x21): 1,  # print mode: bit 3 bold, 4 double height, 5 double width, 7 underlined
    (ESC, 0x24): 2,  # absolute position
    (ESC, 0x2D): 1,  # underline
    (ESC, 0x32): 0,  # usual line pitch
    (ESC, 0x33): 1,  # line pitch
    (ESC, 0x4D): 1,  # font
    (ESC, 0x52): 1,  # national characters
    (ESC, 0x5C): 2,  # relative position
    (ESC, 0x70): 3,  # drawer
    (ESC, 0x74): 1,  # code page
    (ESC, 0x7B): 1,  # upside down
    (FS, 0x2D): 1,  # underline of Chinese
    (FS, 0x43): 1,  # coding of Japanese
    (FS, 0x53): 2,  # space around Chinese
    (GS, 0x42): 1,  # white on black
    (GS, 0x4C): 2,  # left margin
    (GS, 0x57): 2,  # width of the print area
    (GS, 0x61): 1,  # automatic status
    (GS, 0x62): 1,  # smoothing
    (GS, 0x72): 1,  # status by ordinary command
}
FONT_SET = (FS, 0x28)  # FS ( … with a length of its own
PRINT_MODE = (ESC, 0x21)


class More(msgspec.Struct, frozen=True, tag="more"):
    """One such command."""

    lead: int
    letter: int
    parameters: bytes

    @property
    def mode(self) -> tuple[int, int, bool] | None:
        """Return (width, height, is_bold) where it is a print mode."""
        if (self.lead, self.letter) != PRINT_MODE:
            return None
        bits = self.parameters[0]
        return 1 + (bits >> 5 & 1), 1 + (bits >> 4 & 1), bool(bits & 8)


def encode_more(more: More) -> bytes:
    """Return its bytes."""
    return bytes((more.lead, more.letter)) + more.parameters


def take_more(data: bytes) -> tuple[More, int] | None:
    """Return the command at the beginning of `data` and its length; None when it has not all arrived.

    Raises: KeyError when it is none of these.
    """
    key = (data[0], data[1])
    if key == FONT_SET:
        length = 3 + int.from_bytes(data[3:5], "little")  # the function's letter and two bytes of length before it
        if len(data) < 5:
            return None
    else:
        length = LENGTHS[key]
    if len(data) < 2 + length:
        return None
    return More(*key, data[2 : 2 + length]), 2 + length
