"""One endpoint is one value: what it asks, answers and refuses. Handler and document both stand on it.

So a type that stands in openapi.json is the type the request was checked against and the answer was built of.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox import persons
from sandbox.api.common import JSON_LIMIT, Caller, authenticate, is_current, platform_of, read_json
from sandbox.platform import Platform
from sandbox.problems import Problem

JSON = "application/json"
TICKET = "Jinban-Ticket"
IDEMPOTENCY = "Idempotency-Key"


class Auth(StrEnum):
    """What a caller shows: nothing, a device token, or a person ticket beside it."""

    NONE = "none"
    DEVICE = "device"
    PERSON = "person"


@dataclass(frozen=True)
class Yes:
    """One success: its JSON type or media types, and what is inside when the answer is a signed object."""

    says: str
    body: Any = None
    media: tuple[str, ...] = (JSON,)
    signs: Any = None
    purpose: str = ""
    headers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """What a handler returns: a status its endpoint lists, and a typed value, ready bytes, or nothing."""

    status: int
    value: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    media: str = JSON


@dataclass(frozen=True)
class Call:
    """One request that passed every check of form. `person` is empty unless the endpoint asks for a ticket."""

    platform: Platform
    caller: Caller
    person: persons.Ticket
    path: Mapping[str, str]
    query: Any
    body: Any
    headers: Mapping[str, str]

    @property
    def key(self) -> str:
        """Return the Idempotency-Key; endpoints that list it have one."""
        return self.headers.get(IDEMPOTENCY.lower(), "")


@dataclass(frozen=True)
class Endpoint:
    """One method on one path. Without `handle` it describes a route that another module serves."""

    method: str
    path: str
    summary: str
    answers: Mapping[int, Yes]
    problems: tuple[str, ...] = ()  # beside those that its form, its body and its authority bring
    statuses: Mapping[str, int] = field(default_factory=dict)  # of a code whose usual status is another
    auth: Auth = Auth.DEVICE
    body: Any = None
    body_media: str = JSON
    body_limit: int = JSON_LIMIT
    query: Any = None
    headers: Mapping[str, Any] = field(default_factory=dict)  # request headers beside the common ones
    params: Mapping[str, Any] = field(default_factory=dict)  # path parameters by name
    repeat: str = "safe"
    may_drain: bool = False
    handle: Callable[[Call], Answer] | None = None

    def route(self) -> Route:
        """Return the Starlette route that checks a request and runs the handler in a thread."""
        if self.handle is None:
            raise TypeError(f"{self.method} {self.path} is served elsewhere")
        route = Route(self.path, self._serve, methods=[self.method], name=f"{self.method} {self.path}")
        route.methods = {self.method}  # Starlette adds HEAD to GET: a document nobody fetched would count as a print
        return route

    async def _serve(self, request: Request) -> Response:
        caller = Caller("", "")
        person = persons.NOBODY
        platform = platform_of(request)
        if self.auth is not Auth.NONE:
            caller = await authenticate(request, may_drain=self.may_drain)
        if self.auth is Auth.PERSON:
            secret = request.headers.get(TICKET, "")
            person = await run_in_threadpool(persons.check_ticket, platform, caller.dev, secret)
        call = Call(
            platform, caller, person,
            path={name: self._path(name, request.path_params[name]) for name in self.params},
            query=self._query(request),
            body=await self._body(request),
            headers={name.lower(): self._header(name, kind, request) for name, kind in self.headers.items()},
        )  # fmt: skip
        return self._respond(await run_in_threadpool(self._run, call))

    def _run(self, call: Call) -> Answer:
        if self.handle is None:
            raise TypeError("no handler")
        return self.handle(call)

    def _path(self, name: str, text: str) -> str:
        try:
            return str(msgspec.convert(text, self.params[name]))
        except msgspec.ValidationError as fault:
            raise Problem(404, "not_found") from fault

    def _query(self, request: Request) -> Any:
        if self.query is None:
            return None
        pairs = request.query_params.multi_items()
        values = dict(pairs)
        if len(values) != len(pairs):
            raise Problem(400, "bad_request", "A parameter stands in the query twice.")
        return _convert(values, self.query, strict=False)

    async def _body(self, request: Request) -> Any:
        if self.body is None:
            return None
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != self.body_media:
            raise Problem(415, "bad_request", f"The body is {self.body_media}.")
        return _convert(_whole(await read_json(request, self.body_limit)), self.body)

    def _header(self, name: str, kind: Any, request: Request) -> str:
        text = request.headers.get(name, "")
        return str(_convert(text, kind)) if text or name == IDEMPOTENCY else ""

    def _respond(self, answer: Answer) -> Response:
        if answer.status not in self.answers:
            raise ValueError(f"{self.method} {self.path} answers {answer.status}, which it does not promise")
        if answer.value is None:
            return Response(status_code=answer.status, headers=dict(answer.headers))
        is_ready = isinstance(answer.value, bytes)
        data = answer.value if is_ready else msgspec.json.encode(answer.value)
        return Response(data, answer.status, dict(answer.headers), media_type=answer.media)


def etagged(call: Call, value: Any) -> Answer:
    """Return 200 with an ETag over the answer's bytes, or 304 if the caller has just that."""
    data = value if isinstance(value, bytes) else msgspec.json.encode(value)
    etag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if is_current(call.headers.get("if-none-match", ""), etag):
        return Answer(304, headers=headers)
    return Answer(200, data, headers)


def _whole(value: Any) -> Any:
    """Return JSON with `7.0` as the integer that it is to JSON Schema; signed objects allow only `7`."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _whole(inner) for key, inner in value.items()}
    return [_whole(inner) for inner in value] if isinstance(value, list) else value


def _convert(value: Any, kind: Any, *, strict: bool = True) -> Any:
    try:
        return msgspec.convert(value, kind, strict=strict)
    except msgspec.ValidationError as fault:
        raise Problem(400, "bad_request", "The request does not have the form of the contract.") from fault
