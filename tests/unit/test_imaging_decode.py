"""Hostile and odd picture files: a clean picture or a typed refusal, before and in the decoder."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from devices.api import WireFault
from devices.imaging.decode import decode_picture, read_header, stored_point
from tests.fixtures.camera import encoded


def png(width: int, height: int, rows: bytes = b"") -> bytes:
    """Return a grey PNG that claims this size, whatever its data hold."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


RED_TOP_LEFT = Image.new("RGB", (40, 20), (10, 10, 10))
RED_TOP_LEFT.paste((255, 0, 0), (0, 0, 8, 8))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"just a text file, renamed to .jpg", "not_a_picture"),
        (b"", "not_a_picture"),
        (b"GIF89a" + bytes(50), "not_a_picture"),
        (b"%PDF-1.4 " + bytes(50), "not_a_picture"),
        (b"\xff\xd8\xff", "not_a_picture"),
        (b"\xff\xd8\xff\xe0\x00\x01", "not_a_picture"),
        (b"\x89PNG\r\n\x1a\n", "not_a_picture"),
        (png(30_000, 30_000), "picture_too_large"),
        (png(65_535, 1), "picture_too_large"),
        (png(0, 10), "picture_too_large"),
        (b"\xff\xd8\xff" + bytes(20_000_000), "picture_too_large"),
        (png(100, 100, b"too little"), "not_a_picture"),
        (encoded(RED_TOP_LEFT, "JPEG")[:-2], "picture_truncated"),
        (png(4, 4, bytes(20))[:-12], "picture_truncated"),
    ],
)
def test_what_is_no_picture_of_ours_is_refused_with_a_word(data: bytes, code: str) -> None:
    with pytest.raises(WireFault) as refused:
        decode_picture(data)
    assert refused.value.code == code


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.95])
def test_a_jpeg_cut_anywhere_is_noticed_although_decoders_fill_it_in(cut: float) -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 255, (200, 300, 3), dtype=np.uint8))
    data = encoded(noise, "JPEG")
    with pytest.raises(WireFault) as refused:
        decode_picture(data[: int(len(data) * cut)])
    assert refused.value.code in ("picture_truncated", "not_a_picture")


def test_bytes_after_the_end_marker_are_no_harm() -> None:
    picture, header = decode_picture(encoded(RED_TOP_LEFT, "JPEG") + b"a maker's trailer")
    assert picture.shape == (header.height_px, header.width_px, 3)


@pytest.mark.parametrize(
    "data",
    [
        encoded(Image.new("RGB", (1, 1), (200, 200, 200)), "PNG"),
        encoded(Image.new("CMYK", (30, 20), (0, 0, 0, 0)), "JPEG"),
        encoded(Image.fromarray(np.full((20, 30), 40_000, np.uint16)), "PNG"),
        encoded(Image.new("L", (30, 20), 200), "JPEG"),
        encoded(Image.new("RGBA", (30, 20), (200, 200, 200, 90)), "PNG"),
        encoded(Image.new("P", (30, 20)), "PNG"),
        encoded(RED_TOP_LEFT, "JPEG", progressive=True),
        encoded(RED_TOP_LEFT, "PNG", save_all=True, append_images=[RED_TOP_LEFT.rotate(180)]),
    ],
    ids=["1x1", "cmyk", "16 bit", "grey", "transparent", "palette", "progressive", "animated"],
)
def test_odd_but_honest_pictures_become_eight_bit_colour(data: bytes) -> None:
    picture, header = decode_picture(data)
    assert picture.dtype == np.uint8
    assert picture.shape == (header.height_px, header.width_px, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_turn_is_undone_and_points_find_their_way_back(orientation: int) -> None:
    turned = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = RED_TOP_LEFT.transpose(turned[orientation]) if orientation in turned else RED_TOP_LEFT
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture, header = decode_picture(encoded(stored, "JPEG", exif=exif, quality=95))
    assert header.orientation == orientation
    assert picture.shape == (20, 40, 3)
    assert picture[3, 3, 2] > 200  # red, top left
    assert picture[15, 30].max() < 60
    x, y = stored_point(3, 3, header)
    assert stored.getpixel((round(x), round(y))) == (255, 0, 0)


def test_a_reduced_picture_has_its_stated_shape() -> None:
    data = encoded(Image.new("RGB", (101, 57)), "JPEG")
    assert decode_picture(data, 2)[0].shape == (29, 51, 3)
    assert decode_picture(data, 4)[0].shape == (15, 26, 3)


@settings(max_examples=150)
@given(st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b""]), st.binary(max_size=300))
def test_random_bytes_raise_only_a_wire_fault(start: bytes, rest: bytes) -> None:
    code = ""
    try:
        read_header(start + rest)
    except WireFault as fault:
        code = fault.code
    assert code in ("", "not_a_picture", "picture_too_large", "picture_truncated")


@settings(max_examples=100)
@given(st.binary(max_size=120))
def test_a_random_exif_block_never_stops_a_picture(exif: bytes) -> None:
    data = encoded(RED_TOP_LEFT, "JPEG")
    block = b"Exif\0\0" + exif
    segment = b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block
    assert 1 <= read_header(data[:2] + segment + data[2:]).orientation <= 8
