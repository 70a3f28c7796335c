"""Prints what is not personal on A4: laid out on the work lane, printed on the printer's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from devices.api import Deadline, DeviceError, DeviceKind, DocumentPrinter, HardwareFault, NotReady
from kiosk.services.material_list import build_material_list
from kiosk.session import effects as ask
from kiosk.session import events as evt
from kiosk.session.parts import Parts
from kiosk.session.session import Session
from kiosk.station.health import Station

NO_TURN = -1  # a list that was asked for comes out, also when its reader has gone on to the next screen


def print_list(
    parts: Parts, session: Session, station: Station, effect: ask.PrintList, tell: Callable[[evt.Event], None]
) -> None:
    """Print the material list of the session's item; `tell` gets ListPrinted or ListFailed on the main thread."""
    item, lane = session.item, parts.lanes.get(DeviceKind.DOCUMENT_PRINTER)
    turn, wall_s = effect.turn, parts.clock.wall_s()

    def replied(_: int, value: object) -> None:
        event: evt.Event = evt.ListPrinted(turn)
        if isinstance(value, DeviceError):
            event = evt.ListFailed(turn, type(value).__name__, value.code)
        parts.loop.post(lambda: tell(event))

    def work() -> None:
        if item is None or lane is None:
            replied(NO_TURN, NotReady("not_configured"))
            return
        try:
            sheet = build_material_list(item, session.catalogue, station.site, wall_s, session.locale)
        except OSError:  # the libraries or fonts that lay it out are not on this machine
            replied(NO_TURN, HardwareFault("layout_missing"))
            return

        def printed(printer: object, deadline: Deadline) -> object:
            return cast("DocumentPrinter", printer).print(sheet, deadline)

        lane.call(NO_TURN, printed, effect.deadline_s, replied)

    parts.work.submit(work)
