"""The card reader and the card: unplugged, mute, garbled; pulled early, expired, too young, the wrong person's."""

from __future__ import annotations

from datetime import date

import pytest

from devices.api import DeviceKind, DeviceState
from devices.sim.people import people
from kiosk.session.session import State
from tests.fixtures.kiosk import Terminal

AWAY = "读卡暂不可用，请找工作人员"
STAFF = "已通知维修人员，急事请找 代办员 陈阿姨 0573-8300 0000"
AGAIN = "没读到证件，请擦净后再放一次"
YOURS = "请您再试一次"


def reader_is(kiosk: Terminal, state: DeviceState) -> None:
    kiosk.until(lambda: kiosk.running.lanes[DeviceKind.READER].status.device is state, f"a reader {state}")


def lay(kiosk: Terminal, card: str) -> None:
    """Lay a card down where one is asked for and wait until the visit has taken note."""
    turn = kiosk.session.turn
    kiosk.control("reader", "put", card=card)
    kiosk.until(lambda: kiosk.session.turn != turn, "the card")


def test_unplugged_while_it_is_asked_for_the_screen_says_so_and_the_visit_goes_on(kiosk: Terminal) -> None:
    kiosk.play(until=State.IDENTIFY)
    kiosk.stage.unplug(DeviceKind.READER)
    kiosk.until(lambda: AWAY in kiosk.said, "the sentence")
    assert STAFF in kiosk.said
    kiosk.until(lambda: kiosk.view.top.notice == AWAY, "the notice")
    assert kiosk.session.state is State.IDENTIFY
    kiosk.stage.plug_in(DeviceKind.READER)
    kiosk.until(lambda: AWAY not in (*kiosk.said, kiosk.view.top.notice), "the sentence to go")
    lay(kiosk, "elder")
    kiosk.until_state(State.NOTICE)


def test_without_a_reader_no_visit_begins_that_could_not_go_on(kiosk: Terminal) -> None:
    kiosk.play(until=State.GUIDE)
    kiosk.stage.unplug(DeviceKind.READER)
    kiosk.until(lambda: not apply_of(kiosk)[0], "a grey button")
    assert apply_of(kiosk) == (False, AWAY)
    kiosk.do("apply")
    assert kiosk.session.state is State.GUIDE
    kiosk.stage.plug_in(DeviceKind.READER)
    kiosk.until(lambda: apply_of(kiosk) == (True, ""), "the button back")


def apply_of(kiosk: Terminal) -> tuple[bool, str]:
    action = next(action for action in kiosk.view.actions if action.id == "apply")
    return action.is_enabled, action.reason


def test_unplugged_after_the_card_was_read_nobody_misses_it(kiosk: Terminal) -> None:
    kiosk.play(until=State.FORM)
    kiosk.stage.unplug(DeviceKind.READER)
    reader_is(kiosk, DeviceState.NO_DEVICE)
    kiosk.until(lambda: kiosk.view.top.notice == AWAY, "the notice")
    kiosk.play(until=State.SLIP)
    sid = kiosk.sid
    kiosk.until(lambda: kiosk.session.slip == "printed", "the slip")
    assert kiosk.commits(sid) == 1
    kiosk.press("finish")
    kiosk.until_state(State.FAREWELL)
    assert kiosk.view.key == "farewell.card"  # nobody can see whether it was taken, so it is said
    kiosk.press("finish")
    kiosk.until_state(State.ATTRACT)


@pytest.mark.parametrize("fault", ["garbage", "mute"])
def test_a_reader_that_does_not_make_sense_is_as_good_as_none(kiosk: Terminal, fault: str) -> None:
    kiosk.play(until=State.IDENTIFY)
    kiosk.control("reader", "fault", fault=fault, times=0, on="any")
    kiosk.until(lambda: AWAY in kiosk.said, "the sentence")
    assert STAFF in kiosk.said
    kiosk.control("reader", "mend")
    kiosk.play(until=State.NOTICE)


def test_a_card_pulled_early_is_asked_for_again(kiosk: Terminal) -> None:
    kiosk.play(until=State.IDENTIFY)
    kiosk.control("reader", "fault", fault="lifted")
    kiosk.control("reader", "put", card="elder")
    kiosk.until(lambda: AGAIN in kiosk.said, "the sentence")
    assert YOURS in kiosk.said
    assert kiosk.view.key == "identify.again"
    assert kiosk.session.identity is None
    lay(kiosk, "elder")
    kiosk.until_state(State.NOTICE)


def test_an_expired_card_says_what_to_do_and_another_one_goes_on(kiosk: Terminal) -> None:
    kiosk.play(until=State.IDENTIFY)
    lay(kiosk, "expired")
    assert kiosk.said[0] == "证件已过期，请先换领新证"  # the sentence itself says whose move it is
    assert kiosk.session.state is State.IDENTIFY
    assert kiosk.session.identity is None
    kiosk.control("reader", "take")
    lay(kiosk, "elder")
    kiosk.until_state(State.NOTICE)


def test_a_person_too_young_learns_the_day(kiosk: Terminal) -> None:
    kiosk.play(until=State.IDENTIFY)
    lay(kiosk, "sixty")
    assert kiosk.session.state is State.TROUBLE
    born = people(date.today())["sixty"].card.birth_date.reveal()
    day = date(born.year + 80, born.month, born.day)
    assert kiosk.view.key == "trouble.condition_not_met"
    sentence = kiosk.said[0]
    assert "未满80周岁" in sentence
    assert str(day.year) in sentence
    assert "retry" not in [action.id for action in kiosk.view.actions]  # trying again makes nobody older
    kiosk.press("home")
    kiosk.until_state(State.FAREWELL)  # the card is still there to be taken
    assert kiosk.view.key == "farewell.card"


def test_ones_own_card_is_no_family_member(kiosk: Terminal) -> None:
    kiosk.play("SIM-YB-0001", until=State.FORM)
    while not any(action.id == "read_further" for action in kiosk.view.actions):
        kiosk.play_once("SIM-YB-0001")
    kiosk.press("read_further")
    kiosk.control("reader", "take")
    lay(kiosk, "father")
    assert "这是您自己的证，请换家人的证" in kiosk.said
    assert kiosk.session.state is State.FORM
    kiosk.control("reader", "take")
    lay(kiosk, "child")
    kiosk.until(lambda: not kiosk.session.is_reading_further, "the child's card")
    assert any(field.key.startswith("members.0.") and field.display for field in kiosk.view.fields)
