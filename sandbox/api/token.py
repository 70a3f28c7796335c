"""POST /token: a device-signed assertion (RFC 7523, ES256) buys ten minutes."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import parse_qs, urlsplit

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import rotation, store
from sandbox.api.common import JSON_LIMIT, device_key, platform_of, read_body, run_quick
from sandbox.canonical import NotCanonical, decode_b64url, decode_json
from sandbox.fixed import Fixed
from sandbox.platform import Platform
from sandbox.problems import Problem
from sandbox.signed import BadSignature, verify_raw

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TOKEN_LIFE_S = 600
ASSERTION_LIFE_S = 60
LATE_S = 5  # an assertion may end this long ago
EARLY_S = 30  # and begin this far ahead: more is a wrong clock
AUDIENCE_PATHS = ("", "/", "/v1", "/v1/", "/v1/token")
AUDIENCE_HOSTS = ("127.0.0.1", "localhost")  # any port: a line in between may have its own


async def give_token(request: Request) -> Response:
    """Answer with a fresh access token."""
    try:
        form = parse_qs((await read_body(request, JSON_LIMIT)).decode("ascii"), strict_parsing=True)
    except ValueError as fault:
        raise Problem(400, "bad_request", "The body is not a form.") from fault
    expected = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION_TYPE}
    assertions = form.get("client_assertion", [])
    if any(form.get(key) != [value] for key, value in expected.items()) or len(assertions) != 1:
        raise Problem(400, "bad_request", "This is not a client_credentials request with a JWT assertion.")
    return JSONResponse(await run_quick(_exchange, platform_of(request), assertions[0]))


def _exchange(platform: Platform, assertion: str) -> dict[str, Any]:
    now = platform.now()
    claims, serial = _verify(platform, assertion)
    if claims["iat"] > now + EARLY_S or claims["exp"] < now - LATE_S:
        raise Problem(401, "clock_skew")
    dev = claims["sub"]
    secret = secrets.token_urlsafe(32)
    try:
        with platform.store.begin() as connection:
            state = _STATE.rows(connection, {"v_dev": dev})[0]["state"]
            if state == "revoked":
                raise Problem(401, "device_revoked")
            standing = rotation.standing_of(connection, serial, now)
            if standing == "ended":
                raise Problem(401, "bad_assertion", "This certificate signs in no more.")
            _USE.run(connection, {"dev": dev, "jti": claims["jti"], "expires": claims["exp"]})
            scope = "drain" if state == "suspended" or standing == "expired" else "all"
            values = {"sha256": store.text_sha256(secret), "dev": dev, "scope": scope, "expires": now + TOKEN_LIFE_S}
            _GIVE.run(connection, values)
    except IntegrityError as fault:
        raise Problem(401, "bad_assertion", "This assertion was used before.") from fault
    return {"access_token": secret, "token_type": "Bearer", "expires_in": TOKEN_LIFE_S, "now": now}


_STATE = Fixed(sa.select(store.device.c.state).where(store.device.c.dev == sa.bindparam("v_dev")))
_USE, _GIVE = Fixed(store.assertion.insert()), Fixed(store.token.insert())


def drop_stale(platform: Platform) -> None:
    """Forget tokens and assertions whose time is over; neither is believed any more."""
    now = platform.now()
    with platform.store.begin(is_lasting=False) as connection:
        connection.execute(store.assertion.delete().where(store.assertion.c.expires < now - LATE_S))
        connection.execute(store.token.delete().where(store.token.c.expires < now))


def _verify(platform: Platform, assertion: str) -> tuple[dict[str, Any], str]:
    """Return the claims of an assertion whose signature and form hold, and its certificate's serial.

    Raises: Problem 401 `bad_assertion`.
    """
    try:
        head, body, tail = assertion.split(".")
        header, claims = decode_json(decode_b64url(head)), decode_json(decode_b64url(body))
        serial = header["kid"]
        if header["alg"] != "ES256" or not isinstance(serial, str):
            raise Problem(401, "bad_assertion")
        key = device_key(platform, serial, str(claims["sub"]))
        verify_raw(key, f"{head}.{body}".encode("ascii"), decode_b64url(tail))
    except (ValueError, KeyError, TypeError, NotCanonical, BadSignature) as fault:
        raise Problem(401, "bad_assertion") from fault
    times = [claims.get("iat"), claims.get("exp")]
    if any(not isinstance(moment, int) or isinstance(moment, bool) for moment in times):
        raise Problem(401, "bad_assertion", "iat and exp are integers.")
    is_short = 0 < claims["exp"] - claims["iat"] <= ASSERTION_LIFE_S
    jti = claims.get("jti")
    is_named = isinstance(jti, str) and 0 < len(jti) <= 128
    if claims.get("iss") != claims["sub"] or not is_short or not is_named or not _is_for_us(claims.get("aud")):
        raise Problem(401, "bad_assertion")
    return dict(claims), serial


def _is_for_us(audience: object) -> bool:
    candidates = audience if isinstance(audience, list) else [audience]
    for one in candidates:
        if not isinstance(one, str):
            return False
        try:
            url = urlsplit(one)
        except ValueError:  # an address in brackets that is none
            return False
        if url.scheme == "https" and url.hostname in AUDIENCE_HOSTS and url.path in AUDIENCE_PATHS:
            return True
    return False


ROUTES = [Route("/token", give_token, methods=["POST"])]
