"""ESC/POS bytes: the literal frames of reference/devices.md §9, round trips, and noise."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.api import WireFault
from devices.wire import escpos, escpos_decode, escpos_status
from devices.wire.escpos import Align
from devices.wire.escpos_status import Signal

ESC_1 = bytes.fromhex("1B 40 1C 26 1B 61 01 1D 21 11 D5 FE CE F1 B7 FE CE F1 BB D8 D6 B4 0A")
ESC_2 = bytes.fromhex("D6 D0 CE C4 61 62 63")
ESC_3 = bytes.fromhex("D0 D5 C3 FB A3 BA 95 34 B2 35")
ESC_4 = bytes.fromhex("81 39 EE 39")
ESC_5 = bytes.fromhex("1B 74 00 3F 3F")
ESC_6 = bytes.fromhex("1D 76 30 00 02 00 02 00 FF FF FF FF")
ESC_7 = bytes.fromhex("1D 76 30 00 48 00 20 03")
ESC_8 = bytes.fromhex(
    "1D 28 6B 04 00 31 41 32 00 1D 28 6B 03 00 31 43 06 1D 28 6B 03 00 31 45 30"
    "1D 28 6B 04 00 31 50 30 41 1D 28 6B 03 00 31 51 30"
)
ESC_9_LIBRARY = bytes.fromhex("1B 64 06 1D 56 00")
ESC_9 = bytes.fromhex("1D 56 42 00")

TITLE = (
    escpos.Reset(),
    escpos.Chinese(True),
    escpos.Place(Align.CENTER),
    escpos.Size(2, 2),
    escpos.Text("政务服务回执"),
    escpos.LineFeed(),
)
QR_A = (escpos.QrModel(), escpos.QrSize(6), escpos.QrLevel(48), escpos.QrStore(b"A"), escpos.QrPrint())
BLACK = escpos.Raster(2, 2, b"\xff" * 4)
TALL = escpos.Raster(72, 800, bytes(72 * 800))


@pytest.mark.parametrize(
    ("raw", "operations"),
    [
        (ESC_1, TITLE),
        (ESC_6, (BLACK,)),
        (ESC_7 + bytes(57_600), (TALL,)),
        (ESC_8, QR_A),
        (ESC_9_LIBRARY, (escpos.Feed(6), escpos.Cut(is_partial=False, feed_dots=None))),
        (ESC_9, (escpos.Cut(is_partial=True, feed_dots=0),)),
        (bytes.fromhex("1B 45 01 41 1B 45 00"), (escpos.Bold(True), escpos.Text("A"), escpos.Bold(False))),
    ],
    ids=["ESC-1", "ESC-6", "ESC-7", "ESC-8", "ESC-9 library", "ESC-9", "bold"],
)
def test_literal_frames_stand_both_ways(raw, operations):
    assert escpos.encode(operations) == raw
    assert escpos_decode.decode(raw) == operations


@pytest.mark.parametrize(
    ("raw", "text"), [(ESC_2, "中文abc"), (ESC_3, "姓名：𠮷"), (ESC_4, "㐀")], ids=["ESC-2", "ESC-3", "ESC-4"]
)
def test_chinese_text_is_gb18030_and_only_in_chinese_mode(raw, text):
    assert escpos.encode_text(text) == raw
    assert escpos_decode.decode(b"\x1c\x26" + raw)[1:] == (escpos.Text(text),)
    with pytest.raises(WireFault) as fault:
        escpos_decode.decode(b"\x1c\x26\x1c\x2e" + raw)
    assert fault.value.code == "text_outside_chinese_mode"


def test_the_trap_output_of_the_library_is_refused():
    with pytest.raises(WireFault) as fault:
        escpos_decode.decode(ESC_5)
    assert fault.value.code == "unknown_command"


@pytest.mark.parametrize("character", "中A~ ，。：【】①￥ㄅ—囍〓")
def test_the_printers_font_has_gbk(character):
    assert escpos.is_in_font(character)


@pytest.mark.parametrize("character", "𠮷㐀€é\u00a0\ue000\x1b\ud800䶮".replace("é", ""))
def test_what_is_beyond_gbk_is_drawn(character):
    assert not escpos.is_in_font(character)


# ── round trips ────────────────────────────────────────────────────────────────────────────

texts = st.text(
    st.characters(min_codepoint=0x20, exclude_categories=("Cs", "Cc"), exclude_characters="\x80"), min_size=1
)
rasters = st.tuples(st.integers(1, 72), st.integers(1, 24)).flatmap(
    lambda size: st.binary(min_size=size[0] * size[1], max_size=size[0] * size[1]).map(
        lambda data: escpos.Raster(*size, escpos.defuse(data))
    )
)
printable = st.binary(min_size=1, max_size=331).map(lambda data: data.replace(b"\x10", b"-"))
commands = st.one_of(
    st.builds(escpos.Place, st.sampled_from(Align)),
    st.builds(escpos.Size, st.integers(1, 8), st.integers(1, 8)),
    st.builds(escpos.Bold, st.booleans()),
    st.builds(escpos.Feed, st.integers(0, 255)),
    st.builds(escpos.LineFeed),
    st.builds(escpos.Cut, st.booleans(), st.none() | st.integers(0, 255)),
    rasters,
    st.builds(escpos.QrModel, st.sampled_from((49, 50))),
    st.builds(escpos.QrSize, st.integers(1, 16)),
    st.builds(escpos.QrLevel, st.integers(48, 51)),
    st.builds(escpos.QrStore, printable),
    st.builds(escpos.QrPrint),
)
jobs = st.lists(commands | st.builds(lambda text: (escpos.Text(text), escpos.LineFeed()), texts), max_size=12).map(
    lambda found: (
        escpos.Reset(),
        escpos.Chinese(True),
        *(operation for item in found for operation in (item if isinstance(item, tuple) else (item,))),
        escpos.Chinese(False),
    )
)


@given(jobs)
def test_decoding_gives_back_what_was_encoded(job):
    raw = escpos.encode(job)
    assert escpos_decode.decode(raw) == job
    assert ESC_5 not in raw


@given(jobs, st.lists(st.integers(0, 4000), max_size=6), st.sampled_from((1, 2, 3, 4)))
def test_bytes_may_arrive_in_any_portions_with_status_requests_between(job, cuts, n):
    raw = escpos.encode(job)
    edges = sorted({0, len(raw), *(cut for cut in cuts if cut < len(raw))})
    decoder, asked, seen = escpos_decode.Decoder(), 0, b""
    for start, end in pairwise(edges):
        for portion in (raw[start:end], b"\x10", b"\x04" + bytes((n,))):
            asked += decoder.feed(portion).count(escpos.Ask(n))
            while (found := decoder.take()) is not None:
                seen += found[1]
    assert (seen, decoder.pending) == (raw, b"")
    assert asked == len(edges) - 1


@given(st.binary(max_size=200))
def test_noise_raises_only_wire_fault(noise):
    with suppress(WireFault):
        escpos_decode.decode(noise)


@given(st.lists(st.sampled_from((b"\x1b", b"\x1c", b"\x1d", b"\x10", b"\x28\x6b", b"v0\x00", b"\x31P0", b"\x01\x00"))))
def test_noise_that_looks_like_commands_raises_only_wire_fault(pieces):
    decoder = escpos_decode.Decoder()
    decoder.feed(b"".join(pieces))
    decoder.end()
    for _ in range(len(b"".join(pieces)) + 1):
        try:
            if decoder.take() is None:
                break
        except WireFault:
            continue
    else:
        pytest.fail("the decoder does not move on")


def test_real_time_commands_are_seen_at_once_even_inside_a_picture():
    raw = escpos.encode((BLACK,))
    decoder = escpos_decode.Decoder()
    assert decoder.feed(raw[:9] + b"\x10\x04\x02" + raw[9:11]) == (escpos.Ask(2),)
    assert decoder.take() is None
    assert decoder.feed(raw[11:] + escpos.CLEAR[:4]) == ()
    assert decoder.take() == (BLACK, raw)
    assert decoder.feed(escpos.CLEAR[4:]) == (escpos.ClearBuffer(),)
    assert decoder.pending == b""


def test_real_time_commands_encode():
    assert escpos.encode((escpos.Ask(4), escpos.ClearBuffer())) == bytes.fromhex(
        "10 04 04 10 14 08 01 03 14 01 06 02 08"
    )
    assert escpos_decode.decode(b"\x10\x04\x01") == (escpos.Ask(1),)


def test_clearing_forgets_half_a_command():
    decoder = escpos_decode.Decoder()
    decoder.feed(b"\x1d\x76\x30\x00\x02\x10")
    decoder.clear()
    assert decoder.pending == b""


@given(st.binary(max_size=400))
def test_a_defused_picture_holds_no_real_time_command(data):
    defused = escpos.defuse(data)
    assert len(defused) == len(data)
    assert not any(pair in defused for pair in (b"\x10\x04", b"\x10\x05", b"\x10\x14"))


@pytest.mark.parametrize(
    "operation",
    [
        escpos.Size(0, 1),
        escpos.Size(1, 9),
        escpos.Feed(256),
        escpos.QrModel(51),
        escpos.QrSize(17),
        escpos.QrLevel(52),
        escpos.QrStore(b""),
        escpos.QrStore(b"x" * 332),
        escpos.QrStore(b"\x10\x04\x01"),
        escpos.Cut(True, 256),
        escpos.Raster(0, 1, b""),
        escpos.Raster(-1, -1, b"\x00"),
        escpos.Raster(1, 2, b"\x00"),
        escpos.Raster(73, 4096, bytes(73 * 4096)),
        escpos.Raster(3, 1, b"\x10\x04\x01"),
        escpos.Text("a\x1bb"),
        escpos.Text("\x7f"),
        escpos.Text("\ud800"),
        escpos.Ask(5),  # type: ignore[arg-type]
    ],
)
def test_what_must_not_go_out_is_refused(operation):
    with pytest.raises(WireFault):
        escpos.encode((operation,))


@pytest.mark.parametrize(
    "raw",
    [
        "1B 74 00",  # code page
        "1C 70 01",
        "1B 61 03",
        "1D 21 88",
        "1D 56 02",
        "1D 76 31 00",
        "1D 76 30 01 01 00 01 00 00",  # double width picture
        "1D 76 30 00 00 00 01 00",
        "1D 76 30 00 FF FF FF FF",
        "1D 28 4C 02 00 30 32",
        "1D 28 6B 02 00 31 51",
        "1D 28 6B FF FF 31 50",
        "1D 28 6B 03 00 30 43 06",  # PDF417
        "1D 28 6B 03 00 31 43 00",
        "1D 28 6B 03 00 31 45 34",
        "1D 28 6B 03 00 31 51 31",
        "1D 28 6B 03 00 31 52 30",
        "1D 28 6B 03 00 31 41 32",
        "1D 28 6B 04 00 31 41 32 01",
        "1D 28 6B 04 00 31 41 34 00",
        "1D 28 6B 04 00 31 50 31 41",
        "1D 28 6B 03 00 31 50 30",
        "1C 26 FF",
        "1C 26 D6 20",
        "1C 26 41 FF",
        "00",
        "10 05",
        "7F",
        "80",
    ],
)
def test_unknown_bytes_are_a_fault(raw):
    with pytest.raises(WireFault):
        escpos_decode.decode(bytes.fromhex(raw))


@pytest.mark.parametrize(
    "raw",
    [
        "1B",
        "1B 61",
        "1D 56 42",
        "1D 76 30 00 01",
        "1D 76 30 00 01 00 01 00",
        "1D 28 6B 03",
        "1D 28 6B 03 00 31",
        "1C 26 D6",
        "1C 26 95 34 B2",
        "10",
        "10 04",
        "10 14 08",
    ],
)
def test_a_cut_off_end_is_a_fault(raw):
    with pytest.raises(WireFault):
        escpos_decode.decode(bytes.fromhex(raw))


def test_other_spellings_of_the_same_command_decode_alike():
    assert escpos_decode.decode(b"\x1b\x611") == (escpos.Place(Align.CENTER),)
    assert escpos_decode.decode(b"\x1dV1") == (escpos.Cut(True, None),)
    assert escpos_decode.decode(b"\x1c\x26\xd6\xd0\x1c\x2e") == (
        escpos.Chinese(True),
        escpos.Text("中"),
        escpos.Chinese(False),
    )
    assert escpos_decode.decode(b"ab\x1c\x26") == (escpos.Text("ab"), escpos.Chinese(True))


def test_a_reset_leaves_chinese_mode():
    with pytest.raises(WireFault):
        escpos_decode.decode(b"\x1c\x26\x1b\x40\xd6\xd0")
    with pytest.raises(WireFault):
        escpos_decode.decode(b"ab\xd6\xd0")


# ── status ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("n", "answer", "signals"),
    [
        (1, "12", Signal.NONE),
        (1, "16", Signal.NONE),  # drawer pin high, online
        (1, "1E", Signal.OFFLINE),
        (2, "16", Signal.COVER_OPEN),
        (2, "32", Signal.PAPER_END),
        (2, "52", Signal.ERROR),
        (3, "12", Signal.NONE),
        (3, "1A", Signal.ERROR | Signal.CUTTER),
        (3, "32", Signal.ERROR | Signal.UNRECOVERABLE),
        (3, "52", Signal.ERROR | Signal.AUTO_RECOVERABLE),
        (3, "16", Signal.ERROR),
        (4, "12", Signal.NONE),
        (4, "1E", Signal.PAPER_LOW),
        (4, "7E", Signal.PAPER_LOW | Signal.PAPER_END),
    ],
)
def test_status_vectors(n, answer, signals):
    assert escpos_status.decode_status(n, bytes.fromhex(answer)) == signals


@pytest.mark.parametrize("answer", [b"", b"\x00", b"\xff", b"\x13", b"\x92", b"\x02", b"\x12\x12", b"\x11"])
def test_no_answer_or_a_wrong_fixed_bit_is_never_a_status(answer):
    with pytest.raises(WireFault):
        escpos_status.decode_status(4, answer)


@given(st.sampled_from((1, 2, 3, 4)), st.integers(0, 255))
def test_every_status_byte_decodes_or_is_refused(n, byte):
    try:
        escpos_status.decode_status(n, bytes((byte,)))
    except WireFault:
        assert byte & 0x93 != 0x12


@given(st.sampled_from((1, 2, 3, 4)), st.sets(st.sampled_from(list(Signal))))
def test_a_printers_answer_tells_what_it_may_tell(n, signals):
    told = Signal.NONE
    for signal in signals:
        told |= signal
    answer = escpos_status.decode_status(n, escpos_status.encode_status(n, told))
    mine = {1: Signal.OFFLINE, 2: Signal.COVER_OPEN | Signal.PAPER_END | Signal.ERROR}
    mine[3] = Signal.CUTTER | Signal.UNRECOVERABLE | Signal.AUTO_RECOVERABLE
    mine[4] = Signal.PAPER_LOW | Signal.PAPER_END
    assert answer & mine[n] == told & mine[n]


def test_what_a_printer_answers_is_literal():
    assert escpos_status.encode_status(1, Signal.NONE) == b"\x12"
    assert escpos_status.encode_status(1, Signal.OFFLINE) == b"\x1a"
    assert escpos_status.encode_status(2, Signal.COVER_OPEN | Signal.PAPER_END | Signal.CUTTER) == b"\x36"
    assert escpos_status.encode_status(4, Signal.PAPER_LOW | Signal.PAPER_END) == b"\x7e"
