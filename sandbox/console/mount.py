"""The officers' console: server-rendered pages under /console, without a line of script.

Signed in by cookie, the devices' API by bearer token: neither looks at the other's. docs/console.md is its manual.
"""

from __future__ import annotations

import hashlib

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from sandbox.casework import file_former
from sandbox.console import desk, enrolments, records, signing, terminals
from sandbox.console.web import ROOT, TEMPLATES, Refusal, SafeHeaders, answer_refusal
from sandbox.platform import Platform
from sandbox.problems import Problem

STYLE = (TEMPLATES / "console.css").read_bytes()
STYLE_TAG = f'"{hashlib.sha256(STYLE).hexdigest()[:32]}"'


def mount_console(platform: Platform) -> Mount:
    """Return the console of `platform`, to be mounted beside the devices' API or on a listener of its own."""
    file_former(platform.store, platform.now())
    routes = [
        Route("/console.css", _style, methods=["GET"]),
        *signing.ROUTES,
        *desk.ROUTES,
        *terminals.ROUTES,
        *enrolments.ROUTES,
        *records.ROUTES,
    ]
    faults = (Refusal, Problem, HTTPException)
    app = Starlette(
        routes=routes,
        middleware=[Middleware(SafeHeaders)],
        exception_handlers=dict.fromkeys(faults, answer_refusal),
    )
    app.router.redirect_slashes = False  # a redirect of its own would believe the Host header
    app.state.platform = platform
    return Mount(ROOT, app=app)


async def _style(request: Request) -> Response:
    headers = {"ETag": STYLE_TAG, "Cache-Control": "private, no-cache"}
    if request.headers.get("if-none-match") == STYLE_TAG:
        return Response(status_code=304, headers=headers)
    return Response(STYLE, media_type="text/css", headers=headers)
