"""Where a small network sees paper, and where paper ends: a last witness where paper and desk hardly differ.

Asked where lines are hopeful and nothing is certain: it proposes, and speaks for or against what others proposed. Its
weights are learned from drawn frames (benchmarks/paper_map_train.py); it runs in numpy. See docs/adr/0041.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from devices.imaging.candidates import from_mask
from devices.imaging.evidence import along, of_sides
from devices.imaging.fields import UNIT, Fields, Gradient, Planes, Quads
from devices.imaging.grow import leanings
from devices.imaging.quads import areas, clockwise, moved

Floats = npt.NDArray[np.float32]
Scores = npt.NDArray[np.float64]
FILE = Path(__file__).resolve().parents[2] / "assets" / "imaging" / "paper_map.npz"
CELL_PX = 2  # of the small picture
FOLD_PX = 32  # a picture is padded to: cells, halved four times
WIDE_PX, NEAR_PX = 31, 9  # over which lightness is compared with its surroundings
LIGHT, WIDE, NEAR, COLOUR = 32.0, 3.0, 1.5, 6.0  # levels that are one, of each feature
DEPTHS = (2, 2, 2, 3, 3)  # layers at each size
SURE = (0.3, 0.5, 0.7)  # so surely paper is a region that proposes
REGIONS, LEAST_SHARE = 3, 0.015  # the largest ones that propose, of the frame
KNOWN_CELLS = 5  # around a paper that is known, as much again on either side
OPEN_CELLS = 7  # what is narrower is a pen or a cable beside the paper
LAY_PX = ((16, 4), (6, 2))  # how far an end of a side is moved to the rim, in which steps
POINTS, STRETCHES = 28, 4  # of a side; what is round has its rim under some of them alone
LOGITS = 30.0  # beyond it a chance is 0 or 1
RIM_CELLS = np.array([-1, 0, 1])  # inward, where a side's rim is looked for


class PaperMap(NamedTuple):
    """How surely each cell (h×w of CELL_PX) is paper, and a paper's end, 0 to 1."""

    paper: Floats
    rim: Floats


def find_map(fields: Fields) -> PaperMap:
    """Return what the network sees in a prepared frame; about 50 ms."""
    layers = _layers()
    seen = _network(features(fields.planes), layers)
    height, width = (-(-side // CELL_PX) for side in fields.gx.shape)
    chances = 1 / (1 + np.exp(-np.clip(seen[:height, :width], -LOGITS, LOGITS)))
    return PaperMap(np.ascontiguousarray(chances[..., 0]), np.ascontiguousarray(chances[..., 1]))


def sees_paper(seen: PaperMap) -> bool:
    """Whether anything as large as a paper is seen."""
    return bool((seen.paper >= SURE[1]).mean() >= LEAST_SHARE)


def from_map(seen: PaperMap) -> Quads:
    """Return candidates from what is surely paper, with their sides as they are and laid onto the rim: n×4×2 px of the
    small picture.
    """
    found: list[Quads] = []
    for sure in SURE:
        mask = np.asarray(cv2.compare(seen.paper, sure, cv2.CMP_GE), np.uint8)
        alone = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((OPEN_CELLS, OPEN_CELLS), np.uint8))
        found += from_mask(mask, REGIONS, LEAST_SHARE) + from_mask(alone, REGIONS, LEAST_SHARE)
    if not found:
        return np.empty((0, 4, 2), np.float64)
    quads = clockwise((np.concatenate(found) + 0.5) * CELL_PX - 0.5)
    return np.concatenate([quads, laid(seen, quads)])


def beside(seen: PaperMap, quad: npt.NDArray[np.float64]) -> PaperMap:
    """Return the map without a paper (4×2 px of the small picture) that is known, and a rim around it."""
    left = np.ones(seen.paper.shape, np.uint8)
    cells = np.round((quad + 0.5) / CELL_PX - 0.5).astype(np.int32)
    cv2.fillConvexPoly(left, cells, 0)
    cv2.polylines(left, [cells], True, 0, KNOWN_CELLS)
    return PaperMap(seen.paper * left, seen.rim)


def laid(seen: PaperMap, quads: Quads) -> Quads:
    """Return the candidates (n×4×2 px) with both ends of their sides moved to where most rim lies under them."""
    for most, step in LAY_PX if len(quads) else ():
        samples, normals = along(quads, POINTS)
        offsets = np.arange(-most, most + 1)
        rim = _at(seen.rim, samples[:, :, None] + normals[:, :, None, None, :] * offsets[:, None, None])
        ends, under = leanings(np.arange(-most, most + 1, step), POINTS)
        strength = rim[:, :, under + most, np.arange(POINTS)].mean(axis=3)  # n×4×pairs
        quads = moved(quads, ends[strength.argmax(axis=2)].astype(np.float64))
    return quads


def agreement(seen: PaperMap, quads: Quads) -> Scores:
    """Return what the map says of each candidate (n×4×2 px), −1 to 1: how much it and the paper seen have in common,
    and how much rim lies under its sides, under the weakest as much as under all.
    """
    inside = np.zeros(len(quads))
    if not len(quads):
        return inside
    for number, quad in enumerate(quads):
        own = np.zeros(seen.paper.shape, np.uint8)
        cv2.fillConvexPoly(own, np.round((quad + 0.5) / CELL_PX - 0.5).astype(np.int32), 1)
        inside[number] = float(seen.paper[own > 0].sum())
    united = float(seen.paper.sum()) + areas(quads) / CELL_PX**2 - inside
    samples, normals = along(quads, POINTS)
    spots = samples[:, :, None] + normals[:, :, None, None, :] * (CELL_PX * RIM_CELLS)[:, None, None]
    stretches = _at(seen.rim, spots).reshape(len(quads), 4, len(RIM_CELLS), STRETCHES, -1).mean(axis=4).max(axis=2)
    rim = of_sides(np.sort(stretches, axis=2)[:, :, 1])  # one may lie under a finger
    return np.asarray(np.clip(inside / np.maximum(1, united), 0, 1) + rim - 1)


def _at(plane: Floats, spots: Quads) -> Floats:
    """Return the map's values at spots (…×points×2 px of the small picture)."""
    grid = np.asarray((spots.reshape(-1, spots.shape[-2], 2) + 0.5) / CELL_PX - 0.5, np.float32)
    seen = cv2.remap(plane, grid, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(seen.reshape(spots.shape[:-1]), np.float32)


def features(planes: Planes) -> Floats:
    """Return what the network looks at: cells h×w×20, four px of five features each; with cells of nothing up to whole
    sixteens.
    """
    light, red, yellow = (_levels(plane) for plane in planes)
    middle, middle_red, middle_yellow = (float(np.median(plane[::4, ::4])) for plane in (light, red, yellow))
    wide, near = (cv2.blur(light, (px, px), borderType=cv2.BORDER_REPLICATE) for px in (WIDE_PX, NEAR_PX))
    seen = np.stack(
        [
            (light - middle) / LIGHT,
            np.tanh((light - wide) / WIDE),
            np.tanh((light - near) / NEAR),
            np.tanh((red - middle_red) / COLOUR),
            np.tanh((yellow - middle_yellow) / COLOUR),
        ],
        axis=2,
    )
    padded = np.pad(seen, ((0, -seen.shape[0] % FOLD_PX), (0, -seen.shape[1] % FOLD_PX), (0, 0)))
    high, wide_ = padded.shape[0] // CELL_PX, padded.shape[1] // CELL_PX
    cells = padded.reshape(high, CELL_PX, wide_, CELL_PX, 5).transpose(0, 2, 4, 1, 3)
    return np.ascontiguousarray(cells.reshape(high, wide_, -1), np.float32)


def _levels(plane: Gradient) -> Floats:
    return np.asarray(plane, np.float32) / np.float32(UNIT)


class Layer(NamedTuple):
    """A convolution: weights (rows × columns × from × to) and what is added (to)."""

    weights: Floats
    bias: Floats


@cache
def _layers() -> dict[str, Layer]:
    with np.load(FILE, allow_pickle=False) as file:
        names = [name[:-7] for name in file.files if name.endswith(".weight")]
        return {
            name: Layer(file[f"{name}.weight"].astype(np.float32) * file[f"{name}.unit"], file[f"{name}.bias"])
            for name in names
        }


def _network(x: Floats, layers: dict[str, Layer]) -> Floats:
    """Return two values a cell (h×w×2) of cells h×w×20: halved four times, and doubled again with what was before."""
    kept = []
    for depth, count in enumerate(DEPTHS):
        for number in range(count):  # the first halves, the third looks twice as far
            stride, reach = 2 if depth and not number else 1, 2 if number == 2 else 1
            x = convolved(x, layers[f"d{depth}.{number}"], stride, reach)
        kept.append(x)
    kept.pop()
    for depth in range(len(kept) - 1, -1, -1):
        wider = _point(x, layers[f"p{depth}"]).repeat(2, axis=0).repeat(2, axis=1)
        x = convolved(wider[: kept[depth].shape[0], : kept[depth].shape[1]] + kept[depth], layers[f"u{depth}"])
    return _point(x, layers["head"])


def convolved(x: Floats, layer: Layer, stride: int = 1, reach: int = 1) -> Floats:
    """Return a 3×3 convolution of h×w×c, zeros around it, nothing below 0: three shifts, three products."""
    height, width, count = x.shape
    padded = np.zeros((height + 2 * reach, width + 2 * reach, count), np.float32)
    padded[reach:-reach, reach:-reach] = x
    high, wide = (height - 1) // stride + 1, (width - 1) // stride + 1
    starts = [at * reach for at in range(3)]
    rows = np.concatenate([padded[:, at : at + (wide - 1) * stride + 1 : stride] for at in starts], axis=2)
    total = np.tile(layer.bias, (high * wide, 1))
    for at, weights in zip(starts, layer.weights, strict=True):
        part = rows[at : at + (high - 1) * stride + 1 : stride]
        total += part.reshape(high * wide, 3 * count) @ weights.reshape(3 * count, -1)
    return np.maximum(total, 0, out=total).reshape(high, wide, -1)


def _point(x: Floats, layer: Layer) -> Floats:
    """Return what each cell's own values give."""
    return np.asarray((x.reshape(-1, x.shape[2]) @ layer.weights[0, 0] + layer.bias).reshape(*x.shape[:2], -1))
