"""What a check says of one thing: shared by the doctor's parts, its self-tests and the readiness report."""

from __future__ import annotations

from typing import Literal

import msgspec

MARKS = {"good": "✓", "care": "!", "fault": "✗"}

Verdict = Literal["good", "care", "fault"]


class Finding(msgspec.Struct, frozen=True, omit_defaults=False):
    """What the doctor says of one thing. `code` is a closed word; `remedy` is "" where none is needed.

    `details` are facts for the technician: features, identifier, last fault …
    """

    what: str
    state: Verdict
    text: str
    code: str = ""
    remedy: str = ""
    details: dict[str, str] = {}
