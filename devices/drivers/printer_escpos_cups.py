"""A receipt printer behind a raw CUPS queue: the same bytes as over a line, and less certainty.

A queue has no way back for the printer's status bytes. So the queue's state and reasons are all there is; supply stays
unknown, *printed* means that the queue has handed every byte over, and the capabilities leave `status` out. Where a
printer can be had by serial, TCP or its USB node, that link is the better one.
"""

from __future__ import annotations

import time

from devices.api import Capabilities, Deadline, DeviceKind, Printed, Strip, SupplyState
from devices.drivers.cups_printer import CupsPrinter
from devices.drivers.cups_values import PROCESSING
from devices.drivers.glyphs import rasterize as draw
from devices.wire import escpos
from devices.wire.strip import Rasterize, encode_strip

DRIVER = "printer-escpos-cups"
FORMAT = "application/vnd.cups-raw"  # no filter touches it
TITLE = "slip"
PATIENCE_S = 2.0


class CupsReceiptPrinter(CupsPrinter):
    """Prints strips through a CUPS queue."""

    kind = DeviceKind.PRINTER

    def __init__(self, address: str, *, rasterize: Rasterize = draw, patience_s: float = PATIENCE_S) -> None:
        """Take a link and how long a complaint may stand under a job: CupsPrinter."""
        super().__init__(address, DRIVER, patience_s)
        self._rasterize = rasterize
        self._may_hold_rest = True  # of a job that broke off, or of whoever printed before us: docs/adr/0034

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
        rest = escpos.encode((escpos.Reset(), escpos.Cut(is_partial=False))) if self._may_hold_rest else b""
        self._may_hold_rest = True
        self._send(TITLE, rest + b"".join(one.data for one in slices), FORMAT, {}, deadline)
        self._may_hold_rest = False
        lines = sum(one.rows for one in slices)
        return Printed(lines, (time.monotonic() - started) * 1000, SupplyState.UNKNOWN)

    def _look(self, deadline: Deadline) -> tuple[str, SupplyState]:
        """Return the queue's word: its reasons only while a job runs, else they are the last job's."""
        queue = self._ask_queue(deadline)
        is_fresh = queue.state == PROCESSING or queue.word == "paused"
        return queue.word if is_fresh else "", SupplyState.UNKNOWN
