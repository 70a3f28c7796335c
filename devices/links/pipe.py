"""What this machine names by a path: a device node such as a USB printer's, or a UNIX stream socket.

A printer's node (`/dev/usb/lp0`, kernel driver usblp) is written and read. One that only listens is never readable;
then no answer ever comes, and no answer is unknown. Nothing here has met a USB printer.
"""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

from devices.api import NotReady
from devices.links.descriptor import LOST, DescriptorLink


class PipeLink(DescriptorLink):
    """One device node, or one connection to a UNIX stream socket."""

    def __init__(self, address: str, path: str) -> None:
        super().__init__(address)
        self._path = path
        self._socket: socket.socket | None = None
        self._node = -1

    def _connect(self) -> int:
        try:
            self._ends_empty = not stat.S_ISCHR(Path(self._path).stat().st_mode)
            return self._connect_socket() if self._ends_empty else self._open_node()
        except OSError as error:  # EBUSY: another program has the printer, usually CUPS
            raise NotReady(LOST, f"cannot reach {self._path}") from error

    def _open_node(self) -> int:
        self._node = os.open(self._path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        return self._node

    def _connect_socket(self) -> int:
        found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            found.connect(self._path)
        except OSError:
            found.close()
            raise
        found.setblocking(False)
        self._socket = found
        return found.fileno()

    def _disconnect(self) -> None:
        found, self._socket = self._socket, None
        if found is not None:
            found.close()
        node, self._node = self._node, -1
        if node >= 0:
            os.close(node)
