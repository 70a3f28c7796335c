"""The drivers by name. A driver's module is imported only when its device is made."""

from __future__ import annotations

from importlib import import_module
from typing import Any, cast

from devices.api import Device, DeviceKind

DRIVERS: dict[str, str] = {
    "reader-samv": "devices.drivers.reader_samv:SamvReader",
    "camera-http": "devices.drivers.camera_http:HttpCamera",
    "camera-folder": "devices.drivers.camera_folder:FolderCamera",
    "printer-escpos": "devices.drivers.printer_escpos:EscposPrinter",
}

# which driver a link means when configuration names none: (device kind, link kind)
DEFAULTS: dict[tuple[DeviceKind, str], str] = {
    (DeviceKind.READER, "serial"): "reader-samv",
    (DeviceKind.READER, "tcp"): "reader-samv",
    (DeviceKind.READER, "pipe"): "reader-samv",
    (DeviceKind.CAMERA, "http"): "camera-http",
    (DeviceKind.CAMERA, "folder"): "camera-folder",
    (DeviceKind.PRINTER, "serial"): "printer-escpos",
    (DeviceKind.PRINTER, "tcp"): "printer-escpos",
    (DeviceKind.PRINTER, "pipe"): "printer-escpos",
}


def load_driver(name: str) -> type[Any]:
    """Return the class of the driver called `name`. Raises: ValueError naming the drivers there are."""
    if name not in DRIVERS:
        raise ValueError(f"driver {name!r}: allowed are {', '.join(sorted(DRIVERS))}")
    module, _, cls = DRIVERS[name].partition(":")
    return cast("type[Any]", getattr(import_module(module), cls))


def driver_for(kind: DeviceKind, address: str) -> str:
    """Return the driver a link means for this kind of device. Raises: ValueError naming the links that are allowed."""
    link_kind = address.partition(":")[0]
    found = DEFAULTS.get((kind, link_kind))
    if found is None:
        allowed = ", ".join(f"{link}:…" for of, link in sorted(DEFAULTS) if of is kind)
        raise ValueError(f"link {address!r}: for a {kind.value} allowed are {allowed}")
    return found


def make_device(kind: DeviceKind, driver: str, address: str, **options: object) -> Device:
    """Return a driver for the device at `address`, not yet opened. An empty `driver` means the link's usual one.

    Raises: ValueError for an unknown driver, one of another kind, or a link it cannot use.
    """
    name = driver or driver_for(kind, address)
    cls = load_driver(name)
    if cls.kind is not kind:
        raise ValueError(f"driver {name!r} is for a {cls.kind.value}, not for a {kind.value}")
    return cast("Device", cls(address, **options))
