"""What is inside of what a terminal sends: an assertion's claims, the request for a new key, the opened manifest.

Described for those who build a terminal of their own. The manifest is not refused for its form beyond `v`, `sid`,
`item` and `parts`: it was promised to a person, and what the desk cannot read it shows as missing.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from sandbox.api.described import PARTS_MAX, Nonce, PartName, PartNames, Sid
from sandbox.api.words import CaseNumber, Count, Id, Seconds, Sha256, Short

CSR = Annotated[str, Meta(description="PEM, or base64url of DER; signed by the key it is for")]
OneOrMore = Annotated[int, Meta(ge=1)]
Level = Annotated[int, Meta(ge=1, le=5)]


class AssertionHeader(msgspec.Struct, frozen=True):
    """The first piece of an assertion. Other keys are passed over."""

    alg: Literal["ES256"]
    kid: Short


class AssertionClaims(msgspec.Struct, frozen=True):
    """The second piece. `sub` is the device and `iss` the same; `exp` within 60 s of `iat`; a `jti` is used once."""

    iss: Id
    sub: Id
    aud: str
    iat: Seconds
    exp: Seconds
    jti: Annotated[str, Meta(min_length=1, max_length=128)]


class RotateRequest(msgspec.Struct, frozen=True):
    """A device asks for a certificate for its next key. `dev` is its own; the CSR is the new key's."""

    v: Literal[1]
    typ: Literal["rotate"]
    dev: Id
    csr: CSR
    ts: Seconds
    n: Nonce


class Label(msgspec.Struct, frozen=True, omit_defaults=True):
    """A name in two languages."""

    zh: str = ""
    en: str = ""


class Person(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who files: `kind` `anonymous` and nothing else, or a person as the card has it. Dates are YYYY-MM-DD, or 长期."""

    kind: Literal["id_card", "network_id", "staff_verified", "anonymous"]
    name: str = ""
    id_number: str = ""
    sex: Annotated[str, Meta(description="1 male, 2 female, as on the card")] = ""
    nation: Annotated[str, Meta(description="two digits, GB/T 3304")] = ""
    birth_date: str = ""
    address: str = ""
    authority: str = ""
    valid_until: str = ""
    verified: bool = False


class AnswerRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """One field of the form, in the order of the screen; only what was visible. `display` is for the officer."""

    key: str
    label: Label
    value: Any
    display: str
    group: Label = Label()


class Consented(msgspec.Struct, frozen=True):
    """A notice that was agreed to: the hash of its text, and when."""

    notice_sha256: Sha256
    at: Seconds


class SentMaterial(msgspec.Struct, frozen=True):
    """One material of the item, and the parts that are its pages, in their order."""

    code: str
    name: Label
    state: Literal["scanned", "card_read", "signed_form", "deferred", "missing"]
    parts: PartNames


class SignatureParts(msgspec.Struct, frozen=True, omit_defaults=True):
    """The three parts of the signature, and when it was given by a clock that was sure or not; empty without one."""

    part: PartName | UnsetType = UNSET
    strokes: PartName | UnsetType = UNSET
    svg: PartName | UnsetType = UNSET
    at: Seconds = 0
    clock_ok: bool = True


class Wish(msgspec.Struct, frozen=True):
    """How the result is to come."""

    methods: tuple[Literal["pickup", "station", "courier", "electronic"], ...]
    name: Label


class ManifestPart(msgspec.Struct, frozen=True, omit_defaults=True):
    """One sealed part. `bytes` are its plain bytes. `review`: the person kept a picture that the terminal doubted."""

    part: PartName
    sealed_sha256: Sha256
    plain_sha256: Sha256
    bytes: OneOrMore
    mime: Short
    pages: Count = 1
    dpi: Count = 0
    at: Seconds = 0
    review: bool = False
    width: Count = 0
    height: Count = 0


class Manifest(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What the parts are and what was filled in: canonical JSON, sealed like a part of the name `manifest`."""

    v: Literal[1]
    sid: Sid
    item: Annotated[str, Meta(max_length=64)]
    parts: Annotated[tuple[ManifestPart, ...], Meta(max_length=PARTS_MAX)]
    item_version: Count = 0
    item_name: Label = Label()
    situation: str = ""
    situation_name: Label = Label()
    identity: Person | UnsetType = UNSET
    answers: tuple[AnswerRow, ...] = ()
    consents: tuple[Consented, ...] = ()
    filed_by: Literal["", "self", "agent"] = ""
    materials: tuple[SentMaterial, ...] = ()
    signature: SignatureParts = SignatureParts()
    delivery: Wish | UnsetType = UNSET
    locale: str = "zh"
    case_number: CaseNumber | UnsetType = UNSET
    request_id: Id | UnsetType = UNSET
    text: str = ""
    level: Level | UnsetType = UNSET


INSIDE = (AssertionHeader, AssertionClaims, RotateRequest, Manifest)
"""What stands in no schema of a request, because it is signed, encoded or sealed there."""
