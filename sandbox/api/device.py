"""Signed time, the bundle of public keys, and the heartbeat."""

from __future__ import annotations

import hashlib
import json
import re
from functools import partial
from typing import Any

import sqlalchemy as sa
from cryptography import x509
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import device_commands, signed, store
from sandbox.api.common import (
    HEARTBEAT_LIMIT,
    authenticate,
    device_key,
    is_current,
    platform_of,
    read_json,
    run_quick,
)
from sandbox.beats import Beat
from sandbox.platform import Platform
from sandbox.problems import Problem

NONCE = re.compile(r"[0-9A-Za-z_-]{16,64}")  # 128 bits are 22 characters of base64url or 32 hex digits
SEEN_MAX = 200_000
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
    caller = await authenticate(request, may_drain=True)
    body = await read_json(request, HEARTBEAT_LIMIT)
    platform = platform_of(request)
    beat = await run_quick(_verify_heartbeat, platform, caller.dev, body)
    listed = beat.value.get("results")
    taken = await run_quick(device_commands.take_results, platform, caller.dev, listed) if listed else []
    told = await platform.beats.keep(platform.store, beat, partial(device_commands.answer_beats, platform))
    if len(platform.seen_serials) >= SEEN_MAX:
        platform.seen_serials.clear()
    platform.seen_serials.add(beat.serial)
    answer = {"typ": "heartbeat", "n": beat.n, "now": platform.now(), **told, "ack_results": taken}
    return JSONResponse(platform.sign("time", signed.TIME, answer))


def _verify_heartbeat(platform: Platform, dev: str, body: dict[str, Any]) -> Beat:
    try:
        value, payload, serial = signed.open_object(
            body, signed.HEARTBEAT, lambda serial: device_key(platform, serial, dev)
        )
    except signed.BadSignature as fault:
        raise Problem(403, "bad_signature") from fault
    number = value.get("n")
    if value.get("dev") != dev or not isinstance(number, int) or isinstance(number, bool):
        raise Problem(400, "bad_request", "A heartbeat names its device and number.")
    renew_at = 0 if serial in platform.seen_serials else _find_renewal(platform, serial)
    return Beat(dev, serial, number, payload.decode(), value, platform.now(), renew_at)


def _find_renewal(platform: Platform, serial: str) -> int:
    """Return when two thirds of a certificate's life are over; asked until a beat with it is stored."""
    found = platform.store.one(sa.select(store.certificate.c.pem).where(store.certificate.c.serial == serial))
    if found is None:
        return 0
    certificate = x509.load_pem_x509_certificate(found["pem"].encode())
    begin, end = (int(m.timestamp()) for m in (certificate.not_valid_before_utc, certificate.not_valid_after_utc))
    return begin + (end - begin) * 2 // 3


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
