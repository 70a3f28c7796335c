"""One command, one whole answer: fetching, asking again, and an end to a card that never ends."""

from __future__ import annotations

import pytest

from devices.api import UserFault, WireFault
from devices.drivers.card_channel import Channel, ask
from devices.sim.chips import make_chip
from devices.wire import emv, social
from devices.wire.apdu import SHORT, build_select
from tests.fixtures.reader import within


class ScriptedCard:
    """A card that says what it was told to, and remembers what it heard."""

    atr = bytes.fromhex("3B80800101")

    def __init__(self, *answers: str, is_block: bool = True) -> None:
        self.is_block = is_block
        self.heard: list[str] = []
        self._answers = [bytes.fromhex(answer) for answer in answers]

    def exchange(self, apdu: bytes, deadline) -> bytes:
        self.heard.append(apdu.hex().upper())
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


class ChipCard:
    """A virtual chip without any reader around it."""

    is_block = False

    def __init__(self, key: str) -> None:
        self._chip = make_chip(key)
        self.atr = self._chip.atr

    def exchange(self, apdu: bytes, deadline) -> bytes:
        return self._chip.answer(apdu)


def test_an_answer_that_waits_is_fetched_piece_by_piece():
    card = ScriptedCard("6104", "010203046102", "05069000")
    assert Channel(card).transmit(bytes.fromhex("00A4040002AABB"), within()) == (b"\1\2\3\4\5\6", 0x9000)
    assert card.heard == ["00A4040002AABB", "00C0000004", "00C0000002"]


def test_a_fetched_answer_keeps_its_last_word():
    assert Channel(ScriptedCard("6102", "AABB6282")).transmit(b"\0\xa4\0\0", within()) == (b"\xaa\xbb", 0x6282)


def test_a_wrong_length_is_asked_again_once():
    card = ScriptedCard("6C05", "01020304059000")
    assert Channel(card).transmit(bytes.fromhex("00B2010400"), within()) == (b"\1\2\3\4\5", 0x9000)
    assert card.heard == ["00B2010400", "00B2010405"]
    assert Channel(ScriptedCard("6C05")).transmit(bytes.fromhex("00B2010400"), within()) == (b"", 0x6C05)


def test_t0_gets_no_length_beside_data_and_t1_does():
    select = build_select(emv.PSE, expected=SHORT)
    for is_block, heard in ((True, select), (False, select[:-1])):
        card = ScriptedCard("9000", is_block=is_block)
        Channel(card).transmit(select, within())
        assert card.heard == [heard.hex().upper()]


@pytest.mark.parametrize("answer", ["6100", "00" * 255 + "61FF"])
def test_a_card_that_never_ends_is_a_wire_fault(answer):
    card = ScriptedCard(answer)
    with pytest.raises(WireFault, match="endless"):
        Channel(card).transmit(b"\0\xa4\0\0", within())
    assert len(card.heard) <= 302


@pytest.mark.parametrize("answer", ["", "90"])
def test_an_answer_without_a_status_word_is_a_wire_fault(answer):
    with pytest.raises(WireFault, match="response"):
        Channel(ScriptedCard(answer)).transmit(b"\0\xa4\0\0", within())


def test_a_command_that_must_succeed_says_which_did_not():
    with pytest.raises(UserFault, match="B2 6A83") as found:
        ask(Channel(ScriptedCard("6A83")), bytes.fromhex("00B2010400"), within())
    assert found.value.code == "card_unreadable"


def test_the_virtual_social_card_answers_as_the_reference_says():
    card = ChipCard("social")
    say = card.exchange
    assert say(bytes.fromhex("00B207040B"), within()).hex() == "6985"  # no application, no file
    assert say(build_select(social.AID), within())[0] == 0x61
    assert say(bytes.fromhex("00A4000002EF05"), within()).hex() == "9000"
    record = "0709413132333435363738" + "9000"
    assert say(bytes.fromhex("00B207040B"), within()).hex() == record
    assert say(bytes.fromhex("00B2072C0B"), within()).hex() == record
    assert say(bytes.fromhex("00B2630402"), within()).hex() == "6a83"
    assert say(bytes.fromhex("00B2070400"), within()).hex() == "6c0b"


def test_the_virtual_bank_card_answers_as_the_reference_says():
    channel = Channel(ChipCard("bank:odd"))
    assert emv.decode_directory_file(ask(channel, build_select(emv.PSE, expected=SHORT), within())) == 1
    ask(channel, build_select(emv.UNIONPAY[0], expected=SHORT), within())
    assert ask(channel, bytes.fromhex("80A8000002830000"), within()).hex() == "800a3c000801010010010100"
    assert bytes.fromhex("5A0A6217001234567890122F") in ask(channel, bytes.fromhex("00B2010C00"), within())
