"""An ID card on the desk: one side after the other, and both on one page in the end."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from devices.api import Page
from kiosk.session.events import PageTaken
from kiosk.session.flow.facts import material_of, plan_of
from kiosk.session.session import Session

SIDE_AGAIN = "side_again"
OTHER_SIDE = {"front": "back", "back": "front", "": "other"}


def wanted_side(session: Session) -> str:
    """Return what is asked for next: `front`, then `back`; "" for papers that are not a card.

    Whoever begins with the back is asked for the front; where the first side is unsure, for the `other`.
    """
    state = material_of(session, session.material)
    if state is None or not state.is_two_sided:
        return ""
    taken = [page for page in session.pages if page.material == session.material]
    return OTHER_SIDE[taken[-1].side] if taken else "front"


def is_taken_side(session: Session, event: PageTaken) -> bool:
    """Whether the page shows a side that was taken already, and nobody insists on it."""
    if not wanted_side(session) or not event.page.side or session.keeps_page:
        return False
    return any(page.side == event.page.side for page in session.pages if page.material == session.material)


def refuse_side(session: Session, event: PageTaken) -> Session:
    """Let the page go and say which side is wanted."""
    return replace(session, is_capturing=False, refusals=session.refusals + 1, gate=SIDE_AGAIN)


def joined_pages(session: Session, join: Callable[[Page, Page], Page]) -> tuple[Page, ...]:
    """Return the visit's pages, both sides of each ID card as one. Where a side is unsure the two stay two."""
    pages = session.pages
    for state in plan_of(session):
        sides = {page.side: page for page in pages if page.material == state.code}
        if state.is_two_sided and sides.keys() == {"front", "back"}:
            at = next(at for at, page in enumerate(pages) if page.material == state.code)
            others = [page for page in pages if page.material != state.code]
            pages = (*others[:at], join(sides["front"], sides["back"]), *others[at:])
    return pages
