"""What queues, printers and jobs are in IPP's words."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

import msgspec

from devices.wire.ipp_reasons import GOES_ON, word_of

PROCESSING, STOPPED = 4, 5  # IPP printer-state


class JobState(IntEnum):
    """IPP job-state. Only this decides; a completed job may carry reasons that sound otherwise."""

    PENDING = 3
    HELD = 4
    PROCESSING = 5
    STOPPED = 6
    CANCELED = 7
    ABORTED = 8
    COMPLETED = 9


class Told(msgspec.Struct, frozen=True):
    """What a queue, or the printer behind it, says of itself."""

    state: int = 3
    reasons: tuple[str, ...] = ()
    is_accepting: bool = True
    device_uri: str = ""

    @property
    def word(self) -> str:
        """Return the one word that matters most."""
        found = word_of(self.reasons)
        return "paused" if self.state == STOPPED and found in GOES_ON else found


def told(found: Mapping[str, Any]) -> Told:
    """Return what attributes say; a value may stand alone or as a sequence."""
    reasons = found.get("printer-state-reasons", ())
    return Told(
        state=int(_one(found.get("printer-state", 0))),
        reasons=tuple(map(str, reasons)) if isinstance(reasons, (list, tuple)) else (str(reasons),),
        is_accepting=bool(_one(found.get("printer-is-accepting-jobs", True))),
        device_uri=str(_one(found.get("device-uri", ""))),
    )


def _one(value: Any) -> Any:
    return value[0] if isinstance(value, (list, tuple)) else value
