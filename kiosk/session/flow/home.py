"""Home and guide: which matter it is."""

from __future__ import annotations

from msgspec.structs import replace

from devices.api import Private
from kiosk.session.events import Intent
from kiosk.session.flow.frame import value_of
from kiosk.session.flow.route import can_apply
from kiosk.session.session import Session

MAX_QUERY = 24


def is_item(session: Session, event: Intent) -> bool:
    """Whether an item of the catalogue was chosen."""
    kind, _, code = value_of(event).partition(":")
    return kind == "item" and any(item.item_code == code for item in session.catalogue.items)


def is_filter(session: Session, event: Intent) -> bool:
    """Whether a window class, a life field or the search was chosen."""
    return value_of(event).partition(":")[0] in ("window", "life", "search")


def take_item(session: Session, event: Intent) -> Session:
    """Take the chosen item; everything a former choice had filled is new."""
    code = value_of(event).partition(":")[2]
    item = next(item for item in session.catalogue.items if item.item_code == code)
    return replace(session, item=item, situation="", answers={}, pages=(), deferred=(), form_page=0)


def take_filter(session: Session, event: Intent) -> Session:
    """Show one class, one life field, or the search."""
    return replace(session, filter=value_of(event), list_page=0, query=Private(""))


def clear_filter(session: Session, event: Intent) -> Session:
    """Back to all tiles."""
    return replace(session, filter="", list_page=0, query=Private(""))


def type_query(session: Session, event: Intent) -> Session:
    """Add to what is searched for."""
    text = (session.query.reveal() + value_of(event))[:MAX_QUERY]
    return replace(session, query=Private(text), list_page=0)


def erase_query(session: Session, event: Intent) -> Session:
    """Take the last character of the search away."""
    return replace(session, query=Private(session.query.reveal()[:-1]), list_page=0)


def has_filter(session: Session, event: Intent) -> bool:
    """Whether home shows a part of the catalogue."""
    return bool(session.filter)


def is_applicable(session: Session, event: Intent) -> bool:
    """Whether this terminal can take the application."""
    return session.item is not None and can_apply(session.item)
