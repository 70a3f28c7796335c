"""Pages of a document scanner in the eye: straight, whole, encoded by us; nothing that is not a plain PNM."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from devices.api import Deadline, WireFault
from devices.imaging.eye import Eye


def pnm(signs: int, width: int = 60, height: int = 40, comment: str = "# SANE data follows\n") -> bytes:
    """Return a page: white with a dark bar, as scanimage writes it."""
    page = np.full((height, width, signs), 250, np.uint8)
    page[10:20, 10:50] = (200, 30, 30) if signs == 3 else 20
    return f"P{6 if signs == 3 else 5}\n{comment}{width} {height}\n255\n".encode() + page.tobytes()


@pytest.mark.parametrize("signs", [1, 3])
def test_a_page_keeps_size_colour_and_resolution(camera_eye: Eye, signs: int) -> None:
    page = camera_eye.sheet(pnm(signs), "minutes", 4, Deadline(45), 300)
    assert (page.width_px, page.height_px, page.dpi, page.index) == (60, 40, 300, 4)
    with Image.open(io.BytesIO(page.jpeg.reveal())) as picture:
        assert (picture.mode, picture.size, picture.info["dpi"]) == ("RGB" if signs == 3 else "L", (60, 40), (300, 300))
        red = picture.convert("RGB").getpixel((30, 15))
    assert red[0] > 150 if signs == 3 else max(red) < 60


def test_a_blank_page_is_told_and_kept(camera_eye: Eye) -> None:
    page = camera_eye.sheet(b"P5 60 40 255\n" + b"\xfa" * 2400, "m", 0, Deadline(45), 300)
    assert [(v.gate, v.ok) for v in page.verdicts] == [("blank", False)]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"P4 8 8\n" + bytes(8), "not_a_picture"),
        (b"P6 8 8 65535\n" + bytes(384), "not_a_picture"),
        (pnm(3)[:-1], "picture_truncated"),
        (pnm(3) + b"x", "picture_truncated"),
        (b"P6 99999 99999 255\n", "picture_too_large"),
        (b"P5 0 0 255\n", "picture_too_large"),
        (b"\xff\xd8\xff\xe0 a JPEG", "not_a_picture"),
        (b"", "not_a_picture"),
    ],
)
def test_what_is_no_plain_page_is_one_refusal_and_the_eye_lives_on(camera_eye: Eye, data: bytes, code: str) -> None:
    with pytest.raises(WireFault) as refused:
        camera_eye.sheet(data, "m", 0, Deadline(45), 300)
    assert refused.value.code == code
    assert camera_eye.sheet(pnm(1), "m", 0, Deadline(45), 300).width_px == 60
