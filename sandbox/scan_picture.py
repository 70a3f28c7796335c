"""A scanned page that came as PDF in layers, drawn as one picture for the screen; a second reader, of the description.

Understood are the few words a terminal writes (docs/imaging.md, Pages): pictures in JPEG, one stencil in CCITT G4, each
set by a matrix without turn or slant. Anything else is refused, and the officer saves the PDF instead.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import pikepdf
from PIL import Image

MAX_PIXELS = 40_000_000  # security.md §8
SHOWN_DPI = 110  # a page fills the height of an officer's screen
MAX_SIDE_PT = 1500.0  # an A3 is 1191
MAX_STEPS = 600  # words of drawing on a page of many patches
QUALITY = 80
WORDS = {"q", "Q", "cm", "Do", "rg"}


class NotShown(Exception):  # what was drawn is not among the words above
    """A PDF that this reader does not draw."""


def draw_first_page(path: Path) -> bytes:
    """Return the first page as JPEG bytes. Raises: NotShown."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with pikepdf.open(path) as document:
                return _encoded(_draw(document.pages[0]))
    except (pikepdf.PdfError, pikepdf.PasswordError, NotImplementedError, OSError, Warning) as fault:
        raise NotShown(type(fault).__name__) from fault
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, Image.DecompressionBombError) as fault:
        raise NotShown(type(fault).__name__) from fault


def _draw(page: pikepdf.Page) -> Image.Image:
    left, low, right, high = (float(side) for side in page.mediabox)
    if not (0 < right - left <= MAX_SIDE_PT and 0 < high - low <= MAX_SIDE_PT):
        raise NotShown("a page of this size")
    k = SHOWN_DPI / 72
    canvas = Image.new("RGB", (max(1, round((right - left) * k)), max(1, round((high - low) * k))), (255, 255, 255))
    colour, matrix = (0, 0, 0), (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
    steps = pikepdf.parse_content_stream(page)
    if len(steps) > MAX_STEPS:
        raise NotShown("too many words")
    for operands, operator in steps:
        word = str(operator)
        if word not in WORDS:
            raise NotShown(word)
        if word == "rg":
            red, green, blue = (round(255 * min(1.0, max(0.0, float(part)))) for part in operands)
            colour = (red, green, blue)
        elif word == "cm":
            a, b, c, d, x, y = (float(part) for part in operands)
            matrix = (a, b, c, d, x, y)
        elif word == "Do":
            _set(canvas, page.resources.XObject[str(operands[0])], matrix, colour, (left, high), k)
    return canvas


def _set(
    canvas: Image.Image,
    thing: pikepdf.Object,
    matrix: tuple[float, float, float, float, float, float],
    colour: tuple[int, int, int],
    corner: tuple[float, float],
    k: float,
) -> None:
    """Draw one picture or stencil onto the canvas where its matrix says."""
    a, b, c, d, x, y = matrix
    if b or c or not (0 < a <= MAX_SIDE_PT and 0 < d <= MAX_SIDE_PT):
        raise NotShown("a turned picture")
    size = (max(1, round(a * k)), max(1, round(d * k)))
    spot = (round((x - corner[0]) * k), round((corner[1] - y - d) * k))
    if int(thing.Width) * int(thing.Height) > MAX_PIXELS:
        raise NotShown("too many pixels")
    if thing.get("/ImageMask"):
        canvas.paste(colour, spot, _stencil(thing).resize(size, Image.Resampling.BOX))
        return
    with Image.open(io.BytesIO(thing.read_raw_bytes()), formats=("JPEG",)) as picture:
        if picture.width * picture.height > MAX_PIXELS:
            raise NotShown("too many pixels")
        canvas.paste(picture.convert("RGB").resize(size, Image.Resampling.BILINEAR), spot)


def _stencil(thing: pikepdf.Object) -> Image.Image:
    """Return where a stencil paints (255): its fax strip inside a TIFF made around it."""
    width, height, strip = int(thing.Width), int(thing.Height), bytes(thing.read_raw_bytes())
    if thing.Filter != "/CCITTFaxDecode" or thing.DecodeParms.K != -1:
        raise NotShown("a stencil of another kind")
    start = 8 + 2 + 8 * 12 + 4
    fields = ((256, width), (257, height), (258, 1), (259, 4), (262, 0), (273, start), (278, height), (279, len(strip)))
    head = b"II*\0" + (8).to_bytes(4, "little") + len(fields).to_bytes(2, "little")
    for tag, value in fields:
        head += tag.to_bytes(2, "little") + b"\4\0\1\0\0\0" + value.to_bytes(4, "little")
    with Image.open(io.BytesIO(head + bytes(4) + strip), formats=("TIFF",)) as fax:
        return Image.eval(fax.convert("L"), lambda level: 255 - level)


def _encoded(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()
