"""The wire form of delivery: uploads by tus, then the idempotent PUT; implements `Delivery`.

Source: reference/queue-and-sync.md §9.2, §10; the uploads are kiosk/central/tus.py. Nothing here retries: the durable
queue does. Nothing here decides that a thing is delivered: the sync loop verifies the receipt.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from kiosk.central.answers import (
    Reply,
    check,
    decode_json,
    is_portal,
    problem_code,
    retry_after_s,
)
from kiosk.central.pieces import Pieces
from kiosk.central.token import AuthorisedClient
from kiosk.central.tus import Progress, TusUploads
from kiosk.trust.signed import TrustFault, decode_wire, encode_wire, to_base64url
from kiosk.trust.time import TrustedTime
from offline_queue.api import (
    CODES,
    PARTS_MAX,
    Action,
    Answer,
    AnswerFault,
    Busy,
    Consignment,
    PartUpload,
    Refused,
    SignedObject,
    idle,
)

PUT_LIMIT = 1024 * 1024  # §9.1
CONFLICT_WAIT_S = 5.0  # §10, 409 on PUT without Retry-After


class PlatformDelivery:
    """Brings sealed submissions to the platform."""

    def __init__(self, client: AuthorisedClient, time: TrustedTime, pieces: Pieces | None = None) -> None:
        self._client = client
        self._clock = client.client.clock
        self._time = time
        self._uploads = TusUploads(client, time, pieces)

    def upload(self, sid: str, part: PartUpload, progress: Progress) -> None:
        """Bring one sealed part to the platform, resuming where it stands. Raises: delivery errors."""
        self._uploads.upload(sid, part, progress)

    def put(self, consignment: Consignment, meanwhile: Callable[[], None] = idle) -> Answer:
        """PUT envelope and manifest; the commit point. Raises: delivery errors."""
        body = msgspec.json.encode(
            {"envelope": encode_wire(consignment.envelope), "manifest": to_base64url(consignment.manifest)}
        )
        if len(body) > PUT_LIMIT:
            raise Refused("too_large")
        headers = {"Content-Type": "application/json", "Idempotency-Key": consignment.sid}
        reply = self._client.send("PUT", self._submission(consignment.sid), headers, body, meanwhile=meanwhile)
        if reply.status == 409 and not is_portal(reply):
            raise Busy(
                problem_code(reply) or "in_progress", retry_after_s(reply, self._clock, CONFLICT_WAIT_S), reply.status
            )
        check(reply, self._clock, 200, 201, 202)
        value = decode_json(reply.body)
        if reply.status == 202:
            return self._decode_waiting(value, reply)
        return Answer("committed", receipt=_decode_receipt(value), status=reply.status)

    def status(self, sid: str) -> Answer:
        """Ask what the platform knows of `sid`; state `unknown` = send it. Raises: delivery errors."""
        reply = self._client.send("GET", self._submission(sid))
        if reply.status == 404 and problem_code(reply) == "unknown_submission":
            return Answer("unknown", status=reply.status)
        check(reply, self._clock, 200)
        value = decode_json(reply.body)
        if value.get("state") == "committed":
            return Answer("committed", receipt=_decode_receipt(value.get("receipt")), status=reply.status)
        if value.get("state") == "refused":
            code = value.get("code")
            if isinstance(code, str) and CODES.get(code) is Action.TERMINAL:
                raise Refused(code, reply.status)
            raise AnswerFault("unexpected_answer")
        return self._decode_waiting(value, reply)

    def probe(self) -> None:
        """Return if the platform itself answers, by a signed time. Raises: delivery errors."""
        self._client.probe(self._time)

    def _submission(self, sid: str) -> str:
        return self._client.client.url(f"/submissions/{sid}")

    def _decode_waiting(self, value: dict[str, Any], reply: Reply) -> Answer:
        """Return the answer of a submission that is kept but not committed."""
        missing = value.get("missing", [])
        if not isinstance(missing, list) or len(missing) > PARTS_MAX:
            raise AnswerFault("unexpected_answer")
        if value.get("state") not in ("parts_missing", "processing") or not all(isinstance(m, str) for m in missing):
            raise AnswerFault("unexpected_answer")
        state = "parts_missing" if missing else "processing"
        return Answer(state, None, tuple(missing), retry_after_s(reply, self._clock), reply.status)


def _decode_receipt(value: Any) -> SignedObject:
    try:
        return decode_wire(value)
    except TrustFault as fault:
        raise AnswerFault("no_receipt") from fault
