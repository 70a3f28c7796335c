"""Print that passes for a paper: pages that fill the frame, blocks of writing and tables on a page that goes on."""

from __future__ import annotations

import random
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw

from devices.imaging.fields import prepare
from devices.imaging.outline import find_outline
from devices.imaging.pipeline import look, take
from devices.imaging.printed import fills, is_print
from devices.imaging.quads import frame_corners, overlap
from devices.imaging.values import Limits, LookRequest, TakeRequest, Track
from devices.sim import desk
from devices.sim.sheets import WORDS, draw_sheet, font

Picture = npt.NDArray[np.uint8]
WIDE, HIGH = 620, 877  # an A4 at 75 dpi
INK, RED = (25, 25, 28), (205, 30, 35)
AROUND = np.array([[-9, -9], [9, -9], [9, 9], [-9, 9]])
LATIN = ["the", "applicant", "declares", "that", "what", "is", "written", "here", "is", "true", "and", "complete"]


@cache
def page(kind: str, serif: bool = True, bold: bool = False, size: int = 13) -> Picture:
    """Return a page (HIGH×WIDE×3 BGR) from edge to edge: text, latin, table, or mixed with everything else."""
    rng = random.Random(kind)
    image = Image.new("RGB", (WIDE, HIGH), (236, 236, 233))
    draw = ImageDraw.Draw(image)
    face, left, right = font(size, bold, serif), 62, WIDE - 62
    draw.text((WIDE // 2, 52), "高龄津贴申请表", font=font(25, True, serif), fill=INK, anchor="ma")
    top = 112
    if kind == "mixed":
        draw.text((WIDE // 2, 96), "样例市演示区人民政府文件", font=font(38, True), fill=RED, anchor="ma")
        draw.line((left, 157, right, 157), fill=RED, width=3)
        top = 180
    if kind == "table":
        for y in range(top, 750, 42):
            draw.line((left, y, right, y), fill=INK, width=2)
            draw.text((left + 8, y + 12), rng.choice(WORDS)[:6], font=face, fill=INK)
        for x in (left, left + 112, left + 285, right):
            draw.line((x, top, x, 742), fill=INK, width=2)
        top = 758
    for number, y in enumerate(range(top, 810, round(1.6 * size))):
        words = " ".join(rng.choices(LATIN, k=14)) if kind == "latin" else "".join(rng.choices(WORDS, k=3))
        most = (right - left) // size * (2 if kind == "latin" else 1)
        draw.text((left, y), words[: most // 2 if number % 6 == 5 else most], font=face, fill=INK)
    picture = np.ascontiguousarray(np.asarray(image, np.uint8)[:, :, ::-1])
    if kind == "mixed":
        soft = np.random.default_rng(2).uniform(20, 220, (5, 6, 3)).astype(np.float32)
        picture[315:570, 150:465] = cv2.resize(soft, (315, 255), interpolation=cv2.INTER_CUBIC).clip(0, 255)
        cv2.circle(picture, (450, 700), 58, RED[::-1], 3, cv2.LINE_AA)
    return picture


def taken(picture: Picture, light: float = 1.0, sigma: float = 2.0) -> Picture:
    """Return the picture as a camera gives it: light from one side, a little blur, noise, JPEG."""
    slope = np.linspace(0.88, 1.06, picture.shape[1]) * light
    lit = np.clip(picture * slope[:, None], 0, 255).astype(np.uint8)
    noisy = desk.add_noise(cv2.GaussianBlur(lit, (0, 0), 0.7), sigma, 5)
    return np.asarray(cv2.imdecode(desk.encode(noisy, 88), cv2.IMREAD_COLOR), np.uint8)


def on_desk(sheet: Picture, around: int, surface: str = "wood") -> Picture:
    """Return the page with so many px of desk on all four sides."""
    size = (sheet.shape[1] + 2 * around, sheet.shape[0] + 2 * around)
    laid = cv2.resize(desk.lay_surface(surface, (480, 640), np.random.default_rng(3)), size)
    laid[around:-around, around:-around] = sheet
    return laid


def whole(picture: Picture) -> object:
    return frame_corners(picture.shape[1], picture.shape[0])


SHOWN = {
    "bold sans, lying": lambda: np.ascontiguousarray(np.rot90(taken(page("text", serif=False, bold=True)))),
    "Latin in the dark": lambda: taken(page("latin", serif=False), 0.4),
    "a table": lambda: taken(page("table")),
    "a red letterhead, a photograph and a seal": lambda: taken(page("mixed")),
    "the middle of a page": lambda: taken(page("text", size=16)[150:675, 90:540]),
    "a desk along one side": lambda: np.vstack([taken(page("text"))[:750], np.full((90, WIDE, 3), 70, np.uint8)]),
}


@pytest.mark.parametrize("what", SHOWN)
def test_a_page_that_fills_the_frame_is_never_cropped_to_its_print(what: str) -> None:
    picture = SHOWN[what]()
    outline = find_outline(picture)
    assert outline is not None
    assert outline.corners == whole(picture)
    assert outline.score == 0.0


def copied(what: str) -> Picture:
    """Return a page with a title, five lines and something darker than its paper: a copied card or a shaded table."""
    sheet = page("text").copy()
    sheet[210:] = (233, 236, 236)
    if what == "card":
        card = cv2.resize(draw_sheet("card", 0, 8.0).picture, (330, 208), interpolation=cv2.INTER_AREA)
        sheet[270:478, 145:475] = np.minimum(card, 205)
    else:
        sheet[270:540, 62:558] = 205
        sheet[270:540:45, 62:558] = 40
    return sheet


@pytest.mark.parametrize("what", ["card", "table"])
def test_a_copied_card_and_a_shaded_table_do_not_win_over_a_page_that_is_cut(what: str) -> None:
    picture = taken(on_desk(copied(what), 40)[:760])
    kept, _ = take(bytes(desk.encode(picture, 90)), TakeRequest(Limits()))
    assert kept.refused == "whole"


def test_a_card_on_a_white_desk_without_print_around_it_is_still_a_card() -> None:
    picture = np.full((700, 900, 3), 236, np.uint8)
    card = cv2.resize(draw_sheet("card", 0, 8.0).picture, (430, 271), interpolation=cv2.INTER_AREA)
    picture[200:471, 240:670] = np.minimum(card, 205)
    outline = find_outline(taken(picture))
    truth = np.array([[240, 200], [670, 200], [670, 471], [240, 471]]) - 0.5
    assert outline is not None
    assert overlap(np.array(outline.corners), truth) > 0.95


@pytest.mark.parametrize("around", [9, 30])
def test_a_little_desk_around_is_enough(around: int) -> None:
    outline = find_outline(taken(on_desk(page("text"), around)))
    truth = np.array([[0, 0], [WIDE, 0], [WIDE, HIGH], [0, HIGH]]) + around - 0.5
    assert outline is not None
    assert overlap(np.array(outline.corners), truth) > 0.98


def test_a_still_of_such_a_page_is_refused_as_whole_and_kept_uncropped_and_upright() -> None:
    lying = np.ascontiguousarray(np.rot90(taken(page("text"))))
    kept, body = take(bytes(desk.encode(lying, 90)), TakeRequest(Limits(), keep=True))
    assert body
    assert kept.is_kept_despite
    assert [verdict.gate for verdict in kept.verdicts if not verdict.ok][:1] == ["whole"]
    assert kept.outline is not None
    assert kept.outline.corners == whole(lying)
    assert kept.turn_deg == 90
    assert abs(kept.page_height_px / HIGH - 1) < 0.02
    assert abs(kept.page_width_px / WIDE - 1) < 0.02


def test_the_preview_of_such_a_page_says_whole() -> None:
    answer, _ = look(bytes(desk.encode(taken(page("text")[:350]), 90)), LookRequest(1, 0, Track(), Limits()))
    assert answer.track.looked is not None
    assert answer.track.looked.gate == "whole"


def test_the_grain_of_wood_is_no_page_of_print() -> None:
    picture = desk.add_noise(desk.lay_surface("wood", (960, 540), np.random.default_rng(3)), 2.0, 5)
    assert not fills(prepare(picture))


def test_what_is_written_there_and_not_here_is_print_and_what_runs_on_is_an_edge() -> None:
    sheet = page("text").copy()
    block = np.array([[61, 113], [556, 113], [556, 802], [61, 802]], np.float64)
    assert is_print(taken(sheet), block)
    cv2.polylines(sheet, [block.astype(int) + AROUND], True, (222, 222, 222), 3)
    edge = block + AROUND
    assert not is_print(taken(sheet), edge)
