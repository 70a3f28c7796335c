"""The ways to a SAM-V reader, all as one Link that carries whole frames: serial, TCP, USB bulk and USB HID."""

from __future__ import annotations

from devices.api import Deadline, DeviceError, Link, NotReady, TimedOut, WireFault
from devices.links import ALLOWED, open_link, open_packets
from devices.links.packets import PacketLink
from devices.wire import samv_hid
from devices.wire.samv_usb import PACKET, Ways, choose_ways, encode_transfers, next_transfer

SPEEDS = (115200, 57600, 38400, 19200, 9600)  # the order in which Routon's library looks
USB_IDS = ((0x0400, 0xC35A), (0x0483, 0x5652))
HID_IDS = ((0x10C4, 0x0007), (0x203B, 0x0101))
QUIET_S = 0.3  # silence after which nothing more belongs to an answer
MOST_REPORTS = 256  # of one answer; a reader that never stops talking is not one


def open_lines(address: str) -> tuple[Link, ...]:
    """Return the links to try, none opened: for a serial port the speed it names, then the others.

    Raises: ValueError naming what is allowed.
    """
    kind = address.partition(":")[0]
    if kind == "usb":
        return (UsbLine(open_packets(address, USB_IDS)),)
    if kind == "hid":
        return (HidLine(open_packets(address, HID_IDS)),)
    if kind not in ("serial", "tcp", "pipe"):
        raise ValueError(f"link {address!r}: allowed are {ALLOWED}, usb:VID:PID or hid:VID:PID")
    first = open_link(address)  # refuses a speed that is none
    if kind != "serial":
        return (first,)
    path, _, query = address.partition("?")
    named = int(query.removeprefix("baud=")) if query else SPEEDS[0]
    return (first, *(open_link(f"{path}?baud={speed}") for speed in SPEEDS if speed != named))


def describe_line(link: Link) -> str:
    """Return how the reader is spoken to, for the technician: `57600 baud`, `usb split`, `hid`, `tcp`."""
    if isinstance(link, UsbLine):
        return f"usb {link.framing}"
    kind, _, rest = link.address.partition(":")
    baud = rest.partition("?baud=")[2]
    return f"{baud or SPEEDS[0]} baud" if kind == "serial" else kind


class UsbLine:
    """Frames over bulk endpoints, split or whole as the device's endpoints tell."""

    def __init__(self, packets: PacketLink) -> None:
        """Take the packets; the framing is known once they are open."""
        self._packets = packets
        self._ways: Ways | None = None
        self._heard = b""  # of the answer under way

    @property
    def address(self) -> str:
        """Return the link as written in configuration."""
        return self._packets.address

    @property
    def framing(self) -> str:
        """Return the framing of the opened device; empty before."""
        return self._ways.framing.value if self._ways else ""

    def open(self) -> None:
        """Take the device. Raises: NotReady, WireFault("usb_endpoints") for a device that cannot be a reader."""
        self._packets.open()
        try:
            self._ways = choose_ways(self._packets.endpoints)
        except DeviceError:
            self._packets.close()
            raise

    def close(self) -> None:
        """Give the device back; closing twice is harmless."""
        self._ways = None
        self._packets.close()

    def write(self, data: bytes, deadline: Deadline) -> None:
        """Send one frame. Raises: NotReady, TimedOut, Cancelled."""
        self._heard = b""
        for endpoint, part in encode_transfers(data, self._opened()):
            self._packets.send(endpoint, part, deadline)

    def read(self, limit: int, deadline: Deadline) -> bytes:
        """Return what comes next of an answer. Raises: NotReady, TimedOut, Cancelled, WireFault."""
        endpoint, size = next_transfer(self._heard, self._opened())
        data = self._packets.receive(endpoint, size, deadline)
        self._heard += data
        return data

    def drain(self) -> bytes:
        """Return what has arrived already on any endpoint. Raises: NotReady, WireFault."""
        found = b""
        for endpoint in self._opened().ins:
            while len(found) < MOST_REPORTS * PACKET and (data := self._packets.take(endpoint, PACKET)):
                found += data
        return found

    def _opened(self) -> Ways:
        if self._ways is None:
            raise NotReady("noDevice", "not open")
        return self._ways


class HidLine:
    """Frames inside HID reports."""

    def __init__(self, packets: PacketLink) -> None:
        """Take the packets, whose first endpoint goes out and whose last comes in."""
        self._packets = packets
        self._awaited = 0  # the number of the next piece

    @property
    def address(self) -> str:
        """Return the link as written in configuration."""
        return self._packets.address

    def open(self) -> None:
        """Take the device. Raises: NotReady."""
        self._packets.open()

    def close(self) -> None:
        """Give the device back; closing twice is harmless."""
        self._packets.close()

    def write(self, data: bytes, deadline: Deadline) -> None:
        """Send one frame. Raises: NotReady, TimedOut, Cancelled, WireFault if it does not fit a report."""
        self._awaited = 0
        self._packets.send(self._packets.endpoints[0], samv_hid.encode_ask(data), deadline)

    def read(self, limit: int, deadline: Deadline) -> bytes:
        """Return the next piece of an answer.

        Raises: NotReady, TimedOut, Cancelled; WireFault when a report is wrong or missing, after the rest of its answer
        was heard out.
        """
        endpoint = self._packets.endpoints[-1]
        try:
            told = samv_hid.decode_tell(self._packets.receive(endpoint, samv_hid.REPORT, deadline))
            if told.result:
                raise WireFault("hid_result", f"{told.result:02x}")
            if told.number != self._awaited:
                raise WireFault("hid_packet", f"{told.number}")
        except WireFault:
            self._hear_out(deadline)
            raise
        self._awaited += 1
        return told.data

    def drain(self) -> bytes:
        """Return the reports that have arrived already. Raises: NotReady."""
        found = b""
        while len(found) < MOST_REPORTS * samv_hid.REPORT and (data := self._taken()):
            found += data
        return found

    def _taken(self) -> bytes:
        return self._packets.take(self._packets.endpoints[-1], samv_hid.REPORT)

    def _hear_out(self, deadline: Deadline) -> None:
        """Throw away what still comes, so that it is never taken for the next answer. Raises: NotReady, Cancelled."""
        for _ in range(MOST_REPORTS):
            try:
                quiet = Deadline(min(QUIET_S, deadline.left_s()), deadline.cancelled)
                self._packets.receive(self._packets.endpoints[-1], samv_hid.REPORT, quiet)
            except TimedOut:
                return
