"""The screens of real visits, with the catalogue's own words: nothing is cut, covered or too small anywhere."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from msgspec.structs import replace

from devices.api import DeviceKind
from kiosk.services.catalogue import own_catalogue
from kiosk.session.compose import view_of
from kiosk.session.session import Session, State
from tests.fixtures.flow import ELDER, INSURANCE, Walk, make_station
from tests.flow.journeys import serves_the_machine
from tests.ui.checks import faults
from tests.ui.test_screens import SIZES, TARGET, fit

BUILD = Path(__file__).parents[2] / "build" / "screens"


@cache
def moments() -> tuple[tuple[str, Walk, Session], ...]:
    """Return every moment of two visits and every item's guide, each once."""
    catalogue = own_catalogue()
    found: dict[str, tuple[Walk, Session]] = {}
    for item, situation in ((ELDER, "self"), (INSURANCE, "family")):
        walk = Walk(catalogue).go(State.FAREWELL, item, situation=situation)
        for session in walk.seen:
            view = view_of(session, walk.station, walk.texts)
            found.setdefault(f"{item}-{view.screen}-{view.key}", (walk, session))
    walk = Walk(catalogue, station=make_station(away=(DeviceKind.CAMERA,)))
    serves_the_machine(walk)
    walk.go(State.HOME).do("choose", "window:社会事务")  # its items are grey
    for session in walk.seen:
        view = view_of(session, walk.station, walk.texts)
        found.setdefault(f"served-{view.screen}-{view.key}-{len(view.rows)}", (walk, session))
    for item in catalogue.items:
        walk = Walk(catalogue).go(State.HOME)
        walk.do("choose", f"item:{item.item_code}")
        found[f"{item.item_code}-guide"] = (walk, walk.session)
    return tuple((name, *pair) for name, pair in found.items())


# the elder scale holds least, and English takes most room
TIGHT = [*(("en", "elder", size) for size in SIZES), ("zh", "elder", SIZES[1]), ("en", "standard", SIZES[2])]


@pytest.mark.parametrize(("locale", "scale", "size"), TIGHT, ids=str)
def test_every_moment_of_a_visit_is_whole_and_can_be_touched(open_screen, locale, scale, size):
    screen = open_screen(size)
    least = TARGET[scale] * fit(size, scale)
    found = []
    for name, walk, session in moments():
        view = view_of(replace(session, locale=locale, scale=scale), walk.station, walk.texts)
        screen.show(view)
        some = [f"{name}: {fault}" for fault in faults(screen.window, view, target=least, key=least)]
        if some:
            screen.grab(BUILD / "faults" / f"{name}-{locale}-{scale}-{size[0]}x{size[1]}.png")
        found += some
    assert found == []
