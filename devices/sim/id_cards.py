"""Both sides of a resident ID card as a specimen: the layout of GA 450 and GA 461, every word and number invented."""

from __future__ import annotations

import random
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from devices.sim.sheets import CARD_MM, CARD_RADIUS_MM, Pen, Sheet

Side = Literal["front", "back"]
BLACK = (40, 42, 48)
LABEL = (70, 110, 160)
RED, GOLD = (196, 44, 40), (226, 178, 66)


def draw_id_card(side: Side, seed: int = 0, px_per_mm: float = 12.0) -> Sheet:
    """Return one side: `front` with portrait and number, `back` with emblem and authority."""
    rng = random.Random(f"id/{side}/{seed}")
    pen = Pen(CARD_MM, px_per_mm, (236, 240, 243))
    pen.image.paste(_ground(pen.image.size, rng.randint(0, 1 << 30)))
    pen.draw = ImageDraw.Draw(pen.image)
    if side == "front":
        _front(pen, rng)
    else:
        _back(pen)
    return pen.finish(f"id_{side}", CARD_RADIUS_MM)


def _front(pen: Pen, rng: random.Random) -> None:
    year, month, day = rng.randint(1945, 2004), rng.randint(1, 12), rng.randint(1, 28)
    rows = (
        (6.5, (("姓名", 4.5, "样" + rng.choice("甲乙丙丁戊")),)),
        (14.0, (("性别", 4.5, rng.choice("男女")), ("民族", 22.0, "汉"))),
        (21.0, (("出生", 4.5, f"{year} 年 {month} 月 {day} 日"),)),
        (28.0, (("住址", 4.5, "演示省演示市演示区样张"),)),
        (32.5, (("", 4.5, f"路{rng.randint(1, 300)}号"),)),
    )
    for y, cells in rows:
        for label, x, value in cells:
            pen.text(x, y, label, 2.6, ink=LABEL, serif=False)
            pen.text(x + 9.5, y - 0.2, value, 3.2, ink=BLACK, serif=False)
    pen.text(4.5, 44.5, "公民身份号码", 2.6, ink=LABEL, serif=False)
    number = f"000000{year}{month:02d}{day:02d}{rng.randint(0, 999):03d}X"
    pen.text(30, 44.0, " ".join(number), 3.4, ink=BLACK, serif=False)
    _portrait(pen, rng)


def _back(pen: Pen) -> None:
    x, y, r = pen.px(14.5), pen.px(14.5), pen.px(9.5)
    pen.draw.ellipse((x - r, y - r, x + r, y + r), fill=GOLD)
    inner = round(0.84 * r)
    pen.draw.ellipse((x - inner, y - inner, x + inner, y + inner), fill=RED)
    pen.text(14.5, 10.5, "★", 6.0, ink=GOLD, anchor="mm")
    pen.draw.rectangle((x - inner // 2, y + inner // 4, x + inner // 2, y + inner // 2), fill=GOLD)
    pen.text(54, 7.5, "演示用样张证件", 5.0, ink=BLACK, anchor="ma", bold=True)
    pen.text(54, 16.5, "居民身份证", 8.0, ink=BLACK, anchor="ma", bold=True)
    pen.text(12, 39.5, "签发机关", 2.8, ink=BLACK, bold=True)
    pen.text(30, 39.3, "演示市公安局演示分局", 3.0, ink=BLACK, serif=False)
    pen.text(12, 45.7, "有效期限", 2.8, ink=BLACK, bold=True)
    pen.text(30, 45.5, "2019.05.06-2039.05.06", 3.0, ink=BLACK, serif=False)


def _ground(size: tuple[int, int], seed: int) -> Image.Image:
    """Return the fine waves of a security print, pale blue running into pale rose."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    k = width / CARD_MM[0]
    waves = np.sin((x + 6 * k * np.sin(y / k / 5 + seed % 7)) / k * 3.1) * np.sin(
        (y + 3 * k * np.sin(x / k / 7)) / k * 4
    )
    blend = (x / width)[:, :, None]
    base = (1 - blend) * np.array([206, 224, 238], np.float32) + blend * np.array([240, 222, 226], np.float32)
    return Image.fromarray(_clip(base + 9 * waves[:, :, None]), "RGB")


def _portrait(pen: Pen, rng: random.Random) -> None:
    """Set a face of simple shapes on white where the portrait is."""
    box = (pen.px(56), pen.px(7.5), pen.px(80), pen.px(38))
    layer = Image.new("RGB", (box[2] - box[0], box[3] - box[1]), (236, 238, 240))
    draw = ImageDraw.Draw(layer)
    w, h = layer.size
    hair, coat = rng.choice(((34, 30, 32), (70, 62, 60), (118, 112, 110))), rng.choice(((44, 58, 92), (90, 92, 98)))
    draw.ellipse((0.12 * w, 0.72 * h, 0.88 * w, 1.4 * h), fill=coat)
    draw.ellipse((0.26 * w, 0.16 * h, 0.74 * w, 0.72 * h), fill=hair)
    draw.ellipse((0.31 * w, 0.28 * h, 0.69 * w, 0.78 * h), fill=(206, 168, 142))
    for eye in (0.42, 0.58):
        draw.ellipse(((eye - 0.03) * w, 0.48 * h, (eye + 0.03) * w, 0.51 * h), fill=(40, 34, 32))
    draw.line((0.45 * w, 0.65 * h, 0.55 * w, 0.65 * h), fill=(150, 84, 80), width=max(1, w // 60))
    pen.image.paste(layer.filter(ImageFilter.GaussianBlur(w / 120)), box[:2])


def _clip(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    return np.clip(values, 0, 255).astype(np.uint8)
