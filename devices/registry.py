"""The drivers by name. A driver's module is imported only when its device is made."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from typing import Any, cast

from devices.api import Device, DeviceKind

DRIVERS: dict[str, str] = {
    "reader-samv": "devices.drivers.reader_samv:SamvReader",
    "camera-http": "devices.drivers.camera_http:HttpCamera",
    "camera-folder": "devices.drivers.camera_folder:FolderCamera",
    "barcode-serial": "devices.drivers.barcode_serial:SerialBarcode",
    "scanner-sane": "devices.drivers.scanner_sane:SaneScanner",
    "camera-rtsp": "devices.drivers.camera_rtsp:RtspCamera",
    "camera-v4l2": "devices.drivers.camera_v4l2:V4l2Camera",
    "printer-escpos": "devices.drivers.printer_escpos:EscposPrinter",
    "printer-escpos-cups": "devices.drivers.printer_escpos_cups:CupsReceiptPrinter",
    "document-printer-cups": "devices.drivers.document_printer_cups:CupsDocumentPrinter",
    "auxiliaries-modbus": "devices.drivers.auxiliaries_modbus:ModbusAuxiliaries",
    "card-pcsc": "devices.drivers.card_pcsc:PcscCardReader",
}

# which driver a link means when configuration names none: (device kind, link kind)
DEFAULTS: dict[tuple[DeviceKind, str], str] = {
    (DeviceKind.READER, "serial"): "reader-samv",
    (DeviceKind.READER, "tcp"): "reader-samv",
    (DeviceKind.READER, "pipe"): "reader-samv",
    (DeviceKind.READER, "usb"): "reader-samv",
    (DeviceKind.READER, "hid"): "reader-samv",
    (DeviceKind.CAMERA, "http"): "camera-http",
    (DeviceKind.CAMERA, "folder"): "camera-folder",
    (DeviceKind.BARCODE, "serial"): "barcode-serial",
    (DeviceKind.BARCODE, "tcp"): "barcode-serial",
    (DeviceKind.BARCODE, "pipe"): "barcode-serial",
    (DeviceKind.SCANNER, "sane"): "scanner-sane",
    (DeviceKind.CAMERA, "rtsp"): "camera-rtsp",
    (DeviceKind.CAMERA, "v4l2"): "camera-v4l2",
    (DeviceKind.PRINTER, "serial"): "printer-escpos",
    (DeviceKind.PRINTER, "tcp"): "printer-escpos",
    (DeviceKind.PRINTER, "pipe"): "printer-escpos",
    (DeviceKind.PRINTER, "cups"): "printer-escpos-cups",
    (DeviceKind.DOCUMENT_PRINTER, "cups"): "document-printer-cups",
    (DeviceKind.AUXILIARIES, "serial"): "auxiliaries-modbus",
    (DeviceKind.AUXILIARIES, "tcp"): "auxiliaries-modbus",
    (DeviceKind.AUXILIARIES, "pipe"): "auxiliaries-modbus",
    (DeviceKind.CARD, "pcsc"): "card-pcsc",
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


def device_mistakes(
    kind: DeviceKind, driver: str, address: str, options: Mapping[str, object]
) -> Iterator[tuple[str, str]]:
    """Yield (key, text) of each value with which no such device could be made; nothing is opened.

    Keys are `driver`, `link` and `options.NAME`; a text is `value — what is allowed`.
    """
    try:
        name = driver or driver_for(kind, address)
    except ValueError as fault:
        yield "link", _as_mistake(address, fault)
        return
    if name not in DRIVERS or load_driver(name).kind is not kind:
        ours = sorted(one for one in DRIVERS if load_driver(one).kind is kind)
        yield "driver", f"{name!r} — a driver for a {kind.value}: {', '.join(ours)}"
        return
    cls = load_driver(name)
    wrong = tuple(_option_mistakes(cls, options))
    yield from wrong
    try:
        cls(address)
    except ValueError as fault:
        yield "link", _as_mistake(address, fault)
        return
    if wrong:
        return
    try:
        cls(address, **options)
    except ValueError as fault:  # a text that only the driver can read
        yield _named(options, fault)


# what configuration can set of a driver; all else in its signature is handed in by the program
_SETTABLE: dict[str, tuple[tuple[type, ...], str]] = {
    "float": ((int, float), "a number above 0 and at most {most}"),
    "int": ((int,), "a whole number above 0 and at most {most}"),
    "str": ((str,), "a text"),
    "bool": ((bool,), "true or false"),
}
LONGEST_S = 3600  # an option in seconds: nobody waits longer for a device
MOST = 1_000_000


def read_options(kind: DeviceKind, driver: str, address: str, texts: Mapping[str, str]) -> dict[str, object]:
    """Return options written on a command line as configuration would hold them; a text that fits no kind stays one."""
    name = driver or DEFAULTS.get((kind, address.partition(":")[0]), "")
    kinds = _option_kinds(load_driver(name)) if name in DRIVERS else {}
    return {option: _READ.get(kinds.get(option, ""), str)(text) for option, text in texts.items()}


def _number(text: str) -> object:
    with suppress(ValueError):
        return int(text)
    with suppress(ValueError):
        return float(text)
    return text


_READ: dict[str, Callable[[str], object]] = {
    "float": _number,
    "int": _number,
    "bool": lambda text: {"true": True, "false": False}.get(text, text),
}


def _option_kinds(cls: type[Any]) -> dict[str, str]:
    found = inspect.signature(cls).parameters.values()
    return {one.name: one.annotation for one in found if one.kind is one.KEYWORD_ONLY and one.annotation in _SETTABLE}


def _option_mistakes(cls: type[Any], options: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    kinds = _option_kinds(cls)
    for name, value in options.items():
        if name not in kinds:
            yield f"options.{name}", f"unknown key — known are {', '.join(kinds) or 'none'}"
            continue
        types, allowed = _SETTABLE[kinds[name]]
        most = LONGEST_S if name.endswith("_s") and not name.endswith("_per_s") else MOST
        is_kind = isinstance(value, types) and isinstance(value, bool) == (bool in types)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_kind or (is_number and not 0 < cast("float", value) <= most):  # nan is not above 0
            yield f"options.{name}", f"{value!r} — {allowed.format(most=most)}"


def _named(options: Mapping[str, object], fault: ValueError) -> tuple[str, str]:
    """Return (key, text) of a driver's refusal, which begins with the option's name; `options` where it names none."""
    text = str(fault)
    key, _, rest = text.partition(": ")
    if key.startswith("options."):
        return key, rest
    name = next((name for name in options if text.startswith(f"{name} ")), "")
    return (f"options.{name}", _as_mistake(options[name], fault)) if name else ("options", text)


def _as_mistake(value: object, fault: ValueError) -> str:
    """Return what a refusal says of a link or an option, as `value — what is allowed`."""
    _, _, allowed = str(fault).partition(f"{value!r}: ")
    return f"{value!r} — {allowed or fault}"
