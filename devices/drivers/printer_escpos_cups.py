"""A receipt printer behind a raw CUPS queue: the same bytes as over a line, and less certainty.

A queue has no way back for the printer's status bytes. So the queue's state and reasons are all there is; supply stays
unknown, *printed* means that the queue has handed every byte over, and the capabilities leave `status` out. Where a
printer can be had by serial, TCP or its USB node, that link is the better one.
"""

from __future__ import annotations

import time

from devices.api import (
    Capabilities,
    Deadline,
    DeviceKind,
    DeviceState,
    NotReady,
    Printed,
    Status,
    Strip,
    SupplyState,
)
from devices.drivers.cups_queue import CupsQueue
from devices.drivers.cups_values import PROCESSING
from devices.drivers.glyphs import rasterize as draw
from devices.wire.ipp_reasons import GOES_ON, device_of, fault_of
from devices.wire.strip import Rasterize, encode_strip

DRIVER = "printer-escpos-cups"
FORMAT = "application/vnd.cups-raw"  # no filter touches it
TITLE = "slip"
PATIENCE_S = 2.0


class CupsReceiptPrinter:
    """Prints strips through a CUPS queue."""

    kind = DeviceKind.PRINTER

    def __init__(self, address: str, *, rasterize: Rasterize = draw, patience_s: float = PATIENCE_S) -> None:
        """Take a link (`cups:QUEUE`, `cups:QUEUE@HOST:PORT`) and how long a complaint may stand under a job."""
        self._queue = CupsQueue(address)
        self._rasterize = rasterize
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
        """Return how the queue stands; of the printer itself nothing is known. Raises: Cancelled."""
        deadline.check("status")
        try:
            word, device = self._look(), DeviceState.ONLINE
        except NotReady as fault:
            word = fault.code
            device = DeviceState.NO_DEVICE if word == "noDevice" else DeviceState.OFFLINE
        else:
            device = device_of(word)
        return Status(self.kind, DRIVER, device, supply=SupplyState.UNKNOWN, code=word, at_mono_s=time.monotonic())

    def capabilities(self) -> Capabilities:
        """Return what this printer can do: no `status`, since the printer has no way to tell."""
        return Capabilities(
            kind=self.kind,
            driver=DRIVER,
            features=("chinese_text", "rare_characters", "qr", "partial_cut", "queue_state"),
            provisional=("printed", "gbk_font"),
            dpi=203,
            width_px=576,
        )

    def print(self, strip: Strip, deadline: Deadline) -> Printed:
        """Print and cut; return when the queue has handed the slip over.

        Raises: NotReady, SupplyOut, Jammed, HardwareFault, TimedOut, Cancelled; WireFault for a code that is too large.
        """
        started = time.monotonic()
        slices = encode_strip(strip, self._rasterize)
        if (word := self._look()) not in GOES_ON:
            raise fault_of(word)
        self._queue.cancel_stale()
        job = self._queue.send(TITLE, b"".join(one.data for one in slices), FORMAT, {}, deadline)
        self._queue.see_through(job, deadline, self._patience_s)
        lines = sum(one.rows for one in slices)
        return Printed(lines, (time.monotonic() - started) * 1000, SupplyState.UNKNOWN)

    def _look(self) -> str:
        """Return the word that matters: reasons only while a job runs, else they are the last job's."""
        queue = self._queue.look()
        if not queue.is_accepting:
            raise NotReady("queue_refuses")
        return queue.word if queue.state == PROCESSING or queue.word == "paused" else ""
