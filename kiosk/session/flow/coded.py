"""What codes on the papers fill into the form, and what goes when the paper goes."""

from __future__ import annotations

from msgspec.structs import replace

from devices.api import Page
from kiosk.services.page_codes import empty_of_page, fill_from_page
from kiosk.session.flow.facts import context_of
from kiosk.session.session import Session


def with_page(session: Session, page: Page) -> Session:
    """Return the session with one more page, and what its codes fill into fields that are still empty."""
    return _filled(replace(session, pages=(*session.pages, page)), page)


def with_pages(session: Session, kept: tuple[Page, ...]) -> Session:
    """Return the session with some of its pages alone; what the others had filled in goes with them."""
    after = replace(session, pages=kept)
    gone = [page for page in session.pages if not any(page is other for other in kept)]
    if session.item is None or not gone:
        return after
    for page in gone:
        answers = empty_of_page(session.item, after.answers, page, session.coded)
        coded = tuple(key for key in after.coded if key not in answers or answers[key].reveal())
        after = replace(after, answers=answers, coded=coded)
    for page in kept:  # a page that stays may say the same
        after = _filled(after, page)
    return after


def _filled(session: Session, page: Page) -> Session:
    if session.item is None or not page.codes:
        return session
    answers = fill_from_page(session.item, session.answers, context_of(session), page)
    new = tuple(key for key in answers if answers[key] != session.answers.get(key) and key not in session.coded)
    return replace(session, answers=answers, coded=(*session.coded, *new))
