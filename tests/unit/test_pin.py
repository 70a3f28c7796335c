"""The technician's code: no default, slow to guess, and nothing of it kept in clear."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from app.commands.config import keep_pin
from kiosk.station.config import build_config
from kiosk.station.errors import ConfigError
from kiosk.station.pin import FIRST_WAIT_S, FREE_TRIES, LONGEST_WAIT_S, PinGate, hash_pin

KEPT = hash_pin("314159")
ROOT = Path(__file__).resolve().parents[2]


def test_the_right_code_opens_and_a_wrong_one_does_not():
    gate = PinGate(KEPT)
    assert not gate.check("271828", 0.0)
    assert not gate.check("", 0.0)
    assert not gate.check("31415９", 0.0)
    assert gate.check("314159", 0.0)


def test_where_no_code_is_kept_nobody_enters():
    gate = PinGate("")
    assert not gate.is_set
    assert not gate.check("", 0.0)
    assert not gate.check("000000", 0.0)


def test_five_wrong_codes_close_the_gate_and_each_further_one_twice_as_long():
    gate, now = PinGate(KEPT), 100.0
    for _ in range(FREE_TRIES):
        assert gate.wait_s(now) == 0.0
        gate.check("000000", now)
    assert gate.wait_s(now) == FIRST_WAIT_S
    assert not gate.check("314159", now + FIRST_WAIT_S - 0.1), "closed for the right one too"
    now += FIRST_WAIT_S
    waits = []
    for _ in range(10):
        gate.check("000000", now)
        waits.append(gate.wait_s(now))
        now += waits[-1]
    assert waits[:3] == [30.0, 60.0, 120.0]
    assert max(waits) == LONGEST_WAIT_S
    assert gate.check("314159", now)
    gate.check("000000", now)
    assert gate.wait_s(now) == 0.0, "a right code forgives the wrong ones"


def test_two_of_the_same_code_are_kept_differently_and_neither_holds_it():
    assert hash_pin("314159") != KEPT
    assert "314159" not in KEPT


@pytest.mark.parametrize("pin", ["", "12345", "1" * 13, "12345a", "１２３４５６", "-12345"])
def test_what_is_no_code_is_refused(pin, capsys):
    with pytest.raises(ValueError, match="6 to 12 digits"):
        hash_pin(pin)
    assert keep_pin(pin) == 2
    assert "6 to 12 digits" in capsys.readouterr().err


def test_what_the_command_prints_is_what_configuration_takes():
    done = subprocess.run(
        [sys.executable, str(ROOT / "main.py"), "config", "pin"],
        input="314159\n314159\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    kept = done.stdout.partition('pin = "')[2].partition('"')[0]
    assert PinGate(kept).check("314159", 0.0)
    with pytest.raises(ConfigError, match=r"technician\.pin"):
        build_config({"technician": {"pin": "314159"}}, ROOT)
