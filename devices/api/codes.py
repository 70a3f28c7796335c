"""A bar code or QR code as it was read. What it says is a stranger's: it is judged by grammar and never followed."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from devices.api.private import Private

MAX_CODE_CHARS = 1024  # a case number has 20, a full PDF417 about 1,850: what is longer is nothing we ask for


class Symbology(StrEnum):
    """How a code is drawn; a serial scanner does not tell."""

    UNKNOWN = "unknown"
    QR = "qr"
    CODE128 = "code128"
    EAN13 = "ean13"
    PDF417 = "pdf417"
    DATA_MATRIX = "datamatrix"


class CodeSource(StrEnum):
    """Who read it."""

    SCANNER = "scanner"
    CAMERA = "camera"


class Code(msgspec.Struct, frozen=True):
    """One code. `text` is what it says, without the scanner's suffix; it may be anything at all."""

    text: Private[str]
    symbology: Symbology
    source: CodeSource
