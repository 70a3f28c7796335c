"""The terminal's clocks, injected everywhere time matters (queue-and-sync.md §11.7)."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
BUILD_FLOOR_S = datetime(2026, 11, 1, tzinfo=UTC).timestamp()  # no honest clock is older than this release

DRIFT_S = 300  # security.md §14


class SystemClock:
    """The machine's clocks. `floor_s` rises with every signed platform time and never falls.

    The wall is a battery's or somebody's word. Once the platform has signed a time in this run it goes on by the time
    since boot, which nobody sets: a wall that jumps afterwards is seen at once, and moves neither dates nor deadlines.
    """

    def __init__(self, floor_s: float = BUILD_FLOOR_S) -> None:
        self.floor_s = max(floor_s, BUILD_FLOOR_S)
        self._confirmed: tuple[float, float] | None = None  # platform time, and seconds since boot when it was so
        try:
            self._boot = BOOT_ID.read_text(encoding="ascii").strip()
        except OSError:
            self._boot = f"boot-{time.time() - time.monotonic():.0f}"

    def wall_s(self) -> float:
        """Return Unix seconds by the wall clock, right or wrong."""
        return time.time()

    def mono_s(self) -> float:
        """Return seconds on the monotonic clock of this boot."""
        return time.monotonic()

    def boot_id(self) -> str:
        """Return the kernel's boot id."""
        return self._boot

    @property
    def is_confirmed(self) -> bool:
        """Whether the platform has told the time in this run."""
        return self._confirmed is not None

    @property
    def offset_s(self) -> float:
        """Return platform time minus wall, from signed answers only; 0 while there is none."""
        if self._confirmed is None:
            return 0.0
        platform_s, at_s = self._confirmed
        return platform_s + since_boot_s() - at_s - self.wall_s()

    def is_plausible(self) -> bool:
        """Whether nothing that is known speaks against the wall clock: the floor, and the platform's time if asked."""
        return self.wall_s() + DRIFT_S >= self.floor_s and abs(self.offset_s) < DRIFT_S

    def is_trusted(self) -> bool:
        """Whether the platform has confirmed the wall clock in this run, to five minutes. Never having asked is no."""
        return self.is_confirmed and self.is_plausible()

    def learn_platform_time(self, platform_s: float) -> None:
        """Take a platform-signed time: offset and floor follow it, the floor only upward."""
        self._confirmed = platform_s, since_boot_s()
        self.floor_s = max(self.floor_s, platform_s)

    def today(self) -> date:
        """Return today's date, by platform time where it is known, in China's time zone."""
        return self.local_time().date()

    def local_time(self) -> datetime:
        """Return the time of day for people, by platform time where it is known, in China's time zone."""
        from zoneinfo import ZoneInfo  # late: tz data is read on first use only

        return datetime.fromtimestamp(self.wall_s() + self.offset_s, ZoneInfo("Asia/Shanghai"))


def since_boot_s() -> float:
    """Return seconds since boot, a machine's sleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
