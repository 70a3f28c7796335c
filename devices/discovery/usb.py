"""USB devices by vendor and product, as the kernel lists them; nothing is sent to any."""

from __future__ import annotations

from pathlib import Path

import msgspec

from devices.api import DeviceKind
from devices.discovery import Scope, Seen, Sight, found_as

PRINTER_CLASS = "07"
CARD_CLASS = "0b"  # CCID: served by pcscd


class Model(msgspec.Struct, frozen=True):
    """What a vendor and product number means to us. Source: reference/devices.md §4.7, unnamed sources."""

    kind: DeviceKind
    link: str  # its kind; the rest is vendor and product
    name: str


READERS: dict[tuple[str, str], Model] = {
    ("0400", "c35a"): Model(DeviceKind.READER, "usb", "SAM-V reader, USB bulk"),
    ("0483", "5652"): Model(DeviceKind.READER, "usb", "SAM-V reader, USB bulk"),
    ("10c4", "0007"): Model(DeviceKind.READER, "hid", "SAM-V reader, HID"),
    ("203b", "0101"): Model(DeviceKind.READER, "hid", "SAM-V reader, HID"),
}


def find_usb(scope: Scope) -> tuple[Sight, ...]:
    """Return the devices we know by their numbers or their class; hubs, keyboards and their like are left out."""
    folder = Path(scope.root) / "sys/bus/usb/devices"
    if not folder.is_dir():
        return (Sight("usb", Seen.ABSENT, "the kernel lists no USB devices"),)
    sights = []
    for device in sorted(folder.iterdir()):
        vendor, product = _word(device / "idVendor").lower(), _word(device / "idProduct").lower()
        if vendor and product:
            sights += _of(device, vendor, product)
    return tuple(sights)


def _of(device: Path, vendor: str, product: str) -> list[Sight]:
    where = f"usb {device.name} {vendor}:{product}"
    name = " ".join(filter(None, (_word(device / "manufacturer"), _word(device / "product"))))
    serial = _word(device / "serial")
    model = READERS.get((vendor, product))
    if model is not None:
        return [found_as(model.kind, f"{model.link}:{vendor}:{product}", where, f"{model.name} {name}".strip(), serial)]
    classes = {_word(one / "bInterfaceClass").lower() for one in device.glob(f"{device.name}:*")}
    if PRINTER_CLASS in classes:
        why = f"a printer {name}".strip() + ": give it a CUPS queue, or name its /dev/usb/lp node"
        return [Sight(where, Seen.UNUSED, why, DeviceKind.PRINTER, identifier=serial)]
    if CARD_CLASS in classes:
        why = f"a chip card reader {name}".strip() + ": served by pcscd, see there"
        return [Sight(where, Seen.UNUSED, why, DeviceKind.CARD, identifier=serial)]
    return []


def _word(path: Path) -> str:
    """Return one attribute; "" where there is none. Names come from outside: no control characters."""
    try:
        text = path.read_text("utf-8", errors="replace").strip()[:80]
    except OSError:
        return ""
    return "".join(one for one in text if one.isprintable())
