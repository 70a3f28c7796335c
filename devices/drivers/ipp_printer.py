"""The printer behind a CUPS queue, asked over IPP itself: how it is while it is idle, and what became of a job.

cupsd knows neither. An idle queue repeats the last job's complaints, and a job that the printer aborted counts as
completed there (measured, CUPS 2.4.2 with ippeveprinter; docs/adr/0020).
"""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

from devices.api import Deadline, NotReady, WireFault
from devices.drivers.cups_values import JobState, Told, told
from devices.wire import ipp

IPP_PORT = 631
ANSWER_S = 1.0  # a printer on the terminal's own net answers within milliseconds; one that went is told within two
LATEST = 20  # a printer lists its newest jobs first
WANTED = ("printer-state", "printer-state-reasons", "printer-is-accepting-jobs")


class IppPrinter:
    """One printer by its ipp:// address. Every question is a connection of its own."""

    def __init__(self, host: str, port: int, path: str) -> None:
        self._host, self._port, self._path = host, port, path
        self._uri = f"ipp://{host}:{port}{path}"

    @classmethod
    def at(cls, device_uri: str) -> IppPrinter | None:
        """Return the printer a queue leads to, None where it cannot be asked (no ipp://)."""
        parts = urlsplit(device_uri)
        if parts.scheme != "ipp" or not parts.hostname:
            return None
        return cls(parts.hostname, parts.port or IPP_PORT, parts.path or "/ipp/print")

    def look(self, deadline: Deadline) -> Told | None:
        """Return how the printer is; None when it does not tell.

        Raises: NotReady("offline") when it cannot be reached, Cancelled, TimedOut.
        """
        answer = self._ask(ipp.encode_request(ipp.Ask.GET_PRINTER, self._uri, WANTED), deadline)
        found = answer.of(ipp.GROUP_PRINTER) if answer.is_ok else ()
        return told(found[0]) if found and "printer-state" in found[0] else None

    def job_state(self, name: str, deadline: Deadline) -> JobState | None:
        """Return the state of the newest job of that name, None when the printer does not tell.

        Raises: NotReady("offline"), Cancelled, TimedOut.
        """
        for which in ("completed", "not-completed"):
            request = ipp.encode_request(
                ipp.Ask.GET_JOBS,
                self._uri,
                ("job-name", "job-state"),
                (ipp.INTEGER, "limit", LATEST),
                (ipp.KEYWORD, "which-jobs", which),
            )
            answer = self._ask(request, deadline)
            states = [
                job.get("job-state", (0,))[0] for job in answer.of(ipp.GROUP_JOB) if job.get("job-name") == (name,)
            ]
            if answer.is_ok and states and states[0] in set(JobState):
                return JobState(int(states[0]))
        return None

    def _ask(self, request: bytes, deadline: Deadline) -> ipp.Answer:
        deadline.check("status")
        patience = max(0.01, min(ANSWER_S, deadline.left_s()))
        connection = http.client.HTTPConnection(self._host, self._port, timeout=patience)
        try:
            connection.request("POST", self._path, request, {"Content-Type": "application/ipp"})
            answer = connection.getresponse()
            return ipp.decode_answer(answer.read(ipp.MAX_ANSWER + 1))
        except WireFault:
            return ipp.Answer(status=ipp.FIRST_ERROR)  # it listens, and does not speak IPP here
        except (OSError, http.client.HTTPException) as error:
            raise NotReady("offline") from error
        finally:
            connection.close()
