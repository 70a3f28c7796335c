"""The papers of the simulated desk, drawn with invented data: register page, certificate, card, blank, text, table."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

FONTS = Path("/usr/share/fonts/opentype/noto")  # Debian's fonts-noto-cjk
SC = 2  # index of the simplified Chinese face inside the collections
A4_MM = (210.0, 297.0)
A5_MM = (148.0, 210.0)
CARD_MM = (85.6, 53.98)  # ISO/IEC 7810 ID-1
CARD_RADIUS_MM = 3.18
RECEIPT_MM = (80.0, 170.0)
INK = (28, 28, 34)
SEAL = (196, 30, 36)
WORDS = (
    "申请人应当如实填写本表所列各项内容并对其真实性负责",
    "经办人员核对原件后在右下角签章并注明日期",
    "本证明由签发机构加盖专用章后生效涂改无效",
    "户主及成员的姓名性别出生日期和住址以登记为准",
    "材料一式两份一份由受理单位留存一份退还申请人",
    "依照有关规定自受理之日起二十个工作日内办结",
)


class Sheet(NamedTuple):
    """One paper: its size in millimetres, corner radius, and its picture (h×w×3 uint8 BGR)."""

    kind: str
    width_mm: float
    height_mm: float
    radius_mm: float
    picture: npt.NDArray[np.uint8]


@cache
def font(size_px: int, bold: bool = False, serif: bool = True) -> ImageFont.FreeTypeFont:
    """Return a simplified Chinese face of `size_px` pixels."""
    name = f"Noto{'Serif' if serif else 'Sans'}CJK-{'Bold' if bold else 'Regular'}.ttc"
    return ImageFont.truetype(str(FONTS / name), max(6, size_px), index=SC)


def draw_sheet(kind: str, seed: int = 0, px_per_mm: float = 8.0) -> Sheet:
    """Return the paper of `kind` (a key of DRAWERS); `seed` changes names, numbers and text. Raises: KeyError."""
    draw = DRAWERS[kind]
    return draw(kind, random.Random(f"{kind}/{seed}"), px_per_mm)


class Pen:
    """A sheet of paper being drawn, in millimetres."""

    def __init__(self, size_mm: tuple[float, float], px_per_mm: float, paper: tuple[int, int, int]) -> None:
        self.size_mm, self.k = size_mm, px_per_mm
        self.image = Image.new("RGB", (round(size_mm[0] * px_per_mm), round(size_mm[1] * px_per_mm)), paper)
        self.draw = ImageDraw.Draw(self.image)

    def px(self, mm: float) -> int:
        return round(mm * self.k)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size_mm: float,
        *,
        ink: tuple[int, int, int] = INK,
        anchor: str = "la",
        bold: bool = False,
        serif: bool = True,
    ) -> None:
        """Write a line of text; x and y in mm, anchored as Pillow does."""
        face = font(self.px(size_mm), bold, serif)
        self.draw.text((self.px(x), self.px(y)), text, font=face, fill=ink, anchor=anchor)

    def line(self, x0: float, y0: float, x1: float, y1: float, width_mm: float = 0.25) -> None:
        """Draw a ruled line."""
        points = (self.px(x0), self.px(y0), self.px(x1), self.px(y1))
        self.draw.line(points, fill=INK, width=max(1, self.px(width_mm)))

    def seal(self, x: float, y: float, radius_mm: float, text: str) -> None:
        """Stamp a round red seal: ring, star, and the office's name around it."""
        r = self.px(radius_mm)
        layer = Image.new("RGBA", (2 * r + 8, 2 * r + 8), (255, 255, 255, 0))
        pen = ImageDraw.Draw(layer)
        pen.ellipse((4, 4, 2 * r + 4, 2 * r + 4), outline=(*SEAL, 225), width=max(2, self.px(0.9)))
        pen.text((r + 4, r + 4), "★", font=font(round(0.75 * r)), fill=(*SEAL, 225), anchor="mm")
        face = font(round(0.26 * r), bold=True)
        for number, sign in enumerate(text):
            glyph = Image.new("RGBA", layer.size, (255, 255, 255, 0))
            spot = (r + 4, 4 + round(0.23 * r))
            ImageDraw.Draw(glyph).text(spot, sign, font=face, fill=(*SEAL, 225), anchor="mm")
            turn = (number - (len(text) - 1) / 2) * min(32.0, 240 / len(text))
            layer.alpha_composite(glyph.rotate(-turn, resample=Image.Resampling.BICUBIC))
        self.image.paste(layer, (self.px(x) - r - 4, self.px(y) - r - 4), layer)

    def finish(self, kind: str, radius_mm: float = 0.0) -> Sheet:
        """Return the paper as it lies on the desk."""
        rgb = np.asarray(self.image, dtype=np.uint8)
        return Sheet(kind, *self.size_mm, radius_mm, np.ascontiguousarray(rgb[:, :, ::-1]))


def _name(rng: random.Random) -> str:
    return rng.choice("沈钱陆周吴徐朱姚金俞") + rng.choice("建明丽秀志晓文雅国庆") + rng.choice("华芳英平军梅林萍强玉")


def _date(rng: random.Random, first: int = 1940, last: int = 2020) -> str:
    return f"{rng.randint(first, last)}年{rng.randint(1, 12)}月{rng.randint(1, 28)}日"


def _number(rng: random.Random) -> str:
    """An identity-number shape that is nobody's: area code 000000 does not exist."""
    digits = "".join(str(rng.randint(0, 9)) for _ in range(4))
    return f"000000{rng.randint(1940, 2020)}{rng.randint(1, 12):02d}{rng.randint(1, 28):02d}{digits}"


def _register(kind: str, rng: random.Random, k: float) -> Sheet:
    pen = Pen(A4_MM, k, (250, 248, 240))
    pen.text(105, 24, "常住人口登记卡", 9.5, anchor="ma", bold=True)
    pen.text(105, 37, "样张 · 仅供演示", 4.2, ink=(120, 120, 128), anchor="ma")
    left, right, top, step = 18.0, 192.0, 48.0, 15.4
    rows = [
        ("姓  名", _name(rng), "户主或与户主关系", rng.choice(("户主", "妻", "子", "女", "孙"))),
        ("曾用名", "—", "性  别", rng.choice("男女")),
        ("出 生 地", "浙江省嘉兴市", "民  族", "汉族"),
        ("籍  贯", "浙江省嘉兴市", "出生日期", _date(rng)),
        ("本市其他住址", "—", "宗教信仰", "—"),
        ("公民身份号码", _number(rng), "身  高", f"{rng.randint(150, 185)} cm"),
        ("文化程度", rng.choice(("小学", "初中", "高中", "大学本科")), "血  型", rng.choice("ABO")),
        ("婚姻状况", rng.choice(("未婚", "已婚", "丧偶")), "兵役状况", "未服兵役"),
        ("服务处所", rng.choice(("务农", "退休", "个体经营")), "职  业", rng.choice(("农民", "工人", "学生", "—"))),
        ("何时由何地迁来本市", "久居", "何时由何地迁来本址", "久居"),
    ]
    for number, row in enumerate(rows):
        y = top + number * step
        for x, cell, size in zip((20, 60, 108, 152), row, (4.0, 4.6, 4.0, 4.6), strict=True):
            small = size if len(cell) < 8 else 3.3
            pen.text(x, y + step / 2, cell, small, anchor="lm", bold=x in (20, 108), serif=x not in (20, 108))
    bottom = top + len(rows) * step
    for number in range(len(rows) + 1):
        pen.line(left, top + number * step, right, top + number * step)
    for rule in (left, 57.0, 105.0, 149.0, right):
        pen.line(rule, top, rule, bottom, 0.25 if left < rule < right else 0.5)
    pen.text(18, bottom + 14, "承办人签章：" + _name(rng), 4.4)
    pen.text(192, bottom + 42, "登记日期：" + _date(rng, 2001, 2020), 4.4, anchor="ra")
    pen.seal(152, bottom + 34, 19, "演示派出所户口专用章")
    return pen.finish(kind)


def _birth(kind: str, rng: random.Random, k: float) -> Sheet:
    pen = Pen(A4_MM, k, (247, 242, 232))
    pen.draw.rectangle((pen.px(10), pen.px(10), pen.px(200), pen.px(287)), outline=(70, 120, 150), width=pen.px(1.4))
    pen.draw.rectangle((pen.px(13), pen.px(13), pen.px(197), pen.px(284)), outline=(70, 120, 150), width=pen.px(0.4))
    pen.text(105, 26, "出生医学证明", 11, anchor="ma", bold=True)
    pen.text(105, 42, "BIRTH CERTIFICATE · 样张", 4.6, ink=(90, 90, 100), anchor="ma", serif=False)
    lines = (
        ("新生儿姓名", _name(rng)),
        ("性别", rng.choice("男女")),
        ("出生时间", _date(rng, 2015, 2026) + f"{rng.randint(0, 23)}时{rng.randint(0, 59)}分"),
        ("出生孕周", f"{rng.randint(37, 41)}周"),
        ("出生体重", f"{rng.randint(2600, 4100)}克"),
        ("出生地点", "浙江省嘉兴市"),
        ("医疗机构名称", "嘉兴市演示医院"),
        ("母亲姓名", _name(rng)),
        ("母亲身份证号", _number(rng)),
        ("父亲姓名", _name(rng)),
        ("父亲身份证号", _number(rng)),
        ("出生证编号", "Z33" + "".join(str(rng.randint(0, 9)) for _ in range(7))),
    )
    for number, (label, value) in enumerate(lines):
        y = 62 + number * 14.5
        pen.text(26, y, label, 4.8, ink=(60, 60, 80), bold=True)
        pen.text(74, y - 0.4, value, 5.2, serif=False)
        pen.line(72, y + 8, 184, y + 8, 0.2)
    pen.text(26, 246, "签发机构（盖章）", 4.6)
    pen.text(184, 262, _date(rng, 2015, 2026), 4.6, anchor="ra")
    pen.seal(140, 252, 17, "演示医院出生医学证明章")
    return pen.finish(kind)


def _card(kind: str, rng: random.Random, k: float) -> Sheet:
    k = max(k, 12.0)
    pen = Pen(CARD_MM, k, (20, 74, 140))
    width, height = pen.image.size
    ramp = np.linspace(0, 1, width)[None, :] * 0.6 + np.linspace(0, 1, height)[:, None] * 0.4
    first, last = (np.array(c) for c in rng.choice((((18, 66, 132), (44, 138, 190)), ((120, 24, 34), (190, 70, 50)))))
    face = first + (last - first) * ramp[:, :, None]
    pen.image.paste(Image.fromarray(face.astype(np.uint8), "RGB"))
    pen.draw = ImageDraw.Draw(pen.image)
    pen.draw.ellipse((pen.px(56), pen.px(-18), pen.px(110), pen.px(40)), outline=(255, 255, 255), width=2)
    pen.text(6, 5, "演示农商银行", 5.4, ink=(250, 250, 250), bold=True, serif=False)
    pen.text(80, 6.4, "借记卡 DEBIT", 3.2, ink=(235, 235, 235), anchor="ra", serif=False)
    pen.draw.rounded_rectangle(
        (pen.px(8), pen.px(18), pen.px(20), pen.px(27.5)), pen.px(1.6), fill=(214, 178, 96), outline=(150, 118, 50)
    )
    for x in (12, 16):
        pen.draw.line((pen.px(x), pen.px(18), pen.px(x), pen.px(27.5)), fill=(150, 118, 50), width=2)
    pen.draw.line((pen.px(8), pen.px(22.7), pen.px(20), pen.px(22.7)), fill=(150, 118, 50), width=2)
    digits = "6200 00" + "".join(str(rng.randint(0, 9)) for _ in range(2)) + " "
    digits += " ".join("".join(str(rng.randint(0, 9)) for _ in range(4)) for _ in range(2)) + " 000"
    pen.text(8, 31, digits, 5.6, ink=(252, 252, 252), bold=True, serif=False)
    pen.text(8, 43.5, "样卡 SPECIMEN", 3.4, ink=(230, 235, 240), serif=False)
    pen.text(79, 42.5, "储蓄", 4.6, ink=(250, 250, 250), anchor="ra", bold=True, serif=False)
    return pen.finish(kind, CARD_RADIUS_MM)


def _blank(kind: str, rng: random.Random, k: float) -> Sheet:
    return Pen(A4_MM, k, (249, 249, 246)).finish(kind)


def _text(kind: str, rng: random.Random, k: float) -> Sheet:
    size = A5_MM if kind == "a5" else A4_MM
    paper = rng.choice(((252, 252, 250), (246, 244, 236), (238, 244, 238), (250, 240, 240)))
    pen = Pen(size, k, paper)
    width, height = size
    pen.text(width / 2, 0.07 * height, "办事事项告知单", width * 0.042, anchor="ma", bold=True)
    y, pitch = 0.15 * height, rng.uniform(7.0, 10.0)
    while y < 0.9 * height:
        line = "".join(rng.choice(WORDS) for _ in range(3))
        stop = int((width - 36) / 4.0) - (rng.randint(4, 20) if rng.random() < 0.25 else 0)
        pen.text(18, y, line[: max(4, stop)], 3.7)
        y += pitch
    if rng.random() < 0.5:
        pen.seal(width - 45, height - 50, 17, "演示街道办事处")
    return pen.finish(kind)


def _table(kind: str, rng: random.Random, k: float) -> Sheet:
    pen = Pen(A4_MM, k, (251, 251, 251))
    pen.text(105, 22, "材料登记表", 8, anchor="ma", bold=True)
    rows, columns = rng.randint(10, 22), rng.randint(3, 5)
    step, wide = 220 / rows, 170 / columns
    for row in range(rows + 1):
        pen.line(20, 45 + row * step, 190, 45 + row * step)
    for column in range(columns + 1):
        pen.line(20 + column * wide, 45, 20 + column * wide, 265)
    for row in range(rows):
        for column in range(columns):
            if rng.random() < 0.75:
                word = rng.choice(WORDS)[: rng.randint(2, max(3, int(wide / 5)))]
                pen.text(22 + column * wide, 45 + (row + 0.5) * step, word, 3.6, anchor="lm", serif=False)
    return pen.finish(kind)


def _receipt(kind: str, rng: random.Random, k: float) -> Sheet:
    height = rng.uniform(120, 200)
    pen = Pen((RECEIPT_MM[0], height), k, (250, 250, 250))
    y = 8.0
    while y < height - 10:
        pen.text(6, y, rng.choice(WORDS)[: rng.randint(5, 16)], 3.6, serif=False)
        y += 6.2
    return pen.finish(kind)


DRAWERS: dict[str, Callable[[str, random.Random, float], Sheet]] = {
    "register": _register,
    "birth": _birth,
    "card": _card,
    "blank": _blank,
    "text": _text,
    "a5": _text,
    "table": _table,
    "receipt": _receipt,
}
