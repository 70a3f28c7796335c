"""What a place asks for. Each effect carries the turn that asked, and its reply carries it back."""

from __future__ import annotations

import msgspec

from devices.api import Private


class Effect(msgspec.Struct, frozen=True, tag=True):
    """Root of all effects."""

    turn: int


class ReadCard(Effect, frozen=True):
    """Wait for a card → CardRead or CardFailed."""

    deadline_s: float


class WaitCardGone(Effect, frozen=True):
    """Wait until no card lies on the reader → CardGone."""

    deadline_s: float


class WatchDesk(Effect, frozen=True):
    """Look at the desk → PreviewChanged, again and again, or CameraFailed."""

    material: str
    deadline_s: float


class Capture(Effect, frozen=True):
    """Take the still → PageTaken, PageRefused or CameraFailed. With `keep` no gate refuses."""

    material: str
    index: int
    deadline_s: float
    keep: bool = False


class Seal(Effect, frozen=True):
    """Seal and store the session's submission → Stored or NotStored."""

    sid: str


class AskStore(Effect, frozen=True):
    """Ask the store whether `sid` is there → Stored or NotStored."""

    sid: str


class Deliver(Effect, frozen=True):
    """Let this submission go first → OutcomeKnown, whenever the queue learns something."""

    sid: str


class PrintSlip(Effect, frozen=True):
    """Print the slip for the session as it stands → SlipPrinted or SlipFailed."""

    reprint: int
    deadline_s: float


class CheckPin(Effect, frozen=True):
    """Judge the technician's code → PinChecked."""

    pin: Private[str]


class AskAbilities(Effect, frozen=True):
    """Ask every device what it can do → AbilitiesTold of each that answers."""


class TestDevice(Effect, frozen=True):
    """Put a device to the test → DeviceTested."""

    kind: str


class PrintList(Effect, frozen=True):
    """Print the material list of the session's item on A4 → ListPrinted or ListFailed."""

    deadline_s: float


class EndVisit(Effect, frozen=True):
    """The visit is over: forget frames and pages outside the session; audit."""
