"""The OpenAPI 3.1 document, drawn from the routes and from the types their handlers use.

`python -m sandbox.openapi` writes docs/openapi.json and the drawn parts of docs/platform-api.md; tests keep both
current.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from starlette.routing import Route

from sandbox.api import SERVED, api_routes, contents, described
from sandbox.api.contract import JSON, TICKET, Auth, Endpoint, Yes
from sandbox.api.words import CODES, END, ProblemBody

PATH = Path(__file__).resolve().parents[1] / "docs" / "openapi.json"
REF = "#/components/schemas/{name}"
PROBLEM = "application/problem+json"
OPTIONAL_HEADERS = ("If-None-Match",)
WAITING = (202, 409, 423, 429, 503)
ABOUT = (
    "What a city's platform implements for Jinban terminals. docs/platform-api.md tells what types cannot: the order "
    "of checks, what may be repeated, what a signature means. `x-jinban-signs` names the object inside a signed answer."
)


def endpoints() -> list[Endpoint]:
    """Return one endpoint for every method of every route below /v1. Raises: KeyError for a route nobody described."""
    known = {(one.method, one.path): one for one in (*SERVED, *described.ENDPOINTS)}
    found = []
    for route in api_routes():
        if isinstance(route, Route):
            methods = set(route.methods or ())
            found += [
                known[method, route.path] for method in sorted(methods - ({"HEAD"} if "GET" in methods else set()))
            ]
    return sorted(found, key=lambda one: (one.path, one.method))


def compose_document() -> dict[str, Any]:
    """Return the document as plain JSON values."""
    listed = endpoints()
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in listed:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Jinban central platform", "version": "1", "description": ABOUT},
        "servers": [{"url": "https://platform.example/v1"}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "device": {"type": "http", "scheme": "bearer", "description": "POST /token gives it for ten minutes"},
                "person": {"type": "apiKey", "in": "header", "name": TICKET, "description": "POST /persons/ticket"},
            },
            "headers": _all_headers(listed),
            "responses": _refusals(listed),
            "schemas": _schemas(listed),
        },
    }
    return dict(_plain_patterns(document))


def problems_of(endpoint: Endpoint) -> dict[int, list[str]]:
    """Return every code an endpoint may refuse with, by status."""
    codes = dict.fromkeys(endpoint.problems)
    if endpoint.auth is not Auth.NONE:
        codes |= dict.fromkeys(("token_expired", "device_revoked"))
        if not endpoint.may_drain:
            codes["device_suspended"] = None
    if endpoint.auth is Auth.PERSON:
        codes["ticket_expired"] = None
    if endpoint.body is not None:
        codes |= dict.fromkeys(("bad_request", "too_large"))
    if endpoint.query is not None or endpoint.headers or endpoint.params:
        codes["bad_request"] = None
    if endpoint.params:
        codes["not_found"] = None
    found: dict[int, list[str]] = {}
    for code in codes:
        found.setdefault(endpoint.statuses.get(code, CODES[code][0][0]), []).append(code)
    if endpoint.body is not None and endpoint.body_media != "application/x-www-form-urlencoded":
        found.setdefault(415, []).append("bad_request")
    return {status: sorted(found[status]) for status in sorted(found)}


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    security: dict[str, list[str]] = {}
    if endpoint.auth is not Auth.NONE:
        security["device"] = []
    if endpoint.auth is Auth.PERSON:
        security["person"] = []
    words = endpoint.path.strip("/").replace("{", "").replace("}", "").split("/")
    found: dict[str, Any] = {
        "operationId": "-".join((endpoint.method.lower(), *words)),
        "summary": endpoint.summary,
        "description": f"Repeat: {endpoint.repeat}.",
        "tags": [words[0]],
        "security": [security] if security else [],
        "parameters": list(_parameters(endpoint)),
        "responses": {
            **{str(status): _success(status, yes) for status, yes in sorted(endpoint.answers.items())},
            **{
                str(status): {"$ref": f"#/components/responses/{_refusal_name(endpoint, status, codes)}"}
                for status, codes in problems_of(endpoint).items()
            },
        },
    }  # fmt: skip
    if endpoint.body is not None:
        schema = {"type": "string", "format": "binary"} if endpoint.body is bytes else _schema(endpoint.body)
        found["requestBody"] = {"required": True, "content": {endpoint.body_media: {"schema": schema}}}
    return found


def _parameters(endpoint: Endpoint) -> Iterator[dict[str, Any]]:
    for name, kind in endpoint.params.items():
        yield {"name": name, "in": "path", "required": True, "schema": _schema(kind)}
    if endpoint.query is not None:
        for one in msgspec.structs.fields(endpoint.query):
            yield {
                "name": one.encode_name, "in": "query", "required": one.required, "schema": _inline(one.type),
            }  # fmt: skip
    for name, kind in endpoint.headers.items():
        yield {"name": name, "in": "header", "required": name not in OPTIONAL_HEADERS, "schema": _inline(kind)}


def _success(status: int, yes: Yes) -> dict[str, Any]:
    found: dict[str, Any] = {"description": yes.says or "done", "headers": dict(_headers(status, yes.headers))}
    if yes.media:
        content: dict[str, Any] = {}
        for media in yes.media:
            content[media] = {"schema": _schema(yes.body)} if media == JSON else {}
            if yes.signs is not None:
                content[media]["x-jinban-signs"] = {"purpose": yes.purpose, "object": _schema(yes.signs)}
        found["content"] = content
    return found


def _refusal(endpoint: Endpoint, status: int, codes: list[str]) -> dict[str, Any]:
    told = "; ".join(f"`{code}`: {CODES[code][1]}" for code in codes)
    found: dict[str, Any] = {"description": told, "headers": dict(_headers(status, ()))}
    if endpoint.method != "HEAD":
        schema = {"allOf": [_schema(ProblemBody), {"properties": {"code": {"enum": codes}}}]}
        found["content"] = {PROBLEM: {"schema": schema}}
    return found


def _refusals(listed: list[Endpoint]) -> dict[str, Any]:
    """Return every refusal once, by its name."""
    return {
        _refusal_name(endpoint, status, codes): _refusal(endpoint, status, codes)
        for endpoint in listed
        for status, codes in problems_of(endpoint).items()
    }


def _refusal_name(endpoint: Endpoint, status: int, codes: list[str]) -> str:
    return "-".join((str(status), *codes, *(["head"] if endpoint.method == "HEAD" else [])))


def _headers(status: int, names: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    listed = [*names, *(["Retry-After"] if status in WAITING else []), *([] if "ETag" in names else ["Cache-Control"])]
    for name in listed:
        yield name, {"$ref": f"#/components/headers/{name}"}


def _all_headers(listed: list[Endpoint]) -> dict[str, Any]:
    text = {"required": True, "schema": {"type": "string"}}
    names = {name for endpoint in listed for yes in endpoint.answers.values() for name in yes.headers}
    no_store = {"required": True, "schema": {"type": "string", "const": "no-store"}}
    return dict.fromkeys(sorted(names | {"Retry-After"}), text) | {"Cache-Control": no_store}


def _types(listed: list[Endpoint]) -> list[Any]:
    found: list[Any] = [ProblemBody, *described.INSIDE.values(), *contents.INSIDE]
    for endpoint in listed:
        found += [endpoint.body, *endpoint.params.values()]
        for yes in endpoint.answers.values():
            found += [yes.body, yes.signs]
    return [kind for kind in found if kind is not None and kind is not bytes]


def _schemas(listed: list[Endpoint]) -> dict[str, Any]:
    return dict(msgspec.json.schema_components(_types(listed), ref_template=REF)[1])


def _schema(kind: Any) -> dict[str, Any]:
    """Return a reference to a named type, or the schema of a small one."""
    return dict(msgspec.json.schema_components([kind], ref_template=REF)[0][0])


def _inline(kind: Any) -> dict[str, Any]:
    """Return the schema of a text in a query or header; there is no null in those."""
    found = _schema(kind)
    if "anyOf" in found:
        return next(dict(one) for one in found["anyOf"] if one.get("type") != "null")
    return found


def _plain_patterns(value: Any) -> Any:
    """Return the document with patterns as ECMA-262 means them, where `$` is the end and nothing else."""
    if isinstance(value, Mapping):
        return {
            key: inner.replace(END, "$") if key == "pattern" and isinstance(inner, str) else _plain_patterns(inner)
            for key, inner in value.items()
        }
    return [_plain_patterns(inner) for inner in value] if isinstance(value, list | tuple) else value


def compose_text() -> str:
    """Return docs/openapi.json."""
    return json.dumps(compose_document(), ensure_ascii=False, indent=1) + "\n"


def write() -> None:
    """Write the document, and fill the drawn parts of the page for implementers."""
    from sandbox import page  # it stands on this module

    PATH.write_text(compose_text(), "utf-8")
    page.PATH.write_text(page.fill(page.PATH.read_text("utf-8")), "utf-8")
    sys.stdout.write(f"{PATH}\n{page.PATH}\n")


if __name__ == "__main__":
    write()
