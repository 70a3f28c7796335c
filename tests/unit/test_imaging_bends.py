"""A paper that was rolled or folded has its corners where they are, and comes out with straight sides and lines."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from benchmarks import frames
from benchmarks.imaging_outline import worst_corner
from devices.imaging.bends import KNOTS, Bent, find_bends, unbend
from devices.imaging.fields import shrink_factor
from devices.imaging.outline import find_outline
from devices.imaging.pipeline import look, take
from devices.imaging.refine import refine_outline
from devices.imaging.values import Limits, LookRequest, Outline, TakeRequest, Track
from devices.sim import desk

Picture = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]
CALM = frozenset(("hand", "focus", "motion", "glare", "low_contrast", "clutter", "shadow"))
CORNERS = np.array([[420.0, 160], [1380, 190], [1350, 900], [450, 880]])
FACTOR = 4.0


def refined(picture: Picture) -> Outline:
    outline = find_outline(picture)
    assert outline is not None
    return refine_outline(picture, outline, shrink_factor(picture.shape[1], picture.shape[0]))


def curved(sags: tuple[float, float, float, float], surface: str = "wood") -> Picture:
    """Return a desk with a ruled page, 1920×1080, whose sides lie so many px inward in their middles."""
    picture = desk.lay_surface(surface, (1920, 1080), np.random.default_rng(4))
    share = np.linspace(0, 1, 60)[:, None]
    sides = []
    for side, sag in enumerate(sags):
        start, way = CORNERS[side], CORNERS[(side + 1) % 4] - CORNERS[side]
        normal = np.array([-way[1], way[0]]) / np.hypot(*way)
        sides.append(start + share * way + 4 * sag * share * (1 - share) * normal)
    cv2.fillPoly(picture, [np.round(np.concatenate(sides) * 16).astype(int)], (228, 230, 231), cv2.LINE_AA, 4)
    for row in range(1, 20):  # a line of writing lies as the sides do beside it
        near = row / 20
        line = (1 - near) * sides[0] + near * sides[2][::-1]
        inner = line[(share[:, 0] > 0.1) & (share[:, 0] < 0.9)]
        cv2.polylines(picture, [np.round(inner * 16).astype(int)], False, (60, 60, 60), 3, cv2.LINE_AA, 4)
    return desk.add_noise(cv2.GaussianBlur(picture, (0, 0), 0.8), 2.0, 5)


SAGS = [(-22, 0, 22, 0), (16, 0, -16, 0), (0, 12, 0, -12), (-6, -5, -6, -5), (7, 0, -7, 0), (-20, 0, 0, 0)]


@pytest.mark.parametrize("sags", SAGS)
@pytest.mark.parametrize("surface", ["wood", "grey"])
def test_the_corners_of_a_curved_page_lie_where_its_sides_meet(sags, surface: str) -> None:
    picture = curved(sags, surface)
    bent = find_bends(picture, refined(picture), FACTOR)
    assert bent is not None
    assert worst_corner(np.array(bent.outline.corners), CORNERS) < 2.5
    middles = bent.away[:, KNOTS // 2]
    assert np.abs(middles - np.array(sags)).max() < 2
    assert not bent.away[:, [0, -1]].any()


def test_a_flat_page_has_straight_sides() -> None:
    picture = curved((0, 0, 0, 0))
    assert find_bends(picture, refined(picture), FACTOR) is None


@pytest.mark.parametrize("defect", ["covered", "clipboard", "hand", "low_contrast"])
def test_what_lies_on_or_under_a_flat_page_bends_no_side(defect: str) -> None:
    for index in range(6):
        seen = frames.frame(frames.TUNING_SEED, 300 + index, wanted=frozenset({defect}))
        outline = find_outline(seen.picture)
        if outline is not None:
            assert find_bends(seen.picture, refine_outline(seen.picture, outline, FACTOR), FACTOR) is None


def test_a_plate_that_shows_beyond_two_sides_of_a_flat_page_is_not_its_edge() -> None:
    picture = desk.lay_surface("wood", (1920, 1080), np.random.default_rng(4))
    middle = CORNERS.mean(axis=0)
    cv2.ellipse(picture, np.round(middle).astype(int).tolist(), (508, 508), 0, 0, 360, (226, 228, 230), -1, cv2.LINE_AA)
    cv2.fillPoly(picture, [np.round(CORNERS * 16).astype(int)], (238, 240, 241), cv2.LINE_AA, 4)
    picture = desk.add_noise(cv2.GaussianBlur(picture, (0, 0), 0.8), 2.0, 5)
    corners = tuple((float(x), float(y)) for x, y in CORNERS)
    exact = refine_outline(picture, Outline((corners[0], corners[1], corners[2], corners[3]), 1.0), FACTOR)
    assert find_bends(picture, exact, FACTOR) is None


def test_a_page_that_fills_the_frame_is_left_alone() -> None:
    picture = np.full((200, 300, 3), 230, np.uint8)
    whole = Outline(((-0.5, -0.5), (299.5, -0.5), (299.5, 199.5), (-0.5, 199.5)), 1.0)
    assert find_bends(picture, whole, 1.0) is None


def test_a_page_that_is_laid_straight_keeps_its_corners_and_the_desk_far_away() -> None:
    picture = curved((-22, 0, 22, 0))
    bent = find_bends(picture, refined(picture), FACTOR)
    assert bent is not None
    laid = picture.copy()
    unbend(laid, bent)
    again = refined(laid)
    assert find_bends(laid, again, FACTOR) is None
    assert worst_corner(np.array(again.corners), CORNERS) < 2.5
    np.testing.assert_array_equal(laid[:20], picture[:20])
    np.testing.assert_array_equal(laid[:, :200], picture[:, :200])


def test_nothing_moves_where_no_side_is_away() -> None:
    picture = curved((0, 0, 0, 0))
    flat = Bent(refined(picture), np.zeros((4, KNOTS)))
    laid = picture.copy()
    unbend(laid, flat)
    np.testing.assert_array_equal(laid, picture)


@pytest.mark.parametrize("orientation", [0, 1, 2, 3])
def test_lines_of_writing_are_level_whichever_way_the_page_lies(orientation: int) -> None:
    seen = frames.frame(77006, 8, frames.STILL, wanted=frozenset({"curl"}), unwanted=CALM, kind="table")
    picture = np.ascontiguousarray(np.rot90(seen.picture, orientation))
    jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()
    answer, body = take(jpeg, TakeRequest(Limits(), "any", False, as_pdf=False))
    assert answer.refused == ""
    page = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_GRAYSCALE)
    inner = cv2.erode(page, np.ones((5, 1), np.uint8))[:, page.shape[1] // 5 : -page.shape[1] // 5]
    assert (inner < 200).mean(axis=1).max() > 0.95, "a rule of the table runs level from side to side"


def test_a_preview_finds_nothing_wrong_with_a_curved_page() -> None:
    picture = curved((-22, 0, 22, 0))
    jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()
    track = Track()
    for _ in range(12):
        answer, _ = look(jpeg, LookRequest(0, 0, track, Limits()))
        track = answer.track
    assert answer.gate == "", answer
    assert answer.corners is not None
    assert worst_corner(2 * np.array(answer.corners) + 0.5, CORNERS) < 4


@pytest.mark.parametrize("sag", [7.0, 7.5, 8.0, 8.5, 9.0])
def test_a_page_that_is_hardly_curved_does_not_seem_to_move(sag: float) -> None:
    """One frame with its sides as curves and the next with straight ones would never count as still."""
    page = curved((-sag, 0, sag, 0)).astype(np.float32)
    noise = np.random.default_rng(8)
    track = Track()
    for _ in range(16):
        seen = np.clip(page + noise.normal(0, 3, page.shape), 0, 255).astype(np.uint8)
        jpeg = cv2.imencode(".jpg", seen, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
        answer, _ = look(jpeg, LookRequest(0, 0, track, Limits()))
        track = answer.track
    assert answer.is_ready
