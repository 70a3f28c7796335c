"""tus 1.0 (core, creation, expiration): sealed parts arrive here, in pieces, and have no effect by themselves."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
import secrets
from collections.abc import Awaitable, Callable
from email.utils import formatdate

import sqlalchemy as sa
from sqlalchemy.engine import RowMapping
from sqlalchemy.exc import IntegrityError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox import store
from sandbox.api.common import authenticate, platform_of
from sandbox.platform import Platform
from sandbox.problems import Problem
from sandbox.reader import LIMIT, PART, UUID7

TUS = "1.0.0"
MAX_BYTES = LIMIT
LIFE_S = 14 * 24 * 3600  # how long an uncommitted upload waits for its PUT
RESERVE_BYTES = 64 << 20  # free disk kept for the database
SPOILED = 2  # whole with a wrong hash twice: not our disk, so it will never be right
SHA256_HEX = re.compile(r"[0-9a-f]{64}")
HEADERS = {"Tus-Resumable": TUS}

Handler = Callable[[Request], Awaitable[Response]]


def _tus(handler: Handler) -> Handler:
    """Refuse another protocol version; answers carry ours, refusals too."""

    async def checked(request: Request) -> Response:
        try:
            if request.headers.get("tus-resumable") != TUS:
                raise Problem(412, "tus_version", headers={"Tus-Version": TUS})
            response = await handler(request)
        except Problem as problem:
            problem.headers.update(HEADERS)
            raise
        response.headers.update(HEADERS)
        return response

    return checked


async def describe(request: Request) -> Response:
    """Say what this tus server can do."""
    await authenticate(request, may_drain=True)
    headers = {
        **HEADERS,
        "Tus-Version": TUS,
        "Tus-Extension": "creation,expiration",
        "Tus-Max-Size": str(MAX_BYTES),
    }
    return Response(status_code=204, headers=headers)


@_tus
async def create(request: Request) -> Response:
    """Open an upload, or find the one this part already has."""
    caller = await authenticate(request, may_drain=True)
    length = _number(request.headers.get("upload-length", ""))
    sid, part, sha256 = _decode_metadata(request.headers.get("upload-metadata", ""))
    if length > MAX_BYTES:
        raise Problem(413, "too_large")
    if length < 1:
        raise Problem(400, "bad_request", "An upload has at least one byte.")
    platform = platform_of(request)
    if platform.blobs.free_bytes() < length + RESERVE_BYTES:
        raise Problem(507, "storage_full")
    key = {"dev": caller.dev, "sid": sid, "part": part, "sha256": sha256}
    row = await run_in_threadpool(find_or_create, platform, key, length)
    headers = {"Location": f"/v1/uploads/{row['id']}", "Upload-Expires": formatdate(row["expires"], usegmt=True)}
    return Response(status_code=201, headers=headers)


@_tus
async def tell_offset(request: Request) -> Response:
    """Say how many bytes are here."""
    caller = await authenticate(request, may_drain=True)
    platform = platform_of(request)
    row = await run_in_threadpool(_find, platform, caller.dev, request.path_params["upload_id"])
    if row["id"] not in platform.busy_uploads:
        await run_in_threadpool(settle_if_whole, platform, row)
    headers = {
        "Upload-Offset": str(platform.blobs.offset(row["id"])),
        "Upload-Length": str(row["length"]),
        "Upload-Expires": formatdate(row["expires"], usegmt=True),
        "Cache-Control": "no-store",
    }
    return Response(status_code=200, headers=headers)


@_tus
async def append(request: Request) -> Response:
    """Append bytes at the offset. Whatever arrived before a cut stays."""
    caller = await authenticate(request, may_drain=True)
    if request.headers.get("content-type") != "application/offset+octet-stream":
        raise Problem(415, "bad_request", "PATCH carries application/offset+octet-stream.")
    platform = platform_of(request)
    row = await run_in_threadpool(_find, platform, caller.dev, request.path_params["upload_id"])
    offset = _number(request.headers.get("upload-offset", ""))
    if row["id"] in platform.busy_uploads:
        raise Problem(423, "locked", retry_after_s=1)
    platform.busy_uploads.add(row["id"])
    try:
        here = platform.blobs.offset(row["id"])
        if offset != here:
            raise Problem(409, "offset_conflict", headers={"Upload-Offset": str(here)})
        await _write_stream(request, platform, row, offset)
        await run_in_threadpool(settle_if_whole, platform, row)
    finally:
        platform.busy_uploads.discard(row["id"])
    here = platform.blobs.offset(row["id"])
    headers = {"Upload-Offset": str(here), "Upload-Expires": formatdate(row["expires"], usegmt=True)}
    return Response(status_code=204, headers=headers)


async def _write_stream(request: Request, platform: Platform, row: RowMapping, offset: int) -> None:
    room = row["length"] - offset
    with platform.blobs.upload_path(row["id"]).open("ab", buffering=0) as file:
        stream = request.stream()
        try:
            while True:
                async with asyncio.timeout(platform.stall_s):
                    chunk = await anext(stream, None)
                if chunk is None:
                    break
                if len(chunk) > room:
                    raise Problem(400, "bad_request", "More bytes than Upload-Length.")
                file.write(chunk)
                room -= len(chunk)
        except ClientDisconnect as fault:
            raise Problem(400, "bad_request", "The connection was cut.") from fault
        except TimeoutError as fault:
            raise Problem(408, "stalled", headers={"Connection": "close"}) from fault


def settle_if_whole(platform: Platform, row: RowMapping) -> bool:
    """Whether all bytes are here, durable and of the promised hash; marks the upload complete when they are.

    Raises: Problem 410 when the bytes are spoiled (start again), 422 `hash_mismatch` when they are so again.
    """
    if row["is_complete"]:
        return True
    if platform.blobs.offset(row["id"]) != row["length"]:
        return False
    mine = store.upload.c.id == row["id"]
    if platform.blobs.settle(row["id"]) == row["sha256"]:
        with platform.store.begin() as connection:
            connection.execute(store.upload.update().where(mine).values(is_complete=True))
        return True
    platform.blobs.drop(row["id"])
    with platform.store.begin() as connection:
        connection.execute(store.upload.update().where(mine).values(spoiled=store.upload.c.spoiled + 1))
    if row["spoiled"] + 1 >= SPOILED:
        raise Problem(422, "hash_mismatch")
    raise Problem(410, "upload_spoiled", "The bytes do not have the promised hash; start again.")


def drop_expired(platform: Platform) -> int:
    """Delete uploads that expired and belong to no committed submission; return how many."""
    done = sa.select(store.submission.c.sid).where(store.submission.c.state == "committed")
    stale = (store.upload.c.expires <= platform.now()) & store.upload.c.sid.not_in(done)
    found = platform.store.rows(sa.select(store.upload.c.id).where(stale))
    for row in found:
        platform.blobs.drop(row["id"])
        with platform.store.begin() as connection:
            connection.execute(store.upload.delete().where(store.upload.c.id == row["id"]))
    return len(found)


def _find(platform: Platform, dev: str, upload_id: str) -> RowMapping:
    row = platform.store.one(sa.select(store.upload).where(store.upload.c.id == upload_id, store.upload.c.dev == dev))
    if row is None:
        raise Problem(404, "not_found")
    if row["expires"] <= platform.now():
        raise Problem(410, "upload_expired")
    return row


def find_or_create(platform: Platform, key: dict[str, str], length: int) -> RowMapping:
    """Return the upload of a device, submission, part and hash, made now if new. Raises: Problem 400."""
    same = sa.and_(*(store.upload.c[name] == value for name, value in key.items()))
    expires = platform.now() + LIFE_S
    try:
        with platform.store.begin() as connection:
            values = {**key, "id": secrets.token_hex(16), "length": length, "expires": expires}
            connection.execute(store.upload.insert().values(**values))
    except IntegrityError:  # same device, submission, part and bytes: the same upload, with a new lease
        with platform.store.begin() as connection:
            connection.execute(store.upload.update().where(same).values(expires=expires))
    row = platform.store.one(sa.select(store.upload).where(same))
    if row is None or row["length"] != length:
        raise Problem(400, "bad_request", "The same bytes cannot have two lengths.")
    return row


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 16:
        raise Problem(400, "bad_request", "A length or offset is a whole number.")
    return int(text)


def _decode_metadata(text: str) -> tuple[str, str, str]:
    """Return sid, part and sha256 (hex). Raises: Problem 400."""
    found: dict[str, str] = {}
    try:
        for pair in text.split(","):
            key, _, value = pair.strip().partition(" ")
            found[key] = base64.b64decode(value, validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError) as fault:
        raise Problem(400, "bad_request", "Upload-Metadata does not decode.") from fault
    sid, part, sha256 = (found.get(name, "") for name in ("sid", "part", "sha256"))
    if not (UUID7.fullmatch(sid) and PART.fullmatch(part) and SHA256_HEX.fullmatch(sha256)):
        raise Problem(400, "bad_request", "Upload-Metadata needs sid, part and sha256.")
    return sid, part, sha256


ROUTES = [
    Route("/uploads", describe, methods=["OPTIONS"]),
    Route("/uploads", create, methods=["POST"]),
    Route("/uploads/{upload_id}", tell_offset, methods=["HEAD"]),
    Route("/uploads/{upload_id}", append, methods=["PATCH"]),
]
