"""A page made even and level: shadow and cast go, photographs and dark fields stay, writing is never pushed out."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest

from devices.imaging import cleanup, dewarp
from devices.imaging.quads import clockwise
from devices.sim import desk, proofs, sheets

SIZE = (1240, 1754)  # A4 at 150 dpi: coarse is harder


def small(sheet: sheets.Sheet) -> np.ndarray:
    """Return a sheet's picture at 150 dpi."""
    return cv2.resize(sheet.picture, SIZE, interpolation=cv2.INTER_AREA)


@cache
def _drawn(kind: str) -> sheets.Sheet:
    return sheets.draw_sheet(kind, 0, 6.0)


def lit(page: np.ndarray, weakest: float = 0.6, cast: tuple[float, float, float] = (0.88, 0.97, 1.0)) -> np.ndarray:
    """Return a page under a lamp from the right, with its shadow, its colour and a sensor's noise."""
    h, w = page.shape[:2]
    light = np.linspace(weakest, 0.95, w, dtype=np.float32)[None, :] * np.ones((h, 1), np.float32)
    light[: h // 3] *= np.linspace(0.75, 1.0, h // 3, dtype=np.float32)[:, None]
    lit_page = cv2.multiply(page, cv2.merge([light * gain for gain in cast]), dtype=cv2.CV_8U)
    return desk.add_noise(cv2.GaussianBlur(lit_page, (0, 0), 0.7), 3, 99)


def turned(page: np.ndarray, degrees: float) -> np.ndarray:
    """Return a page whose printing is askew on the paper by so many degrees clockwise."""
    h, w = page.shape[:2]
    paper = tuple(float(v) for v in page[4, 4])
    return cv2.warpAffine(page, cv2.getRotationMatrix2D((w / 2, h / 2), -degrees, 1), (w, h), borderValue=paper)


@pytest.mark.parametrize("kind", ["text", "register"])
def test_shadow_and_cast_go_and_the_paper_is_white_everywhere(kind: str) -> None:
    even = cleanup.even_light(lit(small(_drawn(kind))))
    blocks = cv2.resize(even, (31, 44), interpolation=cv2.INTER_AREA)
    paper = even[np.percentile(even.min(axis=2), 60) <= even.min(axis=2)]
    assert paper.min() > 240
    assert np.median(blocks.reshape(-1, 3), axis=0).min() > 235


def test_a_photograph_keeps_its_tones_and_its_colours() -> None:
    page = small(proofs.draw_photograph(6.0))
    even = cleanup.even_light(lit(page, 0.8))
    inner = slice(120, -120)
    was, now = (cv2.cvtColor(p[inner, inner], cv2.COLOR_BGR2HSV).reshape(-1, 3).astype(float) for p in (page, even))
    lightness = [np.percentile(v[:, 2], [5, 50, 95]) for v in (was, now)]
    assert np.abs(lightness[1] - lightness[0]).max() < 40
    clipped = (even[inner, inner].min(axis=2) == 255).mean()
    assert clipped < 0.01
    assert abs(np.median(now[:, 0]) - np.median(was[:, 0])) < 8


def test_a_portrait_is_found_and_writing_is_none() -> None:
    page = cleanup.even_light(lit(small(proofs.draw_signed(8.0))))
    tones = cleanup.find_tones(cleanup.quarter(page))
    k = tones.shape[1] / 210
    portrait = tones[round(50 * k) : round(82 * k), round(162 * k) : round(184 * k)]
    assert (portrait > 0).mean() > 0.95
    assert (tones > 0).sum() < 1.3 * 26 * 36 * k * k
    for kind in ("text", "table", "register"):
        written = cleanup.even_light(lit(small(_drawn(kind))))
        assert not cleanup.find_tones(cleanup.quarter(written)).any()


def test_a_black_bar_stays_black() -> None:
    page = small(sheets.draw_sheet("text", 2, 6.0))
    page[700:780, 100:900] = 24
    even = cleanup.even_light(lit(page))
    assert np.median(even[720:760, 120:880]) < 40


def test_fields_printed_grey_and_tinted_keep_their_levels_to_their_middle() -> None:
    page = small(sheets.draw_sheet("blank", 0, 6.0))
    page[:] = paper = np.median(page.reshape(-1, 3), axis=0).astype(np.uint8)
    printed: dict[tuple[int, int, int, int], tuple[int, int, int]] = {
        (150, 100, 300, 300): (200, 200, 200),  # 50 mm
        (150, 500, 300, 600): (210, 210, 210),
        (520, 100, 220, 1040): (196, 214, 214),
        (800, 100, 220, 1040): (204, 216, 200),
        (1080, 100, 220, 1040): (217, 217, 217),
    }
    printed |= {(1340 + 80 * row, 100, 60, 400): (217, 217, 217) for row in range(5)}
    for (y, x, h, w), colour in printed.items():
        page[y : y + h, x : x + w] = colour
    for line in range(540, 1300, 40):
        cv2.putText(page, "written in a field", (130, line), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (30, 30, 30), 2)
    even = cleanup.even_light(lit(page, 0.7))
    for (y, x, h, w), colour in printed.items():
        told = 255 * np.array(colour) / paper
        for at in (x + 15, x + w // 2, x + w - 40):
            seen = np.median(even[y + 15 : y + h - 15, at : at + 25].reshape(-1, 3), axis=0)
            assert (told - 8 < seen).all(), (colour, at)
            assert (seen < told / cleanup.WHITE + 8).all(), (colour, at)
    assert np.percentile(even[20:-20, 20:80].min(axis=2), 1) > 240


@pytest.mark.parametrize("soft_px", [150, 250])
def test_a_soft_shadow_in_the_middle_of_a_page_goes(soft_px: int) -> None:
    page = small(_drawn("text"))
    cast = np.zeros(page.shape[:2], np.float32)
    cv2.circle(cast, (620, 900), 350, 0.25, -1)
    light = cv2.merge([1 - cv2.GaussianBlur(cast, (0, 0), soft_px / 2)] * 3)
    even = cleanup.even_light(lit(cv2.multiply(page, light, dtype=cv2.CV_8U), 0.9)).min(axis=2)
    bare = cv2.erode(cv2.inRange(page.min(axis=2), 236, 255), np.ones((7, 7), np.uint8)) > 0
    assert np.percentile(even[bare], 1) > 215
    assert even[bare].mean() > 245


@pytest.mark.parametrize(
    ("kind", "degrees"),
    [("text", -3.3), ("text", -0.4), ("register", 1.2), ("birth", -0.4), ("birth", 0.0), ("table", 2.7)],
)
def test_lines_askew_are_measured_to_a_tenth_of_a_degree(kind: str, degrees: float) -> None:
    page = lit(turned(small(_drawn(kind)), degrees))
    assert cleanup.find_skew(cleanup.quarter(page)) == pytest.approx(degrees, abs=0.11)


def test_a_page_without_lines_is_left_as_it_lies() -> None:
    assert cleanup.find_skew(cleanup.quarter(lit(small(sheets.draw_sheet("blank", 0, 4.0))))) == 0.0
    assert cleanup.find_skew(np.full((3, 3, 3), 200, np.uint8)) == 0.0


def test_writing_at_the_edge_is_never_turned_out_of_the_page() -> None:
    page = turned(small(sheets.draw_sheet("text", 0, 6.0)), 1.5)
    for y in range(300, 1300, 60):  # a note down the very margin
        cv2.putText(page, "7", (14, y), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (30, 30, 30), 2)
    cv2.putText(page, "7", (14, 40), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (30, 30, 30), 2)
    assert cleanup.find_skew(cleanup.quarter(lit(page))) == 0.0


def test_levelling_draws_the_page_anew_and_shows_paper_where_the_desk_would_be() -> None:
    sheet = sheets.draw_sheet("register", 0, 6.0)
    sheet = sheet._replace(picture=turned(sheet.picture, 2.0))
    still = np.full((1500, 1200, 3), (40, 60, 30), np.uint8)
    matrix = desk.matrix_of(desk.View(1200, 1500, 4.6, 2.0, -1.0), desk.Pose(3, 2, 1), sheet)
    desk.put_sheet(still, sheet, matrix)
    a, b, c, d = (tuple(p) for p in clockwise(desk.corners_of(matrix, sheet)[None])[0])
    flat = dewarp.dewarp(still, (a, b, c, d))
    skew = cleanup.find_skew(cleanup.quarter(flat.picture))
    level = dewarp.level(still, (a, b, c, d), flat, skew)
    assert skew == pytest.approx(2.0, abs=0.15)
    assert level.picture.shape == flat.picture.shape
    assert cleanup.find_skew(cleanup.quarter(level.picture)) == 0.0
    corner = level.picture[:6, :6].reshape(-1, 3)
    assert np.abs(corner.astype(int) - np.median(flat.picture.reshape(-1, 3), axis=0)).max() < 30
    assert dewarp.level(still, (a, b, c, d), flat, 0.0) is flat
