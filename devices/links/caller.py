"""A thread for calls of a library that takes no deadline: whoever waits stops waiting when the deadline says so."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from devices.api import Deadline, DeviceError, TimedOut

LOOK_S = 0.05  # how often a waiting call looks whether it was called off
MUTE = "mute"


class Job:
    def __init__(self, act: Callable[[], Any], undo: Callable[[Any], None] | None) -> None:
        self.act = act
        self.undo = undo
        self.done = threading.Event()
        self.value: Any = None
        self.fault: BaseException | None = None
        self.is_left = False  # nobody waits for it any more

    def run(self) -> None:
        """Do it; what nobody waits for any more is undone."""
        try:
            self.value = self.act()
        except BaseException as error:  # handed to whoever waits
            self.fault = error
        with _LEAVING:
            self.done.set()
            is_left = self.is_left
        if is_left and self.undo is not None and self.fault is None:
            self.undo(self.value)


_LEAVING = threading.Lock()


class Caller:
    """Runs calls one after the other on a thread of its own, and stops waiting when the deadline says so."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._held_up: Job | None = None  # a call that outlived its deadline

    def call(
        self, act: Callable[[], Any], deadline: Deadline, wait_s: float, undo: Callable[[Any], None] | None = None
    ) -> Any:
        """Return what `act` returns. Raises: what it raises, TimedOut("mute" | "deadline"), Cancelled."""
        until = Deadline(min(wait_s, deadline.left_s()), deadline.cancelled)
        if self._held_up is not None:
            self._wait(self._held_up, until, deadline)
            self._held_up = None
        job = self.post(act, undo)
        try:
            self._wait(job, until, deadline)
        except DeviceError:
            with _LEAVING:
                is_done = job.done.is_set()
                job.is_left = not is_done
            if not is_done:
                self._held_up = job
                raise
        if job.fault is not None:
            raise job.fault
        return job.value

    @property
    def is_held_up(self) -> bool:
        """Whether a call that nobody waits for any more is still out."""
        return self._held_up is not None

    def post(self, act: Callable[[], Any], undo: Callable[[Any], None] | None = None) -> Job:
        """Have something done without waiting for it."""
        job = Job(act, undo)
        if self._thread is None:
            self._thread = threading.Thread(target=_serve, args=(self._jobs,), name="pcsc", daemon=True)
            self._thread.start()
        self._jobs.put(job)
        return job

    def close(self) -> None:
        """End the thread when what it does is done."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._jobs.put(None)
            if self._held_up is None:
                thread.join()
            else:  # it ends with the call it waits in; the next call gets a thread of its own
                self._jobs, self._held_up = SimpleQueue(), None

    def _wait(self, job: Job, until: Deadline, deadline: Deadline) -> None:
        while not job.done.wait(min(LOOK_S, until.left_s())):
            is_over = not until.left_s()  # asked first: a deadline that ends between the two is no mute device
            deadline.check()
            if is_over:
                raise TimedOut(MUTE)


def _serve(jobs: SimpleQueue[Job | None]) -> None:
    while (job := jobs.get()) is not None:
        job.run()
