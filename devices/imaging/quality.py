"""The gates: what is wrong with a page, as numbers against limits. Pixels stay unchanged."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from devices.api import Corners, Verdict
from devices.imaging.dewarp import FORMATS_MM, Flat, side_ratio
from devices.imaging.fields import Picture
from devices.imaging.values import GATES, Limits, Outline

SHARP_DPI = 200  # cameras of 8 and 13 MP are judged alike; what is coarser is judged as it is
PREVIEW_REBLUR = 0.35
PREVIEW_INK = 0.5  # small characters vanish in a preview: the still may find ink where it does not
SKIN_STEP = 36.0  # levels of Y, Cr and Cb together between skin on the page and skin beside it


def first_refusal(verdicts: tuple[Verdict, ...], warned: tuple[str, ...] = ()) -> str:
    """Return the gate that speaks: the first failed one in the order of GATES, "" where all pass.

    A gate in `warned` speaks never: its limit is not to be trusted with this camera, its verdict stays on the page.
    """
    failed = {v.gate for v in verdicts if not v.ok and v.gate not in warned}
    return next((gate for gate in GATES if gate in failed), "")


def judge_outline(outline: Outline | None, width_px: int, height_px: int, limits: Limits) -> tuple[Verdict, ...]:
    """Return the verdicts that need only the outline in its frame: page, whole."""
    if outline is None:
        return (Verdict("page", 0.0, 1.0, False),)
    margin = edge_margin(outline.corners, width_px, height_px)
    return (
        Verdict("page", outline.score, 0.0, True),
        Verdict("whole", margin, limits.edge_share, margin >= limits.edge_share),
    )


def edge_margin(corners: Corners, width_px: int, height_px: int) -> float:
    """Return how far the nearest corner is from the frame's edge, as a share of that side."""
    return min(min(x / width_px, 1 - x / width_px, y / height_px, 1 - y / height_px) for x, y in corners)


def judge_page(flat: Flat, accepts: str, limits: Limits, least_sharp: float) -> tuple[Verdict, ...]:
    """Return the verdicts of a straightened page: format, flat, dark, bright, sharp, glare, blank."""
    return (
        *judge_format(flat.ratio, accepts, limits),
        *judge_flatness(flat, limits),
        *judge_light(flat.picture, limits),
        *judge_ink(flat, limits, least_sharp),
    )


def judge_format(ratio: float, accepts: str, limits: Limits) -> tuple[Verdict, ...]:
    """Return the verdict `format`: by how many percent the side ratio (any way up) misses what is accepted, if any."""
    off = 100 * abs(max(ratio, 1 / ratio) / side_ratio(accepts) - 1) if accepts in FORMATS_MM else 0.0
    return (Verdict("format", off, limits.format_percent, off <= limits.format_percent),)


def judge_preview(page: Picture, limits: Limits) -> tuple[Verdict, ...]:
    """Return the verdicts on a page as a preview shows it (h×w×3 BGR, about 520 px high): only the plain cases fail."""
    ink = ink_percent(page)
    ratio = reblur_ratio(page)
    return (
        *judge_light(page, limits),
        Verdict("sharp", ratio, PREVIEW_REBLUR, ratio >= PREVIEW_REBLUR or ink < limits.ink_percent),
        Verdict("blank", ink, PREVIEW_INK * limits.ink_percent, ink >= PREVIEW_INK * limits.ink_percent),
    )


def judge_flatness(flat: Flat, limits: Limits) -> tuple[Verdict, ...]:
    """Return the verdict `flat`: by how many percent a known format's side ratio is off. A free format has none."""
    apart = 100 * abs(flat.ratio / side_ratio(flat.format) - 1) if flat.format in FORMATS_MM else 0.0
    return (Verdict("flat", apart, limits.flat_percent, apart <= limits.flat_percent),)


def judge_light(page: Picture, limits: Limits) -> tuple[Verdict, ...]:
    """Return the verdicts dark, bright and glare of a page (h×w×3 BGR)."""
    v = _lightest(page)
    middle = float(np.median(v[::4, ::4]))
    shine = glare_percent(page)
    return (
        Verdict("dark", middle, limits.dark_v, middle >= limits.dark_v),
        Verdict("bright", middle, limits.bright_v, middle <= limits.bright_v),
        Verdict("glare", shine, limits.glare_percent, shine <= limits.glare_percent or middle >= limits.bright_v),
    )


def judge_ink(flat: Flat, limits: Limits, least_sharp: float) -> tuple[Verdict, ...]:
    """Return the verdicts sharp and blank. A page without edges has nothing to be sharp: it passes `sharp`."""
    ink = ink_percent(flat.picture)
    ratio = reblur_ratio(_at_most(flat.picture, SHARP_DPI / flat.dpi))
    return (
        Verdict("sharp", ratio, least_sharp, ratio >= least_sharp or ink < limits.ink_percent),
        Verdict("blank", ink, limits.ink_percent, ink >= limits.ink_percent),
    )


def _at_most(page: Picture, scale: float) -> Picture:
    """Return the page shrunk by `scale`, never enlarged."""
    if scale >= 1:
        return page
    return np.asarray(cv2.resize(page, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def reblur_ratio(page: Picture) -> float:
    """Return how much of the strongest slopes a second blur takes away, 0–1; the smaller axis counts (motion).

    Source: reference/imaging.md §5, re-blur ratio. 0.0 where fewer than 50 px have a slope of 6 levels: what
    ink there is has no edge left.
    """
    grey = cv2.cvtColor(page, cv2.COLOR_BGR2GRAY).astype(np.float32)
    before = cv2.GaussianBlur(grey, (0, 0), 0.8)
    after = cv2.GaussianBlur(before, (0, 0), 2)
    ratios = []
    for axis in (0, 1):
        a, c = _slopes(before, axis), _slopes(after, axis)
        if a.size == 0:
            continue
        floor = max(6.0, _percentile(a, 97))
        strong = cv2.inRange(a, floor, 1e9)
        if cv2.countNonZero(strong) < 50:
            continue
        mean_a, mean_c = cv2.mean(a, mask=strong)[0], cv2.mean(c, mask=strong)[0]
        ratios.append(float((mean_a - mean_c) / mean_a))
    return float(min(ratios, default=0.0))


def _slopes(grey: npt.NDArray[np.float32], axis: int) -> npt.NDArray[np.float32]:
    """Return |first differences| along an axis, 12 px of border left out."""
    first, second = (grey[:-1], grey[1:]) if axis == 0 else (grey[:, :-1], grey[:, 1:])
    return np.asarray(np.ascontiguousarray(cv2.absdiff(second, first)[12:-12, 12:-12]), dtype=np.float32)


def _percentile(values: npt.NDArray[np.float32], percent: float) -> float:
    """Return a percentile of values 0–256 to half a level; a histogram is ten times cheaper than sorting."""
    counts = cv2.calcHist([values], [0], None, [512], [0, 256]).ravel()
    return float(np.searchsorted(np.cumsum(counts), counts.sum() * percent / 100)) / 2


def glare_percent(page: Picture) -> float:
    """Return the largest highlight's share of the page: V ≥ 250 and S < 30, opened 7×7, in percent."""
    high, low = _lightest(page), _darkest(page)
    bright = cv2.bitwise_and(cv2.inRange(high, 250, 255), cv2.inRange(cv2.subtract(high, low), 0, 29))
    mask = cv2.morphologyEx(bright, cv2.MORPH_OPEN, np.ones((7, 7), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask)
    largest = int(stats[1:, cv2.CC_STAT_AREA].max()) if count > 1 else 0
    return 100.0 * largest / int(mask.size)


def ink_percent(page: Picture) -> float:
    """Return the share of ink inside a 4 % margin, in percent: clearly darker than its surroundings."""
    h, w = page.shape[:2]
    part = page[int(0.04 * h) : h - int(0.04 * h), int(0.04 * w) : w - int(0.04 * w)]
    if part.size == 0:
        return 0.0
    scale = min(1.0, 1000 / max(h, w))
    small = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else part
    ink = _darkest(small)  # red ink is dark in green and blue
    around = cv2.blur(ink, (51, 51), borderType=cv2.BORDER_REFLECT)
    return 100.0 * cv2.countNonZero(cv2.inRange(cv2.subtract(around, ink), 29, 255)) / int(ink.size)


def _lightest(page: Picture) -> Picture:
    b, g, r = cv2.split(page)
    return np.asarray(cv2.max(cv2.max(b, g), r), dtype=np.uint8)


def _darkest(page: Picture) -> Picture:
    b, g, r = cv2.split(page)
    return np.asarray(cv2.min(cv2.min(b, g), r), dtype=np.uint8)


def skin_across(frame: Picture, corners: npt.NDArray[np.float64]) -> float:
    """Return the longest stretch of the page's edge under a hand, in percent of its length.

    `frame` h×w×3 BGR (about 480 px wide), corners in its px. There the colour of skin, redder than the paper, runs
    from the page onto the desk without a step. Where most of the edge looks so, the paper itself is brown: 0.
    """
    ycc = cv2.cvtColor(cv2.blur(frame, (3, 3)), cv2.COLOR_BGR2YCrCb).astype(np.float32)
    height, width = ycc.shape[:2]
    sides = np.roll(corners, -1, 0) - corners
    lengths = np.hypot(sides[:, 0], sides[:, 1])
    spots, normals = [], []
    for corner, side, length in zip(corners, sides, lengths, strict=True):
        at = np.arange(6.0, max(7.0, length - 6))
        spots.append(corner + at[:, None] * side / length)
        normals.append(np.repeat([[-side[1] / length, side[0] / length]], len(at), 0))
    points, normal = np.concatenate(spots), np.concatenate(normals)

    def seen(offset: float) -> npt.NDArray[np.float32]:
        x = np.clip(np.round(points[:, 0] + offset * normal[:, 0]).astype(int), 0, width - 1)
        y = np.clip(np.round(points[:, 1] + offset * normal[:, 1]).astype(int), 0, height - 1)
        return np.asarray(ycc[y, x], dtype=np.float32)

    inside, outside = seen(4), seen(-4)
    paper_cr = float(np.median(seen(8)[:, 1]))
    skin = _is_skin(inside, paper_cr) & _is_skin(outside, paper_cr)
    skin &= np.abs(inside - outside).sum(axis=1) < SKIN_STEP
    if skin.mean() > 0.4:
        return 0.0
    edges = np.flatnonzero(np.diff(np.concatenate([[0], skin.astype(np.int8), [0]])))
    longest = int((edges[1::2] - edges[::2]).max()) if len(edges) else 0
    return 100.0 * longest / len(skin)


def _is_skin(ycc: npt.NDArray[np.float32], paper_cr: float) -> npt.NDArray[np.bool_]:
    """Return which of n YCrCb colours may be skin; the chroma box is Chai and Ngan's (1999), widened for lamp light."""
    y, cr, cb = ycc.T
    return np.asarray((y > 40) & (cr > max(133.0, paper_cr + 8)) & (cr < 182) & (cb > 74) & (cb < 127))
