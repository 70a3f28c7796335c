"""Sealed, sent, printed, taken: what the queue and the printer say."""

from __future__ import annotations

from msgspec.structs import replace

from kiosk.session.events import Intent, NotStored, OutcomeKnown, SlipFailed, Stored, Tick
from kiosk.session.session import Fault, Session, State
from offline_queue.api import State as QueueState


def ask_store(session: Session, event: Tick) -> Session:
    """The deadline has passed: nobody guesses, the store is asked."""
    return replace(session, is_asking_store=True)


def take_ticket(session: Session, event: Stored) -> Session:
    """The promise is made."""
    return replace(session, ticket=event.ticket, fault=None, is_asking_store=False)


def not_stored(session: Session, event: NotStored) -> Session:
    """The store has said so: nothing was kept. What was filled in is still here."""
    return replace(
        session, fault=Fault(code=event.code, kind="NotStored"), came_from=State.REVIEW, is_asking_store=False
    )


def was_not_stored(session: Session, event: Intent) -> bool:
    """Whether the person can try once more to submit."""
    return session.came_from is State.REVIEW


def is_ours(session: Session, event: OutcomeKnown) -> bool:
    """Whether the outcome is this visit's own."""
    return bool(session.sid) and event.outcome.sid == session.sid


def is_settled(session: Session, event: OutcomeKnown) -> bool:
    """Whether waiting longer in front of the screen has no use: delivered, or a person must look at it."""
    done = (QueueState.DELIVERED, QueueState.SHREDDED, QueueState.DEAD)
    return is_ours(session, event) and event.outcome.state in done


def is_put_off(session: Session, event: OutcomeKnown) -> bool:
    """Whether nothing has left yet and the line is down: the slip can be printed now."""
    return is_ours(session, event) and event.outcome.state is QueueState.READY and not event.outcome.sent_once


def note_outcome(session: Session, event: OutcomeKnown) -> Session:
    """Take what the queue knows."""
    return replace(session, outcome=event.outcome)


def slip_is_out(session: Session, event: object) -> Session:
    """The printer confirmed."""
    return replace(session, slip="printed", fault=None)


def slip_failed(session: Session, event: SlipFailed) -> Session:
    """The number stays on the screen."""
    return replace(session, slip="failed", fault=Fault(code=event.code, kind=event.kind))


def is_printing(session: Session) -> bool:
    """Whether the printer is at work."""
    return session.slip in ("", "printing")


def may_print(session: Session, event: Intent) -> bool:
    """Whether the slip did not come out."""
    return session.slip == "failed"


def may_finish(session: Session, event: Intent) -> bool:
    """Whether nothing is being printed any more."""
    return not is_printing(session)


def print_again(session: Session, event: Intent) -> Session:
    """Print once more, counted."""
    return replace(session, slip="printing", reprints=session.reprints + 1, fault=None)


def card_taken(session: Session, event: object) -> Session:
    """No card lies about any more."""
    return replace(session, is_card_left=False)
