"""The list of papers: what is scanned, put off, still needed."""

from __future__ import annotations

from msgspec.structs import replace

from kiosk.session.events import Intent
from kiosk.session.flow.coded import with_pages
from kiosk.session.flow.facts import material_of, plan_of
from kiosk.session.flow.frame import value_of
from kiosk.session.session import Session


def papers_are_complete(session: Session, event: Intent) -> bool:
    """Whether no material is still needed."""
    return all(state.state != "needed" for state in plan_of(session))


def can_scan(session: Session, event: Intent) -> bool:
    """Whether the material named may be scanned."""
    state = material_of(session, value_of(event))
    return state is not None and state.needs_scan and state.pages < state.max_pages


def start_scan(session: Session, event: Intent) -> Session:
    """Turn to the desk for one material."""
    return replace(
        session, material=value_of(event), refusals=0, gate="", is_capturing=False, keeps_page=False, fault=None
    )


def can_defer(session: Session, event: Intent) -> bool:
    """Whether the material may follow later."""
    state = material_of(session, value_of(event))
    return state is not None and state.can_defer and state.pages == 0


def defer(session: Session, event: Intent) -> Session:
    """Let the material follow later, or take that back."""
    code = value_of(event)
    kept = tuple(other for other in session.deferred if other != code)
    return replace(session, deferred=kept if code in session.deferred else (*kept, code))


def has_pages(session: Session, event: Intent) -> bool:
    """Whether pages of the material named were taken."""
    return any(page.material == value_of(event) for page in session.pages)


def drop_pages(session: Session, event: Intent) -> Session:
    """Drop every page of one material, to scan it anew."""
    return with_pages(session, tuple(page for page in session.pages if page.material != value_of(event)))
