"""Quadrilaterals from straight lines: long edges that step the same way all along, however faint, voted for by pixels.

A paper's side brightens to one side from end to end; writing, rules, cables and pens do so and undo it within a few
pixels. So votes are signed, and an edge loses what its opposite nearby has. Faint edges vote nearly like strong ones.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from devices.imaging.fields import PARAMETERS, UNIT, Fields, Gradient, OutlineParameters, Quads, gradients
from devices.imaging.quads import areas, crossings, plausible

Floats = npt.NDArray[np.float64]
Room = npt.NDArray[np.float32]
NONE: Quads = np.empty((0, 4, 2), np.float64)
BIN_DEG = 2
LINE_STEP_PX = 2
CROWD_PX = 9  # around a pixel; a lone line crosses it once
TURNS = 360 // BIN_DEG  # directions of the gradient, signed
STRAIGHT_PX = 1.5  # a pixel of the half-size picture so near belongs to the line


class Votes(NamedTuple):
    """The pixels that vote: place from the picture's middle (px), gradient's direction (radians), weight 0 to 1."""

    x: Floats
    y: Floats
    angle: Floats
    weight: Floats


def from_lines(fields: Fields, parameters: OutlineParameters = PARAMETERS) -> Quads:
    """Return candidates from pairs of nearly parallel straight edges, n×4×2 px of the small picture, in no order."""
    lines = find_lines(fields, parameters)
    if len(lines) < 4:
        return NONE
    pairs = _parallel_pairs(lines, 0.1 * min(fields.size), parameters.line_pairs)
    if len(pairs) < 2:
        return NONE
    one, two = np.triu_indices(len(pairs), 1)
    angles = np.arctan2(lines[:, 1], lines[:, 0])
    turn = np.abs(angles[pairs[one, 0]] - angles[pairs[two, 0]]) % np.pi
    square = np.minimum(turn, np.pi - turn) > np.pi / 3
    a, b = pairs[one[square]], pairs[two[square]]
    sides = np.stack([a[:, 0], b[:, 1], a[:, 1], b[:, 0]], axis=1)  # the line under each side
    table = _meetings(lines)
    quads = table[np.roll(sides, 1, 1), sides]
    quads = np.where((areas(quads) < 0)[:, None, None], quads[:, ::-1], quads)
    fit = plausible(quads, fields.size, parameters)
    quads, sides = quads[fit], sides[fit]
    if not len(quads):
        return NONE
    edge = _edge_along(fields, lines, table, sides, parameters)
    share = areas(quads) / (fields.size[0] * fields.size[1])
    return np.asarray(quads[np.argsort(-edge * share**0.12, kind="stable")[: parameters.line_quads]])


def find_lines(fields: Fields, parameters: OutlineParameters = PARAMETERS) -> Floats:
    """Return straight edges, n×3: nx, ny, d with n·p = d (px of the small picture), n towards the brighter side.

    Searched at half that size: of a faint edge twice as much is left above the noise.
    """
    p = parameters
    lab = cv2.multiply(fields.lab, (UNIT, UNIT, UNIT, 0), dtype=cv2.CV_16S)
    gx, gy, noise = gradients(cv2.resize(lab, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), p)
    votes = _voters(gx, gy, max(p.tau_floor, p.tau_factor * noise), p)
    if len(votes.x) < 40:
        return np.empty((0, 3))
    height, width = gx.shape
    half = int(np.ceil(np.hypot(width, height) / 2)) + 2
    room = _ballot(votes, half, p)
    found = _peaks(votes, room - p.line_cancel * _opposite(room), half, 3 * p.lines // 5)
    found += _peaks(votes, room, half, p.lines - 3 * p.lines // 5, found)
    if not found:
        return np.empty((0, 3))
    lines = np.array(found)
    lines[:, 2] += lines[:, 0] * (width - 1) / 2 + lines[:, 1] * (height - 1) / 2
    lines[:, 2] = 2 * lines[:, 2] + 0.5 * (lines[:, 0] + lines[:, 1])
    return lines


def _voters(gx: Gradient, gy: Gradient, tau: float, p: OutlineParameters) -> Votes:
    """Return the ridge pixels of the gradient that stand above the noise; evenly thinned where they are too many."""
    least = p.line_floor * tau * 2 * UNIT
    ridge = cv2.Canny(gx, gy, least, least)
    rows, columns = np.nonzero(ridge)
    if len(rows) > p.line_votes:
        kept = np.linspace(0, len(rows) - 1, p.line_votes).astype(int)
        rows, columns = rows[kept], columns[kept]
    fx, fy = gx[rows, columns].astype(np.float64), gy[rows, columns].astype(np.float64)
    size = np.hypot(fx, fy) / (2 * UNIT)
    height, width = gx.shape
    crowd = cv2.blur(ridge, (CROWD_PX, CROWD_PX), borderType=cv2.BORDER_CONSTANT)[rows, columns] / 255 * CROWD_PX
    weight = size / (size + tau) / np.maximum(1, crowd / p.line_crowd) ** 2  # in writing an edge is one of many
    return Votes(columns - (width - 1) / 2, rows - (height - 1) / 2, np.arctan2(fy, fx), weight)


def _ballot(votes: Votes, half: int, p: OutlineParameters) -> Room:
    """Return the votes by direction (TURNS rows) and distance (2 half + 1 columns)."""
    spread = np.arange(-p.line_spread, p.line_spread + 1)
    turn = (np.round(votes.angle / np.deg2rad(BIN_DEG)).astype(int)[:, None] + spread) % TURNS
    table = np.deg2rad(np.arange(TURNS) * BIN_DEG)
    cos, sin = np.cos(table), np.sin(table)
    at = np.round(votes.x[:, None] * cos[turn] + votes.y[:, None] * sin[turn]).astype(int) + half
    wide = 2 * half + 1
    count = np.bincount(
        (turn * wide + at).ravel(),
        np.broadcast_to(votes.weight[:, None], turn.shape).ravel(),
        minlength=TURNS * wide,
    )
    room = cv2.blur(count.reshape(TURNS, wide).astype(np.float32), (3, 1), borderType=cv2.BORDER_CONSTANT) * 3
    return np.asarray(room, dtype=np.float32)


def _opposite(room: Room) -> Room:
    """Return, for each line, the most votes of a line beside it that brightens the other way."""
    turned = np.roll(room, TURNS // 2, axis=0)[:, ::-1]
    return np.asarray(cv2.dilate(np.ascontiguousarray(turned), np.ones((3, 5), np.uint8)), dtype=np.float32)


def _peaks(votes: Votes, room: Room, half: int, count: int, known: list[Floats] | None = None) -> list[Floats]:
    """Return the lines of most votes, best first, none twice and none of those known (`room` is changed)."""
    found: list[Floats] = []

    def clear(turn: int, at: int) -> None:
        for step in range(-3, 4):
            room[(turn + step) % TURNS, max(0, at - 3) : max(0, at + 4)] = 0

    for n_x, n_y, d in known or []:
        turn = round(float(np.rad2deg(np.arctan2(n_y, n_x))) / BIN_DEG) % TURNS
        clear(turn, round(d) + half)
        clear(turn + TURNS // 2, half - round(d))
    for _ in range(count):
        turn, at = divmod(int(np.argmax(room)), room.shape[1])
        if room[turn, at] <= 0:
            break
        line = _fitted(votes, turn * BIN_DEG, float(at - half))
        if line is not None:
            found.append(line)
        clear(turn, at)
        clear(turn + TURNS // 2, 2 * half - at)
    return found


def _fitted(votes: Votes, turn_deg: float, distance: float) -> Floats | None:
    """Return the line (nx, ny, d; origin in the middle) through the pixels near a peak, or None where few are left."""
    angle = np.deg2rad(turn_deg)
    n, d = np.array([np.cos(angle), np.sin(angle)]), distance
    alike = np.cos(votes.angle - angle) > 0.8
    for reach in (2 * STRAIGHT_PX, STRAIGHT_PX):
        near = alike & (np.abs(votes.x * n[0] + votes.y * n[1] - d) < reach)
        if near.sum() < 10:
            return None
        x, y, w = votes.x[near], votes.y[near], votes.weight[near]
        mx, my = np.average(x, weights=w), np.average(y, weights=w)
        xx, yy, xy = (np.average(v, weights=w) for v in ((x - mx) ** 2, (y - my) ** 2, (x - mx) * (y - my)))
        tilt = 0.5 * np.arctan2(2 * xy, xx - yy)
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


def _edge_along(
    fields: Fields, lines: Floats, table: Floats, sides: npt.NDArray[np.intp], p: OutlineParameters
) -> Floats:
    """Return how significant the edge under each quadrilateral (n×4 lines) is, half mean, half weakest side.

    Every line is read once from end to end; a side is the mean of a stretch of it.
    """
    width, height = fields.size
    reach = int(np.hypot(width, height))
    t = np.arange(-reach, reach + 1, LINE_STEP_PX)
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    foot = middle + lines[:, :2] * (lines[:, 2] - lines[:, :2] @ middle)[:, None]
    along = np.stack([-lines[:, 1], lines[:, 0]], axis=1)
    strength = np.zeros((len(lines), len(t)))
    for offset in range(-2, 3):
        spots = foot[:, None] + along[:, None] * t[:, None] + lines[:, None, :2] * offset
        x, y = (np.rint(spots[..., axis]).astype(int) for axis in (0, 1))
        seen = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        x, y = x * seen, y * seen
        across = (fields.gx[y, x] * lines[:, :1] + fields.gy[y, x] * lines[:, 1:2]) * seen / (2 * UNIT)
        smooth = cv2.blur(across, (5, 1), borderType=cv2.BORDER_CONSTANT)
        np.maximum(strength, np.abs(smooth), out=strength)
    total = np.cumsum(np.pad(strength / (strength + p.group_tau * fields.tau), ((0, 0), (1, 0))), axis=1)
    scores = []
    for i in range(4):
        line, start, stop = sides[:, i], table[sides[:, i - 1], sides[:, i]], table[sides[:, i], sides[:, (i + 1) % 4]]
        at = [((spot - foot[line]) * along[line]).sum(axis=1) for spot in (start, stop)]
        low, high = np.minimum(*at), np.maximum(*at)
        trim = 0.06 * (high - low)
        first, last = (
            np.clip(np.rint((v + reach) / LINE_STEP_PX).astype(int), 0, len(t) - 1) for v in (low + trim, high - trim)
        )
        scores.append((total[line, last + 1] - total[line, first]) / (last + 1 - first).clip(1))
    found = np.stack(scores, axis=1)
    return np.asarray(0.5 * found.mean(axis=1) + 0.5 * found.min(axis=1))
