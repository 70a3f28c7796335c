"""`read-card` and `sim reader`, as a technician types them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from app.commands.read_card import explain, run_read_card
from app.commands.sim import run_sim
from devices.api import HardwareFault, WireFault
from devices.sim.people import people

MAIN = Path(__file__).resolve().parents[2] / "main.py"
KEYS = [
    "kind",
    "name",
    "id_number",
    "sex",
    "nation",
    "birth_date",
    "address",
    "authority",
    "valid_from",
    "valid_until",
    "photo_bytes",
    "extra_addresses",
]


def test_a_card_is_printed_masked(reader_rig, capsys):
    reader_rig.put("permanent")
    assert run_read_card(reader_rig.link, as_json=True) == 0
    text = capsys.readouterr().out
    found = json.loads(text)
    card = people(date.today())["permanent"].card
    assert list(found) == KEYS
    assert (found["kind"], found["sex"], found["nation"]) == ("R", "2", "01")
    assert (found["valid_until"], found["photo_bytes"]) == ("长期", 1024)
    assert found["name"] == "冯*期"
    assert found["id_number"][6:14] == "********"
    for secret in (card.name, card.id_number, card.address, *card.extra_addresses):
        assert secret.reveal() not in text
    assert card.birth_date.reveal().isoformat() not in text


def test_a_card_is_printed_in_full_when_asked(reader_rig, capsys):
    reader_rig.put("permanent")
    assert run_read_card(reader_rig.link, driver="reader-samv", reveal=True, as_json=True) == 0
    found = json.loads(capsys.readouterr().out)
    card = people(date.today())["permanent"].card
    assert found["name"] == card.name.reveal()
    assert found["id_number"] == card.id_number.reveal()
    assert found["birth_date"] == card.birth_date.reveal().isoformat()
    assert found["address"] == card.address.reveal()
    assert found["extra_addresses"] == [card.extra_addresses[0].reveal()]
    assert found["valid_from"] == card.valid_from.isoformat()


def test_a_decoder_is_tried_on_a_real_read_and_keeps_its_picture(reader_rig, tmp_path, capsys):
    toy = tmp_path / "toy"  # no decoder of WLT: it says nothing
    toy.write_text("#!/bin/sh\nexec cat > /dev/null\n")
    toy.chmod(0o700)
    reader_rig.put()
    assert run_read_card(reader_rig.link, as_json=True, photo_decoder=str(toy)) == 0
    found = json.loads(capsys.readouterr().out)
    assert (list(found), found["photo"]) == ([*KEYS, "photo"], "not available (wrong_size)")
    assert run_read_card(reader_rig.link, photo_decoder="toy") == 2
    assert "full path" in capsys.readouterr().err


def test_a_card_with_only_an_english_name_prints_it(reader_rig, capsys):
    reader_rig.put("foreigner")
    assert run_read_card(reader_rig.link, reveal=True) == 0
    out = capsys.readouterr().out
    assert "SAMPLE PERSON OF A VERY LONG FAMILY" in out
    assert out.splitlines()[0].split() == ["kind", "Y"]


@pytest.mark.parametrize("fault", ["read_failed", "lifted", "card_refused_sam"])
def test_a_card_that_is_refused_is_exit_1_and_one_line(reader_rig, capsys, fault):
    reader_rig.put()
    reader_rig.call("fault", fault=fault)
    assert run_read_card(reader_rig.link) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1


def test_no_card_in_time_is_exit_1(reader_rig, capsys):
    assert run_read_card(reader_rig.link, timeout=0.3) == 1
    assert "no card" in capsys.readouterr().err
    assert run_read_card(reader_rig.link, timeout=0.3, as_json=True) == 1
    captured = capsys.readouterr()
    assert (json.loads(captured.out)["code"], captured.err) == ("no_card", "")


def test_a_card_that_still_lies_there_is_to_be_lifted(reader_rig, capsys):
    reader_rig.put()
    assert run_read_card(reader_rig.link) == 0
    assert run_read_card(reader_rig.link, timeout=0.5) == 1
    told = capsys.readouterr().err
    assert "lift it and lay it down again" in told
    assert len(told.splitlines()) == 1


def test_a_record_of_no_known_kind_says_what_to_do():
    assert explain(WireFault("card_lengths")) == (
        "what the card tells is no record we know (card_lengths); try another card, then another reader"
    )
    assert explain(HardwareFault("sw3_5a")).startswith("the reader reports a fault (sw3_5a); ")
    assert explain(HardwareFault("random_number")).endswith("replace the reader. (random_number)")


@pytest.mark.parametrize(
    ("link", "driver", "hint"),
    [
        ("nothing", "", "allowed are serial:…, tcp:…, pipe:…, usb:…, hid:…, pcsc:… and sim:reader"),
        ("sim:camera", "", "allowed are serial:…"),
        ("serial:ttyUSB0", "", "full path"),
        ("tcp:127.0.0.1:1", "reader-none", "allowed are"),
        ("tcp:127.0.0.1:1", "printer-escpos", "not for a reader"),
        ("serial:/dev/no-such-port", "", "no reader there"),
    ],
)
def test_what_cannot_start_is_exit_2_and_one_line(capsys, link, driver, hint):
    assert run_read_card(link, driver) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert hint in captured.err


def test_a_reader_that_is_away_is_told_in_json(capsys):
    assert run_read_card("serial:/dev/no-such-port", as_json=True) == 2
    told = json.loads(capsys.readouterr().out)
    assert (list(told), told["code"]) == (["code", "reason"], "noDevice")


def test_an_option_of_a_command_line_is_read_as_its_driver_wants_it(reader_rig, capsys):
    reader_rig.put()
    assert run_read_card(reader_rig.link, options={"answer_s": "2.5", "rf_frame": "80"}) == 0
    assert run_read_card(reader_rig.link, options={"answer_s": "soon"}) == 2
    assert "options.answer_s: 'soon' — a number above 0 and at most 3600" in capsys.readouterr().err


def test_a_reader_that_is_not_well_is_exit_2(reader_rig, capsys):
    reader_rig.call("fault", fault="self_test")
    assert run_read_card(reader_rig.link) == 2
    assert "self-test" in capsys.readouterr().err


def test_our_own_far_end_is_read_from_the_command_line():
    done = subprocess.run(
        [sys.executable, str(MAIN), "read-card", "--link", "sim:reader", "--json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert list(json.loads(done.stdout)) == KEYS


def test_a_simulator_serves_until_it_is_told_to_end(tmp_path):
    command = [sys.executable, str(MAIN), "sim", "reader", "--tcp", "--put", "rare", "--control", str(tmp_path / "far")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        ready = json.loads(process.stdout.readline())
        assert ready["control"] == f"unix:{tmp_path / 'far'}"
        assert run_read_card(ready["link"], reveal=True) == 0
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


def test_an_unknown_simulator_is_exit_2(capsys):
    assert run_sim(("teapot",)) == 2
    assert "allowed are reader" in capsys.readouterr().err
