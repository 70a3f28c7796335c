"""One device, one thread, one command at a time, a deadline on each.

Nobody who speaks to a lane ever waits for it: commands are queued, replies come from the lane's threads. When it has
nothing to do the lane asks the device's status a little oftener than once a second, and connects again when the device
was lost. A second, small thread watches the clock: a driver that outlives its deadline is *stuck*. Its device counts as
offline from then on, and whoever waits gets an answer all the same.
"""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from msgspec.structs import replace

from devices.api import (
    Cancelled,
    Deadline,
    Device,
    DeviceError,
    DeviceKind,
    DeviceState,
    HardwareFault,
    NotReady,
    Status,
    TimedOut,
    UserFault,
    WireFault,
)

log = logging.getLogger(__name__)

T = TypeVar("T")
Ask = Callable[[Any, Deadline], object]
Reply = Callable[[int, object], None]  # (turn, value or DeviceError)

POLL_S = 0.8  # and a driver waits a second for an answer: whatever happens to a device is seen within two
STATUS_S = 2.0  # a device that needs longer to say how it is, is not well
BRIEF_S = 0.4  # for one that has just said nothing for a second: it answers at once, or is told silent within two
CONNECT_S = 8.0  # a reader is tried at five speeds
BACK_OFF_S = (0.1, 0.2, 0.5, 1.0)  # after the first failure, the second …; the last one stays
GRACE_S = 5.0  # after its deadline a driver has this long to come back
STOP_S = 5.0
SILENT = ("mute", "no_answer")  # what drivers say when the device itself did not answer; a person may take longer
GONE = (DeviceState.NO_DEVICE, DeviceState.OFFLINE, DeviceState.POWER_OFF)


@dataclass(eq=False)
class _Command:
    turn: int
    ask: Ask
    reply: Reply
    deadline: Deadline
    is_answered: bool = False


@dataclass(eq=False)
class _Job:
    """What the driver is doing now: a command, or the lane's own asking (no command)."""

    deadline: Deadline
    command: _Command | None = None


class DeviceLane:
    """Owns one driver. Everything public may be used from any thread, and returns at once; only `stop` waits."""

    def __init__(
        self,
        name: str,
        open_device: Callable[[], Device],
        *,
        kind: DeviceKind,
        on_status: Callable[[Status], None] = lambda status: None,
        poll_s: float = POLL_S,
        grace_s: float = GRACE_S,
    ) -> None:
        """Take the driver's name and what makes the driver; it is made, opened and closed on the lane's own thread.

        `on_status` is called from the lane's threads, only when something but the time has changed.
        """
        self.name = name
        self._make = open_device
        self._on_status = on_status
        self._poll_s = poll_s
        self._grace_s = grace_s
        self._changed = threading.Condition()  # guards what follows, up to the blank line
        self._queue: list[_Command] = []
        self._job: _Job | None = None
        self._is_stopping = False
        self._is_over = False
        self._is_stuck = False
        self._is_in_doubt = False  # a command has just failed: the next look is not called off
        self._status = Status(kind, name, DeviceState.STARTING)

        self._device: Device | None = None  # from here on the lane's thread alone
        self._is_open = False
        self._failures = 0
        self._was_silent = False  # the command that has just failed heard nothing from the device
        self._next_look = 0.0
        self._defects: set[str] = set()
        self._threads = (
            threading.Thread(target=self._work, name=f"lane {name}", daemon=True),
            threading.Thread(target=self._watch, name=f"lane {name} watch", daemon=True),
        )

    def start(self) -> DeviceLane:
        """Begin to connect; return the lane."""
        for thread in self._threads:
            thread.start()
        return self

    def call(self, turn: int, ask: Ask, deadline_s: float, reply: Reply) -> None:
        """Queue a command; `reply(turn, value or DeviceError)` is called exactly once.

        The deadline counts from now, waiting in the queue included.
        """
        command = _Command(turn, ask, reply, Deadline(deadline_s))
        with self._changed:
            if not self._is_stopping:
                self._queue.append(command)
                if self._job is not None and self._job.command is None and not self._is_in_doubt:
                    self._job.deadline.cancelled.set()  # a person goes before the lane's own asking
                self._changed.notify_all()
                return
        self._answer(command, Cancelled("stopped"))

    def cancel(self, turn: int) -> None:
        """Call off what this turn still has queued or running; each is answered, a queued one with Cancelled."""
        with self._changed:
            self._call_off(lambda command: command is not None and command.turn == turn)

    def stop(self, wait_s: float = STOP_S) -> bool:
        """Call everything off, close the device, end the threads; return whether they ended in time."""
        with self._changed:
            self._is_stopping = True
            self._call_off(lambda command: True)
        until = time.monotonic() + wait_s
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    @property
    def status(self) -> Status:
        """Return the latest status."""
        return self._status

    @property
    def is_stuck(self) -> bool:
        """Whether the driver outlived a deadline; the process should start anew at the next rest."""
        return self._is_stuck

    def _call_off(self, is_meant: Callable[[_Command | None], bool]) -> None:
        """Call off commands; the lock is held."""
        for command in self._queue:
            if is_meant(command):
                command.deadline.cancelled.set()
        if self._job is not None and is_meant(self._job.command):
            self._job.deadline.cancelled.set()
        self._changed.notify_all()

    # ── the lane's thread ──────────────────────────────────────────────────────────────────

    def _work(self) -> None:
        while (job := self._next()) is not None:
            if job.command is None:
                self._look(job.deadline)
            else:
                self._serve(job.command)
        self._close()
        with self._changed:
            self._is_over = True
            left, self._queue = self._queue, []
            self._changed.notify_all()
        for command in left:
            self._answer(command, NotReady("stuck") if self._is_stuck else Cancelled("stopped"))

    def _next(self) -> _Job | None:
        """Return the next command, or the lane's own look at the device when its time has come; None at the end."""
        with self._changed:
            self._job = None
            while not (self._is_stopping or self._is_stuck):
                wait_s = self._next_look - time.monotonic()
                if self._queue:
                    command = self._queue.pop(0)
                    self._job = _Job(command.deadline, command)
                elif wait_s <= 0:
                    self._job = _Job(Deadline(self._patience_s()))
                if self._job is not None:
                    self._changed.notify_all()
                    return self._job
                self._changed.wait(wait_s)
            return None

    def _patience_s(self) -> float:
        """Return how long the lane's own look may take."""
        if not self._is_open:
            return CONNECT_S
        return BRIEF_S if self._was_silent else STATUS_S

    def _serve(self, command: _Command) -> None:
        deadline = command.deadline
        try:
            deadline.check("queue")
        except DeviceError as error:
            self._answer(command, error)
            return
        was_open = self._is_open
        try:
            device = self._opened(deadline)
        except DeviceError as error:
            self._answer(command, error)
            if not isinstance(error, Cancelled):
                self._lose(self._status_of(error))
            return
        if not was_open:
            self._say_it_is_back(device, deadline)
        try:
            value = self._guarded(lambda: command.ask(device, deadline))
        except DeviceError as error:
            value = error
        self._answer(command, value)
        if isinstance(value, NotReady):
            self._lose(self._status_of(value))
        elif isinstance(value, DeviceError) and not isinstance(value, (UserFault, Cancelled)):
            self._next_look = 0.0  # whatever it was, the device tells how it is now, and is let finish
            self._is_in_doubt = True
            self._was_silent = isinstance(value, TimedOut) and value.code in SILENT
        else:
            self._next_look = time.monotonic() + self._poll_s if self._status.is_ready else 0.0

    def _say_it_is_back(self, device: Device, deadline: Deadline) -> None:
        """Tell how a device is that a command has connected: a wait for a card is long, and nobody else asks."""
        try:
            status = self._guarded(lambda: device.status(Deadline(STATUS_S, deadline.cancelled)))
        except DeviceError:
            return  # the command meets the same
        if status.device not in GONE:
            self._failures = 0
            self._publish(status)

    def _look(self, deadline: Deadline) -> None:
        """Ask the device how it is; connect first when it is not connected."""
        self._was_silent = False
        try:
            device = self._opened(deadline)
            status = self._guarded(lambda: device.status(deadline))
        except Cancelled:  # a command came between; the device is asked again when there is time
            self._next_look = time.monotonic() + self._poll_s / 2
            return
        except DeviceError as error:
            status = self._status_of(error)
        self._is_in_doubt = False
        if status.device in GONE or not self._is_open:
            self._lose(status)
            return
        self._failures = 0
        self._publish(status)
        self._next_look = time.monotonic() + self._poll_s

    def _opened(self, deadline: Deadline) -> Device:
        """Return the driver, made and opened. Raises: DeviceError."""
        if self._device is None:
            self._device = self._guarded(self._make)
        device = self._device
        if not self._is_open:
            try:
                self._guarded(lambda: device.open(deadline))
            except DeviceError:
                self._close()
                raise
            self._is_open = True
        return device

    def _lose(self, status: Status) -> None:
        """Close, say so, and come back after a while."""
        self._close()
        self._publish(status)
        self._next_look = time.monotonic() + BACK_OFF_S[min(self._failures, len(BACK_OFF_S) - 1)]
        self._failures += 1

    def _close(self) -> None:
        self._is_open = False
        if self._device is not None:
            try:
                self._guarded(self._device.close)
            except DeviceError as error:  # it is being given up anyway
                log.debug("%s: close: %s", self.name, error.code)

    def _guarded(self, act: Callable[[], T]) -> T:
        """Return what the driver returns. Raises: DeviceError; an untyped one becomes HardwareFault("defect")."""
        try:
            return act()
        except DeviceError:
            raise
        except Exception as error:  # a driver's defect must not end the lane
            self._log_defect(error)
            raise HardwareFault("defect", type(error).__name__) from error

    def _log_defect(self, error: Exception) -> None:
        """Log a defect once, by its kind and place; its text may hold what a card said."""
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{type(error).__name__} at {last.filename.rpartition('/')[2]}:{last.lineno}"
        if place not in self._defects:
            self._defects.add(place)
            log.error("%s: defect: %s", self.name, place)

    # ── the watch ──────────────────────────────────────────────────────────────────────────

    def _watch(self) -> None:
        while True:
            with self._changed:
                was_stuck = self._is_stuck
                late = self._take_late(time.monotonic())
                if not late and self._is_stuck == was_stuck:
                    if self._is_stopping and (self._is_over or self._is_stuck):
                        return
                    self._changed.wait(self._next_late_s())
                    continue
            if self._is_stuck and not was_stuck:
                log.error("%s: stuck past its deadline", self.name)
                self._publish(replace(self._status, device=DeviceState.OFFLINE, code="stuck"))
            for command, error in late:
                self._answer(command, error)

    def _take_late(self, now: float) -> list[tuple[_Command, DeviceError]]:
        """Return whoever need not or cannot wait any longer, with the reason; the lock is held."""
        late: list[tuple[_Command, DeviceError]] = []
        job = self._job
        if job is not None and now >= job.deadline.at + self._grace_s and not self._is_stuck:
            self._is_stuck = True
            if job.command is not None:
                late.append((job.command, TimedOut("stuck")))
        stay = []
        for command in self._queue:
            if command.deadline.cancelled.is_set():
                late.append((command, Cancelled("queue")))
            elif self._is_stuck:
                late.append((command, NotReady("stuck")))
            elif now >= command.deadline.at:
                late.append((command, TimedOut("queue")))
            else:
                stay.append(command)
        self._queue = stay
        return late

    def _next_late_s(self) -> float | None:
        """Return the seconds until somebody may be late; the lock is held."""
        times = [command.deadline.at for command in self._queue]
        if self._job is not None and not self._is_stuck:
            times.append(self._job.deadline.at + self._grace_s)
        return max(0.0, min(times) - time.monotonic()) if times else None

    # ── both ───────────────────────────────────────────────────────────────────────────────

    def _answer(self, command: _Command, value: object) -> None:
        with self._changed:
            if command.is_answered:  # the watch was faster than a stuck driver
                return
            command.is_answered = True
        self._tell(lambda: command.reply(command.turn, value))

    def _publish(self, status: Status) -> None:
        with self._changed:
            if self._is_stuck and status.code != "stuck":
                return
            is_news = replace(status, at_mono_s=0.0) != replace(self._status, at_mono_s=0.0)
            self._status = replace(status, at_mono_s=time.monotonic())
            latest = self._status
        if is_news:
            self._tell(lambda: self._on_status(latest))

    def _tell(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception as error:  # the listener's defect must not end the lane
            self._log_defect(error)

    def _status_of(self, error: DeviceError) -> Status:
        """Return what an error tells of the device. A device that answers nonsense is as good as none."""
        state = DeviceState.HARDWARE_ERROR
        if isinstance(error, NotReady):
            state = DeviceState.POWER_OFF if error.code == DeviceState.POWER_OFF else DeviceState.NO_DEVICE
        elif isinstance(error, (TimedOut, WireFault)):
            state = DeviceState.OFFLINE
        return Status(self._status.kind, self._status.driver, state, code=error.code)
