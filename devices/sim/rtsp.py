"""A camera that speaks RTSP over TCP and sends JPEG in RTP, interleaved: `python -m devices.sim rtsp`.

Its desk is the camera simulator's. Sources: RFC 2326 (methods, interleaving), RFC 2435 (JPEG payload, quantisation
tables in band).
"""

from __future__ import annotations

import contextlib
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator, Sequence

from devices.sim.camera import PAPERS, Film
from devices.sim.control import Controls, announce, end_signal, serve_controls
from devices.sim.scene import Scene
from devices.sim.starting import Words, told, whole

FRAMES_PER_S = 12
CHUNK = 1400
FAULTS = ("freeze", "close", "refuse", "half")


class Jpeg:
    """A baseline JPEG taken apart as RFC 2435 sends it: size, type, tables, scan."""

    def __init__(self, data: bytes) -> None:
        self.tables = b""
        at = 2
        while data[at + 1] != 0xDA:
            length = int.from_bytes(data[at + 2 : at + 4], "big")
            body = data[at + 4 : at + 2 + length]
            if data[at + 1] == 0xDB:  # one or more tables of 64 values, each after its number
                self.tables += b"".join(body[n + 1 : n + 65] for n in range(0, len(body), 65))
            elif data[at + 1] == 0xC0:
                self.height, self.width = struct.unpack(">HH", body[1:5])
                self.type = 1 if body[7] == 0x22 else 0  # 4:2:0, else 4:2:2
            at += 2 + length
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        self.scan = data[at + 2 + length : data.rindex(b"\xff\xd9")]

    def packets(self, sequence: int, stamp: int) -> Iterator[bytes]:
        """Yield the frame's RTP packets."""
        for at in range(0, len(self.scan), CHUNK):
            piece = self.scan[at : at + CHUNK]
            is_last = at + CHUNK >= len(self.scan)
            head = struct.pack(">BBHII", 0x80, 26 | (0x80 if is_last else 0), sequence & 0xFFFF, stamp, 0x4A494E)
            head += struct.pack(">I", at) + bytes((self.type, 255, self.width // 8, self.height // 8))
            if at == 0:
                head += struct.pack(">BBH", 0, 0, len(self.tables)) + self.tables
            yield head + piece
            sequence += 1


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        """Answer one client until it leaves."""
        with contextlib.suppress(OSError, ValueError):
            while (request := self._request()) is not None:
                method, url, headers = request
                self._answer(method, url, headers)
                if method == "PLAY":
                    self._play()
                    return

    def _request(self) -> tuple[str, str, dict[str, str]] | None:
        line = self.rfile.readline(4096).decode("latin-1").split()
        if len(line) < 2:
            return None
        headers: dict[str, str] = {}
        while text := self.rfile.readline(4096).decode("latin-1").strip():
            name, _, value = text.partition(":")
            headers[name.strip().lower()] = value.strip()
        return line[0], line[1], headers

    def _answer(self, method: str, url: str, headers: dict[str, str]) -> None:
        lines, body = [f"CSeq: {headers.get('cseq', '0')}"], ""
        if method == "OPTIONS":
            lines.append("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN")
        elif method == "DESCRIBE":
            body = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=desk\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\na=control:track0\r\n"
            lines += ["Content-Type: application/sdp", f"Content-Base: {url}/", f"Content-Length: {len(body)}"]
        elif method == "SETUP":
            lines += ["Transport: RTP/AVP/TCP;unicast;interleaved=0-1", "Session: 1"]
        elif method == "PLAY":
            lines.append("Session: 1")
        self.wfile.write(("RTSP/1.0 200 OK\r\n" + "\r\n".join(lines) + "\r\n\r\n" + body).encode("latin-1"))

    def _play(self) -> None:
        server, film = self.server, self.server.film
        with server.count:
            film.watchers += 1
            server.plays += 1
        sequence, number, since = 0, 0, film.closed_times
        try:
            while film.wait(1 / FRAMES_PER_S if number else 0.0, since):
                packets = list(Jpeg(film.frame(number)).packets(sequence, number * 90_000 // FRAMES_PER_S))
                for packet in packets[: len(packets) // 2] if server.is_half else packets:
                    self.wfile.write(b"$\x00" + struct.pack(">H", len(packet)) + packet)
                if server.is_half:
                    film.change(frozenset({"freeze"}))
                sequence += len(packets)
                number += 1
        finally:
            with server.count:
                film.watchers -= 1


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, port: int, film: Film) -> None:
        self.film = film
        self.count = threading.Lock()
        self.plays = 0
        self.is_half = False
        super().__init__(("127.0.0.1", port), _Handler)

    def verify_request(self, request: object, client_address: object) -> bool:
        """Refuse whoever comes while it is told to."""
        return "refuse" not in self.film.faults


class RtspSim:
    """The camera and the desk under it, as the controls see them."""

    def __init__(self, port: int) -> None:
        self.film = Film(Scene(1, "wood"))
        self._server = _Server(port, self.film)
        self.link = f"rtsp://127.0.0.1:{self._server.server_address[1]}/desk"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="rtsp", daemon=True).start()

    def handlers(self) -> dict[str, Callable[..., object]]:
        """Return the controls by name."""
        return {"lay": self.lay, "take": self.take, "fault": self.fault, "calm": self.calm, "state": self.state}

    def lay(self, kind: str, seed: int = 0) -> None:
        """Lay a paper down, at once. Raises: ValueError."""
        if kind not in PAPERS:
            raise ValueError(f"paper {kind!r}: allowed are {', '.join(PAPERS)}")
        self.film.scene.lay(kind, 0.0, seed, True)

    def take(self) -> None:
        """Take the paper away."""
        self.film.scene.take(0.0, True)

    def fault(self, name: str) -> None:
        """Begin one more fault; `close` ends the streams that are open and is over at once. Raises: ValueError."""
        if name not in FAULTS:
            raise ValueError(f"fault {name!r}: allowed are {', '.join(FAULTS)}")
        if name == "close":
            self.film.end_streams()
        elif name == "half":
            self._server.is_half = True
        else:
            self.film.change(frozenset({*self.film.faults, name}))

    def calm(self) -> None:
        """End all faults."""
        self._server.is_half = False
        self.film.change(frozenset())

    def state(self) -> dict[str, object]:
        """Return who watches now, and how often somebody has."""
        return {"watchers": self.film.watchers, "plays": self._server.plays}

    def stop(self) -> None:
        """End all streams and listen no more."""
        self.film.is_over = True
        self._server.shutdown()
        self._server.server_close()
        self.film.end_streams()


def main(arguments: Sequence[str]) -> int:
    """Run the camera until it is told to end; prints one ready line with link and control address."""
    options = words().parse_args(arguments)
    ended = end_signal(options.tethered)
    with contextlib.ExitStack() as stack:
        with told(f"port {options.port}"):
            sim = RtspSim(options.port)
        stack.callback(sim.stop)
        if options.lay:
            sim.lay(options.lay)
        announce(sim.link, serve_controls("rtsp", options.control, sim.handlers(), CONTROLS, stack))
        ended.wait()
    return 0


def words() -> Words:
    """Return the words of its command line."""
    parser = Words("rtsp", "a document camera that speaks RTSP")
    parser.add_argument("--port", type=whole(0, 65535), default=0, metavar="N", help="on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--lay", choices=PAPERS, default="", help="a paper that lies there from the start")
    return parser


CONTROLS: Controls = {
    "lay": ("kind, seed=0", f"lay a paper down, at once; kinds are {', '.join(PAPERS)}"),
    "take": ("", "take the paper away"),
    "fault": (
        "name",
        f"begin one more fault: {', '.join(FAULTS)} (close: streams end, once; half: half a frame, then none)",
    ),
    "calm": ("", "end all faults"),
    "state": ("", "who watches now, and how often somebody has"),
}
