"""Candidates around others: each side as it is, or moved to where another edge or seam runs along it."""

from __future__ import annotations

from itertools import product

import cv2
import numpy as np
import numpy.typing as npt

from devices.imaging.evidence import along, of_sides
from devices.imaging.fields import PARAMETERS, UNIT, Fields, OutlineParameters, Quads
from devices.imaging.quads import areas, moved, usual

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]
ACROSS = 3  # px to either side that make a step or a seam
LEVEL = 4 * 2 * UNIT  # what a slope of one level in a pixel is in the fields
PEAK_PX = 5  # one peak within so many to either side
TILTS = (-8, -4, 0, 4, 8)  # px between the ends of a side that leans
RELAX_PX, RELAX_STEP_PX = 10, 2  # how far an end of a side is moved, in which steps
OUTER_PX = 3  # a side that lies nearer is the same


def grown(fields: Fields, quad: npt.NDArray[np.float64], parameters: OutlineParameters = PARAMETERS) -> Quads:
    """Return candidates around one (4×2 px), at most `grow_keep`, those first for which most speaks.

    What is printed runs along its paper: a block of writing or a table leads to the page that it stands on, and three
    sides of a page to the fourth.
    """
    p = parameters
    reach = round(p.grow_share * max(fields.size))
    samples, normals = along(quad[None], p.points)
    offsets = np.arange(-reach - ACROSS, reach + ACROSS + 1)
    spots = samples[0, :, None] + normals[0, :, None, None, :] * offsets[:, None, None]  # 4×offsets×points×2
    step, seam = seen_across(fields, spots, normals[0, :, None, None, :], 1, p)
    strength = speaks(step.mean(axis=2), seam.mean(axis=2), p)
    room = [_places(one, reach, p) for one in strength]
    chosen = np.array(list(product(*room)))  # n×4: places on the offsets
    shifts = chosen.astype(np.float64) - reach
    wider = moved(np.repeat(quad[None], len(chosen), axis=0), np.repeat(shifts[:, :, None], 2, axis=2))
    share = np.clip(areas(wider) / (fields.size[0] * fields.size[1]), 0, 1)
    rated = of_sides(strength[np.arange(4), chosen]) * (0.8 + 0.2 * np.sqrt(np.minimum(share / 0.25, 1)))
    rated *= 1 + p.shape_sought * usual(wider, fields.size, p)
    return np.asarray(wider[np.argsort(-rated, kind="stable")[: p.grow_keep]])


def outward(fields: Fields, quad: Floats, parameters: OutlineParameters = PARAMETERS) -> Quads:
    """Return larger candidates around one (4×2 px), at most `outward_keep`, those first for which most speaks.

    What is printed is stronger than a faint paper: here half a step is as much as a whole one, and sides may tilt.
    """
    p = parameters
    reach = round(p.grow_share * max(fields.size))
    samples, normals = along(quad[None], p.points)
    offsets = np.arange(-reach - ACROSS, ACROSS + 1)
    spots = samples[0, :, None] + normals[0, :, None, None, :] * offsets[:, None, None]
    step, seam = seen_across(fields, spots, normals[0, :, None, None, :], 1, p)
    strength, tilts = leaning(step, seam, TILTS, p)
    room = [_outer_places(one, reach, p) for one in strength]
    chosen = np.array(list(product(*room)))
    lean = np.where(chosen < reach, tilts[np.arange(4), chosen] / 2, 0)
    shifts = np.stack([chosen - reach - lean, chosen - reach + lean], axis=2)
    wider = moved(np.repeat(quad[None], len(chosen), axis=0), shifts)
    inside = (wider > -3).all(axis=(1, 2)) & (wider < np.array(fields.size) + 2).all(axis=(1, 2))
    share_of_frame = np.clip(areas(wider) / (fields.size[0] * fields.size[1]), 0, 1)
    rated = of_sides(np.minimum(strength[np.arange(4), chosen], p.outward_most)) * share_of_frame**0.25 * inside
    rated *= 1 + p.shape_sought * usual(wider, fields.size, p)
    return np.asarray(wider[np.argsort(-rated, kind="stable")[: p.outward_keep]])


def relaxed(fields: Fields, quads: Quads, parameters: OutlineParameters = PARAMETERS) -> Quads:
    """Return the candidates (n×4×2 px) with each side's two ends moved to where most speaks for it."""
    p = parameters
    if not len(quads):
        return quads
    samples, normals = along(quads, p.points)
    offsets = np.arange(-RELAX_PX - ACROSS, RELAX_PX + ACROSS + 1)
    spots = samples[:, :, None] + normals[:, :, None, None, :] * offsets[:, None, None]
    step, seam = seen_across(fields, spots, normals[:, :, None, None, :], 2, p)
    places = np.arange(-RELAX_PX, RELAX_PX + 1, RELAX_STEP_PX)
    ends, under = leanings(places, p.points)
    rows, columns = under + RELAX_PX, np.arange(p.points)
    strength = speaks(step[:, :, rows, columns].mean(axis=3), seam[:, :, rows, columns].mean(axis=3), p)
    return moved(quads, ends[strength.argmax(axis=2)].astype(np.float64))


def leanings(places: Places, points: int) -> tuple[Places, Places]:
    """Return all ways for a side to lie between two of the places (px inward), pairs×2, and where each of its points
    lies then, pairs×points.
    """
    ends = np.array(list(product(places, repeat=2)))
    share = np.linspace(0.06, 0.94, points)
    return ends, np.rint(ends[:, :1] * (1 - share) + ends[:, 1:] * share).astype(np.intp)


def seen_across(
    fields: Fields, spots: Floats, normals: Floats, axis: int, p: OutlineParameters
) -> tuple[Floats, Floats]:
    """Return step and seam across `normals` at the spots (…×points×2 px), which run along `axis` a px at a time."""
    both = cv2.merge([fields.gx, fields.gy])
    grid = np.asarray(spots.reshape(-1, spots.shape[-2], 2), np.float32)
    seen = cv2.remap(both, grid, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT).reshape(spots.shape)
    n = normals.astype(np.float32) / LEVEL
    return step_and_seam(seen[..., 0] * n[..., 0] + seen[..., 1] * n[..., 1], axis, p)


def step_and_seam(across: Floats, axis: int, p: OutlineParameters) -> tuple[Floats, Floats]:
    """Return how much of a full step and of a full seam lies at each place, −1 to 1: beyond a few levels only the
    sign counts.

    `across`: levels a px along `axis`, from which ACROSS places are lost at either end.
    """
    padding = [(0, 0)] * across.ndim
    padding[axis] = (1, 0)
    total = np.moveaxis(np.cumsum(np.pad(across, padding), axis=axis), axis, -1)
    count = across.shape[axis] - 2 * ACROSS
    step = total[..., 2 * ACROSS + 1 :] - total[..., :count]
    seam = (step - 2 * (total[..., ACROSS : ACROSS + count] - total[..., :count])) / 2
    found = (np.clip(step / p.line_step, -1, 1), np.clip(seam / p.line_seam, -1, 1))
    step, seam = (np.moveaxis(one, -1, axis) for one in found)
    return step, seam


def speaks(step: Floats, seam: Floats, p: OutlineParameters) -> Floats:
    """Return how much speaks for a side, 0 to 1, of its mean step and seam; a seam is never certain."""
    return np.asarray(np.maximum(np.abs(step), p.seam_most * seam))


def leaning(step: Floats, seam: Floats, tilts: tuple[int, ...], p: OutlineParameters) -> tuple[Floats, Floats]:
    """Return how much speaks for a side at each place (n×places×points → n×places) as it leans best, and how many px
    lie between its ends then, of `tilts`.
    """
    count, points = step.shape[1:]
    spare = max(tilts) // 2 + 1
    rows = [np.pad(one.transpose(2, 0, 1), ((0, 0), (0, 0), (spare, spare)), "edge") for one in (step, seam)]
    found = []
    for tilt in tilts:
        starts = spare + np.rint(tilt * np.linspace(-0.44, 0.44, points)).astype(int)
        means = [sum(one[point, :, at : at + count] for point, at in enumerate(starts)) / points for one in rows]
        found.append(speaks(means[0], means[1], p))
    return np.max(found, axis=0), np.array(tilts)[np.argmax(found, axis=0)]


def _outer_places(strength: Floats, reach: int, p: OutlineParameters) -> list[int]:
    """Return where a side may lie: as it is, and at the strongest places outside that are apart."""
    found: list[int] = []
    for place in np.argsort(-strength[: reach - OUTER_PX], kind="stable"):
        if len(found) == p.outward_peaks or strength[place] < p.outward_least:
            break
        if all(abs(int(place) - one) > PEAK_PX for one in found):
            found.append(int(place))
    return [reach, *found]


def _places(strength: Floats, reach: int, p: OutlineParameters) -> list[int]:
    """Return where a side may lie: as it is, and at the strongest peaks."""
    highest = cv2.dilate(strength.reshape(1, -1), np.ones((1, 2 * PEAK_PX + 1), np.uint8)).ravel()
    peaks = np.flatnonzero((strength >= highest) & (strength > p.grow_least))
    best = peaks[np.argsort(-strength[peaks], kind="stable")[: p.grow_peaks]]
    return [reach, *(int(place) for place in best if abs(int(place) - reach) > 1)]
