"""Taps at real positions send the intents of design/ux.md; the probe says why it cannot tap."""

from __future__ import annotations

import json

import msgspec
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest

from kiosk.session.view import DockControl
from tests.ui.gallery import views
from ui import probe

replace = msgspec.structs.replace

TAPS = (
    ("attract", "开始办事", ("start", "")),
    ("home", "社会事务", ("choose", "window:社会事务")),
    ("home", "养老", ("choose", "life:养老")),
    ("home", "搜索", ("focus", "search")),
    ("home-items", "高龄津贴申领", ("choose", "item:0")),
    ("guide", "我要申请", ("apply", "")),
    ("guide", "返回", ("back", "")),
    ("guide", "帮助", ("help", "")),
    ("guide", "结束", ("end", "")),
    ("guide", "English", ("locale", "en")),
    ("guide", "长辈版", ("scale", "elder")),
    ("guide", "对比度", ("contrast", "high")),
    ("notice", "同意并继续", ("agree", "")),
    ("notice", "不同意，退出", ("refuse", "")),
    ("situation", "本人参保", ("choose", "situation:self")),
    ("form", "联系手机", ("focus", "phone")),
    ("form", "独居", ("pick", "living_with=alone")),
    ("materials", "本人银行卡或社保卡", ("scan", "M-BANK")),
    ("materials", "户口簿以后再补", ("defer", "M-HUKOU")),
    ("scan", "拍下这一页", ("shoot", "")),
    ("scan-kept", "重拍", ("retake", "")),
    ("review", "现居住地址", ("edit", "addr")),
    ("sign", "重签", ("clear_signature", "")),
    ("slip", "不打印，只看号码", ("no_print", "")),
    ("farewell", "都拿好了", ("finish", "")),
    ("trouble", "再试一次", ("retry", "")),
    ("idle", "我还在", ("stay", "")),
    ("idle", "结束并清除", ("end", "")),
)


@pytest.fixture
def screen(open_screen):
    return open_screen((1080, 1920))


def test_each_control_sends_its_intent(screen):
    for name, control, intent in TAPS:
        screen.show(views("zh")[name])
        screen.intents.clear()
        probe.tap(screen.window, probe.find(screen.window, control))
        screen.settle()
        assert screen.intents == [intent], (name, control)


def test_a_grey_item_still_opens_its_guide_where_there_is_one(screen):
    view = views("zh")["home-items"]
    grey = replace(view.tiles[0], is_enabled=False, reason="读卡暂不可用，请找工作人员", leads_on=True)
    screen.show(replace(view, tiles=(grey, *view.tiles[1:])))
    control = probe.find(screen.window, grey.label)
    assert QAccessible.queryAccessibleInterface(control).text(QAccessible.Text.Description) == grey.reason
    probe.tap(screen.window, control)
    screen.settle()
    assert screen.intents == [("choose", grey.key)]


def test_only_a_hand_that_rests_on_the_boat_of_the_first_screen_is_the_technicians(screen, qtbot):
    spot = QPoint(70, 60)
    for name, wanted in (("guide", []), ("attract", [("technician", "")])):
        screen.show(views("zh")[name])
        screen.intents.clear()
        QTest.mousePress(screen.window, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, spot)
        if wanted:
            qtbot.waitUntil(lambda: bool(screen.intents), timeout=20_000)
        QTest.mouseRelease(screen.window, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, spot)
        screen.settle()
        assert screen.intents == wanted, name


def test_a_finger_does_what_the_mouse_does(screen):
    screen.show(views("zh")["guide"])
    finger = QTest.createTouchDevice()
    spot = probe.centre_of(probe.find(screen.window, "我要申请"))
    QTest.touchEvent(screen.window, finger).press(0, spot, screen.window).commit()
    QTest.touchEvent(screen.window, finger).release(0, spot, screen.window).commit()
    screen.settle()
    assert screen.intents == [("apply", "")]


def test_a_press_counts_when_the_finger_leaves_inside_and_not_outside(screen):
    screen.show(views("zh")["guide"])
    spot = probe.centre_of(probe.find(screen.window, "我要申请"))
    QTest.mousePress(screen.window, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, spot)
    QTest.mouseMove(screen.window, spot + QPoint(30, 10))
    QTest.mouseRelease(screen.window, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, spot + QPoint(30, 10))
    screen.settle()
    assert screen.intents == [("apply", "")]
    QTest.mousePress(screen.window, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, spot)
    QTest.mouseMove(screen.window, spot - QPoint(0, 400))
    QTest.mouseRelease(screen.window, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, spot - QPoint(0, 400))
    screen.settle()
    assert screen.intents == [("apply", "")]


def test_a_signature_goes_out_stroke_by_stroke_in_parts_of_the_field(screen):
    screen.show(replace(views("zh")["sign"], signature_ink=()))
    pad = probe.find(screen.window, "请在这里签名")
    probe.draw(screen.window, pad, [(0.2, 0.3), (0.25, 0.5), (0.3, 0.7)])
    probe.draw(screen.window, pad, [(0.5, 0.3), (1.03, 0.5)])
    screen.settle()
    strokes = [json.loads(value) for name, value in screen.intents if name == "stroke"]
    assert len(strokes) == 2
    first = strokes[0]
    assert len(first) % 3 == 0
    assert first[0:2] == pytest.approx([0.2, 0.3], abs=0.01)
    assert first[-3:-1] == pytest.approx([0.3, 0.7], abs=0.01)
    times = first[2::3] + strokes[1][2::3]
    assert times == sorted(times)
    assert times[0] == 0
    assert strokes[1][-3] == 1


def test_the_whole_attract_screen_begins(screen):
    screen.show(views("zh")["attract"])
    QTest.mouseClick(screen.window, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(500, 700))
    screen.settle()
    assert screen.intents == [("start", "")]


def test_pages_of_a_list_are_turned_here(screen):
    screen.show(views("zh")["home-items"])
    with pytest.raises(probe.NotFound, match="hidden"):
        probe.find(screen.window, "新生儿落户")
    probe.tap(screen.window, probe.find(screen.window, "下一页"))
    screen.settle()
    assert probe.find(screen.window, "新生儿落户")
    assert screen.intents == []


def test_the_probe_says_why_a_control_cannot_be_touched(screen):
    screen.show(views("zh")["materials"])
    with pytest.raises(probe.NotFound, match=r"下一步.*disabled"):
        probe.find(screen.window, "下一步")
    with pytest.raises(probe.NotFound, match="not on this screen"):
        probe.find(screen.window, "我要申请")
    screen.show(views("zh")["idle"])
    with pytest.raises(probe.NotFound, match="covered"):
        probe.find(screen.window, "我要申请")


def test_roles_tell_buttons_fields_and_choices_apart(screen):
    screen.show(views("zh")["form"])
    assert probe.role_of(probe.find(screen.window, "联系手机")) == QAccessible.Role.EditableText
    assert probe.role_of(probe.find(screen.window, "独居")) == QAccessible.Role.RadioButton
    assert probe.role_of(probe.find(screen.window, "下一步", QAccessible.Role.Button)) == QAccessible.Role.Button
    headings = [
        probe.name_of(item)
        for item in probe.items(screen.window)
        if item.isVisible() and probe.role_of(item) == QAccessible.Role.Heading
    ]
    assert headings == ["联系方式"]


def test_the_tab_key_reaches_the_controls_and_return_presses(screen):
    screen.show(views("zh")["guide"])
    for _ in range(40):
        focus = screen.window.activeFocusItem()
        if focus is not None and probe.name_of(focus) == "我要申请":
            break
        QTest.keyClick(screen.window, Qt.Key.Key_Tab)
    QTest.keyClick(screen.window, Qt.Key.Key_Return)
    screen.settle()
    assert screen.intents == [("apply", "")]


class FarEnds:
    """A dock whose one switch can be turned."""

    def __init__(self):
        self.pressed = []

    def controls(self):
        return (DockControl("card", "放身份证", "card", "shen", is_on=bool(self.pressed)),)

    def press(self, control, value):
        self.pressed.append((control, value))


def test_the_dock_turns_switches_and_is_on_no_picture(open_screen, tmp_path):
    dock = FarEnds()
    screen = open_screen((1080, 1920), dock=dock)
    screen.show(views("zh")["farewell"])
    with_dock, without = tmp_path / "a.png", tmp_path / "b.png"
    screen.grab(with_dock)
    plain = open_screen((1080, 1920))
    plain.show(views("zh")["farewell"])
    plain.grab(without)
    assert with_dock.stat().st_size > 0
    tab = next(item for item in probe.items(screen.window) if probe.name_of(item) == "模拟台")
    probe.tap(screen.window, tab)
    screen.settle()
    switch = next(item for item in probe.items(screen.window) if probe.name_of(item) == "放身份证")
    probe.tap(screen.window, switch)
    screen.settle()
    assert dock.pressed == [("card", "shen")]
    assert screen.intents == []
