"""What a receipt printer prints, and what it says of it."""

from __future__ import annotations

from typing import Literal

import msgspec

from devices.api.words import SupplyState


class StripLine(msgspec.Struct, frozen=True, tag="line"):
    """A line of text. `scale` 1 or 2 (double width and height)."""

    text: str
    scale: Literal[1, 2] = 1
    align: Literal["left", "center", "right"] = "left"
    is_bold: bool = False


class StripRule(msgspec.Struct, frozen=True, tag="rule"):
    """A dashed line across the paper."""


class StripCode(msgspec.Struct, frozen=True, tag="qr"):
    """A QR code, centred."""

    payload: str
    module_dots: int = 6


class StripGap(msgspec.Struct, frozen=True, tag="gap"):
    """Empty lines."""

    lines: int = 1


class StripPicture(msgspec.Struct, frozen=True, tag="picture"):
    """Dots across the paper: rows of whole bytes, most significant bit left, 1 = black."""

    width_px: int
    height_px: int
    data: bytes


class Strip(msgspec.Struct, frozen=True):
    """What a receipt printer prints, top to bottom; it ends with a cut."""

    parts: tuple[StripLine | StripRule | StripCode | StripGap | StripPicture, ...]
    width_columns: int = 48  # half-width characters of font A on 80 mm paper (576 dots / 12)


class Printed(msgspec.Struct, frozen=True):
    """A job the printer confirmed: the status asked for after the job was good."""

    lines: int
    ms: float
    supply: SupplyState
