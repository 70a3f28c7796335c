"""From the first frame to a working terminal: what takes long is loaded beside the screen, on a thread."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from kiosk.session.view import Frames, Note, Top, View
from kiosk.station.config import Config
from offline_queue.api import StoreBusy

if TYPE_CHECKING:
    from app.build import Kiosk, Ready
    from app.dock import StageDock
    from app.stage import Stage
    from devices.imaging.eye import Eye


log = logging.getLogger(__name__)


class LateFrames:
    """Frames whose source comes later."""

    def __init__(self) -> None:
        self.source: Frames | None = None

    def latest(self) -> tuple[int, int, int, bytes] | None:
        """Return the newest picture, or None before there is a source."""
        return self.source.latest() if self.source is not None else None


def waking_view(config: Config) -> View:
    """Return the first frame: whose terminal this is. It needs no catalogue and no texts."""
    locale = config.screen.locale
    text = "Starting, one moment" if locale == "en" else "正在准备，请稍候"
    return View(
        screen="attract",
        key="waking",
        locale=locale,
        scale=config.screen.scale,
        contrast=config.screen.contrast,
        top=Top(station=config.station.name(locale)),
        title=config.station.name(locale),
        picture="attract",
        notes=(Note(key="waking", text=text),),
    )


class Waking:
    """Holds the terminal's parts while they come; touched on the main thread but for `load`."""

    def __init__(self, config: Config, undo: ExitStack, dock: StageDock | None = None) -> None:
        self.config = config
        self.kiosk: Kiosk | None = None
        self.stage: Stage | None = None
        self.failure: Exception | None = None
        self._undo = undo
        self._dock = dock

    def intent(self, name: str, value: str) -> None:
        """Pass on what the person did; before there is a runner nothing can be done."""
        if self.kiosk is not None:
            self.kiosk.runner.intent(name, value)

    def page_jpeg(self, key: str) -> bytes | None:
        """Return a picture of this visit."""
        return self.kiosk.runner.page_jpeg(key) if self.kiosk is not None else None

    def load(self) -> tuple[Ready, Eye]:
        """Start the far ends where they are simulated, enrol where blank, open the store. Any thread.

        Raises: KioskError, QueueError, RuntimeError, OSError.
        """
        from app.build import prepare
        from app.eyesight import eye_limits
        from app.setting import check_setting
        from devices.imaging.eye import Eye
        from kiosk.station.texts import own_texts

        config = self.config
        check_setting(config)
        if config.simulation.is_on:
            from app.setting import enrol_if_blank, is_held, on_stage
            from app.stage import Stage

            if is_held(config):  # before its far ends are touched
                raise StoreBusy("store_busy")
            state = config.state_folder
            stage = Stage(state.parent / f"{state.name}-far-ends")
            self._undo.enter_context(stage)
            self.stage = stage
            config = on_stage(config, stage, {})
            if stage.announced is not None:
                enrol_if_blank(config, stage.announced)
        self.config = config
        return prepare(config, own_texts()), Eye(eye_limits(config))

    def take(self, ready: Ready, eye: Eye, terminal: Any, frames: LateFrames, stuck: Callable[[], None]) -> None:
        """Begin to work, on the main thread."""
        from app.build import Kiosk

        frames.source = eye
        self.kiosk = Kiosk(ready, terminal, terminal.show, eye, stuck)
        self.kiosk.start()
        if self._dock is not None and self.stage is not None:
            self._dock.take_stage(self.stage)

    def fail(self, error: Exception) -> None:
        """Remember why it could not start."""
        self.failure = error

    def catch_defects(self, quit_anew: Callable[[], None]) -> None:
        """From now on a mistake of ours on any thread is written down by its place, and `quit_anew` is called.

        Qt would print it and go on with half a step done: a visit in a state that nobody has thought of.
        """

        def caught(error: BaseException | None) -> None:
            if self.kiosk is not None and error is not None:
                self.kiosk.note_defect(error)
            else:
                log.error("defect: %s", type(error).__name__)
                quit_anew()

        sys.excepthook = lambda kind, error, trace: caught(error)
        threading.excepthook = lambda what: caught(what.exc_value)

    def stop(self) -> None:
        """Stop what runs."""
        if self.kiosk is not None:
            self.kiosk.stop()
