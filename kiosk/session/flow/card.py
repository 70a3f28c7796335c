"""The applicant's card: whether it holds, what it says, whether it meets the conditions."""

from __future__ import annotations

from msgspec.structs import replace

from devices.api import Private
from kiosk.services import conditions, form, identity
from kiosk.session.events import CardFailed, CardRead
from kiosk.session.flow.facts import is_elder, stops_of
from kiosk.session.session import Fault, Session
from kiosk.station.errors import IdentityError

CARD_TRIES = 3  # product.md F01


def identity_fault(session: Session, event: CardRead) -> str:
    """Return the code of what is wrong with the card's own data, or nothing."""
    try:
        identity.identity_of(event.card, session.today)
    except IdentityError as error:
        return error.code
    return ""


def card_holds(session: Session, event: CardRead) -> bool:
    """Whether the card's own data agree and it is in force."""
    return identity_fault(session, event) == ""


def card_meets_conditions(session: Session, event: CardRead) -> bool:
    """Whether no condition of the item stops this person."""
    return card_holds(session, event) and not stops_of(take_card(session, event))


def take_card(session: Session, event: CardRead) -> Session:
    """Take the identity, fill the form, open the elder scale by age."""
    if session.item is None:
        return session
    who = identity.identity_of(event.card, session.today)
    situation = session.situation
    if session.item.situation_mode == "derived":
        situation = conditions.derive_situation(session.item, who, session.today)
    taken = replace(
        session,
        identity=who,
        card=Private(event.card),
        situation=situation,
        answers=form.prefill(session.item, event.card, session.today, session.locale),
        fault=None,
    )
    return replace(taken, scale="elder") if is_elder(taken) and not session.is_scale_chosen else taken


def take_card_that_is_stopped(session: Session, event: CardRead) -> Session:
    """Say which condition is not met; the card stays known, to be taken back."""
    return replace(take_card(session, event), fault=CONDITION_NOT_MET)


CONDITION_NOT_MET = Fault(code="condition_not_met", kind="Condition")


def fault_of_card(session: Session, event: CardRead) -> Session:
    """Say what is wrong with the card itself; it lies there and has to be taken back."""
    fault = Fault(code=identity_fault(session, event), kind="IdentityError")
    return replace(session, fault=fault, tries=session.tries + 1, is_card_left=True)


def is_silent(session: Session, event: CardFailed) -> bool:
    """Whether nothing is wrong: the wait for a card was long, that is all."""
    return event.kind in ("TimedOut", "Cancelled") and event.code == "no_card"


def fault_of_reader(session: Session, event: CardFailed) -> Session:
    """Say whose move it is; count what the hand did, not what the machine did."""
    is_of_hand = event.kind == "UserFault"
    return replace(
        session,
        fault=Fault(code=event.code, kind=event.kind),
        tries=session.tries + is_of_hand,
        is_card_left=session.is_card_left or is_of_hand,
    )
