"""Bodies of forms: urlencoded, or multipart with one file. Small, strict, read whole and bounded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from starlette.requests import Request

from sandbox.api.common import read_body
from sandbox.documents import DOCUMENT_LIMIT
from sandbox.problems import Problem

FORM_LIMIT = 64 * 1024
UPLOAD_LIMIT = DOCUMENT_LIMIT + FORM_LIMIT
MAX_FIELDS = 200
BOUNDARY = re.compile(r'multipart/form-data;\s*boundary="?([A-Za-z0-9\'()+_,./:=?-]{1,70})"?')
NAME = re.compile(rb'name="([A-Za-z0-9_.-]{1,64})"')
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Form:
    """What a form brought: texts by name, in order, and files by name."""

    texts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)

    def text(self, name: str, limit: int = 500) -> str:
        """Return the one text of that name without control and direction characters, or nothing."""
        found = self.texts.get(name, ())
        return CONTROL.sub("", found[0]).strip()[:limit] if len(found) == 1 else ""

    def all(self, name: str) -> tuple[str, ...]:
        """Return every text of that name."""
        return tuple(CONTROL.sub("", one).strip() for one in self.texts.get(name, ()))


async def read_form(request: Request, *, with_file: bool = False) -> Form:
    """Return the body of a POST. Raises: Problem 400, 413, 415."""
    kind = request.headers.get("content-type", "")
    if kind.split(";")[0].strip() == "application/x-www-form-urlencoded":
        return decode_urlencoded(await read_body(request, FORM_LIMIT))
    found = BOUNDARY.fullmatch(kind)
    if found is None or not with_file:
        raise Problem(415, "bad_request", "This is not a form.")
    return decode_multipart(await read_body(request, UPLOAD_LIMIT), found[1].encode())


def decode_urlencoded(body: bytes) -> Form:
    """Return the texts of an urlencoded body. Raises: Problem 400."""
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError as fault:
        raise Problem(400, "bad_request", "This is not a form.") from fault
    return Form(_gather(pairs))


def decode_multipart(body: bytes, boundary: bytes) -> Form:
    """Return texts and files of a multipart body. Raises: Problem 400."""
    first, *pieces = (b"\r\n" + body).split(b"\r\n--" + boundary)
    if first or not pieces or pieces[-1].rstrip(b"\r\n") != b"--" or len(pieces) > MAX_FIELDS:
        raise Problem(400, "bad_request", "This is not a form.")
    pairs: list[tuple[str, str]] = []
    files: dict[str, bytes] = {}
    for piece in pieces[:-1]:
        head, gap, data = piece.partition(b"\r\n\r\n")
        named = NAME.search(head.split(b"filename", maxsplit=1)[0])
        if not gap or named is None:
            raise Problem(400, "bad_request", "This is not a form.")
        name = named[1].decode()
        if b"filename" in head:  # its name is the sender's word and is not read
            files[name] = data
            continue
        try:
            pairs.append((name, data.decode("utf-8")))
        except UnicodeDecodeError as fault:
            raise Problem(400, "bad_request", "This is not a form.") from fault
    return Form(_gather(pairs), files)


def _gather(pairs: list[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        found[name] = (*found.get(name, ()), value.replace("\r\n", "\n"))
    return found
