"""The card reader unplugged, mute, plugged in again: the lane says so and comes back by itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from devices.api import DeviceKind, DeviceState, NotReady, Status, TimedOut
from devices.lane import DeviceLane
from devices.registry import make_device
from devices.sim.people import people
from tests.fixtures.reader import QUICK, ReaderRig, wait_until


class Watched:
    """A lane on a real driver, and everything it says."""

    def __init__(self, rig: ReaderRig) -> None:
        self.statuses: list[Status] = []
        self.replies: list[object] = []
        self.lane = DeviceLane(
            "reader-samv",
            lambda: make_device(DeviceKind.READER, "", rig.link, **QUICK),
            kind=DeviceKind.READER,
            on_status=self.statuses.append,
            poll_s=0.05,
        ).start()
        self.wait_for(DeviceState.ONLINE)

    def wait_for(self, state: DeviceState) -> Status:
        wait_until(lambda: [one.device for one in self.statuses][-1:] == [state], state.value)
        return self.statuses[-1]

    def read(self, turn: int) -> None:
        self.lane.call(
            turn, lambda reader, deadline: reader.read(deadline), 60, lambda _, value: self.replies.append(value)
        )

    def wait_for_replies(self, count: int) -> list[object]:
        wait_until(lambda: len(self.replies) >= count, f"{count} replies")
        return self.replies


@pytest.fixture
def watched(own_rig: ReaderRig) -> Iterator[Watched]:
    watched = Watched(own_rig)
    yield watched
    assert watched.lane.stop()


def test_a_reader_unplugged_while_waiting_for_a_card_says_so_and_comes_back(watched, own_rig):
    watched.read(1)
    wait_until(lambda: "2001" in own_rig.asked(), "the first question for a card")
    own_rig.process.kill()
    (lost,) = watched.wait_for_replies(1)
    assert (type(lost), lost.code) == (NotReady, "noDevice")
    assert watched.wait_for(DeviceState.NO_DEVICE).code == "noDevice"
    watched.read(2)
    assert isinstance(watched.wait_for_replies(2)[1], NotReady)

    own_rig.process.start_again()
    watched.wait_for(DeviceState.ONLINE)
    watched.read(3)
    own_rig.put("elder")
    assert watched.wait_for_replies(3)[2] == people(date.today())["elder"].card


def test_an_idle_reader_unplugged_is_noticed(watched, own_rig):
    own_rig.process.kill()
    watched.wait_for(DeviceState.NO_DEVICE)
    own_rig.process.start_again()
    watched.wait_for(DeviceState.ONLINE)
    assert [one.device for one in watched.statuses] == [
        DeviceState.ONLINE,
        DeviceState.NO_DEVICE,
        DeviceState.ONLINE,
    ]


def test_a_reader_that_falls_mute_is_offline_until_it_speaks(watched, own_rig):
    own_rig.call("fault", fault="mute")
    assert watched.wait_for(DeviceState.OFFLINE).code == "mute"
    own_rig.put("father")
    watched.read(1)
    assert isinstance(watched.wait_for_replies(1)[0], TimedOut)
    own_rig.call("mend")
    watched.wait_for(DeviceState.ONLINE)
    watched.read(2)
    assert watched.wait_for_replies(2)[1] == people(date.today())["father"].card


def test_a_card_pulled_early_leaves_the_reader_ready(watched, own_rig):
    own_rig.put("rare")
    own_rig.call("fault", fault="lifted")
    watched.read(1)
    assert watched.wait_for_replies(1)[0].code == "card_pulled"
    watched.read(1)
    own_rig.put("rare")
    assert watched.wait_for_replies(2)[1] == people(date.today())["rare"].card
    assert [one.device for one in watched.statuses] == [DeviceState.ONLINE]
