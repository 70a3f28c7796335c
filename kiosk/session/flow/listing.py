"""The material list on paper: asked for at the guide, before anybody is known."""

from __future__ import annotations

from msgspec.structs import replace

from kiosk.session.effects import Effect, PrintList
from kiosk.session.events import Intent, ListFailed, ListPrinted
from kiosk.session.session import Fault, Session

LIST_S = 90.0  # laid out, queued, printed; a cold A4 printer warms up for half a minute


def print_list(session: Session) -> tuple[Effect, ...]:
    """Print, when it was asked for."""
    return (PrintList(session.turn, LIST_S),) if session.sheet == "printing" else ()


def may_ask_list(session: Session, event: Intent) -> bool:
    """Whether there is a list and none is under way."""
    return session.item is not None and session.sheet != "printing"


def ask_list(session: Session, event: Intent) -> Session:
    """Print the list of this item."""
    return replace(session, sheet="printing", fault=None)


def list_is_out(session: Session, event: ListPrinted) -> Session:
    """The job is completed."""
    return replace(session, sheet="printed", fault=None)


def list_failed(session: Session, event: ListFailed) -> Session:
    """It did not come out; the list still stands on the screen."""
    return replace(session, sheet="failed", fault=Fault(code=event.code, kind=event.kind))


def leave_guide(session: Session, event: Intent) -> Session:
    """Forget that a list was asked for: coming back must not print it again. What prints, prints on."""
    return replace(session, sheet="", fault=None)
