"""Which states a visit passes for an item: its `kiosk_flow`, steps whose condition is false left out."""

from __future__ import annotations

from kiosk.services.catalogue import ServiceItem
from kiosk.services.form import visible_steps
from kiosk.session.flow.facts import context_of
from kiosk.session.session import Session, State

STEP_STATES: dict[str, State] = {
    "guide": State.GUIDE,
    "identify": State.IDENTIFY,
    "situation": State.SITUATION,
    "form": State.FORM,
    "materials": State.MATERIALS,
    "confirm": State.REVIEW,
    "sign": State.SIGN,
    "submit": State.SEALING,
    "slip": State.SLIP,
}

PASSED_OVER = frozenset({"pay", "rating"})
"""Steps that a visit passes without a screen for now: payment is a line on the slip, rating is not asked."""

PROVEN_IDENTITY = frozenset({"card", "card_or_manual"})
NEEDED = ("identify", "form", "confirm", "sign", "submit", "slip")
"""Steps that every application passes, in this order: nothing is sealed that was not confirmed and signed."""


def can_apply(item: ServiceItem) -> bool:
    """Whether this terminal has a screen for every step of the item; else it shows the guide alone."""
    steps = set(item.kiosk_flow)
    return (
        steps <= STEP_STATES.keys() | PASSED_OVER
        and tuple(step for step in item.kiosk_flow if step in NEEDED) == NEEDED
        and not any(item.step_conditions.get(step) for step in NEEDED)
        and str(item.identity_level) in PROVEN_IDENTITY
        and item.offline.mode == "full_queue"
        and all(material.signature != "all_adult_members" for material in item.materials)
    )


def route(session: Session) -> tuple[State, ...]:
    """Return the states of this visit in order. The notice follows the card, the delivery follows the sealing."""
    if session.item is None:
        return (State.HOME,)
    states: list[State] = [State.HOME]
    for step in visible_steps(session.item, session.answers, context_of(session)):
        if step in PASSED_OVER or (step == "situation" and session.item.situation_mode != "ask"):
            continue
        if step == "situation" and not session.item.situations:
            continue
        states.append(STEP_STATES.get(step, State.GUIDE))
        if step == "identify":
            states.append(State.NOTICE)
        if step == "submit":
            states.append(State.DELIVERING)
    return tuple(dict.fromkeys(states))


def following(session: Session) -> State:
    """Return the state after the present one."""
    return _beyond(session, 1)


def preceding(session: Session) -> State:
    """Return the state before the present one."""
    return _beyond(session, -1)


def _beyond(session: Session, way: int) -> State:
    """Return the next state that way; a card that was read and a notice agreed to are not asked for twice."""
    states = route(session)
    if session.state not in states:
        return State.HOME
    done = (State.IDENTIFY, State.NOTICE) if session.identity is not None and session.consent_hash else ()
    place = states.index(session.state) + way
    while states[place] in done:
        place += way
    return states[place]
