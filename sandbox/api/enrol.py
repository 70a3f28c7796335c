"""POST /enrol and its status: a one-time code turns a key into an enrolled device."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import enrolment
from sandbox.api.common import platform_of, read_json
from sandbox.problems import Problem


async def begin(request: Request) -> Response:
    """Bind a code to a key."""
    body = await read_json(request)
    texts = [body.get("code"), body.get("csr"), body.get("app", "")]
    if not all(isinstance(text, str) for text in texts):
        raise Problem(400, "bad_request", "code, csr and app are texts.")
    code, csr, app = (str(text) for text in texts)
    row = await run_in_threadpool(enrolment.begin, platform_of(request), code, csr, body.get("hw", {}), app)
    answer = {"enrol_id": row["enrol_id"], "sas_nonce": row["sas_nonce"], "poll_s": enrolment.POLL_S}
    return JSONResponse(answer, 202)


async def status(request: Request) -> Response:
    """Answer how an enrolment stands, to whoever holds its key."""
    body = await read_json(request)
    answer = await run_in_threadpool(enrolment.poll, platform_of(request), request.path_params["enrol_id"], body)
    if answer is None:
        waiting = {"state": "pending", "poll_s": enrolment.POLL_S}
        return JSONResponse(waiting, 202, {"Retry-After": str(enrolment.POLL_S)})
    return Response(answer, media_type="application/json")


ROUTES = [
    Route("/enrol", begin, methods=["POST"]),
    Route("/enrol/{enrol_id}/status", status, methods=["POST"]),
]
