"""The bulk endpoints of a USB device through libusb. pyusb is loaded only when a device is opened."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from typing import Any

from devices.api import NotReady, TimedOut, WireFault
from devices.links.descriptor import LOST
from devices.links.packets import Endpoints

Ids = tuple[tuple[int, int], ...]  # vendor and product, the usual one first


def open_usb(ids: Ids, serial: str = "", backend: Any = None) -> Endpoints:
    """Return the bulk endpoints of the first device there is, taken for ourselves.

    Raises: NotReady("noDevice") when there is none, it is another's, or libusb is missing.
    """
    import usb.core
    import usb.util

    try:
        for device in _devices(ids, serial, backend):
            try:
                return UsbEndpoints(device)
            except (usb.core.USBError, NotImplementedError, NotReady):
                usb.util.dispose_resources(device)
                raise
    except usb.core.NoBackendError as error:
        raise NotReady(LOST, "libusb is not installed") from error
    except (usb.core.USBError, NotImplementedError) as error:  # busy, no permission, gone meanwhile
        raise NotReady(LOST, str(getattr(error, "strerror", "") or "cannot be opened")) from error
    raise NotReady(LOST, "no such USB device")


def _devices(ids: Ids, serial: str, backend: Any) -> Iterator[Any]:
    import usb.core
    import usb.util

    for vendor, product in ids:
        for device in usb.core.find(find_all=True, backend=backend, idVendor=vendor, idProduct=product):
            if not serial or _serial_of(device) == serial:
                yield device
            else:
                usb.util.dispose_resources(device)  # it was opened to be asked its number


def _serial_of(device: Any) -> str:
    """Return a device's serial number; one that cannot be asked has none."""
    import usb.core

    try:
        return str(device.serial_number or "")
    except (usb.core.USBError, ValueError):
        return ""


class UsbEndpoints:
    """The first interface with bulk endpoints both ways."""

    def __init__(self, device: Any) -> None:
        """Take the interface from the kernel and for ourselves. Raises: usb.core.USBError, NotReady."""
        import usb.core
        import usb.util

        self._device = device
        self._errors = usb.core
        self._util = usb.util
        try:
            configuration = device.get_active_configuration()
        except usb.core.USBError:  # nobody has configured it yet
            device.set_configuration()
            configuration = device.get_active_configuration()
        for interface in configuration:
            bulk = [
                one.bEndpointAddress
                for one in interface
                if usb.util.endpoint_type(one.bmAttributes) == usb.util.ENDPOINT_TYPE_BULK
            ]
            if any(one & 0x80 for one in bulk) and not all(one & 0x80 for one in bulk):
                self._interface = int(interface.bInterfaceNumber)
                self.addresses = tuple(int(one) for one in bulk)
                break
        else:
            raise NotReady(LOST, "no bulk endpoints")
        with contextlib.suppress(NotImplementedError):  # only Linux has drivers to detach
            if device.is_kernel_driver_active(self._interface):
                device.detach_kernel_driver(self._interface)
        usb.util.claim_interface(device, self._interface)

    def write(self, endpoint: int, data: bytes, timeout_s: float) -> None:
        """Send one transfer. Raises: NotReady, TimedOut."""
        try:
            self._device.write(endpoint, data, _ms(timeout_s))
        except self._errors.USBTimeoutError as error:
            raise TimedOut("write") from error
        except self._errors.USBError as error:
            raise NotReady(LOST, error.strerror or "") from error

    def read(self, endpoint: int, size: int, timeout_s: float) -> bytes:
        """Return one transfer, or nothing. Raises: NotReady, WireFault("overflow")."""
        try:
            return bytes(self._device.read(endpoint, size, _ms(timeout_s)))
        except self._errors.USBTimeoutError:
            return b""
        except self._errors.USBError as error:
            if error.errno == errno.EOVERFLOW:  # more than a packet's worth: not the device we think
                raise WireFault("overflow") from error
            raise NotReady(LOST, error.strerror or "") from error

    def close(self) -> None:
        """Give the interface and the handle back."""
        with contextlib.suppress(self._errors.USBError):  # it may be gone
            self._util.release_interface(self._device, self._interface)
        self._util.dispose_resources(self._device)


def _ms(seconds: float) -> int:
    return max(1, int(seconds * 1000))  # 0 would mean for ever
