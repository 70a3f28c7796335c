"""A page of a document scanner, straight and whole as it is: decoded, judged for ink alone, encoded by us."""

from __future__ import annotations

import time

import cv2
import numpy as np

from devices.api import Verdict
from devices.imaging import decode, output, quality
from devices.imaging.fields import Picture
from devices.imaging.pdf import capture_of
from devices.imaging.values import SheetRequest, TakeAnswer


def encode_sheet(data: bytes, request: SheetRequest) -> tuple[TakeAnswer, bytes]:
    """Return what there is to say of a scanned page (binary PNM bytes) and its JPEG or PDF. Raises: WireFault.

    A page without ink is told by its verdict and never refused: the back of a leaf is a page of the stack.
    """
    started = time.perf_counter()
    page = decode.decode_pnm(data)
    height, width = page.shape[:2]
    ink, least = quality.ink_percent(_small(page)), request.limits.ink_percent
    verdicts = (Verdict("blank", ink, least, ink >= least),)
    capture = capture_of(verdicts, request.dpi, "sheet", (width, height))
    body, picture_bytes = output.encode_page(
        page, capture, request.quality, as_pdf=request.as_pdf, is_grey=data[:2] == b"P5"
    )
    answer = TakeAnswer(
        width_px=width,
        height_px=height,
        outline=None,
        turn_deg=0,
        verdicts=verdicts,
        refused="",
        is_kept_despite=False,
        page_width_px=width,
        page_height_px=height,
        dpi=request.dpi,
        format="sheet",
        fingerprint=b"",
        ms={"encode": round(1000 * (time.perf_counter() - started), 1)},
        picture_bytes=picture_bytes,
        is_scale_known=True,
    )
    return answer, body


JUDGED_PX = 1600  # long side on which ink is counted: 130 dpi of an A4 still shows a full stop


def _small(page: Picture) -> Picture:
    scale = JUDGED_PX / max(page.shape[:2])
    if scale >= 1:
        return page
    size = (max(1, int(page.shape[1] * scale)), max(1, int(page.shape[0] * scale)))
    return np.asarray(cv2.resize(page, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
