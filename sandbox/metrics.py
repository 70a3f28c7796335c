"""Figures for Prometheus: what this platform serves, and how its terminals are. No id of a terminal is ever a label.

`/metrics` has a port of its own on 127.0.0.1, which no terminal reaches. With several workers each counts in files of
one folder and any of them answers for all; import this module only once PROMETHEUS_MULTIPROC_DIR says which.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox import store
from sandbox.beats import FLAGS
from sandbox.problems import Problem

TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
SILENT_S = 10 * 60  # security.md §14
UNSENT_S = 4 * 3600
DRIFT_S = 5 * 60
VERSIONS_MAX = 3  # more releases than these at once is a spread to look at
VERSIONS_SHOWN = 20
HEAD_LIMIT = 8192
READ_S = 5


class Meter:
    """ASGI layer that counts what passes."""

    def __init__(self, app: ASGIApp, tables: store.PlatformStore) -> None:
        self._app = app
        self._registry = CollectorRegistry()
        self._fleet = FleetCollector(tables)
        common: dict[str, Any] = {"registry": self._registry}
        self._requests = Counter("jinban_requests", "Requests answered.", ("method", "route", "status"), **common)
        self._seconds = Histogram("jinban_request_seconds", "Time to answer.", ("route",), buckets=BUCKETS_S, **common)
        self._commits = Counter("jinban_commits", "Submissions that became cases.", **common)
        self._repeats = Counter("jinban_repeats", "PUTs that found their submission committed.", **common)
        self._kept: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}  # finding them costs more than counting
        self._bytes = Counter("jinban_upload_bytes", "Sealed bytes that arrived.", **common)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request and count it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status, size = time.perf_counter(), 0, 0

        async def counting_receive() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            return message

        async def counting_send(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, counting_receive, counting_send)
        finally:
            route = scope.get("root_path", "") + getattr(scope.get("route"), "path", "") if "route" in scope else "none"
            key = (scope["method"], route, status)
            found = self._kept.get(key)
            if found is None:
                found = self._requests.labels(key[0], route, str(status)), self._seconds.labels(route)
                self._kept[key] = found
            found[0].inc()
            found[1].observe(time.perf_counter() - begun)
            if scope["method"] == "PATCH":
                self._bytes.inc(size)
            elif scope["method"] == "PUT" and route.endswith("/submissions/{sid}"):
                self._commits.inc(status == 201)
                self._repeats.inc(status == 200)

    def render(self) -> bytes:
        """Return the page, of all workers where there are several."""
        registry = self._registry
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        fleet = CollectorRegistry()
        fleet.register(self._fleet)
        return generate_latest(registry) + generate_latest(fleet)


class FleetCollector:
    """How the terminals are, asked of the database at each scrape."""

    def __init__(self, tables: store.PlatformStore) -> None:
        self._tables = tables

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges; none but `jinban_database_up` while the database is away."""
        now = int(time.time())
        try:
            states, health, notes, versions = self._ask(now)
        except Problem:
            yield GaugeMetricFamily("jinban_database_up", "Whether the database answers.", 0)
            return
        yield GaugeMetricFamily("jinban_database_up", "Whether the database answers.", 1)
        yield _family("jinban_terminals", "Terminals by state.", "state", states)
        yield GaugeMetricFamily("jinban_queue_ready", "Submissions waiting at terminals.", health["ready"] or 0)
        yield GaugeMetricFamily("jinban_dead_letters", "Dead letters at terminals.", health["dead"] or 0)
        oldest = now - health["contact"] if health["contact"] else 0
        yield GaugeMetricFamily("jinban_oldest_contact_seconds", "Since the most silent terminal was heard.", oldest)
        yield _family("jinban_terminal_versions", "Terminals by release.", "app", dict(versions[:VERSIONS_SHOWN]))
        alarms = {name: health[name] or 0 for name in ALARMS}
        alarms["seq_reused"] = notes.get("seq_reused", 0)
        alarms["version_spread"] = max(0, len(versions) - VERSIONS_MAX)
        yield _family("jinban_alarms", "Terminals, or events, for each alarm.", "alarm", alarms)
        yield _family("jinban_notes", "Notes for officers, ever.", "kind", notes)

    def _ask(self, now: int) -> tuple[dict[str, int], Any, dict[str, int], list[tuple[str, int]]]:
        device, note = store.device.c, store.note.c
        counted = sa.func.count().label("n")
        states = self._tables.rows(sa.select(device.state, counted).group_by(device.state))
        active = device.state.in_(("active", "suspended"))
        health = self._tables.one(
            sa.select(
                sa.func.sum(device.ready).label("ready"),
                sa.func.sum(device.dead).label("dead"),
                sa.func.min(device.heartbeat_at).label("contact"),
                *(sa.func.count().filter(rule(now)).label(name) for name, rule in ALARMS.items()),
            ).where(active)
        )
        kinds = self._tables.rows(sa.select(note.kind, counted).group_by(note.kind))
        apps = sa.select(device.app, counted).where(active, device.app.is_not(None)).group_by(device.app)
        versions = self._tables.rows(apps.order_by(counted.desc(), device.app))
        return (
            {row["state"]: row["n"] for row in states},
            health,
            {row["kind"]: row["n"] for row in kinds},
            [(row["app"], row["n"]) for row in versions],
        )


def _flag(word: str) -> Any:
    return lambda _: store.device.c.alarms.op("&")(1 << FLAGS.index(word)) != 0


ALARMS: dict[str, Any] = {  # security.md §14, but for those that are notes
    "silent": lambda now: store.device.c.heartbeat_at < now - SILENT_S,
    "unsent_old": lambda now: store.device.c.oldest_at < now - UNSENT_S,
    "clock_drift": lambda _: sa.func.abs(store.device.c.clock_off_s) > DRIFT_S,
    "dead_letters": lambda _: store.device.c.dead > 0,
    "certificate_due": lambda now: store.device.c.renew_at < now,
    **{word: _flag(word) for word in FLAGS},
}


def _family(name: str, text: str, label: str, values: dict[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=[label])
    for word, value in sorted(values.items()):
        family.add_metric([word], value)
    return family


async def serve_metrics(meter: Meter, listening: socket.socket) -> asyncio.Server:
    """Answer GET /metrics on a socket of its own, one request a connection."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(READ_S):
                head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"GET /metrics "):
                page = await asyncio.to_thread(meter.render)
                start = f"HTTP/1.1 200 OK\r\nContent-Type: {TYPE}\r\n"
            else:
                page, start = b"", "HTTP/1.1 404 Not Found\r\n"
            writer.write(f"{start}Content-Length: {len(page)}\r\nConnection: close\r\n\r\n".encode() + page)
            await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            return  # whoever asked is gone, or asked for nothing
        finally:
            writer.close()

    return await asyncio.start_server(answer, sock=listening, limit=HEAD_LIMIT)
