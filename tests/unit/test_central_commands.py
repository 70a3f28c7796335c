"""Commands are believed only signed, for us, in time and in order; and remembered over restarts."""

from __future__ import annotations

import itertools
import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.central.commands import FILE, CommandInbox, Outcome, Result, Taken, Word
from tests.fixtures.central import DEVICE_ID, NOW_S, PlatformSigner


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "trust"


@pytest.fixture
def inbox(folder: Path, signer: PlatformSigner) -> CommandInbox:
    return CommandInbox(folder, signer.ring(), DEVICE_ID)


def command(signer: PlatformSigner, counter: int = 1, word: str = "refresh", **changes: Any) -> dict[str, str]:
    value = {
        "v": 1, "typ": "command", "id": changes.pop("id", str(uuid.uuid4())), "dev": DEVICE_ID, "word": word,
        "counter": counter, "ts": NOW_S, "exp": NOW_S + 60, **changes,
    }  # fmt: skip
    return signer.wire("command", "kiosk/command/v1", value)


def test_commands_come_in_order_and_once(inbox, signer):
    wires = [command(signer, 2, "reboot", id="second"), command(signer, 1, "refresh", id="first")]
    taken = inbox.take(wires, NOW_S)
    assert [(one.id, one.word, one.counter) for one in taken.commands] == [
        ("first", Word.REFRESH, 1), ("second", Word.REBOOT, 2),
    ]  # fmt: skip
    assert inbox.take(wires, NOW_S) == Taken()
    assert inbox.take([command(signer, 2)], NOW_S) == Taken()


def test_the_counter_outlives_a_restart(inbox, folder, signer):
    old = command(signer, 7, id="done before")
    inbox.take([old], NOW_S)
    inbox.settle("done before", Outcome.DONE)
    again = CommandInbox(folder, signer.ring(), DEVICE_ID)
    assert again.take([old, command(signer, 6)], NOW_S) == Taken()
    assert again.results() == (Result("done before", Outcome.DONE),)
    assert len(again.take([command(signer, 8)], NOW_S).commands) == 1


def test_what_was_under_way_is_known_after_a_restart(inbox, folder, signer):
    inbox.take([command(signer, 1, "reboot", id="under way")], NOW_S)
    again = CommandInbox(folder, signer.ring(), DEVICE_ID)
    assert [one.id for one in again.unfinished()] == ["under way"]
    again.settle("under way", Outcome.DONE)
    assert again.unfinished() == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"dev": "K-000124"}, {"typ": "notice"}, {"counter": 0}, {"counter": -1}, {"counter": True}, {"counter": "9"},
        {"counter": 2**53 - 1}, {"exp": None}, {"exp": "never"}, {"ts": None}, {"id": ""}, {"id": "x" * 65}, {"id": 5},
        {"word": None}, {"ts": NOW_S - 10**9},
    ],
)  # fmt: skip
def test_an_object_that_is_not_a_command_to_us_is_not_believed(inbox, signer, changes):
    assert inbox.take([command(signer, **{"counter": 5, **changes})], NOW_S) == Taken((), 1)
    assert len(inbox.take([command(signer, 1)], NOW_S).commands) == 1  # and has raised nothing


def test_a_command_that_nobody_of_ours_signed_is_not_believed(inbox, signer):
    good = command(signer)
    other = signer.wire("time", "kiosk/command/v1", {"typ": "command"})
    purpose = signer.wire("command", "kiosk/time/v1", {"typ": "command", "ts": NOW_S})
    flipped = {**good, "sig": good["sig"][:-2] + ("AA" if good["sig"][-2:] != "AA" else "BA")}
    hostile = [{**good, "kid": "command-2"}, other, purpose, flipped]
    assert inbox.take(hostile, NOW_S) == Taken((), 4)
    assert inbox.take([None, {}, [], "x", 7], NOW_S) == Taken((), 5)
    assert inbox.take({"not": "a list"}, NOW_S) == Taken()


def test_no_more_than_five_are_taken(inbox, signer):
    taken = inbox.take([command(signer, number) for number in range(1, 8)], NOW_S)
    assert ([one.counter for one in taken.commands], taken.rejected) == ([1, 2, 3, 4, 5], 2)


def test_a_late_command_and_a_word_from_the_future_are_answered_and_not_done(inbox, signer):
    late, strange = command(signer, 1, exp=NOW_S, id="late"), command(signer, 2, "dance", id="strange")
    assert inbox.take([late, strange], NOW_S) == Taken()
    assert inbox.results() == (Result("late", Outcome.EXPIRED), Result("strange", Outcome.REFUSED))


def test_results_are_told_until_the_platform_has_them(inbox, folder, signer):
    inbox.take([command(signer, 1, id="one"), command(signer, 2, id="two")], NOW_S)
    inbox.settle("one", Outcome.DONE)
    inbox.settle("two", Outcome.FAILED)
    inbox.settle("one", Outcome.FAILED)
    inbox.settle("nobody", Outcome.DONE)
    inbox.acknowledge(["one", 5, None, "other"])
    inbox.acknowledge("two")
    assert CommandInbox(folder, signer.ring(), DEVICE_ID).results() == (Result("two", Outcome.FAILED),)


@pytest.mark.parametrize("broken", [b"", b"{", b"[]", b'{"counter": "5"}', b'{"counter": 1, "open": 3}'])
def test_a_lost_state_refuses_every_command(folder, signer, broken):
    folder.mkdir()
    (folder / FILE).write_bytes(broken)
    inbox = CommandInbox(folder, signer.ring(), DEVICE_ID)
    assert inbox.is_blocked
    assert inbox.take([command(signer, 10**12)], NOW_S) == Taken()


def test_what_cannot_be_kept_is_not_taken(inbox, folder, signer):
    folder.write_bytes(b"no folder")  # where the state's folder should be
    with pytest.raises(OSError, match=str(folder.name)):
        inbox.take([command(signer, 1, id="kept")], NOW_S)
    folder.unlink()
    assert [one.id for one in inbox.take([command(signer, 1, id="kept")], NOW_S).commands] == ["kept"]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 12), st.booleans()), max_size=12))
def test_whatever_is_repeated_no_counter_is_obeyed_twice(tmp_path_factory, signer, offers):
    folder = tmp_path_factory.mktemp("trust")
    done: list[int] = []
    inbox = CommandInbox(folder, signer.ring(), DEVICE_ID)
    for counter, restarts in offers:
        inbox = CommandInbox(folder, signer.ring(), DEVICE_ID) if restarts else inbox
        done += [one.counter for one in inbox.take([command(signer, counter)], NOW_S).commands]
    assert all(before < after for before, after in itertools.pairwise(done))
