"""PUT and GET /submissions/{sid}."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox import couriers, intake
from sandbox.api.common import PUT_LIMIT, authenticate, find_caller, platform_of, read_json, run_heavy, token_hash
from sandbox.platform import Platform
from sandbox.problems import Problem
from sandbox.reader import UUID7


async def put(request: Request) -> Response:
    """Commit a submission, or return the receipt it already has."""
    await authenticate(request, may_drain=True, may_be_recent=True)  # before we read what a stranger sends
    sid = _sid(request)
    body = await read_json(request, PUT_LIMIT)
    return _respond(await run_heavy(_commit, platform_of(request), token_hash(request), sid, body))


def _commit(platform: Platform, digest: str, sid: str, body: dict[str, Any]) -> intake.Answer:
    caller = find_caller(platform, digest)  # the commit point asks anew
    dev = couriers.signer_of(platform, caller, body.get("envelope"))
    return intake.take(platform, dev, sid, body, caller.dev if dev != caller.dev else "")


async def status(request: Request) -> Response:
    """Say where a submission of the calling device stands."""
    caller = await authenticate(request, may_drain=True)
    return _respond(await run_in_threadpool(intake.tell, platform_of(request), caller.dev, _sid(request)))


def _sid(request: Request) -> str:
    sid = str(request.path_params["sid"])
    if not UUID7.fullmatch(sid):
        raise Problem(400, "bad_request", "A submission id is a UUIDv7 in lower case.")
    return sid


def _respond(answer: intake.Answer) -> Response:
    headers = {"Retry-After": str(answer.retry_after_s)} if answer.retry_after_s else {}
    return Response(answer.text, answer.status, headers, media_type="application/json")


ROUTES = [
    Route("/submissions/{sid}", put, methods=["PUT"]),
    Route("/submissions/{sid}", status, methods=["GET"]),
]
