"""The platform's HTTP API: `build_app(platform)` is the ASGI application.

Contract: queue-and-sync.md §9. Choices that the contract leaves open are written down in sandbox/README.md.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route, Router

from sandbox.api import cases, certificate, device, enrol, errands, persons, public, submissions, token, uploads
from sandbox.api.common import CommonHeaders
from sandbox.api.contract import Endpoint
from sandbox.console.record import open_book, prepare_record
from sandbox.platform import Platform
from sandbox.problems import Problem
from sandbox.structs import know_structs

SERVED: tuple[Endpoint, ...] = (*public.ENDPOINTS, *persons.ENDPOINTS, *cases.ENDPOINTS, *errands.ENDPOINTS)
CONSOLE = "/console"
WORDS = {404: "not_found", 405: "method_not_allowed"}


def build_app(platform: Platform) -> Starlette:
    """Return the application that serves `platform`."""
    from sandbox.console.mount import mount_console  # it reads bodies as we do: neither could be loaded first

    know_structs()
    prepare_record(open_book(platform.store, platform.keys))
    app = Starlette(
        routes=[
            Mount("/v1", app=Router(api_routes(), redirect_slashes=False)),
            Route(CONSOLE, _lead_to_console, methods=["GET"]),
            mount_console(platform),
        ],
        middleware=[Middleware(CommonHeaders)],
        exception_handlers={Problem: _answer_problem, HTTPException: _answer_http},
    )
    app.router.redirect_slashes = False  # a redirect of its own would believe the Host header
    app.state.platform = platform
    return app


def api_routes() -> list[BaseRoute]:
    """Return every route below /v1: what openapi.json is held against."""
    former = [*device.ROUTES, *enrol.ROUTES, *token.ROUTES, *uploads.ROUTES, *submissions.ROUTES]
    return [*former, *certificate.ROUTES, *(endpoint.route() for endpoint in SERVED)]


async def _lead_to_console(_: Request) -> Response:
    return RedirectResponse(f"{CONSOLE}/")


async def _answer_problem(_: Request, problem: Exception) -> Response:
    if not isinstance(problem, Problem):
        raise problem
    return problem.response()


async def _answer_http(request: Request, fault: Exception) -> Response:
    if not isinstance(fault, HTTPException):
        raise fault
    headers = {"Allow": _allowed(request)} if fault.status_code == 405 else {}
    return Problem(fault.status_code, WORDS.get(fault.status_code, "bad_request"), headers=headers).response()


def _allowed(request: Request) -> str:
    """Return every method of this path: Starlette names only those of the first route that fits."""
    path = request.url.path.removeprefix("/v1")
    fitting = [route for route in api_routes() if isinstance(route, Route) and route.path_regex.match(path)]
    exact = [route for route in fitting if route.path == path]
    return ", ".join(sorted({method for route in exact or fitting for method in route.methods or ()}))
