"""From frame to frame: is the paper still, may the picture be taken, was it taken already. A pure fold, no clock."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from devices.api import Corners
from devices.imaging.quads import overlap
from devices.imaging.sameness import is_same_page
from devices.imaging.values import Limits, Looked, Outline, Stage, Track

ALPHA = 0.4  # exponential mean of the corners
RESTART_IOU = 0.8  # below it the paper is another one, or was moved
SPEAK_FRAMES = 8  # a sentence stands for 0.8 s at 10 frames a second
LEFT_FRAMES = 6  # so long must the desk be empty before the page counts as gone
RELEARN_FRAMES = 80  # what has lain there without edges for 8 s is the desk
HIDDEN_FRAMES = 3  # a hand that passes over is quicker; one that turns a leaf is not
MOTION_LEVELS = 22  # a pixel of the 120×68 frame that changed; sensor noise averages to under 2
UNCLEAR_PERCENT = 3.0  # of the frame that differs from the empty desk: a card takes 4 of a desk that shows an A4
SHIFTED_PERCENT = 1.0  # of the diagonal: a page that lay still moved less than half of it
ON_STILL_PAGES = ("format", "flat", "dark", "bright", "sharp", "far", "glare", "blank")  # judged when it lies still
GOOD_NEWS = ("", "taken", "again")  # told at once
SMALL_PX = (120, 68)


class Sight(NamedTuple):
    """What one frame showed. `gate`: the first failed gate but `still`, "" for none; `moved_percent` of the frame."""

    outline: Outline | None
    gate: str
    small: bytes
    moved_percent: float
    fingerprint: bytes
    looked: Looked | None = None


def follow(track: Track, sight: Sight, limits: Limits, diagonal_px: float) -> tuple[Track, str, bool]:
    """Return the next state, the gate that speaks and whether capture may fire.

    Beside the gates: "" good, "taken" done already, "again" it looks like the page taken last, "unclear" something
    lies there whose edges are not seen, "several" another paper certainly lies beside it.
    """
    corners, past, stable = _steady(track, sight.outline, limits, diagonal_px)
    missed = track.missed_frames + 1 if sight.outline is None else 0
    is_calm = sight.moved_percent <= limits.hand_percent
    bare, is_bare = _desk(track, sight, missed, is_calm)
    taken = track.taken
    if missed >= LEFT_FRAMES and is_calm and is_bare:
        taken = b""
    is_still = stable >= limits.stable_frames
    gate = sight.gate
    if gate == "page" and not is_bare:
        gate = "unclear"
    elif (gate == "" or gate in ON_STILL_PAGES) and not is_still:
        gate = "still"
    elif (gate == "" or gate in ON_STILL_PAGES) and sight.outline is not None and sight.outline.others:
        gate = "several"  # which of them is judged is not known to the person
    is_same = bool(taken) and sight.outline is not None and is_same_page(taken, sight.fingerprint)
    after = _after_capture(track, taken, is_same, corners if is_still else None, diagonal_px)
    if is_same and is_still:
        gate = "again" if after.is_handled else "taken"
    shown, shown_frames = _speak(track, gate)
    state = Track(
        corners=corners,
        past=past,
        stable_frames=stable,
        missed_frames=missed,
        small=sight.small,
        taken=taken,
        taken_at=after.at,
        is_handled=after.is_handled,
        hidden_frames=after.hidden_frames,
        bare=bare,
        stage=_stage(gate),
        shown=shown,
        shown_frames=shown_frames,
        looked=sight.looked,
    )
    return state, shown, gate == ""


def small_frame(frame: npt.NDArray[np.uint8]) -> bytes:
    """Return the frame as 120×68 grey bytes, for motion."""
    return bytes(cv2.cvtColor(cv2.resize(frame, SMALL_PX, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY).tobytes())


def moved_percent(
    former: bytes, small: bytes, corners: npt.NDArray[np.float64] | None, width_px: int, height_px: int
) -> float:
    """Return how much of the frame outside the page changed since the former frame, in percent."""
    if len(former) != len(small):
        return 100.0 if former else 0.0
    a, b = _grey(former), _grey(small)
    changed = (cv2.absdiff(a, b) > MOTION_LEVELS).astype(np.uint8)
    if corners is not None:
        page = np.round(corners * np.array([SMALL_PX[0] / width_px, SMALL_PX[1] / height_px])).astype(np.int32)
        cv2.fillConvexPoly(changed, page, 0)
    return 100.0 * float(changed.mean())


def differs_percent(bare: bytes, small: bytes) -> float:
    """Return how much of the frame differs from the empty desk, a change of the whole light left out, in percent."""
    apart = _grey(small).astype(np.int16) - _grey(bare)
    return 100.0 * float((np.abs(apart - np.median(apart)) > MOTION_LEVELS).mean())


class _After(NamedTuple):
    """What happened to the page since its picture was taken."""

    at: Corners | None
    is_handled: bool
    hidden_frames: int


def _after_capture(track: Track, taken: bytes, is_same: bool, still: Corners | None, diagonal_px: float) -> _After:
    if not taken:
        return _After(None, False, 0)
    hidden = 0 if is_same else min(track.hidden_frames + 1, 10_000)
    at = track.taken_at if track.taken_at is not None else still
    is_shifted = still is not None and at is not None and _apart(still, at) > SHIFTED_PERCENT / 100 * diagonal_px
    return _After(at, track.is_handled or is_shifted or hidden >= HIDDEN_FRAMES, hidden)


def _apart(a: Corners, b: Corners) -> float:
    """Return the largest distance of corners, whichever is named first, px."""
    first, second = np.array(a), np.array(b)
    return min(float(np.linalg.norm(np.roll(first, k, 0) - second, axis=1).max()) for k in range(4))


def _desk(track: Track, sight: Sight, missed: int, is_calm: bool) -> tuple[bytes, bool]:
    """Return the desk as it is when empty, and whether it may be empty now.

    What was never seen empty is believed to be: the first calm frames without a paper say how it looks.
    """
    if sight.outline is not None:
        return track.bare, False
    if len(track.bare) != len(sight.small):
        return (sight.small if missed >= LEFT_FRAMES and is_calm else b""), True
    if differs_percent(track.bare, sight.small) >= UNCLEAR_PERCENT and not (is_calm and missed >= RELEARN_FRAMES):
        return track.bare, False
    return (sight.small if is_calm else track.bare), True  # daylight wanders


def _steady(
    track: Track, outline: Outline | None, limits: Limits, diagonal_px: float
) -> tuple[Corners | None, tuple[Corners, ...], int]:
    """Return the mean corners, the last frames' corners, and for how many frames they lie still."""
    if outline is None:
        return None, (), 0
    seen = np.array(outline.corners)
    if track.corners is not None:
        mean = np.array(track.corners)
        seen = min((np.roll(seen, k, 0) for k in range(4)), key=lambda c: float(np.abs(c - mean).max()))
        if overlap(seen, mean) >= RESTART_IOU:
            past = (*track.past, _corners(seen))[-limits.stable_frames :]
            motion = float(np.linalg.norm(np.array(past) - seen, axis=2).max())
            if motion < limits.motion_percent / 100 * diagonal_px:
                stable = min(track.stable_frames + 1, 10_000)
                return _corners((1 - ALPHA) * mean + ALPHA * seen), past, stable
            return _corners(seen), (_corners(seen),), 1
    return _corners(seen), (_corners(seen),), 1


def _stage(gate: str) -> Stage:
    if gate == "":
        return "ready"
    if gate in ("taken", "again", "unclear"):
        return gate  # type: ignore[return-value]
    if gate == "page":
        return "empty"
    return "moving" if gate in ("still", "hands") else "judged"


def _speak(track: Track, gate: str) -> tuple[str, int]:
    """Return the sentence on the screen: good news at once, another complaint in its time."""
    if gate == track.shown:
        return gate, min(track.shown_frames + 1, 10_000)
    if gate in GOOD_NEWS or track.shown in GOOD_NEWS or track.shown_frames >= SPEAK_FRAMES:
        return gate, 1
    return track.shown, track.shown_frames + 1


def _grey(small: bytes) -> npt.NDArray[np.uint8]:
    return np.frombuffer(small, np.uint8).reshape(SMALL_PX[1], SMALL_PX[0])


def _corners(quad: npt.NDArray[np.float64]) -> Corners:
    a, b, c, d = ((float(x), float(y)) for x, y in quad)
    return a, b, c, d
