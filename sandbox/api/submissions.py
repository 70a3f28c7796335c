"""PUT and GET /submissions/{sid}."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox import couriers, intake
from sandbox.api.common import PUT_LIMIT, authenticate, platform_of, read_json, run_heavy, run_quick
from sandbox.problems import Problem
from sandbox.reader import UUID7


async def put(request: Request) -> Response:
    """Commit a submission, or return the receipt it already has."""
    caller = await authenticate(request, may_drain=True)
    sid = _sid(request)
    body = await read_json(request, PUT_LIMIT)
    platform = platform_of(request)
    dev = await run_quick(couriers.signer_of, platform, caller, body.get("envelope"))
    carrier = caller.dev if dev != caller.dev else ""
    return _respond(await run_heavy(intake.take, platform, dev, sid, body, carrier))


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
