"""Home and guide: which matter it is."""

from __future__ import annotations

from msgspec.structs import replace

from devices.api import Private
from kiosk.session.events import Intent
from kiosk.session.flow.frame import value_of
from kiosk.session.flow.route import can_apply
from kiosk.session.session import Session, next_matter

MAX_QUERY = 24
SEARCH = "search:"
VOCABULARIES = {"window": "window_class", "life": "life_field"}


def is_item(session: Session, event: Intent) -> bool:
    """Whether an item of the catalogue was chosen."""
    kind, _, code = value_of(event).partition(":")
    return kind == "item" and session.catalogue.item(code) is not None


def is_filter(session: Session, event: Intent) -> bool:
    """Whether a window class, a life field or the search was chosen."""
    kind, _, value = value_of(event).partition(":")
    words = session.catalogue.vocabularies.get(VOCABULARIES.get(kind, ""), ())
    return value_of(event) == SEARCH or any(word.value == value for word in words)


def take_item(session: Session, event: Intent) -> Session:
    """Take the chosen item: a new matter, of which nothing is known but that a card may lie on the reader."""
    item = session.catalogue.item(value_of(event).partition(":")[2])
    return replace(next_matter(session), item=item)


def take_filter(session: Session, event: Intent) -> Session:
    """Show one class, one life field, or the search."""
    return replace(session, filter=value_of(event), query=Private(""))


def has_filter(session: Session, event: Intent) -> bool:
    """Whether home shows a part of the catalogue."""
    return bool(session.filter)


def clear_filter(session: Session, event: Intent) -> Session:
    """Back to all tiles."""
    return replace(session, filter="", query=Private(""))


def is_searching(session: Session, event: Intent) -> bool:
    """Whether the search box is on the screen."""
    return session.filter == SEARCH


def type_query(session: Session, event: Intent) -> Session:
    """Add to what is searched for."""
    typed = "".join(letter for letter in value_of(event)[:MAX_QUERY] if letter.isprintable())
    return replace(session, query=Private((session.query.reveal() + typed)[:MAX_QUERY]))


def erase_query(session: Session, event: Intent) -> Session:
    """Take the last character of the search away."""
    return replace(session, query=Private(session.query.reveal()[:-1]))


def is_applicable(session: Session, event: Intent) -> bool:
    """Whether this terminal can take the application."""
    return session.item is not None and can_apply(session.item)
