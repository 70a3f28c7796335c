"""How long each call from Qt into our Python keeps the main thread, and how far apart the frames are."""

from __future__ import annotations

import functools
import itertools
import os
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from PySide6.QtCore import QTimer
from PySide6.QtQuick import QQuickWindow

import ui.app
from ui import bridge, docks, guard, images, keys, models


class Took(NamedTuple):
    """One call, milliseconds: by the wall, less what others kept a core from it, and its own processor time."""

    wall: float
    less_queue: float
    cpu: float


class MainThread:
    """Counts calls into our Python on the main thread while `is_counting`.

    The ways in are wrapped before a terminal is built. A call inside another one counts as part of it.
    """

    def __init__(self) -> None:
        self.is_counting = False
        self.calls: dict[str, list[Took]] = defaultdict(list)
        self.frames: list[float] = []
        self._depth = 0
        self._own = threading.get_ident()
        self._undo: list[Callable[[], None]] = []

    def __enter__(self) -> MainThread:
        self._counts = os.open("/proc/thread-self/schedstat", os.O_RDONLY)
        self._undo.append(lambda: os.close(self._counts))
        for owner, names in _WAYS_IN:
            for name in names:
                self._wrap(owner, name)
        real = ui.app.QTimer

        def timer(*words: Any, **named: Any) -> QTimer:
            made = real(*words, **named)
            return _Timer(made, self)  # type: ignore[return-value]

        ui.app.QTimer = timer  # type: ignore[assignment,misc]
        self._undo.append(lambda: setattr(ui.app, "QTimer", real))
        return self

    def __exit__(self, *_: object) -> None:
        for undo in reversed(self._undo):
            undo()

    def watch(self, window: QQuickWindow) -> None:
        """Note when each frame of the window is shown."""
        window.frameSwapped.connect(lambda: self.frames.append(time.perf_counter()) if self.is_counting else None)

    def measured(self, call: Callable[..., Any], name: str) -> Callable[..., Any]:
        """Return the call, counted under `name`."""

        @functools.wraps(call)
        def counted(*words: Any, **named: Any) -> Any:
            if not self.is_counting or self._depth or threading.get_ident() != self._own:
                return call(*words, **named)
            self._depth = 1
            queued, wall, cpu = self._queued_ns(), time.perf_counter_ns(), time.thread_time_ns()
            try:
                return call(*words, **named)
            finally:
                took = time.perf_counter_ns() - wall
                took_cpu, waited = time.thread_time_ns() - cpu, self._queued_ns() - queued
                self._depth = 0
                self.calls[name].append(Took(took / 1e6, max(0, took - waited) / 1e6, took_cpu / 1e6))

        return counted

    def _queued_ns(self) -> int:
        """Return how long this thread has waited for a core so far: the kernel's own count."""
        return int(os.pread(self._counts, 64, 0).split()[1])

    def _wrap(self, owner: type, name: str) -> None:
        call = vars(owner)[name]
        setattr(owner, name, self.measured(call, f"{owner.__name__}.{name}"))
        self._undo.append(lambda: setattr(owner, name, call))


class _Timer:
    """A QTimer whose slots are counted."""

    def __init__(self, timer: QTimer, thread: MainThread) -> None:
        self._timer, self._thread = timer, thread
        self.timeout = self

    def connect(self, slot: Callable[[], None]) -> None:
        self._timer.timeout.connect(self._thread.measured(slot, "timer"))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._timer, name)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that `share` of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def gaps_ms(frames: Sequence[float]) -> list[float]:
    """Return the milliseconds between frames."""
    return [1000 * (b - a) for a, b in itertools.pairwise(frames)]


def median(values: Sequence[float]) -> float:
    """Return the median, 0 for none."""
    return statistics.median(values) if values else 0.0


_WAYS_IN: tuple[tuple[type, tuple[str, ...]], ...] = (
    (ui.app._Mail, ("_run",)),
    (bridge.Bridge, ("send", "_deliver")),
    (docks.DockBridge, ()),
    (guard.Guard, ("eventFilter",)),
    (images.Eye, ("requestImage",)),
    (images.Icons, ("requestImage",)),
    (images.Pages, ("requestImage",)),
    (images.Codes, ("requestImage",)),
    (models.PatchedModel, ("rowCount", "data", "roleNames")),
    (keys.Keyboard, ()),
)
