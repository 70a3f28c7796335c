"""The one pure function of a visit: `step(session, event) -> (session, effects)`."""

from __future__ import annotations

from msgspec.structs import replace

from kiosk.session.effects import Effect, EndVisit
from kiosk.session.events import Event, Intent, Reply
from kiosk.session.flow.apply import EDGES, PLACES
from kiosk.session.flow.route import following, preceding
from kiosk.session.flow.table import Edge, Way
from kiosk.session.session import Session, State, fresh_session

Effects = tuple[Effect, ...]


def _index() -> dict[tuple[State, str], tuple[Edge, ...]]:
    table: dict[tuple[State, str], tuple[Edge, ...]] = {}
    for edge in EDGES:
        for state in edge.at:
            table[state, edge.on] = (*table.get((state, edge.on), ()), edge)
    return table


BY_STATE_AND_EVENT = _index()


def name_of(event: Event) -> str:
    """Return what an edge's `on` says: an intent's name, or the event's type name.

    Intents begin with a small letter: one that calls itself `Stored` is no reply of the store.
    """
    if isinstance(event, Intent):
        return event.name if event.name[:1].islower() else ""
    return type(event).__name__


def edge_for(session: Session, event: Event) -> Edge | None:
    """Return the first edge that takes the event here, or None."""
    for edge in BY_STATE_AND_EVENT.get((session.state, name_of(event)), ()):
        if edge.when is None or edge.when(session, event):
            return edge
    return None


def step(session: Session, event: Event) -> tuple[Session, Effects]:
    """Return the session after `event`, and what its place asks for.

    A reply from a former turn changes nothing. An intent that no edge lists is counted and changes nothing else.
    """
    if isinstance(event, Reply) and event.turn != session.turn:
        return session, ()
    edge = edge_for(session, event)
    if edge is None:
        return (replace(session, strays=session.strays + 1) if isinstance(event, Intent) else session), ()
    folded = edge.fold(session, event) if edge.fold is not None else session
    if edge.to is Way.STAY:
        return folded, ()
    if edge.to is Way.AGAIN:
        return folded, PLACES[folded.state].effects(folded)
    return enter(folded, edge.to, brings_fault=folded.fault is not session.fault)


def enter(session: Session, to: State | Way, brings_fault: bool = False) -> tuple[Session, Effects]:
    """Return the session in its new place with a new turn, and the place's effects.

    A fault goes along only when this very move `brings` it; a former one was said where it belonged.
    """
    if to is Way.LEAVE:
        return _leave(session)
    state = following(session) if to is Way.NEXT else preceding(session) if to is Way.BACK else State(to)
    if state is State.ATTRACT:
        fresh = fresh_session(session)
        return fresh, (EndVisit(fresh.turn), *PLACES[State.ATTRACT].effects(fresh))
    is_other = state is not session.state
    arrived = replace(
        session,
        state=state,
        turn=session.turn + 1,
        place_s=0.0,
        idle_s=0.0,
        is_help_open=False,
        focus="" if is_other else session.focus,
        preview=None if is_other else session.preview,
        tries=0 if is_other else session.tries,
        fault=session.fault if brings_fault or not is_other else None,
        came_from=session.came_from if state is State.TROUBLE else None,
        is_reading_further=session.is_reading_further and not is_other,
        is_capturing=session.is_capturing and state is State.SCAN,
    )
    return arrived, PLACES[state].effects(arrived)


def _leave(session: Session) -> tuple[Session, Effects]:
    """Return the next visit; FAREWELL shows it first when a card or a slip has to be taken. No data goes along."""
    fresh = fresh_session(session)
    is_card_left = session.card is not None or session.is_card_left
    if not is_card_left and session.ticket is None:
        return fresh, (EndVisit(fresh.turn), *PLACES[State.ATTRACT].effects(fresh))
    farewell = replace(
        fresh,
        state=State.FAREWELL,
        locale=session.locale,
        scale=session.scale,
        contrast=session.contrast,
        is_card_left=is_card_left,
        slip="printed" if session.slip == "printed" else "",
    )
    return farewell, (EndVisit(farewell.turn), *PLACES[State.FAREWELL].effects(farewell))
