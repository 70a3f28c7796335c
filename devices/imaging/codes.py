"""Bar codes and QR codes on a picture, in the eye's process alone. What a code says is handed on, never followed."""

from __future__ import annotations

import math

import cv2
import msgspec
import numpy as np
import zxingcpp

from devices.api import MAX_CODE_CHARS, Symbology
from devices.imaging import decode
from devices.imaging.fields import Picture
from devices.imaging.values import CodesAnswer, FoundCode

MAX_CODES = 8  # on one picture: a form has one or two, a price list may have a hundred
MAX_PIXELS = 4_000_000  # codes held before a camera fill it, an A4 has 200 dpi; more pixels only cost time
CLOSING_PX = 41  # wider than the darkest part of a code: three modules of 13 px, a bar of four of 10
MAX_BYTES = 2953  # what the largest QR code holds: reference/imaging.md §9

_SYMBOLOGIES = {
    zxingcpp.BarcodeFormat.QRCode: Symbology.QR,
    zxingcpp.BarcodeFormat.Code128: Symbology.CODE128,
    zxingcpp.BarcodeFormat.EAN13: Symbology.EAN13,
    zxingcpp.BarcodeFormat.PDF417: Symbology.PDF417,
    zxingcpp.BarcodeFormat.DataMatrix: Symbology.DATA_MATRIX,
}
_FORMATS = "QRCode,Code128,EAN13,PDF417,DataMatrix"


def read_codes(data: bytes) -> CodesAnswer:
    """Return the codes on a picture (JPEG or PNG bytes), those nearest to its middle first. Raises: WireFault."""
    header = decode.read_header(data)
    picture, _ = decode.decode_picture(data, _reduction(header.width_px * header.height_px))
    return find_codes(picture)


def on_page(page: Picture) -> tuple[FoundCode, ...]:
    """Return the codes on a page made straight (h×w×3 BGR), those nearest to its middle first; corners in its px.

    Where none is found a shadow may hide one: the page is read once more without its shadows.
    """
    scale = min(1.0, math.sqrt(MAX_PIXELS / (page.shape[0] * page.shape[1])))
    small = page if scale == 1 else cv2.resize(page, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
    found = _found(grey).codes or _found(_without_shadows(grey)).codes
    return found if scale == 1 else tuple(_enlarged(code, 1 / scale) for code in found)


def find_codes(picture: Picture) -> CodesAnswer:
    """Return the codes on a picture (h×w×3 BGR)."""
    return _found(np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), dtype=np.uint8))


def _found(grey: Picture) -> CodesAnswer:
    found = zxingcpp.read_barcodes(
        grey, formats=zxingcpp.barcode_formats_from_str(_FORMATS), text_mode=zxingcpp.TextMode.Plain
    )
    known = [_code(one) for one in found if one.valid and one.format in _SYMBOLOGIES]
    fit = (one for one in known if 0 < len(one.text) <= MAX_CODE_CHARS and len(one.text.encode()) <= MAX_BYTES)
    good = sorted(fit, key=lambda one: _off(one, grey.shape[:2]))
    kept = tuple(good[:MAX_CODES])
    return CodesAnswer(kept, len(known) - len(kept))


def _without_shadows(grey: Picture) -> Picture:
    """Return the picture divided by its paper's brightness, however hard a shadow's edge is.

    A closing takes away what is dark and narrower than CLOSING_PX, the code, and leaves a step where it is.
    """
    soft = cv2.GaussianBlur(grey, (0, 0), 0.6)
    paper = cv2.morphologyEx(soft, cv2.MORPH_CLOSE, np.ones((CLOSING_PX, CLOSING_PX), np.uint8))
    return np.asarray(cv2.divide(soft, paper, scale=255), dtype=np.uint8)


def _reduction(pixels: int) -> decode.Reduction:
    if pixels <= MAX_PIXELS:
        return 1
    return 2 if pixels <= 4 * MAX_PIXELS else 4


def _code(found: zxingcpp.Barcode) -> FoundCode:
    at = found.position
    corners = tuple((float(p.x), float(p.y)) for p in (at.top_left, at.top_right, at.bottom_right, at.bottom_left))
    return FoundCode(found.text, _SYMBOLOGIES[found.format], corners)  # type: ignore[arg-type]


def _enlarged(code: FoundCode, by: float) -> FoundCode:
    corners = tuple(((x + 0.5) * by - 0.5, (y + 0.5) * by - 0.5) for x, y in code.corners)
    return msgspec.structs.replace(code, corners=corners)


def _off(code: FoundCode, shape: tuple[int, ...]) -> float:
    x = sum(point[0] for point in code.corners) / 4 - shape[1] / 2
    y = sum(point[1] for point in code.corners) / 4 - shape[0] / 2
    return math.hypot(x, y)
