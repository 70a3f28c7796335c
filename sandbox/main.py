"""Run the platform in the foreground: `serve()`, which the command line and the terminal's `sandbox` command share."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from sandbox import enrolment
from sandbox.api import build_app
from sandbox.api.uploads import drop_expired
from sandbox.blobs import open_blobs
from sandbox.faults import Faults, FaultScript
from sandbox.keys import load_or_create_keys
from sandbox.platform import Platform
from sandbox.store import PlatformStore, open_engine, utc
from sandbox.store_view import SCRATCH, Places, load_places, store_places

HOST = "127.0.0.1"
DEFAULT_STATE = Path("build") / "sandbox"
GRACE_S = 1  # what a request under way may take when we are told to end
KEEP_ALIVE_S = 75  # longer than a terminal's pause between two parts


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


class _Announcing(uvicorn.Server):
    """A server that says on stdout, in one JSON line, that it is ready and where."""

    announcement: dict[str, str]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        sys.stdout.write(json.dumps(self.announcement) + "\n")
        sys.stdout.flush()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for connection in list(self.server_state.connections):
            if isinstance(connection, H11Protocol) and (connection.cycle is None or connection.cycle.response_complete):
                connection.transport.abort()  # a polite TLS close would wait for terminals that keep the line open
        await super().shutdown(sockets)


def serve(options: Options) -> int:
    """Serve until SIGTERM or SIGINT and return the exit code.

    Prints `{"url", "ca", "pins", "code", "state"}` when ready. Raises: OSError for a port that is taken, ValueError
    for places it cannot use, KeysBroken.
    """
    platform = open_platform(options)
    listening = socket.create_server((HOST, options.port))
    try:
        config = uvicorn.Config(
            Faults(build_app(platform), FaultScript(options.state / "faults"), platform),
            http="h11",
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
        server = _Announcing(config)
        code = enrolment.create_code(platform.store, platform.now(), site="sandbox")
        if options.code_file is not None:
            options.code_file.write_text(code + "\n")
        server.announcement = {
            "url": f"https://{HOST}:{listening.getsockname()[1]}",
            "ca": str(platform.keys.ca_path.resolve()),
            "pins": str(platform.keys.pins_path.resolve()),
            "code": code,
            "state": str(options.state.resolve()),
        }
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)  # uvicorn raises the signal again at its end: then it is done
        if options.is_tethered:
            threading.Thread(target=_end_with_parent, args=(server,), name="tether", daemon=True).start()
        server.run(sockets=[listening])
    finally:
        listening.close()
        platform.store.close()
    return 0


def _end_with_parent(server: uvicorn.Server) -> None:
    while os.read(0, 4096):
        pass
    server.should_exit = True


def open_platform(options: Options) -> Platform:
    """Return the platform of a state folder, made at the first start."""
    state = options.state
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    places = places_of(options)
    blobs = open_blobs(places.blobs, state / SCRATCH)
    tables = PlatformStore(open_engine(places.db))
    store_places(state, places)
    keys = load_or_create_keys(state, utc(int(time.time())))
    platform = Platform(keys, tables, blobs, is_auto_approving=options.is_auto_approving)
    drop_expired(platform)
    return platform


def places_of(options: Options) -> Places:
    """Return database and blobs: as asked for, else as last time, else in the state folder."""
    state = options.state.resolve()
    known = load_places(state) if (state / "sandbox.json").exists() else None
    db = options.db or (known.db if known else f"sqlite:///{state / 'platform.db'}")
    blobs = options.blobs or (known.blobs if known else str(state / "blobs"))
    return Places(db, blobs)


def main(arguments: Sequence[str]) -> int:
    """Run one command of `python -m sandbox`."""
    from sandbox.commands import run

    return run(arguments)
