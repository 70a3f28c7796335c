"""The audit log: numbered, hash-chained lines with signed checkpoints (security.md §7).

One canonical JSON line an event: `n` number, `t` wall ms, `m` monotonic ms, `e` event, `a` arguments, `p` SHA-256 of
the line before. It cannot hold personal data: arguments are of closed types.
"""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from kiosk.station.audit_events import AuditFault, Event, EventCatalogue, load_events
from kiosk.station.audit_format import (
    PURPOSE,
    Head,
    decode_line,
    encode_line,
    load_head,
    segments,
    store_head,
    to_text,
)
from offline_queue.api import Clock, QueueError, Signer

CHECKPOINT_EVENTS = 100
CHECKPOINT_S = 300.0  # 5 minutes
SEGMENT_BYTES = 8 * 1024 * 1024  # a fortnight at 3 000 events a day; 190 days are about eleven segments


class AuditLog:
    """The open log of this terminal. Safe to use from several threads; one process at a time.

    With `start()` checkpoints are signed and synced by a thread of their own, else by whoever records.
    Raises: AuditFault("audit_unwritable").
    """

    def __init__(
        self,
        folder: Path,
        genesis: str,
        signer: Signer,
        clock: Clock,
        *,
        is_strict: bool = True,
        segment_bytes: int = SEGMENT_BYTES,
        catalogue: EventCatalogue | None = None,
    ) -> None:
        self._folder = folder
        self._signer = signer
        self._clock = clock
        self._is_strict = is_strict
        self._segment_bytes = segment_bytes
        self._catalogue = catalogue or load_events()
        self._lock = threading.Lock()  # file and head
        self._checkpoint_lock = threading.Lock()  # one checkpoint at a time; taken before _lock
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._is_closing = False
        self.dropped = 0  # events refused in the field, where a mistake must not stop a visit
        self.is_healthy = True  # False once a checkpoint of the thread has failed: no more service
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            tail = _open_tail(folder, genesis)
            self._head, self._file = tail.head, tail.file
            synced = load_head(folder)
        except OSError as fault:
            raise AuditFault("audit_unwritable", type(fault).__name__) from fault
        self._signed_n = self._head.n
        self._signed_mono_s = clock.mono_s()
        if tail.cut_bytes:
            self.record(Event.TAIL_CUT, bytes=tail.cut_bytes)
        if synced.n > tail.head.n:
            self.record(Event.GAP, expected=synced.n, found=tail.head.n)

    def record(self, event: Event, **arguments: Any) -> int:
        """Return the number of the line written, or 0 for an event dropped in the field.

        Raises: AuditFault("bad_event") when strict, for arguments outside the catalogue;
        AuditFault("audit_unwritable").
        """
        try:
            checked = self._catalogue.check(event, arguments)
        except AuditFault:
            if self._is_strict:
                raise
            self.dropped += 1
            return 0
        with self._lock:
            number = self._append(event, checked)
            is_due = (
                self._catalogue.kinds[event].is_urgent
                or self._head.n - self._signed_n >= CHECKPOINT_EVENTS
                or self._clock.mono_s() - self._signed_mono_s >= CHECKPOINT_S
            )
        if is_due and self._thread is not None:
            self._wake.set()
        elif is_due:
            self.checkpoint()
        return number

    def head(self) -> Head:
        """Return number and hash of the last line."""
        with self._lock:
            return self._head

    def checkpoint(self) -> None:
        """Sign the head and make everything up to here durable; nothing happens if there is nothing new.

        Raises: AuditFault("audit_unwritable"), QueueError("signer_unavailable").
        """
        with self._checkpoint_lock:
            head = self.head()
            if head.n == self._signed_n:
                return
            device = self._signer.device_id
            signed = self._signer.sign(PURPOSE, encode_line({"dev": device, "h": head.h, "n": head.n}))
            fields = {
                "device": device,
                "head": head.h,
                "kid": signed.kid,
                "line": head.n,
                "sig": to_text(signed.signature),
            }
            checked = self._catalogue.check(Event.CHECKPOINT, fields)
            try:
                with self._lock:
                    self._append(Event.CHECKPOINT, checked)
                    self._signed_n, self._signed_mono_s = self._head.n, self._clock.mono_s()
                    head, file = self._head, self._file
                os.fsync(file.fileno())
                store_head(self._folder, head)
                if file.tell() >= self._segment_bytes:
                    with self._lock:
                        self._file = _open_segment(self._folder, self._head.n + 1)
                    os.fsync(file.fileno())  # lines that came between checkpoint and turn
                    file.close()
            except OSError as fault:
                raise AuditFault("audit_unwritable", type(fault).__name__) from fault

    def start(self) -> None:
        """Let a thread sign and sync, so that no caller waits for the disk."""
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Write the last checkpoint and close the file."""
        self._is_closing = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        try:
            self.checkpoint()
        finally:
            self._file.close()

    def _run(self) -> None:
        while not self._is_closing:
            self._wake.wait(CHECKPOINT_S)
            self._wake.clear()
            try:
                self.checkpoint()
            except (AuditFault, QueueError):
                self.is_healthy = False

    def _append(self, event: Event, arguments: dict[str, Any]) -> int:
        """Return the number of a line appended under the lock; it is in the kernel's hands, not yet synced."""
        number = self._head.n + 1
        line = encode_line(
            {
                "a": arguments,
                "e": event.value,
                "m": int(self._clock.mono_s() * 1000),
                "n": number,
                "p": self._head.h,
                "t": int(self._clock.wall_s() * 1000),
            }
        )
        try:
            self._file.write(line + b"\n")
            self._file.flush()
        except OSError as fault:
            raise AuditFault("audit_unwritable", type(fault).__name__) from fault
        self._head = Head(number, hashlib.sha256(line).hexdigest())
        return number


class _Tail(NamedTuple):
    head: Head
    file: BinaryIO
    cut_bytes: int


def _open_tail(folder: Path, genesis: str) -> _Tail:
    """Return the last head and its open segment; a torn last line, left by a power cut, is taken off."""
    head, cut = Head(0, genesis), 0
    found = segments(folder)
    for segment in reversed(found):
        data = segment.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            cut += len(data) - len(whole)
            with segment.open("r+b") as torn:
                torn.truncate(len(whole))
                os.fsync(torn.fileno())
        if whole:
            line = whole[:-1].rpartition(b"\n")[2]
            record = decode_line(line)
            if record is None:
                raise AuditFault("audit_unwritable", "last line is not a record")
            head = Head(record["n"], hashlib.sha256(line).hexdigest())
            break
    file = found[-1].open("ab") if found else _open_segment(folder, 1)
    return _Tail(head, file, cut)


def _open_segment(folder: Path, number: int) -> BinaryIO:
    """Return a new segment, named after its first line and durable in its folder."""
    handle = os.open(folder / f"audit-{number:010d}.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return os.fdopen(handle, "ab")
