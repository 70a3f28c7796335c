"""The short way to the endpoints gives the answers of the long one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.api import build_app
from sandbox.api.express import Express
from sandbox.main import Options, open_platform

NONCE = "nonce=0123456789abcdef0123456789abcdef"
TUS = (b"tus-resumable", b"1.0.0")
SHORT = (
    ("GET", "/v1/time", ()),  # 400: no nonce
    ("POST", "/v1/heartbeat", ()),  # 401
    ("POST", "/v1/heartbeat", ((b"authorization", b"Bearer x"), (b"jinban-request-id", b"abc-1"))),
    ("POST", "/v1/token", ()),  # 400
    ("OPTIONS", "/v1/uploads", ()),  # 401
    ("POST", "/v1/uploads", ()),  # 412
    ("POST", "/v1/uploads", (TUS,)),  # 401
    ("PATCH", "/v1/uploads/abc", (TUS, (b"authorization", b"Bearer x"))),
    ("HEAD", "/v1/uploads/abc", ()),
    ("PUT", "/v1/submissions/abc", ()),
    ("GET", "/v1/submissions/abc", ()),
)
LONG = (
    ("GET", "/v1/heartbeat", ()),  # 405
    ("POST", "/v1/time", ()),
    ("HEAD", "/v1/time", ()),
    ("DELETE", "/v1/uploads/abc", ()),
    ("PATCH", "/v1/uploads/", (TUS,)),  # 404
    ("PATCH", "/v1/uploads/abc/def", (TUS,)),
    ("GET", "/v1/time/", ()),
    ("GET", "/v1/keys", ()),
    ("GET", "/time", ()),
    ("GET", "/", ()),
)


class Witness:
    """An application that counts the requests that reach it."""

    def __init__(self, app: Starlette) -> None:
        self._app = app
        self.state = app.state
        self.seen = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.seen += 1
        await self._app(scope, receive, send)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Starlette]:
    platform = open_platform(Options(state=tmp_path))
    yield build_app(platform)
    platform.store.close()


def ask(app: ASGIApp, method: str, path: str, headers: tuple[Any, ...], query: str = "") -> tuple[int, Any, bytes]:
    said: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        said.append(message)

    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": query.encode(),
        "headers": list(headers), "root_path": "", "scheme": "https", "server": ("127.0.0.1", 1), "http_version": "1.1",
        "client": ("127.0.0.1", 2),
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    return said[0]["status"], sorted(said[0]["headers"]), b"".join(one.get("body", b"") for one in said[1:])


@pytest.mark.parametrize(("method", "path", "headers"), SHORT + LONG)
def test_both_ways_give_the_same_answer(app: Starlette, method: str, path: str, headers: tuple[Any, ...]) -> None:
    witness = Witness(app)
    short = ask(Express(witness), method, path, headers)  # type: ignore[arg-type]
    assert witness.seen == ((method, path, headers) in LONG)
    assert short == ask(app, method, path, headers)
    assert short[0] >= 400


def test_the_signed_time_comes_the_short_way(app: Starlette) -> None:
    witness = Witness(app)
    status, headers, body = ask(Express(witness), "GET", "/v1/time", (), NONCE)  # type: ignore[arg-type]
    assert (status, witness.seen) == (200, 0)
    assert (b"cache-control", b"no-store") in headers
    assert body.startswith(b'{"kid":"time-')
