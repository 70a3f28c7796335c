"""A strip laid out on the paper: rows, rules and codes become ESC/POS operations, cut into slices.

A row that holds a character the printer's font lacks goes out as one picture of the whole row, so that columns
still line up. Source: reference/devices.md §9.1 and §9.3 (text mode; raster only for rare characters).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator

import msgspec

from devices.api import Strip, StripCode, StripLine, StripPicture, StripRule, WireFault
from devices.wire import escpos
from devices.wire.escpos import COLUMN_DOTS, LINE_DOTS, Align, Operation

GETA = "〓"  # the printer's own mark for a character nobody has
SLICE_BYTES = 512  # a quarter of a second at 19200
SLICE_ROWS = 8
BAND_ROWS = 16  # of a picture: a good kilobyte at full width
QR_LEVEL_M = 49  # a slip is folded and carried in a pocket
QR_CAPACITY = (14, 26, 42, 62, 84, 106, 122, 152, 180, 213, 251, 287, 331)  # bytes at level M, versions 1 to 13
CLOSERS = "，。、；：？！）】》〉」』”’％,.;:?!)]}%"
OPENERS = "（【《〈「『“‘([{"
_ALIGN = {"left": Align.LEFT, "center": Align.CENTER, "right": Align.RIGHT}


class Bitmap(msgspec.Struct, frozen=True):
    """A black-and-white picture: rows of whole bytes, most significant bit left, 1 = black."""

    width_px: int
    height_px: int
    data: bytes


# (text, scale) → a picture columns(text) * 12 * scale wide and 24 * scale high
Rasterize = Callable[[str, int], Bitmap]


class Slice(msgspec.Struct, frozen=True):
    """Bytes that end at a row's end, so that a status request may follow. `rows` counts printed rows."""

    data: bytes
    rows: int
    height_dots: int


def encode_strip(strip: Strip, rasterize: Rasterize) -> tuple[Slice, ...]:
    """Return a strip as bytes, in slices that end at a row's end. Raises: WireFault if a code is too large."""
    return tuple(_slices(lay_out(strip, rasterize)))


def lay_out(strip: Strip, rasterize: Rasterize) -> tuple[Operation, ...]:
    """Return the operations of a strip: start fresh in Chinese mode, print top to bottom, cut. Raises: WireFault."""
    pen = _Pen(strip.width_columns, rasterize)
    for part in strip.parts:
        match part:
            case StripLine():
                pen.line(part)
            case StripRule():
                pen.line(StripLine("-" * strip.width_columns))
            case StripCode():
                pen.code(part)
            case StripPicture():
                pen.dots(part)
            case _:
                pen.gap(part.lines)
    return (*pen.operations, escpos.Chinese(False), escpos.Cut(is_partial=True, feed_dots=0))


def columns(text: str) -> int:
    """Return the half-width columns a text takes: 1 for ASCII, 2 for everything else, as the printer's fonts do."""
    return sum(1 if " " <= character <= "~" else 2 for character in text)


def clean(text: str) -> str:
    """Return text that cannot command a printer: no controls, plain spaces, no invisible characters; newlines stay."""
    return _ODD.sub(lambda found: _clean(found[0]), text)


def wrap(text: str, width: int) -> tuple[str, ...]:
    """Return rows of at most `width` columns, broken at spaces and between Han; punctuation never begins a row.

    Only a word longer than a row is broken inside. An empty text is one empty row.
    """
    rows: list[str] = []
    row, taken = "", 0
    for unit, wide in (piece for whole in _units(text) for piece in _pieces(whole, width)):
        if taken + wide <= width:
            row, taken = row + unit, taken + wide
            continue
        if row.rstrip():
            rows.append(row.rstrip())
        row, taken = ("", 0) if unit.isspace() else (unit, wide)
    return (*rows, row.rstrip()) if row.rstrip() or not rows else tuple(rows)


# neither ASCII, a common Han character nor their punctuation: those are clean as they are, and nearly all there is
_ODD = re.compile("[^ -~\u3001-\u3011\u4e00-\u9fff\uff01-\uff5e]")


def _clean(character: str) -> str:
    if character == "\n":
        return character
    category = unicodedata.category(character)
    if character == "\t" or (category == "Zs" and character != "\u3000"):
        return " "
    if category in ("Cc", "Cf", "Zl", "Zp") or "\ufe00" <= character <= "\ufe0f" or character >= "\U000e0100":
        return ""  # variation selectors choose a shape that no receipt font has
    return GETA if category == "Cs" else character


def _units(text: str) -> Iterator[str]:
    """Runs that stay together: a word, a Han character with the punctuation that leans on it, a run of spaces."""
    unit, is_word = "", False
    for character in text:
        is_ascii = "!" <= character <= "~"
        leans = bool(unit) and not unit.isspace() and (character in CLOSERS or unit[-1] in OPENERS)
        joins = unit.isspace() if character == " " else leans or (is_ascii and is_word)
        if unit and not joins:
            yield unit
            unit = ""
        if not unit:
            is_word = is_ascii
        unit += character
    if unit:
        yield unit


def _pieces(unit: str, width: int) -> Iterator[tuple[str, int]]:
    """Pieces of at most `width` columns, each with its own."""
    piece, taken = "", 0
    for character in unit:
        wide = columns(character)
        if taken + wide > width:
            yield piece, taken
            piece, taken = "", 0
        piece, taken = piece + character, taken + wide
    yield piece, taken


class _Pen:
    """Remembers the printer's modes, so that only changes are sent."""

    def __init__(self, width: int, rasterize: Rasterize) -> None:
        self.operations: list[Operation] = [escpos.Reset(), escpos.Chinese(True)]
        self._width = width
        self._rasterize = rasterize
        self._align = Align.LEFT
        self._scale = 1
        self._is_bold = False

    def line(self, line: StripLine) -> None:
        for paragraph in clean(line.text).split("\n"):
            for row in wrap(paragraph, self._width // line.scale):
                if escpos.is_in_font(row):
                    self._text(row, line)
                else:
                    self._picture(row, line)

    def code(self, code: StripCode) -> None:
        payload = code.payload.encode()
        if not 1 <= code.module_dots <= 8 or any(byte < 0x20 for byte in payload):
            raise WireFault("qr_parameter")
        self.gap(1)  # four modules of six dots: the quiet zone that the printer does not leave by itself
        self._place(Align.CENTER)  # the native command has no alignment of its own
        self.operations += (
            escpos.QrModel(),
            escpos.QrSize(code.module_dots),
            escpos.QrLevel(QR_LEVEL_M),
            escpos.QrStore(payload),
            escpos.QrPrint(),
        )
        self.gap(1)

    def gap(self, lines: int) -> None:
        self._size(1)
        self.operations.append(escpos.Feed(lines))

    def dots(self, picture: StripPicture) -> None:
        """Lay a picture down in bands, so that a status request may come between two of them."""
        stride = (picture.width_px + 7) // 8
        if not 0 < stride * 8 <= self._width * COLUMN_DOTS or len(picture.data) != stride * picture.height_px:
            raise WireFault("raster_size")
        self._place(Align.LEFT)
        for top in range(0, picture.height_px, BAND_ROWS):
            band = picture.data[top * stride : (top + BAND_ROWS) * stride]
            self.operations.append(escpos.Raster(stride, len(band) // stride, escpos.defuse(band)))

    def _text(self, row: str, line: StripLine) -> None:
        if row:
            self._place(_ALIGN[line.align])
            self._bold(line.is_bold)
        self._size(line.scale)
        if row:
            self.operations.append(escpos.Text(row))
        self.operations.append(escpos.LineFeed())

    def _picture(self, row: str, line: StripLine) -> None:
        self._place(Align.LEFT)
        picture = self._rasterize(row, line.scale)
        spare = self._width * COLUMN_DOTS - picture.width_px
        left = {"left": 0, "center": spare // 2, "right": spare}[line.align]
        self.operations.append(_band(picture, left, line))

    def _place(self, align: Align) -> None:
        if align != self._align:
            self._align = align
            self.operations.append(escpos.Place(align))

    def _size(self, scale: int) -> None:
        if scale != self._scale:
            self._scale = scale
            self.operations.append(escpos.Size(scale, scale))

    def _bold(self, is_bold: bool) -> None:
        if is_bold != self._is_bold:
            self._is_bold = is_bold
            self.operations.append(escpos.Bold(is_bold))


def _band(picture: Bitmap, left: int, line: StripLine) -> escpos.Raster:
    """The picture at its place on the paper, as high as a text row, white at the right left out."""
    stride = (picture.width_px + 7) // 8
    width_bytes = (left + picture.width_px + 7) // 8
    shift = 8 * width_bytes - left - 8 * stride
    rows = []
    for y in range(picture.height_px):
        dots = int.from_bytes(picture.data[y * stride : (y + 1) * stride], "big")
        if line.is_bold:
            dots |= dots >> 1
        dots = dots << shift if shift >= 0 else dots >> -shift
        rows.append(dots.to_bytes(width_bytes, "big"))
    height = max(LINE_DOTS, picture.height_px)
    rows += [bytes(width_bytes)] * (height - picture.height_px)
    return escpos.Raster(width_bytes, height, escpos.defuse(b"".join(rows)))


def _code_modules(payload: bytes) -> int:
    version = next(at for at, capacity in enumerate(QR_CAPACITY, start=1) if len(payload) <= capacity)
    return 17 + 4 * version


def _slices(operations: tuple[Operation, ...]) -> Iterator[Slice]:
    data, rows, height, scale, dots, modules = b"", 0, 0, 1, 0, 0
    for operation in operations:
        data += escpos.encode_operation(operation)
        ends_row = True
        match operation:
            case escpos.Size(_, scale):
                ends_row = False
            case escpos.LineFeed():
                rows, height = rows + 1, height + max(LINE_DOTS, 24 * scale)
            case escpos.Raster():
                rows, height = rows + 1, height + operation.height
            case escpos.Feed(lines):
                height += lines * LINE_DOTS
            case escpos.QrPrint():
                rows, height = rows + 1, height + modules * dots
            case escpos.QrSize(dots):
                ends_row = False
            case escpos.QrStore(payload):
                modules, ends_row = _code_modules(payload), False
            case _:
                ends_row = False
        if ends_row and (rows >= SLICE_ROWS or len(data) >= SLICE_BYTES):
            yield Slice(data, rows, height)
            data, rows, height = b"", 0, 0
    yield Slice(data, rows, height)
