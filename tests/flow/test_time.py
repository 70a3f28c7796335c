"""Time alone brings every visit home; where the machine works nobody is warned."""

from __future__ import annotations

import pytest

from kiosk.session import effects as ask
from kiosk.session import events as evt
from kiosk.session.compose import view_of
from kiosk.session.flow.apply import PLACES, STILL_S
from kiosk.session.session import Session, State
from tests.fixtures.flow import ELDER, Walk, preview_of
from tests.flow.journeys import moments

STEP_S = 5.0
PATIENCE = 120  # ticks; the longest way, elder SLIP and FAREWELL, takes 125 + 60 s


@pytest.fixture(scope="module")
def places(strict_catalogue) -> tuple[Session, ...]:
    return moments(strict_catalogue)


def wait_as_the_runner_does(walk: Walk) -> None:
    """Let one tick pass; the place's time begins anew with each turn, the idle time only with a hand."""
    walk.idle_s += STEP_S
    walk.place_s += STEP_S
    turn = walk.session.turn
    walk.tell(evt.Tick(walk.idle_s, walk.place_s))
    if walk.session.turn != turn:
        walk.place_s = 0.0


def left_alone(catalogue, session: Session) -> Walk:
    walk = Walk(catalogue, session=session)
    walk.idle_s = walk.place_s = 0.0
    return walk


def test_every_place_has_a_timed_way_home(strict_catalogue, places):
    for session in places:
        walk = left_alone(strict_catalogue, session)
        for _ in range(PATIENCE):
            if walk.state in (State.ATTRACT, State.SEALING):
                break
            wait_as_the_runner_does(walk)
        assert walk.state in (State.ATTRACT, State.SEALING), session
        assert (walk.state is State.SEALING) is (session.state is State.SEALING)


@pytest.mark.parametrize("answer", ["stored", "not_stored"])
def test_sealing_asks_the_store_and_leaves_by_its_answer(strict_catalogue, answer):
    walk = Walk(strict_catalogue).go(State.SEALING)
    assert walk.effects == (ask.Seal(walk.session.turn, walk.session.sid),)
    walk.wait(PLACES[State.SEALING].deadline_s)
    assert walk.effects == (ask.AskStore(walk.session.turn, walk.session.sid),)
    if answer == "not_stored":
        walk.tell(evt.NotStored(walk.session.turn, "store_silent"))
        assert walk.state is State.TROUBLE
    else:
        walk.go(State.SLIP)
        assert walk.session.ticket is not None


def test_nobody_is_warned_where_the_machine_works(places, walk):
    for session in places:
        late = walk.__class__(session.catalogue, session=session)
        before = late.state
        late.tell(evt.Tick(idle_s=70.0, place_s=0.0))
        shown = view_of(late.session, walk.station, walk.texts)
        is_waiting = PLACES[before].waits and not (session.is_capturing or session.testing)
        is_early = session.scale == "elder"
        assert (shown.countdown_s >= 0) is (is_waiting and not is_early), session
        assert bool(shown.countdown_text) is (shown.countdown_s >= 0)


def test_the_warning_counts_down_and_a_touch_ends_it(walk):
    walk.go(State.FORM, "SIM-YB-0001")
    walk.wait(75)
    assert walk.view.countdown_s == 15
    assert "15" in walk.view.countdown_text
    walk.do("stay")
    assert walk.view.countdown_s == -1
    walk.wait(90)
    assert walk.state is State.FAREWELL


def test_a_still_being_taken_is_waited_for_and_a_camera_that_never_answers_is_not(walk):
    walk.go(State.SCAN)
    walk.do("shoot")
    walk.tell(evt.Tick(idle_s=1_000.0, place_s=STILL_S - 1))
    assert walk.state is State.SCAN
    assert walk.view.countdown_s == -1
    walk.tell(evt.Tick(idle_s=1_000.0, place_s=STILL_S))
    assert walk.state is State.FAREWELL


@pytest.mark.parametrize("place", [State.IDENTIFY, State.SCAN])
def test_a_wait_that_is_asked_for_again_does_not_make_the_visit_younger(walk, place):
    walk.go(place)
    turn = walk.session.turn
    walk.tell(evt.Tick(idle_s=50.0, place_s=50.0))
    for _ in range(3):
        if place is State.IDENTIFY:
            walk.tell(evt.CardFailed(turn, "TimedOut", "no_card"))
            assert walk.effects == (ask.ReadCard(turn, 60.0),)
        else:
            walk.tell(evt.CameraFailed(turn, "TimedOut", "watch"))
            assert walk.effects == (ask.WatchDesk(turn, walk.session.material, 120.0),)
    assert (walk.session.turn, walk.session.idle_s, walk.session.place_s) == (turn, 50.0, 50.0)


def test_the_first_screen_forgets_what_a_passer_by_has_switched(walk):
    walk.do("locale")
    walk.do("scale")
    walk.do("scale")
    assert walk.session.is_scale_chosen
    walk.wait(30)
    assert walk.session.locale == "en"
    walk.wait(90)
    assert (walk.session.locale, walk.session.is_scale_chosen, walk.session.turn) == ("zh", False, 1)
    walk.wait(1_000)
    assert walk.session.turn == 1, "nothing to forget, nothing to do"


def test_the_slip_stays_longer_when_it_did_not_come_out(walk):
    walk.go(State.SLIP)
    walk.tell(evt.SlipFailed(walk.session.turn, "SupplyOut", "paper_out"))
    walk.wait(50)
    assert walk.state is State.SLIP
    walk.press("print")
    walk.tell(evt.SlipPrinted(walk.session.turn))
    walk.wait(41)
    assert walk.state is State.FAREWELL


def test_farewell_reminds_of_the_card_until_it_is_taken(walk):
    walk.go(State.NOTICE, ELDER)
    walk.press("refuse")
    assert walk.effects[1:] == (ask.WaitCardGone(walk.session.turn, 60.0),)
    walk.wait(30)
    assert walk.view.key == "farewell.card"
    assert walk.view.notes[0].text == "请取走身份证"
    walk.tell(evt.CardGone(walk.session.turn))
    assert walk.view.key == "farewell"
    walk.wait(15)
    assert walk.state is State.ATTRACT


def test_a_reader_that_fails_while_the_card_lies_there_does_not_say_it_is_gone(walk):
    walk.go(State.NOTICE)
    walk.press("refuse")
    walk.tell(evt.CardFailed(walk.session.turn, "NotReady", "gone"))
    assert walk.view.key == "farewell.card"


def test_a_preview_takes_no_second_still_while_one_is_taken(walk):
    walk.go(State.SCAN)
    walk.do("shoot")
    turn = walk.session.turn
    walk.tell(evt.PreviewChanged(turn, preview_of(is_ready=True)))
    walk.do("shoot")
    assert walk.session.turn == turn
