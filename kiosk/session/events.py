"""What can happen to a visit. All plain data; a reply carries the turn that asked for it."""

from __future__ import annotations

from typing import Literal

import msgspec

from devices.api import IdCard, Page, Preview, Private, Verdict
from offline_queue.api import Outcome, Ticket

PinVerdict = Literal["right", "wrong", "closed", "unset"]


class Event(msgspec.Struct, frozen=True, tag=True):
    """Root of all events."""


class Intent(Event, frozen=True):
    """What the person did: a button, a tile, a key, a stroke. Typed text is personal.

    The runner stamps the wall time and a fresh UUIDv7, so that `step` stays pure.
    """

    name: str
    value: Private[str] = Private("")
    at_wall_s: float = 0.0
    fresh_id: str = ""


class Tick(Event, frozen=True):
    """A second has passed. `idle_s` since the last activity, `place_s` since the state was entered."""

    idle_s: float
    place_s: float


class Reply(Event, frozen=True):
    """Root of all replies to effects. `step` drops one whose turn is not current."""

    turn: int


class CardRead(Reply, frozen=True):
    """The reader read a card."""

    card: IdCard


class CardFailed(Reply, frozen=True):
    """The reader could not; `code` is the device error's, `kind` its class name."""

    kind: str
    code: str


class CardGone(Reply, frozen=True):
    """The card no longer lies on the reader."""


class PreviewChanged(Reply, frozen=True):
    """What the eye says has changed."""

    preview: Preview


class PageTaken(Reply, frozen=True):
    """A page, captured and straightened."""

    page: Page


class PageRefused(Reply, frozen=True):
    """A gate refused the still; its key is `gate`."""

    gate: str
    verdicts: tuple[Verdict, ...] = ()


class CameraFailed(Reply, frozen=True):
    """The camera could not."""

    kind: str
    code: str


class Stored(Reply, frozen=True):
    """The promise: the submission is durable."""

    ticket: Ticket


class NotStored(Reply, frozen=True):
    """The store itself has said so: nothing was kept."""

    code: str


class OutcomeKnown(Event, frozen=True):
    """The queue learned something of a submission. Belongs to its sid, not to a turn."""

    outcome: Outcome


class SlipPrinted(Reply, frozen=True):
    """The printer confirmed the slip."""


class SlipFailed(Reply, frozen=True):
    """The slip did not come out whole."""

    kind: str
    code: str


class PinChecked(Reply, frozen=True):
    """The technician's code was judged. `wait_s` is for how long no code opens."""

    verdict: PinVerdict
    wait_s: float = 0.0


class AbilitiesTold(Reply, frozen=True):
    """What one device can do, in the words of its driver."""

    kind: str
    identifier: str = ""
    features: tuple[str, ...] = ()
    provisional: tuple[str, ...] = ()


class DeviceTested(Reply, frozen=True):
    """What came of a self-test: a sentence's key and values; `error` is the device error's type, "" for none."""

    kind: str
    text: str
    code: str = ""
    facts: dict[str, str] = {}
    error: str = ""


class ListPrinted(Reply, frozen=True):
    """The material list's job is completed."""


class ListFailed(Reply, frozen=True):
    """The material list did not come out."""

    kind: str
    code: str


class ClockChanged(Event, frozen=True):
    """Something of the station changed (network, devices, minute); the view is built anew."""
