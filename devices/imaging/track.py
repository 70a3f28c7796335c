"""From frame to frame: is the paper still, may the picture be taken, was it taken already. A pure fold, no clock."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from devices.api import Corners
from devices.imaging.quads import overlap
from devices.imaging.quality import is_same_page
from devices.imaging.values import Limits, Outline, Track

ALPHA = 0.4  # exponential mean of the corners
RESTART_IOU = 0.8  # below it the paper is another one, or was moved
SPEAK_FRAMES = 8  # a sentence stands for 0.8 s at 10 frames a second
LEFT_FRAMES = 6  # so long must the desk be empty before the page counts as gone
MOTION_LEVELS = 22  # a pixel of the 120×68 frame that changed; sensor noise averages to under 2
TAKEN = "taken"


class Sight(NamedTuple):
    """What one frame showed. `gate`: the first failed gate but `still`, "" for none; `moved_percent` of the frame."""

    outline: Outline | None
    gate: str
    small: bytes
    moved_percent: float
    fingerprint: bytes


def follow(track: Track, sight: Sight, limits: Limits, diagonal_px: float) -> tuple[Track, str, bool]:
    """Return the next state, the gate that speaks ("" good, "taken" done already) and whether capture may fire."""
    corners, past, stable = _steady(track, sight.outline, limits, diagonal_px)
    missed = track.missed_frames + 1 if sight.outline is None else 0
    is_gone = missed >= LEFT_FRAMES and sight.moved_percent <= limits.hand_percent
    taken = b"" if is_gone else track.taken
    is_still = stable >= limits.stable_frames
    gate = sight.gate
    if gate == "" and not is_still:
        gate = "still"
    elif gate in ("format", "flat", "dark", "bright", "sharp", "glare", "blank") and not is_still:
        gate = "still"  # the page is judged when it lies still
    if taken and is_still and sight.outline is not None and is_same_page(taken, sight.fingerprint):
        gate = TAKEN
    is_ready = gate == ""
    shown, shown_frames = _speak(track, gate)
    state = Track(
        corners=corners,
        past=past,
        stable_frames=stable,
        missed_frames=missed,
        small=sight.small,
        taken=taken,
        shown=shown,
        shown_frames=shown_frames,
    )
    return state, shown, is_ready


def small_frame(frame: npt.NDArray[np.uint8]) -> bytes:
    """Return the frame as 120×68 grey bytes, for motion."""
    return bytes(cv2.cvtColor(cv2.resize(frame, (120, 68), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY).tobytes())


def moved_percent(
    former: bytes, small: bytes, corners: npt.NDArray[np.float64] | None, width_px: int, height_px: int
) -> float:
    """Return how much of the frame outside the page changed since the former frame, in percent."""
    if len(former) != len(small):
        return 100.0 if former else 0.0
    a, b = (np.frombuffer(x, np.uint8).reshape(68, 120) for x in (former, small))
    changed = (cv2.absdiff(a, b) > MOTION_LEVELS).astype(np.uint8)
    if corners is not None:
        page = np.round(corners * np.array([120 / width_px, 68 / height_px])).astype(np.int32)
        cv2.fillConvexPoly(changed, page, 0)
    return 100.0 * float(changed.mean())


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


def _speak(track: Track, gate: str) -> tuple[str, int]:
    """Return the sentence on the screen: good news at once, another complaint in its time."""
    if gate == track.shown:
        return gate, min(track.shown_frames + 1, 10_000)
    if gate in ("", TAKEN) or track.shown in ("", TAKEN) or track.shown_frames >= SPEAK_FRAMES:
        return gate, 1
    return track.shown, track.shown_frames + 1


def _corners(quad: npt.NDArray[np.float64]) -> Corners:
    a, b, c, d = ((float(x), float(y)) for x, y in quad)
    return a, b, c, d
