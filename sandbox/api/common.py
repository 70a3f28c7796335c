"""What endpoints share: bounded bodies, bearer tokens, the common response headers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox import store
from sandbox.canonical import MAX_DEPTH, NotCanonical, decode_json
from sandbox.fixed import Fixed
from sandbox.platform import Caller, Platform
from sandbox.problems import Problem

KIB = 1024
JSON_LIMIT = 64 * KIB
HEARTBEAT_LIMIT = 16 * KIB
PUT_LIMIT = 1024 * KIB
HEAVY_AT_ONCE = 8
KEYS_KEPT = 100_000
_HEAVY = ThreadPoolExecutor(HEAVY_AT_ONCE, thread_name_prefix="heavy")  # it has no thread yet when workers are made
Result = TypeVar("Result")
WAITING = (202, 409, 423, 429, 503)
RETRY_S = 5
REQUEST_ID = re.compile(rb"[A-Za-z0-9-]{1,64}")


def platform_of(request: Request) -> Platform:
    """Return the platform this application serves."""
    platform = request.app.state.platform
    if not isinstance(platform, Platform):
        raise TypeError("application without a platform")
    return platform


async def run_quick(act: Callable[..., Result], *words: Any) -> Result:
    """Run a question to the database in a thread. The loop's own executor costs half of what anyio's threads do."""
    return await asyncio.get_running_loop().run_in_executor(None, act, *words)


async def run_heavy(act: Callable[..., Result], *words: Any) -> Result:
    """Run what waits for disks or opens blobs in a thread, few at a time: heartbeats need the other threads."""
    return await asyncio.get_running_loop().run_in_executor(_HEAVY, act, *words)


async def read_body(request: Request, limit: int) -> bytes:
    """Return the body, never more than `limit` bytes. Raises: Problem 413 `too_large`, 400 when the line was cut."""
    declared = request.headers.get("content-length", "0")
    if not (declared.isascii() and declared.isdigit()) or int(declared) > limit:
        raise Problem(413, "too_large")
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise Problem(413, "too_large")
    except ClientDisconnect as fault:
        raise Problem(400, "bad_request", "The connection was cut.") from fault
    return bytes(body)


async def read_json(request: Request, limit: int = JSON_LIMIT) -> dict[str, Any]:
    """Return a JSON object from the body. Raises: Problem 400 or 413."""
    return check_json(await read_body(request, limit))


def check_json(body: bytes) -> dict[str, Any]:
    """Return the JSON object that a body is. Raises: Problem 400."""
    try:
        value = decode_json(body)
        check_plain(value)
    except NotCanonical as fault:
        raise Problem(400, "bad_request", "The body is not JSON.") from fault
    if not isinstance(value, dict):
        raise Problem(400, "bad_request", "The body is not a JSON object.")
    return value


def check_plain(value: object) -> None:
    """Return if JSON from outside is at most 32 deep and its texts can be stored anywhere. Raises: NotCanonical.

    A lone surrogate has no UTF-8, and PostgreSQL holds no NUL.
    """
    pending: list[tuple[object, int]] = [(value, 1)]
    while pending:
        item, depth = pending.pop()
        if depth > MAX_DEPTH:
            raise NotCanonical("too deep")
        if isinstance(item, dict):
            pending += [(inner, depth + 1) for pair in item.items() for inner in pair]
        elif isinstance(item, list):
            pending += [(inner, depth + 1) for inner in item]
        elif isinstance(item, str) and ("\0" in item or not _is_utf8(item)):
            raise NotCanonical("not text")


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


async def authenticate(request: Request, *, may_drain: bool = False, may_be_recent: bool = False) -> Caller:
    """Return who calls. `may_be_recent`: that it was so five seconds ago will do.

    Raises: Problem 401 `token_expired`, 403 `device_suspended` or `device_revoked`.
    """
    platform, digest = platform_of(request), token_hash(request)
    caller = platform.callers.get(digest) if may_be_recent else None
    if caller is None:
        caller = await run_quick(find_caller, platform, digest)
        platform.callers.put(digest, caller)
    if caller.scope == "drain" and not may_drain:
        raise Problem(403, "device_suspended")
    return caller


def token_hash(request: Request) -> str:
    """Return the hash under which a request's token is kept. Raises: Problem 401 when it carries none."""
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret:
        raise unknown_token()
    return store.text_sha256(secret.strip())


def unknown_token() -> Problem:
    """Return the answer to a token that is none, or none any more."""
    return Problem(401, "token_expired", headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})


_CALLER = Fixed(
    sa.select(store.token.c.dev, store.token.c.scope, store.device.c.state)
    .join(store.device, store.device.c.dev == store.token.c.dev)
    .where(store.token.c.sha256 == sa.bindparam("v_secret"), store.token.c.expires > sa.bindparam("v_now"))
)
_CERTIFICATE = Fixed(sa.select(store.certificate).where(store.certificate.c.serial == sa.bindparam("v_serial")))


def find_caller(platform: Platform, digest: str) -> Caller:
    """Return whose token it is, as the database has it now. Raises: Problem 401, 403 `device_revoked`."""
    found = platform.store.one(_CALLER, {"v_secret": digest, "v_now": platform.now()})
    if found is None:
        raise unknown_token()
    if found["state"] == "revoked":
        raise Problem(403, "device_revoked")
    return Caller(found["dev"], "drain" if found["state"] == "suspended" else found["scope"])


def is_current(if_none_match: str, etag: str) -> bool:
    """Whether a caller's If-None-Match holds our ETag: one, several, weak ones or `*` (RFC 9110 §13.1.2)."""
    known = [text.strip().removeprefix("W/") for text in if_none_match.split(",")]
    return etag in known or known == ["*"]


def device_key(platform: Platform, serial: str, dev: str | None = None) -> ec.EllipticCurvePublicKey:
    """Return the public key of a certificate, past ones included. Raises: KeyError if unknown or another device's.

    A certificate never changes, so what was found once is not asked for again.
    """
    known = platform.device_keys.get(serial)
    if known is None:
        found = platform.store.one(_CERTIFICATE, {"v_serial": serial})
        if found is None:
            raise KeyError(serial)
        key = x509.load_pem_x509_certificate(found["pem"].encode()).public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise KeyError(serial)
        if len(platform.device_keys) >= KEYS_KEPT:
            platform.device_keys.clear()
        known = platform.device_keys[serial] = (found["dev"], key)
    if dev is not None and known[0] != dev:
        raise KeyError(serial)
    return known[1]


class CommonHeaders:
    """Echoes the request id, says when to come back, and forbids storing answers that carry no ETag."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        given = dict(scope.get("headers", [])).get(b"jinban-request-id", b"")

        async def send_with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = list(message["headers"])
                names = {name.lower() for name, _ in headers}
                if b"etag" not in names and b"cache-control" not in names:
                    headers.append((b"cache-control", b"no-store"))
                if message["status"] in WAITING and b"retry-after" not in names:
                    headers.append((b"retry-after", str(RETRY_S).encode()))
                if REQUEST_ID.fullmatch(given):
                    headers.append((b"jinban-request-id", given))
                message["headers"] = headers
            await send(message)

        await self._app(scope, receive, send_with_headers)
