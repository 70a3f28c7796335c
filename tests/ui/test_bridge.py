"""The bridge signals what changed and nothing else."""

from __future__ import annotations

import sys

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QModelIndex
from PySide6.QtTest import QSignalSpy

from kiosk.session.view import Field, Option, Row, View
from tests.ui.gallery import views
from ui import models, probe
from ui.bridge import PLAIN, Bridge, code_source
from ui.keys import Keyboard

replace = msgspec.structs.replace


@pytest.fixture
def bridge(qapp):
    return Bridge(lambda name, value: None)


def shown(model):
    return [model.items()[n] for n in range(model.rowCount())]


def test_one_changed_row_emits_data_changed_for_this_row_alone(bridge):
    view = views("zh")["review"]
    bridge.show(view)
    model = bridge.property("rows")
    changed, reset = QSignalSpy(model.dataChanged), QSignalSpy(model.rowsInserted)
    rows = list(view.rows)
    rows[3] = replace(rows[3], value="139 0573 8899")
    bridge.show(replace(view, rows=tuple(rows)))
    assert changed.count() == 1
    first, last, roles = changed.at(0)
    assert (first.row(), last.row()) == (3, 3)
    assert [bytes(model.roleNames()[role].data()).decode() for role in roles] == ["value"]
    assert reset.count() == 0


def test_a_view_that_is_the_same_signals_nothing(bridge):
    view = views("zh")["form"]
    bridge.show(view)
    spies = [QSignalSpy(getattr(bridge, f"{name}Changed")) for name in PLAIN]
    spies += [QSignalSpy(bridge.property(name).dataChanged) for name in ("rows", "fields", "steps", "tiles")]
    bridge.show(view)
    bridge.show(replace(view, locale=view.locale))
    assert [spy.count() for spy in spies] == [0] * len(spies)


def test_one_changed_text_signals_one_property(bridge):
    view = views("zh")["guide"]
    bridge.show(view)
    spies = {name: QSignalSpy(getattr(bridge, f"{name}Changed")) for name in PLAIN}
    bridge.show(replace(view, title="老年优待证办理"))
    assert {name for name, spy in spies.items() if spy.count()} == {"title"}


def test_typing_twenty_keys_finds_the_same_delegates(open_screen):
    screen = open_screen((1080, 1920))
    view = views("zh")["form-digits"]
    screen.show(view)

    def boxes():
        return [item for item in probe.items(screen.window) if item.metaObject().className().startswith("FieldBox")]

    before = boxes()
    for n in range(20):
        fields = tuple(replace(field, display="1" * n) if field.is_focused else field for field in view.fields)
        screen.show(replace(view, fields=fields))
    assert len(before) == 4
    assert boxes() == before
    assert probe.name_of(before[0]) == "" or before[0].property("display") == "1" * 19


def test_options_are_patched_below_their_field(bridge):
    view = views("zh")["form"]
    bridge.show(view)
    model = bridge.property("fields")
    role = next(number for number, name in model.roleNames().items() if bytes(name.data()) == b"options")
    options = model.data(model.index(2), role)
    spy = QSignalSpy(options.dataChanged)
    picked = tuple(replace(option, is_selected=option.value == "alone") for option in view.fields[2].options)
    fields = (*view.fields[:2], replace(view.fields[2], options=picked), *view.fields[3:])
    bridge.show(replace(view, fields=fields))
    assert model.data(model.index(2), role) is options
    assert spy.count() == 2
    assert [option.is_selected for option in options.items()] == [True, False, False, False]


def test_five_thousand_signals_leave_true_alone(bridge):
    view = views("zh")["guide"]
    before = sys.getrefcount(True)
    for n in range(2500):
        bridge.show(replace(view, top=replace(view.top, is_online=n % 2 == 0), progress=n / 2500))
    assert sys.getrefcount(True) > before - 500


def test_intents_arrive_in_order_after_their_handler(qapp):
    got = []
    bridge = Bridge(lambda name, value: got.append((name, value)))
    for n in range(20):
        bridge.send("type", str(n))
    assert got == []
    qapp.processEvents()
    assert got == [("type", str(n)) for n in range(20)]


def test_the_former_screen_is_taken_down_before_the_next_data_come(bridge):
    bridge.show(views("zh")["review"])
    seen = []
    bridge.screenChanged.connect(lambda: seen.append((bridge.property("screen"), bridge.property("title"))))
    bridge.show(views("zh")["attract"])
    assert seen == [("", "请核对要提交的内容"), ("attract", views("zh")["attract"].title)]


def test_headings_stand_above_the_first_row_of_each_section():
    rows = (Row("a", "", section="x"), Row("b", "", section="x"), Row("c", "", section="y"), Row("d", ""))
    assert [heading for heading, _ in models.with_headings(rows)] == ["x", "", "y", ""]


def test_a_payload_becomes_an_address_that_can_be_taken_apart():
    assert code_source("") == ""
    assert code_source("JB1:a/b?c#d%20") == "image://code/JB1%3Aa%2Fb%3Fc%23d%2520"


keys = st.lists(st.sampled_from("abcdefg"), max_size=9)


@given(keys, keys)
def test_patching_makes_any_list_of_any_other(before, after):
    model = models.PatchedModel({"value": lambda option: option.value}, lambda option: option.value)
    old = [Option(key, "old") for key in before]
    new = [Option(key, f"new {n}") for n, key in enumerate(after)]
    model.patch(old)
    count = {"rows": len(old)}
    model.rowsInserted.connect(lambda parent, first, last: count.update(rows=count["rows"] + last - first + 1))
    model.rowsRemoved.connect(lambda parent, first, last: count.update(rows=count["rows"] - (last - first + 1)))
    model.patch(new)
    assert list(model.items()) == new
    assert count["rows"] == model.rowCount(QModelIndex()) == len(new)


def test_a_locked_field_opens_no_keyboard(qapp):
    keyboard = Keyboard(None)
    keyboard.focus(Field("name", "姓名", "text", keyboard="pinyin", is_locked=True))
    assert keyboard.property("layout") == ""


def test_a_view_of_nothing_is_no_screen(bridge):
    assert bridge.property("screen") == ""
    bridge.show(View(screen="attract"))
    assert bridge.property("screen") == "attract"
