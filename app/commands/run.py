"""`run`: the terminal in a window."""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
import threading
from contextlib import ExitStack
from pathlib import Path

from app.opening import DICTIONARY, parse_size, refuse
from kiosk.station.config import Config
from kiosk.station.errors import ConfigError, KioskError
from offline_queue.api import QueueError

log = logging.getLogger(__name__)

SIZES = ((1920, 1080), (1600, 900), (1366, 768), (1280, 800), (1024, 768))
STUCK = 3  # exit code for the supervisor: start me again


def has_display() -> bool:
    """Whether a window can be opened here. A DISPLAY that nobody serves is none: Qt would abort over it."""
    if os.environ.get("QT_QPA_PLATFORM") or os.environ.get("WAYLAND_DISPLAY"):
        return True
    display = os.environ.get("DISPLAY", "")
    return bool(display) and _is_served(display)


def _is_served(display: str) -> bool:
    """Whether an X server answers at `host:number.screen`; no host means this machine."""
    host, _, rest = display.rpartition(":")
    number = rest.partition(".")[0]
    if not number.isdecimal():
        return False
    local = f"/tmp/.X11-unix/X{number}"  # noqa: S108  where X servers have their sockets
    if host in ("", "unix"):
        return any(_answers(socket.AF_UNIX, address) for address in (local, f"\0{local}"))
    return _answers(socket.AF_INET, (host, 6000 + int(number)))


def _answers(family: socket.AddressFamily, address: str | tuple[str, int]) -> bool:
    with socket.socket(family) as probe:
        probe.settimeout(1)
        try:
            probe.connect(address)
        except OSError:
            return False
        return True


def run_terminal(config: Path | None, fullscreen: bool, size: str) -> int:
    """Open the terminal and return its exit code. Garbage is collected from the first frame on."""
    if not has_display():
        print("No display here: playing the demo into build/demo instead.", flush=True)
        gc.enable()
        from app.commands.demo import run_demo

        return run_demo(out=Path("build") / "demo")
    try:
        from app.setting import load_setting

        setting = load_setting(config)
        wanted = parse_size(size)
    except ConfigError as error:
        return refuse(error)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    with ExitStack() as undo:
        return _open(setting, wanted, fullscreen, undo)


def _open(config: Config, size: tuple[int, int], is_fullscreen: bool, undo: ExitStack) -> int:
    """Show the first frame, then load everything else beside it."""
    from app.waking import LateFrames, Waking, waking_view
    from ui.app import Terminal

    frames = LateFrames()
    dock = None
    if config.simulation.has_dock:
        from app.dock import StageDock

        dock = StageDock()
    waking = Waking(config, undo, dock)
    terminal = Terminal(
        waking.intent,
        frames=frames,
        page_jpeg=waking.page_jpeg,
        dock=dock,
        pinyin_path=DICTIONARY if DICTIONARY.exists() else None,
        size=size if size[0] else _fitting_size(),
        is_fullscreen=is_fullscreen,
        title="近办 Jinban",
    )
    terminal.show(waking_view(config))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: terminal.post(terminal.quit))

    def stuck() -> None:
        terminal.post(lambda: terminal.quit(STUCK))

    waking.catch_defects(stuck)

    def load() -> None:
        try:
            ready, eye = waking.load()
        except (KioskError, QueueError, RuntimeError, OSError) as error:
            failure = error
            terminal.post(lambda: (waking.fail(failure), terminal.quit(2)))
            return
        terminal.post(lambda: waking.take(ready, eye, terminal, frames, stuck))

    loader = threading.Thread(target=load, name="loader", daemon=True)

    def wake() -> None:
        gc.enable()
        loader.start()

    terminal.after(0.05, wake)  # after the first frame
    code = terminal.exec()
    loader.join()
    waking.stop()
    terminal.close()
    if waking.failure is not None:
        return refuse(waking.failure)
    return code


def _fitting_size() -> tuple[int, int]:
    """Return the largest of the known sizes that the screen takes."""
    from PySide6.QtGui import QGuiApplication

    app = QGuiApplication.instance() or QGuiApplication([])
    room = app.primaryScreen().availableSize()  # type: ignore[attr-defined]
    return next(((w, h) for w, h in SIZES if w <= room.width() and h <= room.height()), SIZES[-1])
