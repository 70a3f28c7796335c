"""The one HTTP client of the terminal. It asks once, reads within a cap and never retries: the durable queue does.

Source: reference/queue-and-sync.md §9.1, reference/security.md §10. `requests` is imported in the thread that asks,
because it costs about 340 ms that the first screen must not pay.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import msgspec

from kiosk.central.answers import JSON_LIMIT, Reply, fault_of_transport
from kiosk.central.pieces import LimitedBody, Limiter
from kiosk.station.errors import ConfigError
from offline_queue.api import Clock, Unreachable

if TYPE_CHECKING:
    import requests

READ_BYTES = 16 * 1024
HEADER_LIMIT = 8 * 1024  # characters of all headers we look at; the platform's own are below 1 KiB


class Timeouts(msgspec.Struct, frozen=True):
    """How long we wait: to connect, for the next byte, and for a whole body once its head is here (§9.1).

    A whole head may take as long as the first two together.
    """

    connect_s: float = 5.0
    read_s: float = 30.0
    body_s: float = 30.0


class PlatformClient:
    """HTTPS to one platform with one private CA. Usable from several threads; each gets its own connection.

    Raises: ConfigError for an address that is not `https://host[:port]` or a CA file that is not there.
    """

    def __init__(
        self,
        base_url: str,
        ca_path: Path,
        clock: Clock,
        version: str,
        timeouts: Timeouts | None = None,
        limiter: Limiter | None = None,
    ):
        parts = urlsplit(base_url)
        if parts.scheme != "https" or not parts.hostname or parts.query or parts.username:
            raise ConfigError((f"platform.url: {base_url!r}; allowed: https://host[:port]",))
        if not ca_path.is_file():
            raise ConfigError((f"platform.ca: {ca_path} is not a file; allowed: the CA certificate (PEM)",))
        self.base_url = base_url.rstrip("/")
        self.clock = clock
        self._ca_path = ca_path
        self._agent = f"jinban/{version}"
        self._timeouts = timeouts or Timeouts()
        self._limiter = limiter or Limiter(0, clock)
        self._local = threading.local()
        self._sessions: list[requests.Session] = []
        self._lock = threading.Lock()

    def url(self, path: str) -> str:
        """Return the full address of a path below `/v1`."""
        return f"{self.base_url}/v1{path}"

    def own_url(self, location: str) -> str:
        """Return an address that the platform named, absolute, or nothing if it leads to another host or scheme.

        A token goes with every request: it must never follow an address to somebody else.
        """
        url = urljoin(f"{self.base_url}/v1/", location)
        ours, theirs = urlsplit(self.base_url), urlsplit(url)
        return url if (ours.scheme, ours.netloc) == (theirs.scheme, theirs.netloc) else ""

    def exchange(
        self,
        method: str,
        url: str,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
        limit: int = JSON_LIMIT,
    ) -> Reply:
        """Return the one answer to one request, whatever its status. Raises: Unreachable if none came whole."""
        import requests
        import urllib3

        sent = {"Jinban-Request-Id": str(uuid.uuid4()), **(headers or {})}
        timeout = (self._timeouts.connect_s, self._timeouts.read_s)
        try:
            session = self._session()
            request = _prepare(method, url, {**session.headers, **sent}, self._limiter.body(body) if body else None)
            adapter = session.get_adapter(url)  # not through the session: merging what it holds is a third of our cost
            with adapter.send(request, stream=True, timeout=timeout, verify=str(self._ca_path)) as response:
                return self._read(response, limit)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as fault:
            raise fault_of_transport(fault) from fault

    def close(self) -> None:
        """Close every connection of every thread."""
        with self._lock:
            sessions, self._sessions = self._sessions, []
        self._local = threading.local()
        for session in sessions:
            session.close()

    def _read(self, response: requests.Response, limit: int) -> Reply:
        headers = {name.lower(): value for name, value in response.headers.items()}
        if sum(len(name) + len(value) for name, value in headers.items()) > HEADER_LIMIT:
            raise Unreachable("answer_too_large", status=response.status_code)
        if headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise Unreachable("encoded_answer", status=response.status_code)  # we asked for none; no bombs to unpack
        started = self.clock.mono_s()
        body = bytearray()
        while chunk := response.raw.read1(READ_BYTES, decode_content=False):
            body += chunk
            if len(body) > limit:
                raise Unreachable("answer_too_large", status=response.status_code)
            if self.clock.mono_s() - started > self._timeouts.body_s:
                raise Unreachable("timeout", status=response.status_code)
        announced = headers.get("content-length", "")
        if response.request.method != "HEAD" and announced.isdigit() and int(announced) != len(body):
            raise Unreachable("cut", status=response.status_code)
        return Reply(response.status_code, headers, bytes(body))

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = _build_session(self._ca_path, self._agent, self._timeouts, self.clock.mono_s)
            self._local.session = session
            with self._lock:
                self._sessions.append(session)
        return session


def _prepare(
    method: str, url: str, headers: dict[str, str | bytes], body: bytes | LimitedBody | None
) -> requests.PreparedRequest:
    """Return a request as it goes out: no cookies, no redirect, no hook."""
    import requests

    request = requests.PreparedRequest()
    request.prepare_method(method)
    request.prepare_url(url, None)
    request.prepare_headers(headers)
    if body is not None:
        request.body = body  # type: ignore[assignment]  # whatever has a length and can be iterated
        request.headers["Content-Length"] = str(len(body))
    elif method not in ("GET", "HEAD"):
        request.headers["Content-Length"] = "0"
    return request


def _build_session(ca_path: Path, agent: str, timeouts: Timeouts, mono_s: Callable[[], float]) -> requests.Session:
    """Return a session that trusts one CA, keeps no cookie, reads no environment and never tries twice."""
    import ssl
    from http.cookiejar import DefaultCookiePolicy

    import requests

    from kiosk.central.bounded import OneCa

    context = ssl.create_default_context(cafile=str(ca_path))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    session = requests.Session()
    session.trust_env = False  # REQUESTS_CA_BUNDLE would replace the private CA, a proxy variable the way
    session.verify = str(ca_path)
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.clear()
    session.headers.update({"User-Agent": agent, "Accept": "application/json", "Accept-Encoding": "identity"})
    session.mount("https://", OneCa(context, timeouts.connect_s + timeouts.read_s, mono_s))
    session.adapters.pop("http://")
    return session
