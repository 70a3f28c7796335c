"""The words a journey's table is written in: Place, Edge and the three ways."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import msgspec

from kiosk.session.effects import Effect
from kiosk.session.session import Session, State


class Way(StrEnum):
    """Where an edge leads when it names no state."""

    NEXT = "next"  # the item's next step whose condition holds
    BACK = "back"  # the step before
    STAY = "stay"  # fold only: neither turn nor effects change
    AGAIN = "again"  # a wait that ended is asked for again in the same turn: nobody has done anything
    LEAVE = "leave"  # end of the visit: a new session, by way of FAREWELL where something lies about


EffectsOf = Callable[[Session], tuple[Effect, ...]]
When = Callable[[Session, Any], bool]
Fold = Callable[[Session, Any], Session]


def no_effects(session: Session) -> tuple[Effect, ...]:
    """Return no effects."""
    return ()


class Place(msgspec.Struct, frozen=True):
    """What entering a state asks for, and how long the person may be idle there.

    `waits` is False where the machine works: no idle countdown, the state leaves by reply, fault or `deadline_s`.
    """

    state: State
    effects: EffectsOf = no_effects
    waits: bool = True
    deadline_s: float = 0.0


class Edge(msgspec.Struct, frozen=True):
    """One way out of one or more states. The first edge whose `when` holds is taken.

    `on` is an intent's name or an event's type name. `fold` returns the session as it arrives.
    """

    at: tuple[State, ...]
    on: str
    to: State | Way
    when: When | None = None
    fold: Fold | None = None
