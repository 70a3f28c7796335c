"""What printers behind a CUPS queue share: the queue is looked for, asked, given a job and watched until it is done.

Nothing is printed twice: what we could not see finished is cancelled, and what a former run of ours left in the queue
is cancelled before ours.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping

from devices.api import Deadline, DeviceError, DeviceKind, DeviceState, Left, NotReady, Status, SupplyState, TimedOut
from devices.drivers.cups_queue import CupsQueue
from devices.drivers.cups_values import Told
from devices.wire.ipp_reasons import GOES_ON, device_of, fault_of


class CupsPrinter(ABC):
    """The common part of printer drivers over a CupsQueue. A driver says how it looks and what it sends."""

    kind: DeviceKind

    def __init__(self, address: str, driver: str, patience_s: float) -> None:
        """Take a link (`cups:QUEUE`, `cups:QUEUE@HOST:PORT`) and how long a complaint may stand under a job."""
        self._queue = CupsQueue(address)
        self._driver = driver
        self._patience_s = patience_s

    def open(self, deadline: Deadline) -> None:
        """Make sure the queue is there, and cancel what a former run left in it. Raises: NotReady."""
        deadline.check("open")
        self._queue.look()
        self._queue.cancel_stale()

    def close(self) -> None:
        """Let go of the server; closing twice is harmless."""
        self._queue.close()

    def status(self, deadline: Deadline) -> Status:
        """Return what can be told; supply is unknown where only the queue could be asked. Raises: Cancelled."""
        supply = SupplyState.UNKNOWN
        try:
            word, supply = self._look(deadline)
        except NotReady as fault:
            word = fault.code
            device = DeviceState.NO_DEVICE if word == "noDevice" else DeviceState.OFFLINE
        except TimedOut:
            word, device = "no_answer", DeviceState.OFFLINE
        else:
            device = device_of(word)
        return Status(self.kind, self._driver, device=device, supply=supply, code=word, at_mono_s=time.monotonic())

    def _send(
        self, title: str, data: bytes, document_format: str, options: Mapping[str, str], deadline: Deadline
    ) -> Told:
        """Have a job printed; return what the queue says when it is done.

        Raises: SupplyOut, Jammed, HardwareFault, NotReady, TimedOut, Cancelled; `left` once the queue has it.
        """
        word, _ = self._look(deadline)
        if word not in GOES_ON:
            raise fault_of(word)
        self._queue.cancel_stale()
        job = self._queue.send(title, data, document_format, options, deadline)
        try:
            return self._queue.see_through(job, deadline, self._patience_s)
        except DeviceError as fault:
            fault.left = Left.UNKNOWN  # how far a queue has come with it nobody tells
            raise

    def _ask_queue(self, deadline: Deadline) -> Told:
        """Return what the queue says. Raises: NotReady, also for one that takes no jobs; TimedOut, Cancelled."""
        deadline.check("status")
        queue = self._queue.look()
        if not queue.is_accepting:
            raise NotReady("queue_refuses")
        return queue

    @abstractmethod
    def _look(self, deadline: Deadline) -> tuple[str, SupplyState]:
        """Return the word that matters and the supply. Raises: NotReady, TimedOut, Cancelled."""
