"""The fault script: every way the platform can misbehave, as a client sees it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import requests

from sandbox.faults import FLAVOURS
from tests.fixtures.platform import LivePlatform, enrolled_terminal, running_platform
from tests.fixtures.platform_terminal import Consignment, TestTerminal, unb64url


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivePlatform]:
    """One platform for this file."""
    with running_platform(tmp_path_factory.mktemp("platform")) as running:
        yield running


@pytest.fixture
def platform(live: LivePlatform) -> Iterator[LivePlatform]:
    """The platform with an empty script, before and after."""
    live.faults.clear()
    yield live
    assert live.faults.left() == 0
    live.faults.clear()


@pytest.fixture(scope="module")
def sender(live: LivePlatform) -> Iterator[TestTerminal]:
    """One terminal for this file."""
    with enrolled_terminal(live) as made:
        yield made


@pytest.fixture
def consignment(sender: TestTerminal) -> Consignment:
    """A submission whose parts are already there."""
    packed = sender.pack({"signature": (b"ink", "image/png")})
    sender.upload(packed)
    return packed


def test_the_next_puts_meet_a_gateway_and_then_the_platform(
    platform: LivePlatform, sender: TestTerminal, consignment: Consignment
) -> None:
    platform.faults.next("put", status=500, times=2)
    platform.faults.next("put", status=429, retry_after="7")
    answers = [sender.put(consignment) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [500, 500, 429, 201]
    assert answers[2].headers["Retry-After"] == "7"
    assert b"code" not in answers[0].content
    assert platform.requests(consignment.sid) == 1


@pytest.mark.parametrize(
    ("status", "code"), [(409, "in_progress"), (503, "busy"), (401, "token_expired"), (403, "device_suspended")]
)
def test_a_fault_can_carry_our_own_code(
    platform: LivePlatform, sender: TestTerminal, consignment: Consignment, status: int, code: str
) -> None:
    platform.faults.next("put", status=status, code=code, retry_after="3")
    answer = sender.put(consignment)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Retry-After"] == "3"
    assert sender.put(consignment).status_code == 201


def test_refusing_is_terminal_and_nothing_is_committed(
    platform: LivePlatform, sender: TestTerminal, consignment: Consignment
) -> None:
    platform.faults.refuse_next()
    answer = sender.put(consignment)
    assert (answer.status_code, answer.json()["code"]) == (422, "refused")
    assert platform.commits(consignment.sid) == 0


def test_portals_answer_with_pages_and_redirects(
    platform: LivePlatform, sender: TestTerminal, consignment: Consignment
) -> None:
    platform.faults.next("any", "html")
    page = sender.put(consignment)
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html")
    platform.faults.next("time", "redirect")
    assert sender.ask("GET", "/v1/time?nonce=" + "0" * 32).status_code == 302


def test_silence_before_the_request_takes_effect(
    platform: LivePlatform, sender: TestTerminal, consignment: Consignment
) -> None:
    platform.faults.next("put", "close")
    with pytest.raises(requests.ConnectionError):
        sender.put(consignment)
    platform.faults.next("put", "hang")
    with pytest.raises(requests.Timeout):
        sender.session.put(f"{sender.url}/v1/submissions/{consignment.sid}", data=b"{}", timeout=0.3)
    assert platform.commits(consignment.sid) == 0
    assert sender.put(consignment).status_code == 201


def test_a_reply_lost_after_the_commit_is_found_again(
    platform: LivePlatform, sender: TestTerminal, consignment: Consignment
) -> None:
    platform.faults.next("put", "drop_reply")
    with pytest.raises(requests.ConnectionError):
        sender.put(consignment)
    assert platform.commits(consignment.sid) == 1
    status = sender.status(consignment.sid).json()
    assert status["state"] == "committed"
    again = sender.put(consignment)
    assert (again.status_code, again.json()) == (200, status["receipt"])
    assert platform.commits(consignment.sid) == 1


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_wrong_receipt_differs_from_the_right_one(
    platform: LivePlatform, sender: TestTerminal, consignment: Consignment, flavour: str
) -> None:
    platform.faults.next("put", "wrong_receipt", flavour=flavour)
    wrong = sender.put(consignment)
    assert wrong.status_code == 201
    right = sender.put(consignment)
    assert right.status_code == 200
    assert wrong.json() != right.json()
    told, true = (json.loads(unb64url(body.get("o", "e30"))) for body in (wrong.json(), right.json()))
    changed = {key for key in true if told.get(key) != true[key]}
    fields = {"sid": {"sid"}, "hash": {"manifest_sha256"}, "seq": {"seq"}, "dev": {"dev"}, "empty": set(true)}
    assert changed == fields.get(flavour, set())
    if flavour == "der":
        assert len(unb64url(wrong.json()["sig"])) == 70


def test_time_can_be_skewed(platform: LivePlatform, sender: TestTerminal) -> None:
    path = "/v1/time?nonce=" + "0" * 32
    platform.faults.next("time", "skew", skew_s=86_400)
    skewed, straight = (json.loads(unb64url(sender.ask("GET", path).json()["o"]))["now"] for _ in range(2))
    assert 86_300 < skewed - straight <= 86_400


def test_faults_hit_only_their_kind_and_survive_a_restart(
    platform: LivePlatform, sender: TestTerminal, consignment: Consignment
) -> None:
    platform.faults.next("heartbeat", status=500)
    platform.faults.next("token", status=502)
    platform.stop()
    platform.start()
    assert platform.faults.left("token") == 1
    assert sender.put(consignment).status_code == 201
    assert sender.ask_token(sender.assertion()).status_code == 502
    assert sender.beat().status_code == 500
    assert sender.beat().status_code == 200


def test_a_fault_that_does_not_exist_cannot_be_scripted(platform: LivePlatform) -> None:
    with pytest.raises(ValueError, match="no such fault"):
        platform.faults.next("put", "explode")
    with pytest.raises(ValueError, match="no such fault"):
        platform.faults.next("put", "wrong_receipt", flavour="sour")


@pytest.mark.parametrize("kind", ["create", "head", "get", "keys", "enrol"])
def test_every_kind_of_request_can_be_hit(platform: LivePlatform, sender: TestTerminal, kind: str) -> None:
    platform.faults.next(kind, status=500)
    sid = "01990000-0000-7000-8000-000000000001"
    ask = {
        "create": lambda: sender.create_upload(sid, "signature", "0" * 64, 5),
        "head": lambda: sender.head("/v1/uploads/0"),
        "get": lambda: sender.status(sid),
        "keys": lambda: sender.ask("GET", "/v1/keys"),
        "enrol": lambda: sender.begin_enrolment("x"),
    }[kind]
    assert ask().status_code == 500
    assert ask().status_code != 500
