"""A proxy between terminal and platform that misbehaves as it is told: tests only, loopback only.

It ends the terminal's TLS with a certificate of its own choice, reads whole requests, and either passes them on or
plays a fault. `on` names the request as the platform's own fault script does: time token keys create patch head put get
heartbeat any, and `connect` for the connection itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

EVER = 10**9
HEAD_LIMIT = 64 * 1024


@dataclass
class Request:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def name(self) -> str:
        """Return the word for it."""
        head, _, _ = self.path.removeprefix("/v1/").partition("?")[0].partition("/")
        if head == "submissions":
            return "put" if self.method == "PUT" else "get"
        if head == "uploads":
            return {"POST": "create", "PATCH": "patch", "HEAD": "head"}.get(self.method, "options")
        return head

    def encode(self) -> bytes:
        """Return its bytes."""
        headers = (f"{name}: {value}" for name, value in self.headers.items())
        lines = [f"{self.method} {self.path} HTTP/1.1", *headers]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + self.body


@dataclass
class Reply:
    """One answer."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def encode(self, *, has_body: bool = True) -> bytes:
        """Return its bytes; a length is added where none is named."""
        headers = dict(self.headers)
        if self.status != 204 and "content-length" not in headers and "transfer-encoding" not in headers:
            headers["content-length"] = str(len(self.body))
        lines = [f"HTTP/1.1 {self.status} Said", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (self.body if has_body else b"")


class Exchange:
    """One request under way: pass it on, answer it, or break it."""

    def __init__(self, proxy: ChaosProxy, request: Request, writer: asyncio.StreamWriter) -> None:
        self.proxy = proxy
        self.request = request
        self.writer = writer

    async def forward(self, request: Request | None = None) -> Reply:
        """Return the platform's answer to the request, or to another in its place."""
        request = request or self.request
        reader, writer = await self.proxy.dial()
        try:
            writer.write(request.encode())
            await writer.drain()
            reply = await _read_reply(reader, request.method)
        except BaseException:
            writer.transport.abort()
            raise
        self.proxy.idle.append((reader, writer))
        return reply

    async def forward_part(self, count: int) -> None:
        """Let only the first `count` bytes of the body arrive, then cut towards the platform."""
        _, writer = await self.proxy.dial()
        encoded = self.request.encode()
        writer.write(encoded[: len(encoded) - len(self.request.body) + count])
        await writer.drain()
        writer.close()  # what was written arrives; the rest never does
        with contextlib.suppress(OSError, ssl.SSLError):
            await writer.wait_closed()

    async def answer(self, reply: Reply) -> None:
        """Answer the terminal."""
        await self.write(reply.encode(has_body=self.request.method != "HEAD"))

    async def write(self, data: bytes) -> None:
        """Send raw bytes to the terminal."""
        self.writer.write(data)
        await self.writer.drain()
        await asyncio.sleep(0)  # let the loop see that the terminal has gone

    def cut(self) -> None:
        """Break the terminal's connection at once."""
        self.writer.transport.abort()

    async def hang(self) -> None:
        """Say nothing until the terminal has gone, or the proxy ends."""
        await self.proxy.until_gone(self.writer)


Fault = Callable[[Exchange], Awaitable[None]]


@dataclass
class Scripted:
    """A fault, where it strikes, and how often."""

    on: str
    fault: Fault
    times: int = 1


class ChaosProxy:
    """The proxy in a thread of its own. `url` is what the terminal is told."""

    def __init__(self, target: str, target_ca: Path, certificates: Path) -> None:
        """`target` is the platform's https address; `certificates` holds NAME.pem and NAME.key."""
        host, _, port = target.removeprefix("https://").rpartition(":")
        self._target = (host, int(port))
        self._trust = ssl.create_default_context(cafile=str(target_ca))
        self._certificates = certificates
        self.certificate = "good"
        self.script: list[Scripted] = []
        self.seen: list[str] = []
        self.kept: dict[str, Reply] = {}  # the last good answer of each kind, to be played again
        self.idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="chaos proxy", daemon=True)
        self._thread.start()
        self._server = self._call(asyncio.start_server(self._welcome, "127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def next(self, on: str, fault: Fault, times: int = 1) -> None:
        """Let the next `times` requests of a kind meet a fault."""
        self.script.append(Scripted(on, fault, times))

    def clear(self) -> None:
        """Behave from now on; connections that hang are broken."""
        self.script.clear()
        self.certificate = "good"
        self._call(self._break())

    def close(self) -> None:
        """End the thread."""
        self._call(self._break())
        self._server.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Return a connection to the platform, one that is idle if there is one."""
        while self.idle:
            reader, writer = self.idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
        return await asyncio.open_connection(*self._target, ssl=self._trust)

    async def until_gone(self, writer: asyncio.StreamWriter) -> None:
        """Wait until the terminal closes, or the proxy is told to behave."""
        gone = asyncio.ensure_future(writer.wait_closed())
        ended = asyncio.ensure_future(self._ended.wait())
        await asyncio.wait({gone, ended}, return_when=asyncio.FIRST_COMPLETED)
        for task in (gone, ended):
            task.cancel()

    def _call(self, coroutine):  # type: ignore[no-untyped-def]
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _break(self) -> None:
        self._ended.set()
        while self.idle:
            self.idle.pop()[1].transport.abort()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._ended = asyncio.Event()

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, ssl.SSLError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the terminal went away, does not believe the certificate, or a test has ended
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fault = self._take("connect")
        if fault is not None:
            return await fault(Exchange(self, Request("", "", {}), writer))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        pair = self._certificates / self.certificate
        context.load_cert_chain(f"{pair}.pem", f"{pair}.key")
        await writer.start_tls(context)
        while not writer.is_closing():
            request = await _read_request(reader)
            if request is None:
                return None
            self.seen.append(request.name)
            exchange = Exchange(self, request, writer)
            fault = self._take(request.name)
            if fault is not None:
                await fault(exchange)
                continue
            reply = await exchange.forward()
            if reply.status < 300:
                self.kept[request.name] = reply
            await exchange.answer(reply)
        return None

    def _take(self, name: str) -> Fault | None:
        for scripted in self.script:
            if scripted.on == name or (scripted.on == "any" and name != "connect"):
                scripted.times -= 1
                if scripted.times <= 0:
                    self.script.remove(scripted)
                return scripted.fault
        return None


async def _read_request(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if not error.partial:
            return None
        raise
    lines = head.decode("latin-1").split("\r\n")
    method, path, _ = lines[0].split(" ", 2)
    headers = _headers(lines[1:])
    return Request(method, path, headers, await reader.readexactly(int(headers.get("content-length", "0"))))


async def _read_reply(reader: asyncio.StreamReader, method: str) -> Reply:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = _headers(lines[1:])
    length = 0 if method == "HEAD" else int(headers.get("content-length", "0"))
    return Reply(int(lines[0].split(" ")[1]), headers, await reader.readexactly(length))


def _headers(lines: list[str]) -> dict[str, str]:
    pairs = (line.partition(":") for line in lines if line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
