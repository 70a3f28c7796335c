"""Screens where the station, the filter or a missing piece decides what is shown."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from devices.api import DeviceKind, DeviceState, Private, Status
from kiosk.session import events as evt
from kiosk.session.compose import view_of
from kiosk.session.screens import ending, filling, home, papers
from kiosk.session.screens.frame import Scene
from kiosk.session.session import Fault, State
from kiosk.station.texts import own_texts
from offline_queue.api import PauseReason
from tests.fixtures.flow import ELDER, INSURANCE, Walk, make_station, preview_of, ticket_of


def scene_of(walk: Walk) -> Scene:
    return Scene(session=walk.session, station=walk.station, texts=walk.texts)


def test_the_life_fields_and_window_classes_hold_every_item_of_the_site(catalogue):
    walk = Walk(catalogue).go(State.HOME)
    for tiles in (walk.view.tiles, walk.view.life_tiles):
        found: list[str] = []
        for tile in tiles:
            shown = Walk(catalogue).go(State.HOME)
            shown.do("choose", tile.key)
            found += [item.item_code for item in home.items_shown(scene_of(shown))]
        assert sorted(found) == [item.item_code for item in catalogue.items if "village" in item.sites]


def test_search_finds_by_every_word_in_both_languages(catalogue):
    for text, expected in (("高龄", {ELDER}), ("old-age allowance", {ELDER}), ("医疗保险", {INSURANCE}), ("", set())):
        walk = Walk(catalogue).go(State.HOME)
        walk.press("choose")
        walk.do("type", text)
        assert {tile.key for tile in walk.view.tiles} >= {f"item:{code}" for code in expected}
        assert bool(walk.view.tiles) is bool(expected)


def test_a_search_without_a_find_says_so_and_an_empty_one_says_nothing(catalogue):
    walk = Walk(catalogue).go(State.HOME)
    walk.press("choose")
    assert walk.view.notes == ()
    walk.do("type", "没有这样的事")
    assert [note.key for note in walk.view.notes] == ["none"]


def test_what_needs_the_network_is_grey_with_the_reason(catalogue):
    walk = Walk(catalogue, station=make_station(online=False)).go(State.HOME)
    item = next(i for i in catalogue.items if i.offline.mode == "online_only" and "village" in i.sites)
    walk.do("choose", f"window:{item.window_class}")
    walk.session = replace(walk.session, scale="standard")
    tile = next(tile for tile in walk.view.tiles if tile.key == f"item:{item.item_code}")
    assert (tile.is_enabled, tile.reason) == (False, "网络暂断，此事需联网")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("reader", "读卡暂不可用，请找工作人员"),
        ("queue", "本机暂停收件，您填的内容没有提交"),
        ("suspended", f"本机暂停服务，请到窗口办理或拨打 {make_station().site.phone}"),
        ("well", ""),
    ],
)
def test_apply_is_grey_where_it_could_not_be_finished(catalogue, change, reason):
    walk = Walk(catalogue).go(State.GUIDE)
    if change == "reader":
        walk.station = make_station(away=(DeviceKind.READER,))
    if change == "suspended":
        barred = replace(walk.station.queue, is_accepting=False, pause=PauseReason.SUSPENDED)
        walk.station = replace(walk.station, queue=barred)
    if change == "queue":
        walk.station = replace(walk.station, queue=replace(walk.station.queue, is_accepting=False))
    apply = next(action for action in walk.view.actions if action.id == "apply")
    assert (apply.is_enabled, apply.reason) == (not reason, reason)


def test_a_person_already_known_needs_no_reader_to_go_on(catalogue):
    walk = Walk(catalogue).go(State.FORM)
    walk.do("back")
    walk.station = make_station(away=(DeviceKind.READER,))
    walk.press("apply")
    assert walk.state is State.FORM


def test_a_guide_for_an_item_of_the_window_says_so(catalogue):
    walk = Walk(catalogue).go(State.HOME)
    walk.do("choose", "item:SIM-BD-0011")
    assert walk.view.rows[0].key == "not_here"
    assert not [action for action in walk.view.actions if action.id == "apply"]


def test_a_paper_that_cannot_be_scanned_now_says_why(catalogue):
    walk = Walk(catalogue).go(State.MATERIALS)
    walk.station = make_station(away=(DeviceKind.CAMERA,))
    scan = next(action for action in walk.view.actions if action.id == "scan")
    assert (scan.is_enabled, scan.reason) == (False, "扫描暂不可用，请找工作人员")
    assert all(row.action != "scan" for row in walk.view.rows)


@pytest.mark.parametrize(
    ("locale", "scale", "label"),
    [
        ("zh", "standard", "扫描居民户口簿"),
        ("zh", "elder", "扫描居民户口簿"),
        ("en", "standard", "Scan: Household register"),
        ("en", "elder", "Scan this paper"),
    ],
)
def test_the_button_names_the_paper_where_two_lines_hold_its_name(catalogue, locale, scale, label):
    walk = Walk(catalogue).go(State.MATERIALS, INSURANCE, situation="family")
    walk.session = replace(walk.session, locale=locale, scale=scale)
    (primary,) = [action for action in walk.view.actions if action.role == "primary"]
    assert (primary.id, primary.label) == ("scan", label)


def test_the_top_line_names_the_first_device_that_is_away(catalogue):
    walk = Walk(catalogue)
    assert (walk.view.top.notice, walk.view.top.network) == ("", "在线")
    walk.station = make_station(online=False, away=(DeviceKind.CAMERA, DeviceKind.PRINTER))
    assert walk.view.top.notice == "扫描暂不可用，请找工作人员"
    assert walk.view.top.network == "离线收件中"
    starting = {kind: Status(kind, "test", DeviceState.STARTING) for kind in DeviceKind}
    walk.station = replace(make_station(), devices=starting)
    assert walk.view.top.notice == ""


def test_the_step_bar_stands_inside_a_journey_only(catalogue):
    walk = Walk(catalogue)
    for state in (State.ATTRACT, State.HOME, State.GUIDE):
        walk.go(state)
        assert walk.view.steps == ()
    walk.go(State.SCAN)
    states = {step.key: step.state for step in walk.view.steps}
    assert states == {
        "identify": "done",
        "form": "done",
        "materials": "now",
        "review": "ahead",
        "sign": "ahead",
        "slip": "ahead",
    }


def test_help_says_what_to_do_and_whom_to_ask(catalogue):
    walk = Walk(catalogue).go(State.IDENTIFY)
    walk.press("help")
    assert [note.key for note in walk.view.notes][:2] == ["help", "help_who"]
    assert "0573-83000000" in walk.view.notes[1].text
    assert next(action for action in walk.view.actions if action.id == "help").label == "收起帮助"


def test_the_outline_is_told_in_parts_of_the_picture(catalogue):
    walk = Walk(catalogue).go(State.SCAN)
    assert walk.view.scan.is_live is False
    walk.tell(evt.PreviewChanged(walk.session.turn, preview_of("hands")))
    scan = walk.view.scan
    assert scan.sentence == "请把手拿开"
    assert len(scan.outline) == 8
    assert all(0 <= number <= 1 for number in scan.outline)
    bare = replace(preview_of("page"), corners=None)
    walk.tell(evt.PreviewChanged(walk.session.turn, bare))
    assert walk.view.scan.outline == ()


@pytest.mark.parametrize(
    ("gate", "label"), [("hands", "拍下这一页"), ("again", "就要这一页"), ("several", "就拍大的这张")]
)
def test_the_button_says_which_picture_it_takes(catalogue, gate, label):
    walk = Walk(catalogue).go(State.SCAN)
    walk.tell(evt.PreviewChanged(walk.session.turn, preview_of(gate)))
    assert [action.label for action in walk.view.actions if action.id == "shoot"] == [label]


def test_a_screen_without_its_matter_shows_nothing_of_one(catalogue):
    walk = Walk(catalogue)
    assert filling.form_screen(scene_of(walk)).fields == ()
    assert ending.review_rows(scene_of(walk)) == []
    assert ending.slip_code(walk.session) == ""
    assert home.guide(scene_of(walk)).screen == "home"
    assert papers.scan(scene_of(walk)).scan.page_limit == 1
    for state in State:
        assert view_of(replace(walk.session, state=state), walk.station, walk.texts).title


def test_the_code_to_photograph_holds_a_number_and_its_check_only(catalogue):
    walk = Walk(catalogue).go(State.SLIP)
    code = walk.view.code
    assert "330400-2026-000001" in code
    without = replace(walk.session, outcome=None)
    shown = view_of(without, walk.station, own_texts())
    assert ticket_of().intake_number in shown.code
    assert shown.number == ticket_of().intake_number


def test_a_fault_nobody_knows_sends_to_the_staff(catalogue):
    walk = Walk(catalogue)
    walk.session = replace(walk.session, state=State.TROUBLE, fault=Fault("never_heard_of", "Nothing"))
    assert [note.text for note in walk.view.notes] == [
        "这一步没有做成，请找工作人员",
        "请找工作人员 张代办 0573-83000000",
    ]
    walk.session = replace(walk.session, fault=None)
    assert walk.view.key == "trouble.other"


def test_the_search_box_shows_what_was_typed(catalogue):
    walk = Walk(catalogue).go(State.HOME)
    walk.press("choose")
    walk.session = replace(walk.session, query=Private("津贴"))
    assert (walk.view.query, walk.view.fields[0].display) == ("津贴", "津贴")
    walk.do("locale")
    assert walk.view.fields[0].keyboard == "english"
