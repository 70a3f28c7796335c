"""The notice agreed to, and the situation that is the person's."""

from __future__ import annotations

from msgspec.structs import replace

from kiosk.session.events import Intent
from kiosk.session.flow.frame import value_of
from kiosk.session.session import Session


def agree(session: Session, event: Intent) -> Session:
    """Record which notice was agreed to, by its hash, and when."""
    return replace(session, consent_hash=value_of(event), consent_at_wall_s=event.at_wall_s)


def is_situation(session: Session, event: Intent) -> bool:
    """Whether one of the item's situations was chosen."""
    kind, _, code = value_of(event).partition(":")
    known = session.item.situations if session.item is not None else ()
    return kind == "situation" and any(situation.code == code for situation in known)


def take_situation(session: Session, event: Intent) -> Session:
    """Take the situation."""
    return replace(session, situation=value_of(event).partition(":")[2], form_page=0)
