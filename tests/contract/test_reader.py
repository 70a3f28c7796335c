"""What every ID card reader driver promises, over every wire, against its far end."""

from __future__ import annotations

import threading
import time
from datetime import date

import pytest
from msgspec.structs import replace

from devices.api import (
    Cancelled,
    CardKind,
    Deadline,
    DeviceKind,
    DeviceState,
    HardwareFault,
    NotReady,
    Private,
    TimedOut,
    UserFault,
    WireFault,
)
from devices.drivers.reader_samv import SamvReader
from devices.sim.cards import card_from
from devices.sim.control import spawn
from devices.sim.people import people
from tests.fixtures.reader import QUICK, wait_until, within

KEYS = sorted(people(date(2026, 11, 23)))


def test_the_reader_tells_who_it_is_and_how(reader):
    assert reader.capabilities().identifier == "05.01-20200115-0000123456-0305419896"
    status = reader.status(within())
    assert (status.kind, status.device, status.is_ready) == (DeviceKind.READER, DeviceState.ONLINE, True)
    reader.open(within())  # again: harmless


@pytest.mark.parametrize("key", KEYS)
def test_every_card_is_read_as_it_was_laid_down(reader, reader_rig, key):
    reader_rig.put(key)
    assert reader.read(within()) == people(date.today())[key].card


def test_a_card_of_ones_own_is_read(reader, reader_rig):
    reader_rig.put(
        {
            "name": "字" * 15,
            "id_number": "11010519491231002X",
            "birth_date": "1949-12-31",
            "sex": "2",
            "valid_until": "2030-01-31",
            "extra_addresses": ["一", "二", "三", "四"],
        }
    )
    card = reader.read(within())
    assert card.kind is CardKind.RESIDENT
    assert card.name.reveal() == "字" * 15
    assert card.valid_from is None
    assert card.valid_until == date(2030, 1, 31)
    assert [address.reveal() for address in card.extra_addresses] == ["一", "二", "三", "四"]
    assert len(card.photo.reveal()) == 1024
    assert "字" not in repr(card)


def test_a_read_waits_for_the_card_without_asking_too_often(reader, reader_rig):
    found: list[object] = []
    started = time.monotonic()
    thread = threading.Thread(target=lambda: found.append(reader.read(within())))
    thread.start()
    wait_until(lambda: reader_rig.asked().count("2001") >= 3, "three questions for a card")
    reader_rig.put("child")
    thread.join(20)
    assert len(found) == 1
    # however slow the machine: with 300 ms between two questions there cannot be more of them
    assert reader_rig.asked().count("2001") <= (time.monotonic() - started) / 0.3 + 1


def test_a_card_is_read_once_until_it_is_lifted(reader, reader_rig):
    reader_rig.put()
    reader.read(within())
    assert reader.is_card_present(within())
    with pytest.raises(TimedOut, match="no_card"):
        reader.read(within(0.5))
    assert reader.is_card_present(within())
    reader_rig.take()
    assert not reader.is_card_present(within())
    reader_rig.put()
    assert reader.is_card_present(within())
    reader.read(within())


def test_a_wait_is_called_off_at_once(reader, reader_rig):
    cancelled = threading.Event()
    threading.Timer(0.1, cancelled.set).start()
    with pytest.raises(Cancelled):
        reader.read(Deadline(60, cancelled))


def test_the_answer_to_a_read_called_off_is_never_the_next_persons(own_rig):
    reader = SamvReader(own_rig.link, **QUICK)
    reader.open(within())
    own_rig.put("elder")
    cancelled = threading.Event()
    failed: list[BaseException] = []

    def first_person() -> None:
        try:
            reader.read(Deadline(60, cancelled))
        except Cancelled as error:
            failed.append(error)

    thread = threading.Thread(target=first_person)
    thread.start()
    wait_until(lambda: "3010" in own_rig.asked(), "the reading of the card")  # its answer takes the line 113 ms
    cancelled.set()
    thread.join(20)
    assert len(failed) == 1
    own_rig.put("father")
    assert reader.read(within()) == people(date.today())["father"].card
    reader.close()


@pytest.mark.parametrize("fault", ["bad_check", "truncated", "noise", "split"])
@pytest.mark.parametrize("on", ["find", "select", "read", "addresses", "status"])
def test_a_disturbed_line_is_asked_once_more(reader, reader_rig, fault, on):
    reader_rig.put("permanent")
    reader_rig.call("fault", fault=fault, on=on)
    if on == "status":
        assert reader.status(within()).is_ready
    else:
        assert reader.read(within()) == people(date.today())["permanent"].card
    assert reader_rig.call("state")["faults"] == []


@pytest.mark.parametrize("fault", ["bad_check", "truncated", "garbage"])
def test_a_line_that_stays_disturbed_is_a_wire_fault(reader, reader_rig, fault):
    reader_rig.put()
    reader_rig.call("fault", fault=fault, on="read", times=2)
    with pytest.raises(WireFault):
        reader.read(within())
    reader_rig.reset()
    reader_rig.put("sixty")
    assert reader.read(within()) == people(date.today())["sixty"].card


@pytest.mark.parametrize(
    ("fault", "error", "code"),
    [
        ("read_failed", UserFault, "card_unreadable"),
        ("lifted", UserFault, "card_pulled"),
        ("card_refused_sam", UserFault, "card_refused_sam"),
        ("sam_refused_card", UserFault, "sam_refused_card"),
        ("self_test", HardwareFault, "self_test"),
        ("not_authorised", HardwareFault, "not_authorised"),
        ("mute", TimedOut, "mute"),
    ],
)
def test_each_fault_is_whose_move_it_is(reader, reader_rig, fault, error, code):
    reader_rig.put()
    reader_rig.call("fault", fault=fault)
    with pytest.raises(error) as found:
        reader.read(within())
    assert (type(found.value), found.value.code) == (error, code)


def test_a_card_lifted_before_its_addresses_are_read_is_no_card(reader, reader_rig):
    reader_rig.put("permanent")
    reader_rig.call("fault", fault="lifted", on="addresses")
    with pytest.raises(UserFault, match="card_pulled"):
        reader.read(within())


def test_after_a_failed_read_the_card_must_be_lifted(reader, reader_rig):
    reader_rig.put()
    reader_rig.call("fault", fault="read_failed")
    with pytest.raises(UserFault):
        reader.read(within())
    with pytest.raises(TimedOut, match="no_card"):
        reader.read(within(0.5))
    reader_rig.put()
    reader.read(within())


def test_a_card_gone_between_finding_and_selecting_is_waited_for_again(reader, reader_rig):
    reader_rig.put("child")
    reader_rig.call("fault", fault="lifted", on="select")  # said as 41
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(reader.read(within())))
    thread.start()
    wait_until(lambda: reader_rig.call("state")["faults"] == [], "the card's being lifted")
    reader_rig.put("father")
    thread.join(20)
    assert found == [people(date.today())["father"].card]


@pytest.mark.parametrize(
    ("fault", "state", "code"),
    [
        ("mute", DeviceState.OFFLINE, "mute"),
        ("garbage", DeviceState.OFFLINE, "garbled"),
        ("self_test", DeviceState.HARDWARE_ERROR, "self_test"),
        ("not_authorised", DeviceState.HARDWARE_ERROR, "not_authorised"),
    ],
)
def test_a_reader_that_is_not_well_is_not_ready(reader, reader_rig, fault, state, code):
    reader_rig.call("fault", fault=fault)
    status = reader.status(within())
    assert (status.device, status.code, status.is_ready) == (state, code, False)
    reader_rig.call("mend")
    assert reader.status(within()).is_ready


@pytest.mark.parametrize(("fault", "error"), [("mute", TimedOut), ("garbage", WireFault), ("self_test", HardwareFault)])
def test_a_reader_that_is_not_well_is_not_opened(reader_rig, fault, error):
    reader_rig.call("fault", fault=fault)
    driver = SamvReader(reader_rig.link, **QUICK)
    with pytest.raises(error):
        driver.open(within())
    reader_rig.call("mend")
    driver.open(within())
    driver.close()
    driver.close()
    with pytest.raises(NotReady):
        driver.read(within())


@pytest.mark.parametrize("speed", [9600, 57600])
def test_the_speed_of_a_reader_is_found(tmp_path, speed):
    with spawn("reader", "--baud", str(speed), "--put", "spouse", folder=tmp_path) as far:
        driver = SamvReader(f"{far.link}?baud=19200", **QUICK)
        driver.open(within())
        assert driver.read(within()) == people(date.today())["spouse"].card
        assert driver.capabilities().line == f"{speed} baud"
        driver.close()
        heard = len(far.control.call("asked"))
        driver.open(within())
        assert far.control.call("asked")[heard:] == ["11ff", "12ff"]
        assert driver.capabilities().line == f"{speed} baud"
        driver.close()


def test_the_line_is_told_and_what_no_reader_has_proven(reader, reader_rig):
    can = reader.capabilities()
    kind = reader_rig.link.partition(":")[0]
    wires = {"serial": "115200 baud", "tcp": "tcp", "hid": "hid"}
    assert can.line in ([wires[kind]] if kind in wires else ["usb split", "usb whole"])
    assert {"card_J", "card_I", "card_Y", "card_pulled", "management_number"} <= {*can.provisional}
    assert (can.line.replace(" ", "_") in can.provisional) == (kind in ("usb", "hid"))
    assert {*can.provisional} - {"card_pulled"} <= {*can.features}


def test_the_management_number_is_the_cards_own(reader, reader_rig):
    with pytest.raises(UserFault, match="read_failed"):
        reader.read_management_number(within())
    reader_rig.put("elder")
    reader.read(within())
    assert reader.read_management_number(within()).dn == bytes(range(16))


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "J", "name": "何港例", "id_number": "810000199001010019", "permit_number": "H12345678"},
        {"kind": "I", "name": "样例", "id_number": "CAN110080010117", "english_name": "S" * 60, "nationality": "CAN"},
        {"kind": "Y", "name": "", "id_number": "911840198001010013", "english_name": "A" * 34 + " " + "B" * 11},
        {"kind": "R", "name": "张", "id_number": "11010519491231002X", "nation": "57", "sex": "5"},
    ],
    ids=lambda fields: fields["kind"],
)
def test_each_layout_is_read_and_unknown_codes_stay_as_they_are(reader, reader_rig, fields):
    given = {"birth_date": "1980-01-01", "valid_until": "2030-01-31", **fields}
    reader_rig.put(given)
    card = reader.read(within())
    assert replace(card, photo=Private(b"")) == card_from(given)
    assert (card.nation, card.sex) == (fields.get("nation", ""), fields.get("sex", ""))


def test_an_older_reader_is_asked_the_older_way(tmp_path):
    with spawn("reader", "--no-fingerprint", "--baud", "0", folder=tmp_path) as far:
        driver = SamvReader(far.link, **QUICK)
        driver.open(within())
        for key in ("father", "child"):
            far.control.call("put", card=key)
            assert driver.read(within()) == people(date.today())[key].card
        driver.close()
        asked = far.control.call("asked")
        assert (asked.count("3010"), asked.count("3001")) == (1, 2)


def test_a_reader_mute_to_30_10_alone_is_asked_the_older_way(reader, reader_rig):
    reader_rig.put("father")
    reader_rig.call("fault", fault="mute", on="read", times=1)
    assert reader.read(within()) == people(date.today())["father"].card
