"""Characters a receipt printer does not have, drawn as dots with the fonts of the machine."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from devices.api import Unsupported
from devices.wire.escpos import COLUMN_DOTS
from devices.wire.strip import GETA, Bitmap, columns

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

# Debian's fonts-noto-cjk (44,810 characters), then fonts-hanazono for the rest of extension B where it is installed
FONTS = (
    (Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"), "Noto Sans Mono CJK SC"),
    (Path("/usr/share/fonts/truetype/hanazono/HanaMinB.ttf"), "HanaMinB"),
)
EM_DOTS = 22  # leaves room for the tail of a g in a cell of 24
BASELINE_DOTS = 19
INK = 110  # grey level from which a dot is burnt; thin strokes survive


def rasterize(text: str, scale: int) -> Bitmap:
    """Return one row of text as dots, each character in the cell the printer's own font would give it.

    Shape: columns(text) × 12 × scale wide, 24 × scale high. A character in none of the fonts becomes 〓.
    Raises: Unsupported("font_missing") when the machine has no Chinese font.
    """
    from PIL import Image, ImageDraw

    width, height = columns(text) * COLUMN_DOTS * scale, 24 * scale
    picture = Image.new("L", (max(1, width), height), 0)
    draw = ImageDraw.Draw(picture)
    x = 0
    for character in text:
        cell = columns(character) * COLUMN_DOTS * scale
        shown, font = _font_for(character, scale)
        draw.text((x + cell / 2, BASELINE_DOTS * scale), shown, fill=255, font=font, anchor="ms")
        x += cell
    burnt = picture.point([0] * INK + [255] * (256 - INK), mode="1")
    return Bitmap(picture.width, height, burnt.tobytes())


def _font_for(character: str, scale: int) -> tuple[str, FreeTypeFont]:
    fonts = _fonts(scale)
    for font in fonts:
        if _has(font, character):
            return character, font
    return GETA, fonts[0]


@lru_cache(maxsize=4)
def _fonts(scale: int) -> tuple[FreeTypeFont, ...]:
    from PIL import ImageFont

    found = []
    for path, family in FONTS:
        for index in range(16 if path.suffix == ".ttc" else 1):
            try:
                font = ImageFont.truetype(str(path), EM_DOTS * scale, index=index)
            except OSError:
                break
            if font.getname()[0] == family:
                found.append(font)
                break
    if not found:
        raise Unsupported("font_missing")
    return tuple(found)


@lru_cache(maxsize=4096)
def _has(font: FreeTypeFont, character: str) -> bool:
    """Whether the font draws the character itself and not its box for a missing one."""
    return bytes(font.getmask(character)) != bytes(font.getmask("\U0010ffff")) or font.getlength(
        character
    ) != font.getlength("\U0010ffff")
