"""Every place in both languages and scales: a way on, words of that language, nothing unmasked, no claim too much."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

import msgspec
import pytest
from msgspec.structs import replace

from devices.api import NEEDED
from kiosk.session import events as evt
from kiosk.session.compose import SCREENS, view_of
from kiosk.session.flow.apply import is_at_work
from kiosk.session.outgoing import word_of
from kiosk.session.session import Session, State
from kiosk.session.view import View
from kiosk.station.texts import own_texts
from offline_queue.api import State as QueueState
from tests.fixtures.flow import (
    ACCOUNT,
    ANSWERS,
    INSURANCE,
    PHONE,
    QUERY,
    STREET,
    Walk,
    everybody,
    make_station,
    outcome_of,
)
from tests.flow.journeys import moments

STATIONS = {
    "well": make_station(),
    "offline": make_station(online=False),
    "bare": make_station(online=False, away=NEEDED),
}
FRAME = {"help"}
NEVER = ("受理", "失败", "fail", "error", "accepted")
LONGEST_ZH = 20  # product.md §6; names and numbers that are filled in come on top
PLACEHOLDER = re.compile(r"\{\w+\}")
FOR_STAFF = (
    "report.",
    "selftest.",
    "technician.",
    "remedies.",
    "pauses.",
    "stores.",
    "doctor.",
    "slip.",
    "sheets.",
    "cli.",
    "picture.",
    "calibrate.",
)
"""Texts that are printed or read by a technician."""


@pytest.fixture(scope="module")
def places(strict_catalogue) -> tuple[Session, ...]:
    return moments(strict_catalogue)


@pytest.fixture(scope="module")
def scenes(places) -> tuple[tuple[Session, View], ...]:
    return tuple(compose_scenes(places))


def compose_scenes(places) -> Iterator[tuple[Session, View]]:
    """Yield every place in every language, scale and state of the station."""
    for session in places:
        for locale in ("zh", "en"):
            for scale in ("standard", "elder"):
                shown = replace(session, locale=locale, scale=scale)
                for is_open in (False, True):
                    scene = replace(shown, is_help_open=is_open and session.state is not State.ATTRACT)
                    if is_open and session.state in (State.SEALING, State.DELIVERING, State.FAREWELL):
                        continue
                    for station in STATIONS.values():
                        yield scene, view_of(scene, station, own_texts())


def words_of(view: View) -> Iterator[str]:
    """Yield what the screen says: labels and sentences, not what people wrote."""
    yield from (view.title, view.lead, view.progress_text, view.countdown_text, view.scan.sentence)
    yield from (view.top.network, view.top.notice)
    yield from (note.text for note in view.notes)
    for tile in (*view.tiles, *view.life_tiles):
        yield from (tile.label, tile.caption, tile.badge, tile.reason)
    for row in view.rows:
        yield from (row.label, row.section, row.state, row.action_label)
    for field in view.fields:
        yield from (field.label, field.hint, field.error, *(option.label for option in field.options))
    for action in view.actions:
        yield from (action.label, action.reason)
    yield from (step.label for step in view.steps)


def test_every_place_has_its_screen():
    assert set(SCREENS) == set(State)


def test_every_screen_offers_a_way_on_or_the_machine_works(scenes):
    count = 0
    for session, view in scenes:
        count += 1
        ways = [action for action in view.actions if action.is_enabled and action.id not in FRAME]
        tiles = [tile for tile in (*view.tiles, *view.life_tiles) if tile.is_enabled]
        assert ways or tiles or is_at_work(session), view.key
        assert view.title, view.key
        assert len([a for a in view.actions if a.role == "primary"]) <= 1, f"{view.key}: one primary action a screen"
        assert len({a.id + a.value for a in view.actions}) == len(view.actions)
        assert view.screen in {state.value for state in State}
    assert count > 500


@pytest.mark.unmeasured  # thousands of steps that the journeys measure one by one
def test_every_button_is_an_edge_of_its_place(scenes, strict_catalogue):
    """No control without something behind it: each enabled button moves or changes the visit."""
    for _, group in groupby(scenes, key=lambda scene: id(scene[0])):
        views = tuple(group)  # of one session, at every station
        session, key = views[0][0], views[0][1].key
        for name, value in {(one.id, one.value) for _, view in views for one in view.actions if one.is_enabled}:
            walk = Walk(strict_catalogue, session=session)
            walk.do(name, value)
            assert walk.session.strays == session.strays, (key, name, value)


def test_an_english_screen_holds_no_han_character_but_in_data(scenes):
    data = {text for card in everybody().values() for text in (card.name.reveal(), card.address.reveal())}
    data |= {STREET, QUERY, *ANSWERS.values()}
    for session, view in scenes:
        if session.locale != "en":
            continue
        for words in words_of(view):
            shown = words
            if view.screen == "notice" and words in {row.value for row in view.rows if row.key == "who"}:
                continue  # name and number, masked
            for text in data:
                shown = shown.replace(text, "")
            assert not [letter for letter in shown if "\u4e00" <= letter <= "\u9fff"], (view.key, words)


def test_chinese_sentences_are_short():
    long = [
        (key, text.zh)
        for key, text in own_texts().table.items()
        if not key.startswith(FOR_STAFF) and len(PLACEHOLDER.sub("", text.zh)) > LONGEST_ZH
    ]
    assert long == []


def test_numbers_are_masked_wherever_they_are_not_being_typed(scenes):
    cards = everybody()
    numbers = [card.id_number.reveal() for card in cards.values()] + [PHONE, ACCOUNT]
    for session, view in scenes:
        calm = replace(view, fields=tuple(replace(f, display="") if f.is_focused else f for f in view.fields))
        packed = msgspec.json.encode(calm).decode().replace(" ", "")
        assert not [number for number in numbers if number in packed], view.key
        assert "phone" in session.focus or PHONE not in packed


def test_a_name_stands_only_where_the_person_checks_it(scenes):
    names = [card.name.reveal() for card in everybody().values() if card.name.reveal()]
    for _, view in scenes:
        packed = msgspec.json.encode(view).decode()
        if any(name in packed for name in names):
            assert view.screen in ("form", "review"), view.key


def test_no_screen_says_accepted_or_failed_after_the_signature(catalogue):
    for online in (True, False):
        for outcome in (None, *QueueState):
            walk = Walk(catalogue, station=make_station(online=online)).go(State.SLIP, INSURANCE)
            if outcome is not None:
                walk.tell(evt.OutcomeKnown(outcome_of(outcome)))
            for slip in ("", "printed", "failed"):
                session = replace(walk.session, slip=slip)
                for state in (State.SEALING, State.DELIVERING, State.SLIP, State.FAREWELL):
                    for locale in ("zh", "en"):
                        view = view_of(replace(session, state=state, locale=locale), walk.station, walk.texts)
                        said = " ".join(words_of(view)).casefold()
                        assert not [word for word in ("受理", "失败", "fail", "error", "accepted") if word in said], (
                            said
                        )


def test_no_text_calls_a_stored_submission_failed_or_accepted():
    for key, text in own_texts().table.items():
        if key.startswith((*FOR_STAFF, "guide.")):
            continue
        assert "失败" not in text.zh, key
        if key.startswith(("slip_screen.", "delivering.", "sealing.", "review.", "failures.", "farewell.", "frame.")):
            assert "受理" not in text.zh, key
            assert "accept" not in text.en.casefold(), key


def test_the_words_of_the_queue_are_those_of_the_slip(catalogue):
    walk = Walk(catalogue).go(State.SLIP)
    for outcome in (None, *(outcome_of(state) for state in QueueState)):
        session = replace(walk.session, outcome=outcome)
        view = view_of(session, walk.station, walk.texts)
        assert view.title == walk.texts(f"slip_screen.title_{word_of(outcome).value}", "zh")


def test_no_value_of_a_visit_is_shown_by_repr(places):
    cards = everybody()
    secrets = [PHONE, ACCOUNT, STREET, QUERY, "canary"]
    secrets += [text for card in cards.values() for text in (card.name.reveal(), card.id_number.reveal()) if text]
    for session in places:
        shown = [repr(session), str(session), f"{session}"]
        shown += [
            repr(getattr(session, name)) for name in session.__struct_fields__ if name not in ("catalogue", "item")
        ]
        for card in cards.values():
            shown.append(repr(evt.CardRead(session.turn, card)))
        shown.append(repr(evt.Intent("type", session.query)))
        assert not [secret for secret in secrets for text in shown if secret in text], session
    for page in (page for session in places for page in session.pages):
        assert "canary" not in repr(evt.PageTaken(1, page))
