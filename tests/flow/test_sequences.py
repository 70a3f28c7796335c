"""Random sequences of events: nothing of a person survives their visit, whatever happens in whatever order."""

from __future__ import annotations

import os
from collections.abc import Callable

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.api import Private
from kiosk.session import events as evt
from kiosk.session.compose import view_of
from kiosk.session.flow.apply import EDGES
from kiosk.session.session import State
from offline_queue.api import State as QueueState
from tests.fixtures.flow import (
    ELDER,
    HASH,
    INSURANCE,
    QUERY,
    STROKES,
    Walk,
    canaries,
    everybody,
    found_in,
    outcome_of,
    page_of,
    preview_of,
    ticket_of,
)

NAMES = sorted({edge.on for edge in EDGES if edge.on[0].islower()})
VALUES = (
    *("", "search:", "window:社会事务", f"item:{ELDER}", f"item:{INSURANCE}", "materials", "form:0", "form:1", HASH),
    *(
        "situation:family",
        "situation:self",
        "M-HUKOU",
        "M-BANK",
        "members",
        "members.0",
        "phone",
        "phone=1",
        STROKES[0],
    ),
    *("bank_account", "living_address", "applicant_name", "household_address", QUERY, "13805738899", "garbage", "[[["),
)
PEOPLE = tuple(everybody())
CANARIES = canaries(*everybody().values())
EXAMPLES = 300 if os.environ.get("JINBAN_CHAOS") else 45
HOME_AGAIN = (State.ATTRACT, State.FAREWELL)

Move = Callable[[Walk], None]


def right(count: int) -> Move:
    """Do the right thing so many times."""

    def move(walk: Walk) -> None:
        for _ in range(count):
            _do_right(walk, count)

    return move


def _do_right(walk: Walk, count: int) -> None:
    session, shown = walk.session, {action.id for action in walk.view.actions if action.is_enabled}
    item = session.item.item_code if session.item is not None else (ELDER, INSURANCE)[count % 2]
    match walk.state:
        case State.GUIDE if "apply" not in shown:
            walk.do("back")
        case State.HOME if not session.query.reveal():
            walk.do("choose", "search:")
            walk.do("type", QUERY)
        case State.TROUBLE:
            walk.do(("home", "retry", "back")[count % 3])
        case State.FORM if session.is_reading_further:
            walk.card("child")
        case State.REVIEW if "edit" in shown:
            walk.press("edit")
        case State.SCAN if session.is_capturing:
            walk.tell(evt.PageTaken(session.turn, page_of(session.material, 0)))
        case State.SCAN if "done" not in shown:
            walk.do("shoot")
        case State.MATERIALS if not shown & {"scan", "next"}:
            walk.do("end")
        case _:
            walk.advance(item, "father" if item == INSURANCE else "elder", "family")


def intent(name: str, value: str) -> Move:
    return lambda walk: walk.do(name, value) and None


def tick(idle_s: float, place_s: float) -> Move:
    return lambda walk: walk.tell(evt.Tick(idle_s, place_s)) and None


def outcome(state: QueueState, is_ours: bool) -> Move:
    return lambda walk: (
        walk.tell(evt.OutcomeKnown(outcome_of(state, sid=walk.session.sid if is_ours else "x"))) and None
    )


def reply(number: int, lag: int, person: str) -> Move:
    """Give an answer of this turn, or of a former or future one."""

    def move(walk: Walk) -> None:
        turn, material = walk.session.turn - lag, walk.session.material or "M-HUKOU"
        answers: tuple[evt.Event, ...] = (
            evt.CardRead(turn, walk.people[person]),
            evt.CardFailed(turn, "UserFault", "card_unreadable"),
            evt.CardFailed(turn, "TimedOut", "no_card"),
            evt.CardGone(turn),
            evt.PreviewChanged(turn, preview_of(is_ready=number % 2 == 0)),
            evt.PageTaken(turn, page_of(material, 0)),
            evt.PageRefused(turn, "glare"),
            evt.CameraFailed(turn, "NotReady", "gone"),
            evt.Stored(turn, ticket_of()),
            evt.NotStored(turn, "free_floor"),
            evt.SlipPrinted(turn),
            evt.SlipFailed(turn, "Jammed", "jam"),
        )
        walk.tell(answers[number % len(answers)])

    return move


MOVES = st.one_of(
    st.integers(1, 25).map(right),
    st.sampled_from(("finish", "end", "back", "next")).map(lambda name: intent(name, "")),
    st.builds(intent, st.sampled_from(NAMES), st.sampled_from(VALUES)),
    st.builds(intent, st.sampled_from(("type", "focus", "pick", "stroke", "choose")), st.text(max_size=30)),
    st.builds(reply, st.integers(0, 30), st.sampled_from((0, 0, 1, -1, 3)), st.sampled_from(PEOPLE)),
    st.builds(tick, st.sampled_from((0.0, 59.0, 61.0, 200.0)), st.sampled_from((0.0, 9.0, 21.0, 70.0, 200.0))),
    st.builds(outcome, st.sampled_from(list(QueueState)), st.booleans()),
)


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(begin=st.integers(0, 60), moves=st.lists(MOVES, min_size=8, max_size=60))
def test_nothing_of_a_person_survives_the_visit(catalogue, begin, moves):
    walk = Walk(catalogue)
    for move in (right(begin), *moves):
        begun = len(walk.seen)
        move(walk)
        for session in walk.seen[begun:]:
            if session.state in HOME_AGAIN:
                assert found_in(session, CANARIES) == []
                assert session.item is None
                assert found_in(view_of(session, walk.station, walk.texts), CANARIES) == []
        turns = [session.turn for session in walk.seen[begun - 1 :]]
        assert turns == sorted(turns), "a turn never falls"
        view_of(walk.session, walk.station, walk.texts)
    walk.wait(1e6)


def test_the_search_for_canaries_finds_them_while_the_visit_lasts(catalogue):
    walk = Walk(catalogue).go(State.HOME)
    walk.press("choose")
    walk.do("type", QUERY)
    assert found_in(walk.session, CANARIES) == [QUERY.encode()]
    walk.go(State.REVIEW)
    elder = everybody()["elder"]
    assert set(canaries(elder)) - {QUERY.encode()} <= set(found_in(walk.session, CANARIES)) | {QUERY.encode()}


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_card_for_a_former_turn_never_reaches_the_next_person(catalogue, data):
    """The worst thing a kiosk can do: asked for in one visit, answered in the next."""
    walk = Walk(catalogue).go(State.IDENTIFY)
    asked = walk.session.turn
    walk.do("end")
    walk.go(data.draw(st.sampled_from([State.IDENTIFY, State.FORM, State.SCAN, State.REVIEW])))
    before = walk.session
    walk.tell(evt.CardRead(asked, everybody()["father"]))
    walk.tell(evt.PageTaken(asked, page_of("M-HUKOU", 0)))
    walk.tell(evt.Stored(asked, ticket_of()))
    assert walk.session is before


def test_another_matter_takes_nothing_of_the_former_along(catalogue):
    walk = Walk(catalogue).go(State.SIGN)
    walk.sign()
    for _ in range(12):
        if walk.state is State.GUIDE:
            break
        walk.do("back")
    walk.press("back")
    walk.do("choose", f"item:{INSURANCE}")
    assert found_in(walk.session, CANARIES) == []
    assert walk.session.is_card_left
    walk.press("apply")
    assert walk.state is State.IDENTIFY


def test_private_values_survive_encoding_and_hide_from_repr():
    packed = msgspec.msgpack.encode(Private("金丝雀"))
    assert "金丝雀".encode() in packed, "the search would be blind"
    assert "金丝雀" not in repr(Private("金丝雀"))
