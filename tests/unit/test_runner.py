"""The runner alone: its loop, lanes, store and line are played here, each as its Protocol says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from app.setting import load_setting
from app.sides import join_sides
from devices.api import (
    Cancelled,
    Deadline,
    DeviceKind,
    DeviceState,
    NotReady,
    Private,
    Status,
    SupplyState,
    TimedOut,
    UserFault,
)
from devices.selftest import selftest_of
from devices.sim import desk
from devices.sim.people import people
from devices.sim.sheets import draw_sheet
from kiosk.services.catalogue import own_catalogue
from kiosk.session.events import PageTaken
from kiosk.session.parts import Parts
from kiosk.session.runner import SessionRunner
from kiosk.session.session import Session, State
from kiosk.session.view import View
from kiosk.station.clock import SystemClock
from kiosk.station.health import EMPTY_QUEUE, Station
from kiosk.station.texts import own_texts
from offline_queue.api import PlainPart, QueueStats, StoreCorrupt, Ticket
from tests.fixtures.flow import Walk, page_of, ticket_of


class HandLoop:
    """A loop whose time is turned by hand."""

    def __init__(self) -> None:
        self.time_s = 100.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def post(self, call: Callable[[], None]) -> None:
        self.after(0.0, call)

    def after(self, seconds: float, call: Callable[[], None]) -> Callable[[], None]:
        self._count += 1
        entry = (self.time_s + seconds, self._count, call)
        self._due.append(entry)
        return lambda: self._due.remove(entry) if entry in self._due else None

    def now(self) -> float:
        return self.time_s

    def pass_s(self, seconds: float) -> None:
        """Let time pass, everything due in its order."""
        end = self.time_s + seconds
        while self._due and min(self._due)[0] <= end:
            due, number, call = min(self._due)
            self._due.remove((due, number, call))
            self.time_s = max(self.time_s, due)
            call()
        self.time_s = end


class HandLane:
    """A lane whose answers are given by hand."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, Callable[[int, object], None]]] = []
        self.cancelled: list[int] = []
        self.is_stuck = False
        self.always: Callable[[], object] | None = None

    def call(
        self, turn: int, ask: Callable[[Any, Deadline], object], deadline_s: float, reply: Callable[[int, object], None]
    ) -> None:
        self.calls.append((turn, reply))
        if self.always is not None:
            reply(turn, self.always())

    def cancel(self, turn: int) -> None:
        self.cancelled.append(turn)


class HandWork:
    def __init__(self) -> None:
        self.busy = 0.0
        self.jobs: list[Callable[[], None]] = []

    def submit(self, job: Callable[[], None]) -> None:
        self.jobs.append(job)

    def busy_s(self) -> float:
        return self.busy

    def run(self) -> None:
        """Do what was submitted."""
        jobs, self.jobs = self.jobs, []
        for job in jobs:
            job()


class HandStore:
    def __init__(self) -> None:
        self.answer: QueueStats | StoreCorrupt = EMPTY_QUEUE
        self.asked = 0
        self.parts: tuple[PlainPart, ...] = ()

    def put(self, sid: str, parts: tuple[PlainPart, ...], *_: object) -> Ticket:
        self.parts = parts
        return ticket_of(sid)

    def find(self, sid: str) -> None:
        return None

    def ticket(self, sid: str) -> None:
        return None

    def stats(self) -> QueueStats:
        self.asked += 1
        if isinstance(self.answer, StoreCorrupt):
            raise self.answer
        return self.answer


class Quiet:
    """A journal and a line that remember what they were told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., object]:
        def note(*_: object, **__: object) -> object:
            self.told.append(name)
            return ""

        return note

    def is_online(self) -> bool:
        return True


class Bench:
    def __init__(self) -> None:
        self.loop, self.reader, self.work, self.store, self.journal = (
            HandLoop(), HandLane(), HandWork(), HandStore(), Quiet(),
        )  # fmt: skip
        self.ended: list[str] = []
        self.stuck: list[str] = []
        self.views: list[View] = []
        setting = load_setting(None)
        self.runner = SessionRunner(
            Parts(
                loop=self.loop,
                lanes={DeviceKind.READER: self.reader},
                work=self.work,
                store=self.store,
                sync=self.journal,  # type: ignore[arg-type]  # it answers to every name
                self_tests=selftest_of,
                join_sides=join_sides,
                journal=self.journal,  # type: ignore[arg-type]
                catalogue=own_catalogue(),
                texts=own_texts(),
                clock=SystemClock(),
                station=Station(site=setting.station),
                screen=setting.screen,
                sealing_keys=tuple,
                show=self.views.append,
                app_version="0",
                on_end=lambda: self.ended.append("end"),
                on_stuck=lambda: self.stuck.append("stuck"),
            )
        )
        self.runner.start()
        for kind in (DeviceKind.READER, DeviceKind.CAMERA):
            self.runner.device_changed(Status(kind, "hand", DeviceState.ONLINE, supply=SupplyState.UNKNOWN))
        self.loop.pass_s(0.1)

    @property
    def session(self) -> Session:
        return self.runner.session

    def come_to_identify(self) -> None:
        self.runner.intent("start")
        self.runner.intent("choose", "item:SIM-MZ-0008")
        self.runner.intent("apply")
        assert self.session.state is State.IDENTIFY


@pytest.fixture
def bench() -> Bench:
    return Bench()


def elder() -> object:
    from datetime import date

    return people(date.today())["elder"].card


@pytest.mark.parametrize(
    "answer", [lambda: NotReady("noDevice"), lambda: TimedOut("no_card")], ids=["reader_away", "nobody_comes"]
)
def test_a_device_that_answers_nothing_does_not_keep_a_visit_alive(bench: Bench, answer: Callable[[], object]) -> None:
    bench.reader.always = answer
    bench.come_to_identify()
    idle, warn = bench.session.screen.idle("standard")
    bench.loop.pass_s(idle + warn - 5)
    assert bench.session.state is State.IDENTIFY
    bench.loop.pass_s(10)
    assert bench.session.state is State.ATTRACT
    assert bench.ended == ["end"]
    assert "visit_ended" in bench.journal.told


def test_a_card_laid_down_badly_is_an_act(bench: Bench) -> None:
    bench.come_to_identify()
    idle, warn = bench.session.screen.idle("standard")
    bench.loop.pass_s(idle + warn - 5)
    turn, reply = bench.reader.calls[-1]
    reply(turn, UserFault("card_pulled"))
    bench.loop.pass_s(10)
    assert bench.session.state is State.IDENTIFY


def test_a_card_that_comes_late_stays_out_of_the_next_visit(bench: Bench) -> None:
    bench.come_to_identify()
    turn, reply = bench.reader.calls[-1]
    bench.runner.intent("end")
    assert turn in bench.reader.cancelled
    bench.loop.pass_s(1)
    bench.come_to_identify()
    assert bench.session.turn != turn
    reply(turn, elder())
    bench.loop.pass_s(1)
    assert bench.session.state is State.IDENTIFY
    assert bench.session.identity is None
    assert "card_read" not in bench.journal.told


def test_a_called_off_read_is_no_failure_of_the_reader(bench: Bench) -> None:
    bench.come_to_identify()
    turn, reply = bench.reader.calls[-1]
    bench.runner.intent("back")
    reply(turn, Cancelled("queue"))
    bench.loop.pass_s(2)
    assert "device_failed" not in bench.journal.told


def test_counts_come_from_the_work_lane_and_never_from_the_screens_thread(bench: Bench) -> None:
    asked = bench.store.asked
    bench.loop.pass_s(5)
    assert bench.store.asked == asked
    bench.store.answer = msgspec.structs.replace(EMPTY_QUEUE, ready=3, is_accepting=False)
    bench.work.run()
    bench.loop.pass_s(0.1)
    assert bench.runner.station.queue.ready == 3
    bench.runner.intent("start")
    bench.runner.intent("choose", "item:SIM-MZ-0008")
    bench.runner.intent("apply")
    assert bench.session.state is State.GUIDE


def test_a_busy_work_lane_is_not_asked_to_count(bench: Bench) -> None:
    bench.work.run()
    bench.work.busy = 3.0
    bench.loop.pass_s(5)
    assert bench.work.jobs == []


@pytest.mark.expected_log("the store does not count")
def test_a_store_that_cannot_count_takes_nobody_in(bench: Bench) -> None:
    bench.store.answer = StoreCorrupt("faulted")
    for _ in range(3):
        bench.loop.pass_s(1)
        bench.work.run()
    bench.loop.pass_s(0.1)
    assert not bench.runner.station.queue.is_accepting


def test_stuck_work_asks_for_a_new_process_once(bench: Bench) -> None:
    bench.work.busy = 31.0
    bench.loop.pass_s(5)
    assert bench.stuck == ["stuck"]
    assert "stuck" in bench.journal.told


def test_a_lost_lane_asks_for_a_new_process_when_nobody_is_there(bench: Bench) -> None:
    bench.runner.intent("start")
    bench.reader.is_stuck = True
    bench.loop.pass_s(5)
    assert bench.stuck == []
    bench.runner.intent("end")
    bench.loop.pass_s(2)
    assert bench.session.state is State.ATTRACT
    assert bench.stuck == ["stuck"]


def test_a_card_that_is_read_leads_on_and_is_written_down(bench: Bench) -> None:
    bench.come_to_identify()
    bench.reader.calls[-1][1](bench.session.turn, elder())
    bench.loop.pass_s(0.1)
    assert bench.session.state is State.NOTICE
    assert bench.journal.told.count("card_read") == 1


def test_a_device_that_is_not_configured_is_answered_for(bench: Bench) -> None:
    bench.runner._p.lanes.clear()  # type: ignore[attr-defined]  # a terminal without a reader
    bench.come_to_identify()
    bench.loop.pass_s(3)
    assert bench.session.fault is not None
    assert bench.session.fault.code == "not_configured"
    assert bench.session.state is State.IDENTIFY


def test_both_sides_of_a_card_leave_as_one_document_and_are_shown_as_two() -> None:
    bench = Bench()
    walk = Walk(own_catalogue()).go(State.SIGN)
    walk.sign()
    jpeg = Private(bytes(desk.encode(draw_sheet("card", 0, 4.0).picture, 60)))
    sides = tuple(replace(page_of("M-ID", index), jpeg=jpeg, side=side) for index, side in enumerate(("back", "front")))
    bench.runner.session = replace(walk.session, pages=(*walk.session.pages, *sides))
    bench.runner.intent("sign_done")
    bench.work.run()
    bench.loop.pass_s(0.1)
    assert bench.session.state is State.DELIVERING
    sealed = {part.name: part.data for part in bench.store.parts if part.name.startswith("m-id")}
    assert list(sealed) == ["m-id-1"]
    assert bytes(sealed["m-id-1"])[:5] == b"%PDF-"
    assert [page.side for page in bench.session.pages if page.material == "M-ID"] == ["back", "front"]


def test_a_side_taken_twice_is_written_down_as_refused() -> None:
    bench = Bench()
    walk = Walk(own_catalogue()).go(State.SCAN)
    front = replace(page_of("M-ID", 0), side="front")
    bench.runner.session = replace(walk.session, material="M-ID", card=None, pages=(front,))
    bench.journal.told.clear()
    bench.runner._took(PageTaken(bench.session.turn, replace(front, index=1)))
    assert bench.session.pages == (front,)
    assert [word for word in bench.journal.told if word.startswith("page")] == ["page_refused"]
