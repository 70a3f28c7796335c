"""A code scanner in a process of its own: `python -m devices.sim barcode` (a pty) or `--tcp`.

Killing the process is unplugging it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
import tty
from collections.abc import Callable, Sequence
from pathlib import Path

from devices.sim.control import Controls, announce, end_signal, serve_controls
from devices.sim.starting import ANY_PORT, Name, Words, address, listen, place
from devices.wire import barcode

FLOOD = bytes(range(0x20, 0x7F))  # letters and signs without an end


class _Line:
    """What the scanner hangs on: a pty, or one TCP client at a time (the newest)."""

    def __init__(self, tcp: str, symlink: Path | None) -> None:
        self._client: socket.socket | None = None
        self._listener: socket.socket | None = None
        self._name: Name | None = None
        self._master = self._slave = -1
        if tcp:
            self._listener = listen(tcp)
            self.link = f"tcp:{tcp.rpartition(':')[0]}:{self._listener.getsockname()[1]}"
            threading.Thread(target=self._accept, args=(self._listener,), name="accept", daemon=True).start()
            return
        self._master, self._slave = os.openpty()  # our hold on the slave keeps the master writable between clients
        tty.setraw(self._master)
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self._name = Name(symlink, os.ttyname(self._slave))
        self.link = f"serial:{self._name.path}?baud=9600"

    def send(self, data: bytes) -> int:
        """Send bytes and return how many went; nobody listening is how a real scanner loses a code."""
        if self._listener is not None:
            client = self._present_client()
            if client is None:
                return 0
            with contextlib.suppress(OSError):
                client.sendall(data)
                return len(data)
            return 0
        with contextlib.suppress(BlockingIOError):
            return os.write(self._master, data)
        return 0

    def has_listener(self) -> bool:
        """Whether a TCP client is connected; a pty cannot tell."""
        return self._listener is None or self._present_client() is not None

    def _present_client(self) -> socket.socket | None:
        """Return the TCP client, None where there is none or it has closed the line: nobody says so unasked."""
        client = self._client
        try:
            is_gone = client is None or not client.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            is_gone = False
        except OSError:  # reset, or closed for a newer one
            is_gone = True
        return None if is_gone else client

    def close(self) -> None:
        """Let go of the line."""
        for end in (self._client, self._listener):
            if end is not None:
                end.close()
        for fd in (self._master, self._slave):
            if fd >= 0:
                os.close(fd)
        if self._name is not None:
            self._name.close()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):  # closed: the simulator ends
            while True:
                newcomer, _ = listener.accept()
                newcomer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                former, self._client = self._client, newcomer
                if former is not None:
                    former.close()


class _Scanner:
    def __init__(self, line: _Line, suffix: str, charset: str) -> None:
        self._line = line
        self._suffix, self._charset = suffix, charset
        self._shown = 0

    def handlers(self) -> dict[str, Callable[..., object]]:
        """Return the controls by name."""
        return {"show": self.show, "send": self.send, "flood": self.flood, "state": self.state}

    def show(self, text: str, suffix: str = "", charset: str = "", pieces: int = 1, split_ms: int = 0) -> int:
        """Hold a code before the window; it goes out in `pieces`, `split_ms` apart. Raises: WireFault, ValueError."""
        data = barcode.encode_code(text, barcode.Suffix(suffix or self._suffix), charset or self._charset)
        size = -(-len(data) // max(1, pieces))
        self._shown += 1
        sent = 0
        for at in range(0, len(data), size):
            if at:
                time.sleep(split_ms / 1000)
            sent += self._line.send(data[at : at + size])
        return sent

    def send(self, data: str) -> int:
        """Send bytes as they are, given in hexadecimal digits: garbage, another charset, half a code."""
        return self._line.send(bytes.fromhex(data))

    def flood(self, count: int) -> int:
        """Send many bytes without an end; return how many the line took."""
        sent, data = 0, FLOOD * 40
        until = time.monotonic() + 20
        while sent < count and time.monotonic() < until:
            sent += self._line.send(data[: count - sent])
            time.sleep(0.001)
        return sent

    def state(self) -> dict[str, object]:
        """Return how many codes were shown and whether somebody listens."""
        return {"shown": self._shown, "has_listener": self._line.has_listener()}


def main(arguments: Sequence[str]) -> int:
    """Serve until told to end. Exit 0."""
    options = words().parse(arguments, has_terminal=lambda options: not options.tcp)
    ended = end_signal(options.tethered)
    with contextlib.ExitStack() as stack:
        line = _Line(options.tcp or "", options.symlink)
        stack.callback(line.close)
        scanner = _Scanner(line, options.suffix, options.charset)
        announce(line.link, serve_controls("barcode", options.control, scanner.handlers(), CONTROLS, stack))
        ended.wait()
    return 0


def words() -> Words:
    """Return the words of its command line."""
    parser = Words("barcode", "a serial code scanner")
    parser.add_argument("--tcp", nargs="?", const=ANY_PORT, type=address, metavar="HOST:PORT", help="listen there")
    parser.add_argument("--symlink", type=place, metavar="FILE", help="a lasting name for the pseudo terminal")
    parser.add_argument("--suffix", choices=[one.value for one in barcode.Suffix], default="crlf", help="after a code")
    parser.add_argument("--charset", choices=barcode.CHARSETS, default="utf-8", help="of what it sends")
    return parser


CONTROLS: Controls = {
    "show": (
        "text, suffix, charset, pieces=1, split_ms=0",
        "hold a code before the window; it goes out in so many pieces, so far apart; answers how many bytes went",
    ),
    "send": ("data", "send bytes as they are, given in hexadecimal digits"),
    "flood": ("count", "send so many bytes without an end"),
    "state": ("", "how many codes were shown, and whether somebody listens"),
}
