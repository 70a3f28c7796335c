"""The paper of the simulated receipt printer: operations become rows of dots, words to check and a picture to look at.

80 mm paper at 8 dots/mm: 640 dots, of which the head reaches 576. Font A 12×24, Chinese 24×24, line pitch 30. What a
real printer would garble (a character its font lacks, a line too wide) is listed in `faults`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from devices.wire import escpos
from devices.wire.escpos import COLUMN_DOTS, LINE_DOTS, Align, Operation
from devices.wire.escpos_more import More

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

HEAD_DOTS = 576
PAPER_DOTS = 640
TOP_DOTS, FEED_DOTS = 56, 104  # head to cutter: what stays blank above and is fed below
DESK_DOTS = 24
FONT = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
BOLD_FONT = FONT.with_name("NotoSansCJK-Bold.ttc")
MONO_SC = 7  # "Noto Sans Mono CJK SC" in the collection
PAPER, INK, DESK = (252, 251, 246), (44, 42, 48), (206, 208, 210)
_LEVELS = {48: "l", 49: "m", 50: "q", 51: "h"}


class Run(msgspec.Struct, frozen=True):
    """Characters set in one size."""

    text: str
    width: int
    height: int
    is_bold: bool


class Paper:
    """The piece of paper under the head, from one cut to the next."""

    def __init__(self) -> None:
        self.rows: list[str] = []  # what can be read, a picture as [picture W×H]
        self.codes: list[str] = []
        self.faults: list[str] = []
        self._bands: list[Callable[[], Image]] = []  # drawn by `render` alone: most slips are only read
        self._runs: list[Run] = []
        self._align = Align.LEFT
        self._width = self._height = 1
        self._is_bold = False
        self._code: dict[str, int | bytes] = {}

    @property
    def is_blank(self) -> bool:
        """Whether nothing was printed on it."""
        return not self._bands

    def apply(self, operation: Operation) -> bool:
        """Carry out one operation; True when it printed a row."""
        match operation:
            case escpos.Reset():
                self._runs, self._align, self._width, self._height, self._is_bold = [], Align.LEFT, 1, 1, False
            case escpos.Place(align):
                self._align = align
            case escpos.Size(width, height):
                self._width, self._height = width, height
            case escpos.Bold(is_on):
                self._is_bold = is_on
            case More() if operation.mode is not None:
                self._width, self._height, self._is_bold = operation.mode
            case escpos.Text(text):
                self._runs.append(Run(text, self._width, self._height, self._is_bold))
            case escpos.LineFeed():
                self._print_line()
                return True
            case escpos.Feed(lines):
                if self._runs:
                    self._print_line()
                self._bands.append(partial(_blank, lines * LINE_DOTS))
            case escpos.Raster():
                self._print_raster(operation)
                return True
            case escpos.QrSize(dots):
                self._code["dots"] = dots
            case escpos.QrLevel(level):
                self._code["level"] = level
            case escpos.QrStore(payload):
                self._code["payload"] = payload
            case escpos.QrPrint():
                self._print_code()
                return True
            case _:
                pass
        return False

    def render(self) -> Image:
        """Return the slip as it would lie on a desk: paper 640 dots wide, cut at the top, torn at the bottom."""
        return _lay_on_desk([_blank(TOP_DOTS), *(draw() for draw in self._bands), _blank(FEED_DOTS)])

    def _print_line(self) -> None:
        cells = [(character, run) for run in self._runs for character in run.text]
        width = sum(_cell(character) * run.width for character, run in cells)
        if width > HEAD_DOTS:
            self.faults.append("line_too_wide")
        high = max((run.height for run in self._runs), default=self._height)
        lost = [character for character, _ in cells if not escpos.is_in_font(character)]
        self.faults += [f"no_glyph U+{ord(character):04X}" for character in lost]
        self._bands.append(partial(_line, cells, self._left(width), high))
        self.rows.append("".join(run.text for run in self._runs))
        self._runs = []

    def _print_raster(self, raster: escpos.Raster) -> None:
        width = raster.width_bytes * 8
        if width > HEAD_DOTS:
            self.faults.append("line_too_wide")
        self._bands.append(partial(_picture, raster.data, (width, raster.height), self._left(width)))
        self.rows.append(f"[picture {width}×{raster.height}]")

    def _print_code(self) -> None:
        import segno

        payload, dots = self._code.get("payload"), self._code.get("dots", 3)
        if not isinstance(payload, bytes) or not isinstance(dots, int):
            self.faults.append("code_without_payload")
            return
        level = _LEVELS[int(self._code.get("level", 48))]
        modules = segno.make_qr(payload, error=level, mode="byte", boost_error=False).matrix
        side = len(modules) * dots
        if side > HEAD_DOTS:
            self.faults.append("line_too_wide")
        self._bands.append(partial(_code, modules, side, self._left(side)))
        self.codes.append(payload.decode(errors="replace"))
        self.rows.append(f"[code {side}×{side}]")

    def _left(self, width: int) -> int:
        spare = max(0, HEAD_DOTS - width)
        return {Align.LEFT: 0, Align.CENTER: spare // 2, Align.RIGHT: spare}[self._align]


def height_dots(operation: Operation, height: int, modules: int = 40, dots: int = 6) -> int:
    """Return how far the paper moves for an operation, at a text height of 1 to 8; codes by their usual size."""
    match operation:
        case escpos.LineFeed():
            return max(LINE_DOTS, 24 * height)
        case escpos.Feed(lines):
            return lines * LINE_DOTS
        case escpos.Raster():
            return operation.height
        case escpos.QrPrint():
            return modules * dots
        case escpos.Cut():
            return FEED_DOTS
        case _:
            return 0


def _cell(character: str) -> int:
    return COLUMN_DOTS if " " <= character <= "~" else 2 * COLUMN_DOTS


def _blank(height: int) -> Image:
    from PIL import Image

    return Image.new("L", (HEAD_DOTS, max(1, height)), 0)


def _line(cells: list[tuple[str, Run]], x: int, high: int) -> Image:
    band = _blank(max(LINE_DOTS, 24 * high))
    for character, run in cells:
        if escpos.is_in_font(character):
            band.paste(255, (x, 24 * (high - run.height)), _glyph(character, run.width, run.height, run.is_bold))
        x += _cell(character) * run.width
    return band


def _picture(data: bytes, size: tuple[int, int], x: int) -> Image:
    from PIL import Image

    band = _blank(size[1])
    band.paste(Image.frombytes("1", size, data).convert("L"), (x, 0))
    return band


def _code(modules: Sequence[Sequence[int]], side: int, x: int) -> Image:
    from PIL import Image

    dark = bytes(255 * bit for row in modules for bit in row)
    picture = Image.frombytes("L", (len(modules), len(modules)), dark)
    band = _blank(side)
    band.paste(picture.resize((side, side), Image.Resampling.NEAREST), (x, 0))
    return band


@lru_cache(maxsize=4096)
def _glyph(character: str, width: int, height: int, is_bold: bool) -> Image:
    """One character as the head burns it: 24 dots high, then dots doubled as GS ! does."""
    from PIL import Image, ImageDraw

    cell = Image.new("L", (_cell(character), 24), 0)
    ImageDraw.Draw(cell).text((cell.width / 2, 20), character, fill=255, font=_font(is_bold), anchor="ms")
    burnt = cell.point([0] * 118 + [255] * 138)
    return burnt.resize((cell.width * width, 24 * height), Image.Resampling.NEAREST)


@lru_cache(maxsize=2)
def _font(is_bold: bool) -> FreeTypeFont:
    from PIL import ImageFont

    return ImageFont.truetype(str(BOLD_FONT if is_bold else FONT), 23, index=MONO_SC)


def _lay_on_desk(bands: list[Image]) -> Image:
    import numpy as np
    from PIL import Image, ImageDraw, ImageFilter

    length = sum(band.height for band in bands)
    ink = Image.new("L", (PAPER_DOTS, length), 0)
    y = 0
    for band in bands:
        ink.paste(band, ((PAPER_DOTS - HEAD_DOTS) // 2, y))
        y += band.height
    grain = np.random.default_rng(80)
    # Heat spreads a little into the paper, and no two dots burn alike.
    burnt = np.asarray(ink.filter(ImageFilter.GaussianBlur(0.45)), dtype=np.float32) / 255
    burnt *= grain.uniform(0.86, 1.0, burnt.shape).astype(np.float32)
    shade = 1 - grain.normal(0, 0.006, (*burnt.shape, 1)).astype(np.float32)
    colour = (
        np.asarray(PAPER, np.float32) * shade * (1 - burnt[..., None]) + np.asarray(INK, np.float32) * burnt[..., None]
    )
    sheet = Image.fromarray(colour.clip(0, 255).astype(np.uint8), "RGB")

    outline = Image.new("L", sheet.size, 0)
    ImageDraw.Draw(outline).polygon(_torn(length), fill=255)
    desk = Image.new("RGB", (PAPER_DOTS + 2 * DESK_DOTS, length + 2 * DESK_DOTS), DESK)
    shadow = Image.new("L", desk.size, 0)
    shadow.paste(90, (DESK_DOTS + 3, DESK_DOTS + 5), outline)
    desk.paste((90, 92, 96), (0, 0), shadow.filter(ImageFilter.GaussianBlur(5)))
    desk.paste(sheet, (DESK_DOTS, DESK_DOTS), outline)
    return desk


def _torn(length: int) -> list[tuple[float, float]]:
    """The outline of the paper: straight where the blade cut it, small teeth where the bar tore it off."""
    teeth = [(x, length - 1 - (6 if (x // 8) % 2 else 0)) for x in range(PAPER_DOTS, -1, -8)]
    return [(0, 0), (PAPER_DOTS, 0), *teeth]
