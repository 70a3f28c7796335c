"""What tells a paper from things that have edges too: its shape in space, sharp sides, sides that agree."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from devices.imaging.fields import PARAMETERS, prepare
from devices.imaging.outline import find_outline
from devices.imaging.quads import FOCAL_SHARE, in_space, likely, plausible, usual
from devices.imaging.ridges import covered, find_ridges
from devices.sim import desk

SIZE = (480, 270)
Quad = npt.NDArray[np.float64]
Picture = npt.NDArray[np.uint8]


def tilted(about_x_deg: float, about_y_deg: float, turn_deg: float = 20.0, long: float = 1.4) -> Quad:
    """Return a sheet of 1 × `long` as a camera in the middle of the frame sees it, 4×2 px."""
    turn, ax, ay = np.deg2rad([turn_deg, about_x_deg, about_y_deg])
    sheet = np.array([[-1, -long, 0], [1, -long, 0], [1, long, 0], [-1, long, 0]]) / 2
    spin = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(ax), -np.sin(ax)], [0, np.sin(ax), np.cos(ax)]])
    about_y = np.array([[np.cos(ay), 0, np.sin(ay)], [0, 1, 0], [-np.sin(ay), 0, np.cos(ay)]])
    at = sheet @ (about_y @ about_x @ spin).T + np.array([0.3, -0.1, 4.0])
    return at[:, :2] / at[:, 2:] * FOCAL_SHARE * SIZE[0] + (np.array(SIZE) - 1) / 2


@pytest.mark.parametrize(("about_x", "about_y", "tilt"), [(0, 0, 0), (12, 0, 12), (0, -25, 25), (30, 0, 30)])
def test_a_rectangle_in_perspective_is_known_for_one(about_x: float, about_y: float, tilt: float) -> None:
    quad = tilted(about_x, about_y)[None]
    skew, seen, long = in_space(quad, SIZE)
    assert skew[0] == pytest.approx(0, abs=1e-6)
    assert seen[0] == pytest.approx(tilt, abs=0.01)
    assert long[0] == pytest.approx(1.4, abs=1e-6)
    assert plausible(quad, SIZE, PARAMETERS)[0]
    assert likely(quad, SIZE, PARAMETERS)[0] == 1


@pytest.mark.parametrize(
    ("long", "least", "most"),
    [(2**0.5, 0.99, 1), (85.6 / 53.98, 0.99, 1), (1.5, 0, 0.5), (1.0, 0, 0.01), (2.5, 0, 0.01)],
)
@pytest.mark.parametrize("about_x", [0, 25])
def test_pages_and_cards_have_usual_shapes_however_they_lie(
    long: float, least: float, most: float, about_x: float
) -> None:
    shape = usual(tilted(about_x, -10, long=long)[None], SIZE, PARAMETERS)[0]
    assert least <= shape <= most


def test_four_corners_of_no_rectangle_are_no_paper() -> None:
    """Its sides meet at usual angles, and no camera sees a rectangle so."""
    quad = np.array([[[154, 50], [225, 68], [197, 116], [154, 106]]], np.float64)
    assert not plausible(quad, SIZE, PARAMETERS)[0]
    leaning = tilted(0, 0, 0)[None] + np.array([[0, 0], [0, 0], [24, 0], [24, 0]])
    assert 0.4 < likely(leaning, SIZE, PARAMETERS)[0] < 1


def test_a_finger_from_the_frames_edge_is_no_paper() -> None:
    """It has two strong sides, a tip and nothing at the frame's edge."""
    picture = np.full((540, 960, 3), 150, np.uint8)
    for length in (170, 330, 560):
        shown = picture.copy()
        cv2.line(shown, (-80, 250), (length, 330), (96, 120, 170), 56, cv2.LINE_AA)
        assert find_outline(desk.add_noise(shown, 2.0, 5)) is None


def test_a_stain_of_soft_edge_is_no_paper() -> None:
    stain = np.full((540, 960), 190, np.float32)
    stain[140:400, 260:640] -= 40
    soft = cv2.GaussianBlur(stain, (0, 0), 16)
    picture = np.repeat(soft.astype(np.uint8)[:, :, None], 3, axis=2)
    assert find_outline(desk.add_noise(picture, 2.0, 5)) is None


def test_dark_lines_of_two_levels_are_found_where_no_step_is() -> None:
    corners = np.array([[230, 110], [720, 130], [700, 440], [215, 415]], np.float64)
    picture = np.full((540, 960, 3), 214, np.uint8)
    cv2.polylines(picture, [corners.astype(int)], True, (208, 208, 208), 2, cv2.LINE_AA)
    fields = prepare(desk.add_noise(cv2.GaussianBlur(picture, (0, 0), 1.0), 2.0, 5))
    lined = find_ridges(fields).lined
    assert lined is not None
    small = (corners + 0.5) / fields.factor - 0.5
    for start, stop in zip(small, np.roll(small, -1, 0), strict=True):
        off = np.abs(lined.lines[:, :2] @ np.stack([start, stop], axis=1) - lined.lines[:, 2:])
        assert off.max(axis=1).min() < 1.0


def test_beside_a_bright_line_nothing_is_dark() -> None:
    """A cutting mat's grid: at the foot of its lines the picture curves as it does at the bottom of a valley."""
    picture = np.full((540, 960, 3), 70, np.uint8)
    for at in range(-500, 1500, 90):
        cv2.line(picture, (at, 0), (at + 30, 540), (92, 92, 92), 2, cv2.LINE_AA)
        cv2.line(picture, (0, at + 50), (960, at), (92, 92, 92), 2, cv2.LINE_AA)
    seen = desk.add_noise(picture, 2.0, 5)
    dark = desk.add_noise(160 - picture, 2.0, 5)
    shares = [np.count_nonzero(find_ridges(prepare(one)).ways) / prepare(one).gx.size for one in (seen, dark)]
    assert shares[0] < 0.4 * shares[1]  # what is left is noise
    assert find_outline(seen) is None


def test_a_side_on_a_dark_line_is_covered_and_one_beside_it_is_not() -> None:
    picture = np.full((540, 960, 3), 214, np.uint8)
    cv2.rectangle(picture, (200, 100), (700, 420), (204, 204, 204), 2, cv2.LINE_AA)
    fields = prepare(desk.add_noise(cv2.GaussianBlur(picture, (0, 0), 1.0), 2.0, 5))
    on = (np.array([[[200, 100], [700, 100], [700, 420], [200, 420]]], np.float64) + 0.5) / fields.factor - 0.5
    shares = covered(find_ridges(fields), np.concatenate([on, on + 6]))
    assert shares[0].min() > 0.9
    assert shares[1].max() < PARAMETERS.covered[0]  # noise has dark px of its own; so few do not count
