"""A page made straight: true format, honest resolution, red that stays red, nothing of the original file."""

from __future__ import annotations

import io
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from PIL import Image

from devices.imaging import cleanup, dewarp
from devices.imaging.pipeline import _scale, take
from devices.imaging.values import Limits, TakeRequest
from devices.sim import desk
from devices.sim.sheets import draw_sheet
from tests.fixtures.camera import encoded
from tests.fixtures.pdf_pages import render_page

Still = Callable[..., bytes]


def taken(data: bytes, **wish: object) -> tuple[object, np.ndarray]:
    answer, body = take(data, TakeRequest(Limits(), as_pdf=True, **wish))  # type: ignore[arg-type]
    return answer, render_page(body)


@pytest.mark.parametrize(("kind", "size_mm"), [("register", (210.0, 297.0)), ("card", (85.6, 53.98))])
def test_a_page_has_its_formats_size_at_the_dpi_really_captured(
    desk_still: Still, kind: str, size_mm: tuple[float, float]
) -> None:
    answer, page = taken(desk_still(kind))
    captured = 3.27 * (2448 / 1080) * 25.4  # px per mm of the simulated still, in dots per inch
    assert captured - 4 <= answer.dpi <= captured + 4
    for length, mm in zip((page.shape[1], page.shape[0]), size_mm, strict=True):
        assert abs(length - mm / 25.4 * answer.dpi) <= 1


def test_the_straightened_page_matches_the_paper_that_was_laid_down(desk_still: Still) -> None:
    _, page = taken(desk_still("register"))
    paper = draw_sheet("register", 0, 8.0).picture
    size = (420, 594)
    a, b = (
        cv2.cvtColor(cv2.resize(p, size, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY).astype(np.float32)
        for p in (page, paper)
    )
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.93


def test_shadow_goes_and_the_red_seal_stays_red() -> None:
    paper = draw_sheet("register", 0, 6.0).picture
    shade = np.linspace(0.55, 0.95, paper.shape[1])[None, :, None]
    cleaned = cleanup.even_light((paper * shade).astype(np.uint8))
    h, w = cleaned.shape[:2]
    margins = [cleaned[h // 2, int(w * x)].astype(int) for x in (0.03, 0.97)]
    assert min(margin.min() for margin in margins) > 235
    red = cv2.inRange(cv2.cvtColor(cleaned, cv2.COLOR_BGR2HSV), (0, 110, 90), (8, 255, 255))
    red |= cv2.inRange(cv2.cvtColor(cleaned, cv2.COLOR_BGR2HSV), (170, 110, 90), (180, 255, 255))
    was = cv2.inRange(cv2.cvtColor(paper, cv2.COLOR_BGR2HSV), (170, 110, 90), (180, 255, 255))
    was |= cv2.inRange(cv2.cvtColor(paper, cv2.COLOR_BGR2HSV), (0, 110, 90), (8, 255, 255))
    assert cv2.countNonZero(red) > 0.8 * cv2.countNonZero(was)


@pytest.mark.parametrize("tilt", [0.0, 6.0, -9.0])
def test_the_true_side_ratio_is_seen_through_the_perspective(tilt: float) -> None:
    sheet = draw_sheet("blank", 0, 2.0)
    view = desk.View(1920, 1080, 3.0, tilt, tilt / 2)
    corners = desk.corners_of(desk.matrix_of(view, desk.Pose(20, 0, 15), sheet), sheet)
    assert dewarp.true_ratio(corners, (1920, 1080)) == pytest.approx(210 / 297, rel=0.03)


def test_a_paper_of_no_known_format_keeps_its_own_shape() -> None:
    picture = Image.new("RGB", (1600, 1000), (50, 80, 60))
    picture.paste((240, 240, 240), (200, 300, 1400, 700))
    answer, page = taken(encoded(picture, "PNG"), keep=True)
    assert answer.format == "free"
    assert page.shape[1] / page.shape[0] == pytest.approx(3.0, rel=0.02)


@pytest.mark.parametrize("kind", ["text", "register", "birth", "table"])
def test_lines_running_down_the_page_are_noticed(kind: str) -> None:
    paper = draw_sheet(kind, 3, 6.0).picture
    assert dewarp.text_turn(paper) == 0
    assert dewarp.text_turn(cv2.rotate(paper, cv2.ROTATE_90_CLOCKWISE)) == 90


def test_a_landscape_page_is_turned_upright_and_says_by_how_much() -> None:
    view = desk.View(2592, 1944, 8.0)
    sheet = draw_sheet("register", 0, 8.0)
    picture = np.full((1944, 2592, 3), (60, 80, 50), np.uint8)
    desk.put_sheet(picture, sheet, desk.matrix_of(view, desk.Pose(0, 0, -90), sheet))
    dim = (picture * 0.85).astype(np.uint8)
    answer, page = taken(bytes(desk.encode(dim, 90)))
    assert answer.turn_deg == 90
    assert page.shape[0] > page.shape[1]


def test_what_is_stored_carries_a_resolution_and_no_other_word_of_the_file(desk_still: Still) -> None:
    exif = Image.Exif()
    exif[0x010F] = "SECRET-MAKER"
    exif[0x0112] = 1
    still = Image.fromarray(cv2.imdecode(np.frombuffer(desk_still("register"), np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1])
    data = encoded(still, "JPEG", exif=exif, comment=b"SECRET-NOTE", quality=90) + b"SECRET-TRAILER"
    answer, body = take(data, TakeRequest(Limits()))
    assert b"SECRET" in data
    assert b"SECRET" not in body
    assert b"Exif" not in body
    with Image.open(io.BytesIO(body[: answer.picture_bytes])) as page:
        assert page.info["dpi"] == (answer.dpi // 2, answer.dpi // 2)


def test_equal_stills_give_equal_pages(desk_still: Still) -> None:
    assert take(desk_still("card"), TakeRequest(Limits()))[1] == take(desk_still("card"), TakeRequest(Limits()))[1]


@pytest.mark.parametrize(
    ("size_mm", "name"),
    [((210.0, 297.0), "a4"), ((148.0, 210.0), "a5"), ((125.0, 88.0), "passport"), ((85.6, 53.98), "card")],
)
def test_a_calibrated_desk_tells_formats_of_one_shape_apart(size_mm: tuple[float, float], name: str) -> None:
    k = 5.0
    width, height = (side * k for side in size_mm)
    corners = ((19.5, 29.5), (19.5 + width, 29.5), (19.5 + width, 29.5 + height), (19.5, 29.5 + height))
    still = np.full((1600, 1200, 3), 200, np.uint8)
    flat = dewarp.dewarp(still, corners, px_per_mm=k)
    assert (flat.format, flat.dpi) == (name, 127)
    assert flat.picture.shape[:2] == (round(size_mm[1] * k), round(size_mm[0] * k))
    by_shape = dewarp.dewarp(still, corners)
    assert by_shape.format == ("card" if name == "card" else "a4")


def test_a_paper_of_its_own_size_is_measured_where_the_desk_is_calibrated() -> None:
    corners = ((99.5, 99.5), (499.5, 99.5), (499.5, 999.5), (99.5, 999.5))
    flat = dewarp.dewarp(np.full((1200, 700, 3), 200, np.uint8), corners, px_per_mm=5.0)
    assert (flat.format, flat.dpi) == ("free", 127)
    assert flat.picture.shape[:2] == (900, 400)


def test_a_scale_holds_for_the_mode_it_was_measured_in_and_for_its_halves() -> None:
    limits = Limits(px_per_mm=8.0, camera_px=(3264, 2448))
    assert _scale(limits, 3264, 2448) == 8.0
    assert _scale(limits, 1632, 1224) == pytest.approx(4.0)
    assert _scale(limits, 1920, 1080) == 0.0
    assert _scale(Limits(), 3264, 2448) == 0.0
