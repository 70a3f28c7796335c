"""What a device can do wrong."""

from __future__ import annotations

from enum import StrEnum


class Left(StrEnum):
    """What a print job that failed has left on the paper."""

    NOTHING = "nothing"
    PART = "part"  # it had begun, and its end was never sent
    UNKNOWN = "unknown"  # all of it was sent: it may be whole


class DeviceError(Exception):
    """Root of what a device can do wrong. `code` is a closed word, safe for logs and staff.

    `left` is set by a printer's driver when the error came under a job.
    """

    left = Left.NOTHING

    def __init__(self, code: str = "", detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail

    @property
    def how(self) -> str:
        """Return the name of the type of this module that it is, whatever a driver made of that."""
        return next(kind.__name__ for kind in type(self).__mro__ if kind.__module__ == __name__)


class NotReady(DeviceError):
    """The device is not there or not switched on (XFS deviceNotReady)."""


class TimedOut(DeviceError):
    """The deadline passed without the answer (XFS timeOut)."""


class Cancelled(DeviceError):
    """We called the command off (XFS canceled)."""


class UserFault(DeviceError):
    """The person's move: card pulled early, unreadable card, wrong side (XFS userError)."""


class SupplyOut(DeviceError):
    """Paper or ink has run out (XFS paperOut, tonerOut)."""


class Jammed(DeviceError):
    """Paper or media is stuck (XFS paperJammed, mediaJam)."""


class HardwareFault(DeviceError):
    """The device reports a fault of its own (XFS hardwareError)."""


class Unsupported(DeviceError):
    """This device cannot do that (XFS unsupportedCommand)."""


class WireFault(DeviceError):
    """Bytes that do not follow the protocol. The only error a codec raises."""
