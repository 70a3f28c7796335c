"""The drawn parts of docs/platform-api.md: endpoints, codes and types stand between marks, the rest is written by hand.

`python -m sandbox.openapi` fills them; a test keeps them current.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sandbox.api.contract import Auth, Endpoint
from sandbox.api.words import CODES
from sandbox.openapi import compose_document, endpoints, problems_of

PATH = Path(__file__).resolve().parents[1] / "docs" / "platform-api.md"
MARK = re.compile(r"(<!-- drawn: (\w+) -->\n).*?(\n<!-- end -->)", re.DOTALL)
CREDENTIALS = {Auth.NONE: "nothing", Auth.DEVICE: "token", Auth.PERSON: "token and ticket"}
ORDER = (
    "time", "enrol", "token", "devices", "keys", "catalogue", "policy", "notices", "heartbeat", "uploads",
    "submissions", "persons", "cases", "materials", "payments", "appointments", "consultations",
)  # fmt: skip


def fill(page: str) -> str:
    """Return the page with its drawn parts as the code has them now."""
    parts = {"endpoints": "\n".join(_endpoints()), "codes": "\n".join(_codes()), "types": "\n".join(_types())}
    return MARK.sub(lambda found: f"{found[1]}{parts[found[2]]}{found[3]}", page)


def _endpoints() -> Iterator[str]:
    listed = endpoints()
    for tag in ORDER:
        under = [endpoint for endpoint in listed if endpoint.path.split("/")[1] == tag]
        if under:
            yield f"### /{tag}"
            yield ""
        for endpoint in under:
            yield from _endpoint(endpoint)
            yield ""


def _endpoint(endpoint: Endpoint) -> Iterator[str]:
    yield f"**{endpoint.method} {endpoint.path}** — {endpoint.summary}"
    asks = [f"shows {CREDENTIALS[endpoint.auth]}"]
    if endpoint.body is not None:
        name = "bytes" if endpoint.body is bytes else f"`{endpoint.body.__name__}`"
        asks.append(f"body {name} ({endpoint.body_media}, at most {_size(endpoint.body_limit)})")
    if endpoint.query is not None:
        asks.append(f"query `{endpoint.query.__name__}`")
    asks += [f"header `{name}`" for name in endpoint.headers]
    yield f"- asks: {'; '.join(asks)}"
    for status, yes in endpoint.answers.items():
        named = f" `{yes.body.__name__}`" if yes.body is not None else ""
        inside = f", signs `{yes.signs.__name__}` for `{yes.purpose}`" if yes.signs is not None else ""
        headers = f" (headers {', '.join(yes.headers)})" if yes.headers else ""
        yield f"- {status}{named}: {yes.says or 'what it can do'}{inside}{headers}"
    refusals = (
        f"{status} {', '.join(f'`{code}`' for code in codes)}" for status, codes in problems_of(endpoint).items()
    )
    yield f"- refuses: {'; '.join(refusals) or 'nothing'}"
    drains = "; also while the device is suspended" if endpoint.may_drain else ""
    yield f"- repeat: {endpoint.repeat}{drains}"


def _size(limit: int) -> str:
    return f"{limit >> 20} MiB" if limit >= 1 << 20 else f"{limit >> 10} KiB"


def _codes() -> Iterator[str]:
    yield "| code | status | says |"
    yield "|---|---|---|"
    for code, (statuses, says) in sorted(CODES.items()):
        yield f"| `{code}` | {', '.join(str(status) for status in statuses)} | {says} |"


def _types() -> Iterator[str]:
    schemas = compose_document()["components"]["schemas"]
    for name in sorted(schemas):
        schema = schemas[name]
        yield f"**{name}** — {schema.get('description', _kind(schema)).splitlines()[0]}"
        needed = set(schema.get("required", ()))
        for field, kind in schema.get("properties", {}).items():
            yield f"- `{field}`{'' if field in needed else ' (may be left out)'}: {_kind(kind)}"
        yield ""


def _kind(schema: dict[str, Any]) -> str:
    """Return a schema in a few words."""
    if "$ref" in schema:
        return f"`{schema['$ref'].rsplit('/', 1)[1]}`"
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"])
    if "enum" in schema:
        return " ".join(f"`{word}`" if word != "" else "empty" for word in schema["enum"])
    if "const" in schema:
        return f"always `{schema['const']}`"
    limits = {"maxLength": "at most {} characters", "pattern": "`{}`", "minimum": "from {}", "maximum": "to {}"}
    words = [str(schema.get("description", ""))] if schema.get("description") else []
    words += [form.format(schema[key]) for key, form in limits.items() if key in schema and key != "maximum"]
    kind = schema.get("type", "anything")
    if kind == "array":
        inner = schema.get("items", {})
        kind = f"list of {_kind(inner)}" if inner else "list"
        if "maxItems" in schema:
            words.append(
                f"{schema['minItems']} to {schema['maxItems']}"
                if "minItems" in schema
                else f"at most {schema['maxItems']}"
            )
    return ", ".join([{"string": "text", "integer": "whole number", "object": "object"}.get(kind, kind), *words])
