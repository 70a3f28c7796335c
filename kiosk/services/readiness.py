"""Whether an item can be brought to its end here and now: the item's needs held against the terminal's health.

One function for every screen: what is not ready is grey with the reason before the person starts, not after.
"""

from __future__ import annotations

import msgspec

from devices.api import NEEDED, DeviceKind, DeviceState
from kiosk.services.catalogue import ServiceItem
from kiosk.services.materials import always_laid_down, perhaps_laid_down
from kiosk.station.failures import failure_of
from kiosk.station.health import ALARMS, BARRED, Station

Kinds = tuple[DeviceKind, ...]

# Which devices fulfil a need: any one of a tuple does, the first gives the reason. A further device slots in here.
CARDS: dict[str, Kinds] = {  # by identity level of the catalogue
    "card": (DeviceKind.READER,),
    "card_face": (DeviceKind.READER,),
    "card_or_manual": (DeviceKind.READER,),
}
PAPERS: Kinds = (DeviceKind.CAMERA,)
STEPS: dict[str, Kinds] = {"print": (DeviceKind.DOCUMENT_PRINTER,)}  # by step of `kiosk_flow`


class Readiness(msgspec.Struct, frozen=True):
    """Whether an item can be begun. `text` is the reason's key, "" when it is ready.

    `perhaps` is the key of what some situations of the item will lack; it stops nobody who is in another one.
    """

    text: str = ""
    perhaps: str = ""

    @property
    def is_ready(self) -> bool:
        """Whether nothing stands in the way."""
        return not self.text


def needs_of(item: ServiceItem, is_known: bool = False) -> tuple[Kinds, ...]:
    """Return what every visit for the item needs, in the order it is met; `is_known` = the card was read already."""
    needs: list[Kinds] = []
    for step in item.kiosk_flow:
        if item.step_conditions.get(step):
            continue
        if step == "identify" and not is_known and str(item.identity_level) in CARDS:
            needs.append(CARDS[str(item.identity_level)])
        elif step == "materials" and always_laid_down(item):
            needs.append(PAPERS)
        elif step in STEPS:
            needs.append(STEPS[step])
    return tuple(needs)


def perhaps_needs_of(item: ServiceItem) -> tuple[Kinds, ...]:
    """Return what a visit for the item needs in some situations and not in others."""
    asks = "materials" in item.kiosk_flow and perhaps_laid_down(item)
    return (PAPERS,) if asks and PAPERS not in needs_of(item) else ()


def readiness_of(item: ServiceItem, station: Station, is_known: bool = False) -> Readiness:
    """Return whether the item can be begun here and now, or the first thing that stands in its way.

    The order is that of how far it reaches: the whole terminal, the line, then the devices as the visit meets them.
    """
    if station.pause in BARRED:
        return Readiness("guide.out_of_service")
    if station.is_battery_low:
        return Readiness("failures.battery_low")
    if not station.is_online and item.offline.mode == "online_only":
        return Readiness("home.needs_network")
    if not station.queue.is_accepting:
        return Readiness("failures.disk_full")
    for kinds in needs_of(item, is_known):
        if reason := lack_of(station, kinds):
            return Readiness(reason)
    perhaps = next((reason for kinds in perhaps_needs_of(item) if (reason := lack_of(station, kinds))), "")
    return Readiness(perhaps=perhaps)


def lack_of(station: Station, kinds: Kinds) -> str:
    """Return why none of the devices can be counted on, as a text's key; "" when one can."""
    if any(station.has(kind) for kind in kinds):
        return ""
    states = [station.devices[kind].device for kind in kinds if kind in station.devices]
    if DeviceState.STARTING in states:
        return "readiness.starting"
    code = station.devices[kinds[0]].code if kinds[0] in station.devices else "not_configured"
    return failure_of("", code, kinds[0].value.capitalize()).text


def told_of(station: Station, item: ServiceItem | None) -> str:
    """Return the key of what everybody who stands here should know: the first device away that matters to them.

    A device that no terminal must have is told only to who is at an item that needs it.
    """
    wanted = (*((kind,) for kind in NEEDED), *(needs_of(item) if item is not None else ()))
    for kinds in dict.fromkeys(wanted):
        lack = lack_of(station, kinds)
        if lack and lack != "readiness.starting":
            return lack
    word, code = station.device_fault(DeviceKind.AUXILIARIES)
    return failure_of("", code, word).text if code in ALARMS else ""  # door, power and tampering concern everybody
