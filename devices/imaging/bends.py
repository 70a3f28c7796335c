"""Sides of a paper that are not straight: it was rolled up or folded, and lies in arcs and facets.

Each side that a straight line does not meet is followed along the path on which the colours of desk and paper part
most, a curve is laid through what was seen there, and the corners are where the curves meet.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from devices.imaging.fields import Picture, shrink
from devices.imaging.quads import NEXT, crossings, frame_corners, lines_through, normals_of
from devices.imaging.refine import FINE_PX, edges_along, profiles_across
from devices.imaging.values import Outline

Points = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]
Places = npt.NDArray[np.float64]  # 4×PLACES, px inward
Known = npt.NDArray[np.bool_]
TRACED_PX = 1280  # long side of the picture in which a side is followed
PLACES = 96  # of a side that are looked at
ENDS = (0.015, 0.985)  # of a side: beyond them its neighbours meet it
REACH = 0.06  # of a side's length that its edge is sought away from the line
REACH_LIKE = 0.12  # the same where it is known how the side runs
BOX_PX = 6  # over which colours are compared
BAND_PX = 8  # beyond the reach: there lies desk on one side and paper on the other
AROUND = 12  # places to either side among which their colours are usual ones
LEAST_STEP = 8.0  # levels between desk and paper that count as a whole step
MOST_STEPS = 2  # px that a path moves from place to place
STEP_COST = 0.03  # of a whole step of colour, for each
KNOTS = 13  # of a curve
PLACED = np.linspace(0, 1, KNOTS)
SMOOTH = 1.0  # weight of its bends, of one place's
FIT_ROUNDS = 6
FAR = 4.0  # times as far away as an edge may lie, it hardly counts
STRAIGHT = 0.8  # of the places show the edge on the line: nothing is followed
LEAST_SHARE = 0.65  # of the places on a curve
LEAST_LIKE = 0.5  # on one that runs as the side across
LEAST_GAIN = 0.2  # more than on the line
EASE = 0.1  # less of all these shares for a side that was a curve before
LEAST_SAG = 0.003  # of the side's length
SMALL_SAG = 0.018  # up to it a side may have one sharp bend; beyond it is an arc, or bends where the side across does:
MOST_UNEVEN = 3.0  # times as sharply as usual,
ALIKE = 0.8  # as the cosine of both sides' bends has it
ALONE_SHARE, ROUGH = 0.9, 0.12  # of the places on a curve whose opposite is straight; of its sag, from a parabola
LEFT_PX, LEFT_PLACES, LEFT_HALF = 6.0, 8, 14  # away from the line, where that is asked whether it shows an edge
LEFT_STEP, LEFT_RATIO = 5.0, 3.0  # levels over 4 px; times what is seen beside it
MOST_KINK = 0.15  # radians between pieces of a curve
MOST_MOVED = 0.16  # of the longest side, a corner
UNIT = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float64)
BESIDE_PX = 64.0  # of the desk that is drawn anew with a paper: gates look there
CELL_PX, BAND_CELLS = 16, 16  # where a place is seen is worked out once for a cell
ROUNDS = 2  # the first may have begun far away


class Bent(NamedTuple):
    """An outline whose corners lie where its curved sides meet, and how far each side lies inward of the straight one.

    `away`: 4×KNOTS px of the still, at places evenly apart from corner to corner, 0 at both.
    """

    outline: Outline
    away: Points


class _Curves(NamedTuple):
    """Corners where sides meet, 4×2 px; `away` as of Bent; the sides that are curves, as of `Outline.curved`."""

    corners: Points
    away: Points
    sides: tuple[int, ...]


def find_bends(still: Picture, outline: Outline, factor: float, known: tuple[int, ...] = ()) -> Bent | None:
    """Return the outline with its curved sides followed, px of `still` (h×w×3 BGR); None where all are straight.

    `outline` is a refined one, `factor` that of its refinement. `known`: the sides that were curves in the frame before
    (`Outline.curved`); a little less is asked of them, so that a page that lies still does not seem to move. 1 ms
    where the sides are straight, else 20 at 1080p.
    """
    high, wide = still.shape[:2]
    if outline.corners == frame_corners(wide, high):
        return None  # a paper that fills the frame
    first = corners = np.array(outline.corners, np.float64)
    scale = max(1, round(max(high, wide) / TRACED_PX))
    small: Picture | None = None
    best: _Curves | None = None
    for _ in range(ROUNDS):
        sides = _Sides(still, corners, factor, known)
        if not sides.asked.any():
            break
        small = shrink(still, scale) if small is None else small
        found = sides.curves(small, scale)
        if found is None or (best is not None and len(found.sides) < len(best.sides)):
            break
        if np.abs(found.corners - first).max() > MOST_MOVED * sides.lengths.max():
            break
        best, corners = found, found.corners
    if best is None:
        return None
    a, b, c, d = ((float(x), float(y)) for x, y in best.corners)
    return Bent(replace(outline, corners=(a, b, c, d), curved=best.sides), best.away)


def unbend(still: Picture, bent: Bent) -> None:
    """Lay the paper's sides straight (changed in place): each place moves as far as the four sides beside it, the
    nearer ones more, and a place beyond a side as far as that side. What lies at the corners stays.
    """
    corners = np.array(bent.outline.corners)
    ways = np.take(corners, NEXT, axis=0) - corners
    lengths = np.hypot(ways[:, 0], ways[:, 1])
    normals = normals_of(corners[None])[0]
    on_page = cv2.getPerspectiveTransform(corners.astype(np.float32), UNIT.astype(np.float32))
    in_frame = np.linalg.inv(on_page)
    steps = np.linspace(0, 1, 4 * KNOTS)
    margin = BESIDE_PX + float(np.abs(bent.away).max())
    edges = np.array([still.shape[1], still.shape[0]])
    first = np.clip(np.floor(corners.min(axis=0) - margin), 0, edges).astype(int)
    last = np.clip(np.ceil(corners.max(axis=0) + margin), 0, edges).astype(int)
    x, y = (_cells(int(begin), int(end)) for begin, end in zip(first, last, strict=True))
    spots = np.stack(np.meshgrid(x, y), axis=-1)
    across, down = np.clip(cv2.perspectiveTransform(spots, on_page), 0, 1).transpose(2, 0, 1)
    beside = ((across, 1 - down), (down, across), (1 - across, down), (1 - down, 1 - across))  # how far along, how near
    for side, (along, near) in enumerate(beside):
        line = UNIT[side] + steps[:, None] * (UNIT[NEXT[side]] - UNIT[side])
        seen = cv2.perspectiveTransform(line[None], in_frame)[0]
        moved = np.interp((seen - corners[side]) @ ways[side] / lengths[side] ** 2, PLACED, bent.away[side])
        spots += (near * np.interp(along, steps, moved))[..., None] * normals[side]
    _draw(still, (int(first[0]), int(last[0])), (int(first[1]), int(last[1])), spots.astype(np.float32))


def _cells(begin: int, end: int) -> npt.NDArray[np.floating]:
    """Return the middles of the cells between two px, and of one more on either side."""
    return begin + (np.arange(-1, -(-(end - begin) // CELL_PX) + 1) + 0.5) * CELL_PX - 0.5


def _draw(still: Picture, columns: tuple[int, int], rows: tuple[int, int], spots: Floats) -> None:
    """Draw a part of the still (changed in place) whose cells are seen where `spots` says, a band of cells at a time.

    A second picture, or the places of all of it, would take 120 MB of the largest still.
    """
    high = len(still)
    first, last = rows
    own = first + (np.arange(-1, len(spots) - 1) + 0.5) * CELL_PX
    lift = int(np.ceil(np.abs(spots[..., 1] - own[:, None]).max())) + CELL_PX
    above = still[max(0, first - lift) : first].copy()  # what is drawn anew below may be seen there
    for cell in range(0, len(spots) - 2, BAND_CELLS):
        band = spots[cell : cell + BAND_CELLS + 2]
        size = (band.shape[1] * CELL_PX, band.shape[0] * CELL_PX)
        fine = cv2.resize(band, size, interpolation=cv2.INTER_LINEAR)
        begin, end = first + cell * CELL_PX, min(last, first + (cell + BAND_CELLS) * CELL_PX)
        seen = np.concatenate([above, still[begin : min(high, end + lift)]])
        fine = fine[CELL_PX : CELL_PX + end - begin, CELL_PX : CELL_PX + columns[1] - columns[0]]
        fine[..., 1] -= begin - len(above)
        above = seen[: len(above) + end - begin][-lift:].copy()
        still[begin:end, slice(*columns)] = cv2.remap(
            seen, fine, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )


class _Sides:
    """The sides of one quadrilateral, seen along the straight lines between its corners."""

    def __init__(self, still: Picture, corners: Points, factor: float, known: tuple[int, ...]) -> None:
        self.still, self.corners = still, corners
        self.ways = np.take(corners, NEXT, axis=0) - corners
        self.lengths = np.hypot(self.ways[:, 0], self.ways[:, 1])
        self.normals = normals_of(corners[None])[0]
        self.share = np.linspace(*ENDS, PLACES)
        self.base = corners[:, None] + self.share[:, None] * self.ways[:, None]
        self.near_px = max(1.5, 0.35 * factor)  # as near as an edge must lie
        self.reach = max(4.0, 1.6 * factor)
        self.left_px = max(LEFT_PX, 2.0 * factor)
        places, is_edge = self._edges(np.zeros((4, PLACES)))
        self.on_line = (is_edge & (np.abs(places) < self.near_px)).mean(axis=1)
        self.ease = np.isin(np.arange(4), known) * EASE
        least = STRAIGHT + self.ease
        self.asked = self.on_line < least
        self.alone = np.roll(self.on_line, 2) >= least  # the side across is straight

    def curves(self, small: Picture, scale: int) -> _Curves | None:
        """Return the sides as curves, None where none is; `small`: the still, so many times smaller."""
        bent = np.zeros((4, KNOTS))
        asked = self.asked
        for _ in range(2):  # a side that is lost may be found as the one across from it runs
            self._look_along(np.flatnonzero(asked), small, scale, bent)
            self._drop_uneven(bent)
            found = bent.any(axis=1)
            asked = self.asked & ~found & np.roll(found, 2)
            if not asked.any():
                break
        if not found.any():
            return None
        points = self.corners[:, None] + PLACED[:, None] * self.ways[:, None] + bent[..., None] * self.normals[:, None]
        begin, end = lines_through(points[:, 0], points[:, 1]), lines_through(points[:, -2], points[:, -1])
        corners = crossings(np.roll(end, 1, 0), begin)
        away = np.zeros((4, KNOTS))
        curved = tuple(int(side) for side in np.flatnonzero(found))
        for side in curved:
            away[side] = _inward(points[side], corners[side], corners[NEXT[side]])
        return _Curves(corners, away, curved)

    def _look_along(self, sides: npt.NDArray[np.intp], small: Picture, scale: int, bent: Points) -> None:
        """Keep what curves are seen of some sides in `bent`; where the side across is one, as that one runs."""
        paths = np.zeros((4, PLACES))
        known = np.roll(bent, 2, 0)[:, ::-1]
        is_known = np.array(known.any(axis=1))
        for side in sides:
            across = np.linspace(known[side, 0], known[side, -1], KNOTS) - known[side]
            like = np.interp(self.share, PLACED, across)
            base = (self.base[side] + like[:, None] * self.normals[side] + 0.5) / scale - 0.5
            reach = (REACH_LIKE if is_known[side] else REACH) * float(self.lengths[side]) / scale
            paths[side] = like + scale * _follow(small, base, self.normals[side], int(np.ceil(reach)))
        places, is_edge = self._edges(paths)
        for side in sides:
            curve = self._curve_of(int(side), places[side], is_edge[side], bool(is_known[side]))
            if curve is not None:
                bent[side] = curve

    def _drop_uneven(self, bent: Points) -> None:
        """Leave no side a sharp bend that the side across has not."""
        for side in np.flatnonzero(bent.any(axis=1)):
            if _is_uneven(bent[side], float(self.lengths[side])) and not _bend_alike(bent[side], bent[(side + 2) % 4]):
                bent[side] = 0

    def _edges(self, paths: Places) -> tuple[Places, Known]:
        """Return where each place of the sides shows its edge near a path, and whether it shows one."""
        base = self.base + paths[..., None] * self.normals[:, None]
        found, is_edge = edges_along(self.still, base, self.normals, self.reach, FINE_PX)
        return paths + found, is_edge

    def _curve_of(self, side: int, places: Points, is_edge: Known, is_like: bool) -> Points | None:
        """Return a side as a curve, KNOTS px inward, where its edge lies on it and not on the straight line.

        `is_like`: it was followed as the one across from it runs.
        """
        if is_edge.sum() < KNOTS:
            return None
        curve = _curve(self.share[is_edge], places[is_edge], self.near_px)
        off = np.abs(places - np.interp(self.share, PLACED, curve))
        on_curve = float((is_edge & (off < self.near_px)).mean())
        length = float(self.lengths[side])
        sag = float(np.abs(curve - np.linspace(curve[0], curve[-1], KNOTS)).max())
        ease = float(self.ease[side])
        gain = on_curve - float(self.on_line[side])
        is_curve = (
            on_curve > (LEAST_LIKE if is_like else LEAST_SHARE) - ease
            and gain > LEAST_GAIN - ease
            and sag > max(self.near_px, LEAST_SAG * length) * (1 - 4 * ease)
            and np.abs(np.diff(curve, 2)).max() * (KNOTS - 1) < MOST_KINK * length
            and (not self.alone[side] or (on_curve > ALONE_SHARE - ease and _is_arc(curve)))
            and (is_like or not self._lies_on_line(side, curve))
        )
        return curve if is_curve else None

    def _lies_on_line(self, side: int, curve: Points) -> bool:
        """Whether the straight line shows an edge where the curve has left it: then that is the paper's, and the curve
        belongs to what lies under it.
        """
        has_left = np.abs(np.interp(self.share, PLACED, curve)) > self.left_px
        if has_left.sum() < LEFT_PLACES:
            return False
        seen = profiles_across(
            self.still, self.base[side : side + 1, has_left], self.normals[side : side + 1], LEFT_HALF
        )
        usual = np.median(seen[0], axis=0) / 3
        slope = np.linalg.norm(usual[4:] - usual[:-4], axis=1)
        middle = len(slope) // 2
        beside = float(np.median(np.concatenate([slope[: middle - 4], slope[middle + 5 :]])))
        return bool(slope[middle - 1 : middle + 2].max() > max(LEFT_STEP, LEFT_RATIO * beside))


def _is_uneven(curve: Points, length: float) -> bool:
    """Whether a side is far from a line and no arc: it bends at a crease, or runs on along another paper."""
    kinks = np.abs(np.diff(curve, 2))
    sag = np.abs(curve - np.linspace(curve[0], curve[-1], KNOTS)).max()
    return bool(sag >= SMALL_SAG * length and kinks.max() >= MOST_UNEVEN * kinks.mean())


def _bend_alike(one: Points, other: Points) -> bool:
    """Whether two sides that lie across bend at the same places: a crease runs through both."""
    a, b = np.diff(one, 2), np.diff(other[::-1], 2)
    return bool(np.abs(a @ b) > ALIKE * np.linalg.norm(a) * np.linalg.norm(b))


def _is_arc(curve: Points) -> bool:
    """Whether a side is one arc from corner to corner, as a parabola is."""
    straight = curve - np.linspace(curve[0], curve[-1], KNOTS)
    off = curve - np.polyval(np.polyfit(PLACED, curve, 2), PLACED)
    return bool(np.abs(off).max() < ROUGH * np.abs(straight).max())


def _follow(picture: Picture, base: Points, normal: Points, reach: int) -> Points:
    """Return how far inward of places along a side (n×2 px) the paper begins: the path on which colours part most, up
    to `reach` px to either side.
    """
    half = reach + BAND_PX + BOX_PX
    offsets = np.arange(-half, half + 1)
    x, y = ((base[:, axis, None] + offsets * normal[axis]).astype(np.float32) for axis in (0, 1))
    seen = cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    desk, paper = _usual(seen[:, : BAND_PX + BOX_PX]), _usual(seen[:, -BAND_PX - BOX_PX :])
    step = paper - desk
    power = np.maximum((step * step).sum(axis=1), LEAST_STEP**2)
    mine = ((seen - (paper + desk)[:, None] / 2) * step[:, None]).sum(axis=2) * 2 / power[:, None]
    total = np.pad(np.clip(mine, -1, 1).cumsum(axis=1), ((0, 0), (1, 0)))  # 1: the paper's colour, −1: the desk's
    gain = (total[:, 2 * BOX_PX :] - 2 * total[:, BOX_PX:-BOX_PX] + total[:, : -2 * BOX_PX]) / (2 * BOX_PX)
    at = offsets[BOX_PX : BOX_PX + gain.shape[1]] - 0.5
    near = np.abs(at) <= reach
    return np.asarray(at[near][_best_path(gain[:, near])])


def _usual(band: Floats) -> Floats:
    """Return the usual colour of a band beside a line (n×m×3) at each of its places, n×3."""
    each = np.pad(np.median(band, axis=1), ((AROUND, AROUND), (0, 0)), "edge")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(each, 2 * AROUND + 1, axis=0), axis=2))


def _best_path(gain: Floats) -> npt.NDArray[np.intp]:
    """Return the number of a column for each row, n: those of the greatest sum that move little from row to row."""
    count, wide = gain.shape
    shifts = np.arange(-MOST_STEPS, MOST_STEPS + 1)
    cost = (STEP_COST * np.abs(shifts)[:, None]).astype(gain.dtype)
    came = np.zeros(gain.shape, np.intp)
    before = np.full(wide + 2 * MOST_STEPS, -np.inf, gain.dtype)
    best = before[MOST_STEPS:-MOST_STEPS]
    best[:] = gain[0]
    near = np.lib.stride_tricks.sliding_window_view(before, wide)  # of each column, so far: changes with it
    for row in range(1, count):
        options = near - cost
        choice = options.argmax(axis=0)
        came[row] = shifts[choice]
        best[:] = options.max(axis=0)
        best += gain[row]
    path = np.empty(len(gain), np.intp)
    path[-1] = best.argmax()
    for row in range(len(gain) - 1, 0, -1):
        path[row - 1] = path[row] + came[row, path[row]]
    return path


def _curve(share: Points, places: Points, near_px: float) -> Points:
    """Return the curve that most places (px inward at shares of a side) lie on: KNOTS px, pieces of lines, smooth."""
    hats = np.maximum(0, 1 - np.abs(share[:, None] - PLACED) * (KNOTS - 1))
    bends = np.diff(np.eye(KNOTS), 2, axis=0)
    weight = np.ones(len(share))
    curve = np.zeros(KNOTS)
    for _ in range(FIT_ROUNDS):
        heavy = (hats * weight[:, None]).T
        curve = np.linalg.solve(heavy @ hats + SMOOTH * bends.T @ bends + 1e-6 * np.eye(KNOTS), heavy @ places)
        off = np.abs(hats @ curve - places) / near_px
        weight = np.where(off > FAR, 0.1, 1) / np.maximum(1, off) ** 2
    return curve


def _inward(points: Points, start: Points, stop: Points) -> Points:
    """Return how far inward of the straight line between two corners a curve's points lie, KNOTS px, 0 at both ends."""
    way = stop - start
    length = float(np.hypot(way[0], way[1]))
    along, inward = way / length, np.array([-way[1], way[0]]) / length
    inner = points[1:-1] - start
    share = np.maximum.accumulate(np.clip(inner @ along / length, 0, 1))
    return np.asarray(np.interp(PLACED, [0, *share, 1], [0, *(inner @ inward), 0]))
