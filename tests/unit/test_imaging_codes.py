"""Codes on pictures: zxing-cpp in the eye, with OpenCV's own detector as its peer on QR codes."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
import segno
import zxingcpp
from PIL import Image

from devices.api import MAX_CODE_CHARS, CodeSource, Deadline, Symbology, WireFault
from devices.imaging import codes
from devices.imaging.eye import Eye
from tests.fixtures.camera import encoded


def qr(text: str, scale: int = 6) -> Image.Image:
    """Return a QR code drawn by segno."""
    buffer = io.BytesIO()
    segno.make_qr(text, error="m", encoding=None if text.isascii() else "utf-8").save(
        buffer, kind="png", scale=scale, border=4
    )
    return Image.open(buffer).convert("RGB")


def drawn(text: str, name: str) -> Image.Image:
    """Return any code drawn by zxing-cpp's own writer."""
    code = zxingcpp.create_barcode(text, zxingcpp.barcode_format_from_str(name))
    return Image.fromarray(np.array(code.to_image(scale=4, add_quiet_zones=True))).convert("RGB")


def on_desk(*pictures: Image.Image) -> Image.Image:
    """Return a 1280×720 frame with the pictures beside each other."""
    frame = Image.new("RGB", (1280, 720), (190, 185, 170))
    x = 40
    for picture in pictures:
        frame.paste(picture, (x, 360 - picture.height // 2))
        x += picture.width + 60
    return frame


@pytest.mark.parametrize("text", ["SN-20261123-000123 a1b2c3", "6901234567892", "https://evil.example/?q=1", "A" * 300])
def test_each_reads_the_codes_that_segno_makes(text: str) -> None:
    frame = np.asarray(on_desk(qr(text)))[:, :, ::-1].copy()
    (ours,) = codes.find_codes(frame).codes
    theirs, corners, _ = cv2.QRCodeDetector().detectAndDecode(frame)
    assert (ours.text, ours.symbology) == (text, Symbology.QR)
    assert theirs == text
    off = np.abs(np.array(ours.corners) - corners[0]).max()
    assert off < 8, "both see it in the same place"


def test_a_chinese_text_comes_back_as_it_was_written() -> None:
    text = "粤贵阳罚〔2026〕第12号"
    (found,) = codes.find_codes(np.asarray(on_desk(qr(text)))[:, :, ::-1].copy()).codes
    assert found.text == text


@pytest.mark.parametrize(
    ("name", "text", "symbology"),
    [
        ("QRCode", "BJ-1", Symbology.QR),
        ("Code128", "JK2026112300001", Symbology.CODE128),
        ("EAN13", "6901234567892", Symbology.EAN13),
        ("PDF417", "permit 12345678", Symbology.PDF417),
        ("DataMatrix", "M-0001", Symbology.DATA_MATRIX),
    ],
)
def test_the_eye_reads_each_kind(camera_eye: Eye, name: str, text: str, symbology: Symbology) -> None:
    (code,) = camera_eye.codes(encoded(on_desk(drawn(text, name)), "PNG"), Deadline(45))
    assert (code.text.reveal(), code.symbology, code.source) == (text, symbology, CodeSource.CAMERA)
    assert text not in repr(code)


def test_other_kinds_long_ones_and_too_many_are_passed_over() -> None:
    aztec = np.asarray(on_desk(drawn("AZTEC", "Aztec")))[:, :, ::-1].copy()
    assert codes.find_codes(aztec).codes == ()
    long = np.asarray(qr("x" * (MAX_CODE_CHARS + 1), scale=5))[:, :, ::-1].copy()
    assert (codes.find_codes(long).codes, codes.find_codes(long).passed_over) == ((), 1)
    sheet = Image.new("RGB", (1200, 900), "white")
    for n in range(12):
        sheet.paste(qr(f"N{n}", scale=5), (40 + 280 * (n % 4), 40 + 260 * (n // 4)))
    found = codes.find_codes(np.asarray(sheet)[:, :, ::-1].copy())
    assert (len(found.codes), found.passed_over) == (codes.MAX_CODES, 12 - codes.MAX_CODES)


def test_a_frame_without_a_code_and_one_that_is_no_picture(camera_eye: Eye) -> None:
    assert camera_eye.codes(encoded(on_desk(), "JPEG"), Deadline(45)) == ()
    with pytest.raises(WireFault, match="not_a_picture"):
        camera_eye.codes(b"https://evil.example/", Deadline(45))


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_code_may_lie_as_it_likes(turn: int) -> None:
    frame = on_desk(qr("SN-20261123-000123 a1b2c3")).rotate(turn, expand=True)
    assert len(codes.find_codes(np.asarray(frame)[:, :, ::-1].copy()).codes) == 1


def photographed(page: Image.Image, turn_deg: float = 14.0) -> bytes:
    """Return a photograph of an A4 page that lies askew on a dark desk, seen a little from the side."""
    paper = np.asarray(page.resize((1240, 1754), Image.Resampling.LANCZOS))[:, :, ::-1]
    a = np.deg2rad(turn_deg)
    turned = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    corners = np.array([(-0.707, -1.0), (0.707, -1.0), (0.707, 1.0), (-0.707, 1.0)]) @ turned.T * 880
    corners = (corners * (1 + corners[:, 1:] * 6e-5) + (1400, 1050)).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(np.array([(0, 0), (1240, 0), (1240, 1754), (0, 1754)], np.float32), corners)
    desk = np.full((2100, 2800, 3), (52, 60, 66), np.uint8)
    cv2.warpPerspective(paper, matrix, (2800, 2100), desk, cv2.INTER_AREA, cv2.BORDER_TRANSPARENT)
    return cv2.imencode(".jpg", cv2.GaussianBlur(desk, (0, 0), 0.7))[1].tobytes()


def certificate(*codes_on_it: Image.Image) -> Image.Image:
    """Return a page with lines of grey words and codes below each other."""
    page = Image.new("RGB", (1240, 1754), (246, 245, 240))
    lines = Image.new("L", (900, 6), 90)
    for y in range(160, 700, 45):
        page.paste(lines, (170, y))
    for at, picture in enumerate(codes_on_it):
        page.paste(picture, (200, 800 + 420 * at))
    return page


def test_codes_are_read_on_the_page_made_straight_and_only_where_one_is_asked_for(camera_eye: Eye) -> None:
    number = "JK330402202600017"
    bars = drawn(number, "Code128").resize((800, 60), Image.Resampling.NEAREST)  # wide and low: lost when it lies askew
    still = photographed(certificate(qr(number, scale=8), bars))
    assert camera_eye.take(still, "M-COOK", 0, Deadline(45), keep=True).codes == ()
    camera_eye.coded = frozenset({"M-COOK"})
    try:
        page = camera_eye.take(still, "M-COOK", 0, Deadline(45), keep=True)
    finally:
        camera_eye.coded = frozenset()
    assert {code.symbology for code in page.codes} == {Symbology.QR, Symbology.CODE128}
    assert {code.text.reveal() for code in page.codes} == {number}
    assert number not in repr(page)


def test_a_page_of_more_pixels_than_needed_gives_the_same_codes_in_its_own_pixels() -> None:
    page = certificate(qr("JK330402202600017", scale=8))
    (small,) = codes.on_page(np.asarray(page)[:, :, ::-1].copy())
    (large,) = codes.on_page(np.asarray(page.resize((2480, 3508), Image.Resampling.BICUBIC))[:, :, ::-1].copy())
    assert large.text == small.text
    assert np.abs(np.array(large.corners) / 2 - np.array(small.corners)).max() < 3


@pytest.mark.parametrize("softness_px", [1, 12])
def test_a_code_half_in_shadow_is_read_on_the_page_without_it(softness_px: int) -> None:
    page = np.asarray(certificate(qr("JK330402202600017", scale=8)))[:, :, ::-1].astype(np.float32)
    y, x = np.mgrid[: page.shape[0], : page.shape[1]]
    shadow = cv2.GaussianBlur((x - 340 + 0.6 * (y - 930) > 0).astype(np.float32), (0, 0), softness_px)
    shaded = (page * (1 - 0.75 * shadow)[:, :, None]).astype(np.uint8)
    assert codes.find_codes(shaded).codes == ()
    (code,) = codes.on_page(shaded)
    assert code.text == "JK330402202600017"
