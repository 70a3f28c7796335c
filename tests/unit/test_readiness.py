"""Readiness is one function: what an item needs against what is there, told before the person starts."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from devices.api import NEEDED, DeviceKind, DeviceState, Status
from kiosk.services.catalogue import ServiceItem
from kiosk.services.readiness import lack_of, needs_of, perhaps_needs_of, readiness_of, told_of
from kiosk.session.flow.route import can_apply
from kiosk.session.session import State
from kiosk.station.failures import Move, failure_of
from kiosk.station.texts import own_texts
from offline_queue.api import PauseReason
from tests.fixtures.flow import ELDER, INSURANCE, Walk, make_station

OPTIONAL = tuple(kind for kind in DeviceKind if kind not in NEEDED)
CARD, PAPERS = (DeviceKind.READER,), (DeviceKind.CAMERA,)
WINDOW = "SIM-BD-0011"  # its certificates are printed: no terminal takes it yet


def item_of(catalogue, code: str) -> ServiceItem:
    found = catalogue.item(code)
    assert found is not None
    return found


def tile_of(walk: Walk, code: str):
    item = item_of(walk.session.catalogue, code)
    walk.do("choose", f"window:{item.window_class}")
    return next(tile for tile in walk.view.tiles if tile.key == f"item:{code}")


@pytest.mark.parametrize(
    ("code", "needs", "perhaps"),
    [
        (ELDER, (CARD, PAPERS), ()),
        (INSURANCE, (CARD,), (PAPERS,)),
        (WINDOW, (CARD, (DeviceKind.DOCUMENT_PRINTER,)), ()),
        ("SIM-SP-0026", (), ()),
    ],
)
def test_what_an_item_needs_comes_from_the_catalogue(catalogue, code, needs, perhaps):
    assert needs_of(item_of(catalogue, code)) == needs
    assert perhaps_needs_of(item_of(catalogue, code)) == perhaps


def test_who_has_laid_down_a_card_needs_no_reader_any_more(catalogue):
    assert CARD not in needs_of(item_of(catalogue, ELDER), is_known=True)


@pytest.mark.parametrize(
    ("away", "text"),
    [
        ((), ""),
        ((DeviceKind.READER,), "failures.reader_away"),
        ((DeviceKind.CAMERA,), "failures.camera_away"),
        ((DeviceKind.PRINTER,), ""),  # F18: the item stays available, the number is on the screen
        (NEEDED, "failures.reader_away"),
    ],
)
def test_the_first_thing_that_is_lacking_is_the_reason(catalogue, away, text):
    found = readiness_of(item_of(catalogue, ELDER), make_station(away=away))
    assert (found.text, found.is_ready) == (text, not text)


def test_what_only_some_situations_need_stops_nobody_and_is_said(catalogue):
    walk = Walk(catalogue, station=make_station(away=PAPERS)).go(State.HOME)
    assert tile_of(walk, INSURANCE).is_enabled
    walk.do("choose", f"item:{INSURANCE}")
    assert (walk.view.rows[0].key, walk.view.rows[0].label) == (
        "perhaps",
        "有的情形暂不能办：扫描暂不可用，请找工作人员",
    )
    walk.press("apply")
    assert walk.state is State.IDENTIFY


def test_the_terminal_comes_before_the_line_and_the_line_before_a_device(catalogue):
    item = item_of(catalogue, ELDER)
    bare = make_station(online=False, away=NEEDED)
    barred = replace(bare, queue=replace(bare.queue, is_accepting=False, pause=PauseReason.REVOKED))
    full = replace(bare, queue=replace(bare.queue, is_accepting=False))
    online_only = replace(item, offline=replace(item.offline, mode="online_only"))
    assert readiness_of(item, barred).text == "guide.out_of_service"
    assert readiness_of(online_only, full).text == "home.needs_network"
    assert readiness_of(item, full).text == "failures.disk_full"


@pytest.mark.parametrize("kind", list(DeviceKind))
def test_every_kind_of_device_has_words_for_being_away(kind):
    row = failure_of("", "noDevice", kind.value.capitalize())
    assert kind.value.capitalize() in row.kinds
    assert row.move in (Move.TECHNICIAN, Move.ATTENDANT)
    assert row.remedy.startswith(f"remedies.{kind.value}")
    assert own_texts().has(row.text)
    away = replace(make_station(), devices={kind: Status(kind, "test", DeviceState.NO_DEVICE, code="noDevice")})
    assert lack_of(away, (kind,)) == row.text
    starting = replace(away, devices={kind: Status(kind, "test")})
    assert lack_of(starting, (kind,)) == "readiness.starting"
    assert lack_of(make_station(), (kind,)) == ("" if kind in NEEDED else row.text)


def test_one_device_of_several_that_do_is_enough():
    either = (DeviceKind.CARD, DeviceKind.READER)
    assert lack_of(make_station(), either) == ""
    assert lack_of(make_station(away=CARD), either) == "chips.away"


def test_paper_out_means_the_slip_only_at_the_receipt_printer():
    assert failure_of("SupplyOut", "paper_out", "Printer").text == "failures.paper_out"
    assert failure_of("SupplyOut", "paper_out").text == "failures.paper_out"
    assert failure_of("SupplyOut", "paper_out", "Document_printer").text == "failures.sheet_away"
    assert failure_of("Jammed", "media_jam", "Scanner").text == "failures.scanner_away"


@pytest.mark.parametrize("kind", OPTIONAL)
def test_an_optional_device_away_is_told_only_to_who_needs_it(catalogue, kind):
    gone = {kind: Status(kind, "test", DeviceState.NO_DEVICE, code="noDevice")}
    station = make_station()
    station = replace(station, devices={**station.devices, **gone})
    assert told_of(station, None) == ""
    assert told_of(station, item_of(catalogue, ELDER)) == ""
    well = {each: Status(each, "test", DeviceState.ONLINE) for each in DeviceKind}
    station = replace(station, devices={**well, **gone})
    needs = kind is DeviceKind.DOCUMENT_PRINTER
    assert told_of(station, item_of(catalogue, WINDOW)) == ("failures.sheet_away" if needs else "")


@pytest.mark.parametrize("away", NEEDED)
def test_a_grey_item_says_why_on_its_tile_and_its_guide_can_still_be_read(catalogue, away):
    walk = Walk(catalogue, station=make_station(away=(away,))).go(State.HOME)
    tile = tile_of(walk, ELDER)
    reason = "" if away is DeviceKind.PRINTER else own_texts()(lack_of(walk.station, (away,)), "zh")
    assert (tile.is_enabled, tile.reason, tile.leads_on) == (not reason, reason, True)
    walk.do("choose", tile.key)
    assert walk.state is State.GUIDE
    assert walk.view.rows
    apply = next(action for action in walk.view.actions if action.id == "apply")
    assert (apply.is_enabled, apply.reason) == (not reason, reason)


def test_the_search_greys_what_the_tiles_grey(catalogue):
    walk = Walk(catalogue, station=make_station(away=CARD)).go(State.HOME)
    walk.press("choose")
    walk.do("type", item_of(catalogue, ELDER).name_zh)
    (tile,) = [tile for tile in walk.view.tiles if tile.key == f"item:{ELDER}"]
    assert (tile.is_enabled, tile.reason) == (False, "读卡暂不可用，请找工作人员")


def test_the_devices_come_back_and_every_item_that_can_be_applied_for_is_ready(catalogue):
    ready = [item for item in catalogue.items if can_apply(item) and readiness_of(item, make_station()).is_ready]
    assert len(ready) == sum(map(can_apply, catalogue.items)) > 3
