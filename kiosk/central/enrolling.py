"""The wire of enrolment: two requests before there is a token; implements `kiosk.trust.enrol.Wire`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from kiosk.central.answers import check, decode_json, fault_of, is_portal, problem_code
from kiosk.central.client import PlatformClient
from kiosk.trust.enrol import EnrolFault, Enrolment, Pending, WireAnswer
from kiosk.trust.identity import Device
from offline_queue.api import Busy, QueueError, Unreachable


class EnrolWire:
    """Asks the platform about an enrolment over TLS with the CA of the package."""

    def __init__(self, client: PlatformClient) -> None:
        self._client = client

    @property
    def base_url(self) -> str:
        """Return the platform's address without `/v1`."""
        return self._client.base_url

    def post(self, path: str, body: dict[str, Any]) -> WireAnswer:
        """Return the platform's own answer, yes or no. Raises: Unreachable, Busy, AnswerFault."""
        headers = {"Content-Type": "application/json"}
        reply = self._client.exchange("POST", self._client.url(path), headers, msgspec.json.encode(body))
        code = problem_code(reply)
        fault = fault_of(reply, self._client.clock)
        if code and not is_portal(reply) and not isinstance(fault, Busy):
            return WireAnswer(reply.status, None, code)
        check(reply, self._client.clock, 200, 202)
        return WireAnswer(reply.status, decode_json(reply.body))


def await_device(enrolment: Enrolment, pending: Pending, wait: Callable[[float], bool], patience_s: float) -> Device:
    """Return the device once a person has compared the digits, asking every `poll_s`.

    `wait(seconds)` waits and says whether to stop. An unreachable platform is asked again until patience ends.
    Raises: EnrolFault, with `not_approved` at the end of patience or when told to stop; Unreachable or Busy of the
    last try.
    """
    waited_s, pause_s = 0.0, max(float(pending.poll_s), 0.1)
    while True:
        trouble: QueueError | None = None
        try:
            device = enrolment.poll(pending)
        except (Unreachable, Busy) as fault:
            device, trouble = None, fault
        if device is not None:
            return device
        if waited_s >= patience_s or wait(pause_s):
            raise trouble or EnrolFault("not_approved")
        waited_s += pause_s
