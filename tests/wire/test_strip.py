"""A strip on 48 columns: wrapping, alignment, rare characters as pictures, slices."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.api import Strip, StripCode, StripGap, StripLine, StripPicture, StripRule, WireFault
from devices.wire import escpos, escpos_decode, strip
from devices.wire.escpos import Align
from devices.wire.strip import Bitmap


def block(text: str, scale: int) -> Bitmap:
    """A rasteriser for tests: every cell is black."""
    width, height = strip.columns(text) * 12 * scale, 24 * scale
    stride = (width + 7) // 8
    row = ((1 << width) - 1 << (stride * 8 - width)).to_bytes(stride, "big")
    return Bitmap(width, height, row * height)


def lay_out(*parts, width=48):
    return strip.lay_out(Strip(parts, width_columns=width), block)


def printed_rows(operations):
    """The rows of text as the paper shows them, pictures as None."""
    rows, row = [], ""
    for operation in operations:
        match operation:
            case escpos.Text(text):
                row += text
            case escpos.LineFeed():
                rows.append(row)
                row = ""
            case escpos.Raster():
                rows.append(None)
    return rows


def test_the_title_is_the_literal_frame():
    raw = escpos.encode(lay_out(StripLine("政务服务回执", scale=2, align="center")))
    assert raw.startswith(bytes.fromhex("1B 40 1C 26 1B 61 01 1D 21 11 D5 FE CE F1 B7 FE CE F1 BB D8 D6 B4 0A"))
    assert raw.endswith(bytes.fromhex("1C 2E 1D 56 42 00"))


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("", ("",)),
        ("a" * 49, ("a" * 48, "a")),
        ("中" * 25, ("中" * 24, "中")),
        ("a" + "中" * 24, ("a" + "中" * 23, "中")),
        ("中" * 24 + "。好", ("中" * 23, "中。好")),
        ("中" * 23 + "（好）", ("中" * 23, "（好）")),
        ("中" * 22 + " stored here", ("中" * 22, "stored here")),
        ("中" * 22 + "stored", ("中" * 22, "stored")),
        ("one two " * 7, ("one two " * 5 + "one two", "one two")),
        ("  indented", ("  indented",)),
        ("a" * 48 + " " + "b", ("a" * 48, "b")),
        (" " * 60, ("",)),
        ("办件编号:2026-11", ("办件编号:2026-11",)),
    ],
)
def test_rows_break_at_words_and_between_han(text, rows):
    assert strip.wrap(text, 48) == rows


@given(st.text(st.sampled_from("中文字好，。（）ab1 .,:😀𠮷"), max_size=200), st.integers(4, 48))
def test_no_row_is_too_wide_and_no_character_is_lost(text, width):
    rows = strip.wrap(text, width)
    assert all(strip.columns(row) <= width for row in rows)
    assert "".join(rows).replace(" ", "") == text.replace(" ", "")


def test_usual_characters_are_clean_and_others_are_looked_at_one_by_one():
    blocks = (range(0x20, 0x7F), range(0x3001, 0x3012), range(0x4E00, 0xA000), range(0xFF01, 0xFF5F))
    usual = "".join(chr(code) for block in blocks for code in block)
    assert strip.clean(usual) == usual
    assert usual.isprintable()
    assert strip.clean("a\tb\u00a0c\u3000d\u200be\ufe0f\U000e0100\n") == "a b c\u3000de\n"
    assert strip.clean("\ud800") == strip.GETA


@given(st.text(max_size=60))
def test_clean_text_cannot_command_the_printer(text):
    for line in strip.clean(text).split("\n"):
        escpos.encode_text(line)


def test_cleaning_keeps_what_can_be_read():
    assert strip.clean("王\u200b\ufe0f\U000e0101\t明\u00a0a\u3000b\x1b\x00\ud800\u2028") == "王 明 a\u3000b〓"


def test_a_line_break_in_a_text_begins_a_row():
    assert printed_rows(lay_out(StripLine("一\n二")))[:2] == ["一", "二"]


def test_double_size_rows_hold_half_as_much():
    assert printed_rows(lay_out(StripLine("中" * 13, scale=2))) == ["中" * 12, "中"]


def test_modes_are_sent_only_when_they_change_and_go_back():
    operations = lay_out(
        StripLine("甲", scale=2, align="center", is_bold=True),
        StripLine("乙", scale=2, align="center", is_bold=True),
        StripLine(""),
        StripLine("丙"),
    )
    assert operations == (
        escpos.Reset(),
        escpos.Chinese(True),
        escpos.Place(Align.CENTER),
        escpos.Bold(True),
        escpos.Size(2, 2),
        escpos.Text("甲"),
        escpos.LineFeed(),
        escpos.Text("乙"),
        escpos.LineFeed(),
        escpos.Size(1, 1),
        escpos.LineFeed(),
        escpos.Place(Align.LEFT),
        escpos.Bold(False),
        escpos.Text("丙"),
        escpos.LineFeed(),
        escpos.Chinese(False),
        escpos.Cut(True, 0),
    )


def test_a_rule_spans_the_paper_and_a_gap_feeds():
    operations = lay_out(StripRule(), StripGap(2), width=32)
    assert printed_rows(operations) == ["-" * 32]
    assert escpos.Feed(2) in operations


def test_a_code_is_centred_by_a_command_before_it():
    operations = lay_out(StripCode("330402-0001-7"))
    at = operations.index(escpos.QrModel())
    assert operations[at - 1] == escpos.Place(Align.CENTER)
    assert operations[at + 1 : at + 5] == (
        escpos.QrSize(6),
        escpos.QrLevel(49),
        escpos.QrStore(b"330402-0001-7"),
        escpos.QrPrint(),
    )
    assert operations[at - 2] == operations[at + 5] == escpos.Feed(1)  # the quiet zone


@pytest.mark.parametrize(("length", "modules"), [(1, 21), (14, 21), (15, 25), (331, 69)])
def test_a_codes_height_counts_for_the_wait(length, modules):
    slices = strip.encode_strip(Strip((StripCode("x" * length, 8),)), block)
    assert sum(one.height_dots for one in slices) == modules * 8 + 2 * 30


@pytest.mark.parametrize(
    "code", [StripCode("a\x10\x04\x01"), StripCode("a", 9), StripCode("a", 0), StripCode("长" * 111)]
)
def test_a_code_that_does_not_fit_is_refused(code):
    with pytest.raises(WireFault):
        strip.encode_strip(Strip((code,)), block)


def dots(raster, y):
    row = raster.data[y * raster.width_bytes : (y + 1) * raster.width_bytes]
    return "".join(f"{byte:08b}" for byte in row)


@pytest.mark.parametrize(("align", "left"), [("left", 0), ("center", 264), ("right", 528)])
@pytest.mark.parametrize("is_bold", [False, True])
def test_a_row_with_a_rare_character_is_one_picture_at_its_place(align, left, is_bold):
    operations = lay_out(StripLine("王𠮷", align=align, is_bold=is_bold), StripLine("后"))
    (raster,) = [operation for operation in operations if isinstance(operation, escpos.Raster)]
    assert printed_rows(operations) == [None, "后"]
    assert raster.height == 30
    first = dots(raster, 0)
    assert first.index("1") == left
    assert first.count("1") == 48 if left == 528 or not is_bold else first.count("1") >= 48
    assert raster.width_bytes <= 72
    assert "1" not in dots(raster, 24)


def test_a_picture_is_placed_from_the_left_whatever_came_before():
    operations = lay_out(StripLine("甲", align="right"), StripLine("𠮷", align="right"))
    at = next(i for i, operation in enumerate(operations) if isinstance(operation, escpos.Raster))
    assert operations[at - 1] == escpos.Place(Align.LEFT)


def test_a_double_size_picture_is_as_high_as_its_text():
    (raster,) = [o for o in lay_out(StripLine("𠮷", scale=2)) if isinstance(o, escpos.Raster)]
    assert (raster.width_bytes, raster.height) == (6, 48)


def test_a_picture_with_a_command_in_its_dots_is_made_harmless():
    trap = Bitmap(24, 24, b"\x10\x04\x01" * 24)
    operations = strip.lay_out(Strip((StripLine("𠮷"),)), lambda text, scale: trap)
    assert b"\x10\x04" not in escpos.encode(operations)


lines = st.builds(
    StripLine,
    st.text(max_size=80),
    st.sampled_from((1, 2)),
    st.sampled_from(("left", "center", "right")),
    st.booleans(),
)
parts = st.lists(
    lines
    | st.builds(StripRule)
    | st.builds(StripGap, st.integers(1, 5))
    | st.builds(StripCode, st.text(st.characters(min_codepoint=32, max_codepoint=127), min_size=1, max_size=40)),
    max_size=8,
)


@given(parts, st.sampled_from((32, 48)))
def test_any_strip_decodes_to_what_was_laid_out(found, width):
    job = Strip(tuple(found), width_columns=width)
    laid = strip.lay_out(job, block)
    slices = strip.encode_strip(job, block)
    raw = b"".join(one.data for one in slices)
    assert raw == escpos.encode(laid)
    assert escpos_decode.decode(raw) == laid
    assert b"\x1b\x74" not in raw
    assert sum(one.rows for one in slices) == len(printed_rows(laid)) + laid.count(escpos.QrPrint())
    for operation in laid:
        if isinstance(operation, escpos.Text):
            assert all(escpos.is_in_font(character) for character in operation.text)
        if isinstance(operation, escpos.Raster):
            assert operation.width_bytes * 8 <= width * 12


def test_slices_end_at_a_rows_end_and_stay_small():
    job = Strip(tuple(StripLine("中" * 24) for _ in range(40)))
    slices = strip.encode_strip(job, block)
    assert all(one.data.endswith(b"\n") for one in slices[:-1])
    assert max(len(one.data) for one in slices) <= strip.SLICE_BYTES + 60
    assert (sum(one.rows for one in slices), sum(one.height_dots for one in slices)) == (40, 1200)
    decoder = escpos_decode.Decoder()
    for one in slices:
        decoder.feed(one.data)
        while decoder.take() is not None:
            pass
        assert decoder.pending == b""


def test_a_picture_goes_out_in_bands_and_is_refused_where_it_has_no_room():
    rows = strip.BAND_ROWS + 1
    picture = StripPicture(9, rows, b"\xff\x80" * rows)
    (first, second) = (one for one in lay_out(picture) if isinstance(one, escpos.Raster))
    assert (first.width_bytes, first.height, second.height) == (2, strip.BAND_ROWS, 1)
    assert first.data + second.data == picture.data
    for wrong in (StripPicture(9, 1, b"\xff"), StripPicture(0, 1, b""), StripPicture(577, 1, bytes(73))):
        with pytest.raises(WireFault, match="raster_size"):
            lay_out(wrong)


def test_slices_say_how_much_paper_they_take():
    """Millimetres on paper decide how long the driver waits: a double row 48 dots, a drawn one its own height."""
    (large,) = strip.encode_strip(Strip((StripLine("大", scale=2), StripLine("𠮷", scale=2), StripGap(2))), block)
    assert (large.rows, large.height_dots) == (2, 48 + 48 + 2 * 30)
    (small,) = strip.encode_strip(Strip((StripLine("小"), StripRule(), StripLine("𠮷"))), block)
    assert (small.rows, small.height_dots) == (3, 30 + 30 + 30)
