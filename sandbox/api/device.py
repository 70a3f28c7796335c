"""Signed time, the bundle of public keys, and the heartbeat."""

from __future__ import annotations

import hashlib
import json
import re
from functools import partial
from typing import Any

import sqlalchemy as sa
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import signed, store
from sandbox.api.common import (
    HEARTBEAT_LIMIT,
    authenticate,
    is_current,
    platform_of,
    read_body,
    token_hash,
)
from sandbox.beats import Letter
from sandbox.platform import Platform
from sandbox.problems import Problem
from sandbox.pulse import take_letters

NONCE = re.compile(r"[0-9A-Za-z_-]{16,64}")  # 128 bits are 22 characters of base64url or 32 hex digits
KEYS_VERSION = 1  # rises with every change of the key set; this platform rotates none yet


async def give_time(request: Request) -> Response:
    """Answer with the platform's time, signed together with the caller's nonce."""
    nonce = request.query_params.get("nonce", "")
    if not NONCE.fullmatch(nonce):
        raise Problem(400, "bad_request", "A nonce of 128 bits is needed.")
    platform = platform_of(request)
    return JSONResponse(platform.sign("time", signed.TIME, {"nonce": nonce, "now": platform.now()}))


async def give_keys(request: Request) -> Response:
    """Answer with the signed bundle of public keys, or 304."""
    await authenticate(request)
    text = await run_in_threadpool(keys_bundle, platform_of(request))
    etag = f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if is_current(request.headers.get("if-none-match", ""), etag):
        return Response(status_code=304, headers=headers)
    return Response(text, media_type="application/json", headers=headers)


def keys_bundle(platform: Platform) -> str:
    """Return the signed bundle, signed once and kept, because a second signature would differ."""

    def make() -> str:
        bundle = {
            "v": 1,
            "typ": "keys",
            "version": KEYS_VERSION,
            "ts": platform.now(),
            "keys": platform.keys.public,
        }
        return json.dumps(platform.sign("bundle", signed.BUNDLE, bundle))

    return platform.store.keep_setting(f"keys-{KEYS_VERSION}", make)


async def take_heartbeat(request: Request) -> Response:
    """Keep the newest heartbeat of a device and answer with signed time, commands due and results taken."""
    platform = platform_of(request)
    letter = Letter(token_hash(request), await read_body(request, HEARTBEAT_LIMIT))
    answer = await platform.beats.keep(letter, partial(take_letters, platform))
    return Response(answer, media_type="application/json")


def last_heartbeat(platform_store: store.PlatformStore, dev: str) -> dict[str, Any] | None:
    """Return the newest heartbeat of a device, or nothing."""
    found = platform_store.one(sa.select(store.device.c.heartbeat).where(store.device.c.dev == dev))
    if found is None or found["heartbeat"] is None:
        return None
    value = json.loads(found["heartbeat"])
    return value if isinstance(value, dict) else None


ROUTES = [
    Route("/time", give_time, methods=["GET"]),
    Route("/keys", give_keys, methods=["GET"]),
    Route("/heartbeat", take_heartbeat, methods=["POST"]),
]
