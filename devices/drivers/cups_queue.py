"""One queue of a CUPS server: send a job, watch it, call it off. The only module that imports cups.

A link is `cups:QUEUE` (the server of this machine), `cups:QUEUE@HOST:PORT` or `cups:QUEUE@/path/of/cups.sock`.
libcups keeps the server's name per thread and takes it from there when a job is made, whatever the connection says;
so it is set around each call. An idle queue's reasons are hearsay: they are those of the last job (docs/adr/0020).
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import msgspec

from devices.api import Deadline, DeviceError, HardwareFault, NotReady, TimedOut, WireFault
from devices.drivers.cups_values import JobState, Told, told
from devices.drivers.ipp_printer import IppPrinter
from devices.wire.ipp_reasons import GOES_ON, fault_of

T = TypeVar("T")

PREFIX = "jinban-"  # how we know our own jobs again
TITLE = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_LINK = re.compile(r"cups:([^\s/#?'\"\\@]{1,127})(?:@(\S+))?")
_SERVER = re.compile(r"/\S+|(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")
CHUNK = 64 * 1024
POLL_S = 0.25
KNOCK_S = 1.0
CONTINUE = 100
NOT_FOUND = 0x0406
QUEUE_WORDS = ("printer-state", "printer-state-reasons", "printer-is-accepting-jobs", "device-uri")


class Sent(msgspec.Struct, frozen=True):
    """A job of ours in the queue."""

    number: int
    name: str


class CupsQueue:
    """One queue. All calls come from the driver's lane."""

    def __init__(self, address: str) -> None:
        """Take a link. Raises: ValueError, one sentence with the link and what is allowed."""
        found = _LINK.fullmatch(address)
        if found is None or (found[2] is not None and _SERVER.fullmatch(found[2]) is None):
            raise ValueError(f"link {address!r}: allowed are cups:QUEUE, cups:QUEUE@HOST:PORT or cups:QUEUE@/SOCKET")
        self.name, self._server = found[1], found[2] or ""
        self._connection: Any = None

    def close(self) -> None:
        """Let go of the server."""
        self._connection = None

    def look(self) -> Told:
        """Ask the server for the queue. Raises: NotReady("noDevice") when there is no such server or queue."""
        found = self._call(lambda cups: cups.getPrinterAttributes(self.name, requested_attributes=list(QUEUE_WORDS)))
        return told(found)

    def ask_printer(self, device_uri: str, deadline: Deadline) -> Told | None:
        """Ask the printer itself, past the queue; None where it cannot be asked, so nothing is known.

        Raises: NotReady("offline") when it cannot be reached, Cancelled, TimedOut.
        """
        printer = IppPrinter.at(device_uri)
        return printer.look(deadline) if printer is not None else None

    def send(
        self, title: str, data: bytes, document_format: str, options: Mapping[str, str], deadline: Deadline
    ) -> Sent:
        """Put a job into the queue and return it. Raises: NotReady, WireFault, TimedOut, Cancelled."""
        if TITLE.fullmatch(title) is None:
            raise WireFault("title")  # a title is seen by everybody: nothing of a person may slip into it
        name = f"{PREFIX}{title}-{secrets.token_hex(4)}"
        deadline.check("send")
        job = int(self._call(lambda cups: cups.createJob(self.name, name, dict(options))))
        try:
            self._call(lambda cups: _expect(cups.startDocument(self.name, job, title, document_format, 1)))
            for at in range(0, len(data), CHUNK):
                deadline.check("send")
                piece = data[at : at + CHUNK]
                self._write(piece)
            self._call(lambda cups: cups.finishDocument(self.name))
        except DeviceError:
            self.close()  # half a document may still be on its way over it
            self.cancel(job)
            raise
        return Sent(job, name)

    def see_through(self, job: Sent, deadline: Deadline, patience_s: float) -> Told:
        """Follow a job to its end, and cancel one that does not come to it. Raises: as `follow`."""
        try:
            return self.follow(job, deadline, patience_s)
        except DeviceError:
            self.cancel(job.number)
            raise

    def follow(self, job: Sent, deadline: Deadline, patience_s: float) -> Told:
        """Return what the queue says when the job is completed.

        A complaint ends the job only when it has stood for `patience_s`: an empty by-pass tray is one too, and the
        printer prints on. Raises: SupplyOut, Jammed, HardwareFault, NotReady, TimedOut, Cancelled.
        """
        word, since = "", time.monotonic()
        while True:
            state = self.job_state(job.number)
            queue = self.look()
            if state is JobState.COMPLETED:
                self._confirm(job, queue.device_uri, deadline)
                return queue
            if state in (JobState.CANCELED, JobState.ABORTED):
                raise HardwareFault(f"job_{state.name.lower()}")
            now = "paused" if state in (JobState.HELD, JobState.STOPPED) else queue.word
            if now != word:
                word, since = now, time.monotonic()
            if word not in GOES_ON and time.monotonic() - since >= patience_s:
                raise fault_of(word, during=True)
            try:
                deadline.wait(POLL_S)
            except TimedOut as error:
                if word not in GOES_ON:
                    raise fault_of(word, during=True) from error
                with suppress(TimedOut):
                    self.ask_printer(queue.device_uri, Deadline(KNOCK_S))
                raise TimedOut("not_printed") from error

    def _confirm(self, job: Sent, device_uri: str, deadline: Deadline) -> None:
        """Ask the printer what became of the job: what it aborted is *completed* to cupsd. Raises: as `follow`."""
        printer = IppPrinter.at(device_uri)
        while printer is not None:
            state = printer.job_state(job.name, deadline)
            if state in (JobState.CANCELED, JobState.ABORTED):
                raise HardwareFault(f"job_{state.name.lower()}")
            if state in (None, JobState.COMPLETED):
                return
            deadline.wait(POLL_S)

    def job_state(self, job: int) -> JobState:
        """Return a job's state. Raises: NotReady, HardwareFault("job_gone") when the server does not know it."""
        try:
            found = self._call(lambda cups: cups.getJobAttributes(job, requested_attributes=["job-state"]))
            return JobState(found["job-state"])
        except NotReady as fault:
            if fault.detail == "not found":
                raise HardwareFault("job_gone") from fault
            raise
        except (KeyError, ValueError) as error:
            raise HardwareFault("answer_garbled") from error

    def cancel(self, job: int) -> None:
        """Call a job off and have its files removed; one that is over or gone is left."""
        with suppress(DeviceError):
            self._call(lambda cups: cups.cancelJob(job, purge_job=True))

    def cancel_stale(self) -> int:
        """Call off what is left in the queue of ours, by its name and its owner; return how many. Raises: NotReady."""
        import cups

        wanted = ["job-id", "job-name", "job-originating-user-name", "job-printer-uri", "job-state"]
        found = self._call(lambda c: c.getJobs(which_jobs="not-completed", my_jobs=True, requested_attributes=wanted))
        stale = [
            number
            for number, job in found.items()
            if str(job.get("job-name", "")).startswith(PREFIX)
            and job.get("job-originating-user-name") == cups.getUser()
            and str(job.get("job-printer-uri", "")).rpartition("/")[2] == self.name
        ]
        for number in stale:
            self.cancel(number)
        return len(stale)

    def _write(self, piece: bytes) -> None:
        self._call(lambda cups: _expect(cups.writeRequestData(piece, len(piece))))

    def _call(self, ask: Callable[[Any], T]) -> T:
        import cups

        with _spoken_to(self._server):
            try:
                if self._connection is None:
                    cups.setPasswordCB(lambda prompt: "")  # libcups would ask at the terminal, and wait
                    self._connection = cups.Connection()
                return ask(self._connection)
            except cups.IPPError as error:
                code, text = (*error.args, 0, "")[:2]
                if code == NOT_FOUND:
                    raise NotReady("noDevice", "not found") from error
                self.close()
                raise NotReady("queue_refuses" if code and code < 0x0500 else "noDevice", str(text)) from error
            except (RuntimeError, cups.HTTPError) as error:
                self.close()
                raise NotReady("noDevice", "no print server") from error


@contextmanager
def _spoken_to(server: str) -> Iterator[None]:
    """Make a server this thread's own for a while; "" leaves CUPS_SERVER, client.conf or the machine's socket."""
    import cups

    if not server:
        yield
        return
    name, port = cups.getServer(), cups.getPort()
    cups.setServer(server)
    try:
        yield
    finally:
        cups.setServer(name)
        cups.setPort(port)


def _expect(status: int) -> None:
    if status != CONTINUE:
        raise NotReady("queue_refuses", f"HTTP {status}")
