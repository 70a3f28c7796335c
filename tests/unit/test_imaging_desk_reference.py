"""The empty desk as a witness: it shows what came to lie there, and steps back when the camera was moved."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from devices.imaging.desk_reference import (
    FRAMES,
    DeskReference,
    changed_mask,
    from_difference,
    is_same_desk,
    learn_desk,
    support,
)
from devices.imaging.outline import find_outline
from devices.imaging.quads import overlap
from devices.sim import desk

SIZE = (960, 540)
PAGE = np.array([[300, 90], [690, 120], [660, 470], [280, 440]], np.float64)
Picture = npt.NDArray[np.uint8]


@cache
def bare() -> Picture:
    return desk.lay_surface("white", SIZE, np.random.default_rng(3))


@cache
def reference() -> DeskReference:
    return learn_desk(tuple(desk.add_noise(bare(), 2.0, 7919 * number) for number in range(FRAMES)))


def laid(levels: int) -> Picture:
    """Return the desk with a paper that is `levels` darker."""
    picture, page = bare().copy(), np.zeros(SIZE[::-1], np.uint8)
    cv2.fillConvexPoly(page, np.round(PAGE).astype(np.int32), 255)
    picture[page > 0] = np.clip(picture[page > 0].astype(int) - levels, 0, 255).astype(np.uint8)
    return desk.add_noise(picture, 2.0, 4242)


def test_the_empty_desk_has_not_changed() -> None:
    mask = changed_mask(reference(), desk.add_noise(bare(), 2.0, 99))
    assert cv2.countNonZero(mask) < 0.002 * mask.size
    assert len(from_difference(mask)) == 0


@pytest.mark.parametrize("levels", [16, 4])
def test_a_white_paper_on_the_white_desk_is_what_changed(levels: int) -> None:
    """Without a hole: those of a faint paper would count against it."""
    mask = changed_mask(reference(), laid(levels))
    found = from_difference(mask)
    assert len(found) == 1
    small = (PAGE + 0.5) / reference().factor - 0.5
    assert overlap(found[0], small) > 0.93
    assert support(mask, small[None])[0] > 0.93


@pytest.mark.parametrize("gain", [0.8, 1.0, 1.1])
def test_a_dimmer_lamp_changes_nothing_but_the_gain(gain: float) -> None:
    picture = cv2.convertScaleAbs(desk.add_noise(bare(), 2.0, 31), alpha=gain)
    assert is_same_desk(reference(), picture)
    assert cv2.countNonZero(changed_mask(reference(), picture)) < 0.01 * SIZE[0] * SIZE[1] / reference().factor ** 2


def test_a_bumped_camera_drops_the_reference() -> None:
    moved = desk.lay_surface("wood", SIZE, np.random.default_rng(9))
    assert not is_same_desk(reference(), moved)
    assert not is_same_desk(reference(), cv2.convertScaleAbs(bare(), alpha=0.4))
    assert not is_same_desk(reference(), cv2.resize(bare(), (480, 270)))


def test_the_desk_is_no_witness_alone() -> None:
    """A soft dark stain without straight sides changed, and is no paper."""
    picture = bare().copy()
    cv2.circle(picture, (480, 270), 120, (90, 100, 110), -1, cv2.LINE_AA)
    stain = desk.add_noise(cv2.GaussianBlur(picture, (0, 0), 40), 2.0, 5)
    assert cv2.countNonZero(changed_mask(reference(), stain)) > 0
    assert find_outline(stain, reference=reference()) is None


def test_a_paper_that_was_learned_as_desk_is_still_found() -> None:
    forgotten = learn_desk(tuple(desk.add_noise(laid(60), 2.0, 31 * number) for number in range(FRAMES)))
    outline = find_outline(laid(60), reference=forgotten)
    assert outline is not None
    assert overlap(np.array(outline.corners), PAGE) > 0.95


@pytest.mark.parametrize("count", [0, FRAMES - 1])
def test_too_few_frames_teach_nothing(count: int) -> None:
    with pytest.raises(ValueError, match="empty desk"):
        learn_desk((bare(),) * count)
