"""A page as stored: encoded by us, nothing of the original file in it."""

from __future__ import annotations

import cv2
import numpy as np

from devices.imaging.fields import Picture


def encode_jpeg(page: Picture, dpi: int, quality: int = 80) -> bytes:
    """Return baseline JPEG bytes of a page (h×w×3 BGR) that say its dpi and nothing else about it."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
    done, data = cv2.imencode(".jpg", np.ascontiguousarray(page), options)
    if not done:
        raise ValueError("page cannot be encoded")
    return _with_density(data.tobytes(), dpi)


def encode_pdf(jpeg: bytes) -> bytes:
    """Return a one-page PDF in true size that wraps the JPEG unchanged: equal pages give equal bytes."""
    import datetime  # img2pdf costs 150 ms: only who makes a PDF pays

    import img2pdf

    fixed = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
    data = img2pdf.convert(jpeg, creationdate=fixed, moddate=fixed, producer="", nodate=True)
    return bytes(data)


def _with_density(jpeg: bytes, dpi: int) -> bytes:
    """Write dots per inch into the JFIF header, which cv2 leaves at 1:1."""
    if jpeg[2:4] != b"\xff\xe0" or jpeg[6:11] != b"JFIF\0":
        raise ValueError("not a JFIF picture")
    density = dpi.to_bytes(2, "big")
    return jpeg[:13] + b"\x01" + density + density + jpeg[18:]
