"""The paper's outline in one frame: candidates in a cascade, one score that judges them all."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from devices.imaging.candidates import from_contours, from_segments
from devices.imaging.complete import completed, relaxed
from devices.imaging.desk_reference import DeskReference, changed_mask, from_difference, is_same_desk, support
from devices.imaging.evidence import Scores, bows, darkens, edges, ends, of_sides, on_its_like, steadiness
from devices.imaging.fields import PARAMETERS, Fields, OutlineParameters, Picture, Quads, prepare, shrink_factor
from devices.imaging.grow import grown, outward
from devices.imaging.lines import Lined, find_lined, from_lines
from devices.imaging.quads import NEXT, apart, areas, clockwise, common_area, fits, likely, moved, normals_of, usual
from devices.imaging.ridges import Ridged, covered, find_ridges, from_ridges
from devices.imaging.values import Outline

LEAST_SIDE_PX = 48  # below it a page has no sides to speak of
LEAST_SMALL_PX = 24  # the same at the search's size: a strip that is twenty times as long as wide holds none
APART_PX = 12
OTHERS_COVER = 0.05
OUTERMOST_AREA = 1.08
OUTERMOST_COVER = 0.96
FURTHER_PX = 4.0
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
    if _is_too_thin(frame, parameters):
        return None
    fields = prepare(frame, parameters, small)
    quads = np.empty((0, 4, 2), np.float64)
    scores = np.empty(0, np.float64)
    changed = changed_mask(reference, frame) if reference is not None and is_same_desk(reference, frame) else None
    lined: Lined | None = None
    ridged: Ridged | None = None

    def judge(proposed: Quads, reach: int = 2) -> None:
        nonlocal quads, scores
        more, marks = score_quads(fields, proposed, parameters, reach, ridged)
        if changed is not None:
            marks = marks + parameters.desk_weight * (2 * support(changed, more) - 1)
        quads, scores = np.concatenate([quads, more]), np.concatenate([scores, marks])

    def is_sure() -> bool:
        """A certain score, or nearly so for its size where it is no frame printed on a page."""
        best = int(scores.argmax()) if len(scores) else 0
        if not len(scores) or scores[best] > parameters.good_score:
            return len(scores) > 0
        is_likely = scores[best] > parameters.sure_score * _for_size(fields, quads[best : best + 1])[0]
        return bool(is_likely and not on_its_like(fields, quads[best], parameters).all())

    def dark_sides() -> int:
        """How many sides of the best are darker within: a picture's or a table's on a page as light as its desk."""
        return int(darkens(fields, quads[scores.argmax()], parameters).sum())

    if changed is not None:
        judge(from_difference(changed))
    least = parameters.least_score
    judge(from_contours(fields, parameters.bold, parameters))
    sure = is_sure()
    if not sure:
        judge(from_segments(fields, parameters))
        sure = is_sure()
        if sure and dark_sides():
            judge(grown(fields, quads[scores.argmax()], parameters), 3)
    if not sure or dark_sides():
        judge(from_contours(fields, parameters.faint, parameters))
        sure = is_sure()
        if sure and dark_sides() == 4:
            judge(grown(fields, quads[scores.argmax()], parameters), 3)
    if not sure:
        lined = find_lined(fields, parameters)
        judge(from_lines(fields, lined, parameters), parameters.line_reach)
    if not sure and not _reaches(scores, parameters.good_score):
        ridged = find_ridges(fields, parameters, _reaches(scores, parameters.doubtful_score))
    if ridged is not None:
        judge(_best_apart(quads, scores, parameters.keep), 1)  # once more, by dark lines too
        judge(from_ridges(fields, ridged, parameters))
        if _reaches(scores, parameters.hopeful_score) and not _reaches(scores, parameters.good_score):
            three, anywhere = completed(fields, lined, parameters)
            judge(three, parameters.line_reach)
            judge(completed(fields, ridged.lined, parameters)[0])
            judge(relaxed(fields, _best_apart(quads, scores, parameters.relax), parameters))
            for one in _best_apart(quads, scores, parameters.grow):
                judge(grown(fields, one, parameters), 3)
            for one in _best_apart(quads, scores, parameters.outward):
                judge(outward(fields, one, parameters), 3)
            least += min(parameters.veined_most, max(0, parameters.veined * (anywhere - parameters.plain)))
    if _reaches(scores, parameters.good_score) and on_its_like(fields, quads[scores.argmax()], parameters).all():
        judge(outward(fields, quads[scores.argmax()], parameters), 3)
    marks = _marks(fields, quads, scores, least, 0 if sure else parameters.shape_more, parameters)
    winner = _winner(fields, quads, marks, parameters)
    if winner is None:
        return None
    full = (quads[winner] + 0.5) * fields.factor - 0.5
    points = [(float(x), float(y)) for x, y in full]
    others = _others(quads, scores, winner, fields, parameters)
    return Outline((points[0], points[1], points[2], points[3]), min(1.0, float(scores[winner])), others)


def _is_too_thin(frame: Picture, p: OutlineParameters) -> bool:
    height, width = frame.shape[:2]
    return bool(min(height, width) < max(LEAST_SIDE_PX, LEAST_SMALL_PX * shrink_factor(width, height, p)))


def _reaches(scores: Scores, score: float) -> bool:
    return len(scores) > 0 and bool(scores.max() > score)


def _for_size(fields: Fields, quads: Quads) -> Scores:
    """Return what is left of a score (n) for the size's sake: of a small paper less is seen."""
    share = areas(quads) / (fields.size[0] * fields.size[1])
    return np.asarray(0.8 + 0.2 * np.sqrt(np.clip(share / 0.25, 0, 1)))


def _best_apart(quads: Quads, scores: Scores, count: int) -> Quads:
    """Return the best candidates, at most `count`, none nearly another."""
    found: list[int] = []
    for number in np.argsort(-scores, kind="stable"):
        if len(found) == count:
            break
        if all(np.abs(quads[number] - quads[one]).max() > APART_PX for one in found):
            found.append(int(number))
    return quads[found]


def _marks(fields: Fields, quads: Quads, scores: Scores, least: float, more: float, p: OutlineParameters) -> Scores:
    """Return the scores, 0 where one is below `least`, and up to `more` times its own more for a paper's shape."""
    marks = np.where(scores < least, 0, scores)
    return np.asarray(marks * (1 + more * usual(quads, fields.size, p))) if more and marks.any() else marks


def _winner(fields: Fields, quads: Quads, marks: Scores, p: OutlineParameters) -> int | None:
    """Return the number of the paper, or None where no mark is above 0: round things are none."""
    if not len(marks) or marks.max() <= 0:
        return None
    winner = _outermost(fields, quads, marks, p)
    if marks[winner] > p.good_score or not bows(fields, quads[winner : winner + 1], p)[0]:
        return winner
    straight = np.where(bows(fields, quads, p), 0, marks)
    return None if straight.max() <= 0 else _outermost(fields, quads, straight, p)


def _others(quads: Quads, scores: Scores, winner: int, fields: Fields, p: OutlineParameters) -> int:
    """Return how many more papers lie beside the winner: certain ones that share nothing with it nor with another."""
    known = [quads[winner]]
    sizes = areas(quads)
    for number in np.argsort(-scores, kind="stable"):
        if scores[number] < p.other_score:
            break
        if np.abs(quads[number] - known[0]).max() < APART_PX:  # the winner once more, as most are
            continue
        if all(common_area(quads[number], one) < OTHERS_COVER * sizes[number] for one in known):
            known.append(quads[number])
    return len(known) - 1


def score_quads(
    fields: Fields,
    quads: Quads,
    parameters: OutlineParameters = PARAMETERS,
    reach: int = 2,
    ridged: Ridged | None = None,
) -> tuple[Quads, Scores]:
    """Return those candidates that can be a paper, at most `keep`, laid onto their edges, and their scores 0–1."""
    p = parameters
    quads = clockwise(quads) if len(quads) else quads
    quads = quads[fits(quads, fields.size, p)] if len(quads) else quads
    quads = quads[apart(quads, 1.0)]  # two sensitivities find one paper twice
    if not len(quads):
        return quads, np.empty(0, np.float64)
    frame = fields.size[0] * fields.size[1]
    stretches, shift, cornered = edges(fields, quads, reach, p)
    edge = of_sides(stretches.mean(axis=2))
    best = np.argsort(-edge * (areas(quads) / frame) ** 0.12, kind="stable")[: p.keep]
    quads, edge, cornered = moved(quads[best], shift[best]), edge[best], cornered[best]
    sides = steadiness(fields, quads, p)
    if ridged is not None:
        least, most = p.covered
        cover = (covered(ridged, quads) - least) / (most - least)
        sides = np.maximum(sides, p.cover_most * np.clip(cover, 0, 1))
    steady = of_sides(sides, p.weakest)
    score = ((1 - p.steady) * edge + p.steady * steady) * cornered * ends(fields, quads, p)
    score *= _for_size(fields, quads) * likely(quads, fields.size, p)
    return quads, np.where(fits(quads, fields.size, p), score, 0)


def _outermost(fields: Fields, quads: Quads, scores: Scores, p: OutlineParameters) -> int:
    """Return the winner, or a clearly larger candidate around it that scores nearly as well: a frame printed inside.

    Where all sides run along the winner's, as a paper's do along what is printed on it, less will do, and least where
    those sides of the winner that lie further in have paper on both their sides: a card's own have not.
    """
    winner = int(np.argmax(scores))
    sizes = areas(quads)
    larger = np.flatnonzero((sizes > OUTERMOST_AREA * sizes[winner]) & (scores > p.outermost_along * scores[winner]))
    if not len(larger):
        return winner
    normals = normals_of(quads)
    middles = (quads + quads.take(NEXT, axis=1)) / 2
    alike: npt.NDArray[np.bool_] | None = None
    for other in larger[np.argsort(-sizes[larger], kind="stable")]:
        is_along = bool(((normals[other] * normals[winner]).sum(axis=1) > ALONG_COS).all())
        if not is_along and scores[other] <= p.outermost * scores[winner]:
            continue
        if common_area(quads[winner], quads[other]) <= OUTERMOST_COVER * sizes[winner]:
            continue
        if scores[other] <= p.outermost_unlike * scores[winner]:
            alike = on_its_like(fields, quads[winner], p) if alike is None else alike
            further = ((middles[winner] - middles[other]) * normals[winner]).sum(axis=1) > FURTHER_PX
            if not alike[further].all():
                continue
        return int(other)
    return winner
