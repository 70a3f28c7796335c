"""Several addresses of one platform: which is used, when it is left, and when the first is gone back to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from kiosk.central.endpoints import ReturnPace
from kiosk.central.heartbeat import Heartbeat
from kiosk.central.link import Link, open_link
from kiosk.central.pieces import PIECE_START
from offline_queue.api import Busy, PartUpload, PauseReason, Unreachable
from tests.fixtures.central import PATIENT, SID, Say, answer, html, issue_device, problem
from tests.unit.test_central_delivery import PULSE, Progress, TusFarEnd, consignment

__all__ = ["consignment"]
PACE = ReturnPace(look_s=10.0, well_s=60.0)


@pytest.fixture
def servers(start_server):
    return start_server("good"), start_server("good")


@pytest.fixture
def link(servers, pki, clock, signer, device_key, tmp_path) -> Iterator[Link]:
    """A terminal with two addresses of its platform."""
    first, second = servers
    made = open_link(
        issue_device(device_key, first.url),
        device_key,
        signer.ring(),
        clock,
        tmp_path / "trust",
        url=first.url,
        others=(second.url,),
        ca_path=pki.ca_path,
        version="0.1.0",
        timeouts=PATIENT,
        pace=PACE,
    )
    yield made
    made.close()


@pytest.fixture
def part(tmp_path) -> PartUpload:
    path = tmp_path / "blob.ksb1"
    path.write_bytes((bytes(range(251)) * (PIECE_START // 251 + 5))[: PIECE_START + 1000])
    return PartUpload("id-front", str(path), PIECE_START + 1000, "ab" * 32)


def puts(servers) -> list[int]:
    return [len(server.seen("PUT", "submissions")) for server in servers]


def test_the_first_address_is_used_while_it_works(link, servers, signer, consignment):
    for server in servers:
        server.say("PUT", "submissions", answer(200, signer.receipt()))
    link.delivery.probe()
    for _ in range(3):
        link.delivery.put(consignment)
    assert puts(servers) == [3, 0]
    assert servers[1].asked == []


def test_a_probe_moves_to_the_address_that_answers_and_stays_there(link, servers, signer, consignment):
    first, second = servers
    second.say("PUT", "submissions", answer(200, signer.receipt()))
    first.say("GET", "time", html())
    first.say("PUT", "submissions", html())
    with pytest.raises(Unreachable):
        link.delivery.put(consignment)
    link.delivery.probe()
    link.delivery.put(consignment)
    first.say("GET", "time", lambda asked: answer(200, signer.time(asked.path.partition("nonce=")[2])))
    link.delivery.probe()
    link.delivery.put(consignment)
    assert puts(servers) == [1, 2], "sticky: one answer of the first does not bring us back"


def test_each_address_has_a_token_of_its_own(link, servers, signer, consignment):
    first, second = servers
    first.say("PUT", "submissions", Say(503, b"", {"Retry-After": "60"}))
    second.say("PUT", "submissions", answer(200, signer.receipt()))
    second.say("POST", "token", answer(200, {"access_token": "of-the-second", "expires_in": 600}))
    with pytest.raises(Busy, match="moved"):
        link.delivery.put(consignment)
    link.delivery.put(consignment)
    assert [asked.headers["authorization"] for asked in first.seen("PUT", "submissions")] == ["Bearer token-1"]
    assert [asked.headers["authorization"] for asked in second.seen("PUT", "submissions")] == ["Bearer of-the-second"]
    assert f"{second.url}/v1/token" in _audience(second)


def _audience(server) -> str:
    import base64

    form = dict(pair.split("=", 1) for pair in server.seen("POST", "token")[0].body.decode().split("&"))
    claims = form["client_assertion"].split(".")[1]
    return json.loads(base64.urlsafe_b64decode(claims + "=="))["aud"]


@pytest.mark.parametrize("status", [429, 503])
def test_an_address_that_is_busy_rests_and_another_is_used_at_once(link, servers, clock, consignment, signer, status):
    first, second = servers
    first.say("PUT", "submissions", problem(status, "busy", **{"Retry-After": "40"}))
    second.say("PUT", "submissions", answer(200, signer.receipt()))
    with pytest.raises(Busy) as caught:
        link.delivery.put(consignment)
    assert (caught.value.code, caught.value.retry_after_s, caught.value.status) == ("moved", 0.0, 0)
    link.delivery.put(consignment)
    assert puts(servers) == [1, 1]
    second.say("PUT", "submissions", problem(503, "maintenance", **{"Retry-After": "20"}))
    with pytest.raises(Busy) as caught:
        link.delivery.put(consignment)
    assert (caught.value.code, caught.value.status) == ("maintenance", 503), "nothing else is ready: the queue waits"


def test_three_faults_in_a_row_move_on(link, servers, consignment, signer):
    first, second = servers
    first.say("PUT", "submissions", Say(500))
    second.say("PUT", "submissions", answer(200, signer.receipt()))
    for _ in range(3):
        with pytest.raises(Unreachable):
            link.delivery.put(consignment)
    link.delivery.put(consignment)
    assert puts(servers) == [3, 1]


def test_the_first_is_gone_back_to_when_it_has_been_well_for_a_while(link, servers, clock, signer, consignment):
    first, _ = servers
    for server in servers:
        server.say("PUT", "submissions", answer(200, signer.receipt()))
    first.say("GET", "time", Say(500))
    link.delivery.probe()
    clock.advance(10)
    link.look_back()
    first.say("GET", "time", lambda asked: answer(200, signer.time(asked.path.partition("nonce=")[2])))
    asked = len(first.seen("GET", "time"))
    link.look_back()
    assert len(first.seen("GET", "time")) == asked, "not asked again before its time"
    for _ in range(6):
        clock.advance(10)
        link.look_back()
        link.delivery.put(consignment)
    assert puts(servers) == [0, 6]
    clock.advance(10)
    link.look_back()
    link.delivery.put(consignment)
    assert puts(servers) == [1, 6]


def test_one_bad_answer_of_the_first_starts_its_time_again(link, servers, clock, signer, consignment):
    first, second = servers
    second.say("PUT", "submissions", answer(200, signer.receipt()))
    good = lambda asked: answer(200, signer.time(asked.path.partition("nonce=")[2]))  # noqa: E731
    first.say("GET", "time", Say(500), good, good, good, Say(500), good)
    link.delivery.probe()
    for _ in range(10):
        clock.advance(10)
        link.look_back()
    link.delivery.put(consignment)
    assert puts(servers) == [0, 1]


def test_an_upload_that_moves_is_asked_for_before_it_goes_on(link, servers, part, clock):
    first, second = servers
    far = TusFarEnd(first)
    progress = Progress()
    first.say("PATCH", "uploads", far.patch, Say(503, b"", {"Retry-After": "60"}))
    with pytest.raises(Busy, match="moved"):
        link.delivery.upload(SID, part, progress)
    shared = TusFarEnd(second)
    shared.data = far.data  # both addresses lead to the same platform
    url, acked = progress.seen[-1]
    link.delivery.upload(
        SID, msgspec.structs.replace(part, upload_url=f"{first.url}/v1{url}", acked_offset=acked), progress
    )
    asked = [one.method for one in second.asked if one.path.startswith("/v1/uploads")]
    assert asked == ["HEAD", "PATCH"]
    assert bytes(far.data) == Path(part.path).read_bytes()
    assert progress.seen[-1] == ("/uploads/u1", part.size)


def test_an_upload_that_only_the_first_address_knew_begins_anew(link, servers, part):
    first, second = servers
    TusFarEnd(first)
    far = TusFarEnd(second)
    second.say("HEAD", "uploads", Say(404))
    first.say("GET", "time", Say(500))
    link.delivery.probe()
    known = msgspec.structs.replace(part, upload_url=f"{first.url}/v1/uploads/u7", acked_offset=1000)
    link.delivery.upload(SID, known, Progress())
    assert bytes(far.data) == Path(part.path).read_bytes()


def test_a_forged_receipt_of_the_second_address_is_as_worthless(link, servers, signer, consignment):
    first, second = servers
    first.say("GET", "time", Say(500))
    second.say("PUT", "submissions", answer(200, {**signer.receipt(), "sig": "A" * 86}))
    link.delivery.probe()
    brought = link.delivery.put(consignment)
    with pytest.raises(Exception, match="receipt"):
        link.verifier.verify_receipt(
            brought.receipt, SID, link.signer.device_id, consignment.seq, consignment.manifest_sha256
        )


def test_no_address_that_answers_names_the_most_telling_reason(link, servers):
    first, second = servers
    first.say("GET", "time", Say(500))
    second.say("GET", "time", html())
    with pytest.raises(Unreachable) as caught:
        link.delivery.probe()
    assert caught.value.pause is PauseReason.PORTAL


def test_heartbeats_follow_the_address_in_use(link, servers, signer, tmp_path):
    first, second = servers
    first.say("GET", "time", Say(500))
    link.delivery.probe()
    with pytest.raises(Unreachable):
        Heartbeat(link.authorised, link.signer, signer.ring(), link.time, tmp_path).send(PULSE)
    assert len(second.seen("POST", "heartbeat")) == 1
    assert first.seen("POST", "heartbeat") == []


def test_an_address_that_is_none_of_ours_gets_nothing(link):
    with pytest.raises(ValueError, match="somebody else"):
        link.authorised.send("GET", "https://evil.example/v1/keys")
