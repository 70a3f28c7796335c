"""What is attached: each probe asks one bus with harmless questions, within a deadline, and names what it saw and why.

Nothing here moves paper, switches a lamp or reads a card. A probe never raises: what it could not do is a sight too.
A further bus is one module here and one line in PROBES.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import StrEnum
from importlib import import_module

import msgspec

from devices.api import DeviceKind
from devices.registry import DEFAULTS


class Seen(StrEnum):
    """What became of one place."""

    FOUND = "found"  # a device that a driver of ours can use
    UNUSED = "unused"  # something is there that no driver of ours uses
    HELD = "held"  # another program has it: not touched
    MUTE = "mute"  # nobody answers what we ask
    HANGS = "hangs"  # it did not even give the port back in time
    ABSENT = "absent"  # nothing there, or the bus itself is not served


class Sight(msgspec.Struct, frozen=True):
    """One place that was looked at. `why` is what was seen there, in one sentence for the technician."""

    where: str
    seen: Seen
    why: str
    kind: DeviceKind | None = None
    driver: str = ""
    link: str = ""
    identifier: str = ""


class Scope(msgspec.Struct, frozen=True):
    """Where to look. `ports` are looked at besides those of the machine, or alone when `is_alone`."""

    ports: tuple[str, ...] = ()
    is_alone: bool = False
    patience: float = 1.0  # times what an answer may take; more for a slow machine
    root: str = "/"  # where /sys, /proc and /dev hang


Probe = Callable[[Scope], tuple[Sight, ...]]

PROBES: dict[str, str] = {  # imported only when asked
    "serial": "devices.discovery.serial_ports:find_serial",
    "pcsc": "devices.discovery.pcsc:find_pcsc",
    "usb": "devices.discovery.usb:find_usb",
    "v4l2": "devices.discovery.video:find_video",
    "cups": "devices.discovery.spoolers:find_cups",
    "sane": "devices.discovery.spoolers:find_sane",
}
LONGEST_S = 25.0  # SANE asks the network too; everything else is far quicker


def find_devices(scope: Scope) -> tuple[Sight, ...]:
    """Return everything that was seen, bus by bus. All buses are asked at once; one that hangs is named and left."""
    from devices.discovery import spoolers  # it needs what stands below

    names = ("serial",) if scope.is_alone else tuple(PROBES)
    found: dict[str, tuple[Sight, ...]] = {}

    def ask(name: str) -> None:
        module, _, function = PROBES[name].partition(":")
        try:
            found[name] = getattr(import_module(module), function)(scope)
        except Exception as error:  # one bus must not hide the others
            found[name] = (Sight(name, Seen.ABSENT, f"the probe itself failed: {type(error).__name__}"),)

    threads = {name: threading.Thread(target=ask, args=(name,), name=f"probe {name}", daemon=True) for name in names}
    try:
        for thread in threads.values():
            thread.start()
        for thread in threads.values():
            thread.join(LONGEST_S * scope.patience)
    finally:  # also when somebody interrupts us
        spoolers.end_programs()
    spoolers.allow_programs()  # whoever looks next; after an interruption nobody does
    late = (Sight("", Seen.HANGS, "did not answer in time"),)
    return tuple(sight for name in names for sight in found.get(name, (msgspec.structs.replace(late[0], where=name),)))


def found_as(kind: DeviceKind, link: str, where: str, why: str, identifier: str = "") -> Sight:
    """Return the sight of a device: found where a driver of ours uses such a link, else unused."""
    driver = DEFAULTS.get((kind, link.partition(":")[0]), "")
    if not driver:
        return Sight(where, Seen.UNUSED, f"{why}; no driver for it here", kind, identifier=identifier)
    return Sight(where, Seen.FOUND, why, kind, driver, link, identifier)
