"""Both sides of an ID card, taken at the counter, as one A4 page in true size."""

from __future__ import annotations

import hashlib

from msgspec.structs import replace

from devices.api import Page, Private


def join_sides(front: Page, back: Page) -> Page:
    """Return the page that is sealed: front above back, neither picture encoded again, the worse dpi of the two."""
    from devices.imaging.pdf import A4_MM, MM_PER_INCH, capture_of, join_card  # no pixels are opened here

    dpi = min(front.dpi, back.dpi)
    verdicts = (*front.verdicts, *back.verdicts)
    data = join_card(front.jpeg.reveal(), back.jpeg.reveal(), capture_of(verdicts, dpi, "card", (0, 0)))
    width, height = (round(side * dpi / MM_PER_INCH) for side in A4_MM)
    return replace(
        front,
        index=min(front.index, back.index),
        pdf=Private(data),
        width_px=width,
        height_px=height,
        dpi=dpi,
        verdicts=verdicts,
        sha256=hashlib.sha256(data).hexdigest(),
        is_kept_despite=front.is_kept_despite or back.is_kept_despite,
        looks_like="",
        side="",
    )
