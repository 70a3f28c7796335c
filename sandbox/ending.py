"""Being told to end, from the first moment on: exit code 0 and nothing half done that a kill would not leave as well.

Light, because it is loaded before everything else: most of a start is loading modules, and SIGTERM may come then.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGTERM, signal.SIGINT)
_SERVING: list[bool] = []


def end_at_once() -> None:
    """Until `leave_to_server`, let SIGTERM and SIGINT end this process where it stands, with 0."""
    _SERVING.clear()
    for number in SIGNALS:
        signal.signal(number, lambda *_: None if _SERVING else os._exit(0))


def leave_to_server() -> None:
    """The server has taken the signals: it raises them again at its end, and then they are done."""
    _SERVING.append(True)


@contextmanager
def held_back() -> Iterator[None]:
    """Signals wait until the block is over."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def leave_to_main_thread() -> None:
    """Let no signal come to the calling thread: the main one would sleep through it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
