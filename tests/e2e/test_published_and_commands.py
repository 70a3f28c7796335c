"""What a live platform publishes and orders, and what an enrolled terminal believes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from kiosk.central.bundles import BundleRefresh, NoticeRefresh
from kiosk.central.commands import CommandInbox, Outcome, Word
from kiosk.central.heartbeat import Pulse
from kiosk.central.link import Link
from kiosk.services.catalogue import load_catalogue
from kiosk.station.audit_format import Head
from kiosk.trust.ring import KeyRing
from offline_queue.api import AnswerFault, QueueStats
from sandbox import device_commands
from sandbox.platform import Platform
from sandbox.published import OWN_CATALOGUE, Notice, NoticeTexts, Policy
from tests.fixtures.central import PlatformSigner, answer
from tests.fixtures.citizen import enrolled_link, officers_hands, unseal
from tests.fixtures.platform import LivePlatform, enrolled_terminal, running_platform

EMPTY = QueueStats(ready=0, sending=0, delivered=0, shredded=0, dead=0, bytes_waiting=0, oldest_wall="")


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivePlatform]:
    with running_platform(tmp_path_factory.mktemp("platform")) as live:
        yield live


@pytest.fixture(scope="module")
def office(platform: LivePlatform) -> Iterator[Platform]:
    with officers_hands(platform) as opened:
        yield opened


@pytest.fixture(scope="module")
def terminal(platform: LivePlatform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Link, KeyRing]]:
    with enrolled_link(platform, tmp_path_factory.mktemp("terminal")) as made:
        yield made


def beat(link: Link, inbox: CommandInbox) -> dict:
    pulse = Pulse("0.1.0", "2017.1", EMPTY, Head(0, "00" * 32), results=inbox.results())
    return link.heartbeat.send(pulse)


# ── commands ───────────────────────────────────────────────────────────────────────────────


def test_a_command_is_repeated_until_its_result_is_known(terminal, office, tmp_path):
    link, ring = terminal
    device_id = link.signer.device_id
    inbox = CommandInbox(tmp_path / "trust", ring, device_id)
    ids = [device_commands.issue(office, device_id, word) for word in device_commands.WORDS[:7]]

    first = beat(link, inbox)
    assert len(first["commands"]) == 5
    taken = inbox.take(first["commands"], first["now"])
    assert [command.id for command in taken.commands] == ids[:5]
    again = beat(link, inbox)
    assert again["commands"] == first["commands"]  # signed once, byte for byte
    assert inbox.take(again["commands"], again["now"]).commands == ()

    for command in taken.commands:
        inbox.settle(command.id, Outcome.FAILED if command.word is Word.REBOOT else Outcome.DONE)
    third = beat(link, inbox)
    assert third["ack_results"] == ids[:5]
    inbox.acknowledge(third["ack_results"])
    assert inbox.results() == ()
    assert [command.id for command in inbox.take(third["commands"], third["now"]).commands] == ids[5:]
    told = device_commands.results(office, device_id)
    assert [told[one] for one in ids] == ["done", "done", "failed", "done", "done", "", ""]


def test_a_command_of_one_terminal_is_nothing_to_another(terminal, office, platform, tmp_path):
    link, ring = terminal
    with enrolled_terminal(platform) as other:
        issued = device_commands.issue(office, other.dev, "wipe")
        wires = device_commands.due(office, [other.dev])[other.dev]
        taken = CommandInbox(tmp_path, ring, link.signer.device_id).take(wires, office.now())
        assert (taken.commands, taken.rejected) == ((), 1)
        beat_of_ours = {"n": 99, "dev": link.signer.device_id, "results": [{"id": issued, "outcome": "done"}]}
        assert other.beat(**{**beat_of_ours, "dev": other.dev}).status_code == 200  # its own result is taken
    assert device_commands.results(office, other.dev)[issued] == "done"
    with pytest.raises(ValueError, match="no such command"):
        device_commands.issue(office, other.dev, "format_disk")
    with pytest.raises(KeyError):
        device_commands.issue(office, "K-999999", "reboot")


def test_a_command_that_is_over_is_not_given_any_more(office, platform):
    with enrolled_terminal(platform) as other:
        late = device_commands.issue(office, other.dev, "self_test", life_s=0)
        good = device_commands.issue(office, other.dev, "self_test")
        assert [unseal(wire)["id"] for wire in device_commands.due(office, [other.dev])[other.dev]] == [good]
        assert device_commands.results(office, other.dev) == {late: "", good: ""}


# ── catalogue, policy, notices ─────────────────────────────────────────────────────────────


def test_the_published_catalogue_is_the_one_on_disk(terminal, tmp_path):
    link, ring = terminal
    catalogue = BundleRefresh(link.authorised, ring, tmp_path / "trust", "catalogue")
    assert (catalogue.load(), catalogue.refresh(), catalogue.refresh()) == (False, True, False)
    folder = tmp_path / "catalogue"
    folder.mkdir()
    for file in catalogue.bundle.content:
        (folder / file.name).write_text(file.text, "utf-8")
    assert load_catalogue(folder).version == load_catalogue(OWN_CATALOGUE).version
    again = BundleRefresh(link.authorised, ring, tmp_path / "trust", "catalogue")
    assert again.load()
    assert again.bundle == catalogue.bundle


def test_each_change_of_the_policy_is_a_new_version(terminal, platform, tmp_path):
    link, ring = terminal
    path = platform.state / "public" / "policy.json"
    policy = BundleRefresh(link.authorised, ring, tmp_path, "policy")

    def told() -> int:
        return int(beat(link, CommandInbox(tmp_path, ring, link.signer.device_id))["config_version"])

    assert policy.refresh()
    assert policy.bundle.content["idle_s"] == Policy().idle_s
    for idle_s in (90, 60):  # also the way back is a step forward
        version, before = policy.bundle.version, told()
        path.write_text(json.dumps({"idle_s": idle_s}))
        assert told() == before + 1  # the heartbeat says so before anybody asked
        assert policy.refresh()
        assert (policy.bundle.version, policy.bundle.content["idle_s"]) == (version + 1, idle_s)
        assert told() == before + 1


@pytest.mark.parametrize("broken", ["{", '{"idle_s": 0}', '{"idle_s": 60, "unknown": 1}', "\udcff"])
def test_a_policy_that_cannot_be_used_leaves_the_last_good_one(terminal, platform, tmp_path, broken):
    link, ring = terminal
    path = platform.state / "public" / "policy.json"
    inbox = CommandInbox(tmp_path, ring, link.signer.device_id)
    policy = BundleRefresh(link.authorised, ring, tmp_path, "policy")
    policy.refresh()
    before = beat(link, inbox)["config_version"]
    path.write_bytes(broken.encode("utf-8", "surrogateescape"))
    assert beat(link, inbox)["config_version"] == before
    again = BundleRefresh(link.authorised, ring, tmp_path / "again", "policy")
    assert again.refresh()
    assert again.bundle == policy.bundle
    assert ("", "unpublishable") in [(dev, kind) for dev, kind, _ in platform.notes()]


def test_an_older_bundle_and_a_strangers_are_not_believed(link, server, signer: PlatformSigner, tmp_path: Path):
    policy = BundleRefresh(link.authorised, signer.ring(), tmp_path, "policy")
    now = int(link.time.now_s())

    def say(version: int, use: str = "bundle", **changes: object) -> None:
        value = {"v": 1, "typ": "policy", "version": version, "ts": now, "policy": {"idle_s": version}, **changes}
        server.say("GET", "policy", answer(200, signer.wire(use, "kiosk/bundle/v1", value)))

    say(3)
    assert policy.refresh()
    for hostile in (
        {"version": 2}, {"version": 4, "use": "time"}, {"version": 4, "typ": "keys"}, {"version": 4, "policy": []},
        {"version": 0},
    ):  # fmt: skip
        say(**hostile)
        with pytest.raises(AnswerFault, match="bundle_unverified"):
            policy.refresh()
    assert policy.bundle.content == {"idle_s": 3}
    say(3)
    assert not policy.refresh()

    catalogue = BundleRefresh(link.authorised, signer.ring(), tmp_path, "catalogue")
    good = {
        "name": "a.yaml",
        "sha256": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
        "text": "foo",
    }
    for files in (
        [{**good, "name": "../a.yaml"}], [{**good, "name": "a.py"}], [good, good], [{**good, "text": "bar"}], [], [5],
        {},
    ):  # fmt: skip
        value = {"v": 1, "typ": "catalogue", "version": 1, "ts": now, "files": files}
        server.say("GET", "catalogue", answer(200, signer.wire("bundle", "kiosk/bundle/v1", value)))
        with pytest.raises(AnswerFault, match="bundle_unverified"):
            catalogue.refresh()


def test_notices_reach_those_they_are_for(terminal, platform, office, tmp_path):
    link, ring = terminal
    device_id = link.signer.device_id
    board = NoticeRefresh(link.authorised, ring, device_id)
    assert board.refresh()
    assert board.notices == ()
    now = office.now()
    notices = [
        Notice("all", "info", NoticeTexts("今天停电", "No power today"), now, now + 600),
        Notice("us", "urgent", NoticeTexts("请休息", "Rest"), now, now + 600, (device_id,)),
        Notice("them", "urgent", NoticeTexts("别人", "Others"), now, now + 600, ("K-999999",)),
        Notice("over", "info", NoticeTexts("过去", "Past"), now - 60, now - 1),
    ]
    (platform.state / "public" / "notices.json").write_bytes(msgspec.json.encode(notices))
    before = beat(link, CommandInbox(tmp_path, ring, device_id))["config_version"]
    assert board.refresh()
    assert [(one.id, one.level, one.zh) for one in board.notices] == [
        ("all", "info", "今天停电"), ("us", "urgent", "请休息"),
    ]  # fmt: skip
    assert not board.refresh()
    (platform.state / "public" / "notices.json").write_bytes(msgspec.json.encode(notices[1:]))  # one is withdrawn
    assert beat(link, CommandInbox(tmp_path, ring, device_id))["config_version"] == before + 1


def test_one_bad_notice_and_the_board_stays(link, server, signer: PlatformSigner):
    board = NoticeRefresh(link.authorised, signer.ring(), link.signer.device_id)
    now = int(link.time.now_s())
    value = {
        "v": 1, "typ": "notice", "version": 1, "ts": now, "id": "a", "level": "info",
        "texts": {"zh": "字", "en": "word"}, "from": now, "until": now + 9, "scope": [],
    }  # fmt: skip
    good = signer.wire("notice", "kiosk/notice/v1", value)
    server.say("GET", "notices", answer(200, {"notices": [good]}))
    assert board.refresh()
    for bad in (
        signer.wire("bundle", "kiosk/notice/v1", value), signer.wire("notice", "kiosk/bundle/v1", value),
        signer.wire("notice", "kiosk/notice/v1", {**value, "level": "shout"}),
        signer.wire("notice", "kiosk/notice/v1", {**value, "texts": {"zh": "字"}}),
        signer.wire("notice", "kiosk/notice/v1", {**value, "scope": "all"}), {"o": "x"},
    ):  # fmt: skip
        server.say("GET", "notices", answer(200, {"notices": [good, bad]}))
        with pytest.raises(AnswerFault, match="notice_unverified"):
            board.refresh()
    assert [one.id for one in board.notices] == ["a"]
