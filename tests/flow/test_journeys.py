"""Every edge of the table is somebody's way."""

from __future__ import annotations

import pytest

from kiosk.session.flow.apply import EDGES
from tests.fixtures.flow import Walk
from tests.flow.journeys import JOURNEYS


@pytest.mark.parametrize("journey", JOURNEYS, ids=lambda journey: journey.__name__)
def test_a_journey_comes_to_its_end(journey, strict_catalogue):
    walk = Walk(strict_catalogue)
    journey(walk)
    assert len({session.state for session in walk.seen}) > 1


def test_the_journeys_together_take_every_edge(strict_catalogue):
    taken: set[int] = set()
    for journey in JOURNEYS:
        walk = Walk(strict_catalogue)
        journey(walk)
        taken |= walk.taken
    never = [f"{edge.at} {edge.on} → {edge.to}" for at, edge in enumerate(EDGES) if at not in taken]
    assert never == []
