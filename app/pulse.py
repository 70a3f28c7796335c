"""The central lane: knows whether the platform answers, keeps keys fresh, sends heartbeats. One thread, bounded waits.

It looks every five seconds, and asks only where the answer is not known already
(docs/adr/0031-a-terminal-with-a-good-line-keeps-quiet.md). A signed answer of any kind says that the line is good: the
heartbeat's, a receipt's. The question for the time is for a line that is in doubt, and for one nobody has heard of for
half a minute.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable

from kiosk.central.heartbeat import Pulse
from kiosk.central.link import Link
from kiosk.central.rotating import KeyRotation
from kiosk.station.errors import KioskError
from kiosk.trust.identity import Device
from offline_queue.api import Busy, Line, PauseReason, QueueError, Unauthorised
from offline_queue.backoff import bounded_wait

log = logging.getLogger(__name__)

LOOK_S = 5.0  # how soon a line that is lost, or has come back, is noticed while we are in doubt
QUIET_S = 30.0  # what the top line says of a good line is never older
BEAT_S = 60.0  # queue-and-sync.md §9.2; a tenth of jitter, so that a fleet that woke together does not beat together
BEAT_JITTER = 0.1
REFRESH_S = 600.0
JUMP_S = 2.0  # the wall clock against the monotonic one, between two looks: somebody or something has set it
PATIENCE_S = 60.0  # the longest that a busy platform is left alone: its own word is for those who deliver
STANDINGS = {"device_suspended": PauseReason.SUSPENDED, "device_revoked": PauseReason.REVOKED}
DOUBTED = frozenset({PauseReason.PORTAL, PauseReason.CLOCK, PauseReason.TROUBLE})
"""Pauses of the queue that a signed time may end. During the others the platform itself has said wait, or no."""


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
        rng: random.Random | None = None,
    ) -> None:
        self._link = link
        self._clock = link.client.clock
        self._pulse = pulse
        self._on_line = on_line
        self._rotation = rotation
        self._on_standing = on_standing
        self._on_rotated = on_rotated
        self._rng = rng or random.SystemRandom()
        self._standing = PauseReason.NONE
        self._has_stood = False
        self._is_online: bool | None = None
        self._is_queue_waiting = False
        self._is_refused = False  # it answers, and does not let us in
        self._heard_at_s = self._beat_at_s = self._refresh_at_s = self._clock.mono_s()
        self._drift_s = self._read_drift()
        self._is_ending = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="central", daemon=True)

    # ── from any thread ─────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> bool:
        """Ask no more; return whether the thread ended."""
        self._is_ending = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(40)  # one request's connect and read time
        return not self._thread.is_alive()

    def heard(self) -> None:
        """Somebody else has a signed answer of the platform in hand."""
        self._heard_at_s = self._clock.mono_s()

    def queue_line(self, line: Line) -> None:
        """Take what the sync loop knows of the way: while it waits for the line, so do we, and at once."""
        was_waiting = self._is_queue_waiting
        self._is_queue_waiting = not line.is_reachable or line.pause in DOUBTED
        if self._is_queue_waiting and not was_waiting:
            self._wake.set()

    @property
    def is_online(self) -> bool:
        """Whether the platform answered the last question, by its signature."""
        return bool(self._is_online)

    @property
    def has_asked(self) -> bool:
        """Whether the first answer, or its absence, is known."""
        return self._is_online is not None

    # ── the central thread ──────────────────────────────────────────────────────────────────

    def look(self) -> float:
        """Do what is due; return seconds until the next look."""
        now_s = self._clock.mono_s()
        is_refresh_due = now_s >= self._refresh_at_s
        try:
            if self._is_in_doubt() or (now_s < self._beat_at_s and now_s - self._heard_at_s >= QUIET_S):
                self._link.delivery.probe()
                self.heard()
                self._spread_beat()
            self._link.look_back()
            if now_s >= self._beat_at_s:
                self._beat_at_s = now_s + BEAT_S * self._rng.uniform(1 - BEAT_JITTER, 1 + BEAT_JITTER)
                self._link.heartbeat.send(self._pulse())
                self.heard()
                self._is_refused = False
            if is_refresh_due:
                self._refresh_at_s = now_s + BEAT_S  # again with the next heartbeat, unless it succeeds
                self._rotate()
                self._link.refresh.refresh()  # a question that a suspended device may not ask
                self._refresh_at_s = now_s + REFRESH_S
                self._stand(PauseReason.NONE)
            self._set(not self._is_refused, "")
        except Busy as error:
            self._set(False, error.code)
            return min(max(bounded_wait(error.retry_after_s, LOOK_S), LOOK_S), PATIENCE_S)
        except Unauthorised as error:
            standing = STANDINGS.get(error.code, self._standing)
            self._stand(standing)
            self._is_refused = standing is not PauseReason.SUSPENDED
            self._set(not self._is_refused, error.code)
        except (QueueError, KioskError) as error:
            self._set(False, error.code)
        return LOOK_S

    def _run(self) -> None:
        while not self._is_ending:
            self._wake.wait(self.look())
            self._wake.clear()

    def _is_in_doubt(self) -> bool:
        """Whether what we know of line or clock may be wrong by now. A jump of the clock is in doubt once."""
        drift_s = self._read_drift()
        has_jumped = abs(drift_s - self._drift_s) > JUMP_S
        self._drift_s = drift_s
        is_away = not self._is_online and not self._is_refused
        return is_away or has_jumped or self._is_queue_waiting

    def _read_drift(self) -> float:
        return self._clock.wall_s() - self._clock.mono_s()

    def _spread_beat(self) -> None:
        """A line that comes back does so for many: heartbeats that are overdue come within a minute, not at once."""
        now_s = self._clock.mono_s()
        if self._is_online is False and now_s >= self._beat_at_s:
            self._beat_at_s = now_s + self._rng.uniform(0.0, BEAT_S)

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
