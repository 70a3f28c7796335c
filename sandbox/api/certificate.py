"""POST /devices/self/certificate: the next certificate of the calling device."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import rotation
from sandbox.api.common import authenticate, platform_of, read_json


async def rotate(request: Request) -> Response:
    """Answer with the certificate for the new key."""
    caller = await authenticate(request, may_drain=True)  # what a suspended device may not is decided in `rotate`
    body = await read_json(request)
    return JSONResponse(await run_in_threadpool(rotation.rotate, platform_of(request), caller.dev, body))


ROUTES = [Route("/devices/self/certificate", rotate, methods=["POST"])]
