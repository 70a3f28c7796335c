"""What the outline search looks at: a small picture, its strongest gradients, its noise."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import msgspec
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
Gradient = npt.NDArray[np.int16]
Planes = tuple[Gradient, ...]  # lightness and two of colour × UNIT, h×w each
Quads = npt.NDArray[np.float64]  # n×4×2 px, clockwise on screen
UNIT = 8  # gradients are whole numbers of eighths of a level: a white page on a white desk steps by two levels
# From B, G and R to lightness, redness and yellowness: how L*a*b* (L of 255 levels) changes where the tuning frames'
# colours do, correlation .998, .98, .98. It costs a seventh of that, and its levels need not be whole.
COLOURS = np.array([[0.06, 0.67, 0.27], [0.18, -0.54, 0.36], [-0.54, 0.37, 0.17]], np.float32)


class OutlineParameters(msgspec.Struct, frozen=True):
    """Every number of the search in one place, so that a sweep is possible. Source: reference/imaging.md §2."""

    side_px: int = 480
    chroma_weight: float = 1.5
    noise_share: float = 0.3  # of the pixels are plain, whatever lies about
    noise_factor: float = 2.2  # × their largest gradient
    noise_floor: float = 0.5  # levels; rounding to whole levels alone makes as much
    slow_px: int = 15  # what changes as slowly as this is light
    ghost: float = 4.0  # levels: the most an edge counts in that
    tau_floor: float = 1.5
    tau_factor: float = 1.1
    bold: tuple[tuple[float, float, float], ...] = ((40, 9, 0.45),)  # contours' floor, × n, low: three in five pages
    faint: tuple[tuple[float, float, float], ...] = ((7, 2.2, 0.5), (18, 4, 0.45))
    contours: int = 5
    contour_box_share: float = 0.02
    good_score: float = 0.82
    sure_score: float = 0.7  # whatever the size, of what contours and regions give: lines need not be looked for
    least_score: float = 0.46
    doubtful_score: float = 0.2  # dark lines too few for a page help none below it
    hopeful_score: float = 0.2  # lines' candidates must reach that before the map of paper is asked
    map_weight: float = 1.0  # of what it says, −1 to 1, is added to a score
    map_least: float = 0.36  # the least score where it sees paper
    steady: float = 0.55  # of the score is how steady the sides are
    weakest: float = 0.6  # of that the weakest side
    area_share: tuple[float, float] = (0.015, 0.985)
    corner_cos: float = 0.6
    side_difference: float = 0.5
    shortest_side_share: float = 0.06
    skew: tuple[float, float] = (0.12, 0.35)  # cosine between sides in space: first doubtful, then no paper
    tilt_deg: tuple[float, float] = (45.0, 70.0)  # away from the camera, the same
    odd_shape: float = 0.6  # of the score is lost
    shape_more: float = 0.2  # × its score counts what has a paper's shape, where candidates are chosen among
    shape_sought: float = 0.2  # the same among what generators propose
    shape_spread: float = 0.02  # of that shape is nearly it
    longest: float = 9.0  # × a paper's width: pens and fingers are longer
    points: int = 28
    keep: int = 40  # candidates whose steps are looked at
    groups: int = 7  # of points along a side, in which the gradient is averaged with its sign: noise and writing cancel
    group_tau: float = 0.6  # × tau
    uneven: float = 0.25  # of a side's usual edge: at its ends less is weak, however strong it is
    no_corner: float = 0.6  # what is left of a score where two corners have no edges beside them
    corner_edge: float = 0.4  # as much edge is enough
    alike: float = 16.0  # levels: a frame printed on a page has paper on both its sides
    other_score: float = 0.75  # a second paper must be certain: it makes the citizen move something
    desk_weight: float = 0.08  # of the empty desk's word
    darker: float = 0.7  # how much an edge that darkens inward counts when a side is laid onto one
    step_floor: float = 1.5  # levels
    step_near: float = 1.4  # × the step within 2 px is the most it counts within 7
    rim_floor: float = 2.5  # levels
    rim_most: float = 0.9
    rim_sharp: tuple[float, float] = (0.7, 0.95)  # as `sharp`
    sharp: tuple[float, float] = (0.5, 0.8)  # of a step lies within 2 px of its side: of light and stains less does
    seam_floor: float = 0.8  # levels
    seam_most: float = 0.65
    seam_slope: float = 0.2  # of the one side's rise the other may fall
    least_of_others: float = 0.15  # of the others' step the least side must show
    seam_ink: float = 12.0  # levels: no edge throws a darker shadow at this size
    beyond: float = 0.45  # of the score are lost where sides go on beyond their corners
    beyond_ends: float = 2.0  # so many of eight ends
    beyond_most: float = 0.2  # more, where twice as many do: a grid's
    bow: float = 2.5  # px by which three sides bend inward at their ends: no paper does
    slope_share: float = 2.5  # × the lesser change from 3 to 7 px on either side is light: 10 px apart
    outermost: float = 0.92
    outermost_along: float = 0.75  # with all sides within 4° of the inner one's, and
    outermost_unlike: float = 0.82  # where the inner one's have no paper on both their sides
    line_floor: float = 0.8  # × tau: weaker pixels do not vote
    line_votes: int = 7000  # pixels that vote at most
    line_spread: int = 4  # bins of 2° to either side
    line_crowd: float = 2.0  # so many lines may pass near a pixel before its vote shrinks
    line_three: float = 6.5  # votes that three sides square on each other must have, less their opposites',
    line_four: float = (
        7.0  # and all four: 157 pages that lines alone find have 7.5 and 8.3, two in three empty desks less
    )
    ridge_four: float = 40.0  # votes of four dark lines: eight pages that they alone find have 64, most empty desks 25
    line_cancel: float = 0.7  # of the opposite edge near by: a printed rule has two
    grow_share: float = 0.35  # of the frame's long side
    grow_least: float = 0.3
    grow_peaks: int = 3  # a side
    grow_keep: int = 16
    relax: int = 12  # candidates whose sides are moved
    outward: int = 3  # candidates that may be printed on a larger one
    outward_most: float = 0.5  # of a full step or seam: more is print
    outward_least: float = 0.15
    outward_peaks: int = 4  # a side
    outward_keep: int = 24
    lines: int = 40  # two in five of them without regard to opposites: a shadow may rim a paper
    ridges: int = 36  # thin dark lines
    ridge_area: float = 0.35  # what is printed on a page has dark lines as well: the larger one is preferred
    ridge_votes: int = 16000  # pixels that vote at most
    ridge_tau: float = 2.0  # × the picture's median curve
    ridge_floor: float = 0.8  # × tau: weaker pixels do not vote
    covered: tuple[float, float] = (0.5, 1.0)  # of a side on a dark line: from the first on it counts
    cover_most: float = 0.8
    line_step: float = 3.0  # levels that are a full step
    line_seam: float = 2.0  # and a full seam
    line_pairs: int = 220
    line_quads: int = 40
    line_least: float = 0.2  # must speak for a quadrilateral of lines: most empty desks have none
    line_reach: int = 4  # px that a line of half the size may be off: the far rim of a shadow


PARAMETERS = OutlineParameters()


class Fields(NamedTuple):
    """A frame prepared for the search, all at 1/f of its size (h×w)."""

    factor: int
    gx: Gradient  # × UNIT × 2
    gy: Gradient
    noise: float  # in levels of (|gx|+|gy|)/2
    tau: float
    planes: Planes  # the colours weighted
    means: Planes  # of them, over 3×3 px

    @property
    def slopes(self) -> Planes:
        """gx and gy."""
        return self.gx, self.gy

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the small picture, px."""
        return self.gx.shape[1], self.gx.shape[0]


def shrink_factor(width_px: int, height_px: int, parameters: OutlineParameters = PARAMETERS) -> int:
    """Return the integer by which a frame is shrunk: 1080p gives 4, a 3264 px still 7."""
    return max(1, -(-max(width_px, height_px) // parameters.side_px))


def shrink(frame: Picture, factor: int) -> Picture:
    """Return the frame cropped to a multiple of `factor` and averaged down; halving is a quarter of the work."""
    h, w = frame.shape[0] // factor * factor, frame.shape[1] // factor * factor
    small = frame[:h, :w]
    while factor > 1:
        step = 2 if factor % 2 == 0 else factor
        w, h, factor = w // step, h // step, factor // step
        small = cv2.resize(small, (w, h), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8)


def fit_long(picture: Picture, long_px: int) -> Picture:
    """Return the picture (h×w×3) averaged down until its long side has `long_px`; a smaller one as it is.

    Halved as often as may be: an average over whole factors of two costs a tenth of others.
    """
    while max(picture.shape[:2]) >= 2 * long_px and min(picture.shape[:2]) >= 2:
        picture = shrink(picture, 2)
    scale = long_px / max(picture.shape[:2])
    if scale >= 1:
        return picture
    return np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def lightest(picture: Picture) -> Picture:
    """Return the largest channel of each pixel (h×w): red ink is bright there."""
    b, g, r = cv2.split(picture)
    return np.asarray(cv2.max(cv2.max(b, g), r), dtype=np.uint8)


def darkest(picture: Picture) -> Picture:
    """Return the smallest channel of each pixel (h×w): red ink is dark there."""
    b, g, r = cv2.split(picture)
    return np.asarray(cv2.min(cv2.min(b, g), r), dtype=np.uint8)


def prepare(frame: Picture, parameters: OutlineParameters = PARAMETERS, small: Picture | None = None) -> Fields:
    """Return the fields of a BGR frame (h×w×3 uint8); `small` is the frame shrunk by its factor, where it is known."""
    p = parameters
    factor = shrink_factor(frame.shape[1], frame.shape[0], p)
    small = shrink(frame, factor) if small is None else small
    planes = colours(small, p)
    gx, gy, noise = gradients(planes, p)
    means = tuple(np.asarray(cv2.blur(plane, (3, 3)), np.int16) for plane in planes)
    return Fields(factor, gx, gy, noise, max(p.tau_floor, p.tau_factor * noise), planes, means)


def colours(small: Picture, p: OutlineParameters = PARAMETERS) -> Planes:
    """Return lightness and two colours of a BGR picture (h×w×3), weighted, in units."""
    weights = UNIT * np.array([[1], [p.chroma_weight], [p.chroma_weight]], np.float32)
    opponent = cv2.transform(small.astype(np.int16), weights * COLOURS)
    return tuple(np.asarray(plane, np.int16) for plane in cv2.split(opponent))  # one fits the processor's cache


def gradients(planes: Planes, p: OutlineParameters) -> tuple[Gradient, Gradient, float]:
    """Return the strongest plane's gx and gy (× 2 UNIT), and their noise in levels."""
    gx, gy = (_sharp(gradient, p) for gradient in _strongest(planes))
    some = cv2.convertScaleAbs(_size(gx[::2], gy[::2]), alpha=0.5)  # every second row tells as much
    return gx, gy, p.noise_factor * _level(np.asarray(some, np.uint8), p.noise_share) / UNIT + p.noise_floor


def _sharp(gradient: Gradient, p: OutlineParameters) -> Gradient:
    """Return the gradient without what swells slowly, light and soft shadows; strong edges leave hardly a ghost."""
    most = round(p.ghost * 2 * UNIT)
    slow = cv2.blur(np.clip(gradient, -most, most), (p.slow_px, p.slow_px))
    return np.asarray(cv2.subtract(gradient, slow), dtype=np.int16)


def _size(gx: Gradient, gy: Gradient) -> Gradient:
    """Return |gx|+|gy|, in steps of 1/(2 UNIT) level."""
    return np.asarray(cv2.add(np.abs(gx), np.abs(gy)), np.int16)


def _strongest(planes: Planes) -> tuple[Gradient, Gradient]:
    """Return, per pixel, the gradient of the plane with the largest |gx|+|gy|, softened by a Gaussian of σ 1."""
    best_x, best_y = _slopes(planes[0])
    best = _size(best_x, best_y)
    for number, plane in enumerate(planes[1:], 2):
        x, y = _slopes(plane)
        size = _size(x, y)
        wins = cv2.compare(size, best, cv2.CMP_GT)
        cv2.copyTo(x, wins, best_x)
        cv2.copyTo(y, wins, best_y)
        if number < len(planes):
            best = cv2.max(best, size)
    return best_x, best_y


def _slopes(plane: Gradient) -> tuple[Gradient, Gradient]:
    """Return what cv2.Sobel makes of the softened plane: shifted sums take three fifths of its time."""
    soft = cv2.copyMakeBorder(cv2.GaussianBlur(plane, (5, 5), 1), 1, 1, 1, 1, cv2.BORDER_REFLECT_101)
    down, across = cv2.add(soft[:-1], soft[1:]), cv2.add(soft[:, :-1], soft[:, 1:])
    down, across = cv2.add(down[:-1], down[1:]), cv2.add(across[:, :-1], across[:, 1:])
    x, y = cv2.subtract(down[:, 2:], down[:, :-2]), cv2.subtract(across[2:], across[:-2])
    return np.asarray(x, np.int16), np.asarray(y, np.int16)


def _level(levels: Picture, share: float) -> float:
    """Return the value below which `share` of a picture of bytes lies, between whole numbers inside a bin."""
    counts = cv2.calcHist([levels], [0], None, [256], [0, 256]).ravel()
    below = np.cumsum(counts)
    wanted = below[-1] * share
    at = int(np.searchsorted(below, wanted))
    before = below[at] - counts[at]
    return float(at - 0.5 + (wanted - before) / max(1.0, counts[at]))
