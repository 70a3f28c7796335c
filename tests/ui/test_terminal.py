"""The window as a loop and as a cage: post, after, one window, nothing that leads out."""

from __future__ import annotations

import itertools
import os
import random
import threading

import pytest
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt
from PySide6.QtGui import (
    QCloseEvent,
    QContextMenuEvent,
    QDragEnterEvent,
    QGuiApplication,
    QKeyEvent,
    QWindow,
)
from PySide6.QtQuick import QSGRendererInterface
from PySide6.QtTest import QTest

from tests.ui.gallery import views
from ui.guard import Guard

KNOWN_INTENTS = frozenset(
    [
        "start",
        "read_further",
        "add_entry",
        "home",
        "choose",
        "focus",
        "type",
        "erase",
        "pick",
        "apply",
        "back",
        "next",
        "end",
        "help",
        "agree",
        "refuse",
        "scan",
        "defer",
        "shoot",
        "keep",
        "retake",
        "done",
        "confirm",
        "edit",
        "stroke",
        "clear_signature",
        "sign_done",
        "print",
        "no_print",
        "finish",
        "locale",
        "scale",
        "contrast",
        "stay",
        "retry",
    ]
)


def test_calls_posted_from_another_thread_run_here_in_order(open_screen, qtbot):
    screen = open_screen((1080, 1920))
    ran: list[tuple[int, bool]] = []
    main = threading.get_ident()

    def work():
        for n in range(50):
            screen.terminal.post(lambda n=n: ran.append((n, threading.get_ident() == main)))

    worker = threading.Thread(target=work)
    worker.start()
    worker.join()
    qtbot.waitUntil(lambda: len(ran) == 50)
    assert ran == [(n, True) for n in range(50)]


def test_a_timer_rings_once_and_one_called_off_does_not(open_screen, qtbot):
    screen = open_screen((1080, 1920))
    rung = []
    screen.terminal.after(0.0, lambda: rung.append("a"))
    cancel = screen.terminal.after(0.0, lambda: rung.append("b"))
    cancel()
    cancel()
    screen.terminal.after(0.01, lambda: rung.append("c"))
    qtbot.waitUntil(lambda: "c" in rung)
    assert rung == ["a", "c"]


def test_exec_ends_with_the_code_given(open_screen):
    screen = open_screen((1080, 1920))
    screen.terminal.after(0.0, lambda: screen.terminal.quit(3))
    assert screen.terminal.exec() == 3


def test_there_is_one_window_drawn_by_the_software_renderer(open_screen, qtbot):
    screen = open_screen((1080, 1920))
    screen.show(views("zh")["form-pinyin"])
    assert os.environ["QT_QUICK_BACKEND"] == "software"
    assert screen.window.rendererInterface().graphicsApi() == QSGRendererInterface.GraphicsApi.Software
    assert [window for window in QGuiApplication.topLevelWindows() if window.isVisible()] == [screen.window]
    qtbot.waitUntil(lambda: screen.terminal.first_frame_ms > 0)


def drag():
    no_keys = Qt.KeyboardModifier.NoModifier
    return QDragEnterEvent(QPoint(5, 5), Qt.DropAction.CopyAction, QMimeData(), Qt.MouseButton.LeftButton, no_keys)


def menu():
    return QContextMenuEvent(QContextMenuEvent.Reason.Mouse, QPoint(5, 5), QPoint(5, 5), Qt.KeyboardModifier.NoModifier)


def key(code, held=Qt.KeyboardModifier.NoModifier, kind=QEvent.Type.KeyPress):
    return lambda: QKeyEvent(kind, code, held)


WAYS_OUT = {
    "context menu": menu,
    "drag": drag,
    "close": QCloseEvent,
    "alt f4": key(Qt.Key.Key_F4, Qt.KeyboardModifier.AltModifier),
    "f11": key(Qt.Key.Key_F11),
    "ctrl c": key(Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier, QEvent.Type.ShortcutOverride),
    "meta return": key(Qt.Key.Key_Return, Qt.KeyboardModifier.MetaModifier),
    "print": key(Qt.Key.Key_Print),
    "menu": key(Qt.Key.Key_Menu),
    "volume": key(Qt.Key.Key_VolumeUp),
}


@pytest.mark.parametrize("way", WAYS_OUT)
def test_what_leads_out_of_the_kiosk_is_dropped(qapp, way):
    guard = Guard(may_close=False)
    assert guard.eventFilter(QWindow(), WAYS_OUT[way]()) is True


def test_what_moves_the_focus_passes(qapp):
    guard = Guard(may_close=True)
    for key in (Qt.Key.Key_Tab, Qt.Key.Key_Return, Qt.Key.Key_Space):
        assert not guard.eventFilter(QWindow(), QKeyEvent(QEvent.Type.KeyPress, key, Qt.KeyboardModifier.NoModifier))
    assert not guard.eventFilter(QWindow(), QCloseEvent())


def test_three_fingers_at_once_are_no_touch(open_screen):
    screen = open_screen((1080, 1920))
    screen.show(views("zh")["attract"])
    finger = QTest.createTouchDevice()
    touch = QTest.touchEvent(screen.window, finger)
    for n in range(3):
        touch.press(n, QPointF(300 + 100 * n, 700).toPoint(), screen.window)
    touch.commit()
    lift = QTest.touchEvent(screen.window, finger)
    for n in range(3):
        lift.release(n, QPointF(300 + 100 * n, 700).toPoint(), screen.window)
    lift.commit()
    screen.settle()
    assert screen.intents == []


def test_two_thousand_random_touches_and_keys_lead_nowhere(open_screen):
    screen = open_screen((1080, 1920))
    dice = random.Random(17)
    keys = [Qt.Key.Key_Tab, Qt.Key.Key_Return, Qt.Key.Key_F4, Qt.Key.Key_Menu, Qt.Key.Key_Escape, Qt.Key.Key_A]
    held = [Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.AltModifier, Qt.KeyboardModifier.ControlModifier]
    for view in itertools.islice(itertools.cycle(views("zh").values()), 50):
        screen.show(view)
        for _ in range(40):
            spot = QPoint(dice.randrange(1080), dice.randrange(1920))
            if dice.random() < 0.8:
                button = dice.choice([Qt.MouseButton.LeftButton, Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton])
                QTest.mouseClick(screen.window, button, Qt.KeyboardModifier.NoModifier, spot)
            else:
                QTest.keyClick(screen.window, dice.choice(keys), dice.choice(held))
        screen.settle()
        assert screen.window.isVisible()
        assert [window for window in QGuiApplication.topLevelWindows() if window.isVisible()] == [screen.window]
    assert {name for name, _ in screen.intents} <= KNOWN_INTENTS


def test_the_clipboard_is_empty_for_whoever_comes_next(open_screen):
    screen = open_screen()
    screen.show(views("zh")["form"])
    QGuiApplication.clipboard().setText("330402193803081234")
    screen.show(views("zh")["attract"])
    assert QGuiApplication.clipboard().text() == ""
