"""A TCP connection to a device or a serial server."""

from __future__ import annotations

import socket

from devices.api import NotReady
from devices.links.descriptor import LOST, DescriptorLink

CONNECT_S = 3.0  # a device on the terminal's own cable answers in milliseconds


class TcpLink(DescriptorLink):
    """One TCP connection, without Nagle's delay."""

    def __init__(self, address: str, host: str, port: int) -> None:
        super().__init__(address)
        self._host = host
        self._port = port
        self._socket: socket.socket | None = None

    def _connect(self) -> int:
        try:
            found = socket.create_connection((self._host, self._port), CONNECT_S)
        except OSError as error:  # refused, unreachable, unknown name, no answer
            raise NotReady(LOST, f"cannot reach {self._host}:{self._port}") from error
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        found.setblocking(False)
        self._socket = found
        return found.fileno()

    def _disconnect(self) -> None:
        found, self._socket = self._socket, None
        if found is not None:
            found.close()
