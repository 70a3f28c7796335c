"""Pictures from outside made pixels of a stated shape, or a refusal."""

from __future__ import annotations

import os
import re
from typing import Literal, cast

import cv2
import numpy as np
import numpy.typing as npt

from devices.api import MAX_SCAN_BYTES, WireFault
from devices.imaging.container import (
    KINDS,
    MAX_PIXELS,
    MAX_SIDE_PX,
    SIZES,
    Header,
    open_picture,
    size_text,
    too_large,
)

Picture = npt.NDArray[np.uint8]
Reduction = Literal[1, 2, 4]
_FLAGS = {1: cv2.IMREAD_COLOR, 2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4}
_PNM_HEAD = re.compile(rb"(P[56])\s+(?:#[^\n]*\n\s*)*([0-9]{1,5})\s+([0-9]{1,5})\s+255\s")


def read_header(data: bytes) -> Header:
    """Return type, size and turn of a JPEG or PNG, of nothing that a decoder would not take. Raises: WireFault."""
    return open_picture(data).header


def decode_picture(data: bytes, reduction: Reduction = 1) -> tuple[Picture, Header]:
    """Return h×w×3 uint8 BGR, turned upright by its EXIF orientation, and the header.

    Shape: each side divided by `reduction`, rounded up. Raises: WireFault as open_picture, and for what cv2 refuses.
    """
    header, body = open_picture(data)
    inner = reduction if header.kind == "jpeg" else 1  # a JPEG is decoded small, a PNG made small
    shape = (-(-header.height_px // inner), -(-header.width_px // inner), 3)
    picture = _decoded(body, shape, _FLAGS[inner] | cv2.IMREAD_IGNORE_ORIENTATION)
    if picture is None or picture.dtype != np.uint8 or picture.ndim != 3:
        raise WireFault("not_a_picture", f"cannot be decoded; allowed is {KINDS}")
    if picture.shape != shape:
        raise WireFault("not_a_picture", "its size is not what its header says")
    if inner != reduction:
        size = (-(-header.width_px // reduction), -(-header.height_px // reduction))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return _upright(picture, header.orientation), header


def _decoded(body: bytes, shape: tuple[int, int, int], flags: int) -> Picture | None:
    """Return the pixels, None where cv2 finds none. Raises: WireFault.

    cv2 fills memory of ours only where it reads a file; of bytes it would make a second picture and copy it.
    """
    pixels = np.zeros(shape, np.uint8)
    with open(os.memfd_create("picture", os.MFD_CLOEXEC), "wb") as file:  # noqa: PTH123  no path
        file.write(body)
        file.flush()
        try:
            return cast("Picture | None", cv2.imread(f"/proc/self/fd/{file.fileno()}", pixels, flags))
        except cv2.error as error:
            raise WireFault("not_a_picture", f"cannot be decoded; allowed is {KINDS}") from error


def decode_pnm(data: bytes) -> Picture:
    """Return h×w×3 uint8 BGR of a binary PNM (P5 grey, P6 RGB; 8 bits a sample), as document scanners' pages come.

    Nothing is guessed: the header's size must be the file's. Raises: WireFault as open_picture.
    """
    found = _PNM_HEAD.match(data[:200])
    if found is None or len(data) > MAX_SCAN_BYTES:
        code = "not_a_picture" if found is None else "picture_too_large"
        raise WireFault(code, f"allowed is binary PNM of 8 bits, at most {MAX_SCAN_BYTES} bytes")
    signs = 3 if found[1] == b"P6" else 1
    width, height = int(found[2]), int(found[3])
    if not (0 < width <= MAX_SIDE_PX and 0 < height <= MAX_SIDE_PX and width * height <= MAX_PIXELS):
        raise too_large(size_text(width, height), SIZES)
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
