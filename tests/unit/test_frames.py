"""The measured frames: equal numbers give equal pictures, the corners are where the paper is, words are closed."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from benchmarks import frames
from benchmarks.frames import papers
from devices.imaging.dewarp import straighten
from devices.sim import desk

SMALL = (960, 540)


def test_a_frame_hangs_on_its_two_numbers_alone() -> None:
    first = frames.frame(5, 8, SMALL)
    frames.frame(5, 9, SMALL)
    again = frames.frame(5, 8, SMALL)
    assert np.array_equal(first.picture, again.picture)
    assert not np.array_equal(first.picture, frames.frame(6, 8, SMALL).picture)


@pytest.mark.parametrize(("kind", "surface"), [("table", "dark"), ("idcard", "wood"), ("passport", "mat")])
def test_the_page_between_the_corners_is_the_clean_page(kind: str, surface: str) -> None:
    """Were the corners off by a millimetre, or turned, the two would not agree."""
    seen = frames.frame(5, 2, kind=kind, surface=surface, unwanted=frozenset(frames.CHANCES))
    assert seen.corners is not None
    flat = straighten(seen.picture, seen.corners, (seen.ink.shape[1], seen.ink.shape[0]))

    def features(page: np.ndarray) -> np.ndarray:
        grey = cv2.cvtColor(page, cv2.COLOR_BGR2GRAY).astype(np.float32)
        return (cv2.GaussianBlur(grey, (0, 0), 1.5) - cv2.GaussianBlur(grey, (0, 0), 12)).ravel()

    assert np.corrcoef(features(flat), features(seen.ink))[0, 1] > 0.85
    turned = np.ascontiguousarray(seen.ink[::-1, ::-1])
    assert np.corrcoef(features(flat), features(turned))[0, 1] < 0.5


@pytest.mark.parametrize("kind", ["whitecard", "receipt", "text"])
def test_a_paper_covers_what_its_corners_enclose(kind: str) -> None:
    """Papers are drawn of whole pixels, and shrunk to whole pixels: a card was a quarter of a pixel too high."""
    sheet = papers.paper(kind, 0, False)
    for scale in (2.3, 2.9, 3.3, 4.1):
        matrix = np.array([[scale, 0, 20.3], [0, scale, 10.7], [0, 0, 1.0]])
        width, height = (round(scale * mm) + 40 for mm in (sheet.width_mm, sheet.height_mm))
        _, cover = desk.warp_sheet(sheet, matrix, (0, 0, width, height))
        assert abs(float(cover[:, width // 2].sum()) - scale * sheet.height_mm) < 0.06
        assert abs(float(cover[height // 2].sum()) - scale * sheet.width_mm) < 0.06


@pytest.mark.parametrize("defect", sorted({*frames.CHANCES, *frames.APART}))
def test_a_wanted_defect_changes_the_picture_and_is_told(defect: str) -> None:
    everything = frozenset(frames.CHANCES)
    plain = frames.frame(5, 7, SMALL, unwanted=everything, kind="text", surface="grey")
    shown = frames.frame(
        5, 7, SMALL, wanted=frozenset({defect}), unwanted=everything - {defect}, kind="text", surface="grey"
    )
    assert shown.defects == {defect}
    assert plain.defects == frozenset()
    assert not np.array_equal(shown.picture, plain.picture)
    assert shown.corners is not None
    inside = ((shown.corners > 0) & (shown.corners < np.array(SMALL))).all(axis=1)
    assert inside.all() == (defect != "cut")


def test_a_white_desk_comes_within_ten_levels_of_the_paper() -> None:
    seen = frames.frame(
        5, 1, SMALL, wanted=frozenset({"low_contrast"}), unwanted=frozenset(frames.CHANCES), surface="white"
    )
    assert seen.corners is not None
    page = np.zeros(SMALL[::-1], np.uint8)
    cv2.fillConvexPoly(page, np.round(seen.corners).astype(np.int32), 255)
    rim = cv2.dilate(page, np.ones((41, 41), np.uint8)) & ~cv2.dilate(page, np.ones((21, 21), np.uint8))
    inner = cv2.erode(page, np.ones((5, 5), np.uint8)) & ~cv2.erode(page, np.ones((13, 13), np.uint8))
    step = np.median(seen.picture[inner > 0], axis=0) - np.median(seen.picture[rim > 0], axis=0)
    assert 1 < np.abs(step).max() < 16


def test_an_empty_desk_has_no_corners() -> None:
    seen = frames.frame(5, -3, SMALL)
    assert seen.corners is None
    assert seen.paper == seen.format == ""


@pytest.mark.parametrize("words", [{"wanted": frozenset({"smear"})}, {"kind": "napkin"}, {"surface": "lava"}])
def test_an_unknown_word_is_refused_with_those_allowed(words: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="allowed are"):
        frames.frame(5, 1, SMALL, **words)  # type: ignore[arg-type]
