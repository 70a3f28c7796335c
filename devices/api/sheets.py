"""What an A4 printer prints, and what it says of it."""

from __future__ import annotations

import msgspec

from devices.api.private import Private
from devices.api.words import SupplyState


class Sheet(msgspec.Struct, frozen=True):
    """A document for an A4 printer. Its content may be personal, its title is not: queues and logs show it."""

    title: str  # a word of ours, such as `material-list`: small letters, digits, hyphens
    pdf: Private[bytes]
    pages: int
    copies: int = 1
    is_duplex: bool = False


class SheetPrinted(msgspec.Struct, frozen=True):
    """A job whose state became *completed*. `pages` counts those sent, all copies together."""

    pages: int
    ms: float
    supply: SupplyState
