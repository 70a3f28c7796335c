"""What a document scanner is asked for and what it gives back."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from devices.api.values import Page

MM_PER_INCH = 25.4
MAX_SCAN_BYTES = 60_000_000  # raw pixels of one page on their way to the eye: A4 in colour up to 400 dpi


class ScanSource(StrEnum):
    """Where the papers lie."""

    FLATBED = "flatbed"
    FEEDER = "feeder"


class ScanMode(StrEnum):
    """What is kept of a paper's colours."""

    GRAY = "gray"
    COLOUR = "colour"


class ScanSettings(msgspec.Struct, frozen=True):
    """How papers are scanned. A scanner takes the next finer resolution it has, its whole bed where that is smaller.

    Raises: ValueError for a page whose raw pixels would pass MAX_SCAN_BYTES, or no page at all.
    """

    source: ScanSource = ScanSource.FLATBED
    mode: ScanMode = ScanMode.COLOUR
    dpi: int = 300
    most_pages: int = 20  # of one stack; the flatbed gives one
    width_mm: int = 210
    height_mm: int = 297

    def __post_init__(self) -> None:
        if not (50 <= self.dpi <= 1200 and 1 <= self.most_pages <= 100):
            raise ValueError(
                f"scan {self.dpi} dpi, {self.most_pages} pages: allowed are 50 to 1200 dpi, 1 to 100 pages"
            )
        if not (10 <= self.width_mm <= 300 and 10 <= self.height_mm <= 500):
            raise ValueError(f"scan {self.width_mm}×{self.height_mm} mm: allowed are 10×10 to 300×500 mm")
        if self.size_bytes(self.dpi) > MAX_SCAN_BYTES:
            raise ValueError(f"scan {self.dpi} dpi: {self.size_bytes(self.dpi)} bytes a page, allowed {MAX_SCAN_BYTES}")

    def size_bytes(self, dpi: int) -> int:
        """Return what one page's raw pixels take at `dpi`."""
        signs = 3 if self.mode is ScanMode.COLOUR else 1
        return int(self.width_mm * self.height_mm * (dpi / MM_PER_INCH) ** 2 * signs)


class Scanned(msgspec.Struct, frozen=True):
    """The pages that came through whole. `stopped_by` is "" where all did, else the code of what ended the stack.

    A jam under the third sheet leaves two good pages and `mediaJammed`; who asked must say so, never call it complete.
    """

    pages: tuple[Page, ...]
    stopped_by: str = ""
