"""Size and speed of what goes up, and uploads that the platform has let expire."""

from __future__ import annotations

import email.utils
from pathlib import Path

import pytest

from kiosk.central.client import PlatformClient
from kiosk.central.pieces import PIECE_MAX, PIECE_MIN, PIECE_START, Limiter, Pieces
from offline_queue.api import PartUpload, QueueError, Unreachable
from tests.fixtures.central import NOW_S, PATIENT, SID, ManualClock, Say
from tests.unit.test_central_delivery import Progress, part, resumed, tus

__all__ = ["part", "tus"]


def test_a_piece_doubles_after_three_that_arrived_and_halves_when_one_is_lost():
    pieces = Pieces()
    assert pieces.size == PIECE_START
    for _ in range(3):
        pieces.arrived(0.1)
    assert pieces.size == PIECE_MAX
    for _ in range(9):
        pieces.arrived(0.1)
    assert pieces.size == PIECE_MAX
    for expected in (256, 128, 64, 64):
        pieces.lost()
        assert pieces.size == expected * 1024
    pieces.arrived(0.1)
    pieces.arrived(0.1)
    pieces.lost()
    pieces.arrived(0.1)
    pieces.arrived(0.1)
    assert pieces.size == PIECE_MIN, "three in a row, not three in all"


def test_a_slow_line_is_not_given_larger_pieces():
    pieces = Pieces()
    for _ in range(9):
        pieces.arrived(8.0)
    assert pieces.size == PIECE_START
    limited = Pieces(bytes_per_s=20_000)
    for _ in range(9):
        limited.arrived(1.0)
    assert limited.size == 80_000


def test_the_size_is_kept_over_the_parts_of_a_run(link, server, tus, part, tmp_path):
    path = tmp_path / "large.ksb1"
    path.write_bytes(bytes(3 * PIECE_START))
    large = PartUpload("scan", str(path), 3 * PIECE_START, "cd" * 32)
    link.delivery.upload(SID, large, Progress())
    sizes = [len(asked.body) for asked in server.seen("PATCH", "uploads")]
    assert sizes == [PIECE_START] * 3
    server.asked.clear()
    tus.data.clear()
    link.delivery.upload(SID, part, Progress())
    assert len(server.seen("PATCH", "uploads")[0].body) == PIECE_MAX


@pytest.mark.parametrize("gone", [Say(408), Say(413), Say(502), Say(200, b"x" * 9, cut_after=1)])
def test_a_piece_that_a_gateway_turns_away_makes_the_next_smaller(link, server, tus, part, gone):
    server.say("PATCH", "uploads", gone, tus.patch)
    with pytest.raises(QueueError):
        link.delivery.upload(SID, part, Progress())
    link.delivery.upload(SID, resumed(part, f"{server.url}/v1/uploads/u1"), Progress())
    assert [len(asked.body) for asked in server.seen("PATCH", "uploads")][:2] == [PIECE_START, PIECE_START // 2]
    assert bytes(tus.data) == Path(part.path).read_bytes()


def date(seconds: int) -> str:
    return email.utils.formatdate(NOW_S + seconds, usegmt=True)


def test_an_upload_past_its_end_is_not_resumed(link, server, tus, part, clock):
    life = {"Upload-Expires": date(1000 + 600), "Date": date(1000)}  # the platform's clock is not ours
    server.say("POST", "uploads", Say(201, b"", {"Location": "/v1/uploads/u1", **life}))
    server.say("PATCH", "uploads", Say(500))
    for seconds, methods in ((0, ["POST", "PATCH"]), (599, ["HEAD", "PATCH"]), (2, ["POST", "PATCH"])):
        clock.advance(seconds)
        server.asked.clear()
        known = resumed(part, f"{server.url}/v1/uploads/u1") if seconds else part
        with pytest.raises(Unreachable):
            link.delivery.upload(SID, known, Progress())
        assert [asked.method for asked in server.asked if "/uploads" in asked.path] == methods


def test_an_answer_with_a_later_end_renews_it(link, server, tus, part, clock):
    server.say(
        "POST",
        "uploads",
        Say(201, b"", {"Location": "/v1/uploads/u1", "Upload-Expires": date(60), "Date": date(0)}),
    )
    later = {"Upload-Offset": "0", "Upload-Expires": date(9000), "Date": date(0)}
    server.say("HEAD", "uploads", Say(200, b"", later))
    server.say("PATCH", "uploads", Say(500))
    for known in (part, resumed(part, f"{server.url}/v1/uploads/u1")):
        with pytest.raises(Unreachable):
            link.delivery.upload(SID, known, Progress())
    clock.advance(100)
    server.asked.clear()
    with pytest.raises(Unreachable):
        link.delivery.upload(SID, resumed(part, f"{server.url}/v1/uploads/u1"), Progress())
    assert server.seen("HEAD", "uploads"), "still known, so it is asked for"


def test_after_a_restart_the_platform_says_that_an_upload_has_ended(link, server, tus, part):
    ended = {"Upload-Offset": "1000", "Upload-Expires": date(-1), "Date": date(0)}
    server.say("HEAD", "uploads", Say(200, b"", ended))
    progress = Progress()
    link.delivery.upload(SID, resumed(part, f"{server.url}/v1/uploads/old", 1000), progress)
    assert progress.seen[0] == ("/uploads/u1", 0)
    assert bytes(tus.data) == Path(part.path).read_bytes()


def test_an_address_that_now_means_another_upload_is_left(link, server, tus, part):
    server.say("HEAD", "uploads", Say(200, b"", {"Upload-Offset": "10", "Upload-Length": "11"}))
    link.delivery.upload(SID, resumed(part, f"{server.url}/v1/uploads/old", 10), Progress())
    assert bytes(tus.data) == Path(part.path).read_bytes()


@pytest.mark.parametrize("text", ["soon", "Thu, 99 Foo 2026 00:00:00 GMT", "-1"])
def test_an_end_that_is_no_date_is_no_end(link, server, tus, part, clock, text):
    server.say("POST", "uploads", Say(201, b"", {"Location": "/v1/uploads/u1", "Upload-Expires": text}))
    link.delivery.upload(SID, part, Progress())
    assert bytes(tus.data) == Path(part.path).read_bytes()


# ── the limit on bytes a second ─────────────────────────────────────────────────────────────


class WaitedClock(ManualClock):
    """A clock that moves by being waited on."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.advance(seconds)


def test_a_body_leaves_no_faster_than_the_limit(server, pki, tus):
    clock = WaitedClock()
    client = PlatformClient(server.url, pki.ca_path, clock, "0.1.0", PATIENT, Limiter(20_000, clock, clock.wait))
    body = (bytes(range(251)) * 400)[:100_000]
    started = clock.mono_s()
    client.exchange("PATCH", client.url("/uploads/u1"), {"Upload-Offset": "0"}, body)
    client.close()
    assert bytes(tus.data) == body
    assert clock.mono_s() - started == pytest.approx(100_000 / 20_000, abs=0.3)
    assert len(clock.waits) >= 15, "in slices, so that the line stays usable in between"


def test_two_bodies_share_one_limit():
    clock = WaitedClock()
    limiter = Limiter(10_000, clock, clock.wait)
    started = clock.mono_s()
    for _ in range(2):
        assert b"".join(limiter.body(bytes(30_000))) == bytes(30_000)
    assert clock.mono_s() - started == pytest.approx(6.0, abs=0.3)


def test_a_form_is_never_held_back():
    limiter = Limiter(4096, WaitedClock())
    assert limiter.body(bytes(16 * 1024)) == bytes(16 * 1024)
    assert Limiter(0, WaitedClock()).body(bytes(10**6)) == bytes(10**6)
    assert len(limiter.body(bytes(10**6))) == 10**6
