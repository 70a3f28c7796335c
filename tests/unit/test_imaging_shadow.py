"""A hard shadow on a page: it goes, print within it stays, and what is printed grey is none."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest

from benchmarks.frames import shadows
from benchmarks.legibility import read_signs
from devices.imaging import cleanup, shadow
from devices.sim import desk, proofs, sheets

SIZE = (1654, 2339)  # A4 at 200 dpi
MM = 200 / 25.4
WHITE = 240
RIM_PX = 12


@cache
def _drawn(kind: str) -> np.ndarray:
    sheet = proofs.draw_signed(8.0) if kind == "signed" else sheets.draw_sheet(kind, 1, 8.0)
    return cv2.resize(sheet.picture, SIZE, interpolation=cv2.INTER_AREA)


def lit(page: np.ndarray, cast: shadows.Shadow | None = None) -> np.ndarray:
    """Return a page under uneven warm light and a shadow, through a lens and a sensor."""
    across = np.linspace(0.7, 0.92, page.shape[1], dtype=np.float32)[None, :]
    light = across * np.linspace(0.96, 0.86, page.shape[0], dtype=np.float32)[:, None]
    light = cv2.merge([light * 0.93, light * 0.98, light])
    seen = cv2.multiply(page, light if cast is None else light * cast.light, dtype=cv2.CV_8U)
    return desk.add_noise(cv2.GaussianBlur(seen, (0, 0), 0.7), 3, 4711)


def cast_on(kind: str, left: float = 0.5, soft_px: float = 5, seed: int = 31) -> shadows.Shadow:
    return shadows.cast(kind, SIZE, np.random.default_rng(seed), left, soft_px)


def paper_of(page: np.ndarray) -> np.ndarray:
    """Return where a drawn page is bare paper, its rim left out."""
    bare = cv2.erode(cv2.inRange(page.min(axis=2), 236, 255), np.ones((7, 7), np.uint8))
    bare[:RIM_PX], bare[-RIM_PX:], bare[:, :RIM_PX], bare[:, -RIM_PX:] = 0, 0, 0, 0
    return bare > 0


def box(x: float, y: float, w: float, h: float) -> tuple[slice, slice]:
    """Return rows and columns of a place given in mm."""
    return slice(round(y * MM), round((y + h) * MM)), slice(round(x * MM), round((x + w) * MM))


@pytest.mark.parametrize("left", [0.34, 0.5, 0.7])
@pytest.mark.parametrize("kind", list(shadows.SHAPES))
def test_paper_is_white_on_both_sides_and_on_the_edge(kind: str, left: float) -> None:
    page, cast = _drawn("table"), cast_on(kind, left)
    even = cleanup.even_light(lit(page, cast)).min(axis=2)
    bare = paper_of(page)
    inside, outside = bare & (cast.cover > 250), bare & (cast.cover < 5)
    edge = bare & ~inside & ~outside
    for place in (inside, outside, edge):
        assert even[place].mean() > WHITE
    assert (cv2.blur(even, (3, 3))[edge] < 200).mean() < 0.02


@pytest.mark.parametrize("soft_px", [2, 12])
def test_an_edge_of_two_and_of_twelve_px_goes(soft_px: float) -> None:
    page, cast = _drawn("text"), cast_on("arm", soft_px=soft_px)
    even = cleanup.even_light(lit(page, cast)).min(axis=2)
    dark = (cv2.blur(even, (3, 3)) < 215) & paper_of(page) & (cast.cover > 5)
    assert dark.mean() < 0.0005


def test_a_shadow_that_is_darker_at_one_end_goes_too() -> None:
    page, cast = _drawn("text"), cast_on("band")
    share = cast.cover.astype(np.float32)[:, :, None] / 255
    left = np.linspace(0.4, 0.6, SIZE[1], dtype=np.float32)[:, None, None]
    uneven = shadows.Shadow(np.repeat(1 - share * (1 - left), 3, axis=2), cast.cover)
    even = cleanup.even_light(lit(page, uneven)).min(axis=2)
    assert (cv2.blur(even, (3, 3))[paper_of(page) & (cast.cover > 5)] < 215).mean() < 0.01


@pytest.mark.parametrize("left", [0.34, 0.5])
def test_nine_point_signs_in_the_shadow_are_read_as_in_the_light(left: float) -> None:
    proof = proofs.draw_proof(7, 10.0, lines=40)
    page = cv2.resize(proof.sheet.picture, SIZE, interpolation=cv2.INTER_AREA)
    shaded, plain = (cleanup.even_light(lit(page, cast)) for cast in (cast_on("edge", left), None))
    assert read_signs(shaded, proof, every=4).share >= read_signs(plain, proof, every=4).share - 0.02


def test_a_seal_across_the_edge_stays_red() -> None:
    page = _drawn("signed")
    share = np.zeros(SIZE[::-1], np.float32)
    share[:, : round(150 * MM)] = 1  # through the middle of the seal
    share = cv2.blur(share, (5, 5))
    cast = shadows.Shadow(cv2.merge([1 - 0.5 * share] * 3), (share * 255).astype(np.uint8))
    masks = []
    for picture in (cleanup.even_light(lit(page)), cleanup.even_light(lit(page, cast))):
        hsv = cv2.cvtColor(picture[box(128, 218, 44, 44)], cv2.COLOR_BGR2HSV)
        masks.append(cv2.inRange(hsv, (0, 90, 60), (10, 255, 255)) | cv2.inRange(hsv, (168, 90, 60), (180, 255, 255)))
    assert cv2.countNonZero(masks[0] & masks[1]) > 0.9 * cv2.countNonZero(masks[0]) > 500


def test_a_printed_grey_block_keeps_its_grey_beside_a_shadow_in_it_and_across_it() -> None:
    page = _drawn("text").copy()
    blocks = (box(20, 60, 40, 40), box(150, 60, 40, 40), box(85, 200, 40, 40))
    for place in blocks:
        page[place] = 120
    share = np.zeros(SIZE[::-1], np.float32)
    cv2.fillPoly(share, [np.array([[0, 0], [900, 0], [760, 2339], [0, 2339]])], 1.0)
    share = cv2.blur(share, (5, 5))
    cast = shadows.Shadow(cv2.merge([1 - 0.5 * share] * 3), (share * 255).astype(np.uint8))
    plain, shaded = (cleanup.even_light(lit(page, one)) for one in (None, cast))
    for y, x in blocks:
        inner = slice(y.start + 20, y.stop - 20), slice(x.start + 20, x.stop - 20)
        assert abs(float(np.median(shaded[inner])) - float(np.median(plain[inner]))) < 12
        assert np.percentile(shaded[inner], 95) < 215


def test_what_is_printed_grey_to_the_end_of_the_page_is_no_shadow() -> None:
    for places in ((box(0, 0, 210, 14),), (box(0, 0, 14, 297),), (box(100, 0, 110, 40), box(0, 283, 210, 14))):
        page = _drawn("text").copy()
        page[box(0, 0, 210, 45)] = 250
        page[box(0, 280, 210, 17)] = 250
        for place in places:
            page[place] = page[place] // 2
        raw = lit(page)
        assert shadow.find_shade(raw, cleanup.quarter(raw)) is None


@pytest.mark.parametrize("kind", ["text", "table", "register", "birth", "signed", "blank"])
def test_a_page_without_a_hard_shadow_is_left_as_it_is(kind: str) -> None:
    raw = lit(_drawn(kind))
    assert shadow.lift_shadow(raw, cleanup.quarter(raw))[0] is raw
    photograph = lit(cv2.resize(proofs.draw_photograph(6.0).picture, SIZE, interpolation=cv2.INTER_AREA))
    assert shadow.lift_shadow(photograph, cleanup.quarter(photograph))[0] is photograph


@pytest.mark.parametrize("size", [(3, 3), (1, 400), (40, 40), (61, 2001)])
def test_the_smallest_and_the_narrowest_page_is_left_alone(size: tuple[int, int]) -> None:
    page = np.full((size[1], size[0], 3), 200, np.uint8)
    page[: size[1] // 2] = 90
    assert cleanup.even_light(page).shape == page.shape
