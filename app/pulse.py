"""The central lane: asks the platform for its time, keeps keys fresh, sends heartbeats. One thread, bounded waits."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from kiosk.central.heartbeat import Pulse
from kiosk.central.link import Link
from kiosk.station.errors import KioskError
from offline_queue.api import QueueError

log = logging.getLogger(__name__)

PROBE_S = 5.0  # what the top line says of the network is never older
BEATS = 12  # heartbeat every 12th probe: once a minute, queue-and-sync.md §9.2
REFRESHES = 120  # keys every ten minutes


class CentralLane:
    """Knows whether the platform answers. `on_line(True)` when it does again, `on_line(False)` when it stops."""

    def __init__(self, link: Link, pulse: Callable[[], Pulse], on_line: Callable[[bool], None]) -> None:
        self._link = link
        self._pulse = pulse
        self._on_line = on_line
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
            if count % REFRESHES == 0:
                self._link.refresh.refresh()
            self._set(True, "")
        except (QueueError, KioskError) as error:
            self._set(False, error.code)

    def _set(self, is_online: bool, code: str) -> None:
        if is_online is self._is_online:
            return
        self._is_online = is_online
        log.info("platform %s %s", "answers" if is_online else "does not answer", code)
        self._on_line(is_online)
