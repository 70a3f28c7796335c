"""The reports of a USB HID device through hidapi, which is loaded only when a device is opened.

The module `hid` is hidapi over libusb: it takes the interface from the kernel and for itself, and keeps the last 30
reports that nobody has read yet. An answer of 2321 bytes is 43 reports, so a driver reads without a pause.
"""

from __future__ import annotations

from typing import Any

from devices.api import NotReady
from devices.links.descriptor import LOST
from devices.links.packets import Endpoints
from devices.links.usb import Ids

REPORTS: tuple[int, ...] = (0x01, 0x81)  # out and in; reports have no endpoint of their own at this border
UNNUMBERED = b"\0"  # hidapi wants the report's number first


def open_hid(ids: Ids, serial: str = "") -> Endpoints:
    """Return the reports of the first device there is. Raises: NotReady("noDevice")."""
    import hid

    for vendor, product in ids:
        if any(not serial or one["serial_number"] == serial for one in hid.enumerate(vendor, product)):
            device = hid.device()
            try:
                device.open(vendor, product, serial or None)
            except OSError as error:
                raise NotReady(LOST, "cannot be opened") from error
            return HidEndpoints(device)
    raise NotReady(LOST, "no such HID device")


class HidEndpoints:
    """Reports out and in."""

    addresses = REPORTS

    def __init__(self, device: Any) -> None:
        """Take an opened hidapi device."""
        self._device = device

    def write(self, endpoint: int, data: bytes, timeout_s: float) -> None:
        """Send one report; hidapi has no time limit for that, the kernel's is 5 s. Raises: NotReady."""
        try:
            sent = self._device.write(UNNUMBERED + data)
        except (OSError, ValueError) as error:
            raise NotReady(LOST, "write") from error
        if sent < 0:
            raise NotReady(LOST, "write")

    def read(self, endpoint: int, size: int, timeout_s: float) -> bytes:
        """Return one report, or nothing. Raises: NotReady."""
        try:
            return bytes(self._device.read(size, max(1, int(timeout_s * 1000))))
        except (OSError, ValueError) as error:  # ValueError: closed under us
            raise NotReady(LOST, "read") from error

    def close(self) -> None:
        """Give the device back."""
        self._device.close()
