"""The name written with a finger."""

from __future__ import annotations

import itertools
import math

import msgspec
from msgspec.structs import replace

from devices.api import Private
from kiosk.session.events import Intent
from kiosk.session.flow.frame import value_of
from kiosk.session.session import Fault, Session, Stroke

MAX_STROKES = 60
MAX_POINTS = 12_000  # of all strokes: two minutes of a finger at 100 points a second
MAX_TEXT = 400_000  # letters; a longer text is cut and no stroke any more
MAX_MS = 3_600_000
MIN_INK = 0.25  # length of all strokes in pad widths; less is a slip of the finger, not a name


def decode_stroke(text: str) -> Stroke | None:
    """Return the stroke in `[x, y, ms, …]`, or None when it is no stroke inside the pad."""
    try:
        flat = msgspec.json.decode(text[:MAX_TEXT], type=list[float])
    except (msgspec.DecodeError, UnicodeError):
        return None
    if not flat or len(flat) % 3:
        return None
    points = tuple((x, y, ms) for x, y, ms in zip(flat[::3], flat[1::3], flat[2::3], strict=True))
    if not all(0 <= x <= 1 and 0 <= y <= 1 and 0 <= ms <= MAX_MS for x, y, ms in points):
        return None
    return tuple((x, y, int(ms)) for x, y, ms in points)


def is_stroke(session: Session, event: Intent) -> bool:
    """Whether the intent carries a stroke and the pad has room for it."""
    strokes = session.strokes.reveal()
    stroke = decode_stroke(value_of(event))
    return stroke is not None and len(strokes) < MAX_STROKES and sum(map(len, strokes)) + len(stroke) <= MAX_POINTS


def add_stroke(session: Session, event: Intent) -> Session:
    """Add the stroke."""
    stroke = decode_stroke(value_of(event))
    return (
        session
        if stroke is None
        else replace(session, strokes=Private((*session.strokes.reveal(), stroke)), fault=None)
    )


def clear_signature(session: Session, event: Intent) -> Session:
    """Sign anew."""
    return replace(session, strokes=Private(()), fault=None)


def ink_of(session: Session) -> float:
    """Return the length of all strokes, in pad widths."""
    return sum(math.dist(a[:2], b[:2]) for stroke in session.strokes.reveal() for a, b in itertools.pairwise(stroke))


def is_signed(session: Session, event: Intent) -> bool:
    """Whether there is ink enough for a name."""
    return ink_of(session) >= MIN_INK


def sign(session: Session, event: Intent) -> Session:
    """The moment of signing. From here there is no cancel."""
    return replace(session, signed_at_wall_s=event.at_wall_s, focus="")


def ask_for_signature(session: Session, event: Intent) -> Session:
    """Say that the name is still missing."""
    return replace(session, fault=Fault(code="not_signed", kind="FormError"))
