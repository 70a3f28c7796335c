"""Everything at once: the same request on many lines has one effect, and the last seat goes to one person."""

from __future__ import annotations

import json
import os
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from sandbox import device_commands
from sandbox.published import policy_bundle
from tests.fixtures.citizen import WOMAN, file_submission, officers_hands, unseal
from tests.fixtures.platform import LivePlatform, enrolled_terminal, running_platform
from tests.fixtures.platform_terminal import TestTerminal

AT_ONCE = 8
ROUNDS = 10 if os.environ.get("JINBAN_CHAOS") else 2


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivePlatform]:
    with running_platform(tmp_path_factory.mktemp("platform")) as live:
        yield live


@pytest.fixture(scope="module")
def sender(platform: LivePlatform) -> Iterator[TestTerminal]:
    with enrolled_terminal(platform) as made:
        yield made


@pytest.fixture(scope="module")
def ticket(sender: TestTerminal) -> str:
    identity = {"kind": "id_card", "name": "王秀英", "id_number": WOMAN.id_number.reveal()}
    body = {"identity": identity, "evidence": {"method": "card_read", "at": 1}, "session": "visit"}
    return str(sender.ask("POST", "/v1/persons/ticket", json=body).json()["person_ticket"])


def together(ask: Callable[[int], requests.Response]) -> list[requests.Response]:
    """Return the answers to one request sent on many lines at the same moment."""
    gate = threading.Barrier(AT_ONCE)

    def go(number: int) -> requests.Response:
        gate.wait(10)
        return ask(number)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(go, range(AT_ONCE)))


def line(sender: TestTerminal) -> TestTerminal:
    """Return the same device on a connection of its own."""
    return TestTerminal(
        sender.url, sender.ca, key=sender.key, dev=sender.dev, serial=sender.serial, token=sender.token,
        seal_keys=sender.seal_keys,
    )  # fmt: skip


@pytest.fixture
def lines(sender: TestTerminal) -> Iterator[list[TestTerminal]]:
    made = [line(sender) for _ in range(AT_ONCE)]
    yield made
    for one in made:
        one.close()


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_one_key_is_one_order_and_one_grant(lines, ticket, round_):
    headers = {"Jinban-Ticket": ticket, "Idempotency-Key": str(uuid.uuid4())}
    paid = {"channel": "pos", "notice_no": f"JF-{round_:012d}"}
    answers = together(lambda n: lines[n].ask("POST", "/v1/payments/orders", json=paid, headers=headers))
    assert {answer.status_code for answer in answers} == {201}
    assert len({json.dumps(unseal(answer.json()), sort_keys=True) for answer in answers}) == 1

    found = lines[0].ask("POST", "/v1/materials/search", json={"codes": ["M-HUKOU"]}, headers=headers)
    wanted = {"refs": [found.json()["materials"][0]["ref"]], "notice_sha256": "ab" * 32}
    answers = together(lambda n: lines[n].ask("POST", "/v1/materials/grants", json=wanted, headers=headers))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_two_seats_are_given_to_two(lines, ticket, round_):
    headers = {"Jinban-Ticket": ticket}
    slots = lines[0].ask("GET", "/v1/appointments/slots?site=demo-town-hall", headers=headers).json()["slots"]
    body = {"slot": slots[round_]["slot"], "item": "", "contact": "13800000000"}
    path = "/v1/appointments"
    answers = together(lambda n: lines[n].ask("PUT", f"{path}/{uuid.uuid4()}", json=body, headers=headers))
    assert Counter(answer.status_code for answer in answers) == {201: 2, 409: AT_ONCE - 2}
    assert all(answer.headers["Retry-After"] for answer in answers if answer.status_code == 409)

    mine, other = str(uuid.uuid4()), {**body, "slot": slots[round_ + 20]["slot"]}
    answers = together(lambda n: lines[n].ask("PUT", f"{path}/{mine}", json=other, headers=headers))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: AT_ONCE - 1}
    assert len({answer.text for answer in answers}) == 1


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_of_many_ratings_one_counts(sender, lines, round_):
    _, number = file_submission(sender, WOMAN)
    packed = []
    for level in range(AT_ONCE):
        one = sender.pack({}, {"identity": {"kind": "anonymous"}, "case_number": number, "level": 1 + level % 5})
        one.envelope.update(kind="rating")
        packed.append(one)
    answers = together(lambda n: lines[n].put(packed[n]))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 422: AT_ONCE - 1}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 422} == {"already_rated"}
    winner = next(n for n, answer in enumerate(answers) if answer.status_code == 201)
    again = together(lambda n: lines[n].put(packed[winner]))
    assert {answer.content for answer in again} == {answers[winner].content}


def test_many_officers_draw_many_counters_and_publish_one_version(platform, sender):
    with officers_hands(platform) as office:
        gate = threading.Barrier(AT_ONCE)
        (platform.state / "public" / "policy.json").write_text('{"idle_s": 77}')

        def work(_: int) -> str:
            gate.wait(10)
            device_commands.issue(office, sender.dev, "refresh")
            return policy_bundle(office)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            bundles = set(pool.map(work, range(AT_ONCE)))
        counters = [unseal(wire)["counter"] for wire in device_commands.due(office, [sender.dev]).get(sender.dev, [])]
    assert len(bundles) == 1
    assert counters == [1, 2, 3, 4, 5]
    assert len(device_commands.results(office, sender.dev)) == AT_ONCE
