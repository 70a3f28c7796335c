"""What lies on a desk beside papers: pens, cables, coins, a cup, fingers, a clipboard; drawn from above."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.frames.optics import cast_shadow
from devices.sim import desk

Picture = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Points = npt.NDArray[np.float64]
SKINS = ((128, 158, 212), (104, 138, 198), (150, 180, 228), (78, 104, 152))  # BGR
FINGER_MM = 16.0


def lay_desk(surface: str, size: tuple[int, int], rng: np.random.Generator) -> Picture:
    """Return an empty desk, h×w×3 BGR: the simulator's surface turned, zoomed, tinted; half the wood in boards."""
    width, height = size
    tile = _tile(surface, int(rng.integers(0, 2)))
    scale = rng.uniform(0.8, 1.6) * height / 1080
    angle = rng.choice((0, 90, 180, 270)) + rng.normal(0, 12)
    matrix = cv2.getRotationMatrix2D((960, 540), float(angle), float(scale))
    matrix[:, 2] += np.array([width / 2 - 960, height / 2 - 540])
    laid = cv2.warpAffine(tile, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    if surface == "wood" and rng.random() < 0.5:
        _boards(laid, rng)
    tint = rng.uniform(0.55, 1.1) if surface in ("wood", "fabric", "grey") else rng.uniform(0.9, 1.06)
    return tinted(laid, tint * rng.uniform(0.95, 1.05, 3))


def scatter(picture: Picture, rng: np.random.Generator) -> None:
    """Lay one to three things about (changed in place)."""
    for _ in range(int(rng.integers(1, 4))):
        thing = int(rng.choice(4, p=(0.4, 0.35, 0.15, 0.1)))
        (_pen, _cable, _coins, _cup)[thing](picture, rng)


def lay_fingers(picture: Picture, corners: Points, px_per_mm: float, rng: np.random.Generator, on_corner: bool) -> bool:
    """Lay one or two fingers from the frame's edge over one side of the page, 5–20 % of it; return whether it was so.

    A corner stays free, unless `on_corner` asks for one to be covered.
    """
    height, width = picture.shape[:2]
    middle = corners.mean(axis=0)
    for _ in range(12):
        side = int(rng.integers(0, 4))
        start, stop = corners[side], corners[(side + 1) % 4]
        length = float(np.linalg.norm(stop - start))
        thick = min(FINGER_MM * px_per_mm, 0.2 * length)
        out = np.array([stop[1] - start[1], start[0] - stop[0]]) / length
        if out @ ((start + stop) / 2 - middle) < 0:
            out = -out
        turn = rng.normal(0, 0.3)
        out = np.array([out[0] * np.cos(turn) - out[1] * np.sin(turn), out[0] * np.sin(turn) + out[1] * np.cos(turn)])
        share = float(rng.uniform(0.0, 0.04)) if on_corner else float(rng.uniform(0.22, 0.78))
        at = start + (stop - start) * share
        count = 1 if on_corner or 2.3 * thick > 0.2 * length else int(rng.integers(1, 3))
        cover = np.zeros((height, width), np.uint8)
        for number in range(count):
            base = at + (stop - start) / length * number * 1.15 * thick
            tip = base - out * thick * rng.uniform(0.4, 1.3)
            far = base + out * 1.5 * max(width, height)
            _capsule(cover, tip, far, thick)
        hidden = [
            cover[int(np.clip(y, 0, height - 1)), int(np.clip(x, 0, width - 1))] > 0
            for x, y in corners + 0.12 * thick * (corners - middle) / np.linalg.norm(corners - middle, axis=1)[:, None]
        ]
        near = cv2.dilate(cover, np.ones((9, 9), np.uint8)) if not on_corner else cover
        touched = [near[int(np.clip(y, 0, height - 1)), int(np.clip(x, 0, width - 1))] > 0 for x, y in corners]
        if any(touched) == on_corner and (on_corner or not any(hidden)):
            _skin(picture, cover, thick, rng)
            return True
    return False


def lay_clipboard(picture: Picture, corners: Points, px_per_mm: float, rng: np.random.Generator) -> None:
    """Lay a board under the page about to be put at `corners` (changed in place)."""
    middle = corners.mean(axis=0)
    spread = np.linalg.norm(corners - middle, axis=1).mean()
    board = middle + (corners - middle) * (1 + rng.uniform(8, 25) * px_per_mm / spread)
    colour = np.array([(70, 110, 150), (40, 40, 44), (190, 190, 186), (120, 80, 50)][int(rng.integers(0, 4))], float)
    cover = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillConvexPoly(cover, np.round(board * 16).astype(np.int32), 255, cv2.LINE_AA, 4)
    _put(picture, cover, colour, 0.3, rng)


def lay_clip(picture: Picture, corners: Points, px_per_mm: float, rng: np.random.Generator) -> None:
    """Lay the clipboard's clip over the middle of the page's first side (changed in place)."""
    start, stop = corners[0], corners[1]
    along = (stop - start) / np.linalg.norm(stop - start)
    across = np.array([-along[1], along[0]])
    half, deep = rng.uniform(25, 45) * px_per_mm, rng.uniform(6, 12) * px_per_mm
    middle = (start + stop) / 2
    clip = [middle + along * a * half + across * b * deep for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    cover = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillConvexPoly(cover, np.round(np.array(clip) * 16).astype(np.int32), 255, cv2.LINE_AA, 4)
    _put(picture, cover, rng.uniform(0.6, 1.0) * np.array([190.0, 188.0, 184.0]), 0.3, rng)


@cache
def _tile(surface: str, variant: int) -> Picture:
    return desk.lay_surface(surface, (1920, 1080), np.random.default_rng([17, variant]))


def _boards(picture: Picture, rng: np.random.Generator) -> None:
    """Draw the seams between boards."""
    height, width = picture.shape[:2]
    turn = rng.choice((0.0, np.pi / 2)) + rng.normal(0, 0.1)
    along, across = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    pitch = rng.uniform(0.12, 0.3) * width
    shade = float(rng.uniform(0.55, 0.85))
    seams = np.zeros((height, width), np.uint8)
    for number in range(-12, 13):
        at = np.array([width / 2, height / 2]) + across * (number + rng.uniform(-0.05, 0.05)) * pitch
        start, stop = ((at + along * t * 2 * width) * 16 for t in (-1, 1))
        cv2.line(seams, start.astype(int).tolist(), stop.astype(int).tolist(), 255, 3, cv2.LINE_AA, 4)
    desk.blend(picture, tinted(picture, np.full(3, shade)), seams.astype(np.float32) / 255)


def _pen(picture: Picture, rng: np.random.Generator) -> None:
    height, width = picture.shape[:2]
    at = rng.uniform(0, 1, 2) * np.array([width, height])
    turn, length, thick = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 0.45) * height, rng.uniform(0.012, 0.022) * height
    step = np.array([np.cos(turn), np.sin(turn)]) * length / 2
    cover = np.zeros((height, width), np.uint8)
    _capsule(cover, at - step, at + step, thick)
    _put(picture, cover, rng.uniform(10, 230, 3), 0.3, rng, thick)


def _cable(picture: Picture, rng: np.random.Generator) -> None:
    height, width = picture.shape[:2]
    ends = rng.uniform(-0.1, 1.1, (4, 2)) * np.array([width, height])
    t = np.linspace(0, 1, 60)[:, None]
    curve = (1 - t) ** 3 * ends[0] + 3 * (1 - t) ** 2 * t * ends[1] + 3 * (1 - t) * t * t * ends[2] + t**3 * ends[3]
    thick = rng.uniform(0.006, 0.014) * height
    cover = np.zeros((height, width), np.uint8)
    cv2.polylines(cover, [np.round(curve * 16).astype(np.int32)], False, 255, max(2, round(thick)), cv2.LINE_AA, 4)
    _put(picture, cover, np.full(3, rng.choice((25.0, 60.0, 225.0))) + rng.normal(0, 6, 3), 0.35, rng, thick)


def _coins(picture: Picture, rng: np.random.Generator) -> None:
    height, width = picture.shape[:2]
    cover = np.zeros((height, width), np.uint8)
    for _ in range(int(rng.integers(1, 4))):
        at = rng.uniform(0, 1, 2) * np.array([width, height])
        cv2.circle(cover, at.astype(int).tolist(), int(rng.uniform(0.025, 0.04) * height), 255, -1, cv2.LINE_AA)
    _put(picture, cover, np.array([120.0, 150.0, 165.0]) * rng.uniform(0.7, 1.3), 0.3, rng, 0.03 * height)


def _cup(picture: Picture, rng: np.random.Generator) -> None:
    height, width = picture.shape[:2]
    side = rng.choice((0.02, 0.98))
    at = np.array([side * width, rng.uniform(0, 1) * height]).astype(int)
    radius = int(rng.uniform(0.1, 0.16) * height)
    for size, colour in ((radius, rng.uniform(90, 245, 3)), (int(0.82 * radius), rng.uniform(20, 90, 3))):
        cover = np.zeros((height, width), np.uint8)
        cv2.circle(cover, at.tolist(), size, 255, -1, cv2.LINE_AA)
        _put(picture, cover, colour, 0.3 if size == radius else 0.0, rng)


def _capsule(cover: Picture, start: Points, stop: Points, thick: float) -> None:
    a, b = (np.round(p * 16).astype(int).tolist() for p in (start, stop))
    cv2.line(cover, a, b, 255, max(2, round(thick)), cv2.LINE_AA, 4)


def _skin(picture: Picture, cover: Picture, thick: float, rng: np.random.Generator) -> None:
    colour = np.array(SKINS[int(rng.integers(0, len(SKINS)))], float) * rng.uniform(0.8, 1.05)
    _put(picture, cover, colour, 0.3, rng, thick)


def _put(
    picture: Picture,
    cover: Picture,
    colour: npt.NDArray[np.float64],
    shadow: float,
    rng: np.random.Generator,
    round_px: float = 0.0,
) -> None:
    """Blend a thing of one colour into the picture with its shadow; `round_px` wide things are lit as rods are."""
    x, y, w, h = cv2.boundingRect(cover)
    if w == 0 or h == 0:
        return
    margin = 16
    x0, y0 = max(0, x - margin), max(0, y - margin)
    x1, y1 = min(picture.shape[1], x + w + margin), min(picture.shape[0], y + h + margin)
    part = cover[y0:y1, x0:x1]
    alpha = part.astype(np.float32) / 255
    if shadow:
        cast_shadow(picture, alpha, (x0, y0), shadow, rng.normal(0, 3, 2))
    body = np.empty((*part.shape, 3), np.uint8)
    body[:] = np.clip(colour, 0, 255)
    if round_px:
        depth = cv2.distanceTransform((part > 127).astype(np.uint8), cv2.DIST_L2, 3) * np.float32(2 / round_px)
        shade = 0.62 + 0.42 * np.sqrt(np.clip(depth, 0, 1))
        body = cv2.multiply(body, cv2.merge([shade.astype(np.float32)] * 3), dtype=cv2.CV_8U)
    desk.blend(picture[y0:y1, x0:x1], np.asarray(body, np.uint8), alpha)


def tinted(picture: Picture, gain: npt.NDArray[np.float64]) -> Picture:
    """Return the picture with each channel multiplied."""
    levels = np.arange(256)[:, None] * gain[None, :]
    return np.asarray(cv2.LUT(picture, np.clip(levels, 0, 255).astype(np.uint8)[None]), dtype=np.uint8)
