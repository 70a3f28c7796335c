"""Frame by frame: still or not, taken or not, one sentence at a time. A pure fold, so time is a number of frames."""

from __future__ import annotations

import numpy as np
import pytest

from devices.api import Corners
from devices.imaging.sameness import fingerprint
from devices.imaging.track import (
    HIDDEN_FRAMES,
    LEFT_FRAMES,
    RELEARN_FRAMES,
    SPEAK_FRAMES,
    Sight,
    differs_percent,
    follow,
    moved_percent,
)
from devices.imaging.values import Limits, Outline, Track, remember

LIMITS = Limits()
DIAGONAL = float(np.hypot(960, 540))
EMPTY = bytes(120 * 68)


def page_of(number: int) -> bytes:
    """A page of invented lines, as it is known again."""
    rng = np.random.default_rng(number)
    picture = np.full((680, 480, 3), 240, np.uint8)
    for line in range(40, 640, 30):
        picture[line : line + 12, 40 : int(rng.integers(120, 440))] = 60
    return fingerprint(picture)


PAGE_A, PAGE_B, BLANK = page_of(1), page_of(2), fingerprint(np.full((680, 480, 3), 240, np.uint8))


def at(x: float, y: float) -> Outline:
    corners: Corners = ((x, y), (x + 300, y), (x + 300, y + 420), (x, y + 420))
    return Outline(corners, 0.9)


def desk_with(paper: int = 0) -> bytes:
    """The small frame: a desk of level 40, on it a thing of `paper` rows without edges."""
    rows = np.full((68, 120), 40, np.uint8)
    rows[20 : 20 + paper, 40:70] = 90
    return rows.tobytes()


def sight(
    outline: Outline | None, gate: str = "", mark: bytes = PAGE_A, moved: float = 0.0, small: bytes = EMPTY
) -> Sight:
    return Sight(outline, gate or ("page" if outline is None else ""), small, moved, mark)


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


def test_the_page_taken_is_asked_about_when_it_was_moved_or_another_lies_in_its_place() -> None:
    state, _, _ = run(Track(), *[sight(at(100, 50))] * 8)
    state, gates, _ = run(remember(state, PAGE_A), *[sight(at(100, 50))] * 10)
    assert (gates[-1], state.stage) == ("taken", "taken")
    moved, gates, ready = run(state, *[sight(at(130, 50))] * 10)
    assert (gates[-1], moved.stage, any(ready)) == ("again", "again", False)
    _, gates, _ = run(state, *[sight(at(102, 50))] * 10)
    assert gates[-1] == "taken"


def test_a_leaf_turned_over_in_place_is_noticed() -> None:
    taken, _, _ = run(remember(Track(), PAGE_A), *[sight(at(100, 50))] * 10)
    turning = [sight(at(100, 50), "hands", PAGE_B, 4.0)] * HIDDEN_FRAMES
    _, _, ready = run(taken, *turning, *[sight(at(100, 50), mark=PAGE_B)] * 10)
    assert ready[-1]  # another content: its picture is taken
    _, gates, ready = run(taken, *turning, *[sight(at(100, 50))] * 10)
    assert (gates[-1], any(ready)) == ("again", False)  # a page of one form, or the same: the person is asked
    _, gates, _ = run(taken, *turning, *[sight(at(100, 50), "blank", BLANK)] * 10)
    assert gates[-1] == "blank"


def test_a_hand_that_passes_over_asks_nothing() -> None:
    taken, _, _ = run(remember(Track(), PAGE_A), *[sight(at(100, 50))] * 10)
    passing = [sight(at(100, 50), "hands", PAGE_B, 4.0)] * (HIDDEN_FRAMES - 1)
    _, gates, _ = run(taken, *passing, *[sight(at(100, 50))] * 10)
    assert gates[-1] == "taken"


def test_what_lies_there_without_edges_is_told_from_an_empty_desk() -> None:
    bare, gates, _ = run(Track(), *[sight(None, small=desk_with())] * LEFT_FRAMES)
    assert (gates[-1], bare.stage) == ("page", "empty")
    state, gates, ready = run(bare, *[sight(None, small=desk_with(paper=20))] * SPEAK_FRAMES)
    assert (gates[-1], state.stage, any(ready)) == ("unclear", "unclear", False)
    state, gates, _ = run(state, *[sight(None, small=desk_with())] * SPEAK_FRAMES)
    assert gates[-1] == "page"
    _, gates, _ = run(bare, *[sight(None, small=desk_with(paper=20))] * (RELEARN_FRAMES + SPEAK_FRAMES))
    assert gates[-1] == "page"  # what lies there for so long is the desk


def test_a_page_that_lies_there_without_edges_does_not_count_as_gone() -> None:
    state, _, _ = run(Track(), *[sight(None, small=desk_with())] * LEFT_FRAMES)
    state, _, _ = run(remember(state, PAGE_A), *[sight(None, small=desk_with(paper=20))] * (2 * LEFT_FRAMES))
    assert state.taken == PAGE_A
    state, _, _ = run(state, *[sight(None, small=desk_with())] * LEFT_FRAMES)
    assert (state.taken, state.taken_at, state.is_handled) == (b"", None, False)


def test_a_light_that_changes_as_a_whole_puts_nothing_on_the_desk() -> None:
    brighter = (np.frombuffer(desk_with(), np.uint8) + 60).tobytes()
    assert differs_percent(desk_with(), brighter) == 0
    assert differs_percent(desk_with(), desk_with(paper=20)) == pytest.approx(100 * 20 * 30 / (120 * 68))


def test_a_second_paper_is_named_before_the_first_is_judged_and_stops_nothing_that_is_done() -> None:
    two = Outline(at(100, 50).corners, 0.9, others=1)
    state, gates, ready = run(Track(), *[sight(two, "format")] * 20)
    assert (gates[0], gates[-1], any(ready)) == ("still", "several", False)
    _, gates, _ = run(state, *[sight(two, "whole")] * (SPEAK_FRAMES + 1))
    assert gates[-1] == "whole"
    _, _, ready = run(state, sight(at(100, 50)))
    assert ready == [True]  # the other was taken away
    _, gates, _ = run(remember(state, PAGE_A), *[sight(two)] * 12)
    assert gates[-1] == "taken"


@pytest.mark.parametrize("gate", ["dark", "glare", "sharp", "blank", "format"])
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
