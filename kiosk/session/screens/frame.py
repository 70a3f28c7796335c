"""The parts every screen shares: top line, step bar, paging, faults in words."""

from __future__ import annotations

from typing import Literal

import msgspec

from kiosk.services.readiness import told_of
from kiosk.session.flow.facts import stops_of, warnings_of
from kiosk.session.flow.route import can_apply, route
from kiosk.session.session import Fault, Session, State
from kiosk.session.view import Action, Note, Step, Top
from kiosk.station.failures import Move, failure_of
from kiosk.station.health import Station
from kiosk.station.texts import Texts

BAR = (
    State.IDENTIFY,
    State.SITUATION,
    State.FORM,
    State.MATERIALS,
    State.REVIEW,
    State.SIGN,
    State.SLIP,
)
STANDS_FOR = {
    State.NOTICE: State.IDENTIFY,
    State.SCAN: State.MATERIALS,
    State.SEALING: State.SLIP,
    State.DELIVERING: State.SLIP,
}


def capital(label: str) -> str:
    """Return a label of the catalogue as a button says it: beginning with a capital where the script has them."""
    return label[:1].upper() + label[1:]


class Scene(msgspec.Struct, frozen=True):
    """What a screen function is given."""

    session: Session
    station: Station
    texts: Texts

    def say(self, key: str, **values: object) -> str:
        """Return the text in the visit's language."""
        return self.texts(key, self.session.locale, **values)

    @property
    def locale(self) -> str:
        """Return the visit's language."""
        return self.session.locale

    def of(self, zh: str, en: str) -> str:
        """Return one of two texts of the catalogue."""
        return en if self.session.locale == "en" else zh

    def group(self, group: str) -> str:
        """Return the heading of a group of fields."""
        return self.say("form_screen.group_item") if group == "item" else self.word("field_group", group)

    def word(self, vocabulary: str, value: str) -> str:
        """Return how the catalogue calls a value, beginning with a capital in English."""
        return capital(self.session.catalogue.label(vocabulary, value, self.session.locale))


def top_of(scene: Scene) -> Top:
    """Return the top line: station, clock, line in words, the first device away that matters to who stands here."""
    station = scene.station
    item = scene.session.item
    told = told_of(station, item if item is not None and can_apply(item) else None)
    return Top(
        station=station.site.name(scene.locale),
        clock=station.clock_text,
        network=scene.say("frame.online" if station.is_online else "frame.offline"),
        is_online=station.is_online,
        notice=scene.say(told) if told else "",
    )


def steps_of(scene: Scene) -> tuple[Step, ...]:
    """Return the step bar; none outside a journey."""
    session = scene.session
    here = STANDS_FOR.get(session.state, session.state)
    passed = route(session)
    states = [state for state in BAR if state in passed]
    if session.item is None or here not in states:
        return ()
    now = states.index(here)
    return tuple(
        Step(key=state.value, label=scene.say(f"steps.{state.value}"), state=_step_state(index, now))
        for index, state in enumerate(states)
    )


def _step_state(index: int, now: int) -> Literal["done", "now", "ahead"]:
    if index < now:
        return "done"
    return "now" if index == now else "ahead"


def whose_move(scene: Scene, fault: Fault, device: str = "", asks_staff: bool = False) -> tuple[Note, ...]:
    """Return what happened and whose move it is, as two sentences.

    The second is left out where the first says it all: nobody is sent to try again what cannot be tried again.
    With `asks_staff` the person has tried often enough.
    """
    row = failure_of(fault.kind, fault.code, device)
    stops = stops_of(scene.session) if fault.kind == "Condition" else ()
    happened = Note(key="fault", text=stops[0] if stops else scene.say(row.text), mood="stop")
    move = Move.ATTENDANT if asks_staff else row.move
    if move is Move.CITIZEN and not row.can_retry:
        return (happened,)
    site = scene.station.site
    who = scene.say(f"failures.whose_{move.value}", name=site.agent(scene.locale), phone=site.phone)
    return (happened, Note(key="whose", text=who, mood="care"))


def warning_notes(scene: Scene) -> tuple[Note, ...]:
    """Return a note for each condition that the back office will look at."""
    return tuple(Note(key=f"warn{n}", text=text, mood="care") for n, text in enumerate(warnings_of(scene.session)))


def help_notes(scene: Scene) -> tuple[Note, ...]:
    """Return the help panel: what to do here, and whom to ask."""
    if not scene.session.is_help_open:
        return ()
    station = scene.station
    return (
        Note(key="help", text=scene.say(f"help.{scene.session.state.value}"), mood="plain"),
        Note(
            key="help_who",
            text=scene.say(
                "help.who",
                name=station.site.agent(scene.locale),
                phone=station.site.phone,
                hours=station.site.hours(scene.locale),
            ),
            mood="plain",
        ),
    )


def standard_actions(scene: Scene, *own: Action, back: bool = True, end: bool = True) -> tuple[Action, ...]:
    """Return 返回 · 帮助 · 结束 around the screen's own actions."""
    actions: list[Action] = []
    if back:
        actions.append(Action(id="back", label=scene.say("frame.back"), role="back"))
    actions.append(
        Action(
            id="help", label=scene.say("frame.help_close" if scene.session.is_help_open else "frame.help"), role="help"
        )
    )
    if end:
        actions.append(Action(id="end", label=scene.say("frame.end"), role="end"))
    return (*actions, *own)
