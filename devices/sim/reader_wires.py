"""The wires a simulated reader hangs on: a pty, a TCP port, and a USB bus played on a UNIX socket.

The bus carries one message a packet, its endpoint in front; the first message tells the endpoints, as descriptors do.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import tty
from abc import ABC, abstractmethod
from pathlib import Path

from devices.api import WireFault
from devices.sim.starting import Name, clear, listen, speed_of
from devices.wire import samv_hid
from devices.wire.samv_usb import Framing, Ways, choose_ways, decode_transfer, encode_packets

ENDPOINTS = {Framing.SPLIT: (0x02, 0x06, 0x81, 0x85), Framing.WHOLE: (0x02, 0x81)}  # §4.8
REPORTS = (0x01, 0x81)


class Wire(ABC):
    """One connection at a time to whoever drives the reader."""

    link: str
    has_speed = False  # whether bytes take the time of a line

    @abstractmethod
    def receive(self, wait_s: float) -> tuple[bytes, int]:
        """Return what has come within `wait_s` (b"" for nothing), and the speed it came at (0 unknown)."""

    def cut(self, frame: bytes, size: int) -> tuple[bytes, ...]:
        """Return the pieces, of at most `size` bytes of the frame, as this wire carries them."""
        return tuple(frame[at : at + size] for at in range(0, len(frame), size))

    @abstractmethod
    def send(self, data: bytes) -> None:
        """Send a piece; whoever has gone hears nothing."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the wire."""


class Pty(Wire):
    """A pseudo terminal."""

    has_speed = True

    def __init__(self, symlink: Path | None) -> None:
        """Open one; `symlink` is a name that lasts. Raises: OSError."""
        self._master, self._slave = os.openpty()  # our hold on the slave keeps the master readable between clients
        tty.setraw(self._master)
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self._name = Name(symlink, os.ttyname(self._slave))
        self.link = f"serial:{self._name.path}"

    def receive(self, wait_s: float) -> tuple[bytes, int]:
        """Return what has come, and the speed the other side has set."""
        ready, _, _ = select.select([self._master], [], [], wait_s)
        if not ready:
            return b"", 0
        return os.read(self._master, 4096), speed_of(self._master)

    def send(self, data: bytes) -> None:
        """Send bytes."""
        with contextlib.suppress(BlockingIOError):  # nobody reads: a real line loses bytes, too
            os.write(self._master, data)

    def close(self) -> None:
        """Take the terminal and its name away."""
        self._name.close()
        os.close(self._master)
        os.close(self._slave)


class _Served(Wire):
    """A listening socket; the newest connection has the reader."""

    def __init__(self, listener: socket.socket, link: str) -> None:
        self._listener = listener
        self.link = link
        self._client: socket.socket | None = None

    def receive(self, wait_s: float) -> tuple[bytes, int]:
        """Return what has come; a newcomer takes the former one's place."""
        ends = [self._listener, *([self._client] if self._client else [])]
        ready, _, _ = select.select(ends, [], [], wait_s)
        if self._client in ready and self._client is not None:
            with contextlib.suppress(OSError):
                if data := self._client.recv(4096):
                    return self._heard(data), 0
            self._drop()
        if self._listener in ready:
            newcomer, _ = self._listener.accept()
            self._drop()
            self._client = newcomer
            self._greet(newcomer)
        return b"", 0

    def send(self, data: bytes) -> None:
        """Send a piece."""
        if self._client is not None:
            with contextlib.suppress(OSError):
                self._client.sendall(data)

    def close(self) -> None:
        """Hang up and listen no more."""
        self._drop()
        self._listener.close()

    def _heard(self, data: bytes) -> bytes:
        return data

    def _greet(self, newcomer: socket.socket) -> None:
        """Say or set what a new connection needs."""

    def _drop(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


class Tcp(_Served):
    """A TCP port."""

    has_speed = True

    def __init__(self, address: str) -> None:
        """Listen on HOST:PORT. Raises: CannotServe."""
        listener = listen(address)
        super().__init__(listener, f"tcp:{address.rpartition(':')[0]}:{listener.getsockname()[1]}")

    def _greet(self, newcomer: socket.socket) -> None:
        newcomer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class _Bus(_Served):
    """Packets with their endpoints in front, on a UNIX socket."""

    def __init__(self, path: Path, kind: str, endpoints: tuple[int, ...]) -> None:
        clear(path)  # left by a process that was killed
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            listener.bind(str(path))
            listener.listen()
        except OSError:
            listener.close()
            raise
        self._path = path
        self._endpoints = endpoints
        super().__init__(listener, f"{kind}:pipe:{path}")

    def close(self) -> None:
        """Take the bus away."""
        super().close()
        self._path.unlink(missing_ok=True)

    def _greet(self, newcomer: socket.socket) -> None:
        with contextlib.suppress(OSError):
            newcomer.send(bytes(self._endpoints))


class UsbBus(_Bus):
    """Bulk endpoints, split or whole. What comes the wrong way is not heard."""

    def __init__(self, path: Path, framing: Framing) -> None:
        """Listen at `path`. Raises: OSError."""
        super().__init__(path, "usb", ENDPOINTS[framing])
        self._ways: Ways = choose_ways(ENDPOINTS[framing])

    def cut(self, frame: bytes, size: int) -> tuple[bytes, ...]:
        """Return an answer's packets."""
        return tuple(bytes((endpoint,)) + data for endpoint, data in encode_packets(frame, self._ways, size))

    def _heard(self, data: bytes) -> bytes:
        try:
            return decode_transfer(data[0], data[1:], self._ways)
        except WireFault:
            return b""


class HidBus(_Bus):
    """Reports of 64 bytes. A report that is none is not heard."""

    def __init__(self, path: Path) -> None:
        """Listen at `path`. Raises: OSError."""
        super().__init__(path, "hid", REPORTS)

    def cut(self, frame: bytes, size: int) -> tuple[bytes, ...]:
        """Return an answer's reports."""
        pieces = super().cut(frame, min(size, samv_hid.CHUNK))
        told = (samv_hid.Told(number, piece) for number, piece in enumerate(pieces))
        return tuple(bytes((REPORTS[1],)) + samv_hid.encode_tell(one) for one in told)

    def _heard(self, data: bytes) -> bytes:
        try:
            command, frame = samv_hid.decode_ask(data[1:])
        except WireFault:
            return b""
        return frame if data[0] == REPORTS[0] and command == samv_hid.ID_CARD else b""
