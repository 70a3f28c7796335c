"""The paper's outline in one frame: candidates in a cascade, one score that judges them all."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from devices.imaging.candidates import from_contours, from_segments
from devices.imaging.desk_reference import DeskReference, changed_mask, from_difference, is_same_desk, support
from devices.imaging.evidence import Scores, bows, darkens, edges, ends, of_sides, on_its_like, steadiness
from devices.imaging.fields import PARAMETERS, Fields, OutlineParameters, Picture, Quads, prepare, shrink_factor
from devices.imaging.grow import grown, outward, relaxed
from devices.imaging.lines import find_lined, from_lines
from devices.imaging.paper_map import PaperMap, agreement, beside, find_map, from_map, sees_paper
from devices.imaging.printed import fills, is_print
from devices.imaging.quads import (
    NEXT,
    apart,
    areas,
    clockwise,
    common_area,
    fits,
    frame_corners,
    likely,
    moved,
    normals_of,
    usual,
)
from devices.imaging.ridges import Ridged, covered, find_ridges, from_ridges
from devices.imaging.split import split
from devices.imaging.values import Outline

Quad = npt.NDArray[np.float64]  # 4×2
Sides = npt.NDArray[np.bool_]  # 4
LEAST_SIDE_PX = 48  # below it a page has no sides to speak of
LEAST_SMALL_PX = 24  # the same at the search's size: a strip that is twenty times as long as wide holds none
APART_PX = 12
OTHERS_COVER = 0.05
FRAME_SHARE = 0.01  # of the frame's long side: as the gate `whole` has it
OUTERMOST_AREA = 1.08
OUTERMOST_COVER = 0.96
FURTHER_PX = 4.0
HALF_REACH_PX = 3  # of two papers side by side
MOST_PRINT = 8  # candidates that are dropped as print, before nothing is left to be a paper
ALONG_COS = float(np.cos(np.deg2rad(4)))


def find_outline(
    frame: Picture,
    parameters: OutlineParameters = PARAMETERS,
    reference: DeskReference | None = None,
    small: Picture | None = None,
    looks_beside: bool = False,
) -> Outline | None:
    """Return the paper's corners in px of `frame` (h×w×3 BGR) and a score 0–1, or None for an empty desk.

    Corners run clockwise on screen from the top left. `reference`: the empty desk of a fixed camera; it proposes and
    adds or takes a little, so that a paper that it holds for desk is still found. `small`: the frame shrunk by its
    factor, where it is known. `looks_beside`: whether more papers are looked for with generators that this one did not
    need; about 50 ms, for stills. Source: reference/imaging.md §2.
    """
    if _is_too_thin(frame, parameters):
        return None
    changed = changed_mask(reference, frame) if reference is not None and is_same_desk(reference, frame) else None
    search = _Search(frame, prepare(frame, parameters, small), parameters, changed)
    is_sure = _by_contours(search)
    least = parameters.least_score if is_sure else _by_lines(search)
    if search.reaches(parameters.good_score) and search.lies_on_its_like():
        search.judge(outward(search.fields, search.best(), parameters), 3)
    return search.outline(least, 0 if is_sure else parameters.shape_more, looks_beside)


class _Search:
    """The candidates of one frame with their scores, as they come in: n×4×2 px of the small picture, n."""

    def __init__(self, frame: Picture, fields: Fields, p: OutlineParameters, changed: Picture | None) -> None:
        self.frame, self.fields, self.p, self.changed = frame, fields, p, changed
        self.quads: Quads = np.empty((0, 4, 2), np.float64)
        self.scores: Scores = np.empty(0, np.float64)
        self.ridged: Ridged | None = None
        self.seen: PaperMap | None = None  # the map while it speaks for or against candidates
        self._map: PaperMap | None = None
        self._print_left = MOST_PRINT
        self._dark: dict[int, Sides] = {}  # of candidates that were asked about: most are asked twice
        self._like: dict[int, Sides] = {}
        if changed is not None:
            self.judge(from_difference(changed))

    def judge(self, proposed: Quads, reach: int = 2) -> None:
        """Take candidates in with their scores."""
        more, marks = score_quads(self.fields, proposed, self.p, reach, self.ridged)
        if self.changed is not None:
            marks = marks + self.p.desk_weight * (2 * support(self.changed, more) - 1)
        marks = self._with_map(more, marks)
        self.quads, self.scores = np.concatenate([self.quads, more]), np.concatenate([self.scores, marks])

    def ask_map(self) -> bool:
        """Whether the map of paper sees any: then it proposes, and speaks for or against all from now on."""
        seen = self._whole_map()
        if not sees_paper(seen):
            return False
        self.seen = seen
        self.scores = self._with_map(self.quads, self.scores)
        self.judge(from_map(seen))
        return True

    def _whole_map(self) -> PaperMap:
        """Return the map of the frame, made once: in stills it is asked again beside the winner."""
        if self._map is None:
            self._map = find_map(self.fields)
        return self._map

    def _with_map(self, quads: Quads, scores: Scores) -> Scores:
        if self.seen is None:
            return scores
        said = self.p.map_weight * agreement(self.seen, quads)
        return np.asarray(np.where(scores > 0, np.maximum(0, scores + said), 0))

    def best(self) -> Quad:
        """Return the best candidate, 4×2 px; there must be one."""
        return np.asarray(self.quads[self.scores.argmax()])

    def reaches(self, score: float) -> bool:
        return len(self.scores) > 0 and bool(self.scores.max() > score)

    def best_apart(self, count: int) -> Quads:
        return _best_apart(self.quads, self.scores, count)

    def lies_on_its_like(self) -> bool:
        """Whether the best has paper on both sides of all its own: a frame printed on a page."""
        return bool(self._like_sides(int(self.scores.argmax())).all())

    def dark_sides(self) -> int:
        """How many sides of the best are darker within: a picture's or a table's on a page as light as its desk."""
        return int(self._dark_sides(int(self.scores.argmax())).sum())

    def is_sure(self) -> bool:
        """A certain score, or nearly so for its size where it is no frame printed on a page."""
        while len(self.scores):
            best = int(self.scores.argmax())
            if self.scores[best] <= self.p.good_score:
                if self.scores[best] <= self.p.sure_score * _for_size(self.fields, self.quads[best : best + 1])[0]:
                    return False
                if self.lies_on_its_like():
                    return False
            if not self._drop_print(best):
                return True
        return False

    def outline(self, least: float, more: float, looks_beside: bool) -> Outline | None:
        """Return the winner, the whole picture where a page of print fills it, or None; `least` and `more` as of
        `_marks`.
        """
        marks = _marks(self.fields, self.quads, self.scores, least, more, self.p)
        winner = _winner(self.fields, self.quads, marks, self.p)
        while winner is not None and (self._drop_print(winner) or (looks_beside and self._drop_joined(winner))):
            marks = np.append(marks, self.scores[len(marks) :])  # of two papers that were one
            marks[self.scores == 0] = 0
            winner = _winner(self.fields, self.quads, marks, self.p)
        if not self._print_left:
            winner = None
        is_picture = winner is not None and self._dark_sides(winner).all() and not self._is_seen(winner)
        if (winner is None or is_picture) and fills(self.fields, None if winner is None else self.quads[winner]):
            return Outline(frame_corners(self.frame.shape[1], self.frame.shape[0]), 0.0)
        if winner is None:
            return None
        if looks_beside:
            self._look_beside(winner)
        papers = self._papers(winner)
        winner = papers[0]
        points = [(float(x), float(y)) for x, y in self._in_frame(winner)]
        score = min(1.0, float(self.scores[winner]))
        return Outline((points[0], points[1], points[2], points[3]), score, len(papers) - 1)

    def _look_beside(self, winner: int) -> None:
        """Judge what regions, faint contours and the map of paper find beside the winner."""
        fields, p = self.fields, self.p
        rest = beside(self._whole_map(), self.quads[winner])
        self.seen = rest if sees_paper(rest) else None  # of what was judged before nothing is said any more
        for proposed in (from_segments(fields, p), from_contours(fields, p.faint, p), from_map(rest)):
            self.judge(proposed[[self._is_beside(one, winner) for one in clockwise(proposed)]])

    def _papers(self, winner: int) -> list[int]:
        """Return the papers that lie here, the one to take first: the winner, or a clearly larger one beside it.

        The others are certain for their size, share nothing with it nor with another, and are no print. A paper that
        reaches the frame's end is not preferred to one that is whole: it cannot be taken.
        """
        found = [winner]
        if len(self.scores) > 1:
            is_other = self.scores >= self.p.other_score * _for_size(self.fields, self.quads)
            is_other &= np.abs(self.quads - self.quads[winner]).max(axis=(1, 2)) >= APART_PX  # most are it once more
            others = np.flatnonzero(is_other)
            for number in others[np.argsort(-self.scores[others], kind="stable")].tolist():
                if all(self._is_beside(self.quads[number], one) for one in found) and not self._drop_print(number):
                    found.append(number)
        if len(found) == 1:
            return found
        sizes = areas(self.quads[found]) * np.array([self._is_whole(number) for number in found])
        best = int(sizes.argmax())
        if sizes[best] > OUTERMOST_AREA * sizes[0]:
            found[0], found[best] = found[best], found[0]
        return found

    def _is_seen(self, number: int) -> bool:
        """Whether the map, where it was asked, speaks for that candidate."""
        return self.seen is not None and bool(agreement(self.seen, self.quads[number : number + 1])[0] > 0)

    def _is_beside(self, quad: Quad, number: int) -> bool:
        """Whether a quadrilateral (clockwise) shares next to nothing with that candidate."""
        least = min(areas(np.stack([quad, self.quads[number]])))
        return bool(common_area(quad, self.quads[number]) < OTHERS_COVER * least)

    def _is_whole(self, number: int) -> bool:
        """Whether that candidate lies clear of the frame's end."""
        quad, size = self.quads[number], np.array(self.fields.size)
        return bool(np.minimum(quad, size - 1 - quad).min() > FRAME_SHARE * max(self.fields.size))

    def _drop_print(self, number: int) -> bool:
        """Whether that candidate was print on a paper that goes on around it; it is out of the running then.

        Asked where two sides have paper on both sides, or are darker within: few papers' on a desk do.
        """
        is_doubtful = self._dark_sides(number) | self._like_sides(number)
        if not self._print_left or is_doubtful.sum() < 2 or not is_print(self.frame, self._in_frame(number)):
            return False
        self._print_left -= 1
        self.scores[np.abs(self.quads - self.quads[number]).max(axis=(1, 2)) < APART_PX] = 0
        return True

    def _drop_joined(self, number: int) -> bool:
        """Whether that candidate was two papers side by side; they are in the running then, and it is not."""
        halves = split(self.frame, self._in_frame(number))
        if halves is None:
            return False
        small = (np.stack(halves) + 0.5) / self.fields.factor - 0.5
        quads, scores = score_quads(self.fields, small, self.p, HALF_REACH_PX)
        if len(quads) < 2:
            return False
        scores = np.maximum(scores, self.scores[number])  # of a narrow gap steps and seams see nothing
        self.scores[np.abs(self.quads - self.quads[number]).max(axis=(1, 2)) < APART_PX] = 0
        self.quads, self.scores = np.concatenate([self.quads, quads]), np.concatenate([self.scores, scores])
        return True

    def _dark_sides(self, number: int) -> Sides:
        if number not in self._dark:
            self._dark[number] = darkens(self.fields, self.quads[number], self.p)
        return self._dark[number]

    def _like_sides(self, number: int) -> Sides:
        if number not in self._like:
            self._like[number] = on_its_like(self.fields, self.quads[number], self.p)
        return self._like[number]

    def _in_frame(self, number: int) -> Quad:
        """Return that candidate in px of the frame."""
        return np.asarray((self.quads[number] + 0.5) * self.fields.factor - 0.5)


def _by_contours(search: _Search) -> bool:
    """Judge what contours and regions give; whether something certain is among it."""
    fields, p = search.fields, search.p
    search.judge(from_contours(fields, p.bold, p))
    sure = search.is_sure()
    if not sure:
        search.judge(from_segments(fields, p))
        sure = search.is_sure()
        if sure and search.dark_sides():
            search.judge(grown(fields, search.best(), p), 3)
    if not sure or search.dark_sides():
        search.judge(from_contours(fields, p.faint, p))
        sure = search.is_sure()
        if sure and search.dark_sides() == 4:
            search.judge(grown(fields, search.best(), p), 3)
    return sure


def _by_lines(search: _Search) -> float:
    """Judge what lines give, and the map of paper where they are hopeful; return the least score of a paper."""
    fields, p = search.fields, search.p
    lined = find_lined(fields, p)
    search.judge(from_lines(fields, lined, p), p.line_reach)
    is_certain = search.reaches(p.good_score)
    if not is_certain:
        search.ridged = ridged = find_ridges(fields, p, search.reaches(p.doubtful_score))
        if ridged is None:
            return p.least_score
        search.judge(search.best_apart(p.keep), 1)  # once more, by dark lines too
        search.judge(from_ridges(fields, ridged, p))
        is_certain = search.reaches(p.good_score)
    if not search.reaches(p.hopeful_score):
        return p.least_score
    least = p.map_least if search.ask_map() else p.least_score
    if not is_certain:
        search.judge(relaxed(fields, search.best_apart(p.relax), p))
        for one in search.best_apart(p.outward):
            search.judge(outward(fields, one, p), 3)
    return least


def _is_too_thin(frame: Picture, p: OutlineParameters) -> bool:
    height, width = frame.shape[:2]
    return bool(min(height, width) < max(LEAST_SIDE_PX, LEAST_SMALL_PX * shrink_factor(width, height, p)))


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
