"""A page as stored: encoded by us, nothing of the original file in it; writing in layers as PDF, pictures as JPEG."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from devices.imaging import mrc
from devices.imaging.fields import Picture
from devices.imaging.pdf import Capture, PdfPage, build_pdf, wrap_jpeg

SMALL_ENOUGH = 200_000  # bytes; larger layers are compared with plain JPEG


class Encoded(NamedTuple):
    """A page encoded. Where `picture_bytes` is not 0, so many bytes are a JPEG for the screen, and a PDF follows."""

    body: bytes
    picture_bytes: int


def encode_page(
    page: Picture,
    capture: Capture,
    quality: int = 80,
    *,
    is_paper: bool = True,
    as_pdf: bool = False,
    is_grey: bool = False,
) -> Encoded:
    """Return a clean page (h×w×3 BGR) in the form that suits what is on it.

    Writing becomes a PDF in layers, and the screen's picture shows those layers at half the size; a photograph, a
    card, a form full of colour stays one JPEG (of one channel where the page `is_grey`). `as_pdf` gives the PDF alone,
    of whatever it is.
    """
    split = mrc.split_page(page, capture.dpi) if is_paper else None
    pdf = build_pdf([PdfPage(split.layers, capture)]) if split is not None else b""
    if split is None or len(pdf) > SMALL_ENOUGH:
        jpeg = encode_jpeg(page[:, :, 0] if is_grey else page, capture.dpi, quality)
        if split is None or len(jpeg) < len(pdf):
            return Encoded(wrap_jpeg(jpeg, capture) if as_pdf else jpeg, 0)
    if as_pdf:
        return Encoded(pdf, 0)
    picture = encode_jpeg(split.shown, max(1, capture.dpi // 2), quality)
    return Encoded(picture + pdf, len(picture))


def encode_jpeg(page: Picture, dpi: int, quality: int = 80) -> bytes:
    """Return baseline JPEG bytes of a page (h×w×3 BGR) that say its dpi and nothing else about it."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
    done, data = cv2.imencode(".jpg", np.ascontiguousarray(page), options)
    if not done:
        raise ValueError("page cannot be encoded")
    return _with_density(data.tobytes(), dpi)


def _with_density(jpeg: bytes, dpi: int) -> bytes:
    """Write dots per inch into the JFIF header, which cv2 leaves at 1:1."""
    if jpeg[2:4] != b"\xff\xe0" or jpeg[6:11] != b"JFIF\0":
        raise ValueError("not a JFIF picture")
    density = dpi.to_bytes(2, "big")
    return jpeg[:13] + b"\x01" + density + density + jpeg[18:]
