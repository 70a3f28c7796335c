"""A page of writing in layers: ink as a bilevel mask, colour and tones as patches, the paper at 50 to 75 dpi.

Mixed raster content: each layer is encoded in the way that suits it, and drawn over the one before. Source of the
layers: reference/imaging.md §8; the last look (`missing`) is ours: what no layer shows becomes a patch.
"""

from __future__ import annotations

import io
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from devices.imaging.direction import letter_px
from devices.imaging.fields import Picture, shrink
from devices.imaging.ink import MM_PER_INCH, Kept, boxes_of, find_ink, find_kept, ink_colour, small_by
from devices.imaging.layers import Box, Layers, Patch

BACKGROUND_QUALITY = 45
PATCH_QUALITY = 72
MOST_PATCHED = 0.35  # of a page: beyond it the page is a picture, and one JPEG is smaller and truer
LEAST_PX = 400  # a smaller page gains nothing
LEAST_DPI = 108  # of 9-point signs 983 in 1000 are read at 130 (of the page itself 987), at 109 966, at 99 934 (954)
LEAST_LETTER_PX = 12.5  # a 9-point sign at 110 dpi: so large ones are read whatever dpi a guessed format makes of them
LEAST_INK = 0.0005  # of a page: with less on it, whatever faint thing there is stays in one picture
MISSING = 40  # levels by which the layers may differ from the page, seen at half its size
MISSING_SHARE = 26  # of 255: a place is lost where a tenth of it differs
STROKE = 24  # levels by which a thin thing is darker than what lies beside it, at half size: less is no ink
STROKE_PX = 7  # at half size: a stroke is thinner
AS_DARK = 8  # levels by which it may be lighter and is shown all the same
NEAR_PX = 13  # at a quarter of the size: strokes are told together where they stand that near
WRITTEN = 3.0  # levels of strokes, on the mean of a place: less is grain
HELD = 0.86  # of a page's strokes the layers show: of black print .88 to .98; where it is .83 thin strokes break
HELD_HERE = 0.75  # the same of a place: faint writing between black becomes a patch
EDGE_MM = 1.5  # where the desk shines through
ROWS_PER_STRIP, STRIP_OFFSETS, STRIP_BYTES = 278, 273, 279  # TIFF tags


class Split(NamedTuple):
    """The layers of a page, and the page as they show it at half its size (h×w×3 BGR)."""

    layers: Layers
    shown: Picture


class Strokes(NamedTuple):
    """How much thin dark writing there is about each pixel at a quarter of the size, and how much of it is shown."""

    there: npt.NDArray[np.float32]
    held: npt.NDArray[np.float32]


def split_page(page: Picture, dpi: int) -> Split | None:
    """Return a clean page (h×w×3 BGR) in layers, None where it is a picture rather than writing."""
    height, width = page.shape[:2]
    if min(height, width) < LEAST_PX:
        return None
    kept = find_kept(page, dpi)
    boxes = (*kept.tones, *kept.colours)
    if _area(boxes) > MOST_PATCHED * width * height:
        return None
    mask = find_ink(page, kept, dpi)
    if dpi < LEAST_DPI and letter_px(mask) < LEAST_LETTER_PX:
        return None
    if not boxes and cv2.countNonZero(mask) < LEAST_INK * width * height:
        return None
    colour = ink_colour(page, mask)
    by = small_by(dpi)
    ground = _background(page, mask, kept, by)
    half = halve(page)
    cover = halve(mask)
    shown = _paint(ground, cover, colour, (half.shape[1], half.shape[0]))
    strokes = find_strokes(half, shown, boxes, dpi, 255 - max(colour))
    if strokes.held.sum() < HELD * strokes.there.sum():
        return None
    missing = find_missing(half, shown, cover, boxes, strokes)
    for box in missing:
        mask[box.part] = 0  # broken and in the ink of the whole page, it would mar what the patch shows
    boxes += missing
    if _area(boxes) > MOST_PATCHED * width * height:
        return None
    for box in boxes:
        part = Box(box.x // 2, box.y // 2, box.w // 2, box.h // 2).part
        shown[part] = half[part]
    layers = Layers(
        width,
        height,
        _jpeg(ground, BACKGROUND_QUALITY),
        by,
        tuple(Patch(box, _jpeg(page[box.part], PATCH_QUALITY, is_fine=True)) for box in boxes),
        encode_g4(mask) if cv2.countNonZero(mask) else b"",
        (colour[2], colour[1], colour[0]),
    )
    return Split(layers, shown)


def halve(picture: Picture) -> Picture:
    """Return the picture averaged down to a half, an odd last row or column left out."""
    h, w = picture.shape[0] // 2, picture.shape[1] // 2
    return np.asarray(cv2.resize(picture[: 2 * h, : 2 * w], (w, h), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def find_strokes(page: Picture, shown: Picture, boxes: tuple[Box, ...], dpi: int, most: int) -> Strokes:
    """Return what is thin and dark on the page, and what of it the layers show, both given at half the size.

    A hairline in a broad faint stroke, and a blot where five strokes were, hold little of it. `most` levels below the
    paper is the page's ink: a bold heading that is darker still need not be shown darker.
    """
    was, now = (cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) for picture in (page, shown))
    kernel = np.ones((STROKE_PX, STROKE_PX), np.uint8)
    there, seen = (cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, kernel) for grey in (was, now))
    there = cv2.min(cv2.threshold(there, STROKE - 1, 255, cv2.THRESH_TOZERO)[1], float(most))
    for box in boxes:
        there[box.y // 2 : (box.y + box.h) // 2, box.x // 2 : (box.x + box.w) // 2] = 0
    edge = max(1, round(EDGE_MM / MM_PER_INCH * dpi / 2))
    there[:edge], there[-edge:], there[:, :edge], there[:, -edge:] = 0, 0, 0, 0
    held = cv2.min(there, seen)
    cv2.copyTo(there, cv2.compare(cv2.subtract(now, was), AS_DARK, cv2.CMP_LE), held)  # a stroke drawn too broad
    means = [
        cv2.blur(
            cv2.resize(part, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA).astype(np.float32), (NEAR_PX,) * 2
        )
        for part in (there, held)
    ]
    is_written = means[0] >= WRITTEN
    return Strokes(means[0] * is_written, means[1] * is_written)


def find_missing(
    page: Picture, shown: Picture, cover: Picture, boxes: tuple[Box, ...], strokes: Strokes
) -> tuple[Box, ...]:
    """Return the places (px of the full page) where the layers do not show what the page shows, all at half size.

    Faint pencil, a pale stamp, a fine screen: neither dark enough for ink nor coarse enough for the background.
    Beside ink (`cover`, 0–255) a stroke's soft edge differs, and should; whether it is a stroke still, `strokes` say.
    """
    lost = cv2.absdiff(cv2.cvtColor(page, cv2.COLOR_BGR2GRAY), cv2.cvtColor(shown, cv2.COLOR_BGR2GRAY))
    lost[cv2.dilate(cover, np.ones((5, 5), np.uint8)) > 0] = 0
    for box in boxes:
        lost[box.y // 2 : (box.y + box.h) // 2, box.x // 2 : (box.x + box.w) // 2] = 0
    marks = cv2.resize(cv2.inRange(lost, MISSING, 255), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    gone = cv2.inRange(cv2.blur(marks, (9, 9)), MISSING_SHARE, 255)
    gone[strokes.held < HELD_HERE * strokes.there] = 255
    return boxes_of(np.asarray(gone, np.uint8), (2 * page.shape[1], 2 * page.shape[0]))


def encode_g4(mask: npt.NDArray[np.uint8]) -> bytes:
    """Return a mask (h×w, ink where it is not 0) as one CCITT group 4 strip, ink coded as black. libtiff does it."""
    height, width = mask.shape
    bits = Image.frombytes("1", (width, height), np.packbits(mask > 0, axis=1).tobytes())
    file = io.BytesIO()
    bits.save(file, "TIFF", compression="group4", tiffinfo={ROWS_PER_STRIP: height})
    with Image.open(io.BytesIO(file.getvalue())) as written:
        tags = written.tag_v2  # type: ignore[attr-defined]
        (start,), (count,) = tags[STRIP_OFFSETS], tags[STRIP_BYTES]
    return file.getvalue()[start : start + count]


def _background(page: Picture, mask: npt.NDArray[np.uint8], kept: Kept, by: int) -> Picture:
    """Return the page shrunk `by` without ink and patches, the gaps filled from the paper around them."""
    paper = cv2.bitwise_not(cv2.dilate(mask, np.ones((3, 3), np.uint8)))
    for box in (*kept.tones, *kept.colours):
        paper[box.part] = 0
    share = shrink(np.asarray(paper, np.uint8), by)
    seen = shrink(np.asarray(cv2.copyTo(page, paper), np.uint8), by)
    filled = cv2.divide(seen, cv2.merge([share] * 3), scale=255)
    size = (max(1, share.shape[1] // 4), max(1, share.shape[0] // 4))
    near = cv2.blur(cv2.resize(share, size, interpolation=cv2.INTER_AREA), (7, 7)).astype(np.float32)
    around = cv2.blur(cv2.resize(seen, size, interpolation=cv2.INTER_AREA), (7, 7)).astype(np.float32)
    around *= 255 / np.maximum(near, 1)[:, :, None]
    around[near < 6] = 255
    wide = cv2.resize(np.clip(around, 0, 255).astype(np.uint8), share.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.copyTo(wide, cv2.compare(share, 77, cv2.CMP_LT), filled), dtype=np.uint8)


def _paint(ground: Picture, cover: Picture, colour: tuple[int, int, int], size: tuple[int, int]) -> Picture:
    """Return the background at `size` with ink over it, as much as `cover` (0–255) says."""
    paper = cv2.resize(ground, size, interpolation=cv2.INTER_LINEAR)
    strength = cv2.merge([cover] * 3)
    ink = (np.arange(256)[:, None] * np.array(colour) // 255).astype(np.uint8)[None]
    behind = cv2.multiply(paper, cv2.bitwise_not(strength), scale=1 / 255)
    return np.asarray(cv2.add(behind, cv2.LUT(strength, ink)), dtype=np.uint8)


def _area(boxes: tuple[Box, ...]) -> int:
    return sum(box.w * box.h for box in boxes)


def _jpeg(picture: Picture, quality: int, is_fine: bool = False) -> bytes:
    """Return baseline JPEG bytes; `is_fine` keeps colour at full resolution, or a seal's thin signs would bleed."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
    if is_fine:
        options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    done, data = cv2.imencode(".jpg", np.ascontiguousarray(picture), options)
    if not done:
        raise ValueError("a part of a page cannot be encoded")
    return bytes(data.tobytes())
