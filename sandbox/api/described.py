"""What the older endpoints ask and answer: described here, served by their own modules, held to it by schemathesis."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from sandbox import signed
from sandbox.api.common import HEARTBEAT_LIMIT, PUT_LIMIT
from sandbox.api.contract import Auth, Endpoint, Yes
from sandbox.api.public import IF_NONE_MATCH, NOT_MODIFIED, Bundle
from sandbox.api.words import END, UUID_PATTERN, CaseNumber, Count, Id, Seconds, Sha256, Short, Signed, Uuid, Word
from sandbox.reader import LIMIT

SID_PATTERN = UUID_PATTERN.replace(
    "[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
)
Sid = Annotated[str, Meta(pattern=SID_PATTERN, max_length=36)]
Nonce = Annotated[str, Meta(pattern="^[0-9A-Za-z_-]{16,64}" + END, max_length=64, description="128 bits")]
Base64url = Annotated[str, Meta(pattern="^[A-Za-z0-9_-]+" + END)]
Pem = Annotated[str, Meta(description="PEM")]
Number = Annotated[str, Meta(pattern="^[0-9]{1,16}" + END, max_length=16)]
Tus = Annotated[str, Meta(pattern=r"^1\.0\.0" + END, max_length=5)]
PARTS_MAX = 256  # of one submission: an envelope of so many is 40 KB, and what is missing still fits into one answer
PartName = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,47}" + END, max_length=48)]
PartNames = Annotated[tuple[PartName, ...], Meta(max_length=PARTS_MAX)]
AfterSid = Annotated[str, Meta(pattern="^(" + SID_PATTERN[1:].removesuffix(END) + ")?" + END, max_length=36,
                               description="the submission that it follows, or empty")]  # fmt: skip
_PAIRS = "`sid`, `part` and `sha256`, each with its value in base64"
UploadMetadata = Annotated[str, Meta(max_length=1000, description=_PAIRS)]
IsoTime = Annotated[str, Meta(max_length=40, description="ISO 8601 with an offset, or empty for none")]


# ── signed objects ─────────────────────────────────────────────────────────────────────────


class TimeObject(msgspec.Struct, frozen=True):
    """The platform's time, with the nonce that asked for it."""

    nonce: Nonce
    now: Seconds


class PublicKey(msgspec.Struct, frozen=True, omit_defaults=True):
    """One key of the platform. `pub`: base64url of DER SPKI, or of the raw KEM parts where `use` is seal."""

    kid: Short
    use: Literal["receipt", "time", "order", "command", "notice", "enrolled", "bundle", "seal"]
    pub: Base64url
    nbf: Seconds
    naf: Seconds
    status: Literal["active", "retired", "revoked"]
    suite: Short = ""


class KeysBundle(Bundle, frozen=True, kw_only=True):
    """Every key that signs for the platform or may be sealed to; the newest valid one of a use is the one in use."""

    typ: Literal["keys"]
    keys: tuple[PublicKey, ...]


class CommandObject(msgspec.Struct, frozen=True):
    """An order to one device; obeyed only if `counter` is above every one it has seen, and before `exp`."""

    v: Literal[1]
    typ: Literal["command"]
    id: Uuid
    dev: Id
    counter: Annotated[int, Meta(ge=1)]
    word: Literal[
        "refresh", "restart_app", "reboot", "out_of_service", "in_service", "self_test", "upload_logs", "rotate_key",
        "update_now", "wipe",
    ]  # fmt: skip
    ts: Seconds
    exp: Seconds


class BeatAnswer(msgspec.Struct, frozen=True):
    """The answer to heartbeat `n`. Commands are signed objects of their own, at most five, oldest first."""

    typ: Literal["heartbeat"]
    n: Count
    now: Seconds
    config_version: Count
    commands: Annotated[tuple[Signed, ...], Meta(max_length=5)]
    ack_results: tuple[Id, ...]


class CommandResult(msgspec.Struct, frozen=True):
    """What became of a command; repeated until its id stands in `ack_results`."""

    id: Id
    outcome: Literal["done", "refused", "failed", "expired"]


class QueueFacts(msgspec.Struct, frozen=True):
    """The terminal's queue: counts, bytes, and when the oldest thing that is not delivered was stored."""

    ready: Count
    dead: Count
    bytes: Count
    oldest: Seconds | IsoTime


class AuditHead(msgspec.Struct, frozen=True):
    """Where the terminal's audit chain stands."""

    n: Count
    h: Short


class Beat(msgspec.Struct, frozen=True, kw_only=True):
    """How a terminal is. Without personal data; about 370 bytes."""

    v: Literal[1]
    typ: Literal["heartbeat"]
    n: Count
    dev: Id
    app: Short
    cat: Short
    policy: Count
    queue: QueueFacts
    devices: dict[str, str]
    paper: Short
    disk_free: Count
    rss: Count
    clk_offset_ms: int
    audit: AuditHead
    pause: Short
    faults: tuple[str, ...]
    results: tuple[CommandResult, ...]


class Hashed(msgspec.Struct, frozen=True):
    """Sealed bytes by hash and length."""

    sha256: Sha256
    bytes: Annotated[int, Meta(ge=1)]


class PartFacts(Hashed, frozen=True):
    """One sealed part; parts are sorted by name, each once; none is called `manifest`."""

    part: PartName


class Envelope(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a device hands over, frozen when the person confirmed: every retry sends the same bytes."""

    v: Literal[1]
    typ: Literal["submission"]
    sid: Sid
    dev: Id
    seq: Annotated[int, Meta(ge=1)]
    kind: Literal["submission", "correction", "consultation", "complaint", "rating", "log"]
    item: Annotated[str, Meta(max_length=64)]
    cat: Short
    app: Short
    manifest: Hashed
    parts: Annotated[tuple[PartFacts, ...], Meta(max_length=PARTS_MAX)]
    after: AfterSid
    void: tuple[Annotated[int, Meta(ge=1)], ...]
    prev: Short
    ts: Seconds
    clk: Literal["ok", "unsure"]
    cert: Short
    alg: Literal["ES256"]
    stale_kid: Short | msgspec.UnsetType = (
        msgspec.UNSET
    )  # sealed to a key that has been replaced: the terminal knew no newer


class Receipt(msgspec.Struct, frozen=True):
    """Envelope valid, parts durable, manifest opened, hashes matched. Signed once, the same bytes on every repeat."""

    v: Literal[1]
    typ: Literal["receipt"]
    sid: Sid
    dev: Id
    seq: Annotated[int, Meta(ge=1)]
    manifest_sha256: Sha256
    case_number: CaseNumber
    query_code: Short
    ts: Seconds


class EnrolProof(msgspec.Struct, frozen=True):
    """Proof that whoever asks holds the new key."""

    enrol_id: Uuid
    n: Nonce


class Enrolled(msgspec.Struct, frozen=True):
    """A device's certificate and what it starts with."""

    device_id: Id
    cert: Pem
    chain: tuple[Pem, ...]
    policy: dict[str, Any]
    now: Seconds
    nonce: Short


# ── bodies ─────────────────────────────────────────────────────────────────────────────────


class EnrolRequest(msgspec.Struct, frozen=True):
    """A one-time code and a certificate request, PEM or base64url of DER."""

    code: Short
    csr: str
    app: str = ""
    hw: dict[str, Any] = {}


class EnrolBegun(msgspec.Struct, frozen=True):
    """What both sides make the six digits of, and how often to ask."""

    enrol_id: Uuid
    sas_nonce: Nonce
    poll_s: Count


class EnrolWaiting(msgspec.Struct, frozen=True):
    """Nobody has compared the digits yet."""

    state: Literal["pending"]
    poll_s: Count


class TokenRequest(msgspec.Struct, frozen=True):
    """A form of RFC 7523 with an ES256 assertion of the device."""

    grant_type: Literal["client_credentials"]
    client_assertion_type: Literal["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"]
    client_assertion: str


class TokenAnswer(msgspec.Struct, frozen=True):
    """Ten minutes."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    now: Seconds


class CertificateAnswer(msgspec.Struct, frozen=True):
    """The new certificate; both keys are good for seven days."""

    cert: Pem
    chain: tuple[Pem, ...]


class PutRequest(msgspec.Struct, frozen=True):
    """The signed envelope and the sealed manifest (base64url of KSB1)."""

    envelope: Signed
    manifest: Base64url


class PartsMissing(msgspec.Struct, frozen=True):
    """Kept and not committed: these parts have to come first."""

    state: Literal["parts_missing", "processing"]
    missing: PartNames


class SubmissionState(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a submission stands."""

    state: Literal["parts_missing", "processing", "committed", "refused"]
    missing: PartNames
    receipt: Signed | msgspec.UnsetType = msgspec.UNSET
    code: Word | msgspec.UnsetType = msgspec.UNSET


class TimeQuery(msgspec.Struct, frozen=True):
    """A fresh nonce for every question."""

    nonce: Nonce


UPLOAD = {"upload_id": Id}
SID = {"sid": Sid}
TUS = {"Tus-Resumable": Tus}
TUS_ANSWER = ("Tus-Resumable",)
ENDPOINTS = (
    Endpoint(
        "GET", "/time", "Signed time: the one question that tells *online* from *somebody answers*.",
        {200: Yes("the time", Signed, signs=TimeObject, purpose=signed.TIME)}, auth=Auth.NONE, query=TimeQuery,
    ),
    Endpoint(
        "GET", "/keys", "The platform's public keys, signed.",
        {200: Yes("the newest keys", Signed, signs=KeysBundle, purpose=signed.BUNDLE, headers=("ETag",)),
         304: NOT_MODIFIED}, headers=IF_NONE_MATCH,
    ),
    Endpoint(
        "POST", "/heartbeat", "How the terminal is; time and commands in return.",
        {200: Yes("time and commands", Signed, signs=BeatAnswer, purpose=signed.TIME)}, ("bad_signature", "unreadable"),
        body=Signed, body_limit=HEARTBEAT_LIMIT, may_drain=True, statuses={"bad_signature": 403},
        repeat="(dev, n): an older n changes nothing",
    ),
    Endpoint(
        "POST", "/enrol", "Bind a one-time code to a new key.", {202: Yes("compare six digits now", EnrolBegun)},
        ("bad_csr", "code_invalid", "code_bound", "code_expired"), auth=Auth.NONE, body=EnrolRequest,
        repeat="same code and same key → same enrol_id",
    ),
    Endpoint(
        "POST", "/enrol/{enrol_id}/status", "Ask whether somebody has compared the digits.",
        {200: Yes("the certificate", Signed, signs=Enrolled, purpose=signed.ENROLLED),
         202: Yes("not yet", EnrolWaiting)},
        ("not_found", "bad_signature", "refused", "code_expired"), auth=Auth.NONE, body=Signed,
        params={"enrol_id": Id}, statuses={"bad_signature": 403, "refused": 403},
        repeat="same answer until the first heartbeat",
    ),
    Endpoint(
        "POST", "/token", "An access token for a device-signed assertion.", {200: Yes("ten minutes", TokenAnswer)},
        ("bad_assertion", "clock_skew", "device_revoked"), auth=Auth.NONE, body=TokenRequest,
        body_media="application/x-www-form-urlencoded", statuses={"device_revoked": 401},
        repeat="a new token; an assertion is used once",
    ),
    Endpoint(
        "POST", "/devices/self/certificate", "Change the device's key.",
        {200: Yes("the new certificate", CertificateAnswer)}, ("bad_csr", "bad_signature", "rotation_pending"),
        body=Signed, statuses={"bad_signature": 403}, repeat="same new key → same certificate",
    ),
    Endpoint(
        "OPTIONS", "/uploads", "What this tus server can do.",
        {204: Yes("", media=(), headers=("Tus-Resumable", "Tus-Version", "Tus-Extension", "Tus-Max-Size"))},
        may_drain=True,
    ),
    Endpoint(
        "POST", "/uploads", "Open an upload for one sealed part.",
        {201: Yes("opened, or found", media=(), headers=(*TUS_ANSWER, "Location", "Upload-Expires"))},
        ("tus_version", "storage_full"), may_drain=True,
        headers={**TUS, "Upload-Length": Number, "Upload-Metadata": UploadMetadata},
        repeat="same (dev, sid, part, sha256) → same Location",
    ),
    Endpoint(
        "HEAD", "/uploads/{upload_id}", "How many bytes are here.",
        {200: Yes("the offset", media=(), headers=(*TUS_ANSWER, "Upload-Offset", "Upload-Length", "Upload-Expires"))},
        ("not_found", "upload_expired", "upload_spoiled", "tus_version", "hash_mismatch"), may_drain=True,
        headers=TUS, params=UPLOAD,
    ),
    Endpoint(
        "PATCH", "/uploads/{upload_id}", "Append bytes at the offset.",
        {204: Yes("appended", media=(), headers=(*TUS_ANSWER, "Upload-Offset", "Upload-Expires"))},
        ("not_found", "upload_expired", "upload_spoiled", "tus_version", "hash_mismatch", "offset_conflict", "locked",
         "stalled"),
        may_drain=True, body=bytes, body_media="application/offset+octet-stream", body_limit=LIMIT,
        headers={**TUS, "Upload-Offset": Number}, params=UPLOAD, repeat="a wrong offset is harmless",
    ),
    Endpoint(
        "PUT", "/submissions/{sid}", "Commit a submission. This is the only act with an effect.",
        {201: Yes("committed now", Signed, signs=Receipt, purpose=signed.RECEIPT),
         200: Yes("committed before: the same receipt", Signed, signs=Receipt, purpose=signed.RECEIPT),
         202: Yes("kept, not committed", PartsMissing)},
        ("in_progress", "id_reused", "bad_signature", "hash_mismatch", "unreadable", "seq_reused", "refused",
         "correction_closed", "already_rated", "busy", "upload_spoiled"),
        body=PutRequest, body_limit=PUT_LIMIT, params=SID, may_drain=True,
        repeat="unique (dev, sid): same envelope → same receipt",
    ),
    Endpoint(
        "GET", "/submissions/{sid}", "Where a submission of this device stands.",
        {200: Yes("the state", SubmissionState)}, ("unknown_submission",), params=SID, may_drain=True,
    ),
)  # fmt: skip
INSIDE = {signed.HEARTBEAT: Beat, signed.SUBMIT: Envelope, signed.ENROL_POP: EnrolProof, signed.COMMAND: CommandObject}
"""Signed objects that stand inside a body or another object."""
