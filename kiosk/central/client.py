"""The one HTTP client of the terminal. It asks once, reads within a cap and never retries: the durable queue does.

Source: reference/queue-and-sync.md §9.1, reference/security.md §10. `requests` is imported in the thread that asks,
because it costs about 340 ms that the first screen must not pay.
"""

from __future__ import annotations

import re
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
from offline_queue.api import Clock, Unreachable, idle

if TYPE_CHECKING:
    import requests

    from kiosk.central.bounded import OneCa

READ_BYTES = 16 * 1024
PLAIN_URL = re.compile(r"https://[A-Za-z0-9.:\[\]-]+/[A-Za-z0-9/._~?=&-]*")
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
        self._headers = {
            "User-Agent": f"jinban/{version}",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
        }
        self._timeouts = timeouts or Timeouts()
        self._limiter = limiter or Limiter(0, clock)
        self._local = threading.local()
        self._adapters: list[OneCa] = []
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
        *,
        meanwhile: Callable[[], None] = idle,
    ) -> Reply:
        """Return the one answer to one request, whatever its status. Raises: Unreachable if none came whole.

        `meanwhile()` is called before a connection is made and before the answer is awaited.
        """
        import requests
        import urllib3

        sent = {**self._headers, "Jinban-Request-Id": str(uuid.uuid4()), **(headers or {})}
        timeout = (self._timeouts.connect_s, self._timeouts.read_s)
        try:
            adapter = self._adapter()
            request = _prepare(method, url, sent, self._limiter.body(body) if body else None)
            with adapter.using(meanwhile), adapter.send(request, stream=True, timeout=timeout) as response:
                return self._read(response, limit)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as fault:
            raise fault_of_transport(fault) from fault

    def close(self) -> None:
        """Close every connection of every thread."""
        with self._lock:
            adapters, self._adapters = self._adapters, []
        self._local = threading.local()
        for adapter in adapters:
            adapter.close()

    def _read(self, response: requests.Response, limit: int) -> Reply:
        headers = {name.lower(): value for name, value in response.raw.headers.itermerged()}
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

    def _adapter(self) -> OneCa:
        from kiosk.central.bounded import OneCa, trust_one

        adapter: OneCa | None = getattr(self._local, "adapter", None)
        if adapter is None:
            head_s = self._timeouts.connect_s + self._timeouts.read_s
            adapter = OneCa(trust_one(self._ca_path), head_s, self.clock.mono_s)
            self._local.adapter = adapter
            with self._lock:
                self._adapters.append(adapter)
        return adapter


def _prepare(
    method: str, url: str, headers: dict[str, str], body: bytes | LimitedBody | None
) -> requests.PreparedRequest:
    """Return a request as it goes out: no cookies, no redirect, no hook, nothing of the environment.

    A session does much for a browser's sake, at 2 ms a request; what we send is whole as it is. Only an address that
    is not written plainly is put in order.
    """
    import requests

    request = requests.PreparedRequest()
    request.method = method
    if PLAIN_URL.fullmatch(url) and "/." not in url:
        request.url = url
    else:
        request.prepare_url(url, None)
    request.headers = headers  # type: ignore[assignment]  # a plain mapping: nobody asks it for another spelling
    if body is not None:
        request.body = body  # type: ignore[assignment]  # whatever has a length and can be iterated
        headers["Content-Length"] = str(len(body))
    elif method not in ("GET", "HEAD"):
        headers["Content-Length"] = "0"
    return request
