"""The wire form of delivery: tus uploads with resume, then the idempotent PUT; implements `Delivery`.

Source: reference/queue-and-sync.md §9.2, §10, §11.6. Nothing here retries: the durable queue does. Nothing here
decides that a thing is delivered: the sync loop verifies the receipt.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from kiosk.central.answers import (
    Reply,
    check,
    decode_json,
    fault_of,
    is_portal,
    problem_code,
    retry_after_s,
)
from kiosk.central.now import ask_time
from kiosk.central.token import AuthorisedClient
from kiosk.trust.signed import TrustFault, decode_wire, encode_wire, to_base64url
from kiosk.trust.time import TrustedTime
from offline_queue.api import (
    CODES,
    Action,
    Answer,
    AnswerFault,
    Busy,
    Consignment,
    PartUpload,
    QueueError,
    Refused,
    SignedObject,
    Unreachable,
)

PATCH_BYTES = 256 * 1024  # §11.6 allows 64–512 KiB
PUT_LIMIT = 1024 * 1024  # §9.1
CONFLICT_WAIT_S = 5.0  # §10, 409 on PUT without Retry-After
MAX_DOUBTS = 3  # HEADs in one upload that bring no progress; after them the line is left alone for a while
TUS = {"Tus-Resumable": "1.0.0"}
OFFSET_BYTES = "application/offset+octet-stream"
MISSING_LIMIT = 64

Progress = Callable[[str, int], None]


class PlatformDelivery:
    """Brings sealed submissions to the platform."""

    def __init__(self, client: AuthorisedClient, time: TrustedTime) -> None:
        self._client = client
        self._clock = client.client.clock
        self._time = time

    def upload(self, sid: str, part: PartUpload, progress: Progress) -> None:
        """Bring one sealed part to the platform, resuming where it stands. Raises: delivery errors."""
        try:
            with Path(part.path).open("rb") as file:
                _Upload(self, sid, part, progress, file).run()
        except OSError as fault:
            raise QueueError("blob_unreadable", type(fault).__name__) from fault

    def put(self, consignment: Consignment) -> Answer:
        """PUT envelope and manifest; the commit point. Raises: delivery errors."""
        body = msgspec.json.encode(
            {"envelope": encode_wire(consignment.envelope), "manifest": to_base64url(consignment.manifest)}
        )
        if len(body) > PUT_LIMIT:
            raise Refused("too_large")
        headers = {"Content-Type": "application/json", "Idempotency-Key": consignment.sid}
        reply = self.send("PUT", self._submission(consignment.sid), headers, body)
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
        reply = self.send("GET", self._submission(sid))
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
        ask_time(self._client.client, self._time)

    def send(self, method: str, url: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> Reply:
        """Return the answer to one authorised request. Raises: Unreachable, Unauthorised, Busy."""
        return self._client.send(method, url, headers, body)

    def create_url(self) -> str:
        """Return where uploads are created."""
        return self._client.client.url("/uploads")

    def own_url(self, location: str) -> str:
        """Return an upload address of our own platform, absolute; nothing for any other."""
        return self._client.client.own_url(location)

    def check(self, reply: Reply, *allowed: int) -> Reply:
        """Return the reply if its status is allowed. Raises: the delivery error it stands for."""
        return check(reply, self._clock, *allowed)

    def fault_of(self, reply: Reply) -> QueueError:
        """Return the delivery error a reply stands for."""
        return fault_of(reply, self._clock)

    def _submission(self, sid: str) -> str:
        return self._client.client.url(f"/submissions/{sid}")

    def _decode_waiting(self, value: dict[str, Any], reply: Reply) -> Answer:
        """Return the answer of a submission that is kept but not committed."""
        missing = value.get("missing", [])
        if not isinstance(missing, list) or len(missing) > MISSING_LIMIT:
            raise AnswerFault("unexpected_answer")
        if value.get("state") not in ("parts_missing", "processing") or not all(isinstance(m, str) for m in missing):
            raise AnswerFault("unexpected_answer")
        state = "parts_missing" if missing else "processing"
        return Answer(state, None, tuple(missing), retry_after_s(reply, self._clock), reply.status)


class _Upload:
    """One part on its way: where it lies there, how far it is, and what to do when in doubt."""

    def __init__(self, wire: PlatformDelivery, sid: str, part: PartUpload, progress: Progress, file: BinaryIO) -> None:
        self._wire = wire
        self._sid = sid
        self._part = part
        self._progress = progress
        self._file = file
        self._doubts = 0
        self._recreated = False

    def run(self) -> None:
        url = self._wire.own_url(self._part.upload_url) if self._part.upload_url else ""
        offset = self._ask_offset(url) if url else None  # a saved address means a broken-off upload: ask first
        while offset is None:
            url, offset = self._create(), 0
        while offset < self._part.size:
            url, offset = self._patch(url, offset)

    def _create(self) -> str:
        """Return the address of a fresh or already known upload, saved before its first byte leaves."""
        fields = (("sid", self._sid), ("part", self._part.name), ("sha256", self._part.sha256))
        metadata = ",".join(f"{name} {base64.b64encode(text.encode()).decode()}" for name, text in fields)
        headers = {**TUS, "Upload-Length": str(self._part.size), "Upload-Metadata": metadata}
        reply = self._wire.check(self._wire.send("POST", self._wire.create_url(), headers, b""), 200, 201)
        url = self._wire.own_url(reply.headers.get("location", ""))
        if not reply.headers.get("location") or not url:
            raise AnswerFault("no_location")
        self._progress(url, 0)
        return url

    def _ask_offset(self, url: str) -> int | None:
        """Return how much the platform has, or None if it has forgotten the upload."""
        reply = self._wire.send("HEAD", url, dict(TUS))
        if reply.status in (404, 410) and not is_portal(reply):
            self._forget(reply)
            return None
        self._wire.check(reply, 200, 204)
        offset = self._offset_of(reply)
        self._progress(url, offset)
        return offset

    def _patch(self, url: str, offset: int) -> tuple[str, int]:
        """Return address and offset after one chunk has been sent."""
        self._file.seek(offset)
        chunk = self._file.read(min(PATCH_BYTES, self._part.size - offset))
        if not chunk:
            raise QueueError("blob_unreadable", "shorter than its row says")
        headers = {**TUS, "Upload-Offset": str(offset), "Content-Type": OFFSET_BYTES}
        reply = self._wire.send("PATCH", url, headers, chunk)
        if reply.status == 409 and not is_portal(reply):
            return self._resume(url, offset)
        if reply.status in (404, 410) and not is_portal(reply):
            self._forget(reply)
            return self._create(), 0
        self._wire.check(reply, 204)
        advanced = self._offset_of(reply)
        if not offset < advanced <= offset + len(chunk):
            return self._resume(url, offset)
        self._progress(url, advanced)
        return url, advanced

    def _resume(self, url: str, offset: int) -> tuple[str, int]:
        """Return where the platform says we stand; a bounded number of times if that brings us nowhere."""
        found = self._ask_offset(url)
        if found is None:
            return self._create(), 0
        if found <= offset:
            self._doubts += 1
            if self._doubts >= MAX_DOUBTS:
                raise Unreachable("upload_stuck")
        return url, found

    def _forget(self, reply: Reply) -> None:
        """Allow one new start; a second loss within one upload is a gateway talking."""
        if self._recreated:
            raise Unreachable("upload_gone", status=reply.status)
        self._recreated = True

    def _offset_of(self, reply: Reply) -> int:
        text = reply.headers.get("upload-offset", "")
        if not (text.isascii() and text.isdigit() and len(text) < 16) or int(text) > self._part.size:
            raise AnswerFault("bad_offset")
        return int(text)


def _decode_receipt(value: Any) -> SignedObject:
    try:
        return decode_wire(value)
    except TrustFault as fault:
        raise AnswerFault("no_receipt") from fault
