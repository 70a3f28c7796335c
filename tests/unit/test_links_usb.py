"""USB devices through pyusb over a bus that stands below it, and HID devices through hidapi's own border."""

from __future__ import annotations

import errno
from collections.abc import Callable
from datetime import date

import pytest

from devices.api import NotReady, TimedOut, WireFault
from devices.drivers.reader_samv import SamvReader
from devices.drivers.samv_line import USB_IDS, HidLine, UsbLine
from devices.links import open_packets
from devices.links.hid import HidEndpoints, open_hid
from devices.links.packets import PacketLink
from devices.links.usb import open_usb
from devices.sim.people import people
from devices.sim.reader_far_end import FarEnd
from devices.wire import samv, samv_hid
from devices.wire.samv_hid import Told
from tests.fixtures.reader import within
from tests.fixtures.usb_bus import Bus

FIND = samv.encode_request(samv.Request(samv.Command.FIND))
SPLIT, WHOLE = (0x02, 0x81, 0x06, 0x85), (0x02, 0x81)


def line_on(bus: Bus) -> UsbLine:
    return UsbLine(PacketLink("usb:auto", lambda: open_usb(USB_IDS, backend=bus)))


def reader_on(line: UsbLine | HidLine) -> SamvReader:
    """Return the driver on a line that its address cannot name: a bus inside this process."""
    return SamvReader("usb:auto", lines=(line,))


@pytest.mark.parametrize(("endpoints", "framing"), [(SPLIT, "split"), (WHOLE, "whole")])
def test_a_card_is_read_through_pyusb(endpoints, framing):
    bus = Bus(endpoints)
    card = people(date.today())["permanent"].card
    reader = reader_on(line_on(bus))
    reader.open(within())
    bus.put(card)
    assert reader.read(within()) == card
    assert reader.capabilities().line == f"usb {framing}"
    assert f"usb_{framing}" in reader.capabilities().provisional
    assert (bus.claimed, bus.is_configured, bus.is_held_by_kernel, bus.opened) == ({1}, True, False, 1)
    reader.close()
    assert (bus.claimed, bus.opened) == (set(), 0)


@pytest.mark.parametrize("ids", USB_IDS)
def test_each_usual_id_is_found(ids):
    line = line_on(Bus(WHOLE, ids))
    line.open()
    line.close()


def test_a_device_is_picked_by_its_serial_number():
    bus = Bus(WHOLE, serial="A17")
    open_usb(USB_IDS, "A17", backend=bus).close()
    with pytest.raises(NotReady, match="noDevice"):
        open_usb(USB_IDS, "A18", backend=bus)
    assert bus.opened == 0
    with pytest.raises(NotReady, match="noDevice"):
        open_usb(USB_IDS, "A17", backend=Bus(WHOLE))


def test_a_device_pulled_out_is_no_device_and_comes_back():
    bus = Bus(SPLIT)
    reader = reader_on(line_on(bus))
    reader.open(within())
    bus.is_plugged = False
    with pytest.raises(NotReady, match="noDevice"):
        reader.read(within())
    assert reader.status(within()).code == "noDevice"
    reader.close()
    with pytest.raises(NotReady, match="noDevice"):
        reader.open(within())
    bus.is_plugged, bus.is_configured = True, False
    reader.open(within())
    assert reader.status(within()).is_ready
    reader.close()


def test_a_device_that_another_program_has_is_no_device():
    bus = Bus(SPLIT)
    bus.is_anothers = True
    with pytest.raises(NotReady, match="noDevice"):
        line_on(bus).open()
    assert bus.opened == 0


@pytest.mark.parametrize("endpoints", [(0x02,), (0x81, 0x82), ()])
def test_a_device_without_ways_in_and_out_is_none(endpoints):
    with pytest.raises(NotReady, match="no bulk endpoints"):
        line_on(Bus(endpoints)).open()


def test_a_device_with_three_ways_is_no_reader():
    bus = Bus((0x02, 0x81, 0x82))
    with pytest.raises(WireFault, match="usb_endpoints"):
        line_on(bus).open()
    assert bus.opened == 0


def test_more_than_was_asked_for_is_a_wire_fault():
    bus = Bus(WHOLE)
    ends = open_usb(USB_IDS, backend=bus)
    bus.error = errno.EOVERFLOW
    with pytest.raises(WireFault, match="overflow"):
        ends.read(0x81, 64, 0.1)
    bus.error = errno.EPIPE
    with pytest.raises(NotReady, match="noDevice"):
        ends.write(0x02, FIND, 0.1)
    bus.error = errno.ETIMEDOUT
    ends.close()


def test_no_device_at_all_is_not_ready_through_the_real_libraries():
    for link in ("usb:FFFF:FFFF", "hid:FFFF:FFFF?serial=none"):
        with pytest.raises(NotReady, match="noDevice"):
            open_packets(link).open()


def test_a_bus_that_is_not_there_is_not_ready(tmp_path):
    with pytest.raises(NotReady, match="noDevice"):
        open_packets(f"usb:pipe:{tmp_path / 'bus'}").open()


# ── HID ────────────────────────────────────────────────────────────────────────────────────


class Reports:
    """What hidapi's device offers, with a reader behind it: reports go in with their number in front."""

    def __init__(self) -> None:
        self.far_end = FarEnd()
        self.waiting: list[bytes] = []
        self.is_plugged = True
        self.spoil: Callable[[list[bytes]], list[bytes]] = list  # what the cable makes of one answer's reports
        self._decoder = samv.Decoder()

    def write(self, data: bytes) -> int:
        if not self.is_plugged:
            return -1
        command, frame = samv_hid.decode_ask(data[1:])
        assert (data[0], command, len(data)) == (0, samv_hid.ID_CARD, 65)
        for payload in self._decoder.feed(frame):
            said = self.far_end.answer(samv.decode_request(payload)).answer
            assert said is not None
            answer = samv.encode_answer(said)
            pieces = [answer[at : at + 54] for at in range(0, len(answer), 54)]
            reports = [samv_hid.encode_tell(Told(number, piece)) for number, piece in enumerate(pieces)]
            spoil = self.spoil
            if len(reports) > 1:
                self.spoil = list
            self.waiting += spoil(reports) if len(reports) > 1 else reports
        return len(data)

    def read(self, size: int, timeout_ms: int) -> list[int]:
        if not self.is_plugged:
            raise OSError("read error")
        assert timeout_ms > 0
        return list(self.waiting.pop(0)) if self.waiting else []

    def close(self) -> None:
        self.is_plugged = False


def hid_line(reports: Reports) -> HidLine:
    return HidLine(PacketLink("hid:auto", lambda: HidEndpoints(reports)))


def test_a_card_is_read_through_reports():
    reports = Reports()
    reader = reader_on(hid_line(reports))
    reader.open(within())
    card = people(date.today())["foreigner"].card
    reports.far_end.put(card)
    assert reader.read(within()) == card
    assert (reader.capabilities().line, "hid" in reader.capabilities().provisional) == ("hid", True)
    reports.is_plugged = False
    assert reader.status(within()).code == "noDevice"
    with pytest.raises(NotReady, match="noDevice"):
        reader.read(within())
    reader.close()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda reports: [*reports[:5], reports[5][:20] + b"\x5a" + reports[5][21:], *reports[6:]],
        lambda reports: reports[:-1],
        lambda reports: [*reports[:3], *reports[4:]],
        lambda reports: [*reports[:3], reports[3], *reports[3:]],
        lambda reports: [reports[1], reports[0], *reports[2:]],
        lambda reports: [bytes(64), *reports],
        lambda reports: [report[:40] for report in reports],
    ],
    ids=["changed", "last lost", "one lost", "one twice", "out of order", "a strange one", "short"],
)
def test_an_answer_whose_reports_were_disturbed_is_asked_for_once_more(spoil):
    reports = Reports()
    reader = reader_on(hid_line(reports))
    reader.open(within())
    card = people(date.today())["permanent"].card
    reports.far_end.put(card)
    reports.spoil = spoil
    assert reader.read(within()) == card
    assert reports.far_end.asked.count(samv.Command.READ_FINGERPRINT) == 2


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (Told(1, b"late"), "hid_packet"),
        (Told(0, b"", 5), "hid_result"),
    ],
)
def test_a_report_out_of_order_ends_its_answer_and_the_rest_is_thrown_away(wrong, code):
    reports = Reports()
    line = hid_line(reports)
    line.open()
    reports.waiting += [samv_hid.encode_tell(wrong), *(samv_hid.encode_tell(Told(n, b"x")) for n in range(1, 9))]
    with pytest.raises(WireFault, match=code):
        line.read(64, within())
    assert reports.waiting == []
    line.write(FIND, within())
    assert line.drain() != b""
    with pytest.raises(TimedOut):
        line.read(64, within(0.05))
    line.close()


def test_a_request_too_long_for_a_report_is_refused():
    line = hid_line(Reports())
    line.open()
    with pytest.raises(WireFault, match="hid_long"):
        line.write(bytes(57), within())


def test_the_real_hidapi_knows_no_such_device():
    with pytest.raises(NotReady, match="no such HID device"):
        open_hid(((0xFFFF, 0xFFFF),))
