"""A card put in and pulled out over and over, through a real pcscd: nothing is missed, nothing is left behind."""

from __future__ import annotations

import os
import sys

import pytest

from devices.api import UserFault
from tests.fixtures.card_cycles import run_cycles
from tests.fixtures.reader import within

ROUNDS = 200 if os.environ.get("JINBAN_CHAOS") else 20
MOMENTS = {"social": 17, "bank:odd": 11}  # commands of a whole read
STEP = 1 if os.environ.get("JINBAN_CHAOS") else 6
GROWTH_KIB = 2048  # the allocator's own steps; a leak of one read's pages would pass it in a few rounds


def test_no_insertion_and_no_removal_is_missed_and_nothing_stays(card_rig):
    found = run_cycles(card_rig, ROUNDS)
    told = f"{found.missed} missed, {found.unread} unread, {found.rss_growth_kib} KiB more"
    sys.stdout.write(f"\nchaos card: {found.rounds} cycles, {told}\n")
    assert (found.missed, found.unread) == (0, 0)
    assert (found.threads_left, found.files_left) == (0, 0)
    assert found.rss_growth_kib < GROWTH_KIB


@pytest.mark.parametrize("card", MOMENTS)
def test_a_card_pulled_at_any_command_is_told_and_the_next_one_is_read(card_rig, card_reader, card):
    pulled = range(0, MOMENTS[card], STEP)
    for after in pulled:
        card_rig.insert(card, fault="removed", after=after)
        with pytest.raises(UserFault) as found:
            card_reader.read(within())
        assert found.value.code == "card_removed", after
        card_rig.reset()
    card_rig.insert(card)
    card_reader.read(within())
    assert len(card_rig.asked()) == MOMENTS[card]
    sys.stdout.write(f"\nchaos card: {card} pulled at {len(pulled)} of {MOMENTS[card]} commands, each told\n")
