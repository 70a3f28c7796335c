"""Documents of a case: PDF or PNG bytes in the blob store, their hash signed by the platform.

Signed object, purpose `kiosk/result/v1`, key of use `notice`: `{v, typ:"document", case_number, kind, mime, bytes,
sha256, ts}`. A terminal verifies it against its pinned keys and the bytes against the hash before it shows a page.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets

from sqlalchemy.engine import RowMapping

from sandbox import signed
from sandbox.blobs import EXTENSIONS
from sandbox.casework import KeptDocument
from sandbox.platform import Platform

DOCUMENT_LIMIT = 10 * 1024 * 1024
HEADS = {b"%PDF-": "application/pdf", b"\x89PNG\r\n\x1a\n": "image/png"}


class BadDocument(ValueError):
    """Bytes that are neither PDF nor PNG, or too many of them."""


def keep_document(platform: Platform, case_number: str, kind: str, data: bytes, *, dev: str, sid: str) -> KeptDocument:
    """Return the document, durable under its hash and signed; a move makes it part of the case. Raises: BadDocument.

    Kept twice it is one file. `dev` and `sid` are those of the case's first submission.
    """
    mime = media_type(data)
    digest = hashlib.sha256(data).hexdigest()
    name = f"doc-{digest[:32]}"
    path = platform.blobs.plain_path(dev, sid, name, mime)
    key = f"plain/{dev}/{sid}/{name}.{EXTENSIONS[mime]}"
    fresh = path.with_suffix(f".{secrets.token_hex(4)}.new")
    with fresh.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
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
