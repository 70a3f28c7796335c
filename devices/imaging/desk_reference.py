"""What the empty desk of a fixed camera looks like, learned while nobody is there: one witness, never the only one.

Kept in memory alone, at the size of the outline search. Pure functions: who calls them when is the eye's affair.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from devices.imaging.fields import Picture, Quads, shrink, shrink_factor
from devices.imaging.quads import areas

FRAMES = 16  # a mean of so many has a quarter of one frame's noise
BORDER_PX = 8  # of the small picture: what the mat's rim and the camera's place show
BORDER_LEVELS = 10.0  # a border that differs by more, gain taken out, is another view of the desk
MEAN_PX = 5  # averaged with their sign, so that noise cancels: a faint paper is a steady difference
CHANGED_LEVELS = 2.5  # of that mean
CHANGED_SPREADS = 4.0  # of that mean's own noise, where it is more
LEAST_SPREAD = 2.0  # levels: rounding, JPEG; of 5×5 px a fifth is left
OPEN_PX = 5
LEAST_SHARE = 0.015  # of the frame, as the outline search has it
GAIN_AT_MOST = 1.6  # lamps drift; beyond that the light was switched
Floats = npt.NDArray[np.float32]


class DeskReference(NamedTuple):
    """Mean and spread (levels, h×w×3) of the empty desk, at 1/`factor` of the frames of `size` (w, h)."""

    mean: Floats
    spread: Floats
    factor: int
    size: tuple[int, int]


def learn_desk(frames: tuple[Picture, ...]) -> DeskReference:
    """Return the reference of FRAMES frames (h×w×3 BGR) of a desk on which nothing lies and nothing moves.

    Raises: ValueError if they are too few or of several sizes.
    """
    shapes = {frame.shape for frame in frames}
    if len(frames) < FRAMES or len(shapes) != 1:
        raise ValueError(f"empty desk: {len(frames)} frames of {len(shapes)} sizes; needed are {FRAMES} of one size")
    height, width = frames[0].shape[:2]
    factor = shrink_factor(width, height)
    small = np.stack([shrink(frame, factor) for frame in frames]).astype(np.float32)
    spread = np.maximum(small.std(axis=0), LEAST_SPREAD)
    return DeskReference(small.mean(axis=0), spread, factor, (width, height))


def is_same_desk(reference: DeskReference, frame: Picture) -> bool:
    """Return whether the frame's border is still the reference's: no bumped camera, no other lamp, no other exposure.

    A hand or a paper may cross up to a third of the border.
    """
    if (frame.shape[1], frame.shape[0]) != reference.size:
        return False
    now = shrink(frame, reference.factor).astype(np.float32)
    rim = np.ones(now.shape[:2], bool)
    rim[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX] = False
    gain = _gain(reference, now, rim)
    if not 1 / GAIN_AT_MOST < gain < GAIN_AT_MOST:
        return False
    off = np.abs(now[rim] - gain * reference.mean[rim]).max(axis=1)
    return bool(np.mean(off > BORDER_LEVELS) < 1 / 3)


def changed_mask(reference: DeskReference, frame: Picture) -> Picture:
    """Return what is not the empty desk, h×w of the small picture, 255 or 0; the gain is matched on the border.

    Papers, hands and their shadows differ. A white paper on a white desk differs by little: the mask may have holes.
    """
    now = shrink(frame, reference.factor).astype(np.float32)
    rim = np.ones(now.shape[:2], bool)
    rim[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX] = False
    off = cv2.blur(now - reference.mean * np.float32(_gain(reference, now, rim)), (MEAN_PX, MEAN_PX))
    least = np.maximum(CHANGED_LEVELS, CHANGED_SPREADS / MEAN_PX * cv2.blur(reference.spread, (MEAN_PX, MEAN_PX)))
    mask = np.where((np.abs(off) > least).any(axis=2), 255, 0).astype(np.uint8)
    kernel = np.ones((OPEN_PX, OPEN_PX), np.uint8)
    return np.asarray(cv2.morphologyEx(cv2.morphologyEx(mask, cv2.MORPH_OPEN, kernel), cv2.MORPH_CLOSE, kernel))


def from_difference(mask: Picture, count: int = 3) -> Quads:
    """Return candidates from the largest changed regions, n×4×2 px of the small picture."""
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    large = sorted(contours, key=cv2.contourArea, reverse=True)[:count]
    found = []
    for contour in large:
        hull = cv2.convexHull(contour)
        if cv2.contourArea(hull) < LEAST_SHARE * mask.size or len(hull) < 4:
            continue
        shape = cv2.approxPolyN(hull, 4) if len(hull) > 4 else hull
        if shape is not None and shape.size == 8:
            found.append(np.asarray(shape, np.float64).reshape(4, 2))
    return np.array(found) if found else np.empty((0, 4, 2), np.float64)


def support(mask: Picture, quads: Quads) -> npt.NDArray[np.float64]:
    """Return, for each candidate (n×4×2 px), how well what changed is it: common area over united area, 0–1."""
    found = np.zeros(len(quads))
    changed = cv2.countNonZero(mask)
    for number, quad in enumerate(quads):
        own = np.zeros_like(mask)
        cv2.fillConvexPoly(own, np.round(quad).astype(np.int32), 255)
        common = cv2.countNonZero(cv2.bitwise_and(mask, own))
        united = changed + abs(float(areas(quad[None])[0])) - common
        found[number] = common / united if united > 0 else 0.0
    return np.clip(found, 0, 1)


def _gain(reference: DeskReference, now: Floats, where: npt.NDArray[np.bool_]) -> float:
    """Return how much brighter the frame is than the reference there: a median, so that a hand does not count."""
    ratio = now[where].sum(axis=1) / np.maximum(reference.mean[where].sum(axis=1), 1)
    return float(np.median(ratio))
