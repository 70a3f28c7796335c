"""The technician's screens: the code, and the devices with state, abilities, last fault, remedy and self-test."""

from __future__ import annotations

from devices.api import NEEDED, DeviceKind, DeviceState
from kiosk.session.events import DeviceTested
from kiosk.session.screens.frame import Scene, standard_actions
from kiosk.session.view import Action, Field, Mood, Note, Row, View
from kiosk.station.failures import failure_of

DOT = "●"


def pin(scene: Scene) -> View:
    """Ask for the code; it is shown as dots."""
    session, say = scene.session, scene.say
    refused = session.pin_verdict
    field = Field(
        key="pin",
        label=say("technician.pin"),
        kind="text",
        display=DOT * len(session.pin.reveal()),
        hint=say("technician.pin_hint"),
        error=say(f"technician.pin_{refused}", seconds=session.pin_wait_s) if refused else "",
        keyboard="digits",
        is_focused=True,
    )
    return View(
        screen="form",
        key="technician.pin",
        title=say("technician.title"),
        lead=say("technician.pin_lead"),
        fields=(field,),
        actions=standard_actions(
            scene,
            Action(
                id="pin_done",
                label=say("technician.enter"),
                role="primary",
                is_enabled=bool(session.pin.reveal()) and not session.is_checking_pin,
            ),
            end=False,
        ),
    )


def page(scene: Scene) -> View:
    """List every device there is or must be."""
    session, say = scene.session, scene.say
    kinds = tuple(kind for kind in DeviceKind if kind in NEEDED or kind in scene.station.devices)
    rows = [row for kind in kinds for row in _rows(scene, kind)]
    notes: tuple[Note, ...] = ()
    if session.testing:
        hand = f"technician.hand_{session.testing}"
        text = say(hand) if scene.texts.has(hand) else ""
        name = say(f"doctor.{session.testing}")
        notes = (Note("testing", " ".join(filter(None, (say("technician.testing", name=name), text))), "care"),)
    return View(
        screen="technician",
        key="technician.testing" if session.testing else "technician",
        title=say("technician.title"),
        lead=say("technician.lead", terminal=scene.station.site.terminal_no),
        rows=tuple(rows),
        notes=notes,
        actions=standard_actions(scene, Action(id="end", label=say("technician.leave"), role="primary"), end=False),
    )


def _rows(scene: Scene, kind: DeviceKind) -> list[Row]:
    """Return a device's rows: the device itself, then what is to be known of it."""
    session, say, name = scene.session, scene.say, kind.value
    status = scene.station.devices.get(kind)
    is_well = status is not None and status.is_ready
    state = "not_configured" if status is None else status.device.value
    heading = say(f"doctor.{name}")
    can_test = status is not None and not session.testing
    rows = [
        Row(
            key=name,
            section=heading,
            label=say("technician.state"),
            value=say(f"technician.state_{state}"),
            icon="good" if is_well else "care",
            mood=_mood(is_well, state),
            action="self_test" if can_test else "",
            action_label=say("technician.test") if can_test else "",
        )
    ]
    told = next((one for one in session.abilities if one.kind == name), None)
    if told is not None:
        can = " ".join((*told.features, *(f"{one}?" for one in told.provisional)))
        rows.append(_fact(name, "abilities", heading, say("technician.abilities"), can))
        if told.identifier:
            rows.append(_fact(name, "identifier", heading, say("technician.identifier"), told.identifier))
    fault = scene.station.faults.get(kind)
    if fault is not None or status is None:
        code = "not_configured" if fault is None else fault.code or fault.device.value
        remedy = say(failure_of("", code, name.capitalize()).remedy)
        rows.append(_fact(name, "fault", heading, say("technician.last_fault"), f"{code} — {remedy}", "care"))
    tested = next((one for one in session.tested if one.kind == name), None)
    if tested is not None:
        rows.append(_result(scene, heading, tested))
    return rows


def _result(scene: Scene, heading: str, tested: DeviceTested) -> Row:
    text = scene.say(tested.text, **tested.facts)
    if tested.error:
        text += f" — {scene.say(failure_of(tested.error, tested.code, tested.kind.capitalize()).remedy)}"
    mood: Mood = "stop" if tested.error else "care" if tested.code else "good"
    return _fact(tested.kind, "tested", heading, scene.say("technician.tested"), text, mood)


def _fact(kind: str, what: str, section: str, label: str, value: str, mood: Mood = "plain") -> Row:
    icon = {"good": "good", "care": "care", "stop": "stop", "plain": "plain"}[mood]
    return Row(key=f"{kind}.{what}", section=section, label=label, value=value, icon=icon, mood=mood)


def _mood(is_well: bool, state: str) -> Mood:
    return "good" if is_well else "plain" if state == DeviceState.STARTING else "stop"
