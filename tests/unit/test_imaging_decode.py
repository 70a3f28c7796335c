"""Hostile and odd picture files: a clean picture or a typed refusal, before and in the decoder."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from devices.api import WireFault
from devices.imaging.container import open_picture
from devices.imaging.decode import decode_picture, stored_point
from tests.fixtures.camera import encoded
from tests.fixtures.pictures import (
    BASELINE,
    COLOUR,
    PROGRESSIVE,
    RED_TOP_LEFT,
    TRANSPARENT,
    chunk,
    frame_header,
    grey_jpeg,
    inside_jpeg,
    inside_png,
    png,
    scan_header,
    segment,
)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"just a text file, renamed to .jpg", "not_a_picture"),
        (b"", "not_a_picture"),
        (b"GIF89a" + bytes(50), "not_a_picture"),
        (b"%PDF-1.4 " + bytes(50), "not_a_picture"),
        (b"RIFF\x20\0\0\0WEBPVP8X" + bytes(20), "not_a_picture"),
        (b"\xff\xd8\xff", "picture_truncated"),
        (b"\xff\xd8\xff\xe0\x00\x01", "not_a_picture"),
        (b"\xff\xd8\xff\xd0" + bytes(20), "not_a_picture"),
        (b"\xff\xd8\xff\xd9", "not_a_picture"),
        (b"\xff\xd8" + scan_header(1) + b"\xff\xd9", "not_a_picture"),
        (b"\x89PNG\r\n\x1a\n", "not_a_picture"),
        (png(30_000, 30_000), "picture_too_large"),
        (png(65_535, 1), "picture_too_large"),
        (png(0, 10), "not_a_picture"),
        (png(100, 100, b"too little"), "not_a_picture"),
        (encoded(RED_TOP_LEFT, "JPEG")[:-2], "picture_truncated"),
        (png(4, 4, bytes(20))[:-12], "picture_truncated"),
    ],
)
def test_what_is_no_picture_of_ours_is_refused_with_a_word(data: bytes, code: str) -> None:
    with pytest.raises(WireFault) as refused:
        decode_picture(data)
    assert refused.value.code == code


SMALL = encoded(RED_TOP_LEFT, "JPEG")
SMALL_PNG = encoded(RED_TOP_LEFT, "PNG")
BOMBS = {
    "more bytes than allowed": (lambda: b"\xff\xd8\xff" + bytes(20_000_000), "picture_too_large"),
    "nothing but fill bytes": (lambda: b"\xff\xd8" + b"\xff" * 19_000_000, "picture_truncated"),
    "40 MP in no data": (lambda: grey_jpeg(BASELINE, 6300, 6300, fill=False), "picture_truncated"),
    "progressive of 36 MP": (lambda: grey_jpeg(PROGRESSIVE, 6000, 6000), "picture_too_large"),
    "one scan too many": (lambda: grey_jpeg(PROGRESSIVE, 160, 160, 101), "picture_too_large"),
    "scans over 16 MP": (lambda: grey_jpeg(PROGRESSIVE, 4000, 4000, 21), "picture_too_large"),
    "segments without end": (lambda: inside_jpeg(SMALL, segment(0xFE, b"") * 20_000), "picture_too_large"),
    "chunks without end": (lambda: inside_png(SMALL_PNG, chunk(b"tEXt", b"") * 20_000), "picture_too_large"),
    "16 bits of 36 MP": (lambda: png(6000, 6000, depth=16, colour=TRANSPARENT), "picture_too_large"),
    "interlaced of 36 MP": (lambda: png(6000, 6000, interlace=1), "picture_too_large"),
    "40 MP in 60 bytes": (lambda: png(6000, 6600, bytes(64)), "picture_truncated"),
    "12 bits": (lambda: b"\xff\xd8" + frame_header(0xC1, 8, 8, bits=12) + SMALL[2:], "not_a_picture"),
    "arithmetic coding": (lambda: b"\xff\xd8" + frame_header(0xC9, 8, 8) + SMALL[2:], "not_a_picture"),
    "lossless": (lambda: b"\xff\xd8" + frame_header(0xC3, 8, 8) + SMALL[2:], "not_a_picture"),
    "two frames": (lambda: b"\xff\xd8" + frame_header(BASELINE, 40, 20) + SMALL[2:], "not_a_picture"),
    "five components": (lambda: b"\xff\xd8" + frame_header(BASELINE, 8, 8, components=5), "not_a_picture"),
    "a scan of nobody's": (lambda: inside_jpeg(SMALL, frame_header(BASELINE, 8, 8), scan_header(9)), "not_a_picture"),
    "a chunk we do not know": (lambda: inside_png(SMALL_PNG, chunk(b"CgBI", bytes(4))), "not_a_picture"),
    "two headers": (lambda: inside_png(SMALL_PNG, SMALL_PNG[8:33]), "not_a_picture"),
    "3 bits of colour": (lambda: png(8, 8, bytes(100), depth=3, colour=COLOUR), "not_a_picture"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_what_would_cost_too_much_is_refused_before_it_is_decoded(name: str) -> None:
    build, code = BOMBS[name]
    with pytest.raises(WireFault) as refused:
        open_picture(build())
    assert refused.value.code == code
    assert "allowed is" in refused.value.detail or code == "picture_truncated"


MARK = b"SECRET-7f3a"
HEAVY = zlib.compress(bytes(20_000_000), 1)
WITH_BAGGAGE = {
    "jpeg": inside_jpeg(
        SMALL,
        segment(0xE0, b"JFXX\0" + MARK),
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + MARK),
        segment(0xE2, b"ICC_PROFILE\0\1\1" + MARK),
        segment(0xED, b"Photoshop 3.0\0" + MARK),
        segment(0xEE, b"Adobe" + MARK),
        segment(0xFE, b"%PDF-1.4 " + MARK),
    )
    + b"PK\3\4"
    + MARK
    + SMALL,
    "png": inside_png(
        SMALL_PNG,
        chunk(b"tEXt", b"Comment\0" + MARK),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + MARK),
        chunk(b"zTXt", b"c\0\0" + HEAVY),
        chunk(b"iCCP", b"c\0\0" + HEAVY),
        chunk(b"acTL", struct.pack(">II", 2_000_000_000, 0)),
        chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 40, 20, 0, 0, 1, 1, 0, 0)),
    )
    + b"<html>"
    + MARK,
}


@pytest.mark.parametrize("kind", WITH_BAGGAGE)
def test_a_decoder_is_handed_pixels_and_nothing_else(kind: str) -> None:
    plain, loaded = (open_picture(data) for data in ({"jpeg": SMALL, "png": SMALL_PNG}[kind], WITH_BAGGAGE[kind]))
    assert loaded == plain
    assert MARK not in loaded.body
    assert open_picture(loaded.body) == loaded
    assert np.array_equal(decode_picture(WITH_BAGGAGE[kind])[0], decode_picture(SMALL)[0]) or kind == "png"


def test_a_jpeg_without_huffman_tables_is_a_cameras_and_is_read() -> None:
    bare = b"\xff\xd8" + b"".join(part for part in _segments(SMALL) if part[1] != 0xC4)
    assert 0xC4 not in {part[1] for part in _segments(bare)}
    assert np.array_equal(decode_picture(bare)[0], decode_picture(SMALL)[0])


def _segments(data: bytes) -> list[bytes]:
    """Return the segments of a JPEG of one scan; the last holds the scan and all that follows."""
    found, at = [], 2
    while data[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        found.append(data[at:end])
        at = end
    return [*found, data[at:]]


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


WHITE, PAPER = (255, 255, 255), (200, 200, 200)


@pytest.mark.parametrize(
    ("data", "colour"),
    [
        (encoded(Image.new("RGB", (1, 1), PAPER), "PNG"), PAPER),
        (encoded(Image.new("CMYK", (30, 20), (0, 0, 0, 0)), "JPEG"), WHITE),
        (encoded(Image.new("CMYK", (30, 20), (0, 0, 0, 55)), "JPEG"), PAPER),
        (encoded(Image.fromarray(np.full((20, 30), 200 * 257, np.uint16)), "PNG"), PAPER),
        (encoded(Image.new("1", (30, 20), 1), "PNG"), WHITE),
        (encoded(Image.new("L", (30, 20), 200), "JPEG"), PAPER),
        (encoded(Image.new("RGBA", (30, 20), (*PAPER, 90)), "PNG"), PAPER),
        (encoded(Image.new("L", (30, 20), 200).convert("P"), "PNG"), PAPER),
        (encoded(Image.new("RGB", (30, 20), PAPER), "JPEG", progressive=True), PAPER),
        (
            encoded(Image.new("RGB", (30, 20), PAPER), "PNG", save_all=True, append_images=[Image.new("L", (30, 20))]),
            PAPER,
        ),
        (grey_jpeg(BASELINE, 30, 20), (128, 128, 128)),
        (grey_jpeg(PROGRESSIVE, 30, 20, 30), (128, 128, 128)),
        (png(2, 2, bytes((0, 200, 0, 200, 0, 200, 200)), interlace=1), PAPER),
    ],
    ids=[
        "1x1",
        "cmyk",
        "black",
        "16-bit",
        "1-bit",
        "grey",
        "transparent",
        "palette",
        "progressive",
        "animated",
        "bare",
        "scans",
        "interlaced",
    ],
)
def test_odd_but_honest_pictures_become_eight_bit_colour(data: bytes, colour: tuple[int, int, int]) -> None:
    picture, header = decode_picture(data)
    assert picture.dtype == np.uint8
    assert picture.shape == (header.height_px, header.width_px, 3)
    assert np.abs(picture.reshape(-1, 3).astype(int) - colour).max() <= 2


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
    assert decode_picture(encoded(stored, "PNG", exif=exif))[1] == header._replace(kind="png")
    assert picture.shape == (20, 40, 3)
    assert picture[3, 3, 2] > 200  # red, top left
    assert picture[15, 30].max() < 60
    x, y = stored_point(3, 3, header)
    assert stored.getpixel((round(x), round(y))) == (255, 0, 0)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_reduced_picture_has_its_stated_shape_and_shows_the_same(kind: str) -> None:
    data = encoded(Image.linear_gradient("L").resize((101, 57)).convert("RGB"), kind)
    whole = decode_picture(data)[0]
    for reduction, shape in ((2, (29, 51, 3)), (4, (15, 26, 3))):
        small = decode_picture(data, reduction)[0]  # type: ignore[arg-type]
        assert small.shape == shape
        assert abs(float(small[shape[0] // 2, 5, 0]) - float(whole[28, 5, 0])) < 12
        assert small[1, 5, 0] < small[-2, 5, 0]


@given(st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b""]), st.binary(max_size=300))
def test_random_bytes_raise_only_a_wire_fault(start: bytes, rest: bytes) -> None:
    code = ""
    try:
        open_picture(start + rest)
    except WireFault as fault:
        code = fault.code
    assert code in ("", "not_a_picture", "picture_too_large", "picture_truncated")


@given(st.binary(max_size=120))
def test_a_random_exif_block_never_stops_a_picture(exif: bytes) -> None:
    data = SMALL
    assert 1 <= open_picture(inside_jpeg(data, segment(0xE1, b"Exif\0\0" + exif))).header.orientation <= 8
