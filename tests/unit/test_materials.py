"""Which papers are there, still needed, may follow, or were never asked for."""

from __future__ import annotations

import pytest

from devices.api import Private
from kiosk.services.materials import MaterialStatus, is_complete, material_plan, next_needed
from tests.fixtures.services import item_of, make_context


def plan(catalogue, code, situation, pages=None, *, has_card=True, deferred=(), answers=None, locale="zh", **more):
    context = make_context(catalogue, situation, **more)
    filled = {key: Private(value) for key, value in (answers or {}).items()}
    item = item_of(catalogue, code)
    return {s.code: s for s in material_plan(item, context, filled, pages or {}, has_card, deferred, locale)}


def test_the_allowance_needs_two_papers_of_which_one_may_follow(catalogue):
    states = plan(catalogue, "SIM-MZ-0008", "age_80")
    assert {code: str(state.state) for code, state in states.items()} == {
        "M-ID": "on_card",
        "M-HUKOU": "needed",
        "M-BANK": "needed",
        "M-POA": "not_needed",
        "M-FORM": "signed_form",
    }
    household, bank = states["M-HUKOU"], states["M-BANK"]
    assert (household.min_pages, household.max_pages, household.can_defer, household.needs_scan) == (1, 6, True, True)
    assert (bank.min_pages, bank.max_pages, bank.can_defer, bank.needs_scan) == (1, 1, False, True)
    assert (household.name, states["M-ID"].needs_scan) == ("居民户口簿", False)
    assert plan(catalogue, "SIM-MZ-0008", "age_80", locale="en")["M-BANK"].name == "Bank or social-security card"


def test_pages_complete_a_paper_and_deferring_works_only_where_it_may(catalogue):
    states = plan(catalogue, "SIM-MZ-0008", "age_80", {"M-BANK": 1}, deferred=("M-HUKOU", "M-BANK"))
    assert states["M-BANK"].state is MaterialStatus.SCANNED
    assert states["M-BANK"].pages == 1
    assert states["M-HUKOU"].state is MaterialStatus.DEFERRED
    assert states["M-HUKOU"].needs_scan  # may still be laid down
    assert is_complete(tuple(states.values()))
    assert next_needed(tuple(states.values())) is None
    stubborn = plan(catalogue, "SIM-MZ-0008", "age_80", deferred=("M-BANK",))
    assert stubborn["M-BANK"].state is MaterialStatus.NEEDED
    assert next_needed(tuple(stubborn.values())).code == "M-HUKOU"
    scanned = plan(catalogue, "SIM-MZ-0008", "age_80", {"M-HUKOU": 2}, deferred=("M-HUKOU",))
    assert scanned["M-HUKOU"].state is MaterialStatus.SCANNED


def test_without_a_card_the_identity_card_itself_is_scanned(catalogue):
    states = plan(catalogue, "SIM-MZ-0008", "age_80", has_card=False)
    assert states["M-ID"].state is MaterialStatus.NEEDED
    assert states["M-ID"].needs_scan


def test_situations_and_fields_change_the_list(catalogue):
    assert plan(catalogue, "SIM-YB-0001", "self")["M-HUKOU"].state is MaterialStatus.NOT_NEEDED
    assert plan(catalogue, "SIM-YB-0001", "family")["M-HUKOU"].state is MaterialStatus.NEEDED
    newborn = plan(catalogue, "SIM-YB-0001", "newborn")["M-BIRTH"]
    assert (newborn.min_pages, newborn.max_pages) == (1, 6)
    assert plan(catalogue, "SIM-YB-0001", "self", filed_by="agent")["M-POA"].state is MaterialStatus.NEEDED
    without = plan(catalogue, "SIM-SJ-0010", "personal", answers={"has_prior_permit": "false"})
    assert without["M-PERMIT"].state is MaterialStatus.NOT_NEEDED
    having = plan(catalogue, "SIM-SJ-0010", "personal", answers={"has_prior_permit": "true"})
    assert having["M-PERMIT"].state is MaterialStatus.NEEDED


@pytest.mark.parametrize(
    ("code", "situation", "material", "state", "needs_scan"),
    [
        ("SIM-CL-0006", "living", "M-LOWINC", "deferred", False),  # shared between departments, never asked for
        ("SIM-MZ-0009", "family", "M-AUTH", "needed", True),  # all adults sign, on paper
        ("SIM-MZ-0009", "family", "M-DECL", "signed_form", False),
        ("SIM-JY-0015", "notice", "M-NOTICE", "signed_form", False),  # its number is typed
        ("SIM-TZ-0020", "appoint", "M-LICENCE", "needed", True),
        ("SIM-GA-0003", "job", "M-PHOTO", "needed", True),
        ("SIM-WJ-0005", "pregnant", "M-SPOUSE-ID", "needed", True),
        ("SIM-SB-0018", "assist", "M-WITNESS", "needed", True),
    ],
)
def test_each_source_ends_in_something_a_person_can_do(catalogue, code, situation, material, state, needs_scan):
    found = plan(catalogue, code, situation)[material]
    assert (str(found.state), found.needs_scan) == (state, needs_scan)


def test_whatever_is_needed_can_be_scanned_in_every_item(catalogue):
    for item in catalogue.items:
        for situation in item.situations:
            for state in plan(catalogue, item.item_code, situation.code, has_card=False).values():
                assert state.needs_scan or state.state is not MaterialStatus.NEEDED, (item.item_code, state.code)
