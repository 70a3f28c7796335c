"""The virtual card on its wire: a vpcd of the test's own speaks the golden messages of the reference to it."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from devices.sim.card import Fault
from devices.sim.chips import list_cards, make_chip
from devices.sim.control import SimProcess, spawn
from tests.fixtures.reader import wait_until

GET_ATR = "000104"


class Vpcd:
    """The reader's side: listens, takes one card, and says what it is told."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(45)
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._card: socket.socket | None = None

    def accept(self) -> None:
        self.drop()
        self._card, _ = self._listener.accept()
        self._card.settimeout(45)

    def say(self, text: str) -> None:
        assert self._card is not None
        self._card.sendall(bytes.fromhex(text))

    def hear(self) -> str:
        """Return one message as it came, or "" when the card was pulled."""
        assert self._card is not None
        head = self._card.recv(2, socket.MSG_WAITALL)
        return (head + self._card.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL)).hex().upper() if head else ""

    def ask(self, text: str) -> str:
        self.say(text)
        return self.hear()

    def drop(self) -> None:
        if self._card is not None:
            self._card.close()
            self._card = None

    def close(self) -> None:
        self.drop()
        self._listener.close()


@pytest.fixture
def vpcd() -> Iterator[Vpcd]:
    one = Vpcd()
    yield one
    one.close()


@pytest.fixture
def far(vpcd, tmp_path) -> Iterator[SimProcess]:
    """A bank card for contactless readers, inserted."""
    with spawn("card", "bank:contactless", "--vpcd", vpcd.address, folder=tmp_path) as process:
        vpcd.accept()
        yield process


def test_the_golden_messages(vpcd, far):
    assert far.link == "pcsc:Virtual PCD"
    assert vpcd.ask(GET_ATR) == "00053B80800101"  # VPCD-1, VPCD-2
    vpcd.say("000101" + "000102")  # power on, reset: no answer to either
    assert vpcd.ask("000C00A4040C07A0000002471001") == "00026A82"  # VPCD-4, at a card without that application
    vpcd.say("0005")  # a message may come in pieces
    assert vpcd.ask("00B000000A") == "00026D00"
    assert far.control.call("asked") == ["00a4040c", "00b00000"]


def test_to_take_is_to_hang_up_and_to_insert_is_to_call_again(vpcd, far):
    far.control.call("take")
    assert vpcd.hear() == ""
    assert far.control.call("state")["is_in"] is False
    far.control.call("insert", card="social")
    vpcd.accept()
    assert vpcd.ask(GET_ATR) == "000A3B0853534F4349414C31"


def test_a_card_stays_in_while_pcscd_is_away(vpcd, far):
    vpcd.accept()  # the old connection is dropped, the card calls again
    assert vpcd.ask(GET_ATR) == "00053B80800101"


@pytest.mark.parametrize(
    ("fault", "answer"),
    [("not_found", "00026A82"), ("failed", "00026F00"), ("empty", "00029000"), ("removed", ""), ("slow", "00026D00")],
)
def test_a_scripted_fault_spoils_one_answer(vpcd, far, fault, answer):
    far.control.call("fault", fault=fault, on="b0", after=1)
    assert vpcd.ask("000500B000000A") == "00026D00"
    assert vpcd.ask("000500B000000A") == answer
    assert far.control.call("state")["faults"] == []


def test_a_mute_card_speaks_again_when_asked_again(vpcd, far):
    far.control.call("fault", fault="mute")
    vpcd.say("000500B000000A")
    wait_until(lambda: far.control.call("asked") == ["00b00000"], "the command")
    assert vpcd.ask(GET_ATR) == "00053B80800101"
    assert vpcd.ask("000500B000000A") == "00026D00"


def test_a_card_without_an_answer_to_reset(vpcd, far):
    far.control.call("fault", fault="no_atr")
    assert vpcd.ask(GET_ATR) == "0000"
    far.control.call("mend")
    assert vpcd.ask(GET_ATR) == "00053B80800101"


def test_every_card_that_is_listed_can_be_made():
    cards = list_cards()
    assert {"social:pin", "bank:odd"} <= set(cards)
    assert all(make_chip(key).atr[0] == 0x3B for key in cards)
    assert {fault.value for fault in Fault} >= {"removed", "not_found", "garbage", "slow", "mute", "short", "long"}
    with pytest.raises(ValueError, match="allowed are"):
        make_chip("tax")
