"""Drawn pages of writing for what tells which way up: every face installed here, five scripts, six layouts and columns.

A page is a function of (seed, number): face, script, layout, size of type, dpi, and what a camera does to it. Texts and
signs are split in two halves that share nothing, so that weights learned on one are measured on the other.
"""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

Picture = npt.NDArray[np.uint8]
ROOT = Path(__file__).resolve().parent.parent
SIZES_MM = ((210.0, 297.0), (210.0, 297.0), (210.0, 297.0), (148.0, 210.0), (80.0, 190.0))
SCRIPTS = ("hans", "hans", "hans", "hant", "latin", "latin", "digits", "mixed")
LAYOUTS = ("paragraphs", "paragraphs", "ragged", "table", "form", "list", "letter")
HELD_OUT = ("C059", "URWGothic", "DejaVuSerifCondensed", "NimbusSansNarrow", "hershey-1", "hershey-4")
LATIN_FONTS = ("/usr/share/fonts/opentype/urw-base35", "/usr/share/fonts/truetype/dejavu")
NO_LETTERS = ("D050000L", "StandardSymbols", "MathTeXGyre", "Z003")
STROKES = (  # cv2's faces of strokes
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_PLAIN,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_COMPLEX_SMALL,
)


class Face(NamedTuple):
    """A face of writing: a font file and its index, or one of cv2's strokes (no file)."""

    name: str
    file: str
    index: int
    is_chinese: bool


class Page(NamedTuple):
    """A page upright as a camera saw it (h×w×3 BGR), and what was drawn."""

    picture: Picture
    script: str
    layout: str
    face: str
    dpi: int


def draw_page(seed: int, number: int, *, is_held_out: bool, dpi: int = 0, face: Face | None = None) -> Page:
    """Return page `number` of a seed. `is_held_out`: of texts and faces that nothing was learned on."""
    draw = random.Random(f"{seed}/{number}/{is_held_out}")
    script = SCRIPTS[number % len(SCRIPTS)]
    if face is not None and not face.is_chinese and script not in ("latin", "digits"):
        script = "latin"
    chosen = face or draw.choice(faces(script, is_held_out=is_held_out))
    layout = draw.choice(LAYOUTS)
    size_mm = draw.choice(SIZES_MM)
    dpi = dpi or draw.choice((100, 118, 131, 150, 200, 240, 300))
    pen = _Pen(size_mm, dpi, chosen, draw)
    _LAYOUTS[layout](pen, _Words(draw, script, is_held_out))
    return Page(_seen(pen.picture(), draw, dpi), script, layout, chosen.name, dpi)


def draw_columns(seed: int, number: int, *, is_held_out: bool, dpi: int = 0) -> Page:
    """Return a page of Chinese in columns from the right, as old certificates have it."""
    draw = random.Random(f"{seed}/{number}/{is_held_out}/columns")
    script = draw.choice(("hans", "hant"))
    face = draw.choice(faces(script, is_held_out=is_held_out))
    dpi = dpi or draw.choice((100, 118, 131, 150, 200))
    pen, words = _Pen(draw.choice(SIZES_MM[:4]), dpi, face, draw), _Words(draw, script, is_held_out)
    step, x = pen.em * draw.choice((1.0, 1.05, 1.1, 1.2, 1.3)), pen.right - pen.em
    while x > pen.left:
        signs = words.line(max(2, int((pen.bottom - pen.top) / step * draw.choice((1, 1, 1, 0.6)))))
        for at, sign in enumerate(signs):
            pen.text(x, pen.top + at * step, sign, most=pen.em * 2)
        x -= pen.leading
    return Page(_seen(pen.picture(), draw, dpi), script, "columns", face.name, dpi)


@cache
def faces(script: str, *, is_held_out: bool) -> tuple[Face, ...]:
    """Return the faces a script can be set in. Chinese has too few to hold one back; its texts are."""
    found = []
    indices = {"hans": (2, 7), "hant": (3, 4, 8), "mixed": (2,), "latin": (2,), "digits": (2, 7)}[script]
    for file in sorted(Path("/usr/share/fonts/opentype/noto").glob("Noto*CJK-*.ttc")):
        known = [index for index in indices if index < 5 or "Sans" in file.name]
        found += [Face(f"{file.stem}-{index}", str(file), index, True) for index in known]
    if script in ("latin", "digits"):
        others = [
            Face(file.stem, str(file), 0, False)
            for folder in LATIN_FONTS
            for file in sorted(Path(folder).glob("*.[ot]tf"))
            if not file.stem.startswith(NO_LETTERS) and not any(word in file.stem for word in NO_LETTERS)
        ]
        others += [Face(f"hershey-{number}", "", number, False) for number in range(len(STROKES))] * 3
        found += [one for one in others if one.name.startswith(HELD_OUT) == is_held_out]
    return tuple(found)


class _Words:
    """Texts of one script, of one half of all there are."""

    def __init__(self, draw: random.Random, script: str, is_held_out: bool) -> None:
        self._draw, self.script, self._half = draw, script, is_held_out
        self._caps = script == "latin" and draw.random() < 0.12
        self._source = draw.choice(("own", "own", "any"))

    def line(self, most: int) -> str:
        """Return a line of about `most` signs (Chinese) or twice as many letters."""
        return self._chinese(most) if self.script in ("hans", "hant") else self._other(most)

    def word(self) -> str:
        """Return what stands in a cell of a table or before a colon."""
        if self.script == "digits" or self._draw.random() < 0.25:
            return self._number()
        return self.line(self._draw.randint(2, 6)).strip("，。、；： ")

    def _other(self, most: int) -> str:
        if self.script == "digits":
            return " ".join(self._number() for _ in range(max(1, most // 5)))
        if self.script == "mixed" and self._draw.random() < 0.6:
            return self._chinese(most)
        parts: list[str] = []
        while sum(len(part) + 1 for part in parts) < 2 * most:
            part = self._number() if self._draw.random() < 0.06 else self._latin_word()
            parts.append(part + self._draw.choice(["", "", "", "", "", "", ",", "."]))
        text = " ".join(parts)
        return text.upper() if self._caps else text[:1].upper() + text[1:]

    def _latin_word(self) -> str:
        if self._source == "any":
            return "".join(self._draw.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(self._draw.randint(2, 9)))
        return self._draw.choice(_latin(self._half))

    def _chinese(self, most: int) -> str:
        found = ""
        while len(found) < most:
            if self._source == "own" and self.script != "hant":
                found += self._draw.choice(_own_lines(self._half))
            else:
                signs = _signs(self.script, self._half)
                found += "".join(self._draw.choice(signs) for _ in range(self._draw.randint(4, 14)))
            found += self._draw.choice("，，，。、；")
        return found[:most]

    def _number(self) -> str:
        draw = self._draw
        return draw.choice(
            (
                f"{draw.randint(1, 99999):,}.{draw.randint(0, 99):02}",
                f"20{draw.randint(10, 29)}-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}",
                f"{draw.randint(10**10, 10**11 - 1)}",
                f"{draw.randint(1, 9999)}",
                f"{draw.randint(1, 99)}%",
            )
        )


@cache
def _signs(script: str, is_held_out: bool) -> str:
    """Return one half of the common signs: GB 2312's first level, Big5's first level."""
    if script == "hant":
        codes, code = (
            [(high, low) for high in range(0xA4, 0xC7) for low in (*range(0x40, 0x7F), *range(0xA1, 0xFF))],
            "big5",
        )
    else:
        codes, code = [(high, low) for high in range(0xB0, 0xD8) for low in range(0xA1, 0xFF)], "gb2312"
    signs = "".join(bytes(pair).decode(code, "ignore") for pair in codes)
    return "".join(sign for sign in signs if (zlib.crc32(sign.encode()) % 2 == 1) == is_held_out)


@cache
def _own_lines(is_held_out: bool) -> tuple[str, ...]:
    """Return one half of the Chinese clauses in this project's texts."""
    found: set[str] = set()
    for file in (*sorted((ROOT / "assets").rglob("*.yaml")), ROOT / "README.zh-CN.md"):
        found |= set(re.findall(r"[一-鿿]{4,30}", file.read_text("utf-8")))
    return tuple(one for one in sorted(found) if (zlib.crc32(one.encode()) % 2 == 1) == is_held_out)


@cache
def _latin(is_held_out: bool) -> tuple[str, ...]:
    """Return the words of the licence, as often as they stand there; of each word one half has it."""
    words = re.findall(r"\b[A-Za-z][a-z]*\b", (ROOT / "LICENSE").read_text("utf-8"))
    return tuple(one for one in words if (zlib.crc32(one.lower().encode()) % 2 == 1) == is_held_out)


class _Pen:
    """A page being written; everything in px."""

    def __init__(self, size_mm: tuple[float, float], dpi: int, face: Face, draw: random.Random) -> None:
        self.k = dpi / 25.4
        self.width, self.height = (round(side * self.k) for side in size_mm)
        self.rng, self._face = draw, face
        points = draw.choice((8, 9, 10, 10.5, 10.5, 12, 12, 14, 16)) if size_mm[0] > 100 else draw.choice((8, 9, 10))
        self.em = max(9, round(points / 72 * dpi))
        self.leading = self.em * draw.choice((1.25, 1.4, 1.5, 1.8, 2.2))
        paper = draw.randint(200, 250)
        self._ink = draw.randint(15, 90)
        self._grey = np.full((self.height, self.width), paper, np.uint8)
        self._image = Image.fromarray(self._grey)
        self._draw = ImageDraw.Draw(self._image)
        self._strokes: list[tuple[float, float, str, float]] = []
        self.left = self.width * draw.uniform(0.06, 0.13)
        self.top = self.height * draw.uniform(0.05, 0.11)
        self.right, self.bottom = self.width - self.left, self.height - self.top

    def text(self, x: float, y: float, text: str, larger: float = 1.0, most: float = 0.0) -> None:
        """Write at (x, y), the line's top left, no further than `most`."""
        most = most or self.right - x
        while len(text) > 1 and self.wide(text, larger) > most:
            text = text[: max(1, min(len(text) - 1, int(len(text) * most / self.wide(text, larger))))]
        if self._face.file:
            self._draw.text((x, y), text, font=self._font(larger), fill=self._ink)
        else:
            self._strokes.append((x, y, text, larger))

    def wide(self, text: str, larger: float = 1.0) -> float:
        if self._face.file:
            return max(1.0, self._font(larger).getlength(text))
        (width, _), _ = cv2.getTextSize(text, STROKES[self._face.index], self._scale(larger), 1)
        return float(max(1, width))

    def rule(self, x0: float, y0: float, x1: float, y1: float) -> None:
        self._draw.line((x0, y0, x1, y1), fill=self._ink, width=max(1, round(0.3 * self.k)))

    def picture(self) -> npt.NDArray[np.uint8]:
        """Return the page, grey."""
        page = np.array(self._image)
        heavy = max(1, round(self.em * self.rng.choice((0.05, 0.08, 0.12))))
        for x, y, text, larger in self._strokes:
            at = (round(x), round(y + 0.8 * self.em * larger))
            scale = self._scale(larger)
            cv2.putText(page, text, at, STROKES[self._face.index], scale, self._ink, heavy, cv2.LINE_AA)
        return page

    def _font(self, larger: float) -> ImageFont.FreeTypeFont:
        return _font(self._face.file, self._face.index, max(6, round(self.em * larger)))

    def _scale(self, larger: float) -> float:
        (_, high), _ = cv2.getTextSize("H", STROKES[self._face.index], 1.0, 1)
        return float(0.72 * self.em * larger / high)


@lru_cache(maxsize=24)  # a collection of Chinese faces takes 20 MB
def _font(file: str, index: int, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(file, size, index=index)


def _title(pen: _Pen, words: _Words) -> float:
    if pen.rng.random() < 0.7:
        text = words.line(pen.rng.randint(5, 12))
        larger = pen.rng.choice((1.3, 1.6, 2.0))
        pen.text(max(pen.left, (pen.width - pen.wide(text, larger)) / 2), pen.top, text, larger)
        return pen.top + larger * pen.em * 2
    return pen.top


def _paragraphs(pen: _Pen, words: _Words) -> None:
    y = _title(pen, words)
    signs = int((pen.right - pen.left) / pen.em)
    end = pen.bottom - pen.height * pen.rng.choice((0, 0, 0.3, 0.5))
    while y < end:
        count = pen.rng.randint(1, 7)
        for at in range(count):
            indent = 2 * pen.em if at == 0 and words.script != "latin" else 0
            share = pen.rng.uniform(0.2, 0.9) if at == count - 1 else 1.0
            pen.text(
                pen.left + indent, y, words.line(max(2, int(signs * 1.2))), most=share * (pen.right - pen.left) - indent
            )
            y += pen.leading
            if y > pen.bottom:
                return
        y += pen.leading * pen.rng.choice((0, 0, 0.5))


def _ragged(pen: _Pen, words: _Words) -> None:
    y = _title(pen, words)
    signs = int((pen.right - pen.left) / pen.em)
    while y < pen.bottom:
        pen.text(pen.left, y, words.line(max(2, int(signs * pen.rng.uniform(0.5, 1.0)))))
        y += pen.leading


def _table(pen: _Pen, words: _Words) -> None:
    y = _title(pen, words)
    columns = pen.rng.randint(3, 6)
    across = (pen.right - pen.left) / columns
    down = pen.leading * pen.rng.choice((1.1, 1.4))
    rows = int((pen.bottom - y) / down)
    is_ruled = pen.rng.random() < 0.7
    for _ in range(rows):
        if is_ruled:
            pen.rule(pen.left, y, pen.right, y)
        for column in range(columns):
            if pen.rng.random() < 0.9:
                text = words.word()
                pen.text(
                    pen.left + column * across + pen.em * 0.3, y + (down - pen.em) / 2, text, most=across - pen.em * 0.5
                )
        y += down
    if is_ruled:
        pen.rule(pen.left, y, pen.right, y)
        for column in range(columns + 1):
            pen.rule(pen.left + column * across, y - rows * down, pen.left + column * across, y)


def _form(pen: _Pen, words: _Words) -> None:
    y = _title(pen, words)
    half = (pen.right - pen.left) / 2
    while y < pen.bottom:
        for left in (pen.left, pen.left + half):
            text = words.word() + ("：" if words.script in ("hans", "hant", "mixed") else ":")
            pen.text(left, y, text, most=half - pen.em)
            start, stop = left + pen.wide(text) + pen.em * 0.5, left + half * 0.9
            if start > stop - pen.em:
                continue
            if pen.rng.random() < 0.5:
                pen.rule(start, y + pen.em * 1.15, stop, y + pen.em * 1.15)
            if pen.rng.random() < 0.6:
                pen.text(start, y, words.word(), most=stop - start)
        y += pen.leading * 1.3


def _list(pen: _Pen, words: _Words) -> None:
    y = _title(pen, words)
    number = 1
    signs = int((pen.right - pen.left) / pen.em)
    while y < pen.bottom:
        pen.text(pen.left, y, f"{number}. " + words.line(pen.rng.randint(4, max(5, signs))))
        number += 1
        y += pen.leading


def _letter(pen: _Pen, words: _Words) -> None:
    y = _title(pen, words) + 2 * pen.leading
    signs = int((pen.right - pen.left) / pen.em)
    for _ in range(pen.rng.randint(5, 12)):
        pen.text(pen.left, y, words.line(max(2, signs)), most=(pen.right - pen.left) * pen.rng.choice((1, 1, 0.6)))
        y += pen.leading
    pen.text(pen.left + (pen.right - pen.left) * 0.65, y + pen.leading, words.word())


_LAYOUTS: dict[str, Callable[[_Pen, _Words], None]] = {
    "paragraphs": _paragraphs,
    "ragged": _ragged,
    "table": _table,
    "form": _form,
    "list": _list,
    "letter": _letter,
}


def _seen(grey: npt.NDArray[np.uint8], draw: random.Random, dpi: int) -> Picture:
    """Return the page as a camera sees it and the outline straightens it: a little askew, soft, uneven, noisy."""
    height, width = grey.shape
    rng = np.random.default_rng(draw.getrandbits(32))
    if draw.random() < 0.2:  # printed thinner or heavier
        kind = draw.choice((cv2.MORPH_ERODE, cv2.MORPH_DILATE))
        other = cv2.morphologyEx(grey, kind, np.ones((2, 2), np.uint8))
        grey = np.asarray(cv2.addWeighted(grey, 0.4, other, 0.6, 0), np.uint8)
    turn = float(np.clip(rng.normal(0, 0.5), -1.5, 1.5))
    matrix = np.vstack([cv2.getRotationMatrix2D((width / 2, height / 2), turn, 1.0), [0, 0, 1]])
    square = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    off = rng.normal(0, 0.003, (4, 2)) * width
    matrix = cv2.getPerspectiveTransform(square, (square + off).astype(np.float32)) @ matrix
    page = cv2.warpPerspective(grey, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    page = cv2.GaussianBlur(page, (0, 0), draw.uniform(0.4, 1.2) * (1 if dpi < 180 else 1.5))
    light = (
        np.linspace(1.0, draw.uniform(0.6, 1.0), width, dtype=np.float32)[None]
        * np.linspace(draw.uniform(0.7, 1.0), 1.0, height, dtype=np.float32)[:, None]
    )
    noisy = page.astype(np.float32) * light + rng.normal(0, draw.uniform(1, 6), (height, width)).astype(np.float32)
    whole = np.clip(noisy, 0, 255).astype(np.uint8)
    _, data = cv2.imencode(".jpg", whole, [cv2.IMWRITE_JPEG_QUALITY, draw.randint(70, 93)])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
