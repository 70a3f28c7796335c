"""MJPEG over HTTP: what cameras send, cut into pictures however the bytes arrive."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.api import WireFault
from devices.wire import mjpeg

FFMPEG = (  # the answer of ffmpeg's mpjpeg muxer (libavformat/mpjpeg.c), body shortened
    b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=ffmpeg\r\nConnection: close\r\n\r\n"
    b"--ffmpeg\r\nContent-type: image/jpeg\r\nContent-length: 5\r\n\r\n\xff\xd8A\xff\xd9\r\n--ffmpeg\r\n"
)


def test_ffmpegs_own_stream_gives_its_picture() -> None:
    found = mjpeg.decode_head(FFMPEG)
    assert found is not None
    head, rest = found
    assert (head.status, head.boundary()) == (200, b"--ffmpeg")
    assert mjpeg.PartDecoder(head.boundary()).feed(rest) == (b"\xff\xd8A\xff\xd9",)


def test_the_request_is_http_1_0_so_no_body_comes_in_chunks() -> None:
    assert mjpeg.encode_request("127.0.0.1:80", "/stream") == (
        b"GET /stream HTTP/1.0\r\nHost: 127.0.0.1:80\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    )


@given(
    pictures=st.lists(st.binary(max_size=200), min_size=1, max_size=5),
    cuts=st.lists(st.integers(1, 40), min_size=1),
    with_length=st.booleans(),
)
def test_pictures_come_out_whole_however_the_bytes_arrive(
    pictures: list[bytes], cuts: list[int], with_length: bool
) -> None:
    if not with_length:
        pictures = [p.replace(b"-", b"") for p in pictures]  # without a length the boundary alone ends a picture
    body = b""
    for picture in pictures:
        length = f"Content-Length: {len(picture)}\r\n" if with_length else ""
        body += f"--b\r\nContent-Type: image/jpeg\r\n{length}\r\n".encode() + picture + b"\r\n"
    body += b"--b\r\n"
    decoder = mjpeg.PartDecoder(b"--b")
    got: list[bytes] = []
    at = number = 0
    while at < len(body):
        size = cuts[number % len(cuts)]
        got += decoder.feed(body[at : at + size])
        at, number = at + size, number + 1
    assert got == pictures


@given(st.binary(max_size=600))
def test_random_bytes_raise_only_a_wire_fault(data: bytes) -> None:
    for raw in (data, b"HTTP/1.0 200 OK\r\n" + data + b"\r\n\r\n"):
        try:
            found = mjpeg.decode_head(raw)
            if found is not None:
                mjpeg.PartDecoder(found[0].boundary()).feed(found[1])
        except WireFault:
            pass
    with contextlib.suppress(WireFault):
        mjpeg.PartDecoder(b"--b").feed(b"--b" + data + b"\r\n\r\n" + data)


@pytest.mark.parametrize(
    "kind", ["text/html", "image/jpeg", "multipart/x-mixed-replace", "multipart/x-mixed-replace; boundary=" + "b" * 71]
)
def test_a_body_without_parts_is_refused(kind: str) -> None:
    with pytest.raises(WireFault):
        mjpeg.Head(200, {"content-type": kind}).boundary()


def test_a_boundary_may_be_quoted_and_may_carry_its_dashes() -> None:
    quoted = mjpeg.Head(200, {"content-type": 'multipart/x-mixed-replace; boundary="b c"'})
    dashed = mjpeg.Head(200, {"content-type": "multipart/x-mixed-replace;boundary=--b"})
    assert (quoted.boundary(), dashed.boundary()) == (b"--b c", b"--b")


def test_a_part_beyond_twenty_megabytes_is_refused_before_it_is_read() -> None:
    with pytest.raises(WireFault, match="camera_part"):
        mjpeg.PartDecoder(b"--b").feed(b"--b\r\nContent-Length: 20000001\r\n\r\n")


def test_a_part_whose_head_does_not_end_is_refused() -> None:
    with pytest.raises(WireFault, match="camera_part"):
        mjpeg.PartDecoder(b"--b").feed(b"--b" + b"x" * 20_000)


def test_a_head_that_does_not_end_is_refused() -> None:
    with pytest.raises(WireFault, match="camera_head"):
        mjpeg.decode_head(b"HTTP/1.0 200 OK\r\n" + b"x" * 20_000)


@pytest.mark.parametrize("first", ["HTTP/1.1", "HTTP/1.1 ok", "HTTQ/1.1 200 OK", "HTTP/1.1 ２００ OK"])
def test_a_status_line_without_a_status_is_refused(first: str) -> None:
    with pytest.raises(WireFault, match="camera_head"):
        mjpeg.decode_head(f"{first}\r\nContent-Type: image/jpeg\r\n\r\n".encode())


def test_a_part_without_length_that_never_ends_is_refused() -> None:
    decoder = mjpeg.PartDecoder(b"--edge")
    decoder.feed(b"--edge\r\nContent-Type: image/jpeg\r\n\r\n")
    with pytest.raises(WireFault, match="does not end"):
        decoder.feed(bytes(32 * 1024 * 1024))  # more than any picture may have


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.integers(1, 50))
def test_chunks_come_back_whole_however_they_are_cut(pieces: list[bytes], size: int) -> None:
    wire = b"".join(f"{len(p):x};x=1\r\n".encode() + p + b"\r\n" for p in pieces) + b"0\r\n\r\nbeyond"
    decoder = mjpeg.ChunkDecoder()
    found = b"".join(decoder.feed(wire[at : at + size]) for at in range(0, len(wire), size))
    assert found == b"".join(pieces)
    assert decoder.is_over


@given(st.binary(max_size=400))
def test_any_bytes_are_chunks_or_a_wire_fault(data: bytes) -> None:
    with contextlib.suppress(WireFault):
        assert len(mjpeg.ChunkDecoder().feed(data)) <= len(data)


def test_an_answer_comes_in_pieces_and_its_head_is_read_once_it_is_whole() -> None:
    assert mjpeg.decode_head(b"HTT") is None
    assert mjpeg.decode_head(b"HTTP/1.0 200 OK\r\nA: 1\r\n") is None
    with pytest.raises(WireFault, match="camera_head"):
        mjpeg.decode_head(b"RTSP/1.0")
    found = mjpeg.decode_head(
        b"HTTP/1.0 401 No\r\nTransfer-Encoding: Chunked\r\nno colon\r\nContent-Length: 1e3\r\n\r\nx"
    )
    assert found is not None
    assert (found[0].status, found[0].is_chunked, found[0].length, found[1]) == (401, True, -1, b"x")


def test_chunks_are_taken_apart_byte_by_byte_and_end_with_an_empty_one() -> None:
    decoder, wire = mjpeg.ChunkDecoder(), b"3;x=1\r\nabc\r\n02\r\nde\r\n0\r\n\r\nbeyond"  # RFC 9112 §7.1
    assert b"".join(decoder.feed(bytes((byte,))) for byte in wire) == b"abcde"
    assert decoder.is_over
    assert decoder.feed(b"2\r\nfg\r\n") == b""


@pytest.mark.parametrize("wire", [b"x\r\n", b"\r\n\r\n", b"-1\r\nabc", b"123456789\r\n", b";x\r\n", b"1" * 301])
def test_a_chunk_without_its_length_is_refused(wire: bytes) -> None:
    with pytest.raises(WireFault, match="camera_chunk"):
        mjpeg.ChunkDecoder().feed(wire)


def test_a_picture_waits_for_its_last_byte_with_a_length_and_without() -> None:
    counted = mjpeg.PartDecoder(b"--b")
    assert counted.feed(b"noise--b\r\nContent-Length: 3") == ()
    assert counted.feed(b"\r\n\r\nab") == ()
    assert counted.feed(b"c\r\n") == (b"abc",)
    open_ended = mjpeg.PartDecoder(b"--b")
    assert open_ended.feed(b"--b\r\nContent-Type: image/jpeg\r\n\r\nabc\r\n--") == ()
    assert open_ended.feed(b"b") == (b"abc",)
