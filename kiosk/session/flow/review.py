"""The review: everything is there, and the way back to what is not right."""

from __future__ import annotations

from msgspec.structs import replace

from devices.api import Private
from kiosk.session.events import Intent
from kiosk.session.flow.facts import faults_of, pages_of
from kiosk.session.flow.frame import index_in, value_of
from kiosk.session.flow.papers import papers_are_complete
from kiosk.session.session import Session


def all_is_complete(session: Session, event: Intent) -> bool:
    """Whether form and papers have all that is asked."""
    return not faults_of(session) and papers_are_complete(session, event)


def draw_sid(session: Session, event: Intent) -> Session:
    """Take the submission's id, for ever; what is confirmed now is signed now."""
    return replace(session, sid=session.sid or event.fresh_id, strokes=Private(()))


def is_form_page(session: Session, event: Intent) -> bool:
    """Whether the place to change is a page of the form."""
    kind, _, index = value_of(event).partition(":")
    return kind == "form" and 0 <= index_in(index) < len(pages_of(session))


def is_paper(session: Session, event: Intent) -> bool:
    """Whether the place to change is the list of papers."""
    return value_of(event) == "materials"


def edit_form(session: Session, event: Intent) -> Session:
    """Back to one page of the form; `next` returns to the review."""
    return replace(
        session, form_page=index_in(value_of(event).partition(":")[2]), edits_from_review=True, shows_errors=False
    )
