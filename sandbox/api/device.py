"""Signed time, the bundle of public keys, and the heartbeat."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import sqlalchemy as sa
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import device_commands, signed, store
from sandbox.api.common import HEARTBEAT_LIMIT, authenticate, device_key, is_current, platform_of, read_json
from sandbox.platform import Platform
from sandbox.problems import Problem

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
    await authenticate(request, may_drain=True)
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
    caller = await authenticate(request, may_drain=True)
    body = await read_json(request, HEARTBEAT_LIMIT)
    platform = platform_of(request)
    beat = await run_in_threadpool(_keep_heartbeat, platform, caller.dev, body)
    told = await run_in_threadpool(device_commands.answer_beat, platform, caller.dev, beat)
    answer = {"typ": "heartbeat", "n": beat["n"], "now": platform.now(), **told}
    return JSONResponse(platform.sign("time", signed.TIME, answer))


def _keep_heartbeat(platform: Platform, dev: str, body: dict[str, Any]) -> dict[str, Any]:
    try:
        beat, payload, _ = signed.open_object(body, signed.HEARTBEAT, lambda serial: device_key(platform, serial, dev))
    except signed.BadSignature as fault:
        raise Problem(403, "bad_signature") from fault
    number = beat.get("n")
    if beat.get("dev") != dev or not isinstance(number, int) or isinstance(number, bool):
        raise Problem(400, "bad_request", "A heartbeat names its device and number.")
    with platform.store.begin() as connection:
        connection.execute(
            store.device.update()
            .where(store.device.c.dev == dev, store.device.c.heartbeat_n < number)
            .values(heartbeat_n=number, heartbeat=payload.decode(), heartbeat_at=platform.now())
        )
        connection.execute(
            store.device.update()
            .where(store.device.c.dev == dev, store.device.c.state == "pending")
            .values(state="active")
        )
        connection.execute(store.enrolment.update().where(store.enrolment.c.dev == dev).values(state="active"))
    return beat


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
