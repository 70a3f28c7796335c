"""Our virtual bank card read by `emvtool`, written by others, and by our driver: both tell the same card.

emvtool lives in an environment of its own (deploy/peers-emv.sh). It cannot show a number of odd length, so it gets one
of 16 digits (reference/devices.md §7).
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from devices.sim.chips.bank import EVEN
from tests.fixtures.pcsc import CardRig
from tests.fixtures.reader import within

ROOT = Path(__file__).parents[2]
TOOL = ROOT / "build" / "peers" / "emv" / "bin" / "emvtool"
INSTALL_S = 600
ASK_S = 120


@pytest.fixture(scope="module")
def emvtool() -> Path:
    """The peer, installed from its lock when it is not there yet."""
    done = subprocess.run(
        [str(ROOT / "deploy" / "peers-emv.sh")], check=False, capture_output=True, text=True, timeout=INSTALL_S
    )
    assert done.returncode == 0, f"peers-emv.sh: {done.stderr[-600:]}"
    return TOOL


def ask(tool: Path, *words: str) -> str:
    """Return what emvtool says of the card in the first reader."""
    done = subprocess.run([str(tool), "-r", "0", *words], check=False, capture_output=True, text=True, timeout=ASK_S)
    assert done.returncode == 0, done.stderr[-600:]
    return done.stdout


def test_emvtool_lists_and_reads_the_card_our_driver_reads(emvtool, card_rig: CardRig, card_reader):
    card_rig.insert("bank:even")
    listed = ask(emvtool, "listapps")
    assert '"UnionPay Debit"' in listed
    assert "A0 00 00 03 33 01 01 01" in listed
    data = ask(emvtool, "appdata", "0")
    assert "[8, 1, 1, 0, 16, 1, 1, 0]" in data  # the file list, as our codec reads it
    assert EVEN in data
    assert "30/12/31" in data
    assert "ZHANG/GUILAN" in data
    card = card_reader.read(within())
    assert (card.masked_number[:6], card.masked_number[-4:]) == (EVEN[:6], EVEN[-4:])
    assert (card.label, card.application) == ("UnionPay Debit", "A000000333010101")
