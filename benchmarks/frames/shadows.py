"""Hard shadows, drawn: how much of the light reaches each place of a page past an edge, a bar, an arm, a hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.uint8]
TINT = (1.06, 1.0, 0.95)  # BGR, × what is left: the room's light is cooler than the lamp's


class Shadow(NamedTuple):
    """A shadow over a page: what of the light is left (h×w×3 BGR, 0 to 1), and where it lies: 255 umbra, 0 lit."""

    light: Floats
    cover: Mask


def cast(kind: str, size: tuple[int, int], rng: np.random.Generator, left: float, soft_px: float) -> Shadow:
    """Return a shadow of `kind` (of SHAPES) on a page of `size` px that leaves `left` of the light.

    Its edge takes `soft_px` from dark to light. Raises: KeyError.
    """
    shape = SHAPES[kind](size, rng)
    side = max(1, round(soft_px))
    cover = cv2.blur(cv2.blur(shape, (side, side)), (max(1, side // 2),) * 2) if side > 1 else shape
    share = cover.astype(np.float32) / 255
    tint = TINT if rng.random() < 0.5 else (1.0, 1.0, 1.0)
    return Shadow(cv2.merge([1 - share * (1 - left * channel) for channel in tint]), np.asarray(cover, np.uint8))


def _edge(size: tuple[int, int], rng: np.random.Generator) -> Mask:
    """All on one side of a line through the middle third."""
    w, h = size
    turn, far = rng.uniform(0, 2 * np.pi), 2.0 * max(size)
    x, y = rng.uniform(0.35, 0.65) * w, rng.uniform(0.35, 0.65) * h
    along, off = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    at = np.array([x, y])
    return _filled(
        size, np.array([at - far * along, at + far * along, at + far * (along + off), at + far * (off - along)])
    )


def _band(size: tuple[int, int], rng: np.random.Generator, turn: float | None = None) -> Mask:
    """A bar from side to side, 20 to 60 mm of an A4 wide."""
    w, h = size
    turn = float(rng.uniform(0, np.pi)) if turn is None else turn
    at = np.array([rng.uniform(0.3, 0.7) * w, rng.uniform(0.3, 0.7) * h])
    along, off = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    half, far = rng.uniform(0.05, 0.14) * w, 2.0 * max(size)
    ends = (at - far * along - half * off, at + far * along - half * off)
    return _filled(size, np.array([*ends, at + far * along + half * off, at - far * along + half * off]))


def _level_band(size: tuple[int, int], rng: np.random.Generator) -> Mask:
    return _band(size, rng, float(rng.integers(0, 2)) * np.pi / 2)


def _corner(size: tuple[int, int], rng: np.random.Generator) -> Mask:
    w, h = size
    across, down = rng.uniform(0.3, 0.8) * w, rng.uniform(0.25, 0.6) * h
    mask = _filled(size, np.array([(-1, -1), (across, -1), (-1, down)]))
    turned = {0: mask, 1: cv2.flip(mask, 0), 2: cv2.flip(mask, 1), 3: cv2.flip(mask, -1)}
    return np.asarray(turned[int(rng.integers(0, 4))], np.uint8)


def _arm(size: tuple[int, int], rng: np.random.Generator) -> Mask:
    """A forearm from the edge, a palm and four fingers at its end."""
    w, h = size
    mask = np.zeros((h, w), np.uint8)
    turn = rng.uniform(-0.9, 0.9)
    along, off = np.array([-np.cos(turn), np.sin(turn)]), np.array([np.sin(turn), np.cos(turn)])
    start, length = np.array([1.05 * w, rng.uniform(0.3, 0.7) * h]), rng.uniform(0.4, 0.7) * w
    wrist, wide = start + length * along, 0.11 * w
    cv2.fillPoly(
        mask,
        [
            np.round(
                [start - 1.3 * wide * off, wrist - 0.8 * wide * off, wrist + 0.8 * wide * off, start + 1.3 * wide * off]
            ).astype(np.int32)
        ],
        255,
    )
    palm = wrist + 0.9 * wide * along
    cv2.circle(mask, _spot(palm), round(1.05 * wide), 255, -1)
    for number in range(4):
        spread = (number - 1.5) * 0.5
        root = palm + spread * wide * off
        tip = root + (2.1 - 0.3 * abs(number - 1.5)) * wide * (along + 0.25 * spread * off)
        cv2.line(mask, _spot(root), _spot(tip), 255, round(0.4 * wide))
    return mask if rng.random() < 0.5 else np.asarray(cv2.flip(mask, 1), np.uint8)


def _head(size: tuple[int, int], rng: np.random.Generator) -> Mask:
    """Someone's head and shoulders over the upper edge."""
    w, h = size
    mask = np.zeros((h, w), np.uint8)
    x, r = rng.uniform(0.3, 0.7) * w, rng.uniform(0.14, 0.22) * w
    cv2.ellipse(mask, (round(x), round(0.8 * r)), (round(r), round(1.3 * r)), 0, 0, 360, 255, -1)
    cv2.ellipse(mask, (round(x), round(-0.2 * r)), (round(2.4 * r), round(0.9 * r)), 0, 0, 360, 255, -1)
    return mask


def _filled(size: tuple[int, int], points: npt.NDArray[np.float64]) -> Mask:
    mask = np.zeros((size[1], size[0]), np.uint8)
    cv2.fillPoly(mask, [np.round(points * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return mask


def _spot(at: npt.NDArray[np.float64]) -> tuple[int, int]:
    return round(float(at[0])), round(float(at[1]))


SHAPES: dict[str, Callable[[tuple[int, int], np.random.Generator], Mask]] = {
    "edge": _edge,
    "band": _band,
    "level": _level_band,
    "corner": _corner,
    "arm": _arm,
    "head": _head,
}
