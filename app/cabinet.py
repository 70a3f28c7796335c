"""What a terminal does with lamps and cabinet sensors: lamps follow the visit, alarms are written down.

No visit depends on it: a lamp is asked for and not waited for, and what a board answers is its lane's business.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from devices.api import Auxiliaries, Deadline, DeviceState, Door, Lamp, Sensors, Status, Switch, Ups
from devices.lane import DeviceLane
from kiosk.station.audit import AuditLog
from kiosk.station.audit_events import Event
from kiosk.station.errors import KioskError

log = logging.getLogger(__name__)

TURN = -1  # no visit's: ending a turn calls nothing of ours off
SET_S = 3.0
WORDS = {  # sensor → its words that the audit log keeps; `unknown` says that the board is away, which has its own event
    "door": tuple(word for word in Door if word is not Door.UNKNOWN),
    "tamper": tuple(word for word in Switch if word is not Switch.UNKNOWN),
    "ups": tuple(word for word in Ups if word is not Ups.UNKNOWN),
}


class Cabinet:
    """Lamps and sensors of one terminal. `light` on the main thread, `changed` on any."""

    def __init__(self, lane: DeviceLane, audit: AuditLog, submit: Callable[[Callable[[], None]], None]) -> None:
        """Take the board's lane, the audit log, and the work lane's door."""
        self._lane = lane
        self._audit = audit
        self._submit = submit
        self._wanted: tuple[Lamp, ...] = ()
        self._shown: tuple[Lamp, ...] = ()  # what the board was last told; nothing since it was away
        self._is_asking = False
        self._felt = Sensors()

    def light(self, lamps: tuple[Lamp, ...]) -> None:
        """Have the lamps so, as soon as the board has time; the newest wish wins."""
        self._wanted = lamps
        if self._is_asking or lamps == self._shown or self._lane.status.device is not DeviceState.ONLINE:
            return
        self._is_asking = True

        def ask(board: Auxiliaries, deadline: Deadline) -> tuple[Lamp, ...]:
            wanted = self._wanted
            board.set_light(*wanted, deadline=deadline)
            return wanted

        self._lane.call(TURN, ask, SET_S, self._answered)

    def changed(self, status: Status) -> None:
        """Take how the board is and what it feels; write down each contact that moved."""
        if status.device is not DeviceState.ONLINE:
            self._shown = ()
            return
        before, self._felt = self._felt, status.sensors
        moved = [
            (name, getattr(status.sensors, name))
            for name, words in WORDS.items()
            if getattr(status.sensors, name) is not getattr(before, name) and getattr(status.sensors, name) in words
        ]
        if moved:
            self._submit(lambda: self._record(moved))

    def _answered(self, turn: int, value: object) -> None:
        self._shown = value if isinstance(value, tuple) else ()
        self._is_asking = False

    def _record(self, moved: list[tuple[str, Door | Switch | Ups]]) -> None:
        try:
            for name, word in moved:
                self._audit.record(Event.CABINET_SENSOR, sensor=name, state=word.value)
        except KioskError as error:
            log.warning("a cabinet sensor was not audited: %s", error.code)
