"""Documents of a case: PDF or PNG bytes in the blob store, their hash signed by the platform.

Signed object, purpose `kiosk/result/v1`, key of use `notice`: `{v, typ:"document", case_number, kind, mime, bytes,
sha256, ts}`. A terminal verifies it against its pinned keys and the bytes against the hash before it shows a page.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zlib

from sqlalchemy.engine import RowMapping

from sandbox import signed
from sandbox.blobs import EXTENSIONS, write_whole
from sandbox.casework import KeptDocument
from sandbox.platform import Platform

DOCUMENT_LIMIT = 10 * 1024 * 1024
MAX_PDF_PAGES = 50
MAX_PIXELS, MAX_SIDE_PX = 40_000_000, 20_000  # security.md §8
HEADS = {b"%PDF-": "application/pdf", b"\x89PNG\r\n\x1a\n": "image/png"}


class BadDocument(ValueError):
    """Bytes that are neither PDF nor PNG, too many of them, or such that no terminal can show or print them."""


def keep_document(platform: Platform, case_number: str, kind: str, data: bytes, *, dev: str, sid: str) -> KeptDocument:
    """Return the document, durable under its hash and signed; a move makes it part of the case. Raises: BadDocument.

    Kept twice it is one file. `dev` and `sid` are those of the case's first submission.
    """
    mime = media_type(data)
    digest = hashlib.sha256(data).hexdigest()
    name = f"doc-{digest[:32]}"
    path = platform.blobs.plain_path(dev, sid, name, mime)
    key = f"plain/{dev}/{sid}/{name}.{EXTENSIONS[mime]}"
    write_whole(path, data)
    platform.blobs.keep_plain(path, key, digest)
    platform.blobs.sync_plain(dev, sid)
    value = {
        "v": 1, "typ": "document", "case_number": case_number, "kind": kind, "mime": mime, "bytes": len(data),
        "sha256": digest, "ts": platform.now(),
    }  # fmt: skip
    wire = json.dumps(platform.sign("notice", signed.RESULT, value))
    return KeptDocument(kind, mime, len(data), digest, key, wire)


def read_document(platform: Platform, row: RowMapping) -> bytes:
    """Return the bytes of a document's row, checked against its hash. Raises: BadDocument if they are others."""
    data = platform.blobs.plain_file(row["path"]).read_bytes()
    if hashlib.sha256(data).hexdigest() != row["sha256"]:
        raise BadDocument(row["doc"])
    return data


def media_type(data: bytes) -> str:
    """Return what the first bytes say that this is. Raises: BadDocument."""
    if len(data) > DOCUMENT_LIMIT:
        raise BadDocument("too large")
    for head, mime in HEADS.items():
        if data.startswith(head):
            return mime
    raise BadDocument("neither PDF nor PNG")


def check_document(data: bytes) -> None:
    """Return if every terminal can show and print this document; it is opened to see. Raises: BadDocument."""
    if media_type(data) == "application/pdf":
        _check_pdf(data)
    else:
        _check_picture(data)


def _check_pdf(data: bytes) -> None:
    import pikepdf  # heavy; no platform needs it to start

    try:
        with pikepdf.open(io.BytesIO(data)) as document:
            if document.is_encrypted or not 0 < len(document.pages) <= MAX_PDF_PAGES:
                raise BadDocument("pages")
    except pikepdf.PdfError as fault:
        raise BadDocument("not a PDF that opens") from fault


def _check_picture(data: bytes) -> None:
    from PIL import Image

    try:
        width, height = struct.unpack(">II", data[16:24])  # of the header, before anything is made of it
        if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE_PX:
            raise BadDocument("too many pixels")
        with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
            picture.verify()  # to its end: what draws our forms lets Pillow load half a picture, in all of the process
        with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
            picture.load()
    except BadDocument:
        raise
    except (OSError, SyntaxError, ValueError, zlib.error, struct.error) as fault:
        raise BadDocument("not a picture that opens") from fault
