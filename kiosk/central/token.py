"""Ten-minute access tokens by `private_key_jwt`, and requests that carry one.

The compact JWT is built by hand because the key may be in hardware (security.md §11). Source: RFC 7523,
reference/queue-and-sync.md §9.2, §10.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from urllib.parse import urlencode

from kiosk.central.answers import JSON_LIMIT, Reply, check, decode_json, is_portal, problem_code
from kiosk.central.client import PlatformClient
from kiosk.central.now import ask_time
from kiosk.trust.identity import DeviceSigner
from kiosk.trust.ring import is_integer
from kiosk.trust.signed import encode_canonical, to_base64url
from kiosk.trust.time import TrustedTime
from offline_queue.api import AnswerFault, Unauthorised, idle

ASSERTION_LIFE_S = 60  # §9.2: life ≤ 60 s
MARGIN_S = 30  # a token is renewed before the longest request could outlive it
MAX_LIFE_S = 3600
TOKEN_LIMIT = 4096
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class TokenSource:
    """The current access token, asked for when needed. Safe to use from several threads."""

    def __init__(self, client: PlatformClient, signer: DeviceSigner, time: TrustedTime) -> None:
        self._client = client
        self._signer = signer
        self._time = time
        self._lock = threading.Lock()
        self._token = ""
        self._until_mono_s = 0.0

    def bearer(self, rejected: str = "") -> str:
        """Return a token that is not the rejected one, from memory or fresh.

        Raises: Unauthorised, Unreachable, Busy, AnswerFault, QueueError("signer_unavailable").
        """
        with self._lock:
            if not self._token or self._token == rejected or self._client.clock.mono_s() >= self._until_mono_s:
                self._token = ""
                self._token, life_s = self._fetch()
                self._until_mono_s = self._client.clock.mono_s() + max(life_s - MARGIN_S, 0)
            return self._token

    def _fetch(self) -> tuple[str, int]:
        reply = self._ask()
        if problem_code(reply) == "clock_skew":
            ask_time(self._client, self._time)
            reply = self._ask()
        value = decode_json(check(reply, self._client.clock, 200).body)
        token, life_s = value.get("access_token"), value.get("expires_in")
        if not isinstance(token, str) or not 0 < len(token) <= TOKEN_LIMIT or not token.isascii():
            raise AnswerFault("bad_token")
        if not token.isprintable() or " " in token or not is_integer(life_s) or not 0 < life_s <= MAX_LIFE_S:
            raise AnswerFault("bad_token")
        return token, life_s

    def _ask(self) -> Reply:
        url = self._client.url("/token")
        form = urlencode(
            {
                "grant_type": "client_credentials",
                "client_assertion_type": ASSERTION_TYPE,
                "client_assertion": build_assertion(self._signer, url, int(self._time.now_s())),
            }
        )
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._client.exchange("POST", url, headers, form.encode("ascii"))


class AuthorisedClient:
    """Requests with a token: on 401 a new token, once; the second 401 is the answer."""

    def __init__(self, client: PlatformClient, tokens: TokenSource) -> None:
        self._client = client
        self._tokens = tokens

    @property
    def client(self) -> PlatformClient:
        """Return the client of the address in use."""
        return self._client

    def moved_url(self, url: str, wire: PlatformClient) -> str:
        """Return where an upload that was begun at `url` lies at `wire`; nothing if it was never ours."""
        return wire.own_url(url)

    def probe(self, time: TrustedTime) -> None:
        """Return if the platform itself answers, by a signed time. Raises: delivery errors."""
        ask_time(self._client, time)

    def look_back(self, time: TrustedTime) -> None:
        """See whether a better address works again; with a single one there is none."""

    def send(
        self,
        method: str,
        url: str,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
        limit: int = JSON_LIMIT,
        *,
        meanwhile: Callable[[], None] = idle,
    ) -> Reply:
        """Return the answer to one authorised request.

        Raises: Unreachable if none came; Unauthorised, Busy or AnswerFault if there is no token to be had.
        """

        def once(token: str) -> Reply:
            carried = {**(headers or {}), "Authorization": f"Bearer {token}"}
            return self._client.exchange(method, url, carried, body, limit, meanwhile=meanwhile)

        token = self._tokens.bearer()
        reply = once(token)
        if reply.status != 401 or is_portal(reply):
            return reply
        code = problem_code(reply)
        if code == "ticket_expired":
            return reply  # the person's ticket is over, not the device's token
        if code in ("device_suspended", "device_revoked"):
            raise Unauthorised(code, reply.status)  # a new token would be refused for the same reason
        return once(self._tokens.bearer(rejected=token))


def build_assertion(signer: DeviceSigner, audience: str, now_s: int) -> str:
    """Return a compact ES256 JWT in which the device names itself, good for 60 s."""
    header = {"alg": "ES256", "kid": signer.certificate_serial, "typ": "JWT"}
    claims = {
        "aud": audience,
        "exp": now_s + ASSERTION_LIFE_S,
        "iat": now_s,
        "iss": signer.device_id,
        "jti": str(uuid.uuid4()),
        "sub": signer.device_id,
    }
    signing_input = ".".join(to_base64url(encode_canonical(part)) for part in (header, claims))
    return f"{signing_input}.{to_base64url(signer.sign_assertion(signing_input.encode('ascii')))}"
