"""The notice agreed to, and the situation that is the person's."""

from __future__ import annotations

import re

from msgspec.structs import replace

from kiosk.session.events import Intent
from kiosk.session.flow.card import CONDITION_NOT_MET
from kiosk.session.flow.facts import stops_of
from kiosk.session.flow.frame import value_of
from kiosk.session.session import Session, State

SHA256 = re.compile(r"[0-9a-f]{64}")


def names_a_notice(session: Session, event: Intent) -> bool:
    """Whether the intent carries the hash of the text that was shown."""
    return SHA256.fullmatch(value_of(event)) is not None


def agree(session: Session, event: Intent) -> Session:
    """Record which notice was agreed to, by its hash, and when."""
    return replace(session, consent_hash=value_of(event), consent_at_wall_s=event.at_wall_s)


def is_situation(session: Session, event: Intent) -> bool:
    """Whether one of the item's situations was chosen."""
    kind, _, code = value_of(event).partition(":")
    return kind == "situation" and session.item is not None and session.item.situation(code) is not None


def situation_stops(session: Session, event: Intent) -> bool:
    """Whether a condition is not met in the situation chosen."""
    return is_situation(session, event) and bool(stops_of(take_situation(session, event)))


def take_situation(session: Session, event: Intent) -> Session:
    """Take the situation; the form begins anew."""
    return replace(session, situation=value_of(event).partition(":")[2], form_page=0)


def take_situation_that_is_stopped(session: Session, event: Intent) -> Session:
    """Say which condition is not met; another situation can be chosen."""
    return replace(take_situation(session, event), fault=CONDITION_NOT_MET, came_from=State.SITUATION)


def was_stopped(session: Session, event: Intent) -> bool:
    """Whether the situation chosen is what stands in the way."""
    return session.came_from is State.SITUATION
