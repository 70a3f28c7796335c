"""The paper's outline in one frame: candidates in a cascade, one score that judges them all."""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt

from devices.imaging.candidates import from_contours, from_segments
from devices.imaging.desk_reference import DeskReference, changed_mask, from_difference, is_same_desk, support
from devices.imaging.fields import PARAMETERS, SUMS, UNIT, Fields, OutlineParameters, Picture, Quads, prepare
from devices.imaging.lines import from_lines
from devices.imaging.quads import areas, clockwise, common_area, moved, normals_of, plausible
from devices.imaging.values import Outline

Scores = npt.NDArray[np.float64]
LEAST_SIDE_PX = 48  # below it a page has no sides to speak of
QUIET_NOISE = 3.0
OTHERS_COVER = 0.05
OUTERMOST_AREA = 1.08
OUTERMOST_COVER = 0.96
ALONG_COS = float(np.cos(np.deg2rad(4)))


def find_outline(
    frame: Picture,
    parameters: OutlineParameters = PARAMETERS,
    reference: DeskReference | None = None,
    small: Picture | None = None,
) -> Outline | None:
    """Return the paper's corners in px of `frame` (h×w×3 BGR) and a score 0–1, or None for an empty desk.

    Corners run clockwise on screen from the top left. `reference`: the empty desk of a fixed camera; it proposes and
    adds or takes a little, so that a paper that it holds for desk is still found. `small`: the frame shrunk by its
    factor, where it is known. Source: reference/imaging.md §2.
    """
    if min(frame.shape[:2]) < LEAST_SIDE_PX:
        return None
    fields = prepare(frame, parameters, small)
    quads = np.empty((0, 4, 2), np.float64)
    scores = np.empty(0, np.float64)
    changed = changed_mask(reference, frame) if reference is not None and is_same_desk(reference, frame) else None

    def judge(proposed: Quads) -> None:
        nonlocal quads, scores
        more, marks = score_quads(fields, proposed, parameters)
        if changed is not None:
            marks = marks + parameters.desk_weight * (2 * support(changed, more) - 1)
        quads, scores = np.concatenate([quads, more]), np.concatenate([scores, marks])

    if changed is not None:
        judge(from_difference(changed))
    for propose in (from_contours, from_segments, from_lines):
        judge(propose(fields, parameters))
        if len(scores) and scores.max() > parameters.good_score:
            break
    else:
        for number in np.argsort(-scores, kind="stable")[: parameters.grow]:
            judge(grown(fields, quads[number], parameters))
    if not len(scores) or scores.max() < _least(fields, parameters):
        return None
    winner = _outermost(quads, scores, parameters)
    full = (quads[winner] + 0.5) * fields.factor - 0.5
    points = [(float(x), float(y)) for x, y in full]
    others = _others(quads, scores, winner, fields, parameters)
    return Outline((points[0], points[1], points[2], points[3]), min(1.0, float(scores[winner])), others)


def _least(fields: Fields, p: OutlineParameters) -> float:
    """Return the score that a paper must reach on this desk."""
    return min(p.least_at_most, p.least_score + p.least_per_noise * max(0.0, fields.noise - QUIET_NOISE))


def _others(quads: Quads, scores: Scores, winner: int, fields: Fields, p: OutlineParameters) -> int:
    """Return how many more papers lie beside the winner: certain ones that share nothing with it nor with another."""
    known = [quads[winner]]
    sizes = areas(quads)
    for number in np.argsort(-scores, kind="stable"):
        if scores[number] < p.other_score:
            break
        if all(common_area(quads[number], one) < OTHERS_COVER * sizes[number] for one in known):
            known.append(quads[number])
    return len(known) - 1


def score_quads(fields: Fields, quads: Quads, parameters: OutlineParameters = PARAMETERS) -> tuple[Quads, Scores]:
    """Return those candidates that can be a paper, at most `keep`, laid onto their edges, and their scores 0–1."""
    p = parameters
    quads = clockwise(quads) if len(quads) else quads
    quads = quads[plausible(quads, fields.size, p)] if len(quads) else quads
    if not len(quads):
        return quads, np.empty(0, np.float64)
    frame = fields.size[0] * fields.size[1]
    stretches, shift, cornered = _edge(fields, quads, 2, p)
    edge = _of_sides(stretches.mean(axis=2))
    best = np.argsort(-edge * (areas(quads) / frame) ** 0.12, kind="stable")[: p.keep]
    quads, edge, cornered = moved(quads[best], shift[best]), edge[best], cornered[best]
    share = np.clip(areas(quads) / frame, 0, 1)
    score = (0.5 * edge + 0.5 * _step(fields, quads, p)) * (0.8 + 0.2 * np.sqrt(np.minimum(share / 0.25, 1)))
    score *= cornered
    return quads, np.where(plausible(quads, fields.size, p), score, 0)


def grown(fields: Fields, quad: npt.NDArray[np.float64], parameters: OutlineParameters = PARAMETERS) -> Quads:
    """Return candidates around one (4×2 px): each side as it is, or moved out to where a faint edge runs along it.

    What is printed runs along its paper: a block of writing or a table leads to the page that it stands on.
    """
    p = parameters
    steps = np.arange(p.grow_from_px, p.grow_share * max(fields.size), p.grow_step_px)
    room: list[list[float]] = []
    for side in range(4):
        shifts = np.zeros((len(steps), 4, 2))
        shifts[:, side] = -steps[:, None]
        wider = moved(np.repeat(quad[None], len(steps), axis=0), shifts)
        inside = (wider > -2).all(axis=(1, 2)) & (wider < np.array(fields.size) + 1).all(axis=(1, 2))
        found = np.where(inside, _edge(fields, wider, 1, p)[0][:, side].mean(axis=1), 0)
        peaks = (found >= np.roll(found, 1)) & (found >= np.roll(found, -1)) & (found > p.grow_least)
        best = np.flatnonzero(peaks)[np.argsort(-found[peaks], kind="stable")[:2]]
        room.append([0.0, *(-float(steps[i]) for i in best)])
    combined = np.array(list(product(*room)))[1:]
    if not len(combined):
        return np.empty((0, 4, 2), np.float64)
    return moved(np.repeat(quad[None], len(combined), axis=0), np.repeat(combined[:, :, None], 2, axis=2))


def _along(quads: Quads, points: int) -> tuple[Quads, Quads]:
    """Return sample points n×4×points×2 at 6–94 % of every side, and the sides' inward normals n×4×2."""
    sides = np.roll(quads, -1, 1) - quads
    at = np.linspace(0.06, 0.94, points)
    return quads[:, :, None, :] + sides[:, :, None, :] * at[None, None, :, None], normals_of(quads)


def _edge(fields: Fields, quads: Quads, reach: int, p: OutlineParameters) -> tuple[Scores, Quads, Scores]:
    """Return how significant the edge under every stretch of the sides is (n×4×groups), where it lies at both ends of
    each side (n×4×2 px inward), and what is left of the score for the corners' sake (n).

    A candidate may be `reach` px off. Averaged along a seventh of a side at a time, so that noise and writing cancel;
    the stretches of a side need not agree: a photograph brightens here and darkens there. Of two edges that rim a
    shadow the paper's is the inner one, which brightens inward.
    """
    samples, normals = _along(quads, p.points)
    offsets = np.arange(-reach, reach + 1)
    grouped = np.empty((len(offsets), len(quads), 4, p.groups))
    for number, offset in enumerate(offsets):
        y, x = _nearest(fields, samples, normals, float(offset))
        across = fields.gx[y, x] * normals[:, :, None, 0] + fields.gy[y, x] * normals[:, :, None, 1]
        grouped[number] = across.reshape(len(quads), 4, p.groups, -1).mean(axis=3)
    grouped /= 2 * UNIT
    strength = np.abs(grouped).max(axis=0)
    half = p.groups // 2 + 1
    rated = np.maximum(grouped, -p.darker * grouped)
    ends = [np.median(part, axis=3).argmax(axis=0) for part in (rated[..., :half], rated[..., -half:])]
    shift = np.stack(ends, axis=2) - float(reach)
    return strength / (strength + p.group_tau * fields.tau), shift, _cornered(strength, p.group_tau * fields.tau, p)


def _cornered(strength: Scores, tau: float, p: OutlineParameters) -> Scores:
    """Return what is left of a score (0–1) where the sides do not reach their corners: n×4×groups → n.

    One corner may lie under a finger. What is round, a cup or a plate, has sides only where they touch it.
    """
    usual = p.uneven * np.median(strength, axis=2, keepdims=True)
    stretches = strength / (strength + tau + usual)
    corners = (np.roll(stretches[:, :, -1], 1, axis=1) + stretches[:, :, 0]) / 2
    return np.asarray(np.minimum(1, p.no_corner + (1 - p.no_corner) / p.corner_edge * np.sort(corners, axis=1)[:, 1]))


def _of_sides(sides: Scores) -> Scores:
    """Return half the mean and half the weakest of four sides, n×4 → n."""
    return np.asarray(0.5 * sides.mean(axis=1) + 0.5 * sides.min(axis=1))


def _step(fields: Fields, quads: Quads, p: OutlineParameters) -> Scores:
    """Return how steady the step in colour across every side is: a paper's edge makes the same step all along.

    A slope that goes on to both sides is taken off: light, shadows and reflections swell, paper begins.
    """
    samples, normals = _along(quads, p.points)
    weights = np.array([1, p.chroma_weight, p.chroma_weight]) / SUMS

    def looked_up(offset: float) -> npt.NDArray[np.float64]:
        y, x = _nearest(fields, samples, normals, offset)
        return fields.sums[y, x] * weights

    inner, outer = ([looked_up(side * offset) for offset in (3, 5, 7)] for side in (1, -1))
    difference = _of_three(inner) - _of_three(outer)  # of three: a rule printed along the side hits one of them
    slope = _lesser(_middle(inner[2] - inner[0]), _middle(outer[0] - outer[2]))
    middle = _middle(difference)
    spread = _middle(np.abs(difference - middle[:, :, None, :]))
    m, s = np.linalg.norm(middle - p.slope_share * slope, axis=2), np.linalg.norm(spread, axis=2)
    sides = m / (m + p.step_floor + p.step_noise * fields.noise + 1.2 * s)
    return _of_sides(sides)


def _nearest(
    fields: Fields, samples: Quads, normals: Quads, offset: float
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return row and column of the pixels nearest to the samples moved inward by `offset` px."""
    spots = samples + normals[:, :, None, :] * offset
    np.rint(spots, out=spots)
    x = np.clip(spots[..., 0], 0, fields.size[0] - 1).astype(np.intp)
    y = np.clip(spots[..., 1], 0, fields.size[1] - 1).astype(np.intp)
    return y, x


def _lesser(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the smaller of two slopes where they go the same way, else 0."""
    return np.asarray(np.where(a * b > 0, np.sign(a) * np.minimum(np.abs(a), np.abs(b)), 0))


def _of_three(values: list[npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
    """Return the middle one of three, element by element."""
    a, b, c = values
    return np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), c))


def _middle(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the mean of the middle half along the samples (axis 2): nearly the median, and finer than whole levels."""
    ordered = np.sort(values, axis=2)
    count = values.shape[2]
    return np.asarray(ordered[:, :, count // 4 : count - count // 4].mean(axis=2))


def _outermost(quads: Quads, scores: Scores, p: OutlineParameters) -> int:
    """Return the winner, or a clearly larger candidate around it that scores nearly as well: a frame printed inside.

    Where all sides run along the winner's, as a paper's do along what is printed on it, less will do.
    """
    winner = int(np.argmax(scores))
    sizes = areas(quads)
    normals = normals_of(quads)
    for other in np.argsort(-sizes, kind="stable"):
        if sizes[other] <= OUTERMOST_AREA * sizes[winner]:
            break
        is_along = bool(((normals[other] * normals[winner]).sum(axis=1) > ALONG_COS).all())
        if scores[other] <= (p.outermost_along if is_along else p.outermost) * scores[winner]:
            continue
        if common_area(quads[winner], quads[other]) > OUTERMOST_COVER * sizes[winner]:
            return int(other)
    return winner
