"""Our own tus 1.0 client: core, creation and expiration, for one sealed part at a time.

Source: reference/queue-and-sync.md §9.2, §10, §11.6; tus resumable upload protocol 1.0.0. Nothing here tries again
after a fault: the durable queue does. A saved address means a broken-off upload: the platform is asked first.
"""

from __future__ import annotations

import base64
import email.utils
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from kiosk.central.answers import Reply, check, is_portal
from kiosk.central.pieces import Pieces
from kiosk.central.token import AuthorisedClient
from kiosk.trust.time import TrustedTime
from offline_queue.api import AnswerFault, PartUpload, QueueError, Unreachable

MAX_DOUBTS = 3  # HEADs in one upload that bring no progress; after them the line is left alone for a while
TUS = {"Tus-Resumable": "1.0.0"}
OFFSET_BYTES = "application/offset+octet-stream"
GONE = (404, 410)
EXPIRIES_KEPT = 1000  # addresses whose end we remember; a terminal has a few under way

Progress = Callable[[str, int], None]


class TusUploads:
    """Brings sealed parts up in pieces. One upload at a time, so that no address ever gets two PATCHes."""

    def __init__(self, client: AuthorisedClient, time: TrustedTime, pieces: Pieces | None = None) -> None:
        self.client = client
        self.clock = client.client.clock
        self.pieces = pieces or Pieces()
        self._time = time
        self._lock = threading.Lock()
        self._ends_s: dict[str, float] = {}  # address → monotonic second at which the platform drops the upload

    def upload(self, sid: str, part: PartUpload, progress: Progress) -> None:
        """Bring one sealed part to the platform, resuming where it stands.

        Raises: delivery errors, QueueError("blob_unreadable").
        """
        try:
            with self._lock, Path(part.path).open("rb") as file:
                _Upload(self, sid, part, progress, file).run()
        except OSError as fault:
            raise QueueError("blob_unreadable", type(fault).__name__) from fault

    def note_end(self, url: str, reply: Reply) -> None:
        """Remember when the platform will drop an upload, if the answer says so.

        What counts is how long after the answer's own Date that is: our clock may be wrong, theirs agrees with itself.
        """
        end_s = _date_s(reply.headers.get("upload-expires", ""))
        if end_s is None:
            return
        told_s = _date_s(reply.headers.get("date", ""))
        life_s = end_s - (self._time.now_s() if told_s is None else told_s)
        if len(self._ends_s) >= EXPIRIES_KEPT:
            self._ends_s.pop(next(iter(self._ends_s)))
        self._ends_s[url] = self.clock.mono_s() + life_s

    def has_ended(self, url: str) -> bool:
        """Whether the platform said that it would have dropped this upload by now."""
        return self.clock.mono_s() >= self._ends_s.get(url, float("inf"))


class _Upload:
    """One part on its way: where it lies there, how far it is, and what to do when in doubt."""

    def __init__(self, uploads: TusUploads, sid: str, part: PartUpload, progress: Progress, file: BinaryIO) -> None:
        self._uploads = uploads
        self._client = uploads.client
        self._wire = uploads.client.client  # one endpoint from the first request to the last
        self._sid = sid
        self._part = part
        self._progress = progress
        self._file = file
        self._doubts = 0
        self._is_created_again = False

    def run(self) -> None:
        url = self._client.moved_url(self._part.upload_url, self._wire) if self._part.upload_url else ""
        if url and self._uploads.has_ended(url):
            url = ""
        offset = self._ask_offset(url) if url else None
        while offset is None:
            url, offset = self._create(), 0
        while offset < self._part.size:
            url, offset = self._patch(url, offset)

    def _create(self) -> str:
        """Return the address of a fresh or already known upload, saved before its first byte leaves."""
        fields = (("sid", self._sid), ("part", self._part.name), ("sha256", self._part.sha256))
        metadata = ",".join(f"{name} {base64.b64encode(text.encode()).decode()}" for name, text in fields)
        headers = {**TUS, "Upload-Length": str(self._part.size), "Upload-Metadata": metadata}
        reply = self._check(self._client.send("POST", self._wire.url("/uploads"), headers, b""), 200, 201)
        location = reply.headers.get("location", "")
        url = self._wire.own_url(location) if location else ""
        if not url:
            raise AnswerFault("no_location")
        self._uploads.note_end(url, reply)
        self._progress(url, 0)
        return url

    def _ask_offset(self, url: str) -> int | None:
        """Return how much the platform has, or None if it has forgotten the upload, or means another one."""
        reply = self._client.send("HEAD", url, dict(TUS))
        if reply.status in GONE and not is_portal(reply):
            self._forget(reply)
            return None
        self._check(reply, 200, 204)
        self._uploads.note_end(url, reply)
        if self._uploads.has_ended(url) or reply.headers.get("upload-length", str(self._part.size)) != str(
            self._part.size
        ):
            self._forget(reply)
            return None
        offset = self._offset_of(reply)
        self._progress(url, offset)
        return offset

    def _patch(self, url: str, offset: int) -> tuple[str, int]:
        """Return address and offset after one piece has been sent."""
        pieces = self._uploads.pieces
        self._file.seek(offset)
        piece = self._file.read(min(pieces.size, self._part.size - offset))
        if not piece:
            raise QueueError("blob_unreadable", "shorter than its row says")
        headers = {**TUS, "Upload-Offset": str(offset), "Content-Type": OFFSET_BYTES}
        started_s = self._uploads.clock.mono_s()
        try:
            reply = self._client.send("PATCH", url, headers, piece)
        except Unreachable:
            pieces.lost()
            raise
        if reply.status == 409 and not is_portal(reply):
            return self._resume(url, offset)
        if reply.status in GONE and not is_portal(reply):
            self._forget(reply)
            return self._create(), 0
        if reply.status in (408, 413) or reply.status >= 500:  # a gateway that found it too long or too slow
            pieces.lost()
        self._check(reply, 204)
        self._uploads.note_end(url, reply)
        advanced = self._offset_of(reply)
        if not offset < advanced <= offset + len(piece):
            return self._resume(url, offset)
        if len(piece) >= pieces.size:
            pieces.arrived(self._uploads.clock.mono_s() - started_s)
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
        if self._is_created_again:
            raise Unreachable("upload_gone", status=reply.status)
        self._is_created_again = True

    def _offset_of(self, reply: Reply) -> int:
        text = reply.headers.get("upload-offset", "")
        if not (text.isascii() and text.isdigit() and len(text) < 16) or int(text) > self._part.size:
            raise AnswerFault("bad_offset")
        return int(text)

    def _check(self, reply: Reply, *allowed: int) -> Reply:
        return check(reply, self._uploads.clock, *allowed)


def _date_s(text: str) -> float | None:
    """Return the Unix seconds of an HTTP date, or None for none."""
    if not text:
        return None
    try:
        return email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
