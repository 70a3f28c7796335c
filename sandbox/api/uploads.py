"""tus 1.0 (core, creation, expiration): sealed parts arrive here, in pieces, and have no effect by themselves."""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from typing import Any, BinaryIO

import sqlalchemy as sa
from sqlalchemy.engine import RowMapping
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox import store
from sandbox.api.common import authenticate, platform_of, run_heavy, run_quick
from sandbox.blobs import Held
from sandbox.database import DIALECTS
from sandbox.fixed import Fixed
from sandbox.platform import Platform
from sandbox.problems import Problem
from sandbox.reader import LIMIT, PART, UUID7

TUS = "1.0.0"
MAX_BYTES = LIMIT
LIFE_S = 14 * 24 * 3600  # how long an uncommitted upload waits for its PUT
RESERVE_BYTES = 64 << 20  # free disk kept for the database
SPOILED = 2  # whole with a wrong hash twice: not our disk, so it will never be right
SHA256_HEX = re.compile(r"[0-9a-f]{64}")
METADATA_MAX = 1000  # sid, part and sha256 are 218 at most; a client's own pairs are passed over
HEADERS = {"Tus-Resumable": TUS}
SLOW_WRITE_S = 0.01
SLOW_FOR_S = 10.0
AHEAD_BYTES = 1 << 20  # what may wait in memory for the disk, of one upload

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
    await authenticate(request, may_drain=True, may_be_recent=True)
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
    caller = await authenticate(request, may_drain=True, may_be_recent=True)
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
    row = await run_quick(find_or_create, platform, key, length)
    if not row["is_complete"]:
        platform.open_uploads.put((caller.dev, row["id"]), row)
    headers = {"Location": f"/v1/uploads/{row['id']}", "Upload-Expires": formatdate(row["expires"], usegmt=True)}
    return Response(status_code=201, headers=headers)


@_tus
async def tell_offset(request: Request) -> Response:
    """Say how many bytes are here."""
    caller = await authenticate(request, may_drain=True, may_be_recent=True)
    platform = platform_of(request)
    row = await run_quick(_find, platform, caller.dev, request.path_params["upload_id"])
    is_whole = row["is_complete"] or await run_heavy(is_settled, platform, row)
    headers = {
        "Upload-Offset": str(row["length"] if is_whole else platform.blobs.offset(row["id"])),
        "Upload-Length": str(row["length"]),
        "Upload-Expires": formatdate(row["expires"], usegmt=True),
        "Cache-Control": "no-store",
    }
    return Response(status_code=200, headers=headers)


@_tus
async def append(request: Request) -> Response:
    """Append bytes at the offset. Whatever arrived before a cut stays."""
    caller = await authenticate(request, may_drain=True, may_be_recent=True)
    if request.headers.get("content-type") != "application/offset+octet-stream":
        raise Problem(415, "bad_request", "PATCH carries application/offset+octet-stream.")
    platform = platform_of(request)
    key = (caller.dev, request.path_params["upload_id"])
    row = platform.open_uploads.get(key)
    if row is None or row["expires"] <= platform.now():
        row = await run_quick(_find, platform, *key)
    platform.open_uploads.drop(key)  # until we know how this one ends
    offset = _number(request.headers.get("upload-offset", ""))
    if row["is_complete"]:
        raise _conflict(row["length"])
    try:
        with platform.blobs.hold(row["id"]) as file:
            here = os.fstat(file.fileno()).st_size
            if offset != here:
                raise _conflict(here)
            here += await _write_stream(request, platform, file, row["length"] - offset)
            if here == row["length"]:
                await run_heavy(_settle, platform, row)
            else:
                platform.open_uploads.put(key, row)
    except Held as fault:
        raise Problem(423, "locked", retry_after_s=1) from fault
    headers = {"Upload-Offset": str(here), "Upload-Expires": formatdate(row["expires"], usegmt=True)}
    return Response(status_code=204, headers=headers)


def _conflict(here: int) -> Problem:
    return Problem(409, "offset_conflict", headers={"Upload-Offset": str(here)})


async def _write_stream(request: Request, platform: Platform, file: BinaryIO, room: int) -> int:
    """Write what comes, `room` bytes at most, and return how many came.

    While the disk keeps up, a write is a copy into memory. When one had to wait, threads write for a while, and what
    comes meanwhile goes into their next call.
    """
    stream = request.stream()
    waiting: list[bytes] = []
    writing: asyncio.Task[None] | None = None
    come = 0
    try:
        while True:
            async with asyncio.timeout(platform.stall_s):
                chunk = await anext(stream, None)
            if chunk is None:
                return come
            come += len(chunk)
            if come > room:
                raise Problem(400, "bad_request", "More bytes than Upload-Length.")
            waiting.append(chunk)
            if writing is None and not _DISK.is_slow():
                _DISK.write(file, waiting)
                waiting = []
                continue
            if writing is not None and (writing.done() or sum(map(len, waiting)) > AHEAD_BYTES):
                await writing
                writing = None
            if writing is None:
                writing = asyncio.create_task(run_quick(_write, file, waiting))
                waiting = []
    except ClientDisconnect as fault:
        raise Problem(400, "bad_request", "The connection was cut.") from fault
    except TimeoutError as fault:
        raise Problem(408, "stalled", headers={"Connection": "close"}) from fault
    finally:  # whatever came stays, however the request ends
        if writing is not None:
            await writing
        _write(file, waiting)


def _write(file: BinaryIO, chunks: list[bytes]) -> None:
    view = memoryview(b"".join(chunks))
    while view:
        view = view[file.write(view) :]


class _Disk:
    """Whether writes had to wait of late, as this process saw it. A hint about speed, nothing else."""

    def __init__(self) -> None:
        self._slow_until = 0.0

    def is_slow(self) -> bool:
        """Whether the loop should keep its hands off the disk."""
        return time.monotonic() < self._slow_until

    def write(self, file: BinaryIO, chunks: list[bytes]) -> None:
        """Write in the loop, and see how long it took."""
        begun = time.monotonic()
        _write(file, chunks)
        now = time.monotonic()
        if now - begun > SLOW_WRITE_S:
            self._slow_until = now + SLOW_FOR_S


_DISK = _Disk()


def is_settled(platform: Platform, row: RowMapping) -> bool:
    """Whether all bytes are here, durable and of the promised hash. Never while somebody appends.

    Raises: Problem 410 when the bytes are spoiled (start again), 422 `hash_mismatch` when they are so again.
    """
    if row["is_complete"]:
        return True
    if platform.blobs.offset(row["id"]) != row["length"]:
        return False
    try:
        with platform.blobs.hold(row["id"]):
            return platform.blobs.offset(row["id"]) == row["length"] and _settle(platform, row)
    except Held:
        return False


_COMPLETE = Fixed(store.upload.update().where(store.upload.c.id == sa.bindparam("v_id")).values(is_complete=True))


def _settle(platform: Platform, row: RowMapping) -> bool:
    """Make a whole upload, which the caller holds, durable and complete. Raises: as `is_settled`."""
    mine = store.upload.c.id == row["id"]
    if platform.blobs.settle(row["id"]) == row["sha256"]:
        platform.blobs.keep_sealed(row["id"], row["sha256"])
        with platform.store.begin(is_lasting=False) as connection:  # lost, it would be found out again
            _COMPLETE.run(connection, {"v_id": row["id"]})
        return True
    platform.blobs.drop(row["id"])
    with platform.store.begin() as connection:
        again = store.upload.update().where(mine).values(spoiled=store.upload.c.spoiled + 1)
        spoiled = connection.execute(again.returning(store.upload.c.spoiled)).scalar_one()
    if spoiled >= SPOILED:
        raise Problem(422, "hash_mismatch")
    raise Problem(410, "upload_spoiled", "The bytes do not have the promised hash; start again.")


_UPLOAD = Fixed(
    sa.select(store.upload).where(
        store.upload.c.id == sa.bindparam("v_id"), store.upload.c.dev == sa.bindparam("v_dev")
    )
)


def _find(platform: Platform, dev: str, upload_id: str) -> RowMapping:
    row = platform.store.one(_UPLOAD, {"v_id": upload_id, "v_dev": dev})
    if row is None:
        raise Problem(404, "not_found")
    if row["expires"] <= platform.now():
        raise Problem(410, "upload_expired")
    return row


@Fixed
def _OPEN(dialect: str) -> Any:  # noqa: N802 - a statement as the others
    fresh = DIALECTS[dialect](store.upload)
    key = ("dev", "sid", "part", "sha256")
    same = fresh.on_conflict_do_update(index_elements=key, set_={"expires": fresh.excluded.expires})
    return same.returning(*store.upload.c)


def find_or_create(platform: Platform, key: dict[str, str], length: int) -> RowMapping:
    """Return the upload of a device, submission, part and hash, made now if new. Raises: Problem 400."""
    expires = platform.now() + LIFE_S
    fresh = {**key, "id": secrets.token_hex(16), "length": length, "is_complete": False, "spoiled": 0}
    with platform.store.begin(is_lasting=False) as connection:
        row = _OPEN.rows(connection, {**fresh, "expires": expires})[0]
    if row["length"] != length:
        raise Problem(400, "bad_request", "The same bytes cannot have two lengths.")
    return row


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 16:
        raise Problem(400, "bad_request", "A length or offset is a whole number.")
    return int(text)


def _decode_metadata(text: str) -> tuple[str, str, str]:
    """Return sid, part and sha256 (hex). Raises: Problem 400."""
    found: dict[str, str] = {}
    if len(text) > METADATA_MAX:
        raise Problem(400, "bad_request", "Upload-Metadata is too long.")
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
