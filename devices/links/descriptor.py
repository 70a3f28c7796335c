"""The part all links share: reading and writing one file descriptor, with a deadline and a way to be called off."""

from __future__ import annotations

import os
import select
from abc import ABC, abstractmethod

from devices.api import Deadline, NotReady

LOST = "noDevice"
LOOK_S = 0.05  # how often a waiting read looks whether it was called off
DRAIN_BYTES = 65536


class DescriptorLink(ABC):
    """A link over one non-blocking file descriptor. Any loss of the other end is NotReady("noDevice")."""

    _ends_empty = (
        True  # whether reading nothing means that the other end hung up; a device node only has nothing to say
    )

    def __init__(self, address: str) -> None:
        self._address = address
        self._fd = -1
        self._poll = select.poll()

    @property
    def address(self) -> str:
        """Return the link as written in configuration."""
        return self._address

    def open(self) -> None:
        """Take the port for ourselves alone; opening twice is harmless. Raises: NotReady."""
        if self._fd >= 0:
            return
        self._fd = self._connect()
        self._poll = select.poll()

    def close(self) -> None:
        """Give the port back; closing twice is harmless."""
        if self._fd >= 0:
            self._fd = -1
            self._disconnect()

    def write(self, data: bytes, deadline: Deadline) -> None:
        """Send all bytes. Raises: NotReady, TimedOut, Cancelled."""
        rest = memoryview(data)
        while rest:
            self._wait(select.POLLOUT, deadline, "write")
            try:
                rest = rest[os.write(self._fd, rest) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise NotReady(LOST, error.strerror or "") from error

    def read(self, limit: int, deadline: Deadline) -> bytes:
        """Return 1…limit bytes as soon as there are any. Raises: NotReady, TimedOut, Cancelled."""
        while True:
            self._wait(select.POLLIN, deadline, "read")
            try:
                data = os.read(self._fd, limit)
            except BlockingIOError:
                continue
            except OSError as error:  # EIO is what a pulled USB adapter gives
                raise NotReady(LOST, error.strerror or "") from error
            if data:
                return data
            if self._ends_empty or self._is_hung_up():  # readable, and yet nothing to read
                raise NotReady(LOST, "hung up")
            deadline.wait(min(LOOK_S, deadline.left_s()))

    def drain(self) -> bytes:
        """Return what has arrived already, without waiting (may be empty). Raises: NotReady."""
        found = bytearray()
        while self._is_due(select.POLLIN, 0):
            try:
                data = os.read(self._fd, DRAIN_BYTES)
            except BlockingIOError:
                break
            except OSError as error:
                raise NotReady(LOST, error.strerror or "") from error
            if not data and (self._ends_empty or self._is_hung_up()):
                raise NotReady(LOST, "hung up")
            if not data:
                break
            found += data
        return bytes(found)

    def _wait(self, event: int, deadline: Deadline, what: str) -> None:
        while True:
            deadline.check(what)
            if self._is_due(event, min(LOOK_S, deadline.left_s())):
                return

    def _is_due(self, event: int, seconds: float) -> bool:
        if self._fd < 0:
            raise NotReady(LOST, "not open")
        self._poll.register(self._fd, event)
        found = self._poll.poll(int(seconds * 1000) + (1 if seconds else 0))
        return bool(found)

    def _is_hung_up(self) -> bool:
        return any(events & (select.POLLHUP | select.POLLERR) for _, events in self._poll.poll(0))

    @abstractmethod
    def _connect(self) -> int:
        """Connect and return a non-blocking descriptor. Raises: NotReady."""

    @abstractmethod
    def _disconnect(self) -> None:
        """Let go of what `_connect` took."""
