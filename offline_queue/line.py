"""Whether sending makes sense now: line, pause and breaker in one gate (queue-and-sync.md §11.2, §11.3).

Rules, in the order in which they bite:
- No answer at all puts the line in doubt: nothing is claimed until a probe (a signed time) has come back. While it
  does not, probes go out every 1 to 3 seconds, so that a returning network is noticed within that time.
- A portal or a certificate our clock cannot accept pauses the queue the same way, under its own name.
- 429 and 503 open the breaker for Retry-After plus a jitter as long again, at most a minute, so that a fleet does not
  return in one wave. Five transport faults in a row while probes succeed open it for a growing, jittered time. An open
  breaker is a pause with a name: maintenance, overloaded or platform_trouble; it outlives a restart.
- Unauthorised pauses the queue; after 1 to 15 minutes one submission tries. Revoked waits for a person.
"""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Callable

import msgspec

from offline_queue.api import AnswerFault, Busy, Clock, Line, PauseReason, Unauthorised, Unreachable
from offline_queue.backoff import bounded_wait, full_jitter
from offline_queue.breaker import Breaker

log = logging.getLogger(__name__)

BREAKER = frozenset({PauseReason.MAINTENANCE, PauseReason.OVERLOADED, PauseReason.TROUBLE})
BY_PROBE = BREAKER | {PauseReason.PORTAL, PauseReason.CLOCK}  # a signed time ends these pauses
PAUSES = {
    "device_suspended": PauseReason.SUSPENDED,
    "device_revoked": PauseReason.REVOKED,
    "not_enrolled": PauseReason.NOT_ENROLLED,
}


class Pace(msgspec.Struct, frozen=True):
    """The waits of the sync loop, in seconds. Tests and sandboxes may shorten them."""

    probe_min_s: float = 1.0
    probe_max_s: float = 3.0  # with the start of one attempt this keeps a returning network under 5 s
    resume_s: float = 0.5  # an upload that was cut after it had got on goes on within this time
    busy_s: float = 5.0  # 409 and 202 without Retry-After, §10
    trial_min_s: float = 60.0
    trial_max_s: float = 900.0
    return_jitter_s: float = 60.0
    faults_max: int = 5
    start_jitter_s: float = 1.0
    idle_s: float = 30.0
    late_check_s: float = 6 * 3600.0


class Gate:
    """Decides when the next request may go out. Owned by the sync thread."""

    def __init__(
        self,
        clock: Clock,
        pace: Pace,
        rng: random.Random,
        probe: Callable[[], None],
        on_line: Callable[[Line], None],
        breaker: Breaker,
        pause: PauseReason = PauseReason.NONE,
    ) -> None:
        """`breaker` and `pause` are as a former run left them."""
        self._clock = clock
        self._pace = pace
        self._rng = rng
        self._probe = probe
        self._on_line = on_line
        self._breaker = breaker
        self._not_before_s = math.inf if pause is PauseReason.REVOKED else breaker.until_s
        self._needs_probe = pause in BY_PROBE or breaker.is_open
        self._is_overloaded = breaker.is_open and breaker.is_of_this_boot
        self._faults = 0
        self._openings = 0
        self._was_away = False
        self.line = Line(is_reachable=True, pause=pause)

    def wait_s(self) -> tuple[float, bool]:
        """Return seconds to wait, 0 to go, and whether the line has just come back. May probe."""
        left_s = self._not_before_s - self._clock.mono_s()
        if left_s > 0:
            return left_s, False
        if not self._needs_probe:
            return 0.0, False
        try:
            self._probe()
        except Busy as error:
            self.overloaded(error)
        except Unauthorised as error:
            self.unauthorised(error.code)
        except AnswerFault:
            self._out_of_reach(PauseReason.PORTAL)  # a time nobody of ours has signed
        except Unreachable as error:
            self._out_of_reach(error.pause)
        else:
            return 0.0, self._back()
        return max(0.0, self._not_before_s - self._clock.mono_s()), False

    def hurry(self) -> None:
        """Ask now: somebody believes that the network is back. An overloaded platform is still left alone."""
        if self._needs_probe and not self._is_overloaded:
            self._not_before_s = -math.inf

    def resume(self) -> None:
        """End a pause: a technician, an enrolment or a command has removed its reason."""
        self._not_before_s = -math.inf
        self._breaker.close()
        self._show(Line(is_reachable=self.line.is_reachable))

    def answered(self) -> None:
        """The platform answered a submission properly: whatever was in doubt is not."""
        self._faults = 0
        self._openings = 0
        self._breaker.close()
        self._show(Line(is_reachable=True))

    def transport_fault(self, error: Unreachable, *, has_advanced: bool = False) -> None:
        """No proper answer came. No answer at all, or a stranger's, puts the line in doubt.

        `has_advanced`: bytes were acknowledged before it broke, so this is a line that works between its cuts.
        """
        self._faults = 0 if has_advanced else self._faults + 1
        if error.pause is not PauseReason.NONE:
            self._out_of_reach(error.pause)
        elif self._faults >= self._pace.faults_max:
            self._openings += 1
            self._faults = 0
            self._close_for(full_jitter(self._openings, self._rng), PauseReason.TROUBLE)
        elif error.status == 0:
            self._needs_probe = True

    def overloaded(self, error: Busy) -> None:
        """The platform asks everyone to wait."""
        wait_s = bounded_wait(error.retry_after_s, self._pace.busy_s)
        says_when = error.status == 503 and error.retry_after_s is not None
        is_planned = error.code == "maintenance" or says_when
        pause = PauseReason.MAINTENANCE if is_planned else PauseReason.OVERLOADED
        self._close_for(wait_s + self._rng.uniform(0.0, min(wait_s, self._pace.return_jitter_s)), pause)
        self._is_overloaded = True

    def unauthorised(self, code: str) -> None:
        """The platform does not let this device in."""
        pause = PAUSES.get(code, PauseReason.UNAUTHORISED)
        trial_s = self._rng.uniform(self._pace.trial_min_s, self._pace.trial_max_s)
        self._not_before_s = math.inf if pause is PauseReason.REVOKED else self._clock.mono_s() + trial_s
        self._show(Line(is_reachable=True, pause=pause))

    def _out_of_reach(self, pause: PauseReason) -> None:
        self._was_away = True
        self._needs_probe = True
        self._not_before_s = self._clock.mono_s() + self._rng.uniform(self._pace.probe_min_s, self._pace.probe_max_s)
        self._show(Line(is_reachable=False, pause=pause))

    def _back(self) -> bool:
        """Note that a signed time came; return whether the line had been away."""
        was_away, self._was_away = self._was_away, False
        self._needs_probe = False
        self._is_overloaded = False
        self._breaker.close()
        kept = PauseReason.NONE if self.line.pause in BY_PROBE else self.line.pause
        self._show(Line(is_reachable=True, pause=kept))
        return was_away

    def _close_for(self, wait_s: float, pause: PauseReason) -> None:
        self._needs_probe = True
        self._not_before_s = self._clock.mono_s() + wait_s
        self._breaker.open(self._not_before_s)
        self._show(Line(is_reachable=True, pause=pause))

    def _show(self, line: Line) -> None:
        if line != self.line:
            log.info("line: reachable=%s pause=%s", line.is_reachable, line.pause.value or "none")
            self.line = line
            self._on_line(line)
