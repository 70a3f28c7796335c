"""The desk: when the still is taken, kept, refused."""

from __future__ import annotations

from msgspec.structs import replace

from devices.api import Page
from kiosk.session.events import CameraFailed, Intent, PageRefused, PageTaken, PreviewChanged
from kiosk.session.flow.coded import with_page, with_pages
from kiosk.session.flow.facts import material_of
from kiosk.session.session import Fault, Session

REFUSALS_BEFORE_KEEP = 3  # product.md F08


def is_ready_to_shoot(session: Session, event: PreviewChanged) -> bool:
    """Whether the eye says: now."""
    return event.preview.is_ready and not session.is_capturing and not _is_full(session)


def _is_full(session: Session) -> bool:
    state = material_of(session, session.material)
    return state is None or state.pages >= state.max_pages


def may_shoot(session: Session, event: Intent) -> bool:
    """Whether a page can still be taken."""
    return not session.is_capturing and not _is_full(session)


def note_preview(session: Session, event: PreviewChanged) -> Session:
    """Take what the eye says."""
    return replace(session, preview=event.preview)


def shoot(session: Session, event: object) -> Session:
    """Take the still."""
    return replace(session, is_capturing=True, keeps_page=False)


def may_keep(session: Session, event: Intent) -> bool:
    """Whether the person may insist on a page that was refused."""
    return can_keep(session) and may_shoot(session, event)


def can_keep(session: Session) -> bool:
    """Whether the gates have had their say: three refusals, or a page without a word: its owner knows better."""
    seen = session.preview.gate if session.preview is not None else ""
    return session.refusals >= REFUSALS_BEFORE_KEEP or "blank" in (session.gate, seen)


def keep(session: Session, event: Intent) -> Session:
    """Take the still whatever the gates say, marked for review."""
    return replace(session, is_capturing=True, keeps_page=True)


def is_last_page(session: Session, event: PageTaken) -> bool:
    """Whether the material has no room for a further page."""
    state = material_of(session, session.material)
    return state is None or state.pages + 1 >= state.max_pages


def take_page(session: Session, event: PageTaken) -> Session:
    """Add the page."""
    deferred = tuple(code for code in session.deferred if code != event.page.material)
    return replace(
        with_page(session, event.page),
        deferred=deferred,
        is_capturing=False,
        keeps_page=False,
        refusals=0,
        gate="",
    )


def refuse_page(session: Session, event: PageRefused) -> Session:
    """Count the refusal and remember which gate spoke."""
    return replace(session, is_capturing=False, refusals=session.refusals + 1, gate=event.gate)


def twin_of(session: Session) -> Page | None:
    """Return the earlier page of this visit that the last one shows once more, if it is still there."""
    last = session.pages[-1] if session.pages else None
    if last is None or not last.looks_like:
        return None
    return next((page for page in session.pages[:-1] if f"{page.material}/{page.index}" == last.looks_like), None)


def has_page(session: Session, event: Intent) -> bool:
    """Whether a page of this material can be taken back."""
    return any(page.material == session.material for page in session.pages) and not session.is_capturing


def retake(session: Session, event: Intent) -> Session:
    """Drop the material's last page."""
    last = max(i for i, page in enumerate(session.pages) if page.material == session.material)
    return replace(with_pages(session, session.pages[:last] + session.pages[last + 1 :]), refusals=0, gate="")


def camera_is_waiting(session: Session, event: CameraFailed) -> bool:
    """Whether nothing is wrong but the time."""
    return event.kind == "TimedOut" and event.code == "watch" and not session.is_capturing


def fault_of_camera(session: Session, event: CameraFailed) -> Session:
    """Scanning is not available; the visit goes on without it."""
    return replace(session, is_capturing=False, fault=Fault(code=event.code, kind=event.kind or "NotReady"))
