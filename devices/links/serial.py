"""A serial port: 8N1, no flow control, ours alone. Modem lines are never asked for: a pty has none."""

from __future__ import annotations

import termios

import serial

from devices.api import NotReady
from devices.links.descriptor import LOST, DescriptorLink


class SerialLink(DescriptorLink):
    """One serial port. pyserial opens and sets it up; reading and writing go by its descriptor."""

    def __init__(self, address: str, path: str, baud: int) -> None:
        super().__init__(address)
        self._path = path
        self._baud = baud
        self._port: serial.Serial | None = None

    def _connect(self) -> int:
        try:
            self._port = serial.Serial(self._path, self._baud, timeout=0, exclusive=True)
            self._port.reset_input_buffer()
            return int(self._port.fileno())
        except (OSError, termios.error, ValueError) as error:  # SerialException is an OSError
            self._disconnect()
            raise NotReady(LOST, f"cannot open {self._path}") from error

    def _disconnect(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            port.close()
