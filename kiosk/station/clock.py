"""The terminal's clocks, injected everywhere time matters (queue-and-sync.md §11.7)."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
BUILD_FLOOR_S = datetime(2026, 11, 1, tzinfo=UTC).timestamp()  # no honest clock is older than this release


class SystemClock:
    """The machine's clocks. `floor_s` rises with every signed platform time and never falls."""

    def __init__(self, floor_s: float = BUILD_FLOOR_S) -> None:
        self.floor_s = max(floor_s, BUILD_FLOOR_S)
        self.offset_s = 0.0  # platform time minus wall, from signed answers only
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

    def is_trusted(self) -> bool:
        """Whether the wall clock stands no more than five minutes below the floor, and near the platform's time."""
        drift_s = 300  # security.md §14
        return self.wall_s() + drift_s >= self.floor_s and abs(self.offset_s) < drift_s

    def learn_platform_time(self, platform_s: float) -> None:
        """Take a platform-signed time: offset and floor follow it, the floor only upward."""
        self.offset_s = platform_s - self.wall_s()
        self.floor_s = max(self.floor_s, platform_s)

    def today(self) -> date:
        """Return today's date, by platform time where it is known, in China's time zone."""
        return self.local_time().date()

    def local_time(self) -> datetime:
        """Return the time of day for people, by platform time where it is known, in China's time zone."""
        from zoneinfo import ZoneInfo  # late: tz data is read on first use only

        return datetime.fromtimestamp(self.wall_s() + self.offset_s, ZoneInfo("Asia/Shanghai"))
