"""The form: typing, choosing, turning its pages."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from kiosk.services import form
from kiosk.services.catalogue import ServiceItem
from kiosk.session.events import Intent
from kiosk.session.flow.card import CONDITION_NOT_MET
from kiosk.session.flow.coded import with_pages
from kiosk.session.flow.facts import faults_of, is_open_field, page_of, pages_of, plan_of, stops_of
from kiosk.session.flow.frame import index_in, value_of
from kiosk.session.flow.papers import papers_are_complete
from kiosk.session.session import Session, State
from kiosk.station.errors import FormError

MAX_TYPED = 200  # no key sends more at once; the longest field holds less


# ── typing and choosing ──────────────────────────────────────────────────────────────────


def can_focus(session: Session, event: Intent) -> bool:
    """Whether the field named is on the page and open, or none is named: that closes the keyboard."""
    return not value_of(event) or is_open_field(session, value_of(event))


def focus(session: Session, event: Intent) -> Session:
    """Give a field the keyboard."""
    return replace(session, focus=value_of(event))


def is_typing(session: Session, event: Intent) -> bool:
    """Whether an open field has the keyboard."""
    return is_open_field(session, session.focus)


def type_text(session: Session, event: Intent) -> Session:
    """Type into the focused field; what the field does not allow is not taken."""
    text = value_of(event)[:MAX_TYPED]
    return _answered(session, lambda item: form.type_into(item, session.focus, session.answers, text))


def erase_text(session: Session, event: Intent) -> Session:
    """Take the last character away."""
    return _answered(session, lambda item: form.erase(item, session.focus, session.answers))


def can_pick(session: Session, event: Intent) -> bool:
    """Whether the intent names an open field of the page: `key=value`."""
    return is_open_field(session, value_of(event).partition("=")[0])


def pick(session: Session, event: Intent) -> Session:
    """Take a choice: `key=value`."""
    key, _, value = value_of(event).partition("=")
    return _answered(session, lambda item: form.choose(item, key, session.answers, value))


def can_add_entry(session: Session, event: Intent) -> bool:
    """Whether the page shown belongs to the repeat named and it has room."""
    page = page_of(session)
    return page is not None and page.can_add and page.repeat == value_of(event)


def add_entry(session: Session, event: Intent) -> Session:
    """Add an empty entry to a repeated group, and turn to its page."""
    return turned_to_last(
        _answered(session, lambda item: form.add_entry(item, value_of(event), session.answers)), value_of(event)
    )


def can_remove_entry(session: Session, event: Intent) -> bool:
    """Whether the page shown is the entry named: `members.1`."""
    page = page_of(session)
    return page is not None and page.can_remove and value_of(event) == f"{page.repeat}.{page.entry}"


def remove_entry(session: Session, event: Intent) -> Session:
    """Take an entry of a repeated group out."""
    key, _, entry = value_of(event).rpartition(".")
    cut = _answered(session, lambda item: form.remove_entry(item, key, session.answers, index_in(entry)))
    return replace(cut, focus="", shows_errors=False)


def _answered(session: Session, change: Callable[[ServiceItem], form.Answers]) -> Session:
    """Return the session with the answers changed; what the form engine refuses changes nothing.

    An answer may show or hide fields: the person stays on the page they are on.
    """
    if session.item is None:
        return session
    try:
        changed = replace(session, answers=change(session.item))
    except FormError:
        return session
    here, keys = page_of(session), [page.key for page in pages_of(changed)]
    at = keys.index(here.key) if here is not None and here.key in keys else min(session.form_page, len(keys) - 1)
    return replace(changed, form_page=max(at, 0))


def turned_to_last(session: Session, repeat: str) -> Session:
    """Return the session turned to the newest entry of a repeat."""
    last = max((i for i, page in enumerate(pages_of(session)) if page.repeat == repeat), default=session.form_page)
    return replace(session, form_page=last, shows_errors=False, focus="")


# ── turning pages ────────────────────────────────────────────────────────────────────────


def has_next_page(session: Session, event: Intent) -> bool:
    """Whether the page shown is good and another follows."""
    is_good = all(fault.page_index != session.form_page for fault in faults_of(session))
    return is_good and session.form_page + 1 < len(pages_of(session)) and not session.edits_from_review


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


# ── leaving ──────────────────────────────────────────────────────────────────────────────


def form_is_good(session: Session, event: Intent) -> bool:
    """Whether nothing is missing on any page."""
    return not faults_of(session)


def form_stops(session: Session, event: Intent) -> bool:
    """Whether the form is whole and says that a condition is not met."""
    return form_is_good(session, event) and bool(stops_of(session))


def leave_stopped(session: Session, event: Intent) -> Session:
    """Say which condition is not met; the form can be put right."""
    return replace(session, focus="", fault=CONDITION_NOT_MET, came_from=State.FORM)


def edit_is_done(session: Session, event: Intent) -> bool:
    """Whether the person came from the review and nothing new is asked for."""
    return session.edits_from_review and form_is_good(session, event) and papers_are_complete(session, event)


def is_editing(session: Session, event: Intent) -> bool:
    """Whether the person came from the review."""
    return session.edits_from_review


def leave_form(session: Session, event: Intent) -> Session:
    """Close the keyboard; papers of materials that are no longer asked for are let go."""
    kept = {state.code for state in plan_of(session) if state.state != "not_needed"}
    pages = tuple(page for page in session.pages if page.material in kept)
    return replace(with_pages(session, pages), focus="", shows_errors=False, edits_from_review=False)


def was_stopped(session: Session, event: Intent) -> bool:
    """Whether an answer is what stands in the way."""
    return session.came_from is State.FORM
