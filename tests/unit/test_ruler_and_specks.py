"""What a self-test shows: every dot of the head once alone and once beside its neighbours; dirt counted on a page."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from devices.api import Strip, StripPicture, WireFault
from devices.ruler import BAR_DOTS, STEP_DOTS, STEPS, build_ruler, build_test_strip, numbers
from devices.selftest import STRIP_LINES
from devices.wire import escpos, escpos_decode
from devices.wire.strip import columns, encode_strip, lay_out

DPI = 200


def dots_of(picture: StripPicture) -> np.ndarray:
    stride = (picture.width_px + 7) // 8
    rows = np.frombuffer(picture.data, np.uint8).reshape(picture.height_px, stride)
    return np.unpackbits(rows, axis=1)[:, : picture.width_px]


@pytest.mark.parametrize("width", [576, 384, 500])
def test_every_dot_burns_in_the_bar_and_once_without_its_neighbours(width):
    dots = dots_of(build_ruler(width))
    assert dots[:BAR_DOTS].all()
    stairs = dots[BAR_DOTS : BAR_DOTS + STEPS * (STEP_DOTS + 1)]
    alone = np.zeros(width, int)
    for row in stairs[:: STEP_DOTS + 1]:
        alone += row
        assert not (row[1:] & row[:-1]).any(), "neighbours burn together"
    assert (alone == 1).all()
    greys = dots[-8:].mean(axis=0)
    assert len(set(greys.reshape(-1)[4::8])) > 3, "several greys"


def test_the_numbers_stand_above_the_dots_they_name():
    row = numbers(48)
    assert len(row) == 48
    for word in row.split():
        assert row.index(f"{word}") * 12 == int(word)


def test_the_words_of_the_slip_fit_their_rows_and_the_ruler_goes_out_in_bands():
    assert all(columns(line) <= 48 for line in STRIP_LINES)
    strip = build_test_strip(STRIP_LINES)
    bands = [one for one in lay_out(strip, lambda text, scale: pytest.fail("drawn")) if isinstance(one, escpos.Raster)]
    assert sum(band.height for band in bands) == build_ruler(576).height_px
    whole = b"".join(one.data for one in encode_strip(strip, lambda text, scale: pytest.fail("drawn")))
    assert [one for one in escpos_decode.decode(whole) if isinstance(one, escpos.Raster)] == bands


@pytest.mark.parametrize(
    "picture", [StripPicture(584, 1, bytes(73)), StripPicture(8, 2, b"\0"), StripPicture(0, 0, b"")]
)
def test_a_picture_that_the_paper_cannot_hold_is_refused_before_anything_is_sent(picture):
    with pytest.raises(WireFault):
        encode_strip(Strip((picture,)), lambda text, scale: pytest.fail("drawn"))


# ── specks ───────────────────────────────────────────────────────────────────────────────


def blank(seed: int = 1) -> np.ndarray:
    """Return an A4 page as a camera gives it: grain, and darker towards one corner."""
    random = np.random.default_rng(seed)
    page = 236 + random.normal(0, 2.5, (2339, 1654))
    page -= np.linspace(0, 40, 1654)[None, :] * np.linspace(0, 1, 2339)[:, None]
    return np.clip(page, 0, 255).astype(np.uint8)


def count(page: np.ndarray):
    from devices.imaging.specks import count_specks

    return count_specks(page, DPI)


def test_a_clean_page_with_grain_and_shading_has_no_speck():
    found = count(blank())
    assert (found.specks, found.streaks, found.is_clean) == (0, 0, True)
    assert (215 < found.white < 240, found.dark) == (True, 0)


def test_specks_are_counted_and_what_is_at_the_edge_is_not():
    page = blank()
    for n in range(7):
        cv2.circle(page, (200 + 170 * n, 400 + 200 * n), 3 + n, 60, -1)
    cv2.circle(page, (20, 1000), 10, 0, -1)
    found = count(page)
    assert (found.specks, found.streaks, found.is_clean) == (7, 0, True)
    assert 1.5 < found.largest_mm < 3.5


def test_a_streak_of_the_feeder_is_told_from_a_speck_and_is_never_clean():
    page = blank()
    page[100:2200, 800:803] = np.minimum(page[100:2200, 800:803], 150)
    found = count(page)
    assert (found.specks, found.streaks, found.is_clean) == (0, 1, False)
    assert found.largest_mm > 200


def test_many_specks_are_too_many():
    page = blank()
    for y in range(5):
        for x in range(5):
            cv2.circle(page, (200 + 250 * x, 300 + 350 * y), 3, 40, -1)
    found = count(page)
    assert (found.specks, found.is_clean) == (25, False)


@pytest.mark.parametrize("part", [1.0, 0.5, 0.1])
def test_a_page_that_is_black_or_black_in_part_is_no_clean_page(part):
    page = blank()
    page[: round(page.shape[0] * part)] = 8
    found = count(page)
    assert (found.specks, found.streaks) == (0, 0)  # nothing is darker than what is around it
    assert (found.is_white, found.is_clean) == (False, False)


def test_a_grey_page_is_no_white_one():
    assert not count(np.full((2339, 1654), 140, np.uint8)).is_clean


@pytest.mark.parametrize("shape", [(40, 40), (60, 2000), (0, 0)])
def test_a_picture_that_is_all_margin_is_refused(shape):
    with pytest.raises(ValueError, match="margin"):
        count(np.full(shape, 255, np.uint8))
