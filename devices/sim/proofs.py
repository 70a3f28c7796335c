"""Papers whose every sign is known, to try what scanning leaves of them: 9-point text, a crossed seal, a photograph."""

from __future__ import annotations

import random
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from devices.sim.sheets import A4_MM, INK, SEAL, WORDS, Sheet, font

POINT_MM = 25.4 / 72
SMALL_MM = 9 * POINT_MM  # nine-point type: the smallest that forms are set in
BLUE = (38, 52, 140)  # a ball pen
SIGNS = tuple(
    dict.fromkeys(
        "".join(WORDS)
        + "未末己已日曰土士天夫人入大太犬千干于王玉主住往注柱白百自目且具真直申由甲田电旦但担石右左友"
        + "办证照税务局街道镇村组号码政府民政社保医养老残疾低保公积金银行账户开户转账水电燃气房屋产权登记"
        + "婚姻出生死亡迁入迁出居住暂住流动劳动合同工伤失业退休津贴补助救助临时特困供养孤儿高龄优待抚恤"
        + "营业执照食品经营许可变更注销年检抵押查询复印打印签名手印盖章骑缝副本原件委托代理监护继承赠与"
        + "赢嬴羸徽微徵辨辩辫瓣暮幕墓慕募戊戌戍戎崇祟粟栗候侯准淮冶治汨汩券卷刺剌沫洙茶荼"
    )
)  # common signs of the trade, and pairs that differ by one stroke


class Placed(NamedTuple):
    """One sign and the middle of its square on the paper, mm."""

    sign: str
    x_mm: float
    y_mm: float


class Proof(NamedTuple):
    """A paper and the signs written on it, each in a square of `size_mm`."""

    sheet: Sheet
    signs: tuple[Placed, ...]
    size_mm: float


def draw_proof(
    seed: int = 0, px_per_mm: float = 16.0, size_mm: float = SMALL_MM, serif: bool = True, lines: int = 40
) -> Proof:
    """Return an A4 page of nine-point signs in a known order, 44 a line; 40 lines fill it."""
    rng = random.Random(f"proof/{seed}")
    image = Image.new("RGB", (round(A4_MM[0] * px_per_mm), round(A4_MM[1] * px_per_mm)), (251, 250, 247))
    pen = ImageDraw.Draw(image)
    face = font(round(size_mm * px_per_mm), serif=serif)
    step, pitch = size_mm * 1.12, size_mm * 1.9
    placed = []
    for line in range(lines):
        for column in range(44):
            sign = rng.choice(SIGNS)
            x, y = 24 + column * step, 24 + line * pitch
            pen.text((x * px_per_mm, y * px_per_mm), sign, font=face, fill=INK, anchor="mm")
            placed.append(Placed(sign, x, y))
    return Proof(Sheet("proof", *A4_MM, 0.0, _bgr(image)), tuple(placed), size_mm)


def draw_signed(px_per_mm: float = 12.0) -> Sheet:
    """Return a form whose last lines run under a red seal, signed in blue beside it and with a portrait pasted on."""
    rng = random.Random("signed")
    k = px_per_mm
    image = Image.new("RGB", (round(A4_MM[0] * k), round(A4_MM[1] * k)), (250, 249, 246))
    pen = ImageDraw.Draw(image)
    pen.text((105 * k, 22 * k), "补贴申请表", font=font(round(8 * k), bold=True), fill=INK, anchor="ma")
    face = font(round(SMALL_MM * k))
    y = 48.0
    while y < 268:
        text = "".join(rng.choice(WORDS) for _ in range(3))[: 34 if y < 95 else 47]
        pen.text((18 * k, y * k), text, font=face, fill=INK)
        y += 6.2
    portrait = draw_scene(round(26 * k), round(36 * k), 3)
    image.paste(portrait, (round(160 * k), round(48 * k)))
    _stamp(image, 150 * k, 240 * k, 20 * k)
    _scrawl(ImageDraw.Draw(image), 62 * k, 262 * k, k)
    return Sheet("signed", *A4_MM, 0.0, _bgr(image))


def draw_photograph(px_per_mm: float = 12.0, seed: int = 0) -> Sheet:
    """Return an A4 page that is a photograph up to a white margin of 8 mm."""
    k = px_per_mm
    image = Image.new("RGB", (round(A4_MM[0] * k), round(A4_MM[1] * k)), (250, 250, 249))
    image.paste(draw_scene(round(194 * k), round(281 * k), seed), (round(8 * k), round(8 * k)))
    return Sheet("photograph", *A4_MM, 0.0, _bgr(image))


def draw_scene(width_px: int, height_px: int, seed: int) -> Image.Image:
    """Return an invented landscape: sky, hills, a house, the grain of film. Tones of every lightness."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:240, 0:180].astype(np.float32)
    sky = np.array([168, 196, 226], np.float32) + (y / 240 * 40)[:, :, None]
    picture = sky.copy()
    for level, colour in ((110, (96, 122, 104)), (150, (70, 98, 62)), (190, (46, 60, 38))):
        ridge = level + 14 * np.sin(x / 31 + rng.uniform(0, 6)) + 6 * np.sin(x / 9 + rng.uniform(0, 6))
        picture[y > ridge] = colour
    picture[150:205, 66:112] = (188, 172, 150)
    picture[168:205, 82:94] = (58, 44, 36)
    shade = 18 * np.sin(x / 7)[:, :, None] * np.cos(y / 5)[:, :, None]
    small = Image.fromarray(np.clip(picture + shade, 0, 255).astype(np.uint8), "RGB")
    large = small.resize((width_px, height_px), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(1))
    grain = rng.normal(0, 6, (height_px, width_px, 1))
    return Image.fromarray(np.clip(np.asarray(large, np.float32) + grain, 0, 255).astype(np.uint8), "RGB")


def _stamp(image: Image.Image, x: float, y: float, radius: float) -> None:
    """Press a round seal onto the paper: ink lets the writing below shine through, as a rubber stamp's does."""
    r = round(radius)
    layer = Image.new("L", (2 * r + 8, 2 * r + 8), 0)
    pen = ImageDraw.Draw(layer)
    pen.ellipse((4, 4, 2 * r + 4, 2 * r + 4), outline=235, width=max(2, r // 18))
    pen.text((r + 4, r + 4), "★", font=font(round(0.7 * r)), fill=235, anchor="mm")
    pen.text((r + 4, round(1.62 * r)), "补贴专用章", font=font(round(0.2 * r), bold=True), fill=235, anchor="mm")
    for number, sign in enumerate("演示县民政局业务受理"):
        glyph = Image.new("L", layer.size, 0)
        face = font(round(0.24 * r), bold=True)
        ImageDraw.Draw(glyph).text((r + 4, 4 + round(0.22 * r)), sign, font=face, fill=235, anchor="mm")
        turned = np.maximum(np.asarray(layer), np.asarray(glyph.rotate(-(number - 4.5) * 25, Image.Resampling.BICUBIC)))
        layer = Image.fromarray(turned, "L")
    box = (round(x) - r - 4, round(y) - r - 4)
    region = (*box, box[0] + layer.width, box[1] + layer.height)
    under = np.asarray(image.crop(region), np.float32)
    cover = np.asarray(layer, np.float32)[:, :, None] / 255
    pressed = under * (1 - cover + cover * np.array(SEAL, np.float32) / 255)
    image.paste(Image.fromarray(pressed.astype(np.uint8), "RGB"), box)


def _scrawl(pen: ImageDraw.ImageDraw, x: float, y: float, k: float) -> None:
    """Sign with a blue pen: three strokes that no font knows."""
    for shift, turn in ((0.0, 0.0), (12.0, 1.3), (24.0, 2.1)):
        t = np.linspace(0, 5, 60)
        across = x + (shift + 1.6 * t + 3 * np.sin(1.7 * t + turn)) * k
        down = y + (4 * np.sin(2.3 * t + turn) + 2 * np.cos(5 * t)) * k
        points = [(float(a), float(b)) for a, b in zip(across, down, strict=True)]
        pen.line(points, fill=BLUE, width=max(1, round(0.5 * k)), joint="curve")


def _bgr(image: Image.Image) -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(np.asarray(image, dtype=np.uint8)[:, :, ::-1])
