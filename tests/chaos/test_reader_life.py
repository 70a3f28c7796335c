"""A reader that lives long: many reads, many pullings of the cable; nothing grows and nothing is left behind."""

from __future__ import annotations

import gc
import queue
import random
import threading
import tracemalloc
from datetime import date
from pathlib import Path

import pytest
from msgspec.structs import replace

from devices.api import DeviceError, DeviceKind, DeviceState, NotReady
from devices.drivers.reader_samv import SamvReader
from devices.lane import DeviceLane
from devices.registry import make_device
from devices.sim.control import spawn
from devices.sim.people import people
from devices.sim.reader_far_end import Fault
from tests.chaos.disk import report, rounds
from tests.fixtures.reader import QUICK, wait_until, within

READS = rounds(120, 3000)
PULLS = rounds(2, 40)
FAULTS = rounds(12, 300)
KEYS = ("elder", "father", "permanent", "foreigner", "child")


class Replies:
    """What the lane answers, to be waited for."""

    def __init__(self) -> None:
        self._came: queue.SimpleQueue[object] = queue.SimpleQueue()

    def put(self, turn: int, value: object) -> None:
        self._came.put(value)

    def get(self, timeout: float) -> object:
        return self._came.get(timeout=timeout)


def open_files() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


@pytest.mark.parametrize("wire", [("--tcp", "--baud", "0"), ("--usb", "split"), ("--hid",)], ids=["tcp", "usb", "hid"])
def test_many_reads_hold_no_more_memory_than_few(tmp_path, wire):
    with spawn("reader", *wire, "--put", "elder", folder=tmp_path) as far:
        reader = SamvReader(far.link, **QUICK)
        reader.open(within())
        card = reader.read(within())
        tracemalloc.start()
        try:
            for _ in range(20):
                reader.read_record(within())
            gc.collect()
            before, _ = tracemalloc.get_traced_memory()
            for _ in range(READS):
                assert reader.read_record(within()) == card
            gc.collect()
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
            reader.close()
    assert after - before < 64 * 1024
    report(f"chaos reader {wire[0]}: {READS} reads, {(after - before) / 1024:.0f} KiB grown")


@pytest.mark.parametrize("wire", [(), ("--usb", "whole"), ("--hid",)], ids=["serial", "usb", "hid"])
def test_a_reader_pulled_and_plugged_again_is_lost_and_found_once_each(tmp_path: Path, wire):
    name = tmp_path / "reader"
    states: list[DeviceState] = []
    replies = Replies()
    with spawn("reader", *wire, "--symlink", str(name), folder=tmp_path) as far:
        threads = threading.active_count()
        files = open_files()
        lane = DeviceLane(
            "reader-samv",
            lambda: make_device(DeviceKind.READER, "", far.link, **QUICK),
            kind=DeviceKind.READER,
            on_status=lambda status: states.append(status.device),
            poll_s=0.05,
        ).start()
        wait_until(lambda: states == [DeviceState.ONLINE], "the reader")
        for round_ in range(1, PULLS + 1):
            lane.call(round_, lambda reader, deadline: reader.read(deadline), 60, replies.put)
            wait_until(lambda: "2001" in far.control.call("asked"), "the question for a card")
            far.kill()
            assert isinstance(replies.get(timeout=45), NotReady)
            wait_until(lambda: states[-1] is DeviceState.NO_DEVICE, "the loss")
            far.start_again()
            wait_until(lambda: states[-1] is DeviceState.ONLINE, "the return")
            assert states == [DeviceState.ONLINE, *(DeviceState.NO_DEVICE, DeviceState.ONLINE) * round_]
        assert lane.stop()
        assert threading.active_count() <= threads  # what another test left may have ended meanwhile
        assert open_files() <= files
    report(f"chaos reader {(wire or ('serial',))[0]}: {PULLS} pulls, each told once, none left behind")


@pytest.mark.parametrize("wire", [("--tcp", "--baud", "0"), ("--usb", "split"), ("--hid",)], ids=["tcp", "usb", "hid"])
def test_whatever_strikes_a_card_is_read_right_or_not_at_all(tmp_path, wire):
    dice = random.Random(4)
    right = refused = 0
    with spawn("reader", *wire, folder=tmp_path) as far:
        reader = SamvReader(far.link, **QUICK)
        reader.open(within())
        for _ in range(FAULTS):
            fault, key = dice.choice(list(Fault)), dice.choice(KEYS)
            on = dice.choice(["find", "select", "read", "addresses", "status"])
            far.control.call("fault", fault=fault.value, on=on, times=dice.choice([1, 1, 2, 3]))
            far.control.call("put", card=key)
            try:
                card = reader.read(within(8))
            except DeviceError:
                refused += 1
            else:
                assert replace_lost(card, key) == people(date.today())[key].card
                right += 1
            far.control.call("mend")
            far.control.call("take")
        reader.close()
    assert right + refused == FAULTS
    assert right
    report(f"chaos reader {wire[0]}: {FAULTS} faults, {right} cards right, {refused} refused, none wrong")


def replace_lost(card, key):
    """Return the card with its appended addresses, where the fault has cost them: a good card is not lost over them."""
    whole = people(date.today())[key].card
    return card if card.extra_addresses else replace(card, extra_addresses=whole.extra_addresses)
