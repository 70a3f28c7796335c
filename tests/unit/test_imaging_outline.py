"""The outline on generated desks. The truth comes from the generator's geometry and is never shown to the search."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from benchmarks import frames
from devices.imaging.evidence import bows
from devices.imaging.fields import PARAMETERS, UNIT, prepare, shrink, shrink_factor
from devices.imaging.outline import find_outline
from devices.imaging.quads import clockwise, common_area, moved, overlap
from devices.imaging.refine import refine_outline
from devices.sim import desk

SEED = 20_260  # a series of its own: no parameter was chosen on it
SQUARE = np.array([[0, 0], [10, 0], [10, 10], [0, 10]], np.float64)
Quad = npt.NDArray[np.float64]
Picture = npt.NDArray[np.uint8]


@cache
def shown(index: int) -> frames.Frame:
    return frames.frame(SEED, index)


def found(picture: Picture) -> Quad | None:
    outline = find_outline(picture)
    if outline is None:
        return None
    return np.array(refine_outline(picture, outline, shrink_factor(picture.shape[1], picture.shape[0])).corners)


def worst_corner(quad: Quad, truth: Quad) -> float:
    """Return the largest distance of a corner from its truth, px."""
    return min(float(np.linalg.norm(np.roll(quad, k, 0) - truth, axis=1).max()) for k in range(4))


def test_nine_of_ten_pages_are_found_and_their_corners_to_a_fifth_of_a_pixel() -> None:
    """12 frames of every mixture; the benchmark counts 600."""
    quads = [(found(shown(index).picture), shown(index).outline) for index in range(12)]
    shared = [0.0 if quad is None else overlap(quad, truth) for quad, truth in quads]
    assert sum(share > 0.9 for share in shared) >= 11
    hits = [worst_corner(quad, truth) for quad, truth in quads if quad is not None and overlap(quad, truth) > 0.95]
    assert np.median(hits) < 0.3


@pytest.mark.parametrize("surface", ["wood", "white"])
def test_a_page_is_found_on_the_desks_that_hide_it(surface: str) -> None:
    """Wood has lines of its own; a white desk is within ten levels of the paper on most of these."""
    seen = [frames.frame(SEED, index, kind="text", surface=surface) for index in range(40, 43)]
    quads = [found(one.picture) for one in seen]
    shared = [0.0 if quad is None else overlap(quad, one.outline) for quad, one in zip(quads, seen, strict=True)]
    assert sum(share > 0.9 for share in shared) >= 2


def test_an_empty_desk_is_empty() -> None:
    assert sum(find_outline(frames.frame(SEED, -1 - index).picture) is not None for index in range(6)) == 0


def test_writing_and_tables_do_not_win_over_their_paper() -> None:
    """White desk, black grid: the grid has the strongest edges of all."""
    plain = frozenset(frames.CHANCES)
    seen = frames.frame(SEED, 5, kind="register", surface="white", unwanted=plain | {"low_contrast"})
    quad = found(seen.picture)
    assert quad is not None
    assert overlap(quad, seen.outline) > 0.97


@pytest.mark.parametrize(
    ("index", "what"), [(159, "a table on a faint page"), (232, "a seal on a faint page"), (177, "a paper on boards")]
)
def test_what_is_certain_ends_the_search_only_where_it_is_the_paper(index: int, what: str) -> None:
    """Of a series that was looked at: what is printed is all but certain, and boards join themselves to a weak side."""
    seen = frames.frame(6133, index)
    quad = found(seen.picture)
    assert quad is not None, what
    assert overlap(quad, seen.outline) > 0.97, what


def test_a_photograph_on_a_white_page_leads_to_the_page() -> None:
    """Of a series that was looked at: the photograph is certain, and no contour is the page's."""
    seen = frames.frame(3319, 41)
    quad = found(seen.picture)
    assert quad is not None
    assert overlap(quad, seen.outline) > 0.97


@pytest.mark.parametrize(("index", "what"), [(178, "a card on boards"), (570, "a card under a finger")])
def test_a_side_on_something_else_loses_to_a_cards_shape(index: int, what: str) -> None:
    """Of the same series: with bare scores a board's edge wins, and the finger's."""
    seen = frames.frame(6133, index)
    quad = found(seen.picture)
    assert quad is not None, what
    assert overlap(quad, seen.outline) > 0.97, what


def test_levels_are_finer_than_the_pictures() -> None:
    """A step of one level in green is two thirds of one in lightness; grey has no colour."""
    picture = np.full((270, 480, 3), 200, np.uint8)
    picture[:, 240:, 1] += 1
    light, red, yellow = prepare(picture).planes
    assert {int(plane[9, 9]) for plane in (red, yellow)} == {0}
    assert int(light[9, 9]) == 200 * UNIT
    assert int(light[9, 300]) - int(light[9, 9]) == round(0.67 * UNIT)


def test_a_finger_along_a_short_side_leaves_the_card_whole() -> None:
    plain = frozenset(frames.CHANCES) - {"hand"}
    seen = frames.frame(SEED, 3, kind="card", surface="wood", wanted=frozenset({"hand"}), unwanted=plain)
    quad = found(seen.picture)
    assert quad is not None
    assert overlap(quad, seen.outline) > 0.97


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_picture_has_turned_corners(turns: int) -> None:
    picture, truth = shown(1).picture, shown(1).outline
    for _ in range(turns):  # a quarter against the clock: x becomes y, and what was the right end becomes the top
        truth = np.stack([truth[:, 1], picture.shape[1] - 1 - truth[:, 0]], axis=1)
        picture = np.ascontiguousarray(np.rot90(picture))
    quad = found(picture)
    assert quad is not None
    assert worst_corner(quad, clockwise(truth[None])[0]) < 0.6


def test_a_mirrored_picture_has_mirrored_corners() -> None:
    picture, truth = shown(1).picture, shown(1).outline.copy()
    truth[:, 0] = picture.shape[1] - 1 - truth[:, 0]
    quad = found(np.ascontiguousarray(picture[:, ::-1]))
    assert quad is not None
    assert worst_corner(quad, clockwise(truth[None])[0]) < 0.6


@pytest.mark.parametrize("factor", [2, 3])
def test_a_smaller_picture_has_corners_to_scale(factor: int) -> None:
    quad = found(shrink(shown(1).picture, factor))
    assert quad is not None
    assert worst_corner((quad + 0.5) * factor - 0.5, shown(1).outline) < 0.6 * factor


def test_corners_run_clockwise_on_screen_from_the_top_left() -> None:
    outline = find_outline(shown(1).picture)
    assert outline is not None
    quad = np.array(outline.corners)
    assert np.array_equal(clockwise(quad[None])[0], quad)
    assert quad.sum(axis=1).argmin() == 0


def test_a_plate_is_no_paper() -> None:
    picture = desk.lay_surface("grey", (960, 540), np.random.default_rng(3))
    cv2.circle(picture, (480, 270), 120, (90, 100, 110), -1, cv2.LINE_AA)
    assert find_outline(desk.add_noise(picture, 2.0, 5)) is None


def test_a_paper_as_white_as_its_desk_is_found_by_the_shadow_of_its_edge() -> None:
    corners = np.array([[230, 110], [720, 130], [700, 440], [215, 415]])
    picture = np.full((540, 960, 3), 214, np.uint8)
    cv2.polylines(picture, [corners], True, (202, 202, 202), 2, cv2.LINE_AA)
    quad = found(desk.add_noise(cv2.GaussianBlur(picture, (0, 0), 1.0), 2.0, 5))
    assert quad is not None
    assert overlap(quad, corners.astype(np.float64)) > 0.97


def test_a_frame_printed_on_a_faint_paper_does_not_win() -> None:
    corners = np.array([[150, 60], [700, 75], [690, 465], [140, 445]])
    picture = np.full((540, 960, 3), 214, np.uint8)
    cv2.polylines(picture, [corners], True, (204, 204, 204), 2, cv2.LINE_AA)
    for at in np.linspace(0.2, 0.9, 6):
        left, right = (corners[a] + at * (corners[b] - corners[a]) for a, b in ((0, 3), (1, 2)))
        ends = np.rint([left + 0.1 * (right - left), left + 0.7 * (right - left)]).astype(int)
        cv2.line(picture, tuple(ends[0]), tuple(ends[1]), (40, 40, 40), 2, cv2.LINE_AA)
    for along in (0.1, 0.7):
        top, bottom = (a + along * (b - a) for a, b in ((corners[0], corners[1]), (corners[3], corners[2])))
        ends = np.rint([top + 0.2 * (bottom - top), top + 0.9 * (bottom - top)]).astype(int)
        cv2.line(picture, tuple(ends[0]), tuple(ends[1]), (40, 40, 40), 2, cv2.LINE_AA)
    quad = found(desk.add_noise(cv2.GaussianBlur(picture, (0, 0), 1.0), 2.0, 5))
    assert quad is not None
    assert overlap(quad, corners.astype(np.float64)) > 0.95


def test_a_reflection_of_a_lamp_is_no_paper() -> None:
    x, y = np.meshgrid(np.arange(960), np.arange(540))
    swell = np.clip(3.4 - 3 * np.hypot((x - 500) / 90, (y - 260) / 62), 0, 1)
    picture = np.repeat((190 + 65 * swell).astype(np.uint8)[:, :, None], 3, axis=2)
    assert [find_outline(desk.add_noise(picture, 2.0, grain)) for grain in range(5, 9)] == [None] * 4


def test_what_is_round_is_told_from_what_is_straight() -> None:
    """The same box around both: a round thing's edge lies within it at the ends of every side."""
    box = np.array([[[90, 60], [270, 60], [270, 180], [90, 180]]], np.float64)
    round_one, straight = (np.full((270, 360, 3), 90, np.uint8) for _ in range(2))
    cv2.ellipse(round_one, (180, 120), (90, 60), 0, 0, 360, (200, 200, 200), -1, cv2.LINE_AA)
    cv2.fillPoly(straight, [box[0].astype(int)], (200, 200, 200), cv2.LINE_AA)
    assert [bool(bows(prepare(one), box, PARAMETERS)[0]) for one in (round_one, straight)] == [True, False]


def test_a_grid_on_the_desk_is_no_paper() -> None:
    """Every mesh has four steady seams, and every one goes on beyond its corners."""
    picture = np.full((540, 960, 3), 190, np.uint8)
    for at in range(-500, 1500, 120):
        cv2.line(picture, (at, 0), (at + 60, 540), (170, 170, 170), 2, cv2.LINE_AA)
        cv2.line(picture, (0, at + 90), (960, at), (170, 170, 170), 2, cv2.LINE_AA)
    assert find_outline(desk.add_noise(picture, 2.0, 5)) is None


def test_a_second_paper_beside_the_first_is_counted() -> None:
    plain = frozenset(frames.CHANCES)
    seen = frames.frame(SEED, 9, kind="text", surface="dark", wanted=frozenset({"beside"}), unwanted=plain)
    alone = frames.frame(SEED, 9, kind="text", surface="dark", unwanted=plain)
    outlines = [find_outline(one.picture) for one in (seen, alone)]
    assert [one is not None and one.others for one in outlines] == [1, 0]


def two_papers(left: int, right: int, width: int = 310, height: int = 450) -> Picture:
    """Return a grey desk with two papers, 350×`height` and `width`×420 px, as light as told, with a line of print."""
    picture = np.full((540, 960, 3), (96, 100, 104), np.uint8)
    cv2.rectangle(picture, (60, 60), (60 + 350, 60 + height), (left, left, left), -1)
    cv2.rectangle(picture, (520, 60), (520 + width, 60 + 420), (right, right, right), -1)
    for x, y in ((120, 120), (600, 160)):
        cv2.line(picture, (x, y), (x + 150, y), (60, 60, 60), 3)
    return desk.add_noise(cv2.GaussianBlur(picture, (0, 0), 1.0), 2.0, 5)


@pytest.mark.parametrize(("left", "right"), [(150, 230), (230, 150)])
def test_of_two_papers_the_larger_is_taken_whatever_lies_on_them(left: int, right: int) -> None:
    outline = find_outline(two_papers(left, right))
    assert outline is not None
    assert outline.corners[0][0] < 100
    assert outline.others == 1


def test_a_paper_that_is_whole_is_taken_before_a_larger_one_that_is_cut() -> None:
    outline = find_outline(two_papers(230, 200, height=475))
    assert outline is not None
    assert outline.corners[0][0] > 500
    assert outline.others == 1


def test_in_a_still_a_larger_paper_is_looked_for_beside_a_certain_one() -> None:
    """A certain card ends the search before the larger, fainter paper is seen."""
    picture = two_papers(112, 230, width=240)
    hasty, thorough = find_outline(picture), find_outline(picture, looks_beside=True)
    assert hasty is not None
    assert thorough is not None
    assert (hasty.corners[0][0] > 500, hasty.others) == (True, 0)
    assert (thorough.corners[0][0] < 100, thorough.others) == (True, 1)


def test_the_same_frame_gives_the_same_outline() -> None:
    assert find_outline(shown(3).picture) == find_outline(shown(3).picture.copy())


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 6, 7])
def test_shrinking_averages_whole_squares(factor: int) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (97, 120, 3), dtype=np.uint8)
    small = shrink(picture, factor)
    h, w = 97 // factor, 120 // factor
    mean = picture[: h * factor, : w * factor].reshape(h, factor, w, factor, 3).mean(axis=(1, 3))
    assert small.shape == (h, w, 3)
    assert np.abs(small - mean).max() <= 1.5  # two roundings where halved twice


@pytest.mark.parametrize("shift", [0.0, 0.001, 2.5, 5.0, 9.999, 10.0, 30.0])
def test_the_overlap_of_squares_is_what_arithmetic_says(shift: float) -> None:
    beside = SQUARE + np.array([shift, 0])
    shared = max(0.0, 10 - shift) * 10
    assert common_area(SQUARE, beside) == pytest.approx(shared, abs=1e-9)
    assert overlap(SQUARE, beside) == pytest.approx(shared / (200 - shared), abs=1e-9)


def test_moving_sides_inward_moves_the_corners_between_them() -> None:
    inward = np.zeros((1, 4, 2))
    inward[0, 0], inward[0, 1] = 1.0, (2.0, 0.0)  # the top by 1; the right by 2 at its upper end alone
    top_left, top_right, bottom_right, bottom_left = moved(SQUARE[None], inward)[0]
    assert top_left == pytest.approx([0, 1])
    assert top_right == pytest.approx([8.2, 1])
    assert bottom_right == pytest.approx([10, 10])
    assert bottom_left == pytest.approx([0, 10])


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (200, 2), (16, 16), (48, 20_000), (50, 3000), (4000, 49)])
def test_a_tiny_or_thin_picture_holds_no_page(size: tuple[int, int]) -> None:
    assert find_outline(np.full((*size, 3), 128, np.uint8)) is None


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_picture_of_one_colour_holds_no_page(level: int) -> None:
    assert find_outline(np.full((540, 960, 3), level, np.uint8)) is None
