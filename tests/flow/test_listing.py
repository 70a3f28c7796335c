"""The material list at the guide: offered where there is an A4 printer, printed once, and nobody waits for it."""

from __future__ import annotations

import queue
from types import SimpleNamespace
from typing import cast

from msgspec.structs import replace

from devices.api import DeviceKind, DeviceState, Status, SupplyState
from devices.drivers.document_printer_cups import CupsDocumentPrinter
from devices.lane import DeviceLane
from kiosk.session import events as evt
from kiosk.session.effects import PrintList
from kiosk.session.parts import Parts
from kiosk.session.session import State
from kiosk.session.sheets import print_list
from kiosk.station.health import Station
from kiosk.station.work import WorkLane
from tests.fixtures.flow import TODAY, Walk, make_station

A4 = DeviceKind.DOCUMENT_PRINTER


def station_with(state: DeviceState = DeviceState.ONLINE, supply: SupplyState = SupplyState.FULL) -> Station:
    station = make_station()
    return replace(station, devices={**station.devices, A4: Status(A4, "test", state, supply=supply)})


def at_guide(catalogue, station: Station) -> Walk:
    walk = Walk(catalogue, station=station)
    walk.do("start")
    walk.do("choose", "item:SIM-MZ-0008")
    assert walk.state is State.GUIDE
    return walk


def action_of(walk: Walk):
    return next((one for one in walk.view.actions if one.id == "print_list"), None)


def test_without_an_a4_printer_no_list_is_offered(catalogue):
    assert action_of(at_guide(catalogue, make_station())) is None


def test_a_printer_that_is_not_ready_greys_the_button_and_says_why(catalogue):
    for station in (station_with(DeviceState.OFFLINE), station_with(supply=SupplyState.OUT)):
        action = action_of(at_guide(catalogue, station))
        assert not action.is_enabled
        assert "A4" in action.reason


def test_a_list_is_asked_for_once_and_its_end_is_told(catalogue):
    walk = at_guide(catalogue, station_with())
    walk.press("print_list")
    assert [type(effect) for effect in walk.effects] == [PrintList]
    assert not action_of(walk).is_enabled
    walk.do("print_list")  # a second tap does nothing
    assert walk.effects == ()
    walk.tell(evt.ListPrinted(walk.session.turn))
    assert walk.view.rows[0].key == "list"
    assert action_of(walk).is_enabled


def test_a_list_that_failed_leaves_the_guide_and_the_way_on(catalogue):
    walk = at_guide(catalogue, station_with())
    walk.press("print_list")
    walk.tell(evt.ListFailed(walk.session.turn, "SupplyOut", "paper_out"))
    assert walk.view.rows[0].mood == "care"
    assert action_of(walk).is_enabled
    walk.press("apply")
    assert walk.state is State.IDENTIFY


def test_leaving_and_coming_back_prints_nothing_again(catalogue):
    walk = at_guide(catalogue, station_with())
    walk.press("print_list")
    walk.press("apply")
    walk.do("back")
    assert walk.state is State.GUIDE
    assert walk.effects == ()
    walk.press("print_list")
    walk.do("back")
    walk.do("choose", "item:SIM-MZ-0008")
    assert walk.effects == ()


class Posts(queue.SimpleQueue):
    """A loop of which only `post` is used."""

    def post(self, job) -> None:
        self.put(job)


def run_list(catalogue, lanes) -> evt.Event:
    """Ask for a list through a real work lane and return the event that comes back."""
    told: list[evt.Event] = []
    loop, work = Posts(), WorkLane(lambda error: told.append(evt.ListFailed(0, type(error).__name__, "")))
    parts = SimpleNamespace(lanes=lanes, loop=loop, work=work, clock=SimpleNamespace(wall_s=lambda: 1_795_400_000.0))
    session = at_guide(catalogue, station_with()).session
    assert session.today == TODAY
    print_list(cast("Parts", parts), session, station_with(), PrintList(session.turn, 45.0), told.append)
    loop.get(timeout=45.0)()
    assert work.stop()
    (event,) = told
    return event


def test_the_list_comes_out_of_a_real_queue(catalogue, cups_server, paper_printer):
    lane = DeviceLane("a4", lambda: CupsDocumentPrinter(cups_server.link("A4")), kind=A4).start()
    event = run_list(catalogue, {A4: lane})
    assert lane.stop()
    assert isinstance(event, evt.ListPrinted)
    assert len(paper_printer.received()) == 1


def test_with_no_printer_at_all_it_fails_in_words(catalogue):
    event = run_list(catalogue, {})
    assert isinstance(event, evt.ListFailed)
    assert (event.kind, event.code) == ("NotReady", "not_configured")
