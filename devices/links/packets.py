"""Packets in, packets out over the endpoints of one USB device, with a deadline and a way to be called off.

What carries them is an `Endpoints`: libusb (`usb.py`), hidapi (`hid.py`), or a UNIX socket on this machine for tests
and for far ends written by others: `usb:pipe:PATH`, `hid:pipe:PATH`.
"""

from __future__ import annotations

import select
import socket
from collections import deque
from collections.abc import Callable
from typing import Protocol

from devices.api import Deadline, NotReady, TimedOut, WireFault
from devices.links.descriptor import LOOK_S, LOST

TAKE_S = 0.005  # for what has come already: a few frames of 1 ms of a full-speed bus
PACKET = 64


class Endpoints(Protocol):
    """One opened device. `addresses` are its endpoints; the bit 80 means towards us."""

    addresses: tuple[int, ...]

    def write(self, endpoint: int, data: bytes, timeout_s: float) -> None:
        """Send one transfer. Raises: NotReady, TimedOut."""

    def read(self, endpoint: int, size: int, timeout_s: float) -> bytes:
        """Return one transfer of at most `size` bytes; nothing when none came. Raises: NotReady, WireFault."""

    def close(self) -> None:
        """Let go of the device."""


class PacketLink:
    """A link over the endpoints of one device. Any loss of the device is NotReady("noDevice")."""

    def __init__(self, address: str, connect: Callable[[], Endpoints]) -> None:
        self._address = address
        self._connect = connect
        self._ends: Endpoints | None = None

    @property
    def address(self) -> str:
        """Return the link as written in configuration."""
        return self._address

    @property
    def endpoints(self) -> tuple[int, ...]:
        """Return the addresses of the opened device's endpoints. Raises: NotReady."""
        return self._opened().addresses

    def open(self) -> None:
        """Take the device; opening twice is harmless. Raises: NotReady."""
        if self._ends is None:
            self._ends = self._connect()

    def close(self) -> None:
        """Give the device back; closing twice is harmless."""
        ends, self._ends = self._ends, None
        if ends is not None:
            ends.close()

    def send(self, endpoint: int, data: bytes, deadline: Deadline) -> None:
        """Send one transfer; it is not called off half-way. Raises: NotReady, TimedOut, Cancelled."""
        deadline.check("write")
        self._opened().write(endpoint, data, deadline.left_s())

    def receive(self, endpoint: int, size: int, deadline: Deadline) -> bytes:
        """Return 1…size bytes as soon as a transfer came. Raises: NotReady, TimedOut, Cancelled, WireFault."""
        while True:
            deadline.check("read")
            if data := self._opened().read(endpoint, size, min(LOOK_S, deadline.left_s())):
                return data

    def take(self, endpoint: int, size: int) -> bytes:
        """Return a transfer that came already, or nothing. Raises: NotReady, WireFault."""
        return self._opened().read(endpoint, size, TAKE_S)

    def _opened(self) -> Endpoints:
        if self._ends is None:
            raise NotReady(LOST, "not open")
        return self._ends


class PipeEndpoints:
    """A bus on a UNIX socket: one message a packet, its endpoint in front. The first message tells the endpoints."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._socket.settimeout(1.0)
            self._socket.connect(path)
            self.addresses = tuple(self._socket.recv(PACKET))
        except OSError as error:
            self._socket.close()
            raise NotReady(LOST, f"cannot reach {path}") from error
        if not self.addresses:
            self._socket.close()
            raise NotReady(LOST, "hung up")
        self._came: dict[int, deque[bytes]] = {one: deque() for one in self.addresses}

    def write(self, endpoint: int, data: bytes, timeout_s: float) -> None:
        """Send one transfer. Raises: NotReady, TimedOut."""
        try:
            self._socket.settimeout(max(timeout_s, TAKE_S))
            self._socket.send(bytes((endpoint,)) + data)
        except TimeoutError as error:
            raise TimedOut("write") from error
        except OSError as error:
            raise NotReady(LOST, error.strerror or "") from error

    def read(self, endpoint: int, size: int, timeout_s: float) -> bytes:
        """Return packets up to a short one or `size`, as a host does. Raises: NotReady, WireFault("overflow")."""
        found = b""
        while len(found) < size:
            packet = self._next(endpoint, timeout_s)
            found += packet
            if len(packet) < PACKET:
                break
        if len(found) > size:
            raise WireFault("overflow", f"{len(found)} bytes")
        return found

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _next(self, endpoint: int, timeout_s: float) -> bytes:
        came = self._came[endpoint]
        while not came:
            try:
                if not select.select([self._socket], [], [], timeout_s)[0]:
                    return b""
                message = self._socket.recv(1 + 4096)
            except OSError as error:
                raise NotReady(LOST, error.strerror or "") from error
            if not message:
                raise NotReady(LOST, "hung up")
            if message[0] in self._came:
                self._came[message[0]].append(message[1:])
        return came.popleft()
