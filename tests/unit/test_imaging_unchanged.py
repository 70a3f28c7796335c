"""A desk that stays as it was is not searched again; whatever comes or moves is seen within the same frame."""

from __future__ import annotations

from functools import cache

import cv2
import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from devices.imaging.fields import shrink
from devices.imaging.unchanged import EMPTY_LOOKS, MOST_REUSED, blocks_of, is_unchanged, looked_at, reusable
from devices.imaging.values import Limits, Outline, Track, remember
from devices.sim import desk

SIZE = (960, 540)
PAGE = np.array([[300, 90], [690, 120], [660, 470], [280, 440]], np.int32)
OUTLINE = Outline(((300, 90), (690, 120), (660, 470), (280, 440)), 0.9)
LIMITS = Limits()
Picture = npt.NDArray[np.uint8]


@cache
def bare() -> Picture:
    return desk.lay_surface("white", SIZE, np.random.default_rng(3))


def blocks(picture: Picture, seed: int, sigma: float = 3.0) -> Picture:
    """Return the blocks of a preview with noise of its own; σ 3 in a preview is σ 6 of the camera."""
    noisy = desk.add_noise(picture, sigma, 7919 * seed)
    kept = cv2.imdecode(cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, 82])[1], cv2.IMREAD_COLOR)
    return blocks_of(shrink(np.asarray(kept, np.uint8), 2))


def stepped(levels: int, shape: npt.NDArray[np.int32] = PAGE) -> Picture:
    """Return the desk with a smooth thing on it that is darker by some levels."""
    picture, where = bare().copy(), np.zeros(SIZE[::-1], np.uint8)
    cv2.fillConvexPoly(where, shape, 255)
    picture[where > 0] = np.clip(picture[where > 0].astype(int) - levels, 0, 255).astype(np.uint8)
    return picture


def test_noise_changes_nothing() -> None:
    first = blocks(bare(), 1).tobytes()
    assert all(is_unchanged(first, blocks(bare(), seed)) for seed in range(2, 8))


def test_a_lamp_that_flickers_a_little_changes_nothing_and_one_that_is_switched_does() -> None:
    first = blocks(bare(), 1).tobytes()
    assert is_unchanged(first, blocks(stepped(2, np.array([[0, 0], [959, 0], [959, 539], [0, 539]], np.int32)), 2))
    assert not is_unchanged(first, blocks(cv2.convertScaleAbs(bare(), alpha=0.8), 2))


@pytest.mark.parametrize("levels", [2, 8, 40])
def test_a_paper_that_hardly_differs_from_its_desk_is_a_change(levels: int) -> None:
    assert not is_unchanged(blocks(bare(), 1).tobytes(), blocks(stepped(levels), 2))


@pytest.mark.parametrize(("levels", "px"), [(10, 6), (40, 2), (120, 1)])
def test_a_paper_that_moved_is_a_change(levels: int, px: int) -> None:
    moved = PAGE + np.array([px, px], np.int32)
    assert not is_unchanged(blocks(stepped(levels), 1).tobytes(), blocks(stepped(levels, moved), 2))


def test_the_tip_of_a_finger_is_a_change() -> None:
    tip = np.array([[0, 300], [14, 300], [14, 312], [0, 312]], np.int32)
    assert not is_unchanged(blocks(bare(), 1).tobytes(), blocks(stepped(60, tip), 2))


def test_a_frame_of_another_size_is_a_change() -> None:
    assert not is_unchanged(b"", blocks(bare(), 1))


def test_an_empty_desk_must_be_found_empty_time_and_again() -> None:
    """A faint paper is not seen in each frame: one look that finds nothing does not settle it."""
    looked, seen = None, (None, "page", b"")
    for seed in range(EMPTY_LOOKS + 1):
        now = blocks(bare(), seed)
        assert reusable(Track(looked=looked), now, "any", LIMITS) is None
        looked = looked_at(looked, now, "any", seen)
    now = blocks(bare(), 20)
    assert reusable(Track(looked=looked), now, "any", LIMITS) == looked
    assert reusable(Track(looked=looked), now, "a4", LIMITS) is None  # asked for something else
    assert reusable(Track(looked=msgspec.structs.replace(looked, gate="hands")), now, "any", LIMITS) is None
    assert (
        reusable(Track(looked=msgspec.structs.replace(looked, reused_frames=MOST_REUSED)), now, "any", LIMITS) is None
    )
    found = looked_at(looked, now, "any", (OUTLINE, "", b""))
    assert looked_at(found, now, "any", seen).empty_looks == 0


def test_a_page_is_looked_at_until_it_lies_still_and_is_judged() -> None:
    now = blocks(bare(), 1)
    looked = looked_at(None, now, "any", (OUTLINE, "glare", b"mark"))
    assert reusable(Track(looked=looked, stable_frames=LIMITS.stable_frames - 1), now, "any", LIMITS) is None
    still = Track(looked=looked, stable_frames=LIMITS.stable_frames)
    assert reusable(still, now, "any", LIMITS) == looked
    for gate in ("hands", "sharp", "dark"):  # a hand goes, a lens finds its focus: no block need change
        restless = msgspec.structs.replace(still, looked=msgspec.structs.replace(looked, gate=gate))
        assert reusable(restless, now, "any", LIMITS) is None
    assert reusable(remember(still, b"mark"), now, "any", LIMITS) is None  # its picture was taken: judged anew
