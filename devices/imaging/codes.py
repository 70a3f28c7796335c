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
    """Return the codes on a page made straight (h×w×3 BGR), those nearest to its middle first; corners in its px."""
    scale = min(1.0, math.sqrt(MAX_PIXELS / (page.shape[0] * page.shape[1])))
    if scale == 1:
        return find_codes(page).codes
    small = cv2.resize(page, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return tuple(_enlarged(code, 1 / scale) for code in find_codes(np.asarray(small, dtype=np.uint8)).codes)


def find_codes(picture: Picture) -> CodesAnswer:
    """Return the codes on a picture (h×w×3 BGR)."""
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    found = zxingcpp.read_barcodes(
        grey, formats=zxingcpp.barcode_formats_from_str(_FORMATS), text_mode=zxingcpp.TextMode.Plain
    )
    known = [_code(one) for one in found if one.valid and one.format in _SYMBOLOGIES]
    fit = (one for one in known if 0 < len(one.text) <= MAX_CODE_CHARS and len(one.text.encode()) <= MAX_BYTES)
    good = sorted(fit, key=lambda one: _off(one, grey.shape[:2]))
    kept = tuple(good[:MAX_CODES])
    return CodesAnswer(kept, len(known) - len(kept))


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
