"""The documents that are drawn from the code: `python -m app.commands.docs` writes them, a test keeps them current."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

from msgspec.structs import replace

from app.commands.docs_devices import compose_devices
from app.commands.docs_simulators import compose_simulators
from kiosk.services.catalogue import load_catalogue
from kiosk.session.flow.apply import (
    CARD_LEFT_S,
    DELIVERING_S,
    EDGES,
    FAREWELL_S,
    PLACES,
    PRINT_S,
    READ_S,
    SEALING_S,
    SLIP_S,
    SLIP_TAKEN_S,
    STILL_S,
    WATCH_S,
)
from kiosk.session.flow.route import can_apply, route
from kiosk.session.flow.table import Edge, Way, no_effects
from kiosk.session.session import Session, State, first_session
from kiosk.station.audit_events import compose_page, load_events
from kiosk.station.config import ScreenConfig
from kiosk.station.failures import FAILURES
from kiosk.station.texts import ASSETS, own_texts

DOCS = Path(__file__).resolve().parents[2] / "docs"
NOTE = "<!-- Drawn from the code by `make docs`; tests/test_docs.py keeps it current. -->"
MANY = 3  # an edge that leaves as many places is told once, not at each of them


def compose_flow() -> str:
    """Return docs/flow.md: the places, the edges by place, and the journey as a diagram."""
    return "\n".join((NOTE, "", "# The visit as a table", "", _flow_words(), *_places(), *_diagram(), *_edges()))


def compose_failures() -> str:
    """Return docs/failures.md: what can go wrong, whose move it is, what is said, what helps."""
    say = own_texts()
    lines = [
        NOTE,
        "",
        "# Failures",
        "",
        "The one table from an error to what people see: `kiosk/station/failures.py`. Codes are those of the product",
        "reference; F00 is everything that nobody foresaw. People see the sentence and whose move it is, never a code.",
        "The technician sees code and remedy in `doctor` and in the audit log.",
        "",
        "| code | error · its codes | whose move | 中文 | English | again? |",
        "|---|---|---|---|---|---|",
    ]
    for row in FAILURES:
        kinds = " ".join(f"`{kind}`" for kind in row.kinds) or "any other"
        codes = " · " + " ".join(f"`{code}`" for code in row.codes) if row.codes else ""
        can_retry = "yes" if row.can_retry else "no"
        lines.append(
            f"| {row.code} | {kinds}{codes} | {row.move.value} | {say(row.text, 'zh')} | {say(row.text, 'en')} "
            f"| {can_retry} |"
        )
    lines += ["", "## Whose move", "", "| | 中文 | English |", "|---|---|---|"]
    for move in dict.fromkeys(row.move for row in FAILURES):
        key = f"failures.whose_{move.value}"
        lines.append(f"| {move.value} | {_raw(key, 'zh')} | {_raw(key, 'en')} |")
    lines += ["", "## Remedies for the technician", "", "| codes | 中文 | English |", "|---|---|---|"]
    for remedy in dict.fromkeys(row.remedy for row in FAILURES if row.remedy):
        found = " ".join(dict.fromkeys(row.code for row in FAILURES if row.remedy == remedy))
        lines.append(f"| {found} | {say(remedy, 'zh')} | {say(remedy, 'en')} |")
    return "\n".join(lines) + "\n"


def compose_audit() -> str:
    """Return docs/audit.md: everything that the audit log can say."""
    words = (
        NOTE,
        "",
        "# Audit events",
        "",
        "Everything that the signed audit log can say (`assets/audit/events.toml`). Arguments are numbers, hashes and",
        "closed words; there is no free text, so nothing of a person can be written here.",
        "",
    )
    return "\n".join(words) + "\n" + compose_page(load_events())


PAGES: dict[str, Callable[[], str]] = {
    "flow.md": compose_flow,
    "failures.md": compose_failures,
    "audit.md": compose_audit,
    "devices.md": compose_devices,
    "simulators.md": compose_simulators,
}


def write_pages(folder: Path = DOCS) -> tuple[str, ...]:
    """Write every page; return the names of those that changed."""
    changed = []
    for name, compose in PAGES.items():
        text, file = compose(), folder / name
        if not file.exists() or file.read_text("utf-8") != text:
            file.write_text(text, "utf-8")
            changed.append(name)
    return tuple(changed)


# ── the flow ─────────────────────────────────────────────────────────────────────────────


def _flow_words() -> str:
    screen = ScreenConfig()
    idle, warn = screen.idle("standard")
    elder_idle, elder_warn = screen.idle("elder")
    return f"""A visit is a frozen `Session`; `step(session, event)` takes the first edge whose guard holds. A guard is
told in italics. An intent that no edge lists changes nothing and is counted. A reply of a former turn changes nothing
at all.

- `NEXT` and `BACK` follow the item's `kiosk_flow`; a step whose condition is false is left out, and a card that was
  read and a notice agreed to are not asked for twice.
- `STAY` changes neither turn nor effects. `AGAIN` asks for the place's effects once more in the same turn: a wait has
  ended and nobody has done anything, so the visit grows no younger.
- `LEAVE` ends the visit: a new `Session`, shown as FAREWELL first when a card or a slip has to be taken.

Where a hand is awaited the visit ends after {idle} s and a warning of {warn} s (elder scale {elder_idle} s and
{elder_warn} s). Where the machine works nobody is warned: there the place has a deadline; a still has {STILL_S:.0f} s.
SEALING alone is not left by time: at its deadline the store is asked, and its answer decides.
"""


def _places() -> list[str]:
    deadlines = {
        State.SEALING: f"{SEALING_S:.0f} s, then the store is asked",
        State.DELIVERING: f"{DELIVERING_S:.0f} s",
        State.SLIP: f"{SLIP_TAKEN_S['standard']:.0f} s once printed (elder {SLIP_TAKEN_S['elder']:.0f} s), "
        f"{SLIP_S['standard']:.0f} s when it did not come out (elder {SLIP_S['elder']:.0f} s)",
        State.FAREWELL: f"{FAREWELL_S['standard']:.0f} s (elder {FAREWELL_S['elder']:.0f} s); "
        f"{CARD_LEFT_S:.0f} s while the card lies there",
    }
    lines = [
        "## Places",
        "",
        f"A wait for a card lasts {READ_S:.0f} s, a look at the desk {WATCH_S:.0f} s; a slip has {PRINT_S:.0f} s.",
        "",
        "| place | awaits a hand | deadline | entering it |",
        "|---|---|---|---|",
    ]
    for place in PLACES.values():
        asked = "" if place.effects is no_effects else _first_line(place.effects)
        waits = "yes" if place.waits else ""
        lines.append(f"| {_name(place.state)} | {waits} | {deadlines.get(place.state, '')} | {asked} |")
    return [*lines, ""]


def _diagram() -> list[str]:
    """Return the journey of an item with every step as a Mermaid diagram; frame and time are left out."""
    session = _longest()
    ways: dict[tuple[State, State], list[str]] = {}
    for edge in EDGES:
        for state in edge.at:
            to = _target(edge, state, session)
            if to is None or to is state or (edge.on in ("Tick", "end") and len(edge.at) >= MANY):
                continue
            names = ways.setdefault((state, to), [])
            if edge.on not in names:
                names.append(edge.on)
    lines = [
        "## The journey",
        "",
        "Drawn for an item with every step. An idle visit and `end` lead out of every place that awaits a hand.",
        "",
    ]
    lines += ["```mermaid", "stateDiagram-v2", "    [*] --> ATTRACT"]
    lines += [f"    {_name(at)} --> {_name(to)}: {', '.join(names)}" for (at, to), names in ways.items()]
    return [*lines, "```", ""]


def _edges() -> list[str]:
    lines = ["## Edges", "", "### In many places", "", *_head("in")]
    for edge in EDGES:
        if len(edge.at) >= MANY:
            lines.append(_row(edge, _where(edge)))
    for state in State:
        own = [edge for edge in EDGES if state in edge.at and len(edge.at) < MANY]
        lines += ["", f"### {_name(state)}", "", *_head("")] if own else []
        lines += [_row(edge) for edge in own]
    return [*lines, ""]


def _head(first: str) -> list[str]:
    columns = [first, "on", "goes to", "doing"] if first else ["on", "goes to", "doing"]
    return [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]


def _row(edge: Edge, where: str = "") -> str:
    when = f" *{_first_line(edge.when).removeprefix('Whether ').rstrip('.')}*" if edge.when is not None else ""
    doing = _first_line(edge.fold) if edge.fold is not None else ""
    first = f"| {where} " if where else ""
    return f"{first}| `{edge.on}`{when} | {_name(edge.to)} | {doing} |"


def _where(edge: Edge) -> str:
    missing = [state for state in State if state not in edge.at]
    if not missing:
        return "everywhere"
    named = " ".join(map(_name, missing if len(missing) < len(edge.at) else edge.at))
    return f"everywhere but {named}" if len(missing) < len(edge.at) else named


def _target(edge: Edge, state: State, session: Session) -> State | None:
    """Return where the edge leads from a state, or None when it stays or leaves the journey."""
    states = route(session)
    match edge.to:
        case Way.NEXT:
            return states[states.index(state) + 1]
        case Way.BACK:
            return states[states.index(state) - 1] if state is not State.SITUATION else State.GUIDE
        case Way.STAY | Way.AGAIN:
            return None
        case Way.LEAVE:
            return State.FAREWELL
    return State(edge.to)


def _longest() -> Session:
    """Return a visit for the item that passes most places."""
    catalogue = load_catalogue(ASSETS / "services")
    blank = first_session(catalogue, date(2026, 1, 1), ScreenConfig())  # no route depends on the day
    visits = (replace(blank, item=item) for item in catalogue.items if can_apply(item))
    return max(visits, key=lambda visit: len(route(visit)))


# ── words ────────────────────────────────────────────────────────────────────────────────


def _name(place: State | Way) -> str:
    return place.name


def _first_line(told: object) -> str:
    return (told.__doc__ or "").strip().splitlines()[0]


def _raw(key: str, locale: str) -> str:
    """Return a text with its placeholders as they stand."""
    text = own_texts().table[key]
    return text.en if locale == "en" else text.zh


def main() -> int:
    """Write the pages and name those that changed."""
    for name in write_pages():
        print(f"docs/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
