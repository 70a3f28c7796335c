"""How a simulator is spoken to from outside its wire, and how its process is started and ended.

A request is one line of JSON over a UNIX socket, `{"do": "put", "card": {…}}`; the answer is one line too,
`{"ok": true, "value": …}` or `{"ok": false, "error": "…"}`. One request a connection, so that a client survives the
simulator's being killed and started again at the same path. `{"do": "help"}` tells what can be asked for.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from devices.sim import SIMULATORS
from devices.sim.starting import CannotServe, clear, reachable, told

READY_S = 60.0  # a cold interpreter on a busy machine
END_S = 5.0
Controls = Mapping[str, tuple[str, str]]
"""What can be asked of a simulator: word → its arguments as people write them, and what it does."""

MAX_LINE = 16 * 1024 * 1024  # a page to lay under a camera travels as base64


class ControlError(Exception):
    """The simulator is not there, or refused; the text says which."""


class Control:
    """Speaks to one simulator. `address` is `unix:PATH`, as the ready line gives it."""

    def __init__(self, address: str, timeout_s: float = 10.0) -> None:
        self.address = address
        self._path = Path(address.removeprefix("unix:"))
        self._timeout_s = timeout_s

    def call(self, do: str, **arguments: object) -> Any:
        """Ask the simulator to do something and return what it answers. Raises: ControlError."""
        line = json.dumps({"do": do, **arguments}, ensure_ascii=False).encode() + b"\n"
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as conn, reachable(self._path) as path:
                conn.settimeout(self._timeout_s)
                conn.connect(path)
                conn.sendall(line)
                answer = json.loads(conn.makefile("rb").readline(MAX_LINE))
        except (OSError, ValueError) as error:
            raise ControlError(f"{do}: no answer at {self.address}") from error
        if not answer.get("ok"):
            raise ControlError(f"{do}: {answer.get('error')}")
        return answer.get("value")


class ControlServer:
    """Answers controls on threads of its own. A handler gets the request's keys as keyword arguments."""

    def __init__(self, path: Path, handlers: Mapping[str, Callable[..., object]]) -> None:
        self._path = path
        self.address = f"unix:{path}"
        clear(path)  # left by a process that was killed
        with told(path), reachable(path) as name:
            self._server = _Server(name, _Request)
        self._server.handlers = dict(handlers)
        path.chmod(0o600)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="control", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more and take the socket away."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._path.unlink(missing_ok=True)


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False
    handlers: dict[str, Callable[..., object]]


class _Request(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        answer = _answer(self.server.handlers, self.rfile.readline(MAX_LINE))
        with contextlib.suppress(OSError):  # who asked may be gone
            self.wfile.write(json.dumps(answer, ensure_ascii=False).encode() + b"\n")


def _answer(handlers: Mapping[str, Callable[..., object]], line: bytes) -> dict[str, object]:
    try:
        request = json.loads(line)
        do = str(request.pop("do"))
        handler = handlers[do]
    except (ValueError, KeyError, AttributeError):
        return {"ok": False, "error": f"allowed are {', '.join(sorted(handlers))}"}
    try:
        return {"ok": True, "value": handler(**request)}
    except Exception as error:  # whatever it is, the asker must hear of it
        return {"ok": False, "error": f"{type(error).__name__}: {error}"}


# ── outside: its process ───────────────────────────────────────────────────────────────────


class SimProcess:
    """One running simulator. Killing it is unplugging the device."""

    def __init__(self, kind: str, command: list[str], ready_s: float = READY_S, litter: Path | None = None) -> None:
        """Start `command` and wait until it is ready; `litter` is a folder to take away when it is stopped."""
        self.kind = kind
        self._command = command
        self._ready_s = ready_s
        self._litter = litter
        self.link = ""
        self._start()

    def _start(self) -> None:
        root = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH", "")) if part)
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,  # its end is the simulator's end, so that none outlives us
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
        )
        self.pid = self._process.pid
        try:
            ready = json.loads(self._first_line())
            self.link = str(ready["link"])
            self.control = Control(ready["control"])
        except (ValueError, KeyError, TimeoutError) as error:
            self.kill()
            raise RuntimeError(f"simulator {self.kind}: not ready, exit code {self._process.returncode}") from error

    def _first_line(self) -> bytes:
        """Return the ready line. Raises: TimeoutError."""
        out = self._process.stdout
        found = b""
        until = time.monotonic() + self._ready_s
        while out is not None and not found.endswith(b"\n"):
            if not select.select([out], [], [], max(0.0, until - time.monotonic()))[0]:
                raise TimeoutError
            data = os.read(out.fileno(), 4096)
            if not data:
                break
            found += data
        return found

    def is_running(self) -> bool:
        """Whether the process is alive."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End it in order; kill it when it does not listen. Twice is harmless."""
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_S)
        self.kill()
        if self._litter is not None:
            shutil.rmtree(self._litter, ignore_errors=True)

    def kill(self) -> None:
        """Kill it at once: to the driver, the cable was pulled. Twice is harmless.

        A lasting name of its port goes first, as udev takes it away: left behind, it would lead to whichever stranger's
        pseudo terminal gets the freed number.
        """
        name = Path(self.link.partition(":")[2].partition("?")[0])
        if self.link.startswith(("serial:", "pipe:")) and name.is_symlink():
            name.unlink(missing_ok=True)
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def start_again(self) -> None:
        """Start it anew with the same arguments: plugged in again. A `--symlink` keeps its link the same."""
        self.kill()
        self._start()

    def __enter__(self) -> SimProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def spawn(kind: str, *arguments: str, folder: Path | None = None, ready_s: float = READY_S) -> SimProcess:
    """Return a running simulator, ready to be spoken to; its control socket lies in `folder`.

    Raises: ValueError for an unknown kind, RuntimeError when it is not ready in `ready_s`.
    """
    if kind not in SIMULATORS:
        raise ValueError(f"simulator {kind!r}: allowed are {', '.join(SIMULATORS)}")
    litter = None if folder else Path(tempfile.mkdtemp(prefix="sim-"))
    place = folder or litter or Path()
    place.mkdir(parents=True, exist_ok=True)
    # in a frozen program there is no interpreter to ask: its own command line has `sim`
    start = [sys.executable, "sim"] if getattr(sys, "frozen", False) else [sys.executable, "-m", "devices.sim"]
    control = ["--control", str(place / f"{kind}-{os.urandom(4).hex()}.sock"), "--tethered"]
    return SimProcess(kind, [*start, kind, *arguments, *control], ready_s, litter)


# ── inside a simulator's process ───────────────────────────────────────────────────────────


def serve_controls(
    kind: str,
    path: Path | None,
    handlers: Mapping[str, Callable[..., object]],
    controls: Controls,
    stack: contextlib.ExitStack,
) -> str:
    """Answer controls at `path`, or where there is room, until the stack unwinds; return the address.

    Raises: CannotServe.
    """
    if odd := sorted(set(handlers) ^ set(controls)):
        raise CannotServe(f"controls {odd}: have either no handler or no words")
    if path is None:
        path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"{kind}-"))) / f"{kind}.sock"
    told_words = {word: " — ".join(filter(None, words)) for word, words in controls.items()}
    server = ControlServer(path, {**handlers, "help": lambda: told_words})
    server.start()
    stack.callback(server.stop)
    return server.address


def announce(link: str, control: str) -> None:
    """Print the ready line."""
    sys.stdout.write(json.dumps({"link": link, "control": control}) + "\n")
    sys.stdout.flush()


def end_signal(is_tethered: bool) -> threading.Event:
    """Return an event that is set by SIGTERM, SIGINT and, when tethered, by the parent's end (its pipe closes).

    Call from the main thread, once.
    """
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())

    def watch() -> None:
        while os.read(0, 4096):
            pass
        ended.set()

    if is_tethered:
        threading.Thread(target=watch, name="tether", daemon=True).start()
    return ended
