"""What the chip of a travel document tells: passport, or a travel permit made like one."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

import msgspec

from devices.api.private import Private


class ChipAccess(StrEnum):
    """How the chip was opened."""

    PACE = "pace"
    BAC = "bac"


class Authenticity(StrEnum):
    """What passive authentication found. Only VALID says that a state signed what was read."""

    VALID = "valid"
    NO_CSCA = "noCsca"  # hashes and signature agree, but nobody we know vouches for the signer
    NO_SOD = "noSod"  # the chip holds no signature
    WRONG_HASH = "wrongHash"  # a file is not the one that was signed
    WRONG_SIGNATURE = "wrongSignature"
    EXPIRED = "expired"  # all agrees, but a certificate is past its time, or before it
    UNSUPPORTED = "unsupported"  # a key or algorithm we cannot check


class PictureKind(StrEnum):
    """How the face is coded."""

    JPEG = "jpeg"
    JPEG2000 = "jpeg2000"


class TravelDocument(msgspec.Struct, frozen=True, tag="travel"):
    """One travel document as its chip tells it. Names are those of the zone: capitals without marks."""

    code: str  # P, C…: kind of document
    issuer: str  # three letters of ICAO 9303-3
    number: Private[str]
    surname: Private[str]
    given_names: Private[str]
    nationality: str
    birth_date: Private[date | None]  # None: a part of it is not known
    sex: str  # M, F or "" for not told
    expiry_date: date | None
    mrz: Private[str]  # the zone's lines
    portrait: Private[bytes]  # as coded by the issuer
    portrait_kind: PictureKind
    access: ChipAccess
    authenticity: Authenticity
    signer: str = ""  # country of the signing certificate, "" where there was none
