"""Every state × every event: nothing raises, and what comes from outside changes nothing it should not."""

from __future__ import annotations

import pytest

from devices.api import Private
from kiosk.session import events as evt
from kiosk.session.flow.apply import EDGES, PLACES
from kiosk.session.session import Session, State
from kiosk.session.step import step
from offline_queue.api import State as QueueState
from tests.fixtures.flow import (
    HASH,
    SID,
    changed_fields,
    check_step,
    everybody,
    is_same,
    outcome_of,
    page_of,
    preview_of,
    ticket_of,
)
from tests.flow.journeys import moments

INTENTS = tuple(sorted({edge.on for edge in EDGES if edge.on[0].islower()}))
GARBAGE = ("", "no_such_intent", "Tick", "CardRead", "__class__", "choose\0", "🂡" * 50)
HOSTILE = (
    "\0",
    "../../etc/passwd",
    "%s%n{0}",
    "[" * 100_000,
    "[" + "9" * 5_000 + ",0.5,0]",
    "[1e999,0,0]",
    "[NaN,0.1,0]",
    "[0.1,0.2]",
    "[-0.1,0.2,3]",
    "[0.1,0.2,1e300]",
    '{"a":' * 1_000,
    "[true,false,0]",
    "form:" + "9" * 5_000,
    "form:-1",
    "form:٣",
    "form:²",
    "form:99",
    "item:NO-SUCH-ITEM",
    "item:",
    "window:不存在",
    "life:",
    "search:x",
    "situation:",
    "situation:nobody",
    "members.0",
    "members." + "9" * 5_000,
    "members.-1",
    "gender=2",
    "applicant_name=别人",
    "no_such_field=1",
    "=",
    "applicant_name",
    "M-NO-SUCH",
    HASH + "0",
    HASH[:-1],
    HASH.upper(),
    "\ud800",
    "a" * 1_000_000,
)
VALUED = (
    "choose",
    "agree",
    "focus",
    "pick",
    "add_entry",
    "remove_entry",
    "scan",
    "rescan",
    "defer",
    "edit",
    "stroke",
    "self_test",
)
"""Intents whose value names something: nothing but a right name may move them."""


@pytest.fixture(scope="module")
def places(strict_catalogue) -> tuple[Session, ...]:
    return moments(strict_catalogue)


def replies(turn: int) -> tuple[evt.Event, ...]:
    """Return one of every event type, and several of those that can say different things."""
    people = everybody()
    return (
        *(evt.CardRead(turn, people[key]) for key in ("elder", "father", "sixty", "expired", "foreigner", "rare")),
        evt.CardFailed(turn, "TimedOut", "no_card"),
        evt.CardFailed(turn, "UserFault", "card_unreadable"),
        evt.CardFailed(turn, "no such kind", ""),
        evt.CardGone(turn),
        evt.PreviewChanged(turn, preview_of("hands")),
        evt.PreviewChanged(turn, preview_of(is_ready=True)),
        evt.PageTaken(turn, page_of("M-HUKOU", 0)),
        evt.PageTaken(turn, page_of("M-NO-SUCH", 7)),
        evt.PageRefused(turn, "glare"),
        evt.CameraFailed(turn, "TimedOut", "watch"),
        evt.CameraFailed(turn, "NotReady", "gone"),
        evt.Stored(turn, ticket_of()),
        evt.NotStored(turn, "store_silent"),
        evt.PinChecked(turn, "right"),
        evt.PinChecked(turn, "closed", 15.0),
        evt.AbilitiesTold(turn, "printer"),
        evt.DeviceTested(turn, "camera", "selftest.state_good", facts={"state": "online"}),
        evt.SlipPrinted(turn),
        evt.SlipFailed(turn, "SupplyOut", "paper_out"),
        evt.ListPrinted(turn),
        evt.ListFailed(turn, "SupplyOut", "paper_out"),
    )


def others() -> tuple[evt.Event, ...]:
    """Return the events that belong to no turn."""
    return (
        evt.Tick(0, 0),
        evt.Tick(1e9, 1e9),
        evt.ClockChanged(),
        *(evt.OutcomeKnown(outcome_of(state)) for state in QueueState),
        *(evt.OutcomeKnown(outcome_of(state, sid="another")) for state in QueueState),
    )


def intents(names: tuple[str, ...], values: tuple[str, ...]) -> tuple[evt.Intent, ...]:
    return tuple(evt.Intent(name, Private(value), at_wall_s=1.0, fresh_id=SID) for name in names for value in values)


def test_every_event_type_is_among_those_tried():
    known = {type(event).__name__ for event in (*replies(0), *others())}
    assert known | {"Intent"} == {
        kind.__name__ for kind in vars(evt).values() if isinstance(kind, type) and issubclass(kind, evt.Event)
    } - {"Event", "Reply"}


def test_the_journeys_pass_every_place(places):
    assert {session.state for session in places} == set(State) == set(PLACES)


@pytest.mark.unmeasured  # thousands of steps that the journeys measure one by one
def test_every_event_everywhere_leads_to_a_place_with_effects_of_its_turn(places):
    values = ("", "item:SIM-MZ-0008", "search:", "situation:self", "materials", "form:0", "M-HUKOU", HASH, "x")
    for session in places:
        for event in (*replies(session.turn), *others(), *intents((*INTENTS, *GARBAGE), values)):
            after, effects = step(session, event)
            check_step(session, event, after, effects)


def test_a_reply_of_a_former_turn_changes_nothing_anywhere(places):
    for session in places:
        for event in (*replies(session.turn - 1), *replies(session.turn + 1), *replies(0)):
            if event.turn != session.turn:
                assert step(session, event) == (session, ())


@pytest.mark.unmeasured  # thousands of steps that the journeys measure one by one
def test_a_hostile_value_changes_nothing_but_the_count_of_strays(places):
    for session in places:
        for event in intents(VALUED, HOSTILE):
            after, effects = step(session, event)
            said = (session, event.name, event.value.reveal()[:40])
            assert is_same(after, session, but=("strays",)), said
            assert after.strays == session.strays + 1, said
            assert effects == ()


def test_an_intent_that_nobody_lists_is_counted(places):
    for session in places:
        after, _ = step(session, evt.Intent("no_such_intent"))
        assert changed_fields(session, after) == {"strays"}
        assert after.strays == session.strays + 1


def test_hostile_typing_changes_one_answer_and_stays_within_its_length(places):
    for session in places:
        for event in intents(("type",), HOSTILE):
            after, _ = step(session, event)
            changed = changed_fields(session, after)
            assert changed <= {"answers", "query", "strays"}
            assert len(after.query.reveal()) <= 24
            keys = {key for key in after.answers if after.answers[key] != session.answers.get(key)}
            assert keys <= {session.focus}
            assert all(len(after.answers[key].reveal()) <= 200 for key in keys)


def test_what_the_card_says_cannot_be_changed_by_any_intent(places):
    for session in places:
        if session.state is not State.FORM:
            continue
        for key in ("applicant_name", "applicant_id", "gender", "birth_date"):
            for event in (*intents(("focus",), (key,)), *intents(("pick",), (f"{key}=1", f"{key}="))):
                after, _ = step(session, event)
                for name in ("type", "erase"):
                    after, _ = step(after, evt.Intent(name, Private("1")))
                assert after.answers.get(key) == session.answers.get(key)


@pytest.mark.parametrize("state", [State.SEALING, State.DELIVERING])
def test_no_intent_leaves_the_places_after_the_signature(places, state):
    for session in places:
        if session.state is state:
            for event in intents((*INTENTS, *GARBAGE), ("", "materials", "form:0")):
                after, effects = step(session, event)
                assert (after.state, after.turn, effects) == (state, session.turn, ())
