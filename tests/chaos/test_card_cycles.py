"""A card put in and pulled out over and over, through a real pcscd: nothing is missed, nothing is left behind."""

from __future__ import annotations

import os

from tests.chaos.faults import say
from tests.fixtures.card_cycles import run_cycles

ROUNDS = 200 if os.environ.get("JINBAN_CHAOS") else 20
GROWTH_KIB = 2048  # the allocator's own steps; a leak of one read's pages would pass it in a few rounds


def test_no_insertion_and_no_removal_is_missed_and_nothing_stays(card_rig):
    found = run_cycles(card_rig, ROUNDS)
    say(f"card: {found.rounds} cycles, {found.missed} missed, {found.unread} unread, {found.rss_growth_kib} KiB more")
    assert (found.missed, found.unread) == (0, 0)
    assert (found.threads_left, found.files_left) == (0, 0)
    assert found.rss_growth_kib < GROWTH_KIB
