"""An A4 printer behind a CUPS queue.

The job's state alone decides. Complaints count while our job runs, because then the printer has just made them; of an
idle printer the queue knows nothing, so the printer itself is asked where it speaks IPP. Nothing is printed twice:
what we could not see finished is cancelled, and what a former run of ours left in the queue is cancelled before ours.
"""

from __future__ import annotations

import time

from devices.api import (
    Capabilities,
    Deadline,
    DeviceKind,
    DeviceState,
    NotReady,
    Sheet,
    SheetPrinted,
    Status,
    SupplyState,
    TimedOut,
    WireFault,
)
from devices.drivers.cups_queue import CupsQueue
from devices.drivers.cups_values import PROCESSING
from devices.wire.ipp_reasons import GOES_ON, device_of, fault_of, supply_of

DRIVER = "document-printer-cups"
FORMAT = "application/pdf"
A4 = "iso_a4_210x297mm"
PATIENCE_S = 8.0  # a tray that has just been pushed in, a sheet that is picked at the second try
MAX_BYTES = 32 * 1024 * 1024
MAX_PAGES = 200  # pages times copies; more is a mistake, and somebody's whole tray


class CupsDocumentPrinter:
    """Prints PDF documents on A4 through CUPS."""

    kind = DeviceKind.DOCUMENT_PRINTER

    def __init__(self, address: str, *, patience_s: float = PATIENCE_S) -> None:
        """Take a link (`cups:QUEUE`, `cups:QUEUE@HOST:PORT`) and how long a complaint may stand under a job."""
        self._queue = CupsQueue(address)
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
        """Return what queue and printer tell. Raises: Cancelled.

        Supply is unknown where only the queue could be asked.
        """
        try:
            word, supply = self._look(deadline)
        except NotReady as fault:
            device = DeviceState.NO_DEVICE if fault.code == "noDevice" else DeviceState.OFFLINE
            return self._status(device, SupplyState.UNKNOWN, fault.code)
        except TimedOut:
            return self._status(DeviceState.OFFLINE, SupplyState.UNKNOWN, "no_answer")
        return self._status(device_of(word), supply, word)

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
        word, _ = self._look(deadline)
        if word not in GOES_ON:
            raise fault_of(word)
        self._queue.cancel_stale()
        sides = "two-sided-long-edge" if sheet.is_duplex else "one-sided"
        options = {"media": A4, "sides": sides, "copies": str(sheet.copies)}
        job = self._queue.send(sheet.title, pdf, FORMAT, options, deadline)
        queue = self._queue.see_through(job, deadline, self._patience_s)
        supply = supply_of(queue.reasons)
        return SheetPrinted(sheet.pages * sheet.copies, (time.monotonic() - started) * 1000, supply)

    def _look(self, deadline: Deadline) -> tuple[str, SupplyState]:
        """Return the word that matters and the supply. Raises: NotReady, TimedOut, Cancelled."""
        deadline.check("status")
        queue = self._queue.look()
        if not queue.is_accepting:
            raise NotReady("queue_refuses")
        if queue.word == "paused":
            return "paused", SupplyState.UNKNOWN
        if queue.state == PROCESSING:  # somebody's job runs: the reasons are fresh, and the printer has its hands full
            return queue.word, supply_of(queue.reasons)
        printer = self._queue.ask_printer(queue.device_uri, deadline)
        if printer is None:
            return "", SupplyState.UNKNOWN
        return printer.word, supply_of(printer.reasons)

    def _status(self, device: DeviceState, supply: SupplyState, code: str) -> Status:
        return Status(self.kind, DRIVER, device=device, supply=supply, code=code, at_mono_s=time.monotonic())


def _checked(sheet: Sheet) -> bytes:
    """Return the document's bytes. Raises: WireFault."""
    pdf = sheet.pdf.reveal()
    if not pdf.startswith(b"%PDF-") or len(pdf) > MAX_BYTES:
        raise WireFault("no_pdf")
    if sheet.pages < 1 or sheet.copies < 1 or sheet.pages * sheet.copies > MAX_PAGES:
        raise WireFault("pages")
    return pdf
