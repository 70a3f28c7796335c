"""`read-card` on chip cards and `sim card`, as a technician types them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from app.commands.doctor import run_doctor
from app.commands.read_card import run_read_card
from app.commands.sim import run_sim
from devices.sim.chips.bank import ODD
from devices.sim.chips.social import CARD, HOLDER, PIN
from devices.wire.social import CardField, HolderField
from tests.fixtures.pcsc import REGIONS
from tests.fixtures.reader import wait_until

MAIN = Path(__file__).resolve().parents[2] / "main.py"
SOCIAL_KEYS = [
    "kind",
    "region",
    "card_number",
    "card_type",
    "version",
    "issued_on",
    "valid_until",
    "holder",
    "name",
    "id_number",
    "sex",
    "nation",
    "birth_place",
    "birth_date",
]
BANK_KEYS = [
    "kind",
    "application",
    "label",
    "masked_number",
    "sequence",
    "valid_until",
    "holder_name",
    "is_contactless",
]


def test_a_social_security_card_is_printed_masked(card_rig, capsys):
    card_rig.insert("social")
    assert run_read_card(card_rig.link, as_json=True) == 0
    text = capsys.readouterr().out
    found = json.loads(text)
    assert list(found) == SOCIAL_KEYS
    assert (found["kind"], found["region"], found["holder"]) == ("social", "110105", "read")
    assert (found["name"], found["id_number"]) == ("张*兰", "110105********002X")
    assert (found["card_number"], found["birth_date"]) == ("*****5678", "****-**-**")
    hidden = (HOLDER[HolderField.NAME], HOLDER[HolderField.ID_NUMBER], CARD[CardField.CARD_NUMBER], "1949")
    assert not [secret for secret in hidden if secret in text]


def test_a_bank_card_is_masked_even_when_all_is_asked_for(card_rig, capsys):
    card_rig.insert("bank:odd")
    assert run_read_card(card_rig.link, reveal=True, as_json=True) == 0
    text = capsys.readouterr().out
    found = json.loads(text)
    assert list(found) == BANK_KEYS
    assert (found["masked_number"], found["holder_name"]) == ("621700*********" + ODD[-4:], "ZHANG/GUILAN")
    assert ODD not in text


def test_a_pin_is_asked_for_and_goes_to_the_card(card_rig):
    card_rig.insert("social:pin")
    command = [sys.executable, str(MAIN), "read-card", "--link", card_rig.link, "--json"]
    command += ["--option", f"social_regions={REGIONS}"]
    without = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert (without.returncode, json.loads(without.stdout)["code"]) == (1, "pin_needed")
    assert "run again with --ask pin" in without.stdout
    given = subprocess.run(
        [*command, "--ask", "pin", "--reveal"],
        check=False,
        input=f"{PIN}\n",
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert given.returncode == 0, given.stderr
    assert json.loads(given.stdout)["name"] == HOLDER[HolderField.NAME]
    assert PIN not in given.stdout + given.stderr


def test_what_cannot_be_read_says_what_to_do(card_rig, capsys):
    assert run_read_card(card_rig.link, timeout=1.5) == 1
    assert "no card was inserted in time" in capsys.readouterr().err
    card_rig.insert("bank")
    assert run_read_card(card_rig.link, options={"order": "social"}) == 1
    assert "no application on the card is known here" in capsys.readouterr().err
    assert run_read_card("pcsc:ACS") == 2
    assert "no such reader" in capsys.readouterr().err
    assert run_read_card(card_rig.link, options={"order": "tax"}) == 2
    assert "options.order" in capsys.readouterr().err
    assert run_read_card("pcsc:") == 2
    assert "pcsc:*" in capsys.readouterr().err


def test_a_missing_service_says_how_to_start_it(card_rig, capsys):
    card_rig.host.stop()
    try:
        assert run_read_card("pcsc:*") == 2
        assert "systemctl start pcscd" in capsys.readouterr().err
    finally:
        card_rig.host.start()


def test_a_card_that_is_none_is_refused(capsys):
    assert run_sim(["card", "tax"]) == 2
    assert "allowed are social, bank" in capsys.readouterr().err
    assert run_sim(["card", "social:gold"]) == 2
    assert "social:pin" in capsys.readouterr().err


def test_the_virtual_card_tells_what_it_can_be_and_how_it_is(card_rig):
    assert "bank:odd" in card_rig.call("cards")
    card_rig.call("fault", fault="slow", times=2)
    card_rig.call("insert", card="bank:odd")
    wait_until(lambda: card_rig.call("state")["is_connected"], "the card in the reader")
    assert card_rig.call("state") == {"card": "bank:odd", "is_in": True, "is_connected": True, "faults": ["slow"]}


def test_the_doctor_names_the_reader_and_what_to_do_without_it(card_rig, capsys, tmp_path):
    path = tmp_path / "kiosk.toml"
    text = (MAIN.parent / "deploy" / "models" / "simulated" / "kiosk.toml").read_text("utf-8")
    head, _, rest = text.partition("[devices.reader]")
    rest = rest[rest.index("[platform]") :].replace("= true", "= false")
    card = f'[devices.card]\ndriver = "card-pcsc"\nlink = "{card_rig.link}"\n[devices.card.options]\norder = "bank"\n\n'
    path.write_text((head + card + rest).replace("~/.local/state/jinban", str(tmp_path / "state")), encoding="utf-8")

    def finding() -> dict[str, str]:
        run_doctor(path, True)
        return next(one for one in json.loads(capsys.readouterr().out) if one["what"] == "card")

    assert (finding()["state"], finding()["remedy"]) == ("good", "")
    card_rig.host.stop()
    try:
        away = finding()
    finally:
        card_rig.host.start()
    assert (away["state"], away["code"]) == ("fault", "noService")
    assert "pcscd" in away["remedy"]
    path.write_text(path.read_text("utf-8").replace('"bank"', '"tax"'), encoding="utf-8")
    assert run_doctor(path, True) == 2
    assert "devices.card.options.order: 'tax'" in capsys.readouterr().err
