"""A document camera's far end: 1080p MJPEG over HTTP, an 8 MP still, a desk with papers, and faults to order."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from devices.sim import desk
from devices.sim.control import Controls, announce, end_signal, serve_controls
from devices.sim.scene import FAULTS, KINDS, Picture, Scene
from devices.sim.starting import Words, told, whole

FRAMES_PER_S = 12.0
LAST_SEED = 2**31 - 1
BOUNDARY = "frame"
WIRE_FAULTS = frozenset({"freeze", "refuse", "truncated", "garbage"})
STREAM_QUALITY, STILL_QUALITY = 82, 92
KEEPS = 48  # pictures of desks at rest: a still has 1.1 MB, a frame of the stream 0.2
kept: dict[str, bytes] = {}
"""By what is seen: whatever camera looks at a desk at rest, it is drawn once."""


class Film:
    """What the camera would send now. Draws nothing while nobody watches, and the resting desk only once."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.faults: frozenset[str] = frozenset()
        self._lock = threading.Lock()
        self._changed = threading.Condition()
        self.closed_times = 0
        self.watchers = 0
        self.is_over = False

    def frame(self, number: int) -> bytes:
        """Return stream frame `number` as JPEG."""
        with self._lock:
            now = time.monotonic()
            key = self.scene.stream_key(now, number)
            data = _kept(key, lambda: desk.encode(self.scene.stream_picture(now, number), STREAM_QUALITY))
        return self._spoilt(data)

    def still(self) -> bytes:
        """Return the high-resolution still as JPEG."""
        with self._lock:
            now = time.monotonic()
            key = self.scene.stream_key(now, 0)
            data = _kept(key and f"still {key}", lambda: desk.encode(self.scene.still_picture(now), STILL_QUALITY))
        return self._spoilt(data)

    def change(self, faults: frozenset[str]) -> None:
        """Set which faults hold now, and wake who waits."""
        with self._changed:
            self.faults = faults & WIRE_FAULTS
            self.scene.faults = faults & FAULTS
            self._changed.notify_all()

    def end_streams(self) -> None:
        """Close every stream that is open now."""
        with self._changed:
            self.closed_times += 1
            self._changed.notify_all()

    def wait(self, seconds: float, since: int) -> bool:
        """Wait for the next frame's time, longer while frozen; False when the stream was closed meanwhile."""
        until = time.monotonic() + seconds
        with self._changed:
            while self.closed_times == since and not self.is_over:
                left = until - time.monotonic()
                if left <= 0 and "freeze" not in self.faults:
                    return True
                self._changed.wait(max(left, 0.01) if "freeze" not in self.faults else None)
            return False

    def _spoilt(self, data: bytes) -> bytes:
        if "truncated" in self.faults:
            return data[: len(data) * 6 // 10]
        return b"HTTP is not a picture" if "garbage" in self.faults else data


def _kept(key: str, draw: Callable[[], Picture]) -> bytes:
    """Return what was drawn under the key, drawn now where it was not; what moves has no key."""
    data = kept.get(key)
    if data is None:
        data = bytes(draw())
        if len(kept) >= KEEPS:
            kept.clear()
        if key:
            kept[key] = data
    return data


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        """Serve /stream and /still."""
        film = self.server.film
        with contextlib.suppress(ConnectionError, TimeoutError):  # who watched may be gone
            if self.path == "/stream":
                self._stream(film)
            elif self.path == "/still":
                if film.wait(0, film.closed_times):
                    data = film.still()
                    self._head("image/jpeg", len(data))
                    self.wfile.write(data)
            else:
                self.send_error(404)

    def _head(self, kind: str, length: int | None = None) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "no-store")
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def _stream(self, film: Film) -> None:
        self._head(f"multipart/x-mixed-replace; boundary={BOUNDARY}")
        since, number = film.closed_times, 0
        with self.server.count:
            film.watchers += 1
        try:
            while film.wait(1 / FRAMES_PER_S if number else 0.0, since):
                data = film.frame(number)
                head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                self.wfile.write(head.encode() + data + b"\r\n")
                number += 1
        finally:
            with self.server.count:
                film.watchers -= 1

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the far end's requests are no log of ours."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int, film: Film) -> None:
        self.film = film
        self.count = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)


class CameraSim:
    """The camera and the desk under it, as the controls see them."""

    def __init__(self, port: int, seed: int, surface: str) -> None:
        self.film = Film(Scene(seed, surface))
        self._lock = threading.Lock()
        self._server: _Server | None = _Server(port, self.film)
        self.port = self._server.server_address[1]
        self._serve()

    def lay(self, kind: str, seed: int = 0, at_once: bool = False) -> None:
        """Lay a paper down in place of what lies there, `at_once` without a hand. Raises: ValueError."""
        if kind not in KINDS:
            raise ValueError(f"paper {kind!r}: allowed are {', '.join(PAPERS)}")
        self.film.scene.lay(kind, time.monotonic(), seed, at_once)

    def take(self, at_once: bool = False) -> None:
        """Take the paper away."""
        self.film.scene.take(time.monotonic(), at_once)

    def fault(self, name: str, on: bool = True) -> None:
        """Begin or end a fault; `close` ends the streams that are open and is over at once. Raises: ValueError."""
        if name == "close":
            self.film.end_streams()
            return
        if name not in WIRE_FAULTS | FAULTS:
            raise ValueError(f"fault {name!r}: allowed are close, {', '.join(sorted(WIRE_FAULTS | FAULTS))}")
        with self._lock:
            held = self.film.faults | self.film.scene.faults
            self.film.change(held | {name} if on else held - {name})
            if name == "refuse":
                self._listen(not on)

    def calm(self) -> None:
        """End all faults."""
        with self._lock:
            self.film.change(frozenset())
            self._listen(True)

    def state(self) -> dict[str, object]:
        """Return what lies there, whether it moves, who watches, and the true corners in the stream (for tests)."""
        now = time.monotonic()
        corners = self.film.scene.corners(now)
        return {
            "kind": self.film.scene.kind,
            "moves": not self.film.scene.state(now)[1].is_still,
            "watchers": self.film.watchers,
            "faults": sorted(self.film.faults | self.film.scene.faults),
            "corners": None if corners is None else corners.tolist(),
        }

    def stop(self) -> None:
        """End all streams and listen no more."""
        with self._lock:
            self.film.is_over = True
            self._listen(False)

    def _listen(self, on: bool) -> None:
        if on and self._server is None:
            self._server = _Server(self.port, self.film)
            self._serve()
        elif not on and self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
            self.film.end_streams()

    def _serve(self) -> None:
        if self._server is not None:
            threading.Thread(target=self._server.serve_forever, args=(0.05,), name="http", daemon=True).start()


def main(arguments: Sequence[str]) -> int:
    """Run the camera until it is told to end; prints one ready line with link and control address."""
    options = words().parse_args(arguments)
    ended = end_signal(options.tethered)
    with contextlib.ExitStack() as stack:
        with told(f"port {options.port}"):
            sim = CameraSim(options.port, options.seed, options.surface)
        stack.callback(sim.stop)
        handlers: dict[str, Callable[..., object]] = {
            "lay": sim.lay,
            "swap": sim.lay,
            "take": sim.take,
            "fault": sim.fault,
            "calm": sim.calm,
            "state": sim.state,
        }
        address = serve_controls("camera", options.control, handlers, CONTROLS, stack)
        if options.lay:
            sim.lay(options.lay)
        announce(f"http://127.0.0.1:{sim.port}/stream", address)
        ended.wait()
    return 0


def words() -> Words:
    """Return the words of its command line."""
    parser = Words("camera", "a document camera over a desk: MJPEG at /stream, a large picture at /still")
    parser.add_argument(
        "--port",
        type=whole(0, 65535),
        default=0,
        metavar="N",
        help="of the HTTP server on 127.0.0.1; 0 takes a free one",
    )
    parser.add_argument("--seed", type=whole(0, LAST_SEED), default=1, metavar="N", help="of the desk's surface")
    parser.add_argument("--surface", choices=desk.SURFACES, default="wood", help="what the desk is made of")
    parser.add_argument("--lay", choices=PAPERS, default="", help="a paper that lies there from the start")
    return parser


PAPERS = tuple(sorted(KINDS))
CONTROLS: Controls = {
    "lay": (
        "kind, seed=0, at_once=false",
        f"lay a paper down in place of what lies there; kinds are {', '.join(PAPERS)}",
    ),
    "swap": ("kind, seed=0, at_once=false", "the same"),
    "take": ("at_once=false", "take the paper away; at_once: without a hand"),
    "fault": (
        "name, on=true",
        f"begin or end a fault: close (streams end, once), {', '.join(sorted(WIRE_FAULTS | FAULTS))}",
    ),
    "calm": ("", "end all faults"),
    "state": ("", "what lies there, whether it moves, who watches, the true corners in the stream"),
}
