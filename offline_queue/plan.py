"""What goes when: thin lines, large parts and the night (queue-and-sync.md §11.5)."""

from __future__ import annotations

import msgspec

from offline_queue.api import Clock, PartUpload

DAY_S = 86_400.0
LOOK_AGAIN_S = 900.0  # a wait for the night is looked at again this often: clocks are set, plans change
CHINA_S = 8 * 3600  # one time zone, no summer time
SAMPLE_BYTES = 32 * 1024  # smaller pieces measure the round trip, not the line
WEIGHT = 0.3  # of the newest piece in the estimate
NEWS = 0.2  # a change of the estimate that is worth writing down


class Window(msgspec.Struct, frozen=True):
    """Hours of the day, in minutes since midnight; may reach over midnight."""

    from_min: int
    to_min: int
    utc_offset_s: int = CHINA_S

    def opens_in_s(self, wall_s: float) -> float:
        """Return seconds until it opens, 0 while it is open."""
        now_s = (wall_s + self.utc_offset_s) % DAY_S
        begin_s, end_s = self.from_min * 60.0, self.to_min * 60.0
        is_open = begin_s <= now_s < end_s if begin_s < end_s else now_s >= begin_s or now_s < end_s
        return 0.0 if is_open else (begin_s - now_s) % DAY_S


class Plan(msgspec.Struct, frozen=True):
    """How the line is used. As it stands: at any time, and forms before scans on a line below 256 kbit/s."""

    thin_bps: float = 256_000.0
    large_from_bytes: int = 256 * 1024
    window: Window | None = None  # when large parts may go; None = always

    def is_thin(self, bps: float) -> bool:
        """Whether a line of so many bits a second carries forms first; 0 = not known, so no."""
        return 0.0 < bps < self.thin_bps

    def held_s(self, part: PartUpload, clock: Clock) -> float:
        """Return seconds for which a part is kept back. An unsure clock keeps nothing back: sending goes first."""
        if self.window is None or part.size < self.large_from_bytes or not clock.is_trusted():
            return 0.0
        return self.window.opens_in_s(clock.wall_s())


def build_plan(hours: str, large_from_kib: int) -> Plan:
    """Return the plan of a configuration: `hours` like 22:00-06:00, or nothing for at any time."""
    large = large_from_kib * 1024
    if not hours:
        return Plan(large_from_bytes=large)
    begin, end = (int(text[:2]) * 60 + int(text[3:]) for text in hours.split("-"))
    return Plan(large_from_bytes=large, window=Window(begin, end))


class LinkEstimate:
    """Bits a second that the line upward carried lately; 0 = not known. Owned by the sync thread."""

    def __init__(self, noted: str = "") -> None:
        """`noted` is what a former run wrote down."""
        self.bps = float(noted) if noted.isdigit() else 0.0
        self._noted = self.bps

    def note(self, count: int, seconds: float) -> None:
        """Take a piece of `count` bytes that was acknowledged after `seconds`."""
        if count < SAMPLE_BYTES or seconds <= 0.0:
            return
        newest = count * 8.0 / seconds
        self.bps = newest if not self.bps else self.bps + WEIGHT * (newest - self.bps)

    def news(self) -> str:
        """Return the estimate as text if it is worth writing down, else nothing."""
        if abs(self.bps - self._noted) <= NEWS * self._noted:
            return ""
        self._noted = self.bps
        return str(int(self.bps))
