"""Canonical JSON, base64url and small strict decoders shared by the sandbox's modules."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, NoReturn

MAX_DEPTH = 32  # security.md §8: depth of JSON from outside
SAFE_INTEGER = 2**53 - 1


class NotCanonical(ValueError):
    """Bytes that are not the one canonical form of their value."""


def encode_canonical(value: object) -> bytes:
    """Return canonical JSON: keys by code point, no spaces, shortest escapes, integers only, UTF-8.

    Raises: NotCanonical for floats, other types, lone surrogates or integers beyond 2**53 - 1.
    """
    _check(value, MAX_DEPTH)
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True).encode()
    except (TypeError, ValueError, UnicodeEncodeError) as fault:
        raise NotCanonical("not encodable") from fault


def decode_canonical(data: bytes) -> Any:
    """Return the value whose canonical JSON is exactly `data`.

    Comparing with the re-encoding also catches duplicate keys, spaces, `1.0`, `NaN` and long escapes.
    Raises: NotCanonical.
    """
    value = decode_json(data)
    if encode_canonical(value) != data:
        raise NotCanonical("not in canonical form")
    return value


def decode_json(data: bytes) -> Any:
    """Return the value of JSON from outside, canonical or not. Raises: NotCanonical."""
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_object, parse_constant=_constant)
    except (ValueError, RecursionError) as fault:
        raise NotCanonical("not JSON") from fault


def encode_b64url(data: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode_b64url(text: str) -> bytes:
    """Return the bytes of unpadded base64url. Raises: NotCanonical unless the text is their only spelling."""
    try:
        data = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error) as fault:
        raise NotCanonical("not base64url") from fault
    if encode_b64url(data) != text:
        raise NotCanonical("not the canonical base64url")
    return data


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotCanonical("duplicate key")
    return found


def _constant(_: str) -> NoReturn:
    raise NotCanonical("not a number")


def _check(value: object, depth: int) -> None:
    if depth == 0:
        raise NotCanonical("too deep")
    if value is None or isinstance(value, bool | str):
        return
    if isinstance(value, int):
        if abs(value) > SAFE_INTEGER:
            raise NotCanonical("integer too large")
    elif isinstance(value, list | tuple):
        for item in value:
            _check(item, depth - 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise NotCanonical("key is not text")
            _check(item, depth - 1)
    else:
        raise NotCanonical("type has no canonical form")
