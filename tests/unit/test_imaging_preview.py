"""Frame after frame of one preview, as the eye's process answers them."""

from __future__ import annotations

import cv2
import msgspec
import numpy as np

from devices.imaging import pipeline
from devices.imaging.values import Limits, LookAnswer, LookRequest, Track, remember
from devices.sim import desk

LIMITS = Limits(stable_frames=4, warned=("sharp",))  # in so small a picture every edge is soft


def small_frame(has_page: bool, has_card: bool = False) -> bytes:
    """Return a small preview of a grey desk as JPEG: a page of some lines on it, a card beside it, both or neither."""
    picture = np.full((180, 320, 3), (120, 126, 130), np.uint8)
    if has_page:
        cv2.rectangle(picture, (110, 20), (210, 160), (216, 218, 220), -1)
        for y in range(40, 150, 12):
            cv2.line(picture, (122, y), (190, y), (70, 70, 70), 2)
    if has_card:
        cv2.rectangle(picture, (236, 60), (300, 100), (226, 220, 210), -1)
    return bytes(desk.encode(picture, 90))


def test_a_visit_goes_as_it_would_if_every_frame_were_searched() -> None:
    """Nothing, a page, its picture, nothing: each frame says the same, and most were not searched."""
    empty, page = small_frame(False), small_frame(True)
    played = [*[empty] * 11, *[page] * 5, None, *[page] * 6, empty]

    def play(forgets: bool) -> tuple[list[LookAnswer], int]:
        track, told, reused = Track(), [], 0
        for number, frame in enumerate(played):
            if frame is None:
                track = remember(track, track.looked.fingerprint if track.looked is not None else b"")
                continue
            if forgets:
                track = msgspec.structs.replace(track, looked=None)
            answer, _ = pipeline.look(frame, LookRequest(number, 0, track, LIMITS))
            track = answer.track
            reused += track.looked is not None and track.looked.reused_frames > 0
            told.append(answer)
        return told, reused

    (sparing, reused), (thorough, never) = play(False), play(True)
    assert [(one.gate, one.is_ready, one.stable_frames) for one in sparing] == [
        (one.gate, one.is_ready, one.stable_frames) for one in thorough
    ]
    assert (never, reused) == (0, 2 + 1 + 2)
    assert {"page", "still", "", "taken"} <= {one.gate for one in sparing}


def test_a_page_too_far_away_is_told_as_soon_as_the_stills_are_known_and_then_in_the_preview() -> None:
    page, limits = small_frame(True), msgspec.structs.replace(LIMITS, least_dpi=30.0)
    for still_px, gate in ((0, ""), (320, "far"), (1280, "")):  # 12 dpi, or four times as much in a finer still
        track = Track()
        for _ in range(12):
            answer, _ = pipeline.look(page, LookRequest(1, 0, track, limits, still_px=still_px))
            track = answer.track
        assert (answer.gate, answer.is_ready) == (gate, gate == "")


def test_a_card_beside_the_page_is_to_be_taken_away() -> None:
    track, told = Track(), []
    for frame in [*[small_frame(True, has_card=True)] * 12, *[small_frame(True)] * 8]:
        answer, _ = pipeline.look(frame, LookRequest(1, 0, track, LIMITS))
        track = answer.track
        told.append(answer)
    both, alone = told[:12], told[12:]
    assert (both[-1].gate, any(one.is_ready for one in both)) == ("several", False)
    assert alone[-1].is_ready
