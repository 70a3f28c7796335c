"""The papers of the measured frames: the simulator's own, and what its desk does not have. Data invented throughout."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from devices.sim.sheets import A4_MM, A5_MM, CARD_MM, CARD_RADIUS_MM, INK, WORDS, Sheet, draw_sheet, font

FORMATS: dict[
    str, tuple[tuple[str, float], ...]
] = {  # format → kinds with their shares; formats' own shares: reference/imaging.md §4
    "a4": (
        ("text", 0.24),
        ("table", 0.18),
        ("register", 0.12),
        ("birth", 0.10),
        ("sparse", 0.16),
        ("photo", 0.12),
        ("blank", 0.08),
    ),
    "card": (("card", 0.4), ("idcard", 0.4), ("whitecard", 0.2)),
    "a5": (("a5", 0.7), ("a5photo", 0.2), ("a5blank", 0.1)),
    "receipt": (("receipt", 1.0),),
    "passport": (("passport", 1.0),),
}
FORMAT_SHARES = {"a4": 0.50, "card": 0.28, "a5": 0.12, "receipt": 0.10}  # a passport page only where asked for
FORMAT_OF = {kind: name for name, kinds in FORMATS.items() for kind, _ in kinds}
PASSPORT_MM = (125.0, 88.0)  # ISO/IEC 7810 ID-3
VARIANTS = 4
Pen = tuple[Image.Image, ImageDraw.ImageDraw]


def paper(kind: str, variant: int, fine: bool) -> Sheet:
    """Return paper `kind` (of FORMATS), one of VARIANTS, drawn for a still if `fine`. Raises: KeyError."""
    return _fine(kind, variant) if fine else _coarse(kind, variant)


@lru_cache(maxsize=64)  # 7 MB an A4
def _coarse(kind: str, variant: int) -> Sheet:
    return _drawn(kind, variant, 6.0)


@lru_cache(maxsize=16)  # 19 MB an A4
def _fine(kind: str, variant: int) -> Sheet:
    return _drawn(kind, variant, 14.0 if FORMAT_OF[kind] == "card" else 10.0)


def _drawn(kind: str, variant: int, px_per_mm: float) -> Sheet:
    if kind in DRAWERS:
        return DRAWERS[kind](kind, random.Random(f"frames/{kind}/{variant}"), px_per_mm)
    return draw_sheet(kind, 100 + variant, px_per_mm)


def _sheet(kind: str, size_mm: tuple[float, float], image: Image.Image, radius_mm: float = 0.0) -> Sheet:
    picture = np.ascontiguousarray(np.asarray(image, dtype=np.uint8)[:, :, ::-1])
    return Sheet(kind, *size_mm, radius_mm, picture)


def _canvas(size_mm: tuple[float, float], k: float, paper_colour: tuple[int, int, int]) -> Pen:
    image = Image.new("RGB", (round(size_mm[0] * k), round(size_mm[1] * k)), paper_colour)
    return image, ImageDraw.Draw(image)


def _sparse(kind: str, rng: random.Random, k: float) -> Sheet:
    """A letter of a few lines, in 9 to 12 points, half of them stamped."""
    image, draw = _canvas(A4_MM, k, rng.choice(((252, 252, 252), (250, 249, 244), (246, 248, 252))))
    draw.text((105 * k, 40 * k), "证  明", font=font(round(8 * k), bold=True), fill=INK, anchor="ma")
    size = rng.choice((3.175, 3.53, 4.23))  # 9, 10, 12 points
    for number in range(rng.randint(3, 8)):
        line = "".join(rng.choice(WORDS) for _ in range(2))[: int(160 / size)]
        draw.text(
            ((26 + (8 if number == 0 else 0)) * k, (62 + number * 2.4 * size) * k),
            line,
            font=font(round(size * k)),
            fill=INK,
        )
    if rng.random() < 0.5:
        x, y, r = rng.uniform(120, 165) * k, rng.uniform(180, 240) * k, 18 * k
        draw.ellipse((x - r, y - r, x + r, y + r), outline=(200, 40, 44), width=max(2, round(0.9 * k)))
        draw.text((x, y), "★", font=font(round(12 * k)), fill=(200, 40, 44), anchor="mm")
        draw.text((x, y + 10 * k), "演示专用章", font=font(round(4 * k)), fill=(200, 40, 44), anchor="mm")
    return _sheet(kind, A4_MM, image)


def _photo(kind: str, rng: random.Random, k: float) -> Sheet:
    """A colour print: to the edge, or inside a white margin."""
    size = A5_MM if kind.startswith("a5") else A4_MM
    image, _ = _canvas(size, k, (250, 250, 248))
    margin = rng.choice((0.0, 4.0, 12.0, 25.0))
    box = (round((size[0] - 2 * margin) * k), round((size[1] - 2 * margin) * k))
    scenery = Image.fromarray(_scenery(rng.randint(0, 1 << 30), box))
    image.paste(scenery, (round(margin * k), round(margin * k)))
    return _sheet(kind, size, image)


def _scenery(seed: int, box: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Return something like a photograph, h×w×3: soft colours, a horizon, a few hard shapes."""
    rng = np.random.default_rng(seed)
    width, height = box
    coarse = rng.uniform(30, 230, (5, 4, 3)).astype(np.float32)
    picture = cv2.resize(coarse, box, interpolation=cv2.INTER_CUBIC)
    fine = cv2.resize(rng.normal(0, 14, (60, 45)).astype(np.float32), box, interpolation=cv2.INTER_CUBIC)
    picture += fine[:, :, None]
    for _ in range(int(rng.integers(3, 9))):
        centre = (int(rng.uniform(0, width)), int(rng.uniform(0, height)))
        colour = tuple(float(c) for c in rng.uniform(20, 235, 3))
        if rng.random() < 0.5:
            cv2.circle(picture, centre, int(rng.uniform(0.03, 0.2) * width), colour, -1, cv2.LINE_AA)
        else:
            far = (centre[0] + int(rng.normal(0, 0.3) * width), centre[1] + int(rng.normal(0, 0.3) * height))
            cv2.rectangle(picture, centre, far, colour, -1)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.5).clip(0, 255), dtype=np.uint8)


def _idcard(kind: str, rng: random.Random, k: float) -> Sheet:
    """A pale card of fields and a portrait's outline; nobody's."""
    k = max(k, 10.0)
    tint = rng.choice(((222, 234, 240), (234, 238, 236), (240, 236, 226), (228, 240, 246)))
    image, draw = _canvas(CARD_MM, k, tint)
    for number in range(22):
        y = (3 + number * 2.4) * k
        draw.line((0, y, 85.6 * k, y + 3 * k), fill=tuple(c - 9 for c in tint), width=1)
    face = font(round(3.1 * k))
    for number, label in enumerate(
        ("姓名 样例", "性别 女  民族 汉", "出生 1970 年 1 月 1 日", "住址 演示省样例市示范路")
    ):
        draw.text((6 * k, (6 + number * 7.6) * k), label, font=face, fill=(40, 48, 60))
    draw.text((6 * k, 45 * k), f"公民身份号码 000000{rng.randint(1940, 2010)}01010000", font=face, fill=(30, 30, 40))
    draw.rectangle((58 * k, 8 * k, 80 * k, 36 * k), fill=(206, 214, 222))
    draw.ellipse((63.5 * k, 11 * k, 74.5 * k, 24 * k), fill=(206, 178, 158))
    draw.pieslice((59 * k, 24 * k, 79 * k, 48 * k), 180, 360, fill=(70, 78, 96))
    return _sheet(kind, CARD_MM, image, CARD_RADIUS_MM)


def _whitecard(kind: str, rng: random.Random, k: float) -> Sheet:
    """A white card with hardly anything on it."""
    k = max(k, 10.0)
    image, draw = _canvas(CARD_MM, k, (246, 247, 247))
    draw.text((8 * k, 8 * k), "社区服务卡", font=font(round(4.6 * k), serif=False), fill=(60, 90, 140))
    draw.text((8 * k, 40 * k), f"No. {rng.randint(10**6, 10**7 - 1)}", font=font(round(3.4 * k)), fill=(70, 70, 76))
    if rng.random() < 0.5:
        draw.rectangle((0, 24 * k, 85.6 * k, 27 * k), fill=(120, 160, 196))
    return _sheet(kind, CARD_MM, image, CARD_RADIUS_MM)


def _passport(kind: str, rng: random.Random, k: float) -> Sheet:
    """The data page of nobody's passport, lines for the machine below."""
    image, draw = _canvas(PASSPORT_MM, k, (232, 230, 240))
    draw.rectangle((6 * k, 20 * k, 40 * k, 62 * k), fill=(208, 208, 216), outline=(150, 150, 160))
    draw.text((46 * k, 8 * k), "护照 SPECIMEN", font=font(round(5 * k), bold=True), fill=(90, 40, 60))
    for number, text in enumerate(("UTO  EXAMPLE", "ANNA MARIA", "01 JAN 1980", "F   NOWHERE", "01 JAN 2031")):
        draw.text((46 * k, (20 + 9 * number) * k), text, font=font(round(3.4 * k), serif=False), fill=(40, 40, 60))
    line = f"P<UTOEXAMPLE<<ANNA<MARIA{'<' * 20}"
    for number in range(2):
        draw.text((5 * k, (70 + 7 * number) * k), line, font=font(round(3.4 * k), serif=False), fill=INK)
    return _sheet(kind, PASSPORT_MM, image, CARD_RADIUS_MM)


def _a5blank(kind: str, rng: random.Random, k: float) -> Sheet:
    image, _ = _canvas(A5_MM, k, rng.choice(((250, 250, 247), (236, 242, 236), (246, 236, 238))))
    return _sheet(kind, A5_MM, image)


DRAWERS: dict[str, Callable[[str, random.Random, float], Sheet]] = {
    "sparse": _sparse,
    "photo": _photo,
    "a5photo": _photo,
    "a5blank": _a5blank,
    "idcard": _idcard,
    "whitecard": _whitecard,
    "passport": _passport,
}
