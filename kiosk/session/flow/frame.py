"""The frame of every screen: language, scale, contrast, help, time."""

from __future__ import annotations

from msgspec.structs import replace

from kiosk.session.events import Intent, Tick
from kiosk.session.session import Session, first_session


def value_of(event: Intent) -> str:
    """Return the intent's value."""
    return event.value.reveal()


def index_in(text: str) -> int:
    """Return the small number a value names, or -1: values come from outside and may be anything."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 3 else -1


def set_locale(session: Session, event: Intent) -> Session:
    """Switch the language; input stays."""
    return replace(session, locale="en" if session.locale == "zh" else "zh")


def set_scale(session: Session, event: Intent) -> Session:
    """Switch the scale; from now on age does not change it."""
    return replace(session, scale="standard" if session.scale == "elder" else "elder", is_scale_chosen=True)


def set_contrast(session: Session, event: Intent) -> Session:
    """Switch the contrast."""
    return replace(session, contrast="normal" if session.contrast == "high" else "high")


def is_left_switched(session: Session, event: Tick) -> bool:
    """Whether somebody changed language, scale or contrast on the first screen and went away."""
    idle, warn = session.screen.idle(session.scale)
    found = first_session(session.catalogue, session.today, session.screen)
    is_as_found = (session.locale, session.scale, session.contrast) == (found.locale, found.scale, found.contrast)
    return event.idle_s >= idle + warn and (session.is_scale_chosen or not is_as_found)


def toggle_help(session: Session, event: Intent) -> Session:
    """Open or close the help panel."""
    return replace(session, is_help_open=not session.is_help_open)


def note_time(session: Session, event: Tick) -> Session:
    """Take the seconds over."""
    return replace(session, idle_s=event.idle_s, place_s=event.place_s)


def stay(session: Session, event: Intent) -> Session:
    """Close the idle warning."""
    return replace(session, idle_s=0.0)
