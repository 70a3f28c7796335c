"""Run the platform in the foreground: `serve()`, which the command line and the terminal's `sandbox` command share."""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
import json
import logging
import os
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from sandbox import database, ending, enrolment
from sandbox.api import build_app
from sandbox.api.express import Express
from sandbox.api.token import drop_stale
from sandbox.blobs import open_blobs
from sandbox.cases import CHINA
from sandbox.console.record import note_anchor, open_book
from sandbox.faults import Faults, FaultScript
from sandbox.items import load_items
from sandbox.keeping import drop_expired
from sandbox.keys import load_or_create_keys
from sandbox.platform import Platform
from sandbox.problems import Problem
from sandbox.store import PlatformStore, open_engine, utc
from sandbox.store_view import SCRATCH, Places, load_places, store_places
from sandbox.structs import know_structs
from sandbox.workers import HOST, Crew, listen, reserve_port

if TYPE_CHECKING:
    from sandbox.metrics import Meter

log = logging.getLogger(__name__)
DEFAULT_STATE = Path("build") / "sandbox"
GRACE_S = 1  # what a request under way may take when we are told to end
KEEP_ALIVE_S = 75  # longer than a terminal's pause between two heartbeats
THREADS = 16  # for questions to the database: as many as its pool has connections
HOUSE_S = 60
MONTHS_S = 24 * 3600


@dataclass(frozen=True)
class Options:
    """How to run. An empty `db` or `blobs` lies in the state folder; port 0 takes a free one."""

    state: Path = DEFAULT_STATE
    db: str = ""
    blobs: str = ""
    port: int = 0
    is_auto_approving: bool = False
    code_file: Path | None = None
    is_tethered: bool = False  # ends when its standard input does: whoever started it is gone
    workers: int = 1
    metrics_port: int | None = None  # none: no figures


class _Server(uvicorn.Server):
    """A server that says when it is ready, counts if asked to, and keeps house."""

    def __init__(self, config: uvicorn.Config, platform: Platform, tell_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._platform = platform
        self._tell_ready = tell_ready
        self._tasks: list[asyncio.Task[None]] = []
        self.metrics: tuple[Meter, socket.socket] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        ending.leave_to_server()
        threads = ThreadPoolExecutor(THREADS, thread_name_prefix="quick")
        asyncio.get_running_loop().set_default_executor(threads)
        await super().startup(sockets)
        if self.metrics is not None:
            from sandbox.metrics import serve_metrics

            await serve_metrics(*self.metrics)
        self._tasks.append(asyncio.create_task(keep_house(self._platform)))
        self._tell_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for task in self._tasks:
            task.cancel()
        for connection in list(self.server_state.connections):
            if isinstance(connection, H11Protocol) and (connection.cycle is None or connection.cycle.response_complete):
                connection.transport.abort()  # a polite TLS close would wait for terminals that keep the line open
        await super().shutdown(sockets)


def serve(options: Options) -> int:
    """Serve until SIGTERM or SIGINT and return the exit code.

    Prints `{"url", "ca", "pins", "code", "state"}` when ready, and `metrics` if there are. Raises: OSError for a port
    that is taken, ValueError for places it cannot use, KeysBroken.
    """
    ending.end_at_once()
    if options.is_tethered:
        threading.Thread(target=_end_with_parent, name="tether", daemon=True).start()
    platform = open_platform(options)
    platform.blobs.check()
    drop_expired(platform)
    drop_stale(platform)
    is_alone = options.workers == 1
    reserved = socket.create_server((HOST, options.port)) if is_alone else reserve_port(options.port)
    figures = None if options.metrics_port is None else socket.create_server((HOST, options.metrics_port))
    announcement = _compose_announcement(options, platform, reserved.getsockname()[1])
    if figures is not None:
        announcement["metrics"] = f"http://{HOST}:{figures.getsockname()[1]}/metrics"

    def announce() -> None:
        sys.stdout.write(json.dumps(announcement) + "\n")
        sys.stdout.flush()

    if is_alone:
        return _serve_one(options, platform, reserved, figures, announce)
    platform.store.close()  # a connection is never shared with a child
    load_items()  # once for all workers: half a second that the first submission of each would pay
    if figures is not None:
        _share_counters(options.state / "metrics")

    def work(_: int, tell_ready: Callable[[], None]) -> int:
        port = reserved.getsockname()[1]
        return _serve_one(options, open_platform(options), listen(port), figures, tell_ready)

    with reserved:
        return Crew(options.workers, work).run(announce)


def _serve_one(
    options: Options,
    platform: Platform,
    listening: socket.socket,
    figures: socket.socket | None,
    tell_ready: Callable[[], None],
) -> int:
    ending.end_at_once()
    app: ASGIApp = Express(build_app(platform))
    meter = None
    if figures is not None:
        from sandbox.metrics import Meter

        app = meter = Meter(app, platform.store)
    config = uvicorn.Config(
        Faults(app, FaultScript(options.state / "faults"), platform),
        http="h11",
        loop="uvloop",  # TLS in C: a third less processor time a request than asyncio's own
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        ssl_certfile=platform.keys.tls_cert,
        ssl_keyfile=platform.keys.tls_key,
    )
    server = _Server(config, platform, tell_ready)
    if meter is not None and figures is not None:
        server.metrics = (meter, figures)
    gc.collect()
    gc.freeze()  # what is loaded now stays: no collection looks at it again
    with listening:
        server.run(sockets=[listening])
    platform.store.close()
    return 0


def _compose_announcement(options: Options, platform: Platform, port: int) -> dict[str, str]:
    code = enrolment.create_code(platform.store, platform.now(), site="sandbox")
    if options.code_file is not None:
        options.code_file.write_text(code + "\n")
    return {
        "url": f"https://{HOST}:{port}",
        "ca": str(platform.keys.ca_path.resolve()),
        "pins": str(platform.keys.pins_path.resolve()),
        "code": code,
        "state": str(options.state.resolve()),
    }


def _share_counters(folder: Path) -> None:
    """Let all workers count in one folder, empty at the start. Before anybody imports prometheus_client."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)


async def keep_house(platform: Platform) -> None:
    """Once in a while, by one process of all: forget what expired, prepare the months to come."""
    while True:
        await asyncio.sleep(HOUSE_S)
        try:
            if await asyncio.to_thread(platform.store.take_turn, "house", HOUSE_S, platform.now()):
                await asyncio.to_thread(drop_expired, platform)
                await asyncio.to_thread(drop_stale, platform)
            if await asyncio.to_thread(platform.store.take_turn, "months", MONTHS_S, platform.now()):
                await asyncio.to_thread(_prepare_months, platform)
            await asyncio.to_thread(platform.blobs.sweep)
            await asyncio.to_thread(note_anchor, open_book(platform.store, platform.keys))
        except (Problem, OSError) as fault:  # the database or the disk is away: the next round finds them again
            log.warning("housekeeping put off: %s", fault)


def _prepare_months(platform: Platform) -> None:
    with platform.store.begin() as connection:
        if database.is_postgres(connection):
            database.prepare_months(connection, dt.datetime.now(CHINA).date())


def _end_with_parent() -> None:
    ending.leave_to_main_thread()
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def open_platform(options: Options) -> Platform:
    """Return the platform of a state folder, made at the first start; ready for threads."""
    know_structs()
    state = options.state
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    places = places_of(options)
    blobs = open_blobs(places.blobs, state / SCRATCH)
    tables = PlatformStore(open_engine(places.db))
    store_places(state, places)
    keys = load_or_create_keys(state, utc(int(time.time())))
    return Platform(keys, tables, blobs, is_auto_approving=options.is_auto_approving)


def places_of(options: Options) -> Places:
    """Return database and blobs: as asked for, else as last time, else in the state folder."""
    state = options.state.resolve()
    known = load_places(state) if (state / "sandbox.json").exists() else None
    db = options.db or (known.db if known else f"sqlite:///{state / 'platform.db'}")
    blobs = options.blobs or (known.blobs if known else str(state / "blobs"))
    return Places(db, blobs)


def main(arguments: Sequence[str]) -> int:
    """Run one command of `python -m sandbox`. What it writes is for this user's eyes: keys, codes, forms."""
    from sandbox.commands import run

    os.umask(0o077)

    return run(arguments)
