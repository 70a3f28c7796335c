"""Whatever a reader says is somebody's move, and the technician reads what helps."""

from __future__ import annotations

import pytest

from devices.drivers.samv_faults import FAULTS, SOUND
from devices.wire.samv import MEANINGS, Answer
from kiosk.station.failures import CARD_FAULTS, READER_FAULTS, Move, failure_of
from kiosk.station.texts import own_texts

USUAL = {"remedies.reader", "remedies.other", ""}


def test_every_result_of_the_reference_is_sound_or_a_fault():
    assert {*FAULTS} | {*SOUND} == {*MEANINGS}
    assert not {*FAULTS} & {*SOUND}


@pytest.mark.parametrize("sw3", sorted(FAULTS), ids=hex)
def test_every_fault_has_a_remedy_of_its_own_in_both_languages(sw3):
    word, error = Answer(sw3).meaning, FAULTS[sw3]
    row = failure_of(error.__name__, word, "Reader")
    assert word in row.codes
    assert row.remedy not in USUAL
    text = own_texts().table[row.remedy]
    assert text.zh != text.en
    assert (row.move is Move.CITIZEN) == (error.__name__ == "UserFault")


def test_a_result_nobody_documented_has_the_usual_remedy():
    row = failure_of("HardwareFault", Answer(0x5A).meaning, "Reader")
    assert (row.code, row.remedy) == ("F04", "remedies.reader")


def test_a_word_of_the_reader_says_nothing_of_another_device():
    assert failure_of("HardwareFault", "self_test", "Printer").remedy == "remedies.printer"


def test_every_word_is_told_once():
    words = [word for codes, _ in (*CARD_FAULTS, *READER_FAULTS) for word in codes]
    assert len(words) == len({*words})
