"""A page of writing in layers: small, legible sign by sign, colours where they were, nothing dropped in silence."""

from __future__ import annotations

import hashlib
import io
import json

import cv2
import numpy as np
import pikepdf
import pytest
from PIL import Image, ImageDraw

from benchmarks.legibility import read_signs
from devices.api import Verdict, WireFault
from devices.imaging import cleanup, mrc, output
from devices.imaging.pdf import build_pdf, capture_of, join_pdfs, wrap_jpeg
from devices.sim import desk, proofs, sheets
from tests.fixtures.pdf_pages import read_pages, render_page

A4_AT_200 = (1654, 2339)
MM = 200 / 25.4
LEAST_HELD = 0.78  # of what is darker than paper; of strokes that break it is .62 to .76


def photographed(sheet: sheets.Sheet, size: tuple[int, int] = A4_AT_200) -> np.ndarray:
    """Return a sheet as a straightened still shows it: uneven warm light, a lens's blur, a sensor's noise; cleaned."""
    page = cv2.resize(sheet.picture, size, interpolation=cv2.INTER_AREA)
    across = np.linspace(0.7, 0.92, size[0], dtype=np.float32)[None, :]
    light = across * np.linspace(0.96, 0.86, size[1], dtype=np.float32)[:, None]
    lit = cv2.multiply(page, cv2.merge([light * 0.93, light * 0.98, light]), dtype=cv2.CV_8U)
    return cleanup.even_light(desk.add_noise(cv2.GaussianBlur(lit, (0, 0), 0.7), 3, 4711))


def facts(page: np.ndarray, *verdicts: Verdict) -> object:
    return capture_of(verdicts, 200, "a4", (page.shape[1], page.shape[0]))


@pytest.fixture(scope="module")
def signed() -> tuple[np.ndarray, bytes]:
    """A form with a seal over its text, a blue signature and a portrait: the clean page and its PDF."""
    page = photographed(proofs.draw_signed(10.0))
    return page, output.encode_page(page, facts(page), as_pdf=True).body


@pytest.mark.parametrize("serif", [True, False])
def test_nine_point_signs_stay_legible_in_a_small_file(serif: bool) -> None:
    proof = proofs.draw_proof(7, 10.0, serif=serif, lines=40 if serif else 12)
    page = photographed(proof.sheet)
    body = output.encode_page(page, facts(page), as_pdf=True).body
    assert len(body) <= 150_000
    shown = render_page(body)
    before, after = (read_signs(each, proof, serif, every=5 if serif else 2) for each in (page, shown))
    assert after.share >= 0.98, after.misread
    assert after.share >= before.share - 0.02


def test_a_seal_stays_red_a_pen_blue_and_the_writing_under_them_dark(signed: tuple[np.ndarray, bytes]) -> None:
    page, body = signed
    assert len(body) <= 150_000
    shown = render_page(body)
    for hue, where in ((0, (130, 220, 40, 40)), (115, (60, 254, 40, 16))):
        x, y, w, h = (round(v * MM) for v in where)
        masks = [_of_hue(picture[y : y + h, x : x + w], hue) for picture in (page, shown)]
        both = cv2.countNonZero(masks[0] & masks[1])
        assert both > 0.9 * cv2.countNonZero(masks[0]) > 500
        greys = [cv2.cvtColor(picture[y : y + h, x : x + w], cv2.COLOR_BGR2GRAY) for picture in (page, shown)]
        written = greys[0] < 90
        assert greys[1][written & (masks[0] == 0)].mean() < 120


def _of_hue(picture: np.ndarray, hue: int) -> np.ndarray:
    hsv = cv2.cvtColor(picture, cv2.COLOR_BGR2HSV)
    low, high = (max(0, hue - 12), 90, 60), (hue + 12, 255, 255)
    mask = cv2.inRange(hsv, low, high)
    return mask | cv2.inRange(hsv, (168, 90, 60), (180, 255, 255)) if hue == 0 else mask


def test_a_portrait_on_a_form_keeps_its_tones_and_gets_no_ink(signed: tuple[np.ndarray, bytes]) -> None:
    page, body = signed
    part = slice(round(50 * MM), round(82 * MM)), slice(round(162 * MM), round(184 * MM))
    away = cv2.absdiff(cv2.GaussianBlur(page[part], (5, 5), 0), cv2.GaussianBlur(render_page(body)[part], (5, 5), 0))
    assert away.mean() < 4


def test_the_screen_shows_the_layers_that_are_stored(signed: tuple[np.ndarray, bytes]) -> None:
    page, body = signed
    encoded = output.encode_page(page, facts(page))
    assert encoded.body[encoded.picture_bytes :] == body
    with Image.open(io.BytesIO(encoded.body[: encoded.picture_bytes])) as picture:
        assert picture.info["dpi"] == (100, 100)
        seen = np.asarray(picture.convert("L"), np.float32)
    stored = cv2.cvtColor(mrc.halve(render_page(body)), cv2.COLOR_BGR2GRAY).astype(np.float32)
    assert seen.shape == stored.shape
    assert np.abs(seen - stored).mean() < 3


def test_a_photograph_stays_one_jpeg_and_a_speckless_page_too() -> None:
    picture = photographed(proofs.draw_photograph(6.0))
    blank = photographed(sheets.draw_sheet("blank", 0, 6.0))
    for page in (picture, blank):
        body, picture_bytes = output.encode_page(page, facts(page))
        assert picture_bytes == 0
        assert body[:2] == b"\xff\xd8"


def test_a_page_too_coarse_for_a_stencil_stays_one_jpeg() -> None:
    size = (827, 1169)  # A4 at 100 dpi: strokes of small print are one pixel, and a stencil would choose for them
    page = photographed(proofs.draw_proof(7, 6.0, lines=30).sheet, size)
    assert output.encode_page(page, capture_of((), 100, "a4", size)).picture_bytes == 0
    assert output.encode_page(page, capture_of((), 120, "a4", size)).picture_bytes > 0


def test_an_a5_that_counts_as_an_a4_is_judged_by_its_letters() -> None:
    size = (688, 976)  # 118 dpi; as an A4 84
    page = photographed(sheets.draw_sheet("a5", 1, 6.0), size)
    assert output.encode_page(page, capture_of((), 84, "a4", size)).picture_bytes > 0


def test_an_a4_of_a_full_hd_camera_is_as_small_and_keeps_its_signs_and_its_portrait() -> None:
    size, dpi = (1083, 1532), 131
    capture = capture_of((), dpi, "a4", size)
    proof = proofs.draw_proof(7, 10.0, lines=40)
    page = photographed(proof.sheet, size)
    body = output.encode_page(page, capture, as_pdf=True).body
    assert len(body) <= 75_000  # as one JPEG 230 kB
    before, after = (read_signs(each, proof, every=5) for each in (page, render_page(body)))
    assert after.share >= 0.98 * before.share, after.misread
    form = photographed(proofs.draw_signed(10.0), size)
    stored = output.encode_page(form, capture, as_pdf=True).body
    assert len(stored) <= 100_000
    k = dpi / 25.4
    part = slice(round(50 * k), round(82 * k)), slice(round(162 * k), round(184 * k))
    away = cv2.absdiff(cv2.GaussianBlur(form[part], (5, 5), 0), cv2.GaussianBlur(render_page(stored)[part], (5, 5), 0))
    assert away.mean() < 4


def test_pencil_too_faint_for_ink_is_kept_as_a_picture_of_its_place() -> None:
    sheet = sheets.draw_sheet("text", 1, 8.0)
    image = Image.fromarray(sheet.picture)
    pen = ImageDraw.Draw(image)
    for number in range(14):
        x = 240 + 26 * number
        pen.line((x, 2240, x + 18, 2290, x - 4, 2300), fill=(188, 186, 184), width=2)
    page = photographed(sheet._replace(picture=np.asarray(image)))
    part = slice(round(279 * MM), round(288.5 * MM)), slice(round(29 * MM), round(76 * MM))
    drawn = cv2.cvtColor(page[part], cv2.COLOR_BGR2GRAY)
    shown = cv2.cvtColor(render_page(output.encode_page(page, facts(page), as_pdf=True).body)[part], cv2.COLOR_BGR2GRAY)
    faint = drawn < 225
    assert faint.sum() > 800
    assert shown[faint].mean() < 0.5 * (shown[~faint].mean() + drawn[faint].mean())


def printed(serif: bool, dpi: int, ink: int, paper: int) -> np.ndarray:
    """Return the upper left of a page of small signs, printed in an ink and on a paper of those levels."""
    sheet = proofs.draw_proof(7, 8.0, serif=serif, lines=14).sheet
    picture = sheet.picture[: sheet.picture.shape[0] // 3, : sheet.picture.shape[1] // 2].copy()
    picture = cv2.addWeighted(picture, (paper - ink) / 255, picture, 0, ink)
    return photographed(sheet._replace(picture=picture), (round(4.135 * dpi), round(3.9 * dpi)))


def held(page: np.ndarray, shown: np.ndarray) -> float:
    """Return how much of what is darker than paper is shown, a blot beside a stroke not counted for it."""
    was, now = (255 - cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.float32) for picture in (page, shown))
    return float(np.minimum(was, now)[was > 40].sum() / was[was > 40].sum())


@pytest.mark.parametrize(("serif", "dpi"), [(True, 200), (False, 150)])
def test_no_stroke_of_faint_print_is_lost_and_black_print_stays_in_layers(serif: bool, dpi: int) -> None:
    for ink, paper in ((30, 232), (120, 232), (150, 232), (170, 232), (180, 255)):
        page = printed(serif, dpi, ink, paper)
        encoded = output.encode_page(page, capture_of((), dpi, "free", page.shape[1::-1]), as_pdf=True)
        assert held(page, render_page(encoded.body)) >= LEAST_HELD, (ink, paper)
        if ink == 30:
            assert mrc.split_page(page, dpi) is not None
        if ink >= 165:
            assert mrc.split_page(page, dpi) is None


@pytest.mark.parametrize("paper", [(152, 206, 222), (108, 150, 178)])  # BGR: yellowed, kraft
def test_print_on_yellowed_and_on_kraft_paper_goes_in_layers(paper: tuple[int, int, int]) -> None:
    sheet = proofs.draw_proof(7, 8.0, lines=14).sheet
    part = sheet.picture[: sheet.picture.shape[0] // 3]
    small = cv2.resize(part, (1240, 585), interpolation=cv2.INTER_AREA)
    tinted = cv2.multiply(small, (*(level / 255 for level in paper), 1.0))
    page = cleanup.even_light(desk.add_noise(cv2.GaussianBlur(tinted, (0, 0), 0.7), 3, 4711))
    split = mrc.split_page(page, 150)
    assert split is not None
    assert split.layers.patches == ()
    assert np.median(page, axis=(0, 1)).min() >= 220  # the gain ends at 2.2


def test_a_page_with_next_to_no_paper_on_it_is_made_even_all_the_same() -> None:
    page = np.full((400, 400, 3), (0, 0, 200), np.uint8)
    page[8:40, 8:40] = 230
    assert cleanup.even_light(page).shape == page.shape


def test_a_yellow_field_of_half_a_page_stays_yellow() -> None:
    sheet = proofs.draw_proof(7, 8.0, lines=14).sheet
    part = sheet.picture[: sheet.picture.shape[0] // 3].copy()
    half = slice(part.shape[1] // 2, None)
    part[:, half] = cv2.multiply(part[:, half], (0.58, 0.8, 0.87, 1.0))
    page = photographed(sheet._replace(picture=part), (1240, 585))
    level = np.median(page[:, 640:1200], axis=(0, 1))
    assert level.max() - level.min() > 60


def test_letters_too_broad_for_a_stroke_stay_in_layers_whole() -> None:
    picture = proofs.draw_proof(7, 8.0, serif=False, lines=14).sheet.picture
    high, wide = picture.shape[:2]
    few = picture[high // 10 : high // 10 + high // 22, wide // 7 : wide // 7 + wide // 13]
    part = cv2.resize(few, (1500, 1240), interpolation=cv2.INTER_CUBIC)
    page = photographed(sheets.draw_sheet("blank", 0, 6.0)._replace(picture=part), (1500, 1240))
    split = mrc.split_page(page, 300)
    assert split is not None
    assert sum(patch.box.w * patch.box.h for patch in split.layers.patches) < 0.01 * 1500 * 1240


def test_equal_pages_give_equal_bytes_in_true_size_with_what_was_captured_and_nothing_else(
    signed: tuple[np.ndarray, bytes],
) -> None:
    page, body = signed
    capture = facts(page, Verdict("sharp", 0.61234567, 0.465, True), Verdict("glare", 0.3, 0.2, False))
    first, again = (output.encode_page(page, capture, as_pdf=True).body for _ in range(2))
    assert first == again
    assert first != body
    (read,) = read_pages(first)
    assert read.size_pt == pytest.approx((1654 / 200 * 72, 2339 / 200 * 72), abs=0.01)
    assert (read.names[0], read.names[-1]) == ("/B", "/I")
    digest = read.capture.pop("sha256")
    assert read.capture == {
        "dpi": 200,
        "format": "a4",
        "width_px": 1654,
        "height_px": 2339,
        "gates": {"sharp": 0.6123, "glare": 0.3},
        "failed": ["glare"],
    }
    with pikepdf.open(io.BytesIO(first)) as document:
        assert document.check_pdf_syntax() == []
        assert dict(document.docinfo) == {"/Producer": "Jinban"}
        things = document.pages[0].resources.XObject
        layers = b"".join(things[name].read_raw_bytes() for name in read.names)
    assert hashlib.sha256(layers).hexdigest() == digest


def test_several_pages_make_one_file_in_order_each_with_its_own_words() -> None:
    jpegs = [output.encode_jpeg(np.full((60, 40 + n, 3), 40 * n, np.uint8), 100) for n in range(3)]
    pages = [wrap_jpeg(jpeg, capture_of((), 100 + n, "free", (40 + n, 60))) for n, jpeg in enumerate(jpegs)]
    joined = join_pdfs(pages)
    assert joined == join_pdfs(pages)
    assert all(jpeg in joined for jpeg in jpegs)
    assert [page.capture["dpi"] for page in read_pages(joined)] == [100, 101, 102]
    assert [page.picture.width for page in read_pages(joined)] == [40, 41, 42]
    with pytest.raises(WireFault):
        join_pdfs([pages[0], b"%PDF-1.4 torn"])
    with pytest.raises(ValueError, match="no pages"):
        build_pdf([])
    with pytest.raises(ValueError, match="JPEG"):
        wrap_jpeg(b"\xff\xd8\xff\xd9", capture_of((), 100, "free", (1, 1)))


def test_the_words_beside_a_page_are_json_without_a_name() -> None:
    jpeg = output.encode_jpeg(np.full((50, 50, 3), 99, np.uint8), 120)
    pdf = wrap_jpeg(jpeg, capture_of((), 120, "card", (50, 50)))
    start = pdf.index(b'{"dpi"')
    beside = json.loads(pdf[start : pdf.index(b"\nendstream", start)])
    assert beside["sha256"] == hashlib.sha256(jpeg).hexdigest()
    assert set(beside) == {"dpi", "format", "width_px", "height_px", "gates", "failed", "sha256"}
