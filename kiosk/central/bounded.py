"""An HTTPS adapter that trusts one CA, asks once, and gives up on an answer whose head does not come to an end.

A socket's time-out starts anew with every byte. A head sent a byte at a time would hold the one sync thread for hours;
here it has a deadline as a whole. The body's deadline is client.py's.

What the library does for browsers and proxies is left out: a platform is one host, one trust, no cookie.
"""

from __future__ import annotations

import contextlib
import http.client
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from requests import Response
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.util import Retry

from offline_queue.api import idle


class OneCa(HTTPAdapter):
    """Connections that believe the CAs of `context` only and whose answers begin within `head_s` seconds, whole."""

    def __init__(self, context: ssl.SSLContext, head_s: float, mono_s: Callable[[], float]) -> None:
        self._context = context
        self._pools: dict[str, HTTPSConnectionPool] = {}
        self._meanwhile: Callable[[], None] = idle
        adapter = self

        class Answer(http.client.HTTPResponse):
            """An answer whose head is read line by line under one deadline."""

            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, **kwargs)
                self.fp: Any = Lines(self.fp, mono_s, mono_s() + head_s)

            def begin(self) -> None:
                """Read the head; the body is read as it comes."""
                super().begin()
                if isinstance(self.fp, Lines):
                    self.fp = self.fp.file

        class Connection(HTTPSConnection):
            """A connection that makes such answers."""

            response_class = Answer

            def connect(self) -> None:
                """Connect; somebody may use the wait."""
                adapter._meanwhile()
                super().connect()

            def getresponse(self) -> Any:
                """Return the answer; somebody may use the wait."""
                adapter._meanwhile()
                return super().getresponse()

        class Pool(HTTPSConnectionPool):
            """A pool of such connections."""

            ConnectionCls = Connection

        self._pool = Pool
        super().__init__(max_retries=Retry(0, read=False))

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Give the pools our trust and our connections."""
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)
        self.poolmanager.pool_classes_by_scheme = {"https": self._pool}

    @contextlib.contextmanager
    def using(self, meanwhile: Callable[[], None]) -> Iterator[None]:
        """Let `meanwhile` use the waits of the requests in this block."""
        self._meanwhile = meanwhile
        try:
            yield
        finally:
            self._meanwhile = idle

    def get_connection_with_tls_context(self, request: Any, *args: Any, **kwargs: Any) -> HTTPSConnectionPool:
        """Return the pool of the request's host."""
        origin = request.url[: _origin_length(request.url)]
        pool = self._pools.get(origin)
        if pool is None:
            pool = self._pools[origin] = self.poolmanager.connection_from_url(origin)
        return pool

    def cert_verify(self, *args: Any, **kwargs: Any) -> None:
        """Leave the pool as it is: what it trusts stands in the context."""

    def request_url(self, request: Any, *args: Any, **kwargs: Any) -> str:
        """Return path and query."""
        path: str = request.url[_origin_length(request.url) :]
        return path

    def build_response(self, req: Any, resp: Any) -> Response:
        """Return the answer as it came: no cookie taken, no encoding guessed."""
        response = Response()
        response.status_code = resp.status
        response.raw = resp
        response.request = req
        return response


def trust_one(ca_path: Path) -> ssl.SSLContext:
    """Return the trust in one CA and its names, TLS 1.2 at least."""
    context = ssl.create_default_context(cafile=str(ca_path))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _origin_length(url: str) -> int:
    """Return where the path of `https://host/path` begins."""
    return url.index("/", len("https://"))


class Lines:
    """A buffered file whose lines come whole and before a deadline. Everything else is the file's own.

    An end of the connection within a head is a cut; the library would take what came for all there is.
    """

    def __init__(self, file: Any, mono_s: Callable[[], float], until_s: float) -> None:
        self.file = file
        self._mono_s = mono_s
        self._until_s = until_s
        self._has_begun = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def readline(self, limit: int = -1) -> bytes:
        """Return the next line, at most `limit` bytes; nothing if there was never one.

        Raises: TimeoutError when the deadline passes before its end, ConnectionResetError when the connection ends.
        """
        line = bytearray()
        while not line.endswith(b"\n") and (limit < 0 or len(line) < limit):
            waiting: bytes = self.file.peek(1)  # one read of the socket at most
            if not waiting and (line or self._has_begun):
                raise ConnectionResetError("the head of the answer was cut")
            if not waiting:
                break
            self._has_begun = True
            count = waiting.find(b"\n") + 1 or len(waiting)
            line += self.file.read(count if limit < 0 else min(count, limit - len(line)))
            if self._mono_s() > self._until_s:
                raise TimeoutError("the head of the answer has no end")
        return bytes(line)
