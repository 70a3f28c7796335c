"""The fault script: how tests, demo and training make the platform misbehave, without any admin account.

Each file in `STATE/faults` is one fault, in the order of names. The first whose `on` fits a request is played and
counted down; at nought its file goes. Whoever can write the state folder can script; nothing listens for it.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import time
import uuid
from collections.abc import Callable, MutableMapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.canonical import NotCanonical, decode_b64url, decode_json, encode_b64url
from sandbox.platform import Platform
from sandbox.problems import Problem
from sandbox.signed import RECEIPT, TIME, sign_object

PORTAL = (
    b"<!DOCTYPE html><html><head><title>Welcome</title></head><body><h1>Guest network</h1>Please sign in.</body></html>"
)
EVERY = "any"
ACTIONS = (
    "status",  # answer `status`, with our `code` or, without one, as a gateway would
    "html",  # a captive portal's page
    "redirect",  # 302 to elsewhere
    "hang",  # say nothing until the caller gives up
    "close",  # cut the connection at once; the request has no effect
    "drop_reply",  # let the request take effect, then cut instead of answering
    "cut",  # take `after_bytes` of the body, then cut
    "wrong_receipt",  # commit, but return a receipt that must not be believed: `flavour`
    "skew",  # sign a time that is `skew_s` off
)
FLAVOURS = ("signature", "sid", "hash", "seq", "dev", "key", "empty", "der")


@dataclass(frozen=True)
class Fault:
    """One scripted fault. `on`: time enrol enrol-status token keys create patch head put get heartbeat any."""

    on: str
    action: str
    times: int = 1
    status: int = 500
    code: str = ""
    retry_after: str = ""
    after_bytes: int = 0
    flavour: str = "signature"
    skew_s: int = 0


class FaultScript:
    """The folder of scripted faults. Writers and the one playing platform may be different processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, fault: Fault) -> None:
        """Append a fault to the script. Raises: ValueError for an unknown action."""
        if fault.action not in ACTIONS or fault.flavour not in FLAVOURS:
            raise ValueError(f"no such fault: {fault.action} {fault.flavour}")
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}.json"
        self._write(self._folder / name, fault)

    def clear(self) -> None:
        """Forget every fault that is left."""
        for path in self._paths():
            path.unlink(missing_ok=True)

    def left(self, on: str = EVERY) -> int:
        """Return how many requests will still be hit."""
        faults = [self._read(path) for path in self._paths()]
        return sum(fault.times for fault in faults if fault is not None and on in (EVERY, fault.on))

    def take(self, on: str) -> Fault | None:
        """Return the next fault for this kind of request, counted down."""
        for path in self._paths():
            fault = self._read(path)
            if fault is not None and fault.on in (on, EVERY):
                if fault.times > 1:
                    self._write(path, replace(fault, times=fault.times - 1))
                else:
                    path.unlink(missing_ok=True)
                return fault
        return None

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob("*.json")) if self._folder.is_dir() else []

    @staticmethod
    def _read(path: Path) -> Fault | None:
        try:
            return Fault(**json.loads(path.read_text()))
        except FileNotFoundError:
            return None

    @staticmethod
    def _write(path: Path, fault: Fault) -> None:
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(asdict(fault)))
        temporary.replace(path)


class Faults:
    """Outermost ASGI layer that plays the script."""

    def __init__(self, app: ASGIApp, script: FaultScript, platform: Platform) -> None:
        self._app = app
        self._script = script
        self._platform = platform

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or spoil it."""
        fault = self._script.take(_name(scope)) if scope["type"] == "http" else None
        if fault is None:
            await self._app(scope, receive, send)
            return
        match fault.action:
            case "status":
                await _answer_status(fault, scope, receive, send)
            case "html":
                await _send(send, 200, PORTAL, {"content-type": "text/html"})
            case "redirect":
                await _send(send, 302, b"", {"location": "https://127.0.0.1:1/login"})
            case "hang":
                await _hang(receive, send)
            case "close":
                await _cut(receive, send)
            case "drop_reply":
                await self._app(scope, receive, _nowhere)
                await _cut(receive, send)
            case "cut":
                await self._app(scope, _short(receive, fault.after_bytes), _nowhere)
                await _cut(receive, send)
            case _:
                await self._app(scope, receive, _altered(send, lambda body: self._forge(fault, body)))

    def _forge(self, fault: Fault, body: bytes) -> bytes:
        """Return another signed answer in the place of the right one."""
        try:
            wire = decode_json(body)
            value = decode_json(decode_b64url(wire["o"]))
        except (NotCanonical, KeyError, TypeError):
            return body
        if fault.action == "skew":
            return _dump(self._platform.sign("time", TIME, {**value, "now": value["now"] + fault.skew_s}))
        return forge_receipt(self._platform, fault.flavour, wire, value)


def forge_receipt(platform: Platform, flavour: str, wire: dict[str, str], value: dict[str, Any]) -> bytes:
    """Return a receipt's wire form that no terminal may believe; all but the first are well signed by somebody."""
    if flavour == "signature":
        raw = bytearray(base64.urlsafe_b64decode(wire["sig"] + "=="))
        raw[-1] ^= 1
        return _dump({**wire, "sig": encode_b64url(bytes(raw))})
    if flavour == "der":  # 70-odd bytes in place of 64
        return _dump({**wire, "sig": encode_b64url(b"\x30\x44" + os.urandom(68))})
    if flavour == "empty":
        return b"{}"
    if flavour == "key":  # a key of ours, but not one for receipts
        key = platform.keys.signing["time"]
        return _dump(sign_object(key.private, key.kid, RECEIPT, value))
    wrong = {
        "sid": "01990000-0000-7000-8000-00000000dead",
        "hash": "0" * 64,
        "seq": int(value["seq"]) + 1,
        "dev": "K-999999",
    }
    field = "manifest_sha256" if flavour == "hash" else flavour
    return _dump(platform.sign("receipt", RECEIPT, {**value, field: wrong[flavour]}))


def _name(scope: Scope) -> str:
    """Return the word for the request that scripts use."""
    method, path = scope["method"], scope["path"].removeprefix("/v1/")
    head, _, rest = path.partition("/")
    if head == "submissions":
        return "put" if method == "PUT" else "get"
    if head == "uploads":
        return {"POST": "create", "PATCH": "patch", "HEAD": "head"}.get(method, "options")
    return "enrol-status" if head == "enrol" and rest else head


async def _answer_status(fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
    headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
    if fault.code:
        await Problem(fault.status, fault.code, headers=headers).response()(scope, receive, send)
    else:
        await _send(send, fault.status, b"", {name.lower(): value for name, value in headers.items()})


async def _send(send: Send, status: int, body: bytes, headers: dict[str, str]) -> None:
    headers = {**headers, "content-length": str(len(body)), "connection": "close"}  # the body was not read
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


async def _nowhere(_: Message) -> None:
    await asyncio.sleep(0)


async def _until_gone(receive: Receive) -> None:
    message = await receive()
    while message["type"] != "http.disconnect":
        message = await receive()


async def _hang(receive: Receive, send: Send) -> None:
    try:
        await _until_gone(receive)
    except asyncio.CancelledError:  # the platform ends: it leaves without a word, as it was told to
        await _cut(receive, send)


async def _cut(receive: Receive, send: Send) -> None:
    """Cut the TCP connection. ASGI has no word for it, so this reaches for uvicorn's own transport."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise RuntimeError("this server does not let a connection be cut")
    transport.abort()
    await _until_gone(receive)


def _short(receive: Receive, after_bytes: int) -> Receive:
    """Return a receive that ends with a disconnect once so many bytes of the body have passed."""
    left = after_bytes

    async def short() -> Message:
        nonlocal left
        if left <= 0:
            return {"type": "http.disconnect"}
        message = await receive()
        if message["type"] == "http.request":
            body = message.get("body", b"")[:left]
            left -= len(body)
            return {**message, "body": body, "more_body": True}
        return message

    return short


def _altered(send: Send, change: Callable[[bytes], bytes]) -> Send:
    """Return a send that changes the whole body of a 2xx answer."""
    start: MutableMapping[str, Any] = {}
    body = bytearray()

    async def altered(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
            return
        body.extend(message.get("body", b""))
        if message.get("more_body"):
            return
        final = change(bytes(body)) if 200 <= start["status"] < 300 else bytes(body)
        kept = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
        await send({**start, "headers": [*kept, (b"content-length", str(len(final)).encode())]})
        await send({"type": "http.response.body", "body": final})

    return altered


def _dump(value: object) -> bytes:
    return json.dumps(value).encode()
