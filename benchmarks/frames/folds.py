"""Paper that came folded in a pocket: facets that take the light differently, creases, sides that bend at them."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from devices.sim.sheets import Sheet

Floats = npt.NDArray[np.float32]
Points = npt.NDArray[np.float64]
WAYS = ((0, 1), (0, 2), (1, 0), (1, 1), (1, 3))  # creases across and down: half, thirds, quarter, eighths
CRUMPLED = 0.25  # of them
WORN_PX = 24  # of a crease's length: how far apart it is worn differently


class Crease(NamedTuple):
    """One crease: the way it runs, where on the page (a share), how far it lifts the paper (a share of its length)."""

    is_across: bool
    at: float
    lift: float


def fold(sheet: Sheet, rng: np.random.Generator) -> tuple[Sheet, tuple[Crease, ...]]:
    """Return the sheet as the light shows it when it was folded and opened again, and its creases."""
    across, down = WAYS[int(rng.integers(0, len(WAYS)))]
    creases = tuple(
        Crease(is_across, (at + 1) / (count + 1) + float(rng.normal(0, 0.012)), float(rng.uniform(-0.006, 0.01)))
        for is_across, count in ((True, across), (False, down))
        for at in range(count)
    )
    high, wide = sheet.picture.shape[:2]
    light = np.ones((high, wide), np.float32)
    per_mm = wide / sheet.width_mm
    for is_across in (True, False):
        length, size_mm = (high, sheet.height_mm) if is_across else (wide, sheet.width_mm)
        ends = [0.0, *sorted(one.at for one in creases if one.is_across == is_across), 1.0]
        share = np.linspace(0, 1, length, dtype=np.float32)
        facets = np.zeros(length, np.float32)
        for first, last in pairwise(ends):
            inside = (share >= first) & (share <= last)
            slope = (share[inside] - first) / (last - first) - 0.5
            facets[inside] = rng.normal(0, 0.035) + rng.normal(0, 0.03) * slope
        if len(ends) > 2:
            light += facets[:, None] if is_across else facets
        for at in ends[1:-1]:
            line = _line(share, at, size_mm, rng)
            worn = _worn(wide if is_across else high, rng)
            light += np.outer(line, worn) if is_across else np.outer(worn, line)
    if rng.random() < CRUMPLED:
        light += _crumpled((high, wide), per_mm, rng)
    lit = sheet.picture.astype(np.float32) * np.clip(light, 0.3, 1.15)[..., None]
    return sheet._replace(picture=np.clip(lit, 0, 255).astype(np.uint8)), creases


def lift(creases: tuple[Crease, ...], corners: Points, size: tuple[int, int]) -> tuple[Floats, Floats]:
    """Return from where each place of a picture (h, w) takes its colour, in px, the paper lifted at its creases.

    The corners (4×2 px in that picture) stay where they are.
    """
    y, x = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
    at_x, at_y = x.copy(), y.copy()
    for crease in creases:
        along, other = corners[3] - corners[0], corners[1] - corners[0]
        if not crease.is_across:
            along, other = other, along
        share = ((x - corners[0][0]) * along[0] + (y - corners[0][1]) * along[1]) / float(along @ along)
        rise = np.interp(share, (0, crease.at, 1), (0, crease.lift, 0)).astype(np.float32)
        at_x -= rise * other[0]
        at_y -= rise * other[1]
    return at_x, at_y


def _line(share: Floats, at: float, size_mm: float, rng: np.random.Generator) -> Floats:
    """Return the light along a page across one crease: a sharp line in a soft shoulder, dark or bright."""
    from_it = (share - at) * size_mm
    sharp = rng.normal(-0.08, 0.1) * np.exp(-((from_it / rng.uniform(0.25, 1.0)) ** 2))
    shoulder = rng.normal(0, 0.05) * np.exp(-np.abs(from_it) / rng.uniform(1.5, 8))
    return np.asarray(sharp + shoulder * np.sign(from_it + 1e-6), np.float32)


def _worn(length: int, rng: np.random.Generator) -> Floats:
    coarse = rng.uniform(0.4, 1.2, max(2, length // WORN_PX)).astype(np.float32)
    return cv2.resize(coarse[None], (length, 1), interpolation=cv2.INTER_CUBIC)[0]


def _crumpled(size: tuple[int, int], per_mm: float, rng: np.random.Generator) -> Floats:
    """Return the light of paper that was crumpled and smoothed again: slopes of straight pieces between ridges."""
    high, wide = size
    light = np.zeros(size, np.float32)
    y, x = np.mgrid[0:high, 0:wide].astype(np.float32)
    for _ in range(14):
        turn, at = rng.uniform(0, np.pi), rng.uniform(0.1, 0.9, 2) * (wide, high)
        from_it = ((x - at[0]) * np.cos(turn) + (y - at[1]) * np.sin(turn)) / per_mm
        light += rng.normal(0, 0.02) * np.tanh(from_it / 2) * np.exp(-np.abs(from_it) / 25)
    return light
