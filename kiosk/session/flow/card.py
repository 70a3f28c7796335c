"""The applicant's card: whether it holds, what it says, whether it meets the conditions."""

from __future__ import annotations

from msgspec.structs import replace

from devices.api import Private
from kiosk.services import conditions, form, identity
from kiosk.session.events import CardFailed, CardRead
from kiosk.session.flow.facts import verdicts_of
from kiosk.session.session import Fault, Session, State
from kiosk.station.errors import IdentityError

CARD_TRIES = 3  # product.md F01


def card_holds(session: Session, event: CardRead) -> bool:
    """Whether the card's own data agree and it is in force."""
    return identity_fault(session, event) == ""


def card_meets_conditions(session: Session, event: CardRead) -> bool:
    """Whether no condition of the item blocks this person."""
    return card_holds(session, event) and not _blocks(take_card(session, event))


def take_card(session: Session, event: CardRead) -> Session:
    """Take the identity, fill the form, open the elder scale by age."""
    if session.item is None:
        return session
    who = identity.identity_of(event.card, session.today)
    situation = session.situation
    if session.item.situation_mode == "derived":
        situation = conditions.derive_situation(session.item, who, session.today)
    is_elder = identity.age_on(who.birth_date.reveal(), session.today) >= session.screen.elder_from_age
    taken = replace(
        session,
        identity=who,
        card=Private(event.card),
        situation=situation,
        answers=form.prefill(session.item, event.card, session.today, session.locale),
        scale="elder" if is_elder and not session.is_scale_chosen else session.scale,
        fault=None,
    )
    warnings = tuple(verdict.text for verdict in verdicts_of(taken) if verdict.outcome == "warn")
    return replace(taken, warnings=warnings)


def fault_of_card(session: Session, event: CardRead) -> Session:
    """Say what is wrong with the card itself."""
    return replace(
        session, fault=Fault(code=identity_fault(session, event), kind="IdentityError"), tries=session.tries + 1
    )


def fault_of_condition(session: Session, event: CardRead) -> Session:
    """Say which condition is not met, in the catalogue's words; the card stays known to be taken back."""
    taken = take_card(session, event)
    first = _blocks(taken)[0]
    return replace(
        taken, fault=Fault(code="condition_not_met", kind="Condition", text=first.text), came_from=State.HOME
    )


def fault_of_reader(session: Session, event: CardFailed) -> Session:
    """Count a failed try and say whose move it is. A silent wait for a card is no failure."""
    if event.kind in ("TimedOut", "Cancelled") and event.code == "no_card":
        return session
    tries = session.tries + (event.kind == "UserFault")
    return replace(session, fault=Fault(code=event.code, kind=event.kind), tries=tries)


def identity_fault(session: Session, event: CardRead) -> str:
    try:
        identity.identity_of(event.card, session.today)
    except IdentityError as error:
        return error.code
    return ""


def _blocks(session: Session) -> tuple[conditions.ConditionVerdict, ...]:
    return tuple(verdict for verdict in verdicts_of(session) if verdict.outcome == "block")
