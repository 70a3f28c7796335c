"""The paper's outline in one frame: candidates in a cascade, one score that judges them all."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from devices.imaging.candidates import from_contours, from_lines, from_segments
from devices.imaging.fields import PARAMETERS, Fields, OutlineParameters, Picture, Quads, prepare
from devices.imaging.values import Outline

Scores = npt.NDArray[np.float64]
LEAST_SIDE_PX = 48  # below it a page has no sides to speak of
OUTERMOST_AREA = 1.08
OUTERMOST_COVER = 0.96


def find_outline(frame: Picture, parameters: OutlineParameters = PARAMETERS) -> Outline | None:
    """Return the paper's corners in px of `frame` (h×w×3 BGR) and a score 0–1, or None for an empty desk.

    Corners run clockwise on screen from the top left. Source: reference/imaging.md §2.
    """
    if min(frame.shape[:2]) < LEAST_SIDE_PX:
        return None
    fields = prepare(frame, parameters)
    quads = np.empty((0, 4, 2), np.float64)
    scores = np.empty(0, np.float64)
    for propose in (from_contours, from_segments, from_lines):
        more, marks = score_quads(fields, propose(fields, parameters), parameters)
        quads, scores = np.concatenate([quads, more]), np.concatenate([scores, marks])
        if len(scores) and scores.max() > parameters.good_score:
            break
    if not len(scores) or scores.max() < parameters.least_score:
        return None
    winner = _outermost(quads, scores, parameters)
    full = (quads[winner] + 0.5) * fields.factor - 0.5
    points = [(float(x), float(y)) for x, y in full]
    return Outline((points[0], points[1], points[2], points[3]), float(scores[winner]))


def score_quads(fields: Fields, quads: Quads, parameters: OutlineParameters = PARAMETERS) -> tuple[Quads, Scores]:
    """Return those candidates that can be a paper, at most 60, and their scores 0–1."""
    p = parameters
    quads = quads[_plausible(quads, fields.size, p)] if len(quads) else quads
    if not len(quads):
        return quads, np.empty(0, np.float64)
    share = _areas(quads) / (fields.size[0] * fields.size[1])
    edge = _edge(fields, quads, p)
    best = np.argsort(-edge * share**0.12, kind="stable")[: p.keep]
    quads, share, edge = quads[best], share[best], edge[best]
    score = (0.5 * edge + 0.5 * _step(fields, quads, p)) * (0.8 + 0.2 * np.sqrt(np.minimum(share / 0.25, 1)))
    return quads, score


def overlap(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float:
    """Return intersection over union of two convex quadrilaterals (4×2 each, clockwise on screen)."""
    common = common_area(a, b)
    union = float(_areas(a[None])[0] + _areas(b[None])[0]) - common
    return common / union if union > 0 else 0.0


def common_area(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float:
    """Return the area two convex polygons share (n×2 each, clockwise on screen): `a` clipped by each side of `b`.

    cv2.intersectConvexConvex is not used: for nearly equal quadrilaterals it returned a third of their area.
    """
    polygon = [(float(x), float(y)) for x, y in a]
    for start, stop in zip(b, np.roll(b, -1, 0), strict=True):
        nx, ny = float(start[1] - stop[1]), float(stop[0] - start[0])
        d = nx * float(start[0]) + ny * float(start[1])
        kept: list[tuple[float, float]] = []
        for (x0, y0), (x1, y1) in zip(polygon, polygon[1:] + polygon[:1], strict=True):
            inside0, inside1 = nx * x0 + ny * y0 - d, nx * x1 + ny * y1 - d
            if inside0 >= 0:
                kept.append((x0, y0))
            if (inside0 >= 0) != (inside1 >= 0):
                t = inside0 / (inside0 - inside1)
                kept.append((x0 + t * (x1 - x0), y0 + t * (y1 - y0)))
        polygon = kept
        if len(polygon) < 3:
            return 0.0
    return abs(float(_areas(np.array([polygon]))[0]))


def _areas(quads: Quads) -> Scores:
    x, y = quads[:, :, 0], quads[:, :, 1]
    return np.asarray(0.5 * (x * np.roll(y, -1, 1) - np.roll(x, -1, 1) * y).sum(axis=1))


def _plausible(quads: Quads, size: tuple[int, int], p: OutlineParameters) -> npt.NDArray[np.bool_]:
    width, height = size
    sides = np.roll(quads, -1, 1) - quads
    lengths = np.hypot(sides[:, :, 0], sides[:, :, 1]) + 1e-9
    units = sides / lengths[:, :, None]
    before = np.roll(units, 1, 1)
    cosine = (units * before).sum(axis=2)
    turn = before[:, :, 0] * units[:, :, 1] - before[:, :, 1] * units[:, :, 0]
    share = _areas(quads) / (width * height)
    opposite = np.abs(lengths[:, :2] - lengths[:, 2:]) / np.maximum(lengths[:, :2], lengths[:, 2:])
    inside = (quads >= -3).all(axis=(1, 2)) & (quads <= np.array([width + 2, height + 2])).all(axis=(1, 2))
    return np.asarray(
        (turn > 0).all(axis=1)
        & inside
        & (share > p.area_share[0])
        & (share < p.area_share[1])
        & (lengths.min(axis=1) > p.shortest_side_share * min(width, height))
        & (np.abs(cosine) < p.corner_cos).all(axis=1)
        & (opposite < p.side_difference).all(axis=1)
    )


def _along(quads: Quads, points: int) -> tuple[Quads, Quads]:
    """Return sample points n×4×points×2 at 6–94 % of every side, and the sides' inward normals n×4×2."""
    sides = np.roll(quads, -1, 1) - quads
    at = np.linspace(0.06, 0.94, points)
    samples = quads[:, :, None, :] + sides[:, :, None, :] * at[None, None, :, None]
    lengths = np.hypot(sides[:, :, 0], sides[:, :, 1])[:, :, None] + 1e-9
    normals = np.stack([-sides[:, :, 1], sides[:, :, 0]], axis=2) / lengths
    return samples, normals


def _edge(fields: Fields, quads: Quads, p: OutlineParameters) -> Scores:
    """Return how significant the edge under every side is, half mean, half weakest side."""
    samples, normals = _along(quads, p.points)
    angle = np.arctan2(normals[:, :, 1], normals[:, :, 0]) % np.pi
    which = np.round(angle / (np.pi / p.directions)).astype(int) % p.directions
    x = np.clip(np.round(samples[..., 0]).astype(int), 0, fields.size[0] - 1)
    y = np.clip(np.round(samples[..., 1]).astype(int), 0, fields.size[1] - 1)
    strength = np.stack(fields.maps)[which[:, :, None], y, x].astype(np.float64)
    sides = (strength / (strength + fields.tau)).mean(axis=2)
    return np.asarray(0.5 * sides.mean(axis=1) + 0.5 * sides.min(axis=1))


def _step(fields: Fields, quads: Quads, p: OutlineParameters) -> Scores:
    """Return how steady the step in colour across every side is: a paper's edge makes the same step all along."""
    samples, normals = _along(quads, p.points)
    width, height = fields.size

    def looked_up(offset: float) -> npt.NDArray[np.float32]:
        spots = samples + normals[:, :, None, :] * offset
        x = np.clip(np.round(spots[..., 0]).astype(int), 0, width - 1)
        y = np.clip(np.round(spots[..., 1]).astype(int), 0, height - 1)
        return np.asarray(fields.smooth_lab[y, x], dtype=np.float32)

    difference = (looked_up(3) + looked_up(5) - looked_up(-3) - looked_up(-5)) / 2
    middle = np.median(difference, axis=2)
    spread = np.median(np.abs(difference - middle[:, :, None, :]), axis=2)
    m, s = np.linalg.norm(middle, axis=2), np.linalg.norm(spread, axis=2)
    sides = m / (m + p.step_floor + 1.2 * s)
    near = np.linalg.norm(np.median(looked_up(2) - looked_up(-2), axis=2), axis=2)
    far = np.linalg.norm(np.median(looked_up(7) - looked_up(-7), axis=2), axis=2)
    crisp = np.minimum((near + 0.5) / (p.crispness * far + 0.5), 1).mean(axis=1)
    return np.asarray((0.5 * sides.mean(axis=1) + 0.5 * sides.min(axis=1)) * crisp)


def _outermost(quads: Quads, scores: Scores, p: OutlineParameters) -> int:
    """Return the winner, or a clearly larger candidate around it that scores nearly as well: a frame printed inside."""
    winner = int(np.argmax(scores))
    areas = _areas(quads)
    for other in np.argsort(-areas, kind="stable"):
        if areas[other] <= OUTERMOST_AREA * areas[winner]:
            break
        if scores[other] <= p.outermost * scores[winner]:
            continue
        if common_area(quads[winner], quads[other]) > OUTERMOST_COVER * areas[winner]:
            return int(other)
    return winner
