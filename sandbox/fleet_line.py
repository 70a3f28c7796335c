"""The line of a simulated terminal: one kept connection, and cuts as a bad network makes them."""

from __future__ import annotations

import asyncio
import json
import random
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import h11

CONNECT_S = 5
REPLY_S = 30
READ_BYTES = 65536


class Cut(Exception):
    """The line was cut, or nothing came in time: what was asked may or may not have taken effect."""


@dataclass(frozen=True)
class Reply:
    """A whole answer; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body's value, or nothing where it is not JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


class Line:
    """One connection at a time, one request at a time. `flaky` is the share of requests whose line is cut."""

    def __init__(self, url: str, trust: ssl.SSLContext, flaky: float, rng: random.Random) -> None:
        place = urlsplit(url)
        self._host = place.hostname or ""
        self._port = place.port or 443
        self._base = place.path.rstrip("/")
        self._trust = trust
        self._flaky = flaky
        self._rng = rng
        self._turn = asyncio.Lock()
        self._wire: h11.Connection | None = None
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter | None = None
        self.cuts = 0
        self.connections = 0

    async def ask(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Reply:
        """Return the answer to one request. Raises: Cut."""
        async with self._turn:
            try:
                async with asyncio.timeout(REPLY_S):
                    return await self._ask(method, path, headers, body)
            except (OSError, TimeoutError, h11.ProtocolError, asyncio.IncompleteReadError) as fault:
                self.close()
                raise Cut from fault

    def close(self) -> None:
        """Hang up, without a word."""
        if self._writer is not None:
            self._writer.transport.abort()
        self._wire = self._writer = None

    async def _ask(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        wire, writer = await self._connect()
        named = {"Host": f"{self._host}:{self._port}", "User-Agent": "jinban-fleet/1", **headers}
        if body or method in ("POST", "PUT", "PATCH"):
            named["Content-Length"] = str(len(body))
        target = path if path.startswith(self._base) else self._base + path
        data = wire.send(h11.Request(method=method, target=target, headers=list(named.items()))) or b""
        data += (wire.send(h11.Data(data=body)) or b"") if body else b""
        data += wire.send(h11.EndOfMessage()) or b""
        is_cut = self._rng.random() < self._flaky
        if is_cut and self._rng.random() < 0.5:  # on the way there
            data = data[: self._rng.randrange(len(data))]
        writer.write(data)
        await writer.drain()
        if is_cut:  # or on the way back
            self.cuts += 1
            raise ConnectionResetError
        return await self._read(wire)

    async def _connect(self) -> tuple[h11.Connection, asyncio.StreamWriter]:
        if self._wire is not None and self._writer is not None and not self._reader.at_eof():
            return self._wire, self._writer
        self.close()
        async with asyncio.timeout(CONNECT_S):
            self._reader, self._writer = await asyncio.open_connection(self._host, self._port, ssl=self._trust)
        self._wire = h11.Connection(h11.CLIENT)
        self.connections += 1
        return self._wire, self._writer

    async def _read(self, wire: h11.Connection) -> Reply:
        head: h11.Response | None = None
        body = bytearray()
        while True:
            event = wire.next_event()
            if event is h11.NEED_DATA:
                wire.receive_data(await self._reader.read(READ_BYTES))
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                break
            elif isinstance(event, h11.ConnectionClosed):
                raise ConnectionResetError
        if wire.our_state is h11.DONE and wire.their_state is h11.DONE:
            wire.start_next_cycle()
        else:
            self.close()
        headers = {name.decode("ascii"): value.decode("latin-1") for name, value in head.headers}
        return Reply(head.status_code, headers, bytes(body))
