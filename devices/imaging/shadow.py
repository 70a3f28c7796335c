"""A hard shadow on a page found and taken away: the light that an arm or a lamp's own edge kept from the paper."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from devices.imaging.fields import Picture, lightest

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int32]
# Lengths are px of a page at a quarter of its size: 50 dots an inch at 200 dpi.
PRINT_PX = 9  # print is closed over by that: a line of ten points, and a shadow of less than 5 mm
FINE_PRINT_PX = 11  # the same at half the size, about an edge: a broader one cuts off the tips of fingers
STEP_PX = 7  # a shadow's edge is narrower: 12 px of the page, and a lens
STEP = 0.86  # of the light beside it; a lighter shadow is no more than the slow gain takes away
LEAST_LEFT = 0.22  # of the light: below it noise is as strong as print
ACROSS_PX = 12  # from one side of an edge to the other
RIM_PX = 3  # of the page, where the desk shines through
TOUCH_PX = 4  # from there: nearer it reaches the end of the page, as shadows do and print does not
LEAST_TOUCH_PX = 8
LEAST_AREA = 0.002  # of the page
LEAST_LIT = 0.1  # of the page that no shadow lies on
LEAST_LIT_PART = 0.02  # of the page, of each lit part
LEAST_CONTACT = 8  # pairs of places, every second row and column, on either side of an edge
STEADY = 0.25  # between the quartiles of an edge's step, in logarithms: a photograph's are less alike
MOSTLY = 0.7  # of an edge steps so
MOST_UNEVEN = 0.35  # in logarithms, between a place of a shadow's edge and the whole of it
NEUTRAL = 0.12  # of a step, between its channels: the room's light is a little cooler than the lamp's
LEVEL_DEG = 1.5  # printed blocks are as level as their page, which is levelled first
LEVEL_SHARE = 0.8  # of an edge that is all level: a block's, unless it is soft or runs through print
SOFT_PX = 5.0  # px of the page from a fifth of the step to four fifths: a printed edge has 1 to 2, out of focus 4
SOFT_BAR_PX = 2.5  # of a bar from end to end: a lamp's arm is as level as a printed one, which is rare
CROSSED = 0.05  # of an edge that has print on both its sides
INK = 0.75  # of the paper's level
ALIKE = 0.12  # of a level: paper in the shadow, or in the light
TIP_PX = 3  # what is narrower is a stroke
EDGE_PX = 5  # about the edge: there the light is measured, beyond it taken as even


class Shade(NamedTuple):
    """The shadows of a page at a quarter of its size: the share of light that is left (h×w), and of what colour."""

    left: Floats
    paper: Floats  # level of the paper, were it lit
    tips: Picture  # 255 where the shadow is so narrow that closing over print closes over it too
    tint: tuple[float, float, float]  # BGR, of the light that is left, 1 on the whole


class _Pairs(NamedTuple):
    """Places on either side of an edge, as indices into every second row and column, and the logarithm of the step."""

    light: npt.NDArray[np.int64]
    dark: npt.NDArray[np.int64]
    step: Floats


class _Step(NamedTuple):
    """An edge between two parts: how many pairs told of it, the dark side's share of the light, and the spread."""

    pairs: int
    share: float
    spread: float
    channels: tuple[float, float, float]


def lift_shadow(page: Picture, small: Picture) -> tuple[Picture, Picture]:
    """Return a page (h×w×3 BGR) and a quarter of it (`small`) without hard shadows, themselves where there are none."""
    shade = find_shade(page, small)
    return (page, small) if shade is None else _lift(page, small, shade)


def find_shade(page: Picture, small: Picture) -> Shade | None:
    """Return the hard shadows of a page, None where there are none.

    A shadow reaches the page's end, has its paper's colour and one step all along its edge. A level sharp edge that
    no print runs through is a printed block's.
    """
    top = lightest(small)
    paper = _without_print(top, PRINT_PX)
    parts, areas = _flat_parts(paper)
    if len(areas) < 3:
        return None
    pairs, met, steps = _steps(parts, paper, small)
    darker = {dark for _, dark in steps}
    lit = {i for i in range(1, len(areas)) if i not in darker and areas[i] >= LEAST_LIT_PART * parts.size}
    hopeful = {dark for (_, dark), step in steps.items() if _is_shadow_step(step)}
    ending = {dark for dark in hopeful if _reaches_end(parts == dark)}
    if not ending or areas[sorted(lit)].sum() < LEAST_LIT * parts.size:
        return None
    whole = _nearest(parts)
    left = dict.fromkeys(lit, 1.0)
    found: dict[tuple[int, int], _Step] = {}
    grows = True
    while grows:
        grows = False
        for dark in sorted(ending - set(left)):
            edges = {light: step for (light, one), step in steps.items() if one == dark and light in left}
            cast = {light: step for light, step in edges.items() if _is_shadow_step(step)}
            known = sum(step.pairs for step in cast.values())
            if not cast or known < MOSTLY * sum(step.pairs for step in edges.values()):
                continue
            share = sum(left[light] * step.share * step.pairs for light, step in cast.items()) / known
            if share < LEAST_LEFT or not _is_cast(page, top, paper, whole, dark, set(cast)):
                continue
            left[dark] = share
            found |= {(light, dark): step for light, step in cast.items()}
            grows = True
    if not found:
        return None
    for (strip, dark), step in steps.items():  # of light, between two fingers
        if dark in left and strip not in left and abs(left[dark] / step.share - 1) < ALIKE:
            left[strip] = 1.0
    shares = _shares(met, left)
    shade = shares[whole]
    uneven = np.where(shade < 1, shade * _unevenness(parts, pairs, found), 1)
    return _shade(parts, uneven.astype(np.float32), paper, top, _mean_tint(found))


def _without_print(picture: Picture, side: int) -> Picture:
    """Return the paper under print no wider than `side` px; what closing gains from the grain is taken off again."""
    closed = cv2.morphologyEx(picture, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    some, paper = picture[::4, ::4], closed[::4, ::4]
    gained = (paper - some)[some > 0.9 * paper]
    return np.asarray(cv2.subtract(closed, (float(gained.mean()),) * 4 if gained.size else 0), np.uint8)


def _flat_parts(paper: Picture) -> tuple[Labels, npt.NDArray[np.int64]]:
    """Return the parts of a page between steep edges, numbered from 1, and their areas in px; 0 are edges."""
    kernel = np.ones((STEP_PX, STEP_PX), np.uint8)
    high = cv2.dilate(paper, kernel)
    flat = cv2.compare(cv2.erode(paper, kernel), cv2.addWeighted(high, STEP, high, 0, 0), cv2.CMP_GE)
    flat[:RIM_PX], flat[-RIM_PX:], flat[:, :RIM_PX], flat[:, -RIM_PX:] = 0, 0, 0, 0
    _, labels, stats, _ = cv2.connectedComponentsWithStats(flat, connectivity=4, ltype=cv2.CV_32S)
    areas = stats[:, cv2.CC_STAT_AREA].astype(np.int64)
    is_kept = areas >= LEAST_AREA * paper.size
    is_kept[0] = False
    if is_kept.sum() < 2:
        return np.asarray(labels, np.int32), areas[:1]
    numbers = np.where(is_kept, np.cumsum(is_kept), 0).astype(np.int32)
    kept: Labels = numbers[labels]
    return kept, np.concatenate([np.zeros(1, np.int64), areas[is_kept]])


def _steps(
    parts: Labels, paper: Picture, small: Picture
) -> tuple[_Pairs, npt.NDArray[np.int64], dict[tuple[int, int], _Step]]:
    """Return where parts meet across an edge, how often each meets each, and the edges by lighter and darker part."""
    some, h, w = parts[::2, ::2], (parts.shape[0] + 1) // 2, (parts.shape[1] + 1) // 2
    far, slant = ACROSS_PX // 2, round(ACROSS_PX * 0.35)
    firsts, seconds = [], []
    for dy, dx in ((0, far), (far, 0), (slant, slant), (slant, -slant)):
        one, other = some[: h - dy, max(0, -dx) : w - max(0, dx)], some[dy:, max(0, dx) : w + min(0, dx)]
        y, x = ((one != other) & (one > 0) & (other > 0)).nonzero()
        firsts.append(y * w + x + max(0, -dx))
        seconds.append((y + dy) * w + x + max(0, dx))
    first, second = np.concatenate(firsts), np.concatenate(seconds)
    level, number = np.maximum(paper[::2, ::2], 1).ravel(), some.ravel()
    is_up = level[first] < level[second]
    light, dark = np.where(is_up, second, first), np.where(is_up, first, second)
    step = np.log(level[dark] / level[light], dtype=np.float32)
    count = int(parts.max()) + 1
    pairs = number[light].astype(np.int64) * count + number[dark]
    met = np.bincount(pairs, minlength=count * count).reshape(count, count)
    found: dict[tuple[int, int], _Step] = {}
    if not met.any():
        return _Pairs(light, dark, step), met, found
    colours = np.maximum(_without_print(small, PRINT_PX)[::2, ::2].reshape(-1, 3), 1).astype(np.float32)
    for a, b in zip(*(met >= LEAST_CONTACT).nonzero(), strict=True):
        at = pairs == a * count + b
        low, middle, high = np.percentile(step[at], (25, 50, 75))
        if middle > np.log(STEP):
            continue
        blue, green, red = (float(v) for v in np.median(colours[dark[at]] / colours[light[at]], axis=0))
        spread = float(high - low)
        found[int(a), int(b)] = _Step(int(met[a, b]), float(np.exp(middle)), spread, (blue, green, red))
    return _Pairs(light, dark, step), met + met.T, found


def _is_shadow_step(step: _Step) -> bool:
    away = max(abs(channel / step.share - 1) for channel in step.channels)
    return step.share >= LEAST_LEFT and step.spread <= STEADY and away <= NEUTRAL


def _reaches_end(part: npt.NDArray[np.bool_]) -> bool:
    """Whether a part reaches the page's end."""
    near = RIM_PX + TOUCH_PX
    inner = part[RIM_PX:-RIM_PX, RIM_PX:-RIM_PX]
    strips = (
        part[:near].any(axis=0),
        part[-near:].any(axis=0),
        part[:, :near].any(axis=1),
        part[:, -near:].any(axis=1),
    )
    return bool(inner.size) and max(int(strip.sum()) for strip in strips) >= LEAST_TOUCH_PX


def _is_cast(page: Picture, top: Picture, paper: Picture, whole: Labels, dark: int, sides: set[int]) -> bool:
    """Whether the edge between a dark part and those beside it may be a shadow's, and is no printed block's."""
    kernel = np.ones((3, 3), np.uint8)
    inside = (whole == dark).astype(np.uint8)
    is_side = np.zeros(int(whole.max()) + 1, np.uint8)
    is_side[list(sides)] = 1
    outside = is_side[whole]
    edge = cv2.bitwise_and(inside, cv2.dilate(outside, kernel))
    length = cv2.countNonZero(edge)
    if not length:
        return False
    if _level_share(inside, edge) < LEVEL_SHARE:
        return True
    ink = cv2.compare(top, cv2.addWeighted(paper, INK, paper, 0, 0), cv2.CMP_LT)
    ink[cv2.dilate(edge, np.ones((5, 5), np.uint8)) > 0] = 0  # a frame about a block
    wide = np.ones((9, 9), np.uint8)
    beyond = [cv2.dilate(cv2.bitwise_and(ink, ink, mask=side), wide) for side in (inside, outside)]
    crossed = cv2.countNonZero(cv2.bitwise_and(cv2.bitwise_and(*beyond), edge * 255))
    return crossed >= CROSSED * length or _softness(page, edge) >= (SOFT_BAR_PX if _is_bar(whole == dark) else SOFT_PX)


def _is_bar(part: npt.NDArray[np.bool_]) -> bool:
    """Whether a part runs from one end of the page to the other with something on both its sides."""
    top, low, left, right = (bool(side.any()) for side in (part[0], part[-1], part[:, 0], part[:, -1]))
    return (top and low and not (left or right)) or (left and right and not (top or low))


def _level_share(inside: Picture, edge: Picture) -> float:
    """Return how much of an edge runs along the page's own sides."""
    near = cv2.dilate(edge, np.ones((3, 3), np.uint8))
    along, level = 0.0, 0.0
    for line in cv2.findContours(inside, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)[0]:
        bends = cv2.approxPolyDP(line, 2.0, True).reshape(-1, 2)
        for (x, y), (u, v) in zip(bends, np.roll(bends, -1, axis=0), strict=True):
            if not near[(y + v) // 2, (x + u) // 2]:
                continue
            length = float(np.hypot(u - x, v - y))
            along += length
            away = np.rad2deg(np.arctan2(min(abs(u - x), abs(v - y)), max(abs(u - x), abs(v - y))))
            level += length if away <= LEVEL_DEG or length < 6 else 0.0
    return level / along if along else 1.0


def _softness(page: Picture, edge: Picture) -> float:
    """Return over how many px of the page a level edge goes from a fifth of its step to four fifths, 0.0 if unsure."""
    reach = 2 * ACROSS_PX
    found = []
    spots = cv2.findNonZero(edge).reshape(-1, 2)
    for x, y in spots[:: 1 + len(spots) // 100]:
        u, v = 4 * int(x) + 2, 4 * int(y) + 2
        for line in (page[v, max(0, u - reach) : u + reach], page[max(0, v - reach) : v + reach, u]):
            level = line.max(axis=1).astype(np.float32)
            if len(level) < 2 * reach:
                continue
            if level[0] > level[-1]:
                level = level[::-1]
            low, high = float(level[:8].mean()), float(level[-8:].mean())
            if low > STEP * high:
                continue
            share = (level - low) / (high - low)
            begins, ends = int((share < 0.2).nonzero()[0].max(initial=0)), int((share > 0.8).argmax())
            if (share[:begins] < 0.5).all() and (share[ends:] > 0.5).all():
                found.append(float(((share >= 0.2) & (share <= 0.8)).sum()))
    return float(np.mean(found)) if len(found) >= 8 else 0.0


def _nearest(parts: Labels) -> Labels:
    """Return each place's nearest part."""
    gaps = (parts == 0).astype(np.uint8)
    _, zones = cv2.distanceTransformWithLabels(gaps, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL)
    of_zone = np.zeros(int(zones.max()) + 1, np.int32)
    known = gaps == 0
    of_zone[zones[known]] = parts[known]
    return np.asarray(of_zone[zones], np.int32)


def _shares(met: npt.NDArray[np.int64], left: dict[int, float]) -> Floats:
    """Return each part's share of the light; what is printed gets that of the part it has most of its edge with."""
    shares = np.zeros(len(met), np.float32)
    shares[list(left)] = list(left.values())
    unknown = set(range(1, len(met))) - set(left)
    while unknown:
        edges = met * (shares > 0)
        part = max(unknown, key=lambda number: int(edges[number].max()))
        shares[part] = shares[int(edges[part].argmax())] if edges[part].any() else 1
        unknown.remove(part)
    return shares


def _mean_tint(edges: dict[tuple[int, int], _Step]) -> tuple[float, float, float]:
    b, g, r = (sum(step.pairs * step.channels[at] for step in edges.values()) for at in range(3))
    most = max(b, g, r)
    return b / most, g / most, r / most


def _unevenness(parts: Labels, pairs: _Pairs, edges: dict[tuple[int, int], _Step]) -> Floats:
    """Return by what factor the shadows are lighter or darker here than on the whole, told by their edges."""
    some, count = parts[::2, ::2], int(parts.max()) + 1
    steps = np.full((count, count), np.nan, np.float32)
    for key, step in edges.items():
        steps[key] = np.log(step.share)
    number = some.ravel()
    away = pairs.step - steps[number[pairs.light], number[pairs.dark]]
    told = np.abs(away) < MOST_UNEVEN  # no other edge has a step to compare with
    at = pairs.dark[told]
    weight = np.bincount(at, minlength=some.size).reshape(some.shape).astype(np.float32)
    sums = np.bincount(at, away[told], minlength=some.size).reshape(some.shape).astype(np.float32)
    side = max(some.shape) // 8 | 1
    for _ in range(2):
        weight, sums = cv2.blur(weight, (side, side)), cv2.blur(sums, (side, side))
    uneven = cv2.resize(sums / (weight + 0.002), parts.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.exp(uneven), np.float32)


def _shade(parts: Labels, light: Floats, paper: Picture, top: Picture, tint: tuple[float, float, float]) -> Shade:
    """Return what is left of the light everywhere, and how light the paper would be."""
    known = (parts > 0).astype(np.float32)
    side = 2 * ACROSS_PX + 1
    told = cv2.blur(known, (side, side))
    level = cv2.blur(known * paper / light, (side, side)) / np.maximum(told, 1e-3)
    level[told < 0.01] = 255
    light, tips = _with_tips(light, paper / level, top / level, parts > 0)
    return Shade(light, np.asarray(level, np.float32), tips, tint)


def _with_tips(light: Floats, paper: Floats, seen: Floats, is_sure: npt.NDArray[np.bool_]) -> tuple[Floats, Picture]:
    """Return the light that is left, and near an edge that of the other side where the paper has just its level.

    Between fingers nothing is flat, and a finger's tip is no wider than print: there what lies nearest tells little.
    """
    kernel = np.ones((2 * ACROSS_PX + 1,) * 2, np.uint8)
    low = cv2.erode(light, kernel)
    is_lit = ~is_sure & (np.abs(paper - 1) < ALIKE)  # nothing printed in a shadow is lighter than its paper
    is_dark = ~is_sure & (low < 1) & (np.abs(seen - low) < ALIKE * low)
    dark = cv2.morphologyEx(is_dark.astype(np.uint8) * 255, cv2.MORPH_OPEN, np.ones((TIP_PX, TIP_PX), np.uint8))
    tips = cv2.bitwise_and(dark, cv2.compare(paper - seen, 0.5 * ALIKE, cv2.CMP_GT))
    light = np.where(is_lit & (dark == 0), 1, np.where(dark > 0, low, light))
    return np.asarray(light, np.float32), np.asarray(cv2.dilate(tips, np.ones((5, 5), np.uint8)), np.uint8)


def _lift(page: Picture, small: Picture, shade: Shade) -> tuple[Picture, Picture]:
    """Return page and quarter with the light given back; at an edge as much as the paper misses at half the size."""
    wide = np.ones((2 * EDGE_PX + 1,) * 2, np.uint8)
    low, high = cv2.erode(shade.left, wide), cv2.dilate(shade.left, wide)
    x, y, w, h = cv2.boundingRect((low < 1).astype(np.uint8))
    inside = slice(y, y + h), slice(x, x + w)
    right = page.shape[1] if x + w == low.shape[1] else 4 * (x + w)  # three columns may be over
    under = page.shape[0] if y + h == low.shape[0] else 4 * (y + h)
    is_all = (w, h) == low.shape[::-1]
    lifted, small = np.empty_like(page) if is_all else page.copy(), small.copy()
    part = page[4 * y : under, 4 * x : right]
    size = (2 * w, 2 * h)
    half = lightest(np.asarray(cv2.resize(part[: 4 * h, : 4 * w], size, interpolation=cv2.INTER_AREA), np.uint8))
    paper = _without_print(half, FINE_PRINT_PX)
    tips = cv2.resize(shade.tips[inside], size, interpolation=cv2.INTER_NEAREST)
    if tips.any():
        cv2.copyTo(_without_print(half, 3), tips, paper)
    least, most, level = (
        cv2.resize(np.clip(values[inside] * unit, 1, 255).astype(np.uint8), size, interpolation=cv2.INTER_LINEAR)
        for values, unit in ((low, 255), (high, 255), (shade.paper, 1))
    )
    left = cv2.min(cv2.max(cv2.divide(paper, level, scale=255), least), most)
    shares = np.arange(256) / 255
    away = np.clip((1 - shares) / (1 - float(low.min())), 0, 1)
    tables = [np.clip(np.round(255 * shares * (1 + (tint - 1) * away)), 1, 255) for tint in shade.tint]
    steps = cv2.merge([cv2.LUT(left, table.astype(np.uint8)) for table in tables])
    full = cv2.resize(steps, (4 * w, 4 * h), interpolation=cv2.INTER_LINEAR)
    over = part.shape[0] - 4 * h, part.shape[1] - 4 * w
    if any(over):
        full = cv2.copyMakeBorder(full, 0, over[0], 0, over[1], cv2.BORDER_REPLICATE)
    bright = lifted[4 * y : under, 4 * x : right]
    cv2.divide(part, full, bright, scale=255)
    small[inside] = cv2.resize(bright[: 4 * h, : 4 * w], (w, h), interpolation=cv2.INTER_AREA)
    return lifted, small
