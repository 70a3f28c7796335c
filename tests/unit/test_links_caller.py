"""Calls that take no deadline: whoever waits is let go, and what nobody waits for is undone."""

from __future__ import annotations

import threading

import pytest

from devices.api import Cancelled, Deadline, NotReady, TimedOut
from devices.links.caller import Caller
from devices.links.pcsc import PcscLink
from tests.fixtures.reader import wait_until, within


@pytest.fixture
def gate():
    """An event that calls of a test wait for; opened in the end."""
    opened = threading.Event()
    yield opened
    opened.set()


def names() -> list[str]:
    """Return the names of the threads there are."""
    return [thread.name for thread in threading.enumerate()]


def test_a_call_returns_or_raises_what_it_does():
    caller = Caller()
    assert caller.call(lambda: 7, within(), 5) == 7
    with pytest.raises(NotReady, match="noService"):
        caller.call(_refuse, within(), 5)
    with pytest.raises(ZeroDivisionError):
        caller.call(lambda: 1 // 0, within(), 5)
    assert "pcsc" in names()
    caller.close()
    assert "pcsc" not in names()
    assert caller.call(lambda: 8, within(), 5) == 8  # again: with a new thread
    caller.close()
    caller.close()


def _refuse() -> None:
    raise NotReady("noService")


def test_a_call_that_hangs_is_mute_and_the_next_one_waits_for_it(gate):
    caller = Caller()
    undone: list[int] = []
    with pytest.raises(TimedOut, match="mute"):
        caller.call(lambda: gate.wait() and 5, within(), 0.1, undone.append)
    assert caller.is_held_up
    with pytest.raises(TimedOut, match="mute"):
        caller.call(lambda: 6, within(), 0.1)
    with pytest.raises(TimedOut, match="deadline"):
        caller.call(lambda: 6, Deadline(0.05), 20)
    gate.set()
    assert caller.call(lambda: 7, within(), 20) == 7
    assert not caller.is_held_up
    caller.close()


def test_what_a_call_brings_after_nobody_waits_is_undone(gate):
    caller = Caller()
    undone: list[object] = []
    with pytest.raises(TimedOut):
        caller.call(lambda: gate.wait() and "card", within(), 0.1, undone.append)
    gate.set()
    wait_until(lambda: bool(undone), "the undoing")
    assert undone == ["card"]
    caller.close()


def test_a_call_is_called_off(gate):
    caller = Caller()
    cancelled = threading.Event()
    threading.Timer(0.05, cancelled.set).start()
    with pytest.raises(Cancelled):
        caller.call(gate.wait, Deadline(30, cancelled), 30)
    gate.set()
    caller.close()


def test_a_thread_held_up_at_closing_ends_with_its_call(gate):
    caller = Caller()
    with pytest.raises(TimedOut):
        caller.call(gate.wait, within(), 0.05)
    caller.close()
    assert caller.call(lambda: 9, within(), 5) == 9
    caller.close()
    gate.set()
    wait_until(lambda: "pcsc" not in names(), "the thread to end")


@pytest.mark.parametrize("address", ["pcsc:", "pcsc: ", "serial:/dev/ttyUSB0", "pcsc"])
def test_a_link_that_names_no_reader_is_refused(address):
    with pytest.raises(ValueError, match=r"pcsc:\*"):
        PcscLink(address)
