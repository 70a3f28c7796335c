"""What a visit leaves in the audit log: closed words and numbers, no text of a person."""

from __future__ import annotations

import hashlib
from typing import Protocol

from devices.api import DeviceError, DeviceKind, Page, Status
from kiosk.session.session import Session, State
from kiosk.station.audit import AuditLog
from kiosk.station.audit_events import Event
from offline_queue.api import DiskFull, QueueError, SealFault

PAGE_FAULTS = {
    "page": "no_page",
    "whole": "cut_off",
    "still": "moved",
    "hands": "moved",
    "sharp": "blurred",
    "far": "blurred",
    "dark": "dark",
    "bright": "bright",
    "glare": "glare",
    "blank": "blank",
    "format": "wrong_side",
    "flat": "wrong_side",
    "side_again": "wrong_side",
}
CARD_FAULTS = {
    "card_expired": "expired",
    "own_card_again": "other_person",
    "condition_not_met": "not_eligible",
    "id_number_bad": "invalid",
}
STOPPED_BY = {State.TROUBLE: "fault"}


class Journal(Protocol):
    """Where a visit is written down."""

    def visit_began(self, session: Session) -> None:
        """A person has touched the screen."""

    def visit_ended(self, session: Session, was_idle: bool) -> None:
        """The visit is over."""

    def card_read(self, session: Session, fault: str) -> None:
        """A card was read; `fault` is "" when it holds."""

    def device_failed(self, session: Session, kind: DeviceKind, error: DeviceError) -> None:
        """A device command of this visit failed."""

    def device_changed(self, status: Status) -> None:
        """A device has another state."""

    def page_taken(self, session: Session, page: Page) -> None:
        """A page was captured."""

    def page_refused(self, session: Session, gate: str) -> None:
        """A gate refused the still."""

    def seal_began(self, sid: str, parts: int) -> None:
        """Sealing begins."""

    def seal_ended(self, sid: str, error: QueueError | None) -> None:
        """Sealing has ended, well or not."""

    def printed(self, session: Session, kind: str) -> None:
        """The slip is out."""

    def technician_came(self, verdict: str) -> None:
        """Somebody has entered a code: right, wrong, closed or unset. Any thread."""

    def device_tested(self, kind: DeviceKind, result: str) -> None:
        """A self-test has ended: passed, dirty or failed. Any thread."""

    def head(self) -> str:
        """Return the chain's head, lower-case hex."""

    def stuck(self) -> None:
        """A lane that is never abandoned has stuck."""


class AuditJournal:
    """The visit's events in the signed audit log."""

    def __init__(self, log: AuditLog) -> None:
        self._log = log

    def visit_began(self, session: Session) -> None:
        """Record the start."""
        self._log.record(Event.VISIT_START, sess=session.id)

    def visit_ended(self, session: Session, was_idle: bool) -> None:
        """Record the end with its disposition, and the intents that no edge listed."""
        if session.ticket is not None:
            disposition = "done"
        else:
            disposition = "idle" if was_idle else STOPPED_BY.get(session.state, "cancelled")
        if session.sid and session.ticket is not None:
            self._log.record(
                Event.VISIT_END, sess=session.id, disposition=disposition, sid=session.sid, ignored=session.strays
            )
        else:
            self._log.record(Event.VISIT_END, sess=session.id, disposition=disposition, ignored=session.strays)

    def card_read(self, session: Session, fault: str) -> None:
        """Record the read."""
        if fault:
            reason = CARD_FAULTS.get(fault, "invalid")
            self._log.record(Event.CARD_READ_FAILED, sess=session.id, kind="reader", reason=reason)
        else:
            self._log.record(Event.CARD_READ_OK, sess=session.id, kind="reader")

    def device_failed(self, session: Session, kind: DeviceKind, error: DeviceError) -> None:
        """Record the failure under its device."""
        name = type(error).__name__
        if kind is DeviceKind.READER:
            reason = name if name != "SupplyOut" else "HardwareFault"
            self._log.record(Event.CARD_READ_FAILED, sess=session.id, kind="reader", reason=reason)
        elif kind is DeviceKind.PRINTER:
            self._log.record(Event.PRINT_FAILED, sess=session.id, kind=_slip_kind(session), reason=name)
        else:
            self._log.record(Event.PAGE_REFUSED, sess=session.id, page=len(session.pages), reason="device")

    def technician_came(self, verdict: str) -> None:
        """Record the verdict, never the code."""
        self._log.record(Event.TECHNICIAN_CODE, verdict=verdict)

    def device_tested(self, kind: DeviceKind, result: str) -> None:
        """Record how it ended."""
        self._log.record(Event.DEVICE_TESTED, kind=kind.value, result=result)

    def device_changed(self, status: Status) -> None:
        """Record the state."""
        self._log.record(Event.DEVICE_STATE, kind=status.kind.value, state=status.device.value)

    def page_taken(self, session: Session, page: Page) -> None:
        """Record the page by its hash."""
        self._log.record(
            Event.PAGE_TAKEN, sess=session.id, page=page.index, forced=page.is_kept_despite, page_hash=page.sha256
        )

    def page_refused(self, session: Session, gate: str) -> None:
        """Record the gate."""
        reason = PAGE_FAULTS.get(gate, "broken")
        self._log.record(Event.PAGE_REFUSED, sess=session.id, page=len(session.pages), reason=reason)

    def seal_began(self, sid: str, parts: int) -> None:
        """Record the beginning."""
        self._log.record(Event.SEAL_INIT, sid=sid, parts=parts)

    def seal_ended(self, sid: str, error: QueueError | None) -> None:
        """Record the end."""
        self._log.record(Event.SEAL_COMPLETE, sid=sid, disposition=_seal_end(error))

    def printed(self, session: Session, kind: str) -> None:
        """Record the slip."""
        self._log.record(Event.PRINT_OK, sess=session.id, kind=kind)

    def head(self) -> str:
        """Return the chain's head, lower-case hex."""
        return self._log.head().h

    def stuck(self) -> None:
        """Record the defect, by the hash of its place."""
        self._log.record(Event.DEFECT, place=hashlib.sha256(b"work lane").hexdigest())


def _slip_kind(session: Session) -> str:
    is_delivered = session.outcome is not None and bool(session.outcome.case_number)
    return "delivery_receipt" if is_delivered else "intake_slip"


def _seal_end(error: QueueError | None) -> str:
    if error is None:
        return "ok"
    if isinstance(error, DiskFull):
        return "disk_full"
    if isinstance(error, SealFault):
        return "no_key" if error.code in {"no_key", "bad_key"} else "refused"
    return "signer" if error.code == "signer_unavailable" else "store"
