"""What readers and cameras give back."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Literal

import msgspec

from devices.api.codes import Code
from devices.api.private import Private


class CardKind(StrEnum):
    """Layout of the text record, by its type mark (reference/devices.md §4.6)."""

    RESIDENT = "R"
    RESIDENCE_PERMIT = "J"
    FOREIGNER_2017 = "I"
    FOREIGNER_2023 = "Y"


class IdCard(msgspec.Struct, frozen=True):
    """One identity card as its chip tells it. Codes stay as on the card."""

    kind: CardKind
    name: Private[str]
    id_number: Private[str]
    sex: str  # GB/T 2261.1 code, one character
    nation: str  # GB/T 3304 code, two characters; "" where the layout has none
    birth_date: Private[date]
    address: Private[str]
    authority: str
    valid_from: date | None
    valid_until: date | None  # None together with is_permanent means 长期
    is_permanent: bool = False
    photo: Private[bytes] = Private(b"")  # WLT bytes, never decoded here
    extra_addresses: tuple[Private[str], ...] = ()
    english_name: Private[str] = Private("")
    nationality: str = ""  # three letters, cards I and Y
    permit_number: Private[str] = Private("")  # of the travel permit behind a residence permit, card J
    former_number: Private[str] = Private("")  # of the 2017 card that a card Y replaces


class Verdict(msgspec.Struct, frozen=True):
    """One quality gate's answer. `gate` is a key of reference/imaging.md §5."""

    gate: str
    value: float
    limit: float
    ok: bool


class Page(msgspec.Struct, frozen=True):
    """One captured page, encoded by us, with no word of the original file. `dpi` is the captured one.

    What is kept and sent is `stored`: the PDF where there is one, and then `jpeg` shows it on the screen at half the
    size; else the JPEG itself. `sha256` is of what is stored.
    """

    material: str
    index: int
    jpeg: Private[bytes]
    width_px: int
    height_px: int
    dpi: int
    verdicts: tuple[Verdict, ...]
    sha256: str
    is_kept_despite: bool = False  # refused three times and kept, marked for review
    pdf: Private[bytes] = Private(b"")
    looks_like: str = ""  # MATERIAL/INDEX of an earlier page of the visit that this one shows once more
    codes: tuple[Code, ...] = ()  # what stands on it in code, read where the material may have one
    side: Literal["", "front", "back"] = ""  # of a resident ID card, where it is certain
    thumbnail: Private[bytes] = Private(b"")  # a small JPEG for a list of pages, empty where none was made

    @property
    def stored(self) -> Private[bytes]:
        """Return the page as it is kept and sent."""
        return self.pdf if self.pdf.reveal() else self.jpeg

    @property
    def mime(self) -> str:
        """Return the media type of what is stored."""
        return "application/pdf" if self.pdf.reveal() else "image/jpeg"


Corners = tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]


class Preview(msgspec.Struct, frozen=True):
    """What the eye sees now. Corners in pixels of the preview, clockwise from the top left."""

    number: int
    width_px: int
    height_px: int
    gate: str  # the gate that speaks (imaging.md §5); "" = good, "taken" = this page was taken already
    corners: Corners | None = None
    score: float = 0.0
    stable_frames: int = 0
    is_ready: bool = False  # auto-capture may fire now
