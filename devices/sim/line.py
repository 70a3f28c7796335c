"""A network line that can be cut: a TCP relay between the terminal and the platform.

Links look like `tcp:127.0.0.1:PORT`.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Sequence

from devices.sim.control import Controls, announce, end_signal, serve_controls
from devices.sim.starting import Words, target

CHUNK = 65536
BACKLOG = 32


class Line:
    """The relay. One accepting thread, two copying threads a connection."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._mode = "up"  # up, cut, mute
        self._bytes = 0
        self._connections = 0
        self._cut_after = 0
        self._server = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
        self.port = int(self._server.getsockname()[1])

    # ── controls ─────────────────────────────────────────────────────────────────────────

    def cut(self) -> str:
        """Break what runs and refuse what comes."""
        with self._lock:
            self._mode = "cut"
        self._break()
        return self._mode

    def mute(self) -> str:
        """Break what runs; accept what comes and never answer."""
        with self._lock:
            self._mode = "mute"
        self._break()
        return self._mode

    def mend(self) -> str:
        """Carry again."""
        self._mode = "up"
        self._break()  # connections that were accepted while mute lead nowhere
        return self._mode

    def cut_after(self, count: int) -> int:
        """Break a connection each time it has carried `count` bytes; 0 = never."""
        self._cut_after = count
        return count

    def target(self, address: str) -> str:
        """Lead to another address, HOST:PORT, from the next connection on. Raises: ValueError."""
        self._target = target(address)
        return address

    def state(self) -> str:
        """Return up, cut or mute."""
        return self._mode

    def count(self) -> dict[str, int]:
        """Return bytes carried and connections made."""
        return {"bytes": self._bytes, "connections": self._connections}

    # ── the relay ────────────────────────────────────────────────────────────────────────

    def serve(self) -> None:
        """Accept until `close`."""
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            with self._lock:
                mode = self._mode
                if mode != "cut":
                    self._open.add(near)  # a cut that comes from now on breaks it
            if mode == "cut":
                _reset(near)
            elif mode == "up":
                threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def close(self) -> None:
        """Stop accepting and break everything."""
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._break()

    def _carry(self, near: socket.socket) -> None:
        host, _, port = self._target.rpartition(":")
        try:
            far = socket.create_connection((host, int(port)), timeout=5)
        except OSError:
            self._drop(near)
            return
        far.settimeout(None)
        with self._lock:
            self._open.add(far)
            self._connections += 1
        back = threading.Thread(target=self._copy, args=(far, near), daemon=True)
        back.start()
        self._copy(near, far)
        back.join()
        self._drop(near)
        self._drop(far)

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        carried = 0
        try:
            while data := source.recv(CHUNK):
                sink.sendall(data)
                carried += len(data)
                with self._lock:
                    self._bytes += len(data)
                if self._cut_after and carried >= self._cut_after:
                    self._drop(source)
                    self._drop(sink)
                    return
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(source)
            self._drop(sink)

    def _drop(self, sock: socket.socket) -> None:
        with self._lock:
            self._open.discard(sock)
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
        sock.close()

    def _break(self) -> None:
        with self._lock:
            running = tuple(self._open)
            self._open.clear()
        for sock in running:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


def _reset(sock: socket.socket) -> None:
    """Close with a reset, as a dead network answers."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    sock.close()


def main(arguments: Sequence[str]) -> int:
    """Serve until SIGTERM."""
    options = words().parse_args(arguments)
    line = Line(options.target)
    handlers: dict[str, Callable[..., object]] = {
        "cut": line.cut,
        "mute": line.mute,
        "mend": line.mend,
        "cut_after": line.cut_after,
        "target": line.target,
        "state": line.state,
        "count": line.count,
    }
    ended = end_signal(options.tethered)
    with contextlib.ExitStack() as stack:
        stack.callback(line.close)
        address = serve_controls("line", options.control, handlers, CONTROLS, stack)
        threading.Thread(target=line.serve, name="accept", daemon=True).start()
        announce(f"tcp:127.0.0.1:{line.port}", address)
        ended.wait()
    return 0


def words() -> Words:
    """Return the words of its command line."""
    parser = Words("line", "a network line that can be cut: a relay between the terminal and its platform")
    parser.add_argument("--target", required=True, type=target, metavar="HOST:PORT", help="where it leads")
    return parser


CONTROLS: Controls = {
    "cut": ("", "break what runs and refuse what comes"),
    "mute": ("", "break what runs; take what comes and never answer"),
    "mend": ("", "carry again"),
    "cut_after": ("count", "break each connection that has carried so many bytes; 0: none"),
    "target": ("address", "lead to another HOST:PORT, from the next connection on"),
    "state": ("", "up, cut or mute"),
    "count": ("", "bytes carried and connections made"),
}
