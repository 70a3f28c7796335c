"""The short way for what terminals ask all day: from the server straight to the endpoint.

Nearly all requests are of six kinds. Starlette's layers and its search through sixty routes cost each of them as much
as the endpoint itself; here they are found in a dictionary. Everything else, and whatever looks odd, goes the long way,
which gives the same answers: the same endpoints, the same refusals, the same headers.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.api import device, submissions, token, uploads
from sandbox.api.common import CommonHeaders
from sandbox.problems import Problem

ROOT = "/v1"
SERVED = ("/time", "/heartbeat", "/token", "/uploads", "/uploads/{upload_id}", "/submissions/{sid}")


class Express:
    """ASGI layer around the application; endpoints see the same request as through it."""

    def __init__(self, app: Starlette) -> None:
        self._app = app
        self._quick: ASGIApp = CommonHeaders(self._serve)
        self._routes: dict[tuple[str, str], tuple[Route, str]] = {}
        for route in (*device.ROUTES, *token.ROUTES, *uploads.ROUTES, *submissions.ROUTES):
            if route.path in SERVED:
                fixed, _, rest = route.path.partition("{")
                for method in route.methods or ():
                    if method != "HEAD" or rest:  # Starlette answers HEAD of a GET by itself
                        self._routes[method, ROOT + fixed] = (route, rest.rstrip("}"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, the short way if it is one of the six."""
        found = None
        if scope["type"] == "http":
            path = scope["path"]
            found = self._routes.get((scope["method"], path))
            if found is None:
                head, slash, name = path.rpartition("/")
                found = self._routes.get((scope["method"], head + slash)) if name else None
                if found is not None:
                    scope["path_params"] = {found[1]: name}
            elif found[1]:
                found = None  # its last word is missing
        if found is None:
            await self._app(scope, receive, send)
            return
        scope["app"], scope["route"], scope["root_path"] = self._app, found[0], ROOT
        await self._quick(scope, receive, send)

    @staticmethod
    async def _serve(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await scope["route"].endpoint(Request(scope, receive))
        except Problem as problem:
            response = problem.response()
        await response(scope, receive, send)
