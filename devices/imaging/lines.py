"""Quadrilaterals from straight lines: long edges that step the same way all along, however faint, voted for by pixels.

A paper's side brightens to one side from end to end; writing, rules, cables and pens do so and undo it within a few
pixels. So votes are signed, and an edge loses what its opposite nearby has. Faint edges vote nearly like strong ones.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from devices.imaging.fields import PARAMETERS, UNIT, Fields, Gradient, OutlineParameters, Quads, gradients
from devices.imaging.line_table import Table, build_table, rate
from devices.imaging.quads import BEFORE, apart, areas, crossings, moved, plausible

Floats = npt.NDArray[np.float64]
Room = npt.NDArray[np.float32]
NONE: Quads = np.empty((0, 4, 2), np.float64)
BIN_DEG = 2
CROWD_PX = 9  # around a pixel; a lone line crosses it once
TURNS = 360 // BIN_DEG  # directions of the gradient, signed
FIT_BINS = 18  # 36° to either side
SQUARE_BINS = 2  # by which a corner may miss a right angle, beyond those over which a vote is spread
NEARLY = (np.arange(TURNS)[:, None] + np.arange(-SQUARE_BINS, SQUARE_BINS + 1)) % TURNS
QUARTERS = (np.arange(TURNS)[:, None] + np.arange(4) * TURNS // 4) % TURNS
SAME_COS, SAME_PX = float(np.cos(np.deg2rad(1.5))), 1.5
TWIN_PX = 4.0
REACH_PX = 4  # of the small picture, by which a corner may lie outside
LEAST_VOTES = 40
THINNED, THINNED_LEAST = 3, 0.75  # one vote in three shows where far fewer stand square than are asked for
STRAIGHT_PX = 1.5  # a pixel of the picture so near belongs to the line


class Votes(NamedTuple):
    """The pixels that vote: place from the picture's middle (px), gradient's direction (degrees 0 to 360; 0 to 180
    where neither side of a line is brighter), weight 0 to 1.
    """

    x: Floats
    y: Floats
    turn: Floats
    weight: Floats

    def again(self, period_deg: int) -> Votes:
        """Return them three times over, a period apart and by direction: no range of directions has a gap."""
        order = np.argsort(self.turn)
        x, y, turn, weight = (values[order] for values in self)
        turn = np.concatenate([turn + time * period_deg for time in range(3)])
        return Votes(np.tile(x, 3), np.tile(y, 3), turn, np.tile(weight, 3))


class Lined(NamedTuple):
    """Straight edges (n×3, best first), pairs of them that may be opposite sides, and what lies along each."""

    lines: Floats
    pairs: npt.NDArray[np.intp]
    table: Table


def find_lined(fields: Fields, parameters: OutlineParameters = PARAMETERS) -> Lined | None:
    """Return the straight edges with what lies along them, or None where too few are for a page."""
    return lined_of(fields, find_lines(fields, parameters), parameters)


def lined_of(fields: Fields, lines: Floats, p: OutlineParameters) -> Lined | None:
    """Return the lines (n×3) with what lies along them, or None where too few are for a page."""
    if len(lines) < 3:
        return None
    pairs = _parallel_pairs(lines, 0.1 * min(fields.size), p.line_pairs)
    return Lined(lines, pairs, build_table(fields, lines, p)) if len(pairs) else None


def from_lines(fields: Fields, lined: Lined | None, parameters: OutlineParameters = PARAMETERS) -> Quads:
    """Return candidates from pairs of nearly parallel straight edges, n×4×2 px of the small picture, best first."""
    p = parameters
    if lined is None:
        return NONE
    quads, sides = quads_of(fields, lined, p)
    if not len(quads):
        return NONE
    rated, shift = rate(fields, lined.lines, lined.table, quads, sides, p)
    best = np.argsort(-rated, kind="stable")[: 5 * p.line_quads]  # a shadow's two rims and their mixtures are one
    best = best[rated[best] > p.line_least]
    quads = moved(quads[best], np.repeat(shift[best, :, None], 2, axis=2))
    return quads[apart(quads, TWIN_PX)[: p.line_quads]]


def quads_of(fields: Fields, lined: Lined, p: OutlineParameters) -> tuple[Quads, npt.NDArray[np.intp]]:
    """Return all that two pairs of lines make and that can be a paper, n×4×2 px clockwise on screen, and the lines
    after each corner, n×4.
    """
    lines, pairs, _ = lined
    one, two = np.triu_indices(len(pairs), 1)
    angles = np.arctan2(lines[:, 1], lines[:, 0])
    turn = np.abs(angles[pairs[one, 0]] - angles[pairs[two, 0]]) % np.pi
    square = np.minimum(turn, np.pi - turn) > np.pi / 3
    a, b = pairs[one[square]], pairs[two[square]]
    sides = np.stack([a[:, 0], b[:, 1], a[:, 1], b[:, 0]], axis=1)  # the line under each side
    table = _meetings(lines)
    width, height = fields.size
    x, y = table[..., 0], table[..., 1]
    near = (x > -REACH_PX) & (x < width + REACH_PX) & (y > -REACH_PX) & (y < height + REACH_PX)
    one, two, three, four = sides.T
    sides = sides[near[one, two] & near[two, three] & near[three, four] & near[four, one]]  # most meet far outside
    quads = table[np.take(sides, BEFORE, axis=1), sides]
    turned = areas(quads) < 0
    quads = np.where(turned[:, None, None], quads[:, ::-1], quads)
    sides = np.where(turned[:, None], sides[:, [2, 1, 0, 3]], sides)  # the side after each corner, the other way round
    fit = plausible(quads, fields.size, p)
    return quads[fit], sides[fit]


def find_lines(fields: Fields, parameters: OutlineParameters = PARAMETERS) -> Floats:
    """Return straight edges, n×3: nx, ny, d with n·p = d (px of the small picture), n towards the brighter side.

    Searched at half that size: of a faint edge twice as much is left above the noise.
    """
    p = parameters
    halves = (cv2.resize(plane, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for plane in fields.planes)
    gx, gy, noise = gradients(tuple(np.asarray(half, np.int16) for half in halves), p)
    votes = _voters(gx, gy, max(p.tau_floor, p.tau_factor * noise), p)
    lines = straight(votes, (gx.shape[1], gx.shape[0]), p.line_cancel, p.lines, p)
    lines[:, 2] = 2 * lines[:, 2] + 0.5 * (lines[:, 0] + lines[:, 1])
    return lines


def straight(votes: Votes, size: tuple[int, int], cancel: float, count: int, p: OutlineParameters) -> Floats:
    """Return at most `count` lines that most pixels of a picture of `size` (w, h) lie on, n×3, best first.

    Three in five lose `cancel` of what lies on their opposites; 0 where neither side of a line is brighter.
    """
    width, height = size
    if len(votes.x) < LEAST_VOTES:
        return np.empty((0, 3))
    half = int(np.ceil(np.hypot(width, height) / 2)) + 2
    if not cancel:
        some = Votes(*(values[::THINNED] for values in votes))
        if THINNED * _square(_unsigned(_ballot(some, half, p)))[0] < THINNED_LEAST * p.ridge_four:
            return np.empty((0, 3))
    room = _ballot(votes, half, p)
    found: list[Floats] = []
    if cancel:
        clear = room - cancel * _opposite(room)
        if _square(clear)[1] < p.line_three or _square(room)[0] < p.line_four:
            return np.empty((0, 3))
        again = votes.again(360)
        _peaks(again, clear, half, 3 * count // 5, found)
    else:
        room = _unsigned(room)
        if _square(room)[0] < p.ridge_four:
            return np.empty((0, 3))
        again = votes.again(180)
    _peaks(again, room, half, count, found)
    lines = np.array(found).reshape(-1, 3)
    lines[:, 2] += lines[:, 0] * (width - 1) / 2 + lines[:, 1] * (height - 1) / 2
    return lines


def _voters(gx: Gradient, gy: Gradient, tau: float, p: OutlineParameters) -> Votes:
    """Return the ridge pixels of the gradient that stand above the noise; evenly thinned where they are too many."""
    least = p.line_floor * tau * 2 * UNIT
    ridge = cv2.Canny(gx, gy, least, least)
    rows, columns = np.nonzero(ridge)
    if len(rows) > p.line_votes:
        kept = np.linspace(0, len(rows) - 1, p.line_votes).astype(int)
        rows, columns = rows[kept], columns[kept]
    fx, fy = gx[rows, columns].astype(np.float32), gy[rows, columns].astype(np.float32)
    length, angle = cv2.cartToPolar(fx, fy, angleInDegrees=True) if len(fx) else (fx, fy)  # to a third of a degree
    size, turn = length.ravel().astype(np.float64) / (2 * UNIT), angle.ravel().astype(np.float64)
    height, width = gx.shape
    crowd = cv2.blur(ridge, (CROWD_PX, CROWD_PX), borderType=cv2.BORDER_CONSTANT)[rows, columns] / 255 * CROWD_PX
    weight = size / (size + tau) / np.maximum(1, crowd / p.line_crowd) ** 2  # in writing an edge is one of many
    return Votes(columns - (width - 1) / 2, rows - (height - 1) / 2, turn, weight)


def _ballot(votes: Votes, half: int, p: OutlineParameters) -> Room:
    """Return the votes by direction (TURNS rows) and distance (2 half + 1 columns)."""
    wide = 2 * half + 1
    cos, sin, base = _spread(p.line_spread, wide)
    turn = np.rint(votes.turn / BIN_DEG).astype(np.intp) % TURNS
    at, down = np.take(cos, turn, axis=0), np.take(sin, turn, axis=0)
    at *= votes.x.astype(np.float32)[:, None]
    down *= votes.y.astype(np.float32)[:, None]
    at += down
    at += np.take(base, turn, axis=0)
    place = at.astype(np.intp)  # never below 0: cutting rounds
    count = np.bincount(place.ravel(), np.repeat(votes.weight, base.shape[1]), minlength=TURNS * wide)
    room = cv2.blur(count.reshape(TURNS, wide).astype(np.float32), (3, 1), borderType=cv2.BORDER_CONSTANT) * 3
    return np.asarray(room, dtype=np.float32)


@cache
def _spread(bins: int, wide: int) -> tuple[Room, Room, Room]:
    """Return cosine and sine of the directions within so many bins of each, and where in a ballot of so many columns
    the middle of their row lies, and half a column more, TURNS × (2 bins + 1).
    """
    turn = (np.arange(TURNS)[:, None] + np.arange(-bins, bins + 1)) % TURNS
    angle = np.deg2rad(turn * BIN_DEG)
    base = (turn * wide + wide / 2).astype(np.float32)
    return np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32), base


def _unsigned(room: Room) -> Room:
    """Return the votes for each line, whichever side of it is brighter."""
    return room + np.roll(room, TURNS // 2, axis=0)[:, ::-1]


def _opposite(room: Room) -> Room:
    """Return, for each line, the most votes of a line beside it that brightens the other way."""
    turned = np.roll(room, TURNS // 2, axis=0)[:, ::-1]
    return np.asarray(cv2.dilate(np.ascontiguousarray(turned), np.ones((3, 5), np.uint8)), dtype=np.float32)


def _square(room: Room) -> Room:
    """Return the most votes that the weakest, the second, the third and the strongest of four lines have that stand
    square on each other, or nearly.
    """
    most = room.max(axis=1)[NEARLY].max(axis=1)  # of each direction and those beside it
    return np.asarray(np.sort(most[QUARTERS], axis=1).max(axis=0))


def _peaks(votes: Votes, room: Room, half: int, count: int, found: list[Floats]) -> None:
    """Add lines of most votes to those found, best first, none twice, until they are `count` (`room` is changed)."""

    def clear(turn: int, at: int) -> None:
        for step in range(-3, 4):
            room[(turn + step) % TURNS, max(0, at - 3) : max(0, at + 4)] = 0

    for n_x, n_y, d in found:
        turn = round(float(np.rad2deg(np.arctan2(n_y, n_x))) / BIN_DEG) % TURNS
        clear(turn, round(d) + half)
        clear(turn + TURNS // 2, half - round(d))
    for _ in range(2 * count):
        turn, at = divmod(int(np.argmax(room)), room.shape[1])
        if len(found) >= count or room[turn, at] <= 0:
            break
        line = _fitted(votes, turn, float(at - half))
        if line is not None and not any(_same(line, one) for one in found):
            found.append(line)
        clear(turn, at)
        clear(turn + TURNS // 2, 2 * half - at)


def _same(a: Floats, b: Floats) -> bool:
    """Return whether two lines are one within the frame, whichever way they brighten."""
    cosine = float(a[0] * b[0] + a[1] * b[1])
    return abs(cosine) > SAME_COS and abs(float(a[2]) - np.sign(cosine) * float(b[2])) < SAME_PX


def _fitted(votes: Votes, turn: int, distance: float) -> Floats | None:
    """Return the line (nx, ny, d; origin in the middle) through the pixels near a peak, or None where few are left.

    `votes` come again and again.
    """
    angle = np.deg2rad(turn * BIN_DEG)
    n, d = np.array([np.cos(angle), np.sin(angle)]), distance
    first = (turn - FIT_BINS) % TURNS * BIN_DEG
    around = slice(*np.searchsorted(votes.turn, (first, first + 2 * FIT_BINS * BIN_DEG)))
    x, y, w = votes.x[around], votes.y[around], votes.weight[around]
    for reach in (2 * STRAIGHT_PX, STRAIGHT_PX):
        near = np.flatnonzero(np.abs(x * n[0] + y * n[1] - d) < reach)
        if len(near) < 10:
            return None
        x, y, w = x[near], y[near], w[near]
        share = w / w.sum()
        mx, my = float(share @ x), float(share @ y)
        dx, dy = x - mx, y - my
        tilt = 0.5 * np.arctan2(2 * float(share @ (dx * dy)), float(share @ (dx * dx)) - float(share @ (dy * dy)))
        fresh = np.array([-np.sin(tilt), np.cos(tilt)])
        n = fresh if fresh @ n > 0 else -fresh
        d = float(n @ (mx, my))
    if abs(n @ (np.cos(angle), np.sin(angle))) < 0.98:
        return None
    return np.array([*n, d])


def _parallel_pairs(lines: Floats, apart_px: float, count: int) -> npt.NDArray[np.intp]:
    """Return pairs within 0.4 rad and far enough apart, n×2; lines come best first, so do pairs."""
    one, two = np.triu_indices(len(lines), 1)
    cosine = lines[one, 0] * lines[two, 0] + lines[one, 1] * lines[two, 1]
    sign = np.where(cosine > 0, 1.0, -1.0)
    good = (np.abs(cosine) > np.cos(0.4)) & (np.abs(lines[one, 2] - sign * lines[two, 2]) > apart_px)
    one, two = one[good], two[good]
    best = np.argsort(one + two, kind="stable")[:count]
    return np.stack([one[best], two[best]], axis=1)


def _meetings(lines: Floats) -> Floats:
    """Return where each line meets each other, n×n×2."""
    count = len(lines)
    one, two = (index.ravel() for index in np.indices((count, count)))
    return crossings(lines[one], lines[two]).reshape(count, count, 2)
