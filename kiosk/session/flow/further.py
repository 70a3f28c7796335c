"""A further card, read while the form asks for another person."""

from __future__ import annotations

from msgspec.structs import replace

from kiosk.services import form
from kiosk.session.events import CardFailed, CardRead, Intent
from kiosk.session.flow.card import identity_fault
from kiosk.session.flow.facts import page_of
from kiosk.session.flow.filling import turned_to_last
from kiosk.session.session import Fault, Session
from kiosk.station.errors import FormError


def wants_further(session: Session, event: Intent) -> bool:
    """Whether another person's card fills the page shown."""
    page = page_of(session)
    return page is not None and page.reads_card and not session.is_reading_further


def read_further(session: Session, event: Intent) -> Session:
    """Ask for a further card."""
    return replace(session, is_reading_further=True, fault=None, focus="")


def is_reading(session: Session, event: object) -> bool:
    """Whether a further card is asked for."""
    return session.is_reading_further


def stop_further(session: Session, event: object) -> Session:
    """Ask for no further card."""
    return replace(session, is_reading_further=False, fault=None)


def is_own_card(session: Session, event: CardRead) -> bool:
    """Whether the further card is the applicant's own, put down again."""
    return session.identity is not None and event.card.id_number.reveal() == session.identity.id_number.reveal()


def refuse_own_card(session: Session, event: CardRead) -> Session:
    """Say that another person's card is needed; go on waiting for it."""
    return replace(session, fault=Fault(code="own_card_again", kind="IdentityError"))


def refuse_further(session: Session, event: CardRead) -> Session:
    """Say what is wrong with the further card."""
    fault = Fault(code=identity_fault(session, event), kind="IdentityError")
    return replace(session, is_reading_further=False, fault=fault)


def take_further(session: Session, event: CardRead) -> Session:
    """Take name and number of a further person from the card."""
    here = page_of(session)
    if session.item is None or here is None:
        return session
    try:
        answers = form.prefill_member(session.item, session.answers, event.card)
    except FormError as error:
        return replace(session, is_reading_further=False, fault=Fault(code=error.code, kind="FormError"))
    taken = replace(session, answers=answers, is_reading_further=False, fault=None)
    return turned_to_last(taken, here.repeat) if here.repeat else taken


def further_failed(session: Session, event: CardFailed) -> Session:
    """A further card could not be read: the fields can be typed."""
    return replace(session, is_reading_further=False, fault=Fault(code=event.code, kind=event.kind))
