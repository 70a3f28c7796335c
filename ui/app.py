"""The terminal's one window: shows views, sends intents, and is the runner's loop."""

from __future__ import annotations

import itertools
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QUICK_BACKEND", "software")  # reference/qt.md: quick and small without a GPU

from PySide6.QtCore import (
    QEvent,
    QMessageLogContext,
    QObject,
    Qt,
    QTimer,
    QtMsgType,
    QUrl,
    Signal,
    Slot,
    qInstallMessageHandler,
)
from PySide6.QtGui import QDesktopServices, QFont, QGuiApplication
from PySide6.QtQml import QQmlApplicationEngine
from PySide6.QtQuick import QQuickWindow

from kiosk.session.view import Dock, Frames, View
from ui.bridge import Bridge
from ui.docks import DockBridge
from ui.guard import Guard
from ui.images import Codes, Eye, Icons, Pages
from ui.keys import Keyboard
from ui.png import encode_png

log = logging.getLogger("ui.qt")

QML = Path(__file__).resolve().parent / "qml"
FONT = "Noto Sans CJK SC"
EYE_MS = 50  # 20 pictures a second look live; the desk is drawn by the processor
LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}


def log_qt_messages() -> None:
    """Send what Qt says to Python's log, where a warning fails a test."""
    qInstallMessageHandler(_log_message)


def _log_message(kind: QtMsgType, context: QMessageLogContext, text: str) -> None:
    log.log(LEVELS.get(kind, logging.WARNING), "%s (%s:%s)", text, context.file or "", context.line)


class _Mail(QObject):
    """Calls posted from any thread, run on the main one in order. Also swallows every link."""

    posted = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.posted.connect(self._run, Qt.ConnectionType.QueuedConnection)

    @Slot(object)
    def _run(self, call: Callable[[], None]) -> None:
        call()

    @Slot(QUrl)
    def swallow(self, url: QUrl) -> None:
        """Open nothing: a kiosk has no browser."""
        log.info("a link was not opened")


class Terminal:
    """The window, its screens, and the main thread's loop (post, after, now).

    Everything but `post` is called on the main thread.
    """

    def __init__(
        self,
        on_intent: Callable[[str, str], None],
        *,
        frames: Frames | None = None,
        page_jpeg: Callable[[str], bytes | None] = lambda key: None,
        dock: Dock | None = None,
        pinyin_path: Path | None = None,
        size: tuple[int, int] = (1080, 1920),
        is_fullscreen: bool = False,
        title: str = "",
    ) -> None:
        self._started = time.monotonic()
        self.first_frame_ms = -1.0
        log_qt_messages()
        self._app = QGuiApplication.instance() or QGuiApplication([])
        self._app.setFont(QFont(FONT))
        self._mail = _Mail()
        for scheme in ("http", "https", "file", "mailto"):
            QDesktopServices.setUrlHandler(scheme, self._mail, "swallow")
        self._bridge = Bridge(on_intent)
        self._keyboard = Keyboard(pinyin_path)
        self._dock = DockBridge(dock)
        self._eye = Eye(frames)
        self._pages = Pages(page_jpeg)
        self._timers: dict[int, QTimer] = {}
        self._numbers = itertools.count()
        self._connect_keyboard()
        self._engine = QQmlApplicationEngine()
        for name, provider in (
            ("icon", Icons()),
            ("eye", self._eye),
            ("page", self._pages),
            ("code", Codes()),
        ):
            self._engine.addImageProvider(name, provider)
        self._engine.setInitialProperties(
            {
                "bridge": self._bridge,
                "keys": self._keyboard,
                "simulation": self._dock,
                "width": size[0],
                "height": size[1],
                "title": title,
            }
        )
        self._engine.load(QUrl.fromLocalFile(str(QML / "Main.qml")))
        if not self._engine.rootObjects():
            raise RuntimeError("the screens could not be loaded")
        self.window: QQuickWindow = self._engine.rootObjects()[0]
        self._guard = Guard(may_close=not is_fullscreen)
        self.window.installEventFilter(self._guard)
        self.window.frameSwapped.connect(self._note_first_frame)
        self._eye_timer = QTimer(interval=EYE_MS)
        self._eye_timer.timeout.connect(lambda: self._bridge.set_eye_number(self._eye.poll()))
        if is_fullscreen:
            self.window.showFullScreen()
        else:
            self.window.show()

    # ── screens ──────────────────────────────────────────────────────────────────────────────

    def show(self, view: View) -> None:
        """Make the window show `view`."""
        self._keyboard.focus(next((field for field in view.fields if field.is_focused), None))
        if view.screen == "attract" and self._bridge.view.screen != "attract":
            self._app.clipboard().clear()
        if view.scan.is_live and view.scan.outline != self._bridge.view.scan.outline:
            self._bridge.set_eye_number(self._eye.poll())  # an outline is drawn on the picture it was found in
        self._bridge.show(view)
        if view.screen == "attract":
            self._pages.forget()
        if view.screen == "scan" and view.scan.is_live:
            if not self._eye_timer.isActive():
                self._eye_timer.start()
        elif self._eye_timer.isActive():
            self._eye_timer.stop()
            self._eye.clear()

    def grab(self, path: Path) -> None:
        """Write the kiosk's picture as it stands, without the simulation's dock."""
        self.window.setProperty("isDockHidden", True)
        try:
            path.write_bytes(encode_png(self.window.grabWindow()))
        finally:
            self.window.setProperty("isDockHidden", False)

    # ── loop ─────────────────────────────────────────────────────────────────────────────────

    def exec(self) -> int:
        """Run until `quit`; return the exit code."""
        return int(self._app.exec())

    def quit(self, code: int = 0) -> None:
        """End `exec`."""
        self._app.exit(code)

    def post(self, call: Callable[[], None]) -> None:
        """Run `call` on the main thread, soon and in order. May be called from any thread."""
        self._mail.posted.emit(call)

    def after(self, seconds: float, call: Callable[[], None]) -> Callable[[], None]:
        """Run `call` on the main thread after `seconds`; return a function that calls it off."""
        number = next(self._numbers)
        timer = QTimer(singleShot=True, interval=max(0, round(seconds * 1000)))

        def ring() -> None:
            self._timers.pop(number, None)
            call()

        def cancel() -> None:
            stopped = self._timers.pop(number, None)
            if stopped is not None:
                stopped.stop()

        timer.timeout.connect(ring)
        self._timers[number] = timer
        timer.start()
        return cancel

    def now(self) -> float:
        """Return seconds on the monotonic clock."""
        return time.monotonic()

    def close(self) -> None:
        """Take the window down: the engine before the objects its screens look at."""
        self._eye_timer.stop()
        for timer in self._timers.values():
            timer.stop()
        self._timers.clear()
        self._dock.close()
        self.window.removeEventFilter(self._guard)
        self.window.hide()
        self._engine.deleteLater()
        self._app.sendPostedEvents(self._engine, QEvent.Type.DeferredDelete.value)  # now, not at some later turn
        del self._engine

    # ── wiring ───────────────────────────────────────────────────────────────────────────────

    def _connect_keyboard(self) -> None:
        bridge, keys = self._bridge, self._keyboard
        keys.committed.connect(lambda text: bridge.send("type", text))
        keys.erased.connect(lambda: bridge.send("erase", ""))
        keys.picked.connect(lambda value: bridge.send("pick", f"{bridge.focusKey}={value}"))
        keys.done.connect(lambda: bridge.send("focus", ""))

    def _note_first_frame(self) -> None:
        self.first_frame_ms = (time.monotonic() - self._started) * 1000
        self.window.frameSwapped.disconnect(self._note_first_frame)
        log.info("first frame")  # benchmarks/start.py times a terminal by this line
        self._pages.warm()
