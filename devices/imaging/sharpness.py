"""How sharp a picture of a paper is: by the paper's own edge, which is one step on every paper, else by its ink."""

from __future__ import annotations

import statistics

import cv2
import numpy as np
import numpy.typing as npt

from devices.imaging.fields import Picture
from devices.imaging.quads import NEXT

Floats = npt.NDArray[np.float32]
Quad = npt.NDArray[np.float64]

SEGMENTS = 8  # of a side, each judged alone: a finger, a curl or a shadow spoils one of them
MOST_ROWS = 40  # profiles of a segment that are averaged
PREVIEW_ROWS = 8
REACH_PX = 10.0  # of a profile to both sides of the edge
STEP_PX = 0.5
OFF_PX = 3.0  # how far the outline may be beside the edge
GUARD_PX = 5.0  # beyond it a profile is paper or desk, and tells its noise
FINE_PX, COARSE_PX = 0.7, 2.0  # widths of the two blurs that are compared
LEAST_STEP = 6.0  # times the noise of a profile; less is no edge to speak of
LEAST_SEGMENTS = 3  # of the sides that run one way
LEAST_SIDES = 3  # a shadow alone is seen at two
INK_OF_CARD = 0.7  # of the score of a card's print: one that is blurred by 1.45 px has 0.34 then as by its edge
JUDGED_DPI = 200.0  # what a platform is sent: cameras of 8 and 13 MP are judged alike, coarser ones as they are
UNSEEN = -1.0


def sharpness(frame: Picture, quad: Quad, page: Picture, dpi: float, *, is_card: bool = False) -> float:
    """Return the score of a picture, 0 to 1: what share of its slopes a second blur of 2 px would take away.

    `frame` h×w×3 BGR, `quad` 4×2 px of it, `page` what lies inside, seen straight, at `dpi`. A lens that blurs by s px
    (of 200 dpi at most) scores 0.6 at s = 0.5, 0.4 at 1.2, 0.25 at 2; of a motion counts the direction that suffers.
    A white card on a white desk shows a soft shadow at two of its sides and no edge: there its print may speak for it.
    """
    ratios = segment_ratios(frame, quad)
    blur = _blur_by(ratios)
    if blur == UNSEEN:
        half = cv2.resize(frame, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)  # a faint edge gains by it
        blur = 2 * edge_blur(np.asarray(half, np.uint8), (quad + 0.5) / 2 - 0.5)
    if blur < 0:
        return ink_ratio(page)
    score = ratio_of(blur * (JUDGED_DPI / dpi if dpi > JUDGED_DPI else 1.0))
    if is_card and sum(len(one) >= LEAST_SEGMENTS for one in ratios) < LEAST_SIDES:
        score = max(score, INK_OF_CARD * ink_ratio(page))
    return score


def preview_sharpness(frame: Picture, quad: Quad) -> float:
    """Return the score of a preview in its own px, by fewer profiles and without a second look; 1.0 where none says."""
    blur = edge_blur(frame, quad, PREVIEW_ROWS)
    return ratio_of(blur) if blur >= 0 else 1.0


def ratio_of(blur_px: float) -> float:
    """Return the score of a step that is blurred by that much (a Gaussian's σ)."""
    return 1 - float(np.sqrt((blur_px**2 + FINE_PX**2) / (blur_px**2 + COARSE_PX**2)))


def blur_of(ratio: float) -> float:
    """Return the blur of a step with that score, px; 0 for one that is sharper than a step can be."""
    left = (1 - min(max(ratio, 0.0), 1.0)) ** 2
    if left >= 0.999:
        return 20.0
    return float(np.sqrt(max(0.0, (COARSE_PX**2 * left - FINE_PX**2) / (1 - left))))


def edge_blur(frame: Picture, quad: Quad, rows: int = MOST_ROWS) -> float:
    """Return how much the paper's edge is blurred, px (a Gaussian's σ), in the softer direction; UNSEEN without one.

    Source: the slanted-edge method (ISO 12233), by the slopes after two blurs instead of a whole transfer function.
    """
    return _blur_by(segment_ratios(frame, quad, rows))


def _blur_by(ratios: list[list[float]]) -> float:
    axes = [ratios[0] + ratios[2], ratios[1] + ratios[3]]
    if min(len(one) for one in axes) < LEAST_SEGMENTS:
        return UNSEEN
    return max(blur_of(statistics.median(one)) for one in axes)  # of a list of sixteen: np.median takes far longer


def segment_ratios(frame: Picture, quad: Quad, most_rows: int = MOST_ROWS) -> list[list[float]]:
    """Return the scores of each side's segments that have an edge to speak of. All sides are seen at once."""
    along = np.take(quad, NEXT, axis=0) - quad
    lengths = np.hypot(along[:, 0], along[:, 1])
    sides = np.flatnonzero(lengths >= 8 * SEGMENTS)
    found: list[list[float]] = [[], [], [], []]
    if not len(sides):
        return found
    along, lengths = along[sides], lengths[sides, None]
    normal = np.stack([-along[:, 1], along[:, 0]], 1) / lengths
    rows = int(np.clip(lengths.max() * 0.8 / SEGMENTS, 8, most_rows))
    at = (np.arange(SEGMENTS * rows) + 0.5) / (SEGMENTS * rows) * 0.8 + 0.1
    offsets = np.arange(-REACH_PX, REACH_PX + STEP_PX / 2, STEP_PX, dtype=np.float32)
    points = (quad[sides, None] + at[:, None] * along[:, None]).astype(np.float32)  # sides × rows × 2
    normal = normal.astype(np.float32)
    x, y = (
        (points[:, :, axis, None] + offsets * normal[:, None, axis, None]).reshape(-1, len(offsets)) for axis in (0, 1)
    )
    profiles = cv2.remap(frame, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    profiles = profiles.reshape(len(sides) * SEGMENTS, rows, len(offsets) * 3)
    means = profiles.sum(axis=1, dtype=np.uint16).astype(np.float32).reshape(-1, len(offsets), 3) / rows
    for number, ratio in _ratios(means):
        found[sides[number // SEGMENTS]].append(ratio)
    return found


def _ratios(profiles: Floats) -> list[tuple[int, float]]:
    """Return number and score of the mean profiles (m×n×3) that have an edge, by the channel with the largest step."""
    count, length, _ = profiles.shape
    columns = np.ascontiguousarray(profiles.transpose(1, 0, 2).reshape(length, count * 3))
    fine, coarse = (cv2.GaussianBlur(columns, (1, 0), 0.01, sigmaY=width / STEP_PX) for width in (FINE_PX, COARSE_PX))
    slope, soft = (np.abs(np.diff(one, axis=0)).reshape(length - 1, count, 3) for one in (fine, coarse))
    middle, off = (length - 1) // 2, int(OFF_PX / STEP_PX)
    near = slice(middle - off, middle + off + 1)
    channel = soft[near].max(axis=0).argmax(axis=1)
    each = np.arange(count)
    slope, soft = slope[:, each, channel], soft[:, each, channel]  # n−1 × m
    where = near.start + soft[near].argmax(axis=0)
    apart = np.abs(np.arange(length - 1)[:, None] - where)
    is_calm = apart >= int(GUARD_PX / STEP_PX)
    noise = np.sqrt(np.where(is_calm, np.square(soft), 0).sum(axis=0) / np.maximum(is_calm.sum(axis=0), 1))
    height = soft[where, each]
    peak = np.where(apart <= 3, slope, 0).max(axis=0)
    is_edge = (height >= np.maximum(LEAST_STEP * noise, 0.2)) & (peak > 0)
    return [(int(at), float(1 - height[at] / peak[at])) for at in np.flatnonzero(is_edge)]


def ink_ratio(page: Picture) -> float:
    """Return how much of the strongest slopes of a page a second blur takes away, 0 to 1; the smaller axis counts.

    Source: reference/imaging.md §5, re-blur ratio. Thin lines seem sharper and photographs softer than they are.
    0.0 where fewer than 50 px have a slope of 6 levels: what ink there is has no edge left.
    """
    grey = cv2.cvtColor(page, cv2.COLOR_BGR2GRAY).astype(np.float32)
    before = cv2.GaussianBlur(grey, (0, 0), 0.8)
    after = cv2.GaussianBlur(before, (0, 0), 2)
    ratios = []
    for axis in (0, 1):
        a, c = _slopes(before, axis), _slopes(after, axis)
        if a.size == 0:
            continue
        floor = max(6.0, _percentile(a, 99))
        strong = cv2.inRange(a, floor, 1e9)
        if cv2.countNonZero(strong) < 50:
            continue
        mean_a, mean_c = cv2.mean(a, mask=strong)[0], cv2.mean(c, mask=strong)[0]
        ratios.append(float((mean_a - mean_c) / mean_a))
    return float(min(ratios, default=0.0))


def _slopes(grey: Floats, axis: int) -> Floats:
    """Return |first differences| along an axis, 12 px of border left out."""
    first, second = (grey[:-1], grey[1:]) if axis == 0 else (grey[:, :-1], grey[:, 1:])
    return np.asarray(np.ascontiguousarray(cv2.absdiff(second, first)[12:-12, 12:-12]), dtype=np.float32)


def _percentile(values: Floats, percent: float) -> float:
    """Return a percentile of values 0–256 to half a level; a histogram is ten times cheaper than sorting."""
    counts = cv2.calcHist([values], [0], None, [512], [0, 256]).ravel()
    return float(np.searchsorted(np.cumsum(counts), counts.sum() * percent / 100)) / 2
