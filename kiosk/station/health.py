"""What the terminal knows of itself: devices, line, clock, queue. Shown by views, never seen by `step`."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from devices.api import NEEDED, DeviceKind, DeviceState, Status, Ups
from kiosk.station.config import StationConfig
from offline_queue.api import PauseReason, QueueStats

EMPTY_QUEUE = QueueStats(
    ready=0, sending=0, delivered=0, shredded=0, dead=0, bytes_waiting=0, oldest_wall="", is_accepting=True
)


BARRED = (PauseReason.SUSPENDED, PauseReason.REVOKED)  # the platform takes nothing new from this terminal
ALARMS = {  # what the cabinet feels → kind word of the failures table
    "tampered": "Tampered",
    "battery_low": "BatteryLow",
    "door_open": "DoorOpen",
    "on_battery": "OnBattery",
}


class Station(msgspec.Struct, frozen=True):
    """One consistent picture of the terminal, as views need it."""

    site: StationConfig
    clock_text: str = ""
    is_clock_ok: bool = True
    is_online: bool = False
    devices: Mapping[DeviceKind, Status] = {}
    faults: Mapping[DeviceKind, Status] = {}  # the last state of each in which it could not be counted on
    queue: QueueStats = EMPTY_QUEUE

    def has(self, kind: DeviceKind) -> bool:
        """Whether a visit may count on the device."""
        status = self.devices.get(kind)
        return status is not None and status.is_ready

    def device_fault(self, kind: DeviceKind) -> tuple[str, str]:
        """Return (kind word of the failures table, code) of a device that is away; ("", "") when all is well."""
        status = self.devices.get(kind)
        if status is None:
            return (kind.value.capitalize(), "not_configured") if kind in NEEDED else ("", "")
        if status.is_ready and status.sensors.alarm:
            return ALARMS[status.sensors.alarm], status.sensors.alarm
        if status.is_ready or status.device is DeviceState.STARTING:
            return "", ""
        return kind.value.capitalize(), status.code or status.device.value

    @property
    def is_battery_low(self) -> bool:
        """Whether the power will be gone soon: what runs goes on, nothing new begins."""
        status = self.devices.get(DeviceKind.AUXILIARIES)
        return status is not None and status.sensors.ups is Ups.LOW

    @property
    def is_barred(self) -> bool:
        """Whether nothing new may begin here, whatever stands ready: the platform's word, or the battery's."""
        return self.pause in BARRED or self.is_battery_low

    @property
    def pause(self) -> PauseReason:
        """Return why the queue stands still."""
        return self.queue.pause
