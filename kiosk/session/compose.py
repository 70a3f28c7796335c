"""`view_of(session, station, texts) -> View`: the one source of what a screen shows."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from kiosk.session.flow.apply import is_at_work
from kiosk.session.screens import ending, filling, home, papers, person, technician
from kiosk.session.screens.frame import Scene, help_notes, steps_of, top_of
from kiosk.session.session import Session, State
from kiosk.session.view import View
from kiosk.station.health import Station
from kiosk.station.texts import Texts

SCREENS: dict[State, Callable[[Scene], View]] = {
    State.ATTRACT: home.attract,
    State.HOME: home.home,
    State.GUIDE: home.guide,
    State.IDENTIFY: person.identify,
    State.NOTICE: person.notice,
    State.SITUATION: person.situation,
    State.FORM: filling.form_screen,
    State.MATERIALS: papers.materials_screen,
    State.SCAN: papers.scan,
    State.REVIEW: ending.review,
    State.SIGN: ending.sign,
    State.SEALING: ending.sealing,
    State.DELIVERING: ending.delivering,
    State.SLIP: ending.slip_screen,
    State.FAREWELL: ending.farewell,
    State.TROUBLE: ending.trouble,
    State.PIN: technician.pin,
    State.TECHNICIAN: technician.page,
}


def view_of(session: Session, station: Station, texts: Texts) -> View:
    """Return what the screen shows now."""
    scene = Scene(session=session, station=station, texts=texts)
    view = SCREENS[session.state](scene)
    countdown = countdown_of(session)
    return replace(
        view,
        turn=session.turn,
        locale=session.locale,
        scale=session.scale,
        contrast=session.contrast,
        top=top_of(scene),
        steps=steps_of(scene),
        notes=(*help_notes(scene), *view.notes),
        countdown_s=countdown,
        countdown_text=scene.say("idle.text", n=countdown) if countdown >= 0 else "",
    )


def countdown_of(session: Session) -> int:
    """Return the seconds left of the idle warning, or -1 when nobody is warned."""
    if is_at_work(session):
        return -1
    idle, warn = session.screen.idle(session.scale)
    return max(0, round(idle + warn - session.idle_s)) if session.idle_s >= idle else -1
