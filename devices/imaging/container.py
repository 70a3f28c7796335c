"""A picture file before a decoder sees it: what it says of itself, and the parts of it that hold pixels.

A decoder is handed nothing else: no profile, no comment, no second picture, no bytes after the end. What costs more
than a picture of paper may cost is refused by arithmetic alone. Nothing here imports cv2.
"""

from __future__ import annotations

import re
import struct
from typing import Literal, NamedTuple

from devices.api import WireFault

MAX_BYTES = 20_000_000  # reference/imaging.md §12
MAX_PIXELS = 40_000_000
MAX_SIDE_PX = 20_000
MAX_HELD_PIXELS = 16_000_000  # several scans, interlaced, 16 bits: the decoder holds coefficients beside the picture
MAX_SCANS = 100  # encoders write 1 to 20
MAX_WORK = 320_000_000  # pixels × scans: each scan passes over the whole picture; 10 scans of 16 MP, twice
MAX_PARTS = 20_000  # segments or chunks: a PNG of 20 MB in pieces of 1 kB
LEAST_SIDE_PX = 16  # one line of the smallest writing
MOST_LONG = 200  # times as long as wide: an A4's length is then 1.5 mm wide, and no reader of PDF takes a third of that
KINDS = "JPEG or PNG"
BYTES = f"at most {MAX_BYTES // 1_000_000} MB"
SIZES = f"at most {MAX_PIXELS // 1_000_000} megapixels and {MAX_SIDE_PX} px a side"
HELD_SIZES = (
    f"at most {MAX_HELD_PIXELS // 1_000_000} megapixels where progressive, in several scans, interlaced or of 16 bits"
)
PARTS = f"at most {MAX_PARTS} segments or chunks"


class Header(NamedTuple):
    """What a picture says of itself before it is decoded; `orientation` is EXIF's 1–8."""

    kind: Literal["jpeg", "png"]
    width_px: int
    height_px: int
    orientation: int


def least_side(header: Header) -> int:
    """Return how many px a side a picture of that length must have for a page to be made of it."""
    return max(LEAST_SIDE_PX, -(-max(header.width_px, header.height_px) // MOST_LONG))


class Container(NamedTuple):
    """A file opened: what it says, and a file of the same kind that holds its pixels and nothing else."""

    header: Header
    body: bytes


def open_picture(data: bytes) -> Container:
    """Return what a JPEG or PNG says of itself and its bare body; the type is told by the first bytes alone.

    Raises: WireFault("not_a_picture") for another type, kind of coding or a broken structure,
    WireFault("picture_too_large") beyond the limits, WireFault("picture_truncated") where the end or data are missing.
    """
    if len(data) > MAX_BYTES:
        raise too_large(f"more than {MAX_BYTES} bytes", BYTES)
    if data[:8] == _PNG:
        return _open_png(data)
    if data[:3] == b"\xff\xd8\xff":
        return _open_jpeg(data)
    raise _no_picture("another type of file" if data else "an empty file")


# ── JPEG ─────────────────────────────────────────────────────────────────────────────────────────

_MARKER = re.compile(rb"\xff++([^\xff])")  # with its fill bytes, looked at once
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # neither a stuffed byte nor a restart
_JFIF = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
_BASELINE, _EXTENDED, _PROGRESSIVE = 0xC0, 0xC1, 0xC2
_TABLES = frozenset((0xC4, 0xDB, 0xDD))  # Huffman, quantisation, restart interval
_OTHER_CODING = frozenset(range(0xC3, 0xD0)) - {0xC4}  # lossless, hierarchical, arithmetic
_BARE = frozenset((0x00, 0x01, *range(0xD0, 0xD9)))  # markers without a length: none may stand between segments


class _Frame(NamedTuple):
    is_progressive: bool
    width: int
    height: int
    blocks: dict[int, int]  # component id → 8×8 blocks, at least


def _open_jpeg(data: bytes) -> Container:
    """Walk all segments and scans; libjpeg fills in what is missing, so the end marker is ours to check."""
    kept, frame, orientation, scans, parts, at = [b"\xff\xd8"], None, 0, 0, 0, 2
    while True:
        marker, start = _marker_at(data, at)
        if marker == 0xD9:
            break
        end = _segment_end(data, marker, start)
        body = data[start + 2 : end]
        at, parts = end, parts + 1
        if parts > MAX_PARTS:
            raise too_large(f"more than {MAX_PARTS} parts", PARTS)
        if marker in (_BASELINE, _EXTENDED, _PROGRESSIVE) and frame is None:
            frame = _jpeg_frame(marker, body)
        elif marker in _OTHER_CODING or marker in (_BASELINE, _EXTENDED, _PROGRESSIVE):
            raise _no_picture("a JPEG that is lossless, hierarchical, of arithmetic coding, or two in one")
        elif marker == 0xDA:
            scans += 1
            at = _scan_end(data, end)
            _check_scan(frame, body, scans, at - end)
            end = at
        elif marker == 0xE0 and body[:5] == b"JFIF\0":
            kept.append(_JFIF)
            continue
        elif marker == 0xE1 and body[:6] == b"Exif\0\0":
            orientation = orientation or _exif_orientation(body[6:])
            continue
        elif marker not in _TABLES and not (marker == 0xEE and body[:5] == b"Adobe" and len(body) == 12):
            continue
        kept.append(b"\xff" + data[start - 1 : end])
    if frame is None or not scans:
        raise _no_picture("a JPEG without a frame and a scan that we know")
    kept.append(b"\xff\xd9")
    return Container(Header("jpeg", frame.width, frame.height, orientation or 1), b"".join(kept))


def _marker_at(data: bytes, at: int) -> tuple[int, int]:
    """Return the marker that stands at `at` and where what it marks begins."""
    found = _MARKER.match(data, at)
    if found is None:
        if at >= len(data) or data[at:].strip(b"\xff") == b"":
            raise WireFault("picture_truncated", "a JPEG without its end marker")
        raise _no_picture("a JPEG whose segments do not follow each other")
    marker = found[1][0]
    if marker in _BARE:
        raise _no_picture("a JPEG whose segments do not follow each other")
    return marker, found.end()


def _segment_end(data: bytes, marker: int, start: int) -> int:
    length = int.from_bytes(data[start : start + 2], "big")
    if len(data) < start + 2 or start + length > len(data):
        raise WireFault("picture_truncated", "a JPEG segment that is cut off")
    if length < 2:
        raise _no_picture("a JPEG segment without a length")
    return start + length


def _scan_end(data: bytes, start: int) -> int:
    """Return where the coded data of a scan end: the next marker cannot occur inside them."""
    found = _AFTER_SCAN.search(data, start)
    if found is None:
        raise WireFault("picture_truncated", "a JPEG without its end marker")
    return found.start()


def _jpeg_frame(marker: int, body: bytes) -> _Frame:
    if len(body) < 6 or body[5] not in (1, 3, 4) or len(body) != 6 + 3 * body[5]:
        raise _no_picture("a JPEG without a frame header we know")
    if body[0] != 8:
        raise _no_picture(f"a JPEG of {body[0]} bits")
    height, width = struct.unpack(">HH", body[1:5])
    _check_size(width, height)
    parts = [(body[at], body[at + 1] >> 4, body[at + 1] & 15) for at in range(6, len(body), 3)]
    most_x, most_y = max(x for _, x, _ in parts), max(y for _, _, y in parts)
    if not all(1 <= x <= 4 and 1 <= y <= 4 for _, x, y in parts):
        raise _no_picture("a JPEG with wrong sampling")
    blocks = {name: -(-width * x // (8 * most_x)) * -(-height * y // (8 * most_y)) for name, x, y in parts}
    return _Frame(marker == _PROGRESSIVE, width, height, blocks)


def _check_scan(frame: _Frame | None, head: bytes, number: int, size_bytes: int) -> None:
    """Refuse a scan before its frame, one too many, and a first one with fewer data than its blocks must have."""
    if frame is None or len(head) < 4 or len(head) != 4 + 2 * head[0]:
        raise _no_picture("a JPEG scan without its frame")
    names, pixels = head[1 : 1 + 2 * head[0] : 2], frame.width * frame.height
    if not all(name in frame.blocks for name in names):
        raise _no_picture("a JPEG scan of another frame")
    is_held = frame.is_progressive or len(names) < len(frame.blocks)
    if is_held and pixels > MAX_HELD_PIXELS:
        how = "progressive" if frame.is_progressive else "in several scans"
        raise too_large(f"{size_text(frame.width, frame.height)}, {how}", HELD_SIZES)
    most_work = MAX_WORK * (1 if is_held else 2)
    if number > MAX_SCANS or number * pixels > most_work:
        most = f"at most {MAX_SCANS} scans, and {most_work // 1_000_000} megapixels in all of them together"
        raise too_large(f"{number} scans or more of {size_text(frame.width, frame.height)}", most)
    least_bits = 1 if frame.is_progressive else 2  # a difference and an end of block take a bit each at the least
    if number == 1 and 8 * size_bytes < least_bits * sum(frame.blocks[name] for name in names):
        raise WireFault("picture_truncated", "a JPEG with fewer data than its size needs")


# ── PNG ──────────────────────────────────────────────────────────────────────────────────────────

_PNG = b"\x89PNG\r\n\x1a\n"
_IEND = b"\x00\x00\x00\x00IEND\xae\x42\x60\x82"
_SIGNS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # samples a pixel, by colour type
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_MOST_DEFLATED = 1032  # a deflate stream cannot grow by more


def _open_png(data: bytes) -> Container:
    """Walk all chunks; of an animated one the still picture is taken. Checksums are the decoder's to check."""
    kept, header, orientation, packed, parts, at = [_PNG], b"", 0, 0, 0, 8
    while True:
        if at + 12 > len(data) and not header:
            raise _no_picture("a PNG without its header")
        length, name = struct.unpack(">I4s", data[at : at + 8]) if at + 12 <= len(data) else (0, b"")
        end, parts = at + 12 + length, parts + 1
        if end > len(data):
            raise WireFault("picture_truncated", "a PNG without its end")
        if parts > MAX_PARTS:
            raise too_large(f"more than {MAX_PARTS} parts", PARTS)
        if bool(header) is (name == b"IHDR"):
            raise _no_picture("a PNG without its header, or with two")
        if name == b"IEND":
            break
        if name == b"IHDR":
            header = data[at + 8 : end - 4]
        elif name == b"IDAT":
            packed += length
        elif name == b"eXIf":
            orientation = orientation or _exif_orientation(data[at + 8 : end - 4])
        elif name != b"PLTE" and not name[0] & 0x20:
            raise _no_picture("a PNG of a kind we do not know")
        if name in (b"IHDR", b"PLTE", b"IDAT"):
            kept.append(data[at:end])
        at = end
    width, height = _check_png(header, packed)
    kept.append(_IEND)
    return Container(Header("png", width, height, orientation or 1), b"".join(kept))


def _check_png(header: bytes, packed: int) -> tuple[int, int]:
    """Return width and height. `packed` counts the bytes of compressed data."""
    if len(header) != 13:
        raise _no_picture("a PNG without its header")
    width, height, depth, colour, *methods, interlace = struct.unpack(">IIBBBBB", header)
    if depth not in _DEPTHS.get(colour, ()) or methods != [0, 0] or interlace not in (0, 1):
        raise _no_picture("a PNG of a kind we do not know")
    _check_size(width, height)
    if (depth == 16 or interlace) and width * height > MAX_HELD_PIXELS:
        how = " and ".join(filter(None, ("interlaced" if interlace else "", "of 16 bits" if depth == 16 else "")))
        raise too_large(f"{size_text(width, height)}, {how}", HELD_SIZES)
    rows = height * (1 + width * _SIGNS[colour] * depth // 8)
    if not interlace and packed * _MOST_DEFLATED < rows:
        raise WireFault("picture_truncated", "a PNG with fewer data than its size needs")
    return width, height


# ── both ─────────────────────────────────────────────────────────────────────────────────────────


def _check_size(width: int, height: int) -> None:
    if not (width and height):
        raise _no_picture("a picture without pixels")
    if max(width, height) > MAX_SIDE_PX or width * height > MAX_PIXELS:
        raise too_large(size_text(width, height), SIZES)


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


def _no_picture(why: str) -> WireFault:
    return WireFault("not_a_picture", f"{why}; allowed is {KINDS}")


def too_large(found: str, allowed: str) -> WireFault:
    """Return the fault that says what was found and what is allowed instead."""
    return WireFault("picture_too_large", f"{found}; allowed is {allowed}")


def size_text(width_px: int, height_px: int) -> str:
    """Return a size as limits are told."""
    return f"{width_px}×{height_px} px ({width_px * height_px / 1e6:.1f} megapixels)"
