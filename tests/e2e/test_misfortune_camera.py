"""The camera goes away: the visit keeps what it has, and scanning comes back with the camera."""

from __future__ import annotations

import os
import signal

import pytest

from kiosk.session.session import State
from tests.fixtures.kiosk import Terminal

AWAY = "扫描暂不可用，请找工作人员"
STAFF = "已通知维修人员，急事请找 代办员 陈阿姨 0573-8300 0000"


def scan_of(kiosk: Terminal) -> tuple[bool, str]:
    action = next(action for action in kiosk.view.actions if action.id == "scan")
    return action.is_enabled, action.reason


def test_a_camera_that_is_gone_greys_the_scan_and_comes_back(kiosk: Terminal) -> None:
    kiosk.play(until=State.MATERIALS)
    kiosk.press("defer")
    kiosk.control("camera", "fault", name="refuse")
    kiosk.until(lambda: not scan_of(kiosk)[0], "a grey button")
    assert scan_of(kiosk) == (False, AWAY)
    kiosk.until(lambda: kiosk.view.top.notice == AWAY, "the notice")
    answers = kiosk.session.answers
    kiosk.control("camera", "calm")
    kiosk.until(lambda: scan_of(kiosk) == (True, ""), "the button back")
    kiosk.play(until=State.SIGN)
    assert kiosk.session.answers == answers
    assert len(kiosk.session.pages) == 1


@pytest.mark.parametrize("fault", ["refuse", "freeze", "truncated"])
def test_a_camera_lost_under_the_scan_leads_back_to_the_papers(kiosk: Terminal, fault: str) -> None:
    kiosk.play(until=State.SCAN)
    kiosk.until(lambda: kiosk.session.preview is not None, "a first picture")
    kiosk.control("camera", "fault", name=fault)
    if fault == "refuse":
        kiosk.control("camera", "fault", name="close")
    kiosk.until_state(State.MATERIALS)
    assert AWAY in kiosk.said
    assert STAFF in kiosk.said
    kiosk.control("camera", "calm")
    kiosk.until(lambda: scan_of(kiosk)[0], "the camera")
    kiosk.play(until=State.REVIEW)
    assert len(kiosk.session.pages) == 1


def test_a_stream_that_hangs_up_is_taken_up_again_and_nobody_notices(kiosk: Terminal) -> None:
    kiosk.play(until=State.SCAN)
    kiosk.until(lambda: kiosk.session.preview is not None, "a first picture")
    kiosk.control("camera", "fault", name="close")
    number = kiosk.session.preview.number
    kiosk.until(lambda: kiosk.session.preview is not None and kiosk.session.preview.number != number, "more pictures")
    assert kiosk.session.state is State.SCAN
    kiosk.play(until=State.REVIEW)


def test_the_eye_killed_under_the_scan_is_started_again(kiosk: Terminal) -> None:
    kiosk.play(until=State.SCAN)
    kiosk.until(lambda: kiosk.session.preview is not None, "a first picture")
    killed = kiosk.running.eye.pid
    os.kill(killed, signal.SIGKILL)
    kiosk.until(lambda: kiosk.running.eye.pid not in (0, killed) or kiosk.session.state is State.MATERIALS, "a new eye")
    if kiosk.session.state is State.MATERIALS:
        assert AWAY in kiosk.said
        kiosk.until(lambda: scan_of(kiosk)[0], "the camera")
    kiosk.play(until=State.REVIEW)
    assert len(kiosk.session.pages) == 1
