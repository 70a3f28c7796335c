"""The form: typing, choosing, turning its pages."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from kiosk.services import form
from kiosk.services.catalogue import ServiceItem
from kiosk.session.events import Intent
from kiosk.session.flow.facts import faults_of, pages_of, plan_of
from kiosk.session.flow.frame import value_of
from kiosk.session.session import Session
from kiosk.station.errors import FormError


def focus(session: Session, event: Intent) -> Session:
    """Give a field the keyboard."""
    return replace(session, focus=value_of(event))


def type_text(session: Session, event: Intent) -> Session:
    """Type into the focused field; what the field does not allow is not taken."""
    return _answered(session, lambda item: form.type_into(item, session.focus, session.answers, value_of(event)))


def erase_text(session: Session, event: Intent) -> Session:
    """Take the last character away."""
    return _answered(session, lambda item: form.erase(item, session.focus, session.answers))


def pick(session: Session, event: Intent) -> Session:
    """Take a choice: `key=value`."""
    key, _, value = value_of(event).partition("=")
    return _answered(session, lambda item: form.choose(item, key, session.answers, value))


def add_entry(session: Session, event: Intent) -> Session:
    """Add an empty entry to a repeated group, and turn to its page."""
    grown = _answered(session, lambda item: form.add_entry(item, value_of(event), session.answers))
    return turned_to_last(grown, value_of(event)) if grown is not session else session


def remove_entry(session: Session, event: Intent) -> Session:
    """Take an entry of a repeated group out: `members.1`."""
    key, _, entry = value_of(event).rpartition(".")
    if not entry.isdecimal():
        return session
    cut = _answered(session, lambda item: form.remove_entry(item, key, session.answers, int(entry)))
    return replace(cut, focus="", form_page=min(session.form_page, len(pages_of(cut)) - 1), shows_errors=False)


def _answered(session: Session, change: Callable[[ServiceItem], form.Answers]) -> Session:
    """Return the session with the answers changed; what the form engine refuses changes nothing."""
    if session.item is None:
        return session
    try:
        return replace(session, answers=change(session.item))
    except FormError:
        return session


def turned_to_last(session: Session, repeat: str) -> Session:
    """Return the session turned to the newest entry of a repeat."""
    last = max((i for i, page in enumerate(pages_of(session)) if page.repeat == repeat), default=session.form_page)
    return replace(session, form_page=last, shows_errors=False, focus="")


def page_is_good(session: Session, event: Intent) -> bool:
    """Whether the page shown holds no mistake."""
    return all(fault.page_index != session.form_page for fault in faults_of(session))


def has_next_page(session: Session, event: Intent) -> bool:
    """Whether the page shown is good and another follows."""
    return (
        page_is_good(session, event)
        and session.form_page + 1 < len(pages_of(session))
        and not session.edits_from_review
    )


def form_is_good(session: Session, event: Intent) -> bool:
    """Whether nothing is missing on any page."""
    return not faults_of(session)


def next_page(session: Session, event: Intent) -> Session:
    """Turn to the next page."""
    return replace(session, form_page=session.form_page + 1, focus="", shows_errors=False)


def has_former_page(session: Session, event: Intent) -> bool:
    """Whether a page stands before this one."""
    return session.form_page > 0 and not session.edits_from_review


def former_page(session: Session, event: Intent) -> Session:
    """Turn to the page before."""
    return replace(session, form_page=session.form_page - 1, focus="", shows_errors=False)


def show_errors(session: Session, event: Intent) -> Session:
    """Show the reason beside each field; turn to the first page that has one if this page is good."""
    faults = faults_of(session)
    on_page = [fault for fault in faults if fault.page_index == session.form_page]
    page = session.form_page if on_page or not faults else faults[0].page_index
    return replace(session, shows_errors=True, form_page=page, focus="")


def leave_form(session: Session, event: Intent) -> Session:
    """Close the keyboard; papers of materials that are no longer asked for are let go."""
    kept = {state.code for state in plan_of(session) if state.state != "not_needed"}
    pages = tuple(page for page in session.pages if page.material in kept)
    return replace(session, focus="", shows_errors=False, edits_from_review=False, pages=pages)
