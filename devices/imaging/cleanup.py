"""A straightened page made even: shadow and cast of the light taken away, lines level, colours left alone."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from devices.imaging.fields import Picture
from devices.imaging.shadow import lift_shadow

Floats = npt.NDArray[np.float32]
MOST_GAIN = 2.2
COLOURED = 60  # levels between the channels of what is no paper: a stamp's field, a photograph
YELLOWED = 90  # the same of old or brown paper, blue being the least: all of the page then has that colour
LEAST_WARM = 0.08  # of the whole, between red and blue: white paper under a warm lamp has .04
WHOLE = 0.6  # of a page: a coloured field is less of it
DARKEST_PAPER = 90
PAPER_SHARE = 0.03  # a channel's part of the whole may differ by that much between two places of one paper
BLACK = 16  # levels taken off everywhere: the veil that a lamp lays over ink
WHITE = 0.97  # of the paper's own lightness counts as white, so that its grain goes
CELL = 4  # cells of 4 × 4 quarter pixels: light changes slowly
SKEW_DEG = 4.0  # beyond it nobody laid a page straight and printed on it askew
LEAST_SKEW_DEG = 0.1
FIELDS_PX = 210  # a page's short side where printed fields are looked for: 1 mm of an A4 each
STROKE = 5  # of them: what is narrower is writing or a rule, no field
STEP = 0.05  # of the lighter side: the least that a printed field is darker than its paper
SHUT_IN = 0.85  # of a field's edge has something lighter beside it
LEAST_FIELD = 40  # of them square: smaller ones are outshone by the paper beside them
_GAIN_STEP = 92.0  # a gain of 1 in eight bits


def even_light(page: Picture) -> Picture:
    """Return the page (h×w×3 BGR) with shadow and tint divided away; dark fields, photographs and coloured ink stay.

    One slow gain per channel, at most × 2.2, taken from cells that have the colour of paper and carried on under
    those that have not. Source: reference/imaging.md §7, shadow.
    """
    h, w = page.shape[:2]
    page, small = lift_shadow(page, quarter(page))
    cells = (max(1, small.shape[1] // CELL), max(1, small.shape[0] // CELL))
    dark = cv2.resize(small, cells, interpolation=cv2.INTER_AREA)
    around = np.ones((5, 5), np.uint8)
    bright = np.asarray(cv2.medianBlur(cv2.dilate(dark, around), 11), np.uint8)
    fields = cv2.resize(find_fields(small), cells, interpolation=cv2.INTER_AREA)
    is_paper = _paper_cells(bright) & ~_tone_cells(small, bright) & (fields < 128)
    if fields.any():  # they outvote narrow paper between them in `bright`
        dark[fields > 0] = 0
        beside = np.asarray(cv2.dilate(dark, around), np.float32)
        beside = _carry_on(beside, beside.max(axis=2) > 0)
        bright = np.asarray(cv2.medianBlur(beside.astype(np.uint8), 11), np.uint8)
    light = cv2.GaussianBlur(_carry_on(bright.astype(np.float32), is_paper), (0, 0), 1.5)
    gain = 255 / np.maximum(WHITE * np.maximum(light, 255 / MOST_GAIN) - BLACK, 1)
    steps = np.clip(gain * _GAIN_STEP, 0, 255).astype(np.uint8)
    full = cv2.resize(steps, (w, h), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.multiply(cv2.subtract(page, (BLACK, BLACK, BLACK, 0)), full, scale=1 / _GAIN_STEP), np.uint8)


def quarter(page: Picture) -> Picture:
    """Return the page averaged down to a quarter; cropped first, for whole factors cost a tenth of others."""
    h, w = page.shape[0] // 4 * 4, page.shape[1] // 4 * 4
    if not h or not w:
        return page
    return np.asarray(cv2.resize(page[:h, :w], (w // 4, h // 4), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def find_tones(small: Picture) -> Picture:
    """Return where a page under even light, at a quarter of its size, shows soft tones as a photograph does: 0 or 255.

    Writing is left out: its greys are steep, a photograph's lie flat.
    """
    grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)
    return _flat_greys(grey, np.full(grey.shape, 255, np.uint8))


def find_skew(small: Picture) -> float:
    """Return by how many degrees clockwise the lines on a page (a quarter of its size) run, to 0.1.

    0.0 where they are level or unsure. Source: reference/imaging.md §7, deskew: the turn at which the rows' sums of
    ink differ most.
    """
    grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
    ink = cv2.adaptiveThreshold(grey, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, 15, 12)
    written = np.asarray(ink.copy(), np.uint8)
    h, w = ink.shape
    ink[: h // 25], ink[h - h // 25 :], ink[:, : w // 25], ink[:, w - w // 25 :] = 0, 0, 0, 0
    spots = cv2.findNonZero(ink)
    if spots is None or len(spots) < 400:
        return 0.0
    x, y = spots.reshape(-1, 2)[:: 1 + len(spots) // 10_000].astype(np.float32).T
    coarse = np.arange(-SKEW_DEG, SKEW_DEG + 0.5, 0.5)
    sharp = [_row_contrast(x, y, float(turn), h) for turn in coarse]
    fine = float(coarse[int(np.argmax(sharp))]) + np.arange(-0.4, 0.41, 0.1)
    sharp_fine = [_row_contrast(x, y, float(turn), h) for turn in fine]
    found, best = float(fine[int(np.argmax(sharp_fine))]), max(sharp_fine)
    is_sure = best > 2.2 * float(np.median(sharp)) and best > 1.01 * _row_contrast(x, y, 0.0, h)
    if not is_sure or not LEAST_SKEW_DEG - 0.01 <= abs(found) < SKEW_DEG or _is_cut(written, found):
        return 0.0
    return round(found, 1)


def _is_cut(ink: npt.NDArray[np.uint8], turn_deg: float) -> bool:
    """Whether turning the page back would push writing over its edge: then it stays askew, and whole."""
    rim = max(2, ink.shape[1] // 150)  # the desk shines through at the very edge
    inner = ink[rim:-rim, rim:-rim]
    about = cv2.getRotationMatrix2D(((inner.shape[1] - 1) / 2, (inner.shape[0] - 1) / 2), turn_deg, 1.0)
    spots = cv2.findNonZero(inner)
    if spots is None:
        return False
    moved = cv2.transform(spots.reshape(-1, 1, 2).astype(np.float32), about).reshape(-1, 2)
    lost = (moved < 0).any(axis=1) | (moved[:, 0] >= inner.shape[1]) | (moved[:, 1] >= inner.shape[0])
    return int(lost.sum()) > 6


def _row_contrast(x: Floats, y: Floats, turn_deg: float, height: int) -> float:
    """Return how much the counts of ink differ from row to row when the page is turned back by `turn_deg`."""
    level = y - x * np.float32(np.tan(np.deg2rad(turn_deg))) + np.float32(height)
    sums = 0.0
    for shift in (0, 0.5):  # on the grid of pixels alone an unturned page would win by its evenness
        counts = np.bincount((level + np.float32(shift)).astype(np.int64), minlength=3 * height).astype(np.float64)
        sums += float(np.square(np.diff(np.convolve(counts, (0.25, 0.5, 0.25)))).sum())
    return sums


def find_fields(small: Picture) -> Picture:
    """Return where a page has printed fields, grey or tinted: 0 or 255, the short side at most `FIELDS_PX` long.

    A field is what a sharp step to something lighter shuts in on all sides; a shadow reaches the page's end or is soft.
    """
    factor = max(1.0, min(small.shape[:2]) / FIELDS_PX)
    size = (max(1, round(small.shape[1] / factor)), max(1, round(small.shape[0] / factor)))
    flat = cv2.resize(small, size, interpolation=cv2.INTER_AREA)
    flat = np.asarray(cv2.morphologyEx(flat, cv2.MORPH_CLOSE, np.ones((STROKE, STROKE), np.uint8)), np.uint8)
    darkest, lightest = (pick(flat, np.ones((3, 3), np.uint8)) for pick in (cv2.erode, cv2.dilate))
    lighter = cv2.dilate(lightest, np.ones((3, 3), np.uint8))
    far = cv2.subtract(cv2.dilate(lighter, np.ones((3, 3), np.uint8)), cv2.erode(darkest, np.ones((5, 5), np.uint8)))
    is_sharp = cv2.subtract(lightest, darkest) > far // 2
    is_step = (_is_darker(darkest, lightest) & is_sharp).any(axis=2)
    count, labels, stats, _ = cv2.connectedComponentsWithStats((~is_step).astype(np.uint8), connectivity=4)
    inner = np.zeros_like(is_step)
    inner[1:-1, 1:-1] = True
    is_rim = (labels > 0) & ((cv2.dilate(is_step.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0) | ~inner)
    is_foot = is_rim & inner & _is_darker(flat, lighter).any(axis=2)
    feet, rims = (np.bincount(labels[which], minlength=count) for which in (is_foot, is_rim))
    is_large = stats[:, cv2.CC_STAT_AREA] >= LEAST_FIELD
    is_large[0] = False  # the steps themselves
    is_field = is_large & (feet > SHUT_IN * rims)
    fields = cv2.dilate(is_field[labels].astype(np.uint8) * 255, np.ones((2 * STROKE - 1, 2 * STROKE - 1), np.uint8))
    fields[(is_large & ~is_field)[labels]] = 0
    return np.asarray(fields, np.uint8)


def _is_darker(these: Picture, those: Picture) -> npt.NDArray[np.bool_]:
    """Return where a channel of `these` is darker than of `those` by a printed field's step."""
    return np.asarray(cv2.addWeighted(those, 1 - STEP, these, -1, 0) > 0)


def _paper_cells(bright: Picture) -> npt.NDArray[np.bool_]:
    """Return which cells of the brightest-of-the-neighbourhood picture may be paper, by colour and lightness."""
    lightest, darkest = bright.max(axis=2), bright.min(axis=2)
    plain = (lightest >= DARKEST_PAPER) & (lightest - darkest <= COLOURED)
    shares = bright.astype(np.float32) / np.maximum(bright.sum(axis=2, dtype=np.float32), 1)[:, :, None]
    is_warm = (bright[:, :, 0] == darkest) & (bright[:, :, 2] == lightest)
    warm = (lightest >= DARKEST_PAPER) & (lightest - darkest <= YELLOWED) & is_warm
    if warm.mean() > WHOLE:
        usual = np.median(shares[warm], axis=0)
        alike = np.asarray(warm & (np.abs(shares - usual).max(axis=2) < PAPER_SHARE))
        if usual[2] - usual[0] > LEAST_WARM and alike.mean() > WHOLE:
            return alike
    if not plain.any():
        return np.asarray(plain)
    usual = np.median(shares[plain & (lightest >= np.percentile(lightest[plain], 85))], axis=0)
    return np.asarray(plain & (np.abs(shares - usual).max(axis=2) < PAPER_SHARE))


def _tone_cells(small: Picture, bright: Picture) -> npt.NDArray[np.bool_]:
    """Return which cells lie in a photograph, judged against the lightness around them."""
    grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)
    around = cv2.dilate(bright.max(axis=2), np.ones((9, 9), np.uint8))
    wide = np.asarray(cv2.resize(around, grey.shape[::-1], interpolation=cv2.INTER_LINEAR), np.uint8)
    tones = cv2.resize(_flat_greys(grey, wide), bright.shape[1::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(tones > 100)


def _flat_greys(grey: Picture, paper: Picture) -> Picture:
    """Return 255 where most of a place is grey, dark against the paper, and without steep edges."""
    steep = cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    share = cv2.divide(grey, paper, scale=255)
    flat = cv2.bitwise_and(cv2.inRange(share, 0, 218), cv2.inRange(steep, 0, 26))
    side = max(3, min(grey.shape) // 60)
    dense = cv2.blur(flat, (side, side)) > 100
    kernel = np.ones((2 * side + 1, 2 * side + 1), np.uint8)
    closed = cv2.morphologyEx(dense.astype(np.uint8) * 255, cv2.MORPH_CLOSE, kernel)
    return np.asarray(cv2.morphologyEx(closed, cv2.MORPH_OPEN, kernel), dtype=np.uint8)


def _carry_on(values: Floats, known: npt.NDArray[np.bool_]) -> Floats:
    """Return `values` (h×w×3) with the unknown cells filled from the known ones around them, near ones first."""
    if known.all() or not known.any():
        return values if known.any() else np.full_like(values, 255.0)
    weight = known.astype(np.float32)
    filled = values * weight[:, :, None]
    told = filled.copy()
    side = 9
    while (weight == 0).any() and side < 2 * max(known.shape):
        near = cv2.blur(known.astype(np.float32), (side, side), borderType=cv2.BORDER_CONSTANT)
        mean = cv2.blur(told, (side, side), borderType=cv2.BORDER_CONSTANT)
        new = (weight == 0) & (near > 1e-3)
        filled[new] = mean[new] / near[new][:, None]
        weight[new] = 1
        side = 2 * side + 1
    filled[weight == 0] = values[known].mean(axis=0)  # a few cells alone never weigh enough
    return np.asarray(filled, dtype=np.float32)
