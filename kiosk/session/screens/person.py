"""Card, notice and situation."""

from __future__ import annotations

import hashlib

from devices.api import DeviceKind
from kiosk.services.identity import mask_id, mask_name
from kiosk.session.flow.card import CARD_TRIES
from kiosk.session.screens.frame import Scene, capital, standard_actions, warning_notes, whose_move
from kiosk.session.view import Action, Note, Row, Tile, View

OF_THE_CARD = ("UserFault", "IdentityError")
"""Faults of what was laid down, not of the machine."""

NOTICE_LINES = ("read", "sent", "kept", "reuse", "rights")


def identify(scene: Scene) -> View:
    """Where to put the card; the machine reads it by itself."""
    session, say = scene.session, scene.say
    notes: tuple[Note, ...] = ()
    fault = session.fault
    if fault is not None and fault.kind not in OF_THE_CARD and scene.station.has(DeviceKind.READER):
        fault = None  # the reader is back
    if fault is not None:
        notes = whose_move(scene, fault, "Reader", asks_staff=session.tries >= CARD_TRIES)
    if not scene.station.is_online:
        notes = (*notes, Note(key="offline", text=say("identify.offline")))
    return View(
        screen="identify",
        key="identify.again" if fault is not None else "identify",
        title=say("identify.title"),
        lead=say("identify.lead"),
        picture="card",
        notes=notes,
        actions=standard_actions(scene),
    )


def notice_text(scene: Scene) -> str:
    """Return the whole notice as shown; its hash is what consent is recorded for."""
    return "\n".join(scene.say(f"notice.{line}") for line in NOTICE_LINES)


def notice(scene: Scene) -> View:
    """What is read, sent and kept; agreed to by pressing, recorded by hash."""
    session, say = scene.session, scene.say
    who = session.identity
    digest = hashlib.sha256(notice_text(scene).encode()).hexdigest()
    rows = tuple(
        Row(key=line, label=say(f"notice.{line}"), section="", icon="check", mood="plain") for line in NOTICE_LINES
    )
    if who is not None:
        name, number = mask_name(who.name.reveal()), mask_id(who.id_number.reveal())
        rows = (Row(key="who", label=say("notice.who"), value=f"{name} {number}", icon="card"), *rows)
    return View(
        screen="notice",
        key="notice",
        title=say("notice.title"),
        rows=rows,
        notes=warning_notes(scene),
        actions=standard_actions(
            scene,
            Action(id="refuse", label=say("notice.refuse")),
            Action(id="agree", label=say("notice.agree"), role="primary", value=digest),
            back=False,
            end=False,
        ),
    )


def situation(scene: Scene) -> View:
    """One question, large answers."""
    session, say = scene.session, scene.say
    known = session.item.situations if session.item is not None else ()
    return View(
        screen="situation",
        key="situation",
        title=say("situation.title"),
        lead=say("situation.lead"),
        tiles=tuple(
            Tile(
                key=f"situation:{entry.code}",
                label=capital(scene.of(entry.zh, entry.en)),
                icon="person",
                is_selected=entry.code == session.situation,
            )
            for entry in known
        ),
        actions=standard_actions(scene),
    )
