"""Values, errors, the code table and Protocols of the durable outbox.

Format, schema and contract: reference/queue-and-sync.md. Imports msgspec and the standard library only.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

import msgspec

# ── words ──────────────────────────────────────────────────────────────────────────────────


class Kind(StrEnum):
    """What a submission is (schema column `kind`)."""

    SUBMISSION = "submission"
    CORRECTION = "correction"
    CONSULTATION = "consultation"
    COMPLAINT = "complaint"
    RATING = "rating"
    LOG = "log"


class State(StrEnum):
    """Stored states of a submission. `delivered` means the receipt was verified, never 受理."""

    READY = "ready"
    CLAIMED = "claimed"
    SENDING = "sending"
    DELIVERED = "delivered"
    SHREDDED = "shredded"
    DEAD = "dead"


class Action(StrEnum):
    """What a problem code asks for (queue-and-sync.md §9.4)."""

    TERMINAL = "terminal"
    RETRY = "retry"
    PAUSE = "pause"
    NEW_TOKEN = "new_token"  # noqa: S105  the name of an action


CODES: dict[str, Action] = {
    "id_reused": Action.TERMINAL,
    "bad_signature": Action.TERMINAL,
    "hash_mismatch": Action.TERMINAL,
    "unreadable": Action.TERMINAL,
    "seq_reused": Action.TERMINAL,
    "refused": Action.TERMINAL,
    "too_large": Action.TERMINAL,
    "correction_closed": Action.TERMINAL,
    "already_rated": Action.TERMINAL,
    "in_progress": Action.RETRY,
    "busy": Action.RETRY,
    "maintenance": Action.RETRY,
    "storage_full": Action.RETRY,
    "clock_skew": Action.RETRY,
    "rotation_pending": Action.RETRY,
    "bad_assertion": Action.PAUSE,
    "device_suspended": Action.PAUSE,
    "device_revoked": Action.PAUSE,
    "token_expired": Action.NEW_TOKEN,
}
"""The one table of problem codes. An unknown code is treated by its status class, never as terminal."""


class Cause(StrEnum):
    """Why a submission changed its state: the closed list of `transition.cause`."""

    STORED = "stored"
    CLAIMED = "claimed"
    SENDING = "sending"
    RECEIPT = "receipt"
    LATE_RECEIPT = "late_receipt"  # the truth arrived after the dead letter
    WAITING = "waiting"  # 202, 409, 423, 429, 503: the platform asks us to wait
    UNREACHABLE = "unreachable"
    BAD_RECEIPT = "bad_receipt"
    PAUSED = "paused"
    INTERRUPTED = "interrupted"  # shutdown, or the visit's own submission goes first
    DEFECT = "defect"
    REFUSED = "refused"
    RECOVERED = "recovered"
    BLOB_MISSING = "blob_missing"
    REQUEUED = "requeued"
    SHREDDED = "shredded"
    EXPIRED = "expired"


class PauseReason(StrEnum):
    """Why the whole queue stands still; shown to a technician."""

    NONE = ""
    PORTAL = "portal"  # captive portal or proxy answered
    CLOCK = "clock"  # certificate not yet / no longer valid by our clock
    UNAUTHORISED = "unauthorised"
    SUSPENDED = "device_suspended"
    REVOKED = "device_revoked"
    NOT_ENROLLED = "not_enrolled"
    MAINTENANCE = "maintenance"  # 503 with our code or a Retry-After: the platform says when it is back
    OVERLOADED = "overloaded"  # 429, or 503 that says nothing more
    TROUBLE = "platform_trouble"  # it answers, five times in a row without sense


# ── errors ─────────────────────────────────────────────────────────────────────────────────


class QueueError(Exception):
    """Root of what the queue and the delivery can do wrong. `code` is a closed word."""

    def __init__(self, code: str = "", detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


class DiskFull(QueueError):
    """Not enough room for another submission; nothing was stored."""


class StoreCorrupt(QueueError):
    """The store does not read back as it should; out of service."""


class StoreTooNew(QueueError):
    """The store was written by a newer major version; refused, untouched."""


class StoreBusy(QueueError):
    """Another process holds the store."""


class SealFault(QueueError):
    """No valid sealing key, or sealing failed; nothing was stored."""


class Unreachable(QueueError):
    """No proper answer from the platform: time-out, reset, 5xx, a portal. Try again later."""

    def __init__(
        self, code: str = "", detail: str = "", status: int = 0, pause: PauseReason = PauseReason.NONE
    ) -> None:
        super().__init__(code, detail)
        self.status = status
        self.pause = pause


class Busy(QueueError):
    """The platform asks us to wait."""

    def __init__(self, code: str = "", retry_after_s: float | None = None, status: int = 0) -> None:
        super().__init__(code)
        self.retry_after_s = retry_after_s
        self.status = status


class Unauthorised(QueueError):
    """The platform does not let this device in; pauses the queue."""

    def __init__(self, code: str = "", status: int = 0) -> None:
        super().__init__(code)
        self.status = status


class Refused(QueueError):
    """A terminal answer with one of our codes; the item becomes a dead letter."""

    def __init__(self, code: str = "", status: int = 0) -> None:
        super().__init__(code)
        self.status = status


class AnswerFault(QueueError):
    """A 2xx whose receipt is missing or does not verify. Never counts as delivered."""


# ── values ─────────────────────────────────────────────────────────────────────────────────


PARTS_MAX = 256
"""Sealed parts of one submission beside its manifest: what a platform's answer may list as missing."""


class PlainPart(msgspec.Struct, frozen=True):
    """One part to seal: a scan, the signature picture. `name` is the KSB1 slot `[a-z0-9][a-z0-9-]{0,47}`."""

    name: str
    data: bytes

    def __repr__(self) -> str:
        return f"PlainPart(name={self.name!r}, {len(self.data)} bytes)"


class PartFacts(msgspec.Struct, frozen=True):
    """What is known of a part once it is sealed; hashes are lower-case hex SHA-256."""

    name: str
    sealed_sha256: str
    sealed_bytes: int
    plain_sha256: str
    plain_bytes: int


class EnvelopeFacts(msgspec.Struct, frozen=True):
    """What the envelope says beside hashes; no personal data."""

    kind: Kind
    item: str  # opaque, at most 64 characters
    catalogue: str
    app: str
    ts: int  # Unix seconds by the wall clock
    clock_ok: bool
    audit_head: str = ""  # hex of the audit chain's head, `prev` of the envelope
    after_sid: str = ""


class SealingKey(msgspec.Struct, frozen=True):
    """A public key of the platform. `suite` as in queue-and-sync.md §7; raw bytes, ML-KEM part first."""

    kid: str
    suite: str
    public: bytes
    not_before: int = 0
    not_after: int = 0  # 0 = no end
    is_revoked: bool = False
    is_retired: bool = False  # no longer sealed to while another is in force
    is_escrow: bool = False  # a further recipient that the platform names, such as an archive


class Ticket(msgspec.Struct, frozen=True):
    """The promise: this submission is durable here and will be sent."""

    sid: str
    seq: int
    intake_number: str
    created_wall: str


class Outcome(msgspec.Struct, frozen=True):
    """What the store knows of one submission; the word for people is product.md §4."""

    sid: str
    intake_number: str
    state: State
    sent_once: bool
    case_number: str = ""
    delivered_wall: str = ""
    query_code: str = ""
    dead_reason: str = ""


class Receipt(msgspec.Struct, frozen=True):
    """A platform receipt that a Verifier has checked: signature, sid, dev, seq and manifest hash."""

    sid: str
    dev: str
    seq: int
    manifest_sha256: str
    case_number: str
    ts: int
    query_code: str = ""


class SignedObject(msgspec.Struct, frozen=True):
    """Exact canonical JSON bytes, the signing key's id and the 64-byte signature r‖s (§8)."""

    object: bytes
    kid: str
    signature: bytes


class PartUpload(msgspec.Struct, frozen=True):
    """One sealed part as the sync loop hands it to a Delivery. `path` is absolute."""

    name: str
    path: str
    size: int
    sha256: str
    upload_url: str = ""
    acked_offset: int = 0


class Consignment(msgspec.Struct, frozen=True):
    """One claimed submission: everything a Delivery needs, nothing a person could read."""

    sid: str
    seq: int
    intake_number: str
    envelope: SignedObject
    manifest: bytes  # sealed KSB1
    manifest_sha256: str
    parts: tuple[PartUpload, ...]
    sent_once: bool  # before this attempt
    attempts: int = 0
    is_sending: bool = False  # it is written down that the PUT may take effect from here on


class Answer(msgspec.Struct, frozen=True):
    """What PUT or GET status brought: a receipt (unverified), or parts still missing, or wait."""

    state: str  # committed | processing | parts_missing | unknown
    receipt: SignedObject | None = None
    missing: tuple[str, ...] = ()
    retry_after_s: float | None = None
    status: int = 200


class Change(msgspec.Struct, frozen=True):
    """One state change, as the sync loop tells whoever listens (the runner, the audit log)."""

    sid: str
    old: State | None
    new: State
    cause: str
    outcome: Outcome


class Line(msgspec.Struct, frozen=True):
    """Whether the platform can be reached, and why the queue stands still if it does."""

    is_reachable: bool
    pause: PauseReason = PauseReason.NONE


class QueueStats(msgspec.Struct, frozen=True):
    """Counts for health, the technician and the heartbeat."""

    ready: int
    sending: int
    delivered: int
    shredded: int
    dead: int
    bytes_waiting: int
    oldest_wall: str
    pause: PauseReason = PauseReason.NONE
    free_bytes: int = 0
    is_accepting: bool = True  # quota, free disk and ballast allow another visit
    has_ballast: bool = True  # room is held for sending and deleting on a full disk
    oldest_lease_s: float = 0.0  # how long the submission in hand has been there: a stuck lane shows


class QueueEntry(msgspec.Struct, frozen=True):
    """One line of `queue list`: what a technician may know of a submission."""

    outcome: Outcome
    seq: int
    kind: Kind
    item: str
    bytes: int
    attempts: int
    last_status: int
    last_code: str
    created_wall: str


class Transition(msgspec.Struct, frozen=True):
    """One state change as the store wrote it down, for the audit log; `n` only rises. `new` may be `removed`."""

    n: int
    sid: str
    seq: int
    old: str
    new: str
    cause: Cause
    status: int
    code: str
    at_wall: str


# ── Protocols ──────────────────────────────────────────────────────────────────────────────

ManifestBuilder = Callable[[tuple[PartFacts, ...]], bytes]
"""Given the facts of the sealed parts, return the manifest's canonical JSON bytes."""


class Clock(Protocol):
    """Time, injected. Decisions use boot id and monotonic time; people see the wall."""

    def wall_s(self) -> float:
        """Return Unix seconds by the wall clock, right or wrong."""

    def mono_s(self) -> float:
        """Return seconds on the monotonic clock of this boot."""

    def boot_id(self) -> str:
        """Return an id that changes with every boot."""

    def is_trusted(self) -> bool:
        """Whether the platform has confirmed the wall clock since this program began; nothing goes by age before."""


class Signer(Protocol):
    """Signs with the device key (P-256, r‖s, 64 bytes)."""

    @property
    def device_id(self) -> str:
        """Return `K-…`, the enrolled id."""

    @property
    def certificate_serial(self) -> str:
        """Return the kid of signed objects: this device's certificate serial, lower-case hex."""

    def sign(self, purpose: str, payload: bytes) -> SignedObject:
        """Sign `purpose` ‖ 00 ‖ payload. Raises: QueueError("signer_unavailable")."""


class Verifier(Protocol):
    """Verifies what the platform signs, against pinned keys."""

    def verify_receipt(self, receipt: SignedObject, sid: str, dev: str, seq: int, manifest_sha256: str) -> Receipt:
        """Return the receipt if signature and all four facts agree. Raises: AnswerFault."""


def idle() -> None:
    """Do nothing with a wait."""


class Delivery(Protocol):
    """The wire to the platform. Never retries inside; raises the delivery errors of this module."""

    def upload(self, sid: str, part: PartUpload, progress: Callable[[str, int], None]) -> None:
        """Bring one sealed part to the platform, resuming where it stands.

        `progress(upload_url, acked_offset)` is called after creation, before the first PATCH,
        and after every acknowledged PATCH; its caller writes it down. Raises: delivery errors.
        """

    def put(self, consignment: Consignment, meanwhile: Callable[[], None] = idle) -> Answer:
        """PUT envelope and manifest; the commit point. Raises: delivery errors.

        `meanwhile()` may be called while the answer, or a connection, is awaited: any number of times, in this thread.
        """

    def status(self, sid: str) -> Answer:
        """Ask what the platform knows of `sid`; state `unknown` = send it. Raises: delivery errors."""

    def probe(self) -> None:
        """Return if the platform itself answers, by a signed time. Raises: delivery errors."""
