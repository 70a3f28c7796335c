"""Several processes that serve one port: the parent starts them, starts them again, and ends them.

Each worker binds the port itself (SO_REUSEPORT) and the kernel shares the connections out. Workers share nothing but
database, blobs and the state folder. A worker that dies is replaced; one that cannot live ends the platform.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable

from sandbox import ending

HOST = "127.0.0.1"
DEATHS_MAX = 5  # so many within DEATHS_S: it is not bad luck
DEATHS_S = 60
END_S = 8  # what workers may take to end before they are killed


class Crew:
    """The worker processes of one platform. `serve(number, tell_ready)` runs in each and returns its exit code."""

    def __init__(self, count: int, serve: Callable[[int, Callable[[], None]], int]) -> None:
        self._count = count
        self._serve = serve
        self._pids: dict[int, int] = {}
        self._is_ending = False
        self._ready, self._tell_ready = os.pipe()
        self._lifeline, self._hold = os.pipe()  # the parent alone holds the other end: when it is gone, workers go

    def run(self, announce: Callable[[], None]) -> int:
        """Start all, announce once all are ready, and return when all have ended: 0 if they were told to."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.end())
        for number in range(self._count):
            self._start(number)
        threading.Thread(target=self._await_ready, args=(announce,), name="ready", daemon=True).start()
        deaths: deque[float] = deque(maxlen=DEATHS_MAX)
        code = 0
        while self._pids:
            pid, status = os.wait()
            number = self._pids.pop(pid, -1)
            if self._is_ending or number < 0:
                continue
            deaths.append(time.monotonic())
            sys.stderr.write(f"sandbox: worker {number} ended: {os.waitstatus_to_exitcode(status)}\n")
            if len(deaths) == DEATHS_MAX and deaths[-1] - deaths[0] < DEATHS_S:
                code = 1
                self.end()
            else:
                self._start(number)
        return code

    def end(self) -> None:
        """Tell every worker to end; those that do not are killed."""
        if self._is_ending:
            return
        self._is_ending = True
        self._signal_all(signal.SIGTERM)
        late = threading.Timer(END_S, self._signal_all, (signal.SIGKILL,))
        late.daemon = True
        late.start()

    def _signal_all(self, number: int) -> None:
        for pid in list(self._pids):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    def _start(self, number: int) -> None:
        with ending.held_back():  # else the signal could come when this worker is born and not yet known
            if self._is_ending:
                return
            pid = os.fork()
            if pid:
                self._pids[pid] = number
                return
            ending.end_at_once()
        code = 1
        try:
            os.close(self._hold)
            threading.Thread(target=self._end_with_parent, name="lifeline", daemon=True).start()
            code = self._serve(number, lambda: os.write(self._tell_ready, b"1") and None)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)

    def _end_with_parent(self) -> None:
        ending.leave_to_main_thread()
        os.read(self._lifeline, 1)
        os._exit(1)  # as abruptly as the parent went

    def _await_ready(self, announce: Callable[[], None]) -> None:
        ending.leave_to_main_thread()
        for _ in range(self._count):
            os.read(self._ready, 1)
        announce()


def reserve_port(port: int) -> socket.socket:
    """Return a socket bound, not listening, to `port` or a free one, so that workers can share it.

    Raises: OSError if somebody has it. SO_REUSEPORT alone would share it with a stranger of the same account.
    """
    with socket.create_server((HOST, port)) as alone:
        chosen = alone.getsockname()[1]
    return _bind(chosen)


def listen(port: int) -> socket.socket:
    """Return a worker's own listening socket on a reserved port."""
    listening = _bind(port)
    listening.listen(2048)
    return listening


def _bind(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind((HOST, port))
    return bound
