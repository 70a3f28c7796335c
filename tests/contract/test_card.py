"""What every chip card driver promises, through a real pcscd, against virtual cards at the far end."""

from __future__ import annotations

import logging
import threading
from datetime import date

import pytest

from devices.api import (
    BankCard,
    Cancelled,
    CardKeys,
    Deadline,
    DeviceKind,
    DeviceState,
    HolderState,
    MediaState,
    NotReady,
    Private,
    SocialCard,
    TimedOut,
    Unsupported,
    UserFault,
    WireFault,
)
from devices.drivers.card_pcsc import PcscCardReader
from devices.lane import DeviceLane
from devices.registry import make_device
from devices.sim.chips.bank import EVEN, ODD
from devices.sim.chips.social import CARD, HOLDER, PIN
from devices.wire.social import CardField, HolderField
from tests.fixtures.pcsc import REGIONS
from tests.fixtures.reader import wait_until, within

READ_RECORD = "b2"
SECRETS = (EVEN, ODD, EVEN[6:12], ODD[6:14], *HOLDER.values(), CARD[CardField.CARD_NUMBER], PIN)


def test_the_reader_tells_who_it_is_and_how(card_reader, card_rig):
    status = card_reader.status(within())
    assert (status.kind, status.device, status.media) == (
        DeviceKind.CARD,
        DeviceState.ONLINE,
        MediaState.NOT_PRESENT,
    )
    assert card_reader.capabilities().identifier == "Virtual PCD 00 00"
    assert not card_reader.is_card_present(within())
    card_rig.insert("bank")
    assert card_reader.status(within()).media is MediaState.PRESENT
    assert card_reader.is_card_present(within())
    card_reader.open(within())  # again: harmless


def test_a_social_security_card_is_read_with_its_holder(card_reader, card_rig):
    card_rig.insert("social")
    card = card_reader.read(within())
    assert isinstance(card, SocialCard)
    assert (card.region, card.version, card.card_type) == ("110105", "2.00", "01")
    assert (card.issued_on, card.valid_until) == (date(2019, 6, 1), date(2029, 6, 1))
    assert card.card_number.reveal() == CARD[CardField.CARD_NUMBER]
    assert card.identification.reveal() == CARD[CardField.IDENTIFICATION]
    assert card.holder is HolderState.READ
    assert card.name.reveal() == HOLDER[HolderField.NAME]
    assert card.id_number.reveal() == HOLDER[HolderField.ID_NUMBER]
    assert (card.sex, card.nation, card.birth_place) == ("2", "01", "110105")
    assert card.birth_date is not None
    assert card.birth_date.reveal() == date(1949, 12, 31)


def test_an_older_card_lacks_what_came_later(card_reader, card_rig):
    card_rig.insert("social:old")
    card = card_reader.read(within())
    assert (card.version, card.valid_until, card.birth_place, card.birth_date) == ("1.00", None, "", None)
    assert card.name.reveal() == HOLDER[HolderField.NAME]


def test_a_card_without_what_is_needed_is_unreadable(card_reader, card_rig):
    card_rig.insert("social:nameless")
    with pytest.raises(UserFault, match="card_unreadable"):
        card_reader.read(within())


@pytest.mark.parametrize(
    ("key", "code"),
    [("social:pin", "pin_needed"), ("social:psam", "psam_needed"), ("social:backoffice", "backoffice_needed")],
)
def test_a_holder_behind_a_rule_is_an_honest_no(make_card_reader, card_rig, key, code):
    driver = make_card_reader(social_regions=REGIONS)
    card_rig.insert(key)
    with pytest.raises(Unsupported) as found:
        driver.read(within())
    assert found.value.code == code
    assert not [one for one in card_rig.asked() if one.startswith("0020")]  # no PIN was guessed


def test_a_card_whose_rule_is_not_configured_is_an_honest_no(card_reader, card_rig):
    card_rig.insert("social:pin")
    with pytest.raises(Unsupported, match="holder_locked"):
        card_reader.read(within())


def test_the_card_alone_is_read_where_the_holder_is_not_asked_for(make_card_reader, card_rig):
    driver = make_card_reader(social_regions=REGIONS, social_holder=False)
    card_rig.insert("social:pin")
    card = driver.read(within())
    assert (card.region, card.holder, card.name.reveal()) == ("650102", HolderState.NOT_ASKED, "")


def test_a_pin_opens_the_holder_and_a_wrong_one_is_tried_once(make_card_reader, card_rig):
    driver = make_card_reader(social_regions=REGIONS)
    card_rig.insert("social:pin")
    with pytest.raises(UserFault, match="pin_wrong"):
        driver.read(within(), CardKeys(pin=Private("000000")))
    assert [one for one in card_rig.asked() if one.startswith("0020")] == ["00200000"]
    card = driver.read(within(), CardKeys(pin=Private(PIN)))  # where it lies: it was not read yet
    assert card.name.reveal() == HOLDER[HolderField.NAME]
    assert card.id_number.reveal() == HOLDER[HolderField.ID_NUMBER]


def test_a_locked_pin_says_so(make_card_reader, card_rig):
    driver = make_card_reader(social_regions=REGIONS)
    card_rig.insert("social:pin")
    for code in ("pin_wrong", "pin_wrong", "pin_locked", "pin_locked"):
        with pytest.raises(UserFault) as found:
            driver.read(within(), CardKeys(pin=Private("999999")))
        assert found.value.code == code


def test_a_region_may_have_its_records_read_by_file_number(make_card_reader, card_rig):
    driver = make_card_reader(social_regions=REGIONS)
    card_rig.insert("social")
    assert driver.read(within()).name.reveal() == HOLDER[HolderField.NAME]
    assert "00b20834" in card_rig.asked()


@pytest.mark.parametrize(
    ("key", "masked", "application"),
    [
        ("bank:even", "621700******1236", "A000000333010101"),
        ("bank:odd", "621700*********0122", "A000000333010101"),
        ("bank:contactless", "621700*********0122", "A000000333010101"),
        ("bank:bare", "621700******1236", "A000000333010101"),
        ("bank:blocked", "621700******1236", "A000000333010102"),
        ("bank:pdol", "621700******1236", "A000000333010101"),
        ("bank:packed", "621700******1236", "A000000333010101"),
    ],
)
def test_a_bank_card_is_read_with_its_number_masked(card_reader, card_rig, key, masked, application):
    card_rig.insert(key)
    card = card_reader.read(within())
    assert isinstance(card, BankCard)
    assert (card.masked_number, card.application, card.sequence) == (masked, application, "01")
    assert (card.label, card.valid_until) == ("UnionPay Debit", date(2030, 12, 31))
    assert card.holder_name.reveal() == "ZHANG/GUILAN"
    assert card.is_contactless == (key == "bank:contactless")


def test_nothing_of_a_person_is_in_what_can_be_logged(make_card_reader, card_rig, caplog):
    caplog.set_level(logging.DEBUG)
    driver = make_card_reader(social_regions=REGIONS)
    told = []
    for key in ("social", "social:pin", "bank:even", "bank:odd", "bank:contactless"):
        card_rig.reset()
        card_rig.insert(key)
        card = driver.read(within(), CardKeys(pin=Private(PIN)))
        told += [repr(card), str(card), f"{card}"]
    for fault in ("garbage", "short", "long", "removed"):
        card_rig.reset()
        card_rig.insert("bank:odd", fault=fault, on=READ_RECORD, after=2)
        with pytest.raises((UserFault, WireFault)) as found:
            driver.read(within())
        told += [repr(found.value), str(found.value), found.value.detail]
    whole = "\n".join((*told, caplog.text))
    public = {HOLDER[field] for field in (HolderField.SEX, HolderField.NATION, HolderField.BIRTH_PLACE)}  # codes
    assert not [secret for secret in SECRETS if secret in whole and secret not in public]


def test_a_card_that_lies_there_at_the_start_is_read(make_card_reader, card_rig):
    card_rig.insert("bank")
    assert isinstance(make_card_reader().read(within()), BankCard)


def test_a_wait_ends_when_a_card_comes(card_reader, card_rig):
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(card_reader.read(within())))
    thread.start()
    card_rig.insert("social")
    thread.join(20)
    assert isinstance(found[0], SocialCard)


def test_a_wait_ends_in_time_or_when_called_off(card_reader):
    with pytest.raises(TimedOut, match="no_card"):
        card_reader.read(within(1.5))
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(Cancelled):
        card_reader.read(Deadline(20, cancelled))


def test_a_wait_that_ends_within_a_look_was_for_a_card(card_reader, card_rig):
    failed: list[str] = []

    def read() -> None:
        try:
            card_reader.read(within(2))
        except TimedOut as error:
            failed.append(error.code)

    thread = threading.Thread(target=read)
    thread.start()
    thread.join(0.7)  # it has looked, and looks again
    with card_rig.host.halted():
        thread.join(20)
    assert failed == ["no_card"]


def test_a_card_that_was_read_must_be_lifted_first(card_reader, card_rig):
    card_rig.insert("social")
    card_reader.read(within())
    with pytest.raises(TimedOut, match="no_card"):
        card_reader.read(within(1.5))
    card_reader.close()
    card_reader.open(within())
    with pytest.raises(TimedOut, match="no_card"):
        card_reader.read(within(1.5))
    card_rig.take()
    card_rig.insert("bank")
    assert isinstance(card_reader.read(within()), BankCard)


def test_an_unknown_card_is_said_to_be_one(make_card_reader, card_rig):
    driver = make_card_reader(order="social")
    card_rig.insert("bank")
    with pytest.raises(UserFault, match="card_unknown"):
        driver.read(within())


def test_cards_are_tried_in_the_order_configured(make_card_reader, card_rig):
    card_rig.insert("bank")
    make_card_reader(order="bank,social").read(within())
    assert card_rig.asked()[0] == "00a40400"
    assert "00b2010c" in card_rig.asked()[:4]  # the directory, before the other application is thought of


@pytest.mark.parametrize("key", ["social", "bank"])
@pytest.mark.parametrize(
    ("fault", "error", "codes"),
    [
        ("removed", UserFault, ("card_removed",)),
        ("failed", UserFault, ("card_unreadable",)),
        ("not_found", UserFault, ("card_unreadable",)),
        ("empty", (UserFault, WireFault), ("record", "emv")),
        ("garbage", WireFault, ("record", "tlv", "emv")),
        ("short", WireFault, ("record", "tlv", "emv")),
        ("endless", WireFault, ("endless",)),
    ],
)
def test_each_fault_is_whose_move_it_is(card_reader, card_rig, key, fault, error, codes):
    record = 0 if key == "social" else 2  # of a bank card: behind its directory, the first of the account's
    card_rig.insert(key, fault=fault, on=READ_RECORD, after=record, times=1000 if fault == "endless" else 1)
    if fault == "endless":
        card_rig.call("fault", fault=fault, on="c0", times=1000)
    with pytest.raises(error) as found:
        card_reader.read(within(40))
    assert found.value.code in codes
    card_rig.reset()
    card_rig.insert(key)
    card_reader.read(within())


@pytest.mark.parametrize("key", ["social", "bank"])
def test_a_slow_card_is_read_all_the_same(card_reader, card_rig, key):
    card_rig.insert(key, fault="slow", times=2)
    card_reader.read(within())


def test_a_mute_card_ends_in_time_and_its_removal_ends_the_trouble(make_card_reader, card_rig):
    driver = make_card_reader(answer_s=0.5)
    card_rig.insert("social", fault="mute", on=READ_RECORD)
    with pytest.raises(TimedOut, match="mute"):
        driver.read(within())
    assert driver.status(within()).code == "mute"
    card_rig.call("take")
    wait_until(lambda: driver.status(within()).is_ready, "a reader that answers")
    card_rig.insert("bank")
    assert isinstance(driver.read(within()), BankCard)


def test_a_reading_called_off_does_not_reach_the_next_person(make_card_reader, card_rig):
    driver = make_card_reader()
    card_rig.insert("social", fault="slow", on=READ_RECORD, times=50)
    cancelled = threading.Event()
    failed: list[BaseException] = []

    def first_person() -> None:
        try:
            driver.read(Deadline(60, cancelled))
        except Cancelled as error:
            failed.append(error)

    thread = threading.Thread(target=first_person)
    thread.start()
    wait_until(lambda: any(one.startswith("00b2") for one in card_rig.asked()), "the first record")
    cancelled.set()
    thread.join(20)
    assert len(failed) == 1
    card_rig.reset()
    card_rig.insert("bank")
    assert isinstance(driver.read(within()), BankCard)


def test_a_card_that_does_not_answer_reset_is_unreadable(card_reader, card_rig):
    card_rig.call("fault", fault="no_atr")
    card_rig.call("insert", card="social")
    wait_until(lambda: card_rig.call("state")["is_connected"], "the card in the reader")
    with pytest.raises((UserFault, TimedOut)) as found:  # vpcd takes a card without an ATR for none
        card_reader.read(within(1.5))
    assert found.value.code in ("card_unreadable", "no_card")


def test_pcscd_may_go_and_come_back(card_reader, card_rig):
    card_rig.insert("social")
    card_reader.read(within())
    card_rig.host.stop()
    status = card_reader.status(within())
    assert (status.device, status.code) == (DeviceState.NO_DEVICE, "noService")
    with pytest.raises(NotReady, match="noService"):
        card_reader.read(within())
    card_rig.host.start()
    wait_until(card_rig.is_seen, "the card that stayed")
    assert card_reader.status(within()).is_ready
    with pytest.raises(TimedOut, match="no_card"):  # it may be the one that was read
        card_reader.read(within(1.5))
    card_rig.take()
    card_rig.insert("bank")
    assert isinstance(card_reader.read(within()), BankCard)


def test_pcscd_killed_under_a_reading_is_not_ready(card_reader, card_rig):
    card_rig.insert("social", fault="mute", on=READ_RECORD)
    killer = threading.Thread(
        target=lambda: (
            wait_until(lambda: any(one.startswith("00b2") for one in card_rig.asked()), "the first record"),
            card_rig.host.kill(),
        )
    )
    killer.start()
    try:
        with pytest.raises(NotReady, match="noService"):
            card_reader.read(within())
    finally:
        killer.join(20)
        card_rig.host.start()
    card_rig.reset()
    card_rig.insert("social")
    card_reader.read(within())


def test_a_reader_may_be_unplugged_and_plugged_in_again(card_reader, card_rig):
    card_rig.host.stop()
    card_rig.host.start(has_reader=False)
    status = card_reader.status(within())
    assert (status.device, status.code) == (DeviceState.NO_DEVICE, "noDevice")
    with pytest.raises(NotReady, match="noDevice"):
        PcscCardReader("pcsc:*").open(within())
    card_rig.host.stop()
    card_rig.host.start()
    assert card_reader.status(within()).is_ready
    card_rig.insert("bank")
    card_reader.read(within())


def test_a_reader_is_found_by_the_beginning_of_its_name(card_rig):
    for link, name in (("pcsc:*", "Virtual PCD 00 00"), ("pcsc:Virtual PCD 00 01", "Virtual PCD 00 01")):
        driver = make_device(DeviceKind.CARD, "", link)
        driver.open(within())
        assert driver.capabilities().identifier == name
        driver.close()
        driver.close()
    other = PcscCardReader("pcsc:ACS")
    with pytest.raises(NotReady, match="noDevice"):
        other.open(within())
    other.close()


def test_a_lane_tells_a_loss_and_a_return_once(card_rig):
    news: list[str] = []
    lane = DeviceLane(
        "card",
        lambda: PcscCardReader(card_rig.link),
        kind=DeviceKind.CARD,
        on_status=lambda status: news.append(status.code or status.device.value),
        poll_s=0.1,
    ).start()
    try:
        wait_until(lambda: news == ["online"], "the reader")
        card_rig.host.stop()
        wait_until(lambda: len(news) > 1, "the loss")
        card_rig.host.start()
        wait_until(lambda: len(news) > 2, "the return")
    finally:
        assert lane.stop()
    assert news == ["online", "noService", "online"]
