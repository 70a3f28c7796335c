"""The disk nearly full: before a visit the door is closed; at the promise nobody says stored before it is."""

from __future__ import annotations

from kiosk.session.session import State
from tests.fixtures.kiosk import Terminal

PAUSED = "本机暂停收件，您填的内容没有提交"
STAFF = "已通知维修人员，急事请找 代办员 陈阿姨 0573-8300 0000"
MB = 1024 * 1024


def apply_of(kiosk: Terminal) -> tuple[bool, str]:
    action = next(action for action in kiosk.view.actions if action.id == "apply")
    return action.is_enabled, action.reason


def test_with_little_room_no_visit_begins_and_the_button_says_why(kiosk: Terminal) -> None:
    kiosk.free_bytes = 150 * MB  # the configuration reserves 200
    kiosk.play(until=State.GUIDE)
    kiosk.until(lambda: "暂停收件" in apply_of(kiosk)[1], "the reason")
    assert not apply_of(kiosk)[0]
    kiosk.do("apply")
    assert kiosk.session.state is State.GUIDE
    kiosk.free_bytes = None
    kiosk.until(lambda: apply_of(kiosk) == (True, ""), "the button back")


def test_a_visit_begun_before_may_use_half_of_what_is_kept_free(kiosk: Terminal) -> None:
    kiosk.play(until=State.SIGN)
    kiosk.free_bytes = 150 * MB
    kiosk.play(until=State.SLIP)
    kiosk.until_delivered(kiosk.sid)
    assert kiosk.commits(kiosk.sid) == 1


def test_full_at_the_promise_nothing_is_promised_and_nothing_filled_in_is_lost(kiosk: Terminal) -> None:
    kiosk.play(until=State.SIGN)
    answers, pages, sid = kiosk.session.answers, kiosk.session.pages, kiosk.sid
    kiosk.free_bytes = 1 * MB
    kiosk.play(until=State.TROUBLE)
    assert kiosk.said == [PAUSED, STAFF]
    assert kiosk.session.ticket is None
    assert kiosk.running.store.find(sid) is None
    assert kiosk.commits(sid) == 0
    kiosk.free_bytes = None
    kiosk.press("retry")
    assert kiosk.session.state is State.REVIEW
    assert kiosk.session.answers == answers
    assert kiosk.session.pages == pages
    kiosk.play(until=State.SLIP)
    assert kiosk.sid == sid
    kiosk.until_delivered(sid)
    assert kiosk.commits(sid) == 1
