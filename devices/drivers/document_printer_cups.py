"""An A4 printer behind a CUPS queue.

The job's state alone decides. Complaints count while our job runs, because then the printer has just made them; of an
idle printer the queue knows nothing, so the printer itself is asked where it speaks IPP.
"""

from __future__ import annotations

import time

from devices.api import Capabilities, Deadline, DeviceKind, Sheet, SheetPrinted, SupplyState, WireFault
from devices.drivers.cups_printer import CupsPrinter
from devices.drivers.cups_values import PROCESSING
from devices.wire.ipp_reasons import supply_of

DRIVER = "document-printer-cups"
FORMAT = "application/pdf"
A4 = "iso_a4_210x297mm"
PATIENCE_S = 8.0  # a tray that has just been pushed in, a sheet that is picked at the second try
MAX_BYTES = 32 * 1024 * 1024
MAX_PAGES = 200  # pages times copies; more is a mistake, and somebody's whole tray


class CupsDocumentPrinter(CupsPrinter):
    """Prints PDF documents on A4 through CUPS."""

    kind = DeviceKind.DOCUMENT_PRINTER

    def __init__(self, address: str, *, patience_s: float = PATIENCE_S) -> None:
        """Take a link and how long a complaint may stand under a job: CupsPrinter."""
        super().__init__(address, DRIVER, patience_s)

    def capabilities(self) -> Capabilities:
        """Return what this printer can do; no physical device has been met."""
        return Capabilities(
            kind=self.kind,
            driver=DRIVER,
            features=("pdf", "a4", "copies", "duplex", "job_state", "state_reasons"),
            provisional=("duplex", "state_reasons"),
        )

    def print(self, sheet: Sheet, deadline: Deadline) -> SheetPrinted:
        """Print a document and return when its job is completed.

        Raises: SupplyOut, Jammed, HardwareFault, NotReady, TimedOut, Cancelled; WireFault for a sheet that is none.
        """
        started = time.monotonic()
        pdf = _checked(sheet)
        sides = "two-sided-long-edge" if sheet.is_duplex else "one-sided"
        options = {"media": A4, "sides": sides, "copies": str(sheet.copies)}
        queue = self._send(sheet.title, pdf, FORMAT, options, deadline)
        supply = supply_of(queue.reasons)
        return SheetPrinted(sheet.pages * sheet.copies, (time.monotonic() - started) * 1000, supply)

    def _look(self, deadline: Deadline) -> tuple[str, SupplyState]:
        queue = self._ask_queue(deadline)
        if queue.word == "paused":
            return "paused", SupplyState.UNKNOWN
        if queue.state == PROCESSING:  # somebody's job runs: the reasons are fresh, and the printer has its hands full
            return queue.word, supply_of(queue.reasons)
        printer = self._queue.ask_printer(queue.device_uri, deadline)
        if printer is None:
            return "", SupplyState.UNKNOWN
        return printer.word, supply_of(printer.reasons)


def _checked(sheet: Sheet) -> bytes:
    """Return the document's bytes. Raises: WireFault."""
    pdf = sheet.pdf.reveal()
    if not pdf.startswith(b"%PDF-") or len(pdf) > MAX_BYTES:
        raise WireFault("no_pdf")
    if sheet.pages < 1 or sheet.copies < 1 or sheet.pages * sheet.copies > MAX_PAGES:
        raise WireFault("pages")
    return pdf
