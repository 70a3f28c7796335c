"""The closed words of the contract's answers, and the small types of its texts.

`$(?!\\n)`: in Python's syntax a bare `$` would also pass a text that ends in a line feed.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

END = r"$(?!\n)"
UUID_PATTERN = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}" + END

Uuid = Annotated[str, Meta(pattern=UUID_PATTERN, max_length=36)]
CaseNumber = Annotated[str, Meta(pattern=r"^[A-Z]{2,4}-[0-9]{8}-[0-9]{6}-[0-9]" + END, max_length=22)]
Word = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,31}" + END, max_length=32)]
Id = Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,63}" + END, max_length=64)]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}" + END, max_length=64)]
Key = Annotated[str, Meta(pattern="^[A-Za-z0-9-]{8,64}" + END, max_length=64)]
ETags = Annotated[str, Meta(description="an ETag, several, or *; others match nothing")]
Date = Annotated[str, Meta(pattern="^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])" + END, max_length=10)]
Seconds = Annotated[int, Meta(ge=0, le=2**53 - 1, description="Unix seconds")]
Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Page = Annotated[int, Meta(ge=1, le=1000)]
Text = Annotated[str, Meta(max_length=2000)]
Short = Annotated[str, Meta(max_length=200)]

CODES: dict[str, tuple[tuple[int, ...], str]] = {
    "bad_request": ((400, 415), "the request does not have the form of the contract"),
    "too_large": ((413,), "more bytes than this endpoint takes"),
    "not_found": ((404,), "nothing of that name here, or not the caller's"),
    "method_not_allowed": ((405,), "the path exists, the method does not"),
    "token_expired": ((401,), "no valid device token: fetch a new one, once"),
    "device_suspended": ((403, 401), "the device may only drain its queue"),
    "device_revoked": ((403, 401), "the device may do nothing more"),
    "bad_assertion": ((401,), "the token assertion does not verify, is used, or is not for us"),
    "clock_skew": ((401,), "the assertion's times are off: take signed time first"),
    "bad_csr": ((400,), "the certificate request cannot be used"),
    "code_invalid": ((403,), "no such enrolment code, or burnt"),
    "code_bound": ((409,), "the code belongs to another key"),
    "code_expired": ((410,), "the code or the enrolment is over"),
    "refused": ((422, 403), "the platform says no, for good"),
    "rotation_pending": ((409,), "another key change is under way"),
    "tus_version": ((412,), "another version of tus"),
    "storage_full": ((507,), "no room now"),
    "offset_conflict": ((409,), "the upload stands elsewhere: HEAD first"),
    "locked": ((423,), "another PATCH is under way"),
    "stalled": ((408,), "the body did not go on"),
    "upload_expired": ((410,), "the upload is gone: create it again"),
    "upload_spoiled": ((410,), "the bytes do not have the promised hash: create it again"),
    "unknown_submission": ((404,), "the platform has nothing of this submission: send it"),
    "in_progress": ((409,), "what this refers to is not here yet, or is being worked on"),
    "busy": ((503, 429), "wait"),
    "maintenance": ((503,), "the platform is closed for a while and says so"),
    "id_reused": ((422,), "the id is known with other content"),
    "bad_signature": ((422, 403), "the signature does not verify"),
    "hash_mismatch": ((422,), "bytes and promised hash differ"),
    "unreadable": ((422,), "cannot be opened or read"),
    "seq_reused": ((422,), "the sequence number belongs to another submission"),
    "correction_closed": ((422,), "no correction of that number is open"),
    "already_rated": ((422,), "the case has its rating"),
    "identity_unverified": ((403,), "the identity does not hold"),
    "ticket_expired": ((401,), "no valid person ticket of this device"),
    "not_possible": ((422,), "well formed, and cannot be"),
    "no_correction": ((404,), "nothing to correct in this case"),
    "gone": ((410,), "it existed and is no longer given out"),
    "superseded": ((409,), "a newer copy of the material exists: search again"),
    "already_paid": ((409,), "nothing is left to pay"),
    "paid": ((409,), "the order is paid and cannot be closed"),
    "slot_taken": ((409,), "nobody can be booked there any more"),
    "too_late": ((409,), "the time for this is over"),
}
"""Every problem code of this platform: its statuses, the usual one first, and what it says."""


class ProblemBody(msgspec.Struct, frozen=True, kw_only=True):
    """A refusal, `application/problem+json`. Never personal data."""

    type: str
    status: int
    code: Word
    title: Short


class Signed(msgspec.Struct, frozen=True):
    """A signed object: `sig` is ES256 (64 bytes r‖s) over purpose ‖ 00 ‖ the exact bytes of `o` (canonical JSON)."""

    o: Annotated[str, Meta(pattern="^[A-Za-z0-9_-]+" + END)]
    kid: Annotated[str, Meta(min_length=1, max_length=64)]
    sig: Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{86}" + END)]


class Bilingual(msgspec.Struct, frozen=True):
    """One sentence or name in Chinese and English."""

    zh: Text
    en: Text
