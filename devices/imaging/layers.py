"""A page of writing taken apart, as plain values: what is drawn over what, and where."""

from __future__ import annotations

from typing import NamedTuple


class Box(NamedTuple):
    """A part of a page in px: left, top, width, height."""

    x: int
    y: int
    w: int
    h: int

    @property
    def part(self) -> tuple[slice, slice]:
        """Return the rows and columns inside."""
        return slice(self.y, self.y + self.h), slice(self.x, self.x + self.w)


class Patch(NamedTuple):
    """A part of the page kept as a colour JPEG at full resolution."""

    box: Box
    jpeg: bytes


class Layers(NamedTuple):
    """One page of `width_px` × `height_px`, drawn in this order: background over all of it, patches, ink."""

    width_px: int
    height_px: int
    background: bytes  # JPEG; empty: white
    shrink: int = 1  # px of the page a pixel of the background is wide
    patches: tuple[Patch, ...] = ()
    ink: bytes = b""  # CCITT G4 of the whole page, ink coded as black; empty where there is none
    colour: tuple[int, int, int] = (0, 0, 0)  # of the ink, RGB
