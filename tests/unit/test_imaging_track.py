"""Frame by frame: still or not, taken or not, one sentence at a time. A pure fold, so time is a number of frames."""

from __future__ import annotations

import numpy as np
import pytest

from devices.api import Corners
from devices.imaging.track import LEFT_FRAMES, SPEAK_FRAMES, Sight, follow, moved_percent
from devices.imaging.values import Limits, Outline, Track

LIMITS = Limits()
DIAGONAL = float(np.hypot(960, 540))
EMPTY = bytes(120 * 68)
PAGE_A = np.random.default_rng(1).integers(0, 255, (9, 6)).repeat(4, 0)[:34].repeat(4, 1).astype(np.uint8).tobytes()
PAGE_B = np.random.default_rng(2).integers(0, 255, (9, 6)).repeat(4, 0)[:34].repeat(4, 1).astype(np.uint8).tobytes()


def at(x: float, y: float) -> Outline:
    corners: Corners = ((x, y), (x + 300, y), (x + 300, y + 420), (x, y + 420))
    return Outline(corners, 0.9)


def sight(outline: Outline | None, gate: str = "", mark: bytes = PAGE_A, moved: float = 0.0) -> Sight:
    return Sight(outline, gate or ("page" if outline is None else ""), EMPTY, moved, mark)


def run(track: Track, *sights: Sight) -> tuple[Track, list[str], list[bool]]:
    gates, ready = [], []
    for one in sights:
        track, gate, is_ready = follow(track, one, LIMITS, DIAGONAL)
        gates.append(gate)
        ready.append(is_ready)
    return track, gates, ready


def test_a_page_is_ready_after_eight_still_frames_and_not_before() -> None:
    _, gates, ready = run(Track(), *[sight(at(100, 50))] * 9)
    assert ready == [False] * 7 + [True, True]
    assert gates[0] == "still"
    assert gates[7] == ""


def test_a_page_that_creeps_is_never_ready() -> None:
    _, _, ready = run(Track(), *[sight(at(100 + 2 * n, 50)) for n in range(30)])
    assert not any(ready)


def test_a_jump_begins_the_count_anew() -> None:
    state, _, _ = run(Track(), *[sight(at(100, 50))] * 8)
    state, _, ready = run(state, sight(at(300, 50)))
    assert (state.stable_frames, ready) == (1, [False])


def test_the_order_of_corners_may_turn_without_the_page_counting_as_moved() -> None:
    turned = at(100, 50)
    a, b, c, d = turned.corners
    other = Outline((b, c, d, a), 0.9)
    _, _, ready = run(Track(), *[sight(turned), sight(other)] * 5)
    assert ready[-1]


def test_a_page_taken_is_not_taken_again_until_it_left() -> None:
    state = Track(taken=PAGE_A)
    state, gates, ready = run(state, *[sight(at(100, 50))] * 12)
    assert gates[-1] == "taken"
    assert not any(ready)
    state, _, _ = run(state, *[sight(None)] * LEFT_FRAMES)
    assert state.taken == b""
    _, _, ready = run(state, *[sight(at(100, 50))] * 8)
    assert ready[-1]


def test_a_hand_that_hides_the_page_does_not_arm_it_again() -> None:
    state, _, _ = run(Track(taken=PAGE_A), *[sight(None, "hands", moved=5.0)] * 20)
    assert state.taken == PAGE_A


def test_another_page_in_the_same_place_is_ready() -> None:
    _, _, ready = run(Track(taken=PAGE_A), *[sight(at(100, 50), mark=PAGE_B)] * 8)
    assert ready[-1]


@pytest.mark.parametrize("gate", ["dark", "glare"])
def test_a_page_is_judged_only_when_it_lies_still(gate: str) -> None:
    _, gates, ready = run(Track(), *[sight(at(100, 50), gate)] * 20)
    assert gates[0] == "still"
    assert gates[-1] == gate
    assert not any(ready)


def test_a_sentence_stands_long_enough_to_be_read_but_good_news_comes_at_once() -> None:
    state, gates, _ = run(Track(), *[sight(at(100, 50), "whole")] * 2, *[sight(at(100, 50), "hands")] * SPEAK_FRAMES)
    assert gates[:SPEAK_FRAMES] == ["whole"] * SPEAK_FRAMES
    assert gates[-1] == "hands"
    _, gates, _ = run(state, sight(at(100, 50)))
    assert gates == [""]


def test_motion_counts_only_outside_the_page() -> None:
    former = bytes(120 * 68)
    moved = np.zeros((68, 120), np.uint8)
    moved[10:20, 10:20] = 200
    inside = np.array([[0, 0], [300, 0], [300, 300], [0, 300]], np.float64)
    elsewhere = inside + 500
    assert moved_percent(former, moved.tobytes(), inside, 960, 540) == 0
    assert moved_percent(former, moved.tobytes(), elsewhere, 960, 540) == pytest.approx(100 * 100 / (120 * 68))
    assert moved_percent(b"", moved.tobytes(), None, 960, 540) == 0
