"""The central lane: asks the platform for its time, keeps keys fresh, sends heartbeats. One thread, bounded waits."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from kiosk.central.heartbeat import Pulse
from kiosk.central.link import Link
from kiosk.central.rotating import KeyRotation
from kiosk.station.errors import KioskError
from kiosk.trust.identity import Device
from offline_queue.api import PauseReason, QueueError, Unauthorised

log = logging.getLogger(__name__)

PROBE_S = 5.0  # what the top line says of the network is never older
BEATS = 12  # heartbeat every 12th probe: once a minute, queue-and-sync.md §9.2
REFRESHES = 120  # keys every ten minutes
STANDINGS = {"device_suspended": PauseReason.SUSPENDED, "device_revoked": PauseReason.REVOKED}


class CentralLane:
    """Knows whether the platform answers, and what we are to it. Rotates the device key when its time has come.

    `on_line(True)` when the platform answers again, `on_line(False)` when it stops; `on_standing` when the platform
    has suspended or revoked this device, or lets it in again; `on_rotated` when a new key is in force.
    """

    def __init__(
        self,
        link: Link,
        pulse: Callable[[], Pulse],
        on_line: Callable[[bool], None],
        *,
        rotation: KeyRotation,
        on_standing: Callable[[PauseReason], None],
        on_rotated: Callable[[Device], None],
    ) -> None:
        self._link = link
        self._pulse = pulse
        self._on_line = on_line
        self._rotation = rotation
        self._on_standing = on_standing
        self._on_rotated = on_rotated
        self._standing = PauseReason.NONE
        self._has_stood = False
        self._ended = threading.Event()
        self._is_online: bool | None = None
        self._thread = threading.Thread(target=self._run, name="central", daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def stop(self) -> bool:
        """Ask no more; return whether the thread ended."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(40)  # one request's connect and read time
        return not self._thread.is_alive()

    @property
    def is_online(self) -> bool:
        """Whether the platform answered the last question, by its signature."""
        return bool(self._is_online)

    @property
    def has_asked(self) -> bool:
        """Whether the first answer, or its absence, is known."""
        return self._is_online is not None

    def _run(self) -> None:
        count = 0
        while not self._ended.is_set():
            self._ask(count)
            count += 1
            self._ended.wait(PROBE_S)

    def _ask(self, count: int) -> None:
        try:
            self._link.delivery.probe()
            self._link.look_back()
            if count % BEATS == 0:
                self._link.heartbeat.send(self._pulse())
            if count % (BEATS if self._standing else REFRESHES) == 0:
                self._rotate()
                self._link.refresh.refresh()  # a question that a suspended device may not ask
                self._stand(PauseReason.NONE)
            self._set(True, "")
        except Unauthorised as error:
            standing = STANDINGS.get(error.code, self._standing)
            self._stand(standing)
            self._set(standing is PauseReason.SUSPENDED, error.code)
        except (QueueError, KioskError) as error:
            self._set(False, error.code)

    def _rotate(self) -> None:
        """Exchange the key when it is due. A rotation that does not go on is tried again; the old key serves."""
        if not self._rotation.is_due():
            return
        try:
            device = self._rotation.rotate(self._pulse)
        except (QueueError, KioskError) as error:
            log.info("key rotation waits: %s", error.code)
        else:
            self._on_rotated(device)

    def _stand(self, standing: PauseReason) -> None:
        if self._has_stood and standing is self._standing:
            return
        self._has_stood = True
        self._standing = standing
        self._on_standing(standing)

    def _set(self, is_online: bool, code: str) -> None:
        if is_online is self._is_online:
            return
        self._is_online = is_online
        log.info("platform %s %s", "answers" if is_online else "does not answer", code)
        self._on_line(is_online)
