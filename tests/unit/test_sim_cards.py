"""The invented people, and cards described in JSON."""

from __future__ import annotations

import base64
import json
from datetime import date

import pytest
from msgspec.structs import replace

from devices.api import CardKind
from devices.sim.cards import card_from, id_number, load_cards
from devices.sim.people import people
from devices.wire.samv_records import decode_text_record, encode_text_record
from kiosk.services.identity import age_on, identity_of
from kiosk.services.numbers import is_valid_id_number
from kiosk.station.errors import IdentityError

DAYS = [date(2026, 11, 23), date(2026, 1, 1), date(2028, 2, 29), date(2031, 12, 31), date(2027, 6, 8)]
AGES = {"elder": 81, "father": 45, "child": 9, "spouse": 43, "sixty": 62, "rare": 83}


@pytest.mark.parametrize("today", DAYS)
def test_everybody_is_as_old_as_their_story_on_every_day(today):
    everybody = people(today)
    assert {key: age_on(everybody[key].card.birth_date.reveal(), today) for key in AGES} == AGES
    assert everybody["rare"].card.name.reveal() == "𠮷演㐀"


@pytest.mark.parametrize("today", DAYS)
def test_everybody_has_a_number_that_holds_and_a_card_a_chip_can_hold(today):
    numbers = set()
    for person in people(today).values():
        card = person.card
        number = card.id_number.reveal()
        numbers.add(number)
        assert is_valid_id_number(number)
        assert number[6:14] == f"{card.birth_date.reveal():%Y%m%d}"
        assert int(number[16]) % 2 == int(card.sex) % 2
        assert decode_text_record(encode_text_record(card)) == replace(
            card, photo=type(card.photo)(b""), extra_addresses=()
        )
        assert person.note_zh
        assert person.note_en
    assert len(numbers) == len(people(today))


@pytest.mark.parametrize("today", DAYS)
def test_only_the_expired_card_has_expired(today):
    for key, person in people(today).items():
        if key == "expired":
            with pytest.raises(IdentityError, match="card_expired"):
                identity_of(person.card, today)
        else:
            assert identity_of(person.card, today).birth_date == person.card.birth_date


def test_check_digits_are_those_of_the_reference():
    assert id_number("110105", date(1949, 12, 31), 2) == "11010519491231002X"
    assert id_number("110101", date(1990, 3, 7), 1) == "110101199003070011"


def test_a_card_in_clear_is_read_with_every_key(tmp_path):
    fields = {
        "kind": "R",
        "name": "张三",
        "id_number": "11010519491231002X",
        "sex": "2",
        "nation": "01",
        "birth_date": "1949-12-31",
        "address": "浙江省嘉兴市",
        "authority": "嘉兴市公安局",
        "valid_from": "2010-01-02",
        "valid_until": "2030-01-02",
        "photo": base64.b64encode(bytes(1024)).decode(),
        "extra_addresses": ["一"],
        "english_name": "",
    }
    path = tmp_path / "cards.json"
    path.write_text(json.dumps({"mine": fields}), encoding="utf-8")
    card = load_cards(path)["mine"]
    assert card == card_from(fields)
    assert (card.kind, card.name.reveal(), card.valid_until) == (CardKind.RESIDENT, "张三", date(2030, 1, 2))
    assert card_from({key: fields[key] for key in ("name", "id_number", "birth_date")}).is_permanent


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        ({"colour": "red"}, "unknown key 'colour'"),
        ({"name": None}, "name is missing"),
        ({"birth_date": "yesterday"}, "yesterday"),
        ({"kind": "Q"}, "Q"),
        ({"photo": "***"}, "card:"),
        ({"name": "字" * 16}, "too long"),
    ],
)
def test_a_card_that_cannot_be_names_what_is_wrong(change, hint):
    fields = {"name": "张三", "id_number": "11010519491231002X", "birth_date": "1949-12-31", **change}
    with pytest.raises(ValueError, match=hint):
        card_from(fields)


def test_a_file_that_is_not_json_is_refused(tmp_path):
    path = tmp_path / "cards.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match="not JSON"):
        load_cards(path)
