"""Going over an audit log: numbers without gap, hash chain, boot times, checkpoint signatures (security.md §7)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from kiosk.station.audit_events import Event
from kiosk.station.audit_format import PURPOSE, Head, decode_line, encode_line, lines, load_head
from offline_queue.api import SignedObject


class Finding(msgspec.Struct, frozen=True):
    """One thing wrong with a log: the number the line should have had, and a closed word."""

    line: int
    word: str


class AuditReport(msgspec.Struct, frozen=True):
    """What a verifier found. `unsigned` lines stand after the last checkpoint: believed, not yet proven."""

    lines: int
    checkpoints: int
    findings: tuple[Finding, ...]
    head: Head
    unsigned: int
    is_tail_torn: bool

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


SignatureCheck = Callable[[SignedObject, str], bool]
"""Whether a signed object holds for a purpose, by the certificates of the device."""


def verify(path: Path, is_signed: SignatureCheck, genesis: str = "", anchor: Head | None = None) -> AuditReport:
    """Return what is wrong with a log: a folder of segments, or one exported file.

    Checks numbers, chain, canonical form, boot times, and every checkpoint's signature. `genesis` is the hash line 1
    must name; `anchor` a head that somebody else kept, without which lost last lines are found only through the
    folder's own `head.json`. Raises: OSError if it cannot be read.
    """
    if anchor is None and path.is_dir():
        anchor = load_head(path)
    walker = _Walker(is_signed, genesis, anchor)
    torn = False
    for line, is_whole in lines(path):
        if torn:
            walker.find("torn")
        torn = not is_whole
        if is_whole:
            walker.step(line)
    return walker.report(torn)


class _Walker:
    """Goes through the lines once, and goes on after a finding from what it found."""

    def __init__(self, is_signed: SignatureCheck, genesis: str, anchor: Head | None) -> None:
        self._is_signed = is_signed
        self._anchor = anchor if anchor is not None and anchor.n else None
        self._head = Head(0, genesis)
        self._heads: dict[int, str] = {}
        self._findings: list[Finding] = []
        self._counts = {"lines": 0, "checkpoints": 0, "signed_n": 0}
        self._mono_ms = 0
        self._device = ""

    def find(self, word: str) -> None:
        self._findings.append(Finding(self._head.n + 1, word))

    def step(self, line: bytes) -> None:
        self._counts["lines"] += 1
        record = decode_line(line)
        if record is None:
            self.find("not_canonical")
            self._advance(self._head.n + 1, line)
            return
        if self._head.n == 0 and not self._head.h:  # an export may begin anywhere, or without its genesis
            self._head = Head(record["n"] - 1, record["p"])
        if record["n"] != self._head.n + 1:
            self.find("number")
        if record["p"] != self._head.h:
            self.find("chain")
        if record["e"] == Event.APP_START:
            self._mono_ms = 0
        if record["m"] < self._mono_ms:
            self.find("time")
        self._mono_ms = record["m"]
        if record["e"] == Event.CHECKPOINT:
            self._check_signature(record["a"])
        self._advance(record["n"], line)

    def report(self, is_tail_torn: bool) -> AuditReport:
        anchor = self._anchor
        if anchor is not None and anchor.n > self._head.n:
            self.find("lines_missing")
        elif anchor is not None and self._heads.get(anchor.n) != anchor.h:
            self._findings.append(Finding(anchor.n, "anchor"))
        return AuditReport(
            lines=self._counts["lines"],
            checkpoints=self._counts["checkpoints"],
            findings=tuple(self._findings),
            head=self._head,
            unsigned=self._head.n - self._counts["signed_n"],
            is_tail_torn=is_tail_torn,
        )

    def _check_signature(self, fields: dict[str, Any]) -> None:
        try:
            device, number, head = str(fields["device"]), int(fields["line"]), str(fields["head"])
            signature = base64.urlsafe_b64decode(str(fields["sig"]) + "==")
            signed = SignedObject(encode_line({"dev": device, "h": head, "n": number}), str(fields["kid"]), signature)
        except (KeyError, ValueError):
            self.find("checkpoint")
            return
        self._device = self._device or device
        if device != self._device or self._heads.get(number) != head or not self._is_signed(signed, PURPOSE):
            self.find("checkpoint")
            return
        self._counts["checkpoints"] += 1
        self._counts["signed_n"] = self._head.n + 1

    def _advance(self, number: int, line: bytes) -> None:
        self._head = Head(number, hashlib.sha256(line).hexdigest())
        self._heads[number] = self._head.h
