"""What a runner is put together from: its loop, lanes, store and line, each a small Protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from devices.api import Deadline, DeviceKind, Page
from kiosk.services.catalogue import Catalogue
from kiosk.session.journal import Journal
from kiosk.session.view import View
from kiosk.station.clock import SystemClock
from kiosk.station.config import ScreenConfig
from kiosk.station.health import Station
from kiosk.station.texts import Texts
from offline_queue.api import EnvelopeFacts, ManifestBuilder, Outcome, PlainPart, QueueStats, SealingKey, Ticket


class Loop(Protocol):
    """The main thread's loop: Qt's in ui/app.py, a plain one in tests."""

    def post(self, call: Callable[[], None]) -> None:
        """Run `call` on the main thread, soon. Safe from any thread."""

    def after(self, seconds: float, call: Callable[[], None]) -> Callable[[], None]:
        """Run `call` on the main thread after `seconds`; return what calls it off."""

    def now(self) -> float:
        """Return monotonic seconds."""


class Lane(Protocol):
    """One device's thread: one command at a time, a deadline on each."""

    def call(
        self,
        turn: int,
        ask: Callable[[Any, Deadline], object],
        deadline_s: float,
        reply: Callable[[int, object], None],
    ) -> None:
        """Queue a command; `reply(turn, value or DeviceError)` comes from the lane's thread."""

    def cancel(self, turn: int) -> None:
        """Call off what this turn still has queued or running."""

    @property
    def is_stuck(self) -> bool:
        """Whether the driver outlived a deadline; the process should start anew at the next rest."""


class Work(Protocol):
    """The work lane: sealing and storing, one at a time."""

    def submit(self, job: Callable[[], None]) -> None:
        """Run `job` on the work lane."""

    def busy_s(self) -> float:
        """Return how long the running job has taken, 0 when idle."""


class Store(Protocol):
    """What the runner needs of the queue's store."""

    def put(
        self,
        sid: str,
        parts: tuple[PlainPart, ...],
        manifest: ManifestBuilder,
        facts: EnvelopeFacts,
        keys: tuple[SealingKey, ...],
    ) -> Ticket:
        """Seal and store; return the ticket once it is durable."""

    def find(self, sid: str) -> Outcome | None:
        """Return what is known of `sid`."""

    def ticket(self, sid: str) -> Ticket | None:
        """Return the ticket of a stored submission."""

    def stats(self) -> QueueStats:
        """Return the counts."""


class Sync(Protocol):
    """What the runner needs of the sync loop."""

    def nudge(self, sid: str = "") -> None:
        """Wake up; `sid` goes first."""

    def is_online(self) -> bool:
        """Whether the platform answered last."""


class SelfTest(Protocol):
    """How a kind of device proves itself; see devices/selftest.py."""

    @property
    def ask(self) -> Callable[[Any, Deadline], object]:
        """Return the command; its value has text, code and facts."""

    @property
    def deadline_s(self) -> float:
        """Return how long it may take."""


class Parts(msgspec.Struct, frozen=True):
    """Everything a runner is put together from."""

    loop: Loop
    lanes: Mapping[DeviceKind, Lane]
    work: Work
    store: Store
    sync: Sync
    journal: Journal
    catalogue: Catalogue
    texts: Texts
    clock: SystemClock
    station: Station  # as it stands before the first device has answered
    screen: ScreenConfig
    sealing_keys: Callable[[], tuple[SealingKey, ...]]
    show: Callable[[View], None]
    app_version: str
    on_end: Callable[[], None]  # forget frames, clipboard …
    on_stuck: Callable[[], None]
    self_tests: Callable[[DeviceKind], SelfTest]
    join_sides: Callable[[Page, Page], Page]  # front and back of an ID card on one A4 page
    pin: str = ""  # the technician's code as configuration keeps it; "" = nobody enters
