"""Pictures from outside: what is refused before a decoder sees it, and pixels of a stated shape after."""

from __future__ import annotations

import re
import struct
from typing import Literal, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from devices.api import MAX_SCAN_BYTES, WireFault

MAX_BYTES = 20_000_000  # reference/imaging.md §12
MAX_PIXELS = 40_000_000
MAX_SIDE_PX = 20_000
ALLOWED = "JPEG or PNG, at most 20 MB, 40 megapixels and 20000 px a side"

Picture = npt.NDArray[np.uint8]
Reduction = Literal[1, 2, 4]
_FLAGS = {1: cv2.IMREAD_COLOR, 2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4}
_PNM_HEAD = re.compile(rb"(P[56])\s+(?:#[^\n]*\n\s*)*([0-9]{1,5})\s+([0-9]{1,5})\s+255\s")
_PNG = b"\x89PNG\r\n\x1a\n"
_FRAME_MARKERS = frozenset((0xC0, 0xC1, 0xC2))  # baseline, extended, progressive; no lossless, no arithmetic coding


class Header(NamedTuple):
    """What a picture says of itself before it is decoded; `orientation` is EXIF's 1–8."""

    kind: Literal["jpeg", "png"]
    width_px: int
    height_px: int
    orientation: int


def read_header(data: bytes) -> Header:
    """Return type and size from the first bytes.

    Raises: WireFault("not_a_picture") for another type or a broken header, WireFault("picture_too_large")
    beyond the limits, WireFault("picture_truncated") where a JPEG lacks its end marker.
    """
    if len(data) > MAX_BYTES:
        raise WireFault("picture_too_large", f"{len(data)} bytes; allowed is {ALLOWED}")
    if data[:8] == _PNG:
        header = _png_header(data)
    elif data[:3] == b"\xff\xd8\xff":
        header = _jpeg_header(data)
    else:
        raise WireFault("not_a_picture", f"allowed is {ALLOWED}")
    w, h = header.width_px, header.height_px
    if not (0 < w <= MAX_SIDE_PX and 0 < h <= MAX_SIDE_PX and w * h <= MAX_PIXELS):
        raise WireFault("picture_too_large", f"{w}×{h} px; allowed is {ALLOWED}")
    return header


def decode_picture(data: bytes, reduction: Reduction = 1) -> tuple[Picture, Header]:
    """Return h×w×3 uint8 BGR, turned upright by its EXIF orientation, and the header.

    Shape: each side divided by `reduction`, rounded up. Raises: WireFault as read_header, and for what cv2 refuses.
    """
    header = read_header(data)
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), _FLAGS[reduction] | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        raise WireFault("not_a_picture", f"cannot be decoded; allowed is {ALLOWED}") from error
    if picture is None or picture.dtype != np.uint8 or picture.ndim != 3:
        raise WireFault("not_a_picture", f"cannot be decoded; allowed is {ALLOWED}")
    expected = (-(-header.height_px // reduction), -(-header.width_px // reduction))
    if picture.shape[:2] != expected:
        raise WireFault("not_a_picture", "its size is not what its header says")
    return _upright(picture, header.orientation), header


def decode_pnm(data: bytes) -> Picture:
    """Return h×w×3 uint8 BGR of a binary PNM (P5 grey, P6 RGB; 8 bits a sample), as document scanners' pages come.

    Nothing is guessed: the header's size must be the file's. Raises: WireFault as read_header.
    """
    found = _PNM_HEAD.match(data[:200])
    if found is None or len(data) > MAX_SCAN_BYTES:
        code = "not_a_picture" if found is None else "picture_too_large"
        raise WireFault(code, f"allowed is binary PNM of 8 bits, at most {MAX_SCAN_BYTES} bytes")
    signs = 3 if found[1] == b"P6" else 1
    width, height = int(found[2]), int(found[3])
    if not (0 < width <= MAX_SIDE_PX and 0 < height <= MAX_SIDE_PX and width * height <= MAX_PIXELS):
        raise WireFault("picture_too_large", f"{width}×{height} px; allowed is {ALLOWED}")
    if len(data) - found.end() != width * height * signs:
        raise WireFault("picture_truncated", "its size is not what its header says")
    picture = np.frombuffer(data, np.uint8, offset=found.end()).reshape(height, width, signs)
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR if signs == 3 else cv2.COLOR_GRAY2BGR), dtype=np.uint8)


def stored_point(x: float, y: float, header: Header) -> tuple[float, float]:
    """Return where a point of the upright picture lies in the picture as stored (both in full-resolution px)."""
    w, h = header.width_px - 1, header.height_px - 1
    return {
        1: (x, y),
        2: (w - x, y),
        3: (w - x, h - y),
        4: (x, h - y),
        5: (y, x),
        6: (y, h - x),
        7: (w - y, h - x),
        8: (w - y, x),
    }[header.orientation]


TURN_OF_ORIENTATION = {1: 0, 2: 0, 3: 180, 4: 180, 5: 90, 6: 90, 7: 270, 8: 270}  # degrees clockwise to upright


def _upright(picture: Picture, orientation: int) -> Picture:
    if orientation in (2, 5, 7):
        picture = cv2.flip(picture, 1)
    elif orientation == 4:
        picture = cv2.flip(picture, 0)
    turns = {3: cv2.ROTATE_180, 5: cv2.ROTATE_90_COUNTERCLOCKWISE, 6: cv2.ROTATE_90_CLOCKWISE}
    turns |= {7: cv2.ROTATE_90_CLOCKWISE, 8: cv2.ROTATE_90_COUNTERCLOCKWISE}
    return np.asarray(cv2.rotate(picture, turns[orientation]) if orientation in turns else picture, dtype=np.uint8)


def _png_header(data: bytes) -> Header:
    if len(data) < 33 or data[12:16] != b"IHDR":
        raise WireFault("not_a_picture", "a PNG without its header")
    width, height = struct.unpack(">II", data[16:24])
    if b"IEND" not in data[-16:]:
        raise WireFault("picture_truncated", "a PNG without its end")
    return Header("png", width, height, 1)


def _jpeg_header(data: bytes) -> Header:
    """Walk the segments up to the first scan; libjpeg fills in what is missing, so the end marker is ours to check."""
    orientation, at = 1, 2
    size: tuple[int, int] | None = None
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            raise WireFault("not_a_picture", "a JPEG whose segments do not follow each other")
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if length < 2:
            raise WireFault("not_a_picture", "a JPEG segment without a length")
        body = data[at + 4 : at + 2 + length]
        if marker in _FRAME_MARKERS and len(body) >= 6:
            size = (int.from_bytes(body[3:5], "big"), int.from_bytes(body[1:3], "big"))
        elif marker == 0xE1 and body[:6] == b"Exif\0\0":
            orientation = _exif_orientation(body[6:])
        elif marker == 0xDA:
            break
        at += 2 + length
    if size is None:
        raise WireFault("not_a_picture", "a JPEG without a frame header we know")
    if data.find(b"\xff\xd9", at) < 0:  # cannot occur inside a scan; cameras append trailers after it
        raise WireFault("picture_truncated", "a JPEG without its end marker")
    return Header("jpeg", *size, orientation)


def _exif_orientation(tiff: bytes) -> int:
    """Return the orientation tag of a TIFF header, 1 where there is none or it makes no sense."""
    order: Literal["little", "big"] = "little" if tiff[:2] == b"II" else "big"
    start = int.from_bytes(tiff[4:8], order)
    count = int.from_bytes(tiff[start : start + 2], order)
    for number in range(min(count, 64)):
        entry = tiff[start + 2 + 12 * number : start + 14 + 12 * number]
        if len(entry) == 12 and int.from_bytes(entry[:2], order) == 0x0112:
            value = int.from_bytes(entry[8:10], order)
            return value if 1 <= value <= 8 else 1
    return 1
