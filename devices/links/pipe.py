"""A UNIX stream socket on this machine, for tests and for far ends written by others."""

from __future__ import annotations

import socket

from devices.api import NotReady
from devices.links.descriptor import LOST, DescriptorLink


class PipeLink(DescriptorLink):
    """One connection to a UNIX stream socket."""

    def __init__(self, address: str, path: str) -> None:
        super().__init__(address)
        self._path = path
        self._socket: socket.socket | None = None

    def _connect(self) -> int:
        found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            found.connect(self._path)
        except OSError as error:
            found.close()
            raise NotReady(LOST, f"cannot reach {self._path}") from error
        found.setblocking(False)
        self._socket = found
        return found.fileno()

    def _disconnect(self) -> None:
        found, self._socket = self._socket, None
        if found is not None:
            found.close()
