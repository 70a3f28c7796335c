"""The name written with a finger."""

from __future__ import annotations

import itertools
import math

import msgspec
from msgspec.structs import replace

from devices.api import Private
from kiosk.services.signature import Stroke
from kiosk.session.events import Intent
from kiosk.session.flow.frame import value_of
from kiosk.session.session import Fault, Session

MAX_STROKES = 60
MAX_POINTS = 12_000  # of all strokes: two minutes of a finger at 100 points a second
MAX_TEXT = 400_000  # letters; a longer text is cut and no stroke any more
MAX_MS = 3_600_000
MIN_INK = 0.25  # length of all strokes in pad widths; less is a slip of the finger, not a name


class _Pressed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    points: list[float]
    pressure: list[float]


def decode_stroke(text: str) -> Stroke | None:
    """Return the stroke in `[x, y, ms, …]`, or None when it is no stroke inside the pad.

    A pad that feels pressure says `{"points": [x, y, ms, …], "pressure": [p, …]}`, one p in 0…1 for each point.
    """
    try:
        written = msgspec.json.decode(text[:MAX_TEXT], type=list[float] | _Pressed)
    except (msgspec.DecodeError, UnicodeError):
        return None
    flat = written.points if isinstance(written, _Pressed) else written
    pressures = written.pressure if isinstance(written, _Pressed) else [0.0] * (len(flat) // 3)
    if not flat or len(flat) != 3 * len(pressures):
        return None
    points = tuple(zip(flat[::3], flat[1::3], flat[2::3], pressures, strict=True))
    if not all(0 <= x <= 1 and 0 <= y <= 1 and 0 <= ms <= MAX_MS and 0 <= p <= 1 for x, y, ms, p in points):
        return None
    return tuple((x, y, int(ms), p) for x, y, ms, p in points)


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
