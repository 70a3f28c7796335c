"""A lane: one command at a time, everybody answered once, status only when it changes, no thread left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from devices.api import (
    Cancelled,
    Capabilities,
    Deadline,
    DeviceError,
    DeviceKind,
    DeviceState,
    HardwareFault,
    NotReady,
    Status,
    TimedOut,
    UserFault,
)
from devices.lane import BRIEF_S, STATUS_S, DeviceLane
from tests.fixtures.reader import wait_until


class Scripted:
    """A device whose far end is a few switches."""

    kind = DeviceKind.READER

    def __init__(self) -> None:
        self.open_fault: Exception | None = None
        self.status_fault: Exception | None = None
        self.state = DeviceState.ONLINE
        self.hold = threading.Event()  # what a stuck driver waits for
        self.busy = 0
        self.most_busy = 0
        self.opened = 0
        self.closed = 0
        self.asked = 0
        self.threads: set[str] = set()

    def open(self, deadline: Deadline) -> None:
        self._enter()
        if self.open_fault is not None:
            raise self.open_fault
        self.opened += 1

    def close(self) -> None:
        self._enter()
        self.closed += 1

    def status(self, deadline: Deadline) -> Status:
        self._enter()
        self.asked += 1
        if self.status_fault is not None:
            raise self.status_fault
        return Status(self.kind, "scripted", self.state, at_mono_s=float(self.asked))

    def capabilities(self) -> Capabilities:
        return Capabilities(self.kind, "scripted")

    def wait(self, deadline: Deadline) -> None:
        self._enter()
        self.busy += 1
        self.most_busy = max(self.most_busy, self.busy)
        try:
            deadline.wait(60)
        finally:
            self.busy -= 1

    def ignore(self, deadline: Deadline) -> str:
        self._enter()
        self.hold.wait(60)
        return "late"

    def _enter(self) -> None:
        self.threads.add(threading.current_thread().name)


class Desk:
    """Makes lanes, keeps what they say."""

    def __init__(self) -> None:
        self.device = Scripted()
        self.replies: list[tuple[int, object]] = []
        self.statuses: list[Status] = []
        self.lanes: list[DeviceLane] = []

    def lane(self, make: Callable[[], object] | None = None, **options: float) -> DeviceLane:
        lane = DeviceLane(
            "scripted",
            make or (lambda: self.device),
            kind=DeviceKind.READER,
            on_status=self.statuses.append,
            **{"poll_s": 0.01, **options},
        )
        self.lanes.append(lane)
        return lane.start()

    def reply(self, turn: int, value: object) -> None:
        self.replies.append((turn, value))

    def states(self) -> list[DeviceState]:
        return [status.device for status in self.statuses]

    def wait_for(self, state: DeviceState) -> None:
        wait_until(lambda: self.states()[-1:] == [state], state.value)

    def wait_for_replies(self, count: int) -> list[tuple[int, object]]:
        wait_until(lambda: len(self.replies) >= count, f"{count} replies")
        return self.replies


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.device.hold.set()
    for lane in desk.lanes:
        lane.stop()
        for thread in lane._threads:
            thread.join(20)
            assert not thread.is_alive()


def test_a_command_is_answered_with_its_turn_and_its_value(desk):
    desk.lane().call(7, lambda device, deadline: device.kind, 10, desk.reply)
    assert desk.wait_for_replies(1) == [(7, DeviceKind.READER)]


def test_everything_a_device_does_happens_on_its_own_thread(desk):
    lane = desk.lane()
    lane.call(1, lambda device, deadline: device.wait(deadline), 0.01, desk.reply)
    desk.wait_for_replies(1)
    assert lane.stop()
    assert desk.device.threads == {"lane scripted"}


def test_commands_run_one_after_the_other_in_order(desk):
    lane = desk.lane()
    for turn in range(5):
        lane.call(turn, lambda device, deadline: device.wait(Deadline(0.01)), 10, desk.reply)
    assert [turn for turn, _ in desk.wait_for_replies(5)] == [0, 1, 2, 3, 4]
    assert desk.device.most_busy == 1


def test_a_turn_is_called_off_running_and_queued_and_no_other(desk):
    lane = desk.lane()
    lane.call(1, lambda device, deadline: device.wait(deadline), 60, desk.reply)
    wait_until(lambda: desk.device.busy == 1, "the first command")
    lane.call(1, lambda device, deadline: device.wait(deadline), 60, desk.reply)
    lane.call(2, lambda device, deadline: "mine", 60, desk.reply)
    lane.cancel(1)
    found = desk.wait_for_replies(3)
    assert sorted(turn for turn, _ in found) == [1, 1, 2]
    assert all(isinstance(value, Cancelled) for turn, value in found if turn == 1)
    assert dict(found)[2] == "mine"


def test_a_command_waits_in_the_queue_no_longer_than_its_deadline(desk):
    lane = desk.lane()
    lane.call(1, lambda device, deadline: device.wait(deadline), 60, desk.reply)
    wait_until(lambda: desk.device.busy == 1, "the first command")
    lane.call(1, lambda device, deadline: "never", 0.02, desk.reply)
    (turn, value) = desk.wait_for_replies(1)[0]
    assert (turn, type(value), value.code) == (1, TimedOut, "queue")
    assert desk.device.busy == 1


def test_status_is_told_only_when_it_changes(desk):
    desk.lane()
    wait_until(lambda: desk.device.asked > 5, "some looks")
    assert desk.states() == [DeviceState.ONLINE]
    desk.device.state = DeviceState.HARDWARE_ERROR
    desk.wait_for(DeviceState.HARDWARE_ERROR)
    desk.device.state = DeviceState.ONLINE
    desk.wait_for(DeviceState.ONLINE)
    assert desk.states() == [DeviceState.ONLINE, DeviceState.HARDWARE_ERROR, DeviceState.ONLINE]


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        (NotReady("noDevice"), DeviceState.NO_DEVICE),
        (NotReady("powerOff"), DeviceState.POWER_OFF),
        (TimedOut("mute"), DeviceState.OFFLINE),
        (HardwareFault("self_test"), DeviceState.HARDWARE_ERROR),
    ],
)
def test_a_device_that_cannot_be_opened_says_why_and_comes_back(desk, fault, state):
    desk.device.open_fault = fault
    lane = desk.lane()
    desk.wait_for(state)
    assert lane.status.code == fault.code
    assert not lane.status.is_ready
    lane.call(1, lambda device, deadline: "never", 10, desk.reply)
    assert desk.wait_for_replies(1) == [(1, fault)]
    desk.device.open_fault = None
    desk.wait_for(DeviceState.ONLINE)


def test_a_lost_device_is_closed_and_opened_again(desk):
    lane = desk.lane()
    desk.wait_for(DeviceState.ONLINE)
    lost = NotReady("noDevice")

    def fail(device: Scripted, deadline: Deadline) -> None:
        device.status_fault = lost
        raise lost

    lane.call(1, fail, 10, desk.reply)
    desk.wait_for(DeviceState.NO_DEVICE)
    assert desk.device.closed >= 1
    desk.device.status_fault = None
    desk.wait_for(DeviceState.ONLINE)
    assert desk.device.opened >= 2


def test_a_silent_device_is_offline_and_tried_again(desk):
    desk.lane()
    desk.wait_for(DeviceState.ONLINE)
    desk.device.status_fault = TimedOut("mute")
    desk.wait_for(DeviceState.OFFLINE)
    desk.device.status_fault = None
    desk.wait_for(DeviceState.ONLINE)


@pytest.mark.parametrize(("code", "is_brief"), [("mute", True), ("no_answer", True), ("no_card", False)])
def test_a_device_that_was_silent_under_a_command_is_asked_briefly_once(desk, code, is_brief):
    """A second of silence has passed already. Where a person did not come, the device has all its time."""
    lane = desk.lane(poll_s=60.0)
    desk.wait_for(DeviceState.ONLINE)
    given: list[Deadline] = []

    def tell(deadline: Deadline) -> Status:
        given.append(deadline)
        return Status(DeviceKind.READER, "scripted", DeviceState.ONLINE)

    def fail(fault: DeviceError) -> Callable[[Scripted, Deadline], None]:
        def ask(device: Scripted, deadline: Deadline) -> None:
            device.status = tell
            raise fault

        return ask

    began = time.monotonic()
    lane.call(1, fail(TimedOut(code)), 10, desk.reply)
    wait_until(lambda: len(given) == 1, "the look behind it")
    lane.call(2, fail(HardwareFault("busy")), 10, desk.reply)
    wait_until(lambda: len(given) == 2, "the next look")
    assert given[0].left_s() <= BRIEF_S if is_brief else given[0].at >= began + STATUS_S
    assert given[1].at >= began + STATUS_S
    assert desk.states() == [DeviceState.ONLINE]


def test_a_persons_mistake_is_not_the_devices(desk):
    lane = desk.lane()
    desk.wait_for(DeviceState.ONLINE)

    def pull(device: Scripted, deadline: Deadline) -> None:
        raise UserFault("card_pulled")

    lane.call(1, pull, 10, desk.reply)
    desk.wait_for_replies(1)
    asked = desk.device.asked
    wait_until(lambda: desk.device.asked > asked, "a later look")
    assert desk.states() == [DeviceState.ONLINE]


@pytest.mark.expected_log("defect: ZeroDivisionError")
def test_a_defect_is_a_hardware_fault_logged_once_without_its_text(desk, caplog):
    lane = desk.lane()

    def fail(device: Scripted, deadline: Deadline) -> None:
        raise ZeroDivisionError("330402194508159020")

    for _ in range(3):
        lane.call(1, fail, 10, desk.reply)
    found = desk.wait_for_replies(3)
    assert {(type(value), value.code) for _, value in found} == {(HardwareFault, "defect")}
    assert caplog.text.count("defect: ZeroDivisionError") == 1
    assert "330402" not in caplog.text


@pytest.mark.expected_log("defect: ModuleNotFoundError")
def test_a_driver_that_cannot_be_made_is_a_hardware_fault(desk):
    def make() -> object:
        raise ModuleNotFoundError("vendor")

    lane = desk.lane(make)
    desk.wait_for(DeviceState.HARDWARE_ERROR)
    assert lane.status.code == "defect"


@pytest.mark.expected_log("defect: KeyError")
def test_a_listener_that_fails_does_not_end_the_lane(desk):
    def fail(turn: int, value: object) -> None:
        raise KeyError(turn)

    lane = desk.lane()
    lane.call(1, lambda device, deadline: 1, 10, fail)
    lane.call(2, lambda device, deadline: 2, 10, desk.reply)
    assert desk.wait_for_replies(1) == [(2, 2)]


@pytest.mark.expected_log("stuck past its deadline")
def test_a_driver_that_ignores_its_deadline_is_stuck_and_nobody_waits_for_it(desk):
    lane = desk.lane(grace_s=0.05)
    desk.wait_for(DeviceState.ONLINE)
    lane.call(1, lambda device, deadline: device.ignore(deadline), 0.05, desk.reply)
    lane.call(1, lambda device, deadline: "behind it", 60, desk.reply)
    found = desk.wait_for_replies(2)
    assert [(type(value), value.code) for _, value in found] == [(TimedOut, "stuck"), (NotReady, "stuck")]
    assert lane.is_stuck
    desk.wait_for(DeviceState.OFFLINE)
    assert lane.status.code == "stuck"
    lane.call(2, lambda device, deadline: "later", 60, desk.reply)
    assert [type(value) for _, value in desk.wait_for_replies(3)][2] is NotReady
    assert not lane.stop(0.1)  # its thread is still in the driver
    desk.device.hold.set()


@pytest.mark.expected_log("stuck past its deadline")
def test_a_stuck_driver_that_comes_back_answers_nobody_twice_and_is_asked_no_more(desk):
    lane = desk.lane(grace_s=0.05)
    lane.call(1, lambda device, deadline: device.ignore(deadline), 0.05, desk.reply)
    desk.wait_for_replies(1)
    desk.device.hold.set()
    wait_until(lambda: desk.device.closed == 1, "the driver's end")
    lane.call(2, lambda device, deadline: "later", 60, desk.reply)
    assert [type(value) for _, value in desk.wait_for_replies(2)] == [TimedOut, NotReady]
    assert lane.stop()
    assert len(desk.replies) == 2


def test_a_command_goes_before_the_lanes_own_asking(desk):
    asking = threading.Event()

    def slow(deadline: Deadline) -> Status:
        asking.set()
        deadline.wait(60)
        raise TimedOut("mute")

    desk.device.status = slow
    lane = desk.lane()
    assert asking.wait(20)
    lane.call(1, lambda device, deadline: "first", 10, desk.reply)
    assert desk.wait_for_replies(1) == [(1, "first")]
    assert DeviceState.OFFLINE not in desk.states()


def test_stopping_calls_everything_off_and_closes_the_device(desk):
    lane = desk.lane()
    lane.call(1, lambda device, deadline: device.wait(deadline), 60, desk.reply)
    wait_until(lambda: desk.device.busy == 1, "the command")
    lane.call(2, lambda device, deadline: "never", 60, desk.reply)
    assert lane.stop()
    lane.call(3, lambda device, deadline: "never", 60, desk.reply)
    assert sorted((turn, type(value)) for turn, value in desk.replies) == [
        (1, Cancelled),
        (2, Cancelled),
        (3, Cancelled),
    ]
    assert desk.device.closed == 1
    assert isinstance(desk.replies[0][1], DeviceError)


def test_a_driver_that_fails_to_close_is_opened_again_all_the_same(desk):
    lane = desk.lane()
    desk.wait_for(DeviceState.ONLINE)
    opened = desk.device.opened

    def close() -> None:
        raise HardwareFault("busy")

    desk.device.close = close

    def lose(device: Scripted, deadline: Deadline) -> None:
        raise NotReady("noDevice")

    lane.call(1, lose, 10, desk.reply)
    wait_until(lambda: desk.device.opened > opened, "the second opening")


def test_a_command_whose_time_is_over_is_not_begun(desk):
    lane = desk.lane()
    begun: list[int] = []
    lane.call(1, lambda device, deadline: begun.append(1), 0.0, desk.reply)
    ((_, value),) = desk.wait_for_replies(1)
    assert (type(value), value.code, begun) == (TimedOut, "queue", [])


def test_a_lane_that_was_never_started_can_be_stopped(desk):
    assert DeviceLane("scripted", lambda: desk.device, kind=DeviceKind.READER).stop()
