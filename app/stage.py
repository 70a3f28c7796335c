"""The far ends around a simulated terminal: reader, camera, printer, a cuttable line and a local platform.

Each is a process of its own, started here, ended by its id. The terminal reaches them only through its links.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import msgspec

from devices.api import NEEDED, DeviceKind
from devices.sim.control import SimProcess, spawn
from offline_queue.lock import LockFile

ROOT = Path(__file__).parent.parent
READY_S = 60.0  # first start of the platform makes its keys and imports its libraries
END_S = 10.0
PLAIN_DESK = "grey"  # a page on it is found in a fifth of the time that the wood's grain costs


class Announcement(msgspec.Struct, frozen=True):
    """What the platform says when it is ready."""

    url: str
    ca: str
    pins: str
    code: str
    state: str


class Platform:
    """The reference platform in a process of its own, below `folder`; started and stopped at will."""

    def __init__(self, folder: Path, is_auto_approving: bool = True) -> None:
        self.folder = folder.resolve()  # its process starts in a folder of its own
        self._is_auto_approving = is_auto_approving
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> Announcement:
        """Start it and return where it listens. Raises: RuntimeError with what it printed."""
        command = program("sandbox", "serve", "--state", str(self.folder), "--tethered")
        if self._is_auto_approving:
            command.append("--auto-approve")
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,  # its end is the platform's end, so that none outlives us
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
        )
        line = read_line(self._process, READY_S)
        if not line:
            self.stop()
            raise RuntimeError("the local platform did not start")
        return msgspec.json.decode(line, type=Announcement)

    @property
    def is_running(self) -> bool:
        """Whether its process lives."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """End it by its id; harmless when it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        end(process)

    def look(self, *words: str) -> dict[str, object]:
        """Return what `python -m sandbox WORDS --json` says of its own store."""
        done = subprocess.run(
            [sys.executable, "-m", "sandbox", *words, "--state", str(self.folder), "--json"],
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=60,
            check=False,
        )
        if done.returncode != 0:
            return {}
        found = json.loads(done.stdout)
        return found if isinstance(found, dict) else {}


def program(*words: str) -> list[str]:
    """Return the argument list that starts one of our own commands, from source or from the packed folder."""
    if getattr(sys, "frozen", False):
        return [sys.executable, *words]
    return [sys.executable, str(ROOT / "main.py"), *words]


def read_line(process: subprocess.Popen[str], seconds: float) -> str:
    """Return the first line the process prints, or "" when it ends or the time is over."""
    found: list[str] = []
    stream = process.stdout
    if stream is None:
        return ""
    reader = threading.Thread(target=lambda: found.append(stream.readline()), daemon=True)
    reader.start()
    reader.join(seconds)
    return found[0] if found else ""


def end(process: subprocess.Popen[str]) -> None:
    """Ask the process to end, by its id; kill it when it does not."""
    process.terminate()
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(END_S)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


class Stage:
    """All far ends of one simulated terminal. Use as a context; leaving ends every process.

    One stage a folder: of two terminals that start at once, the one that is refused must not take the reader's name
    away from the other. Entering raises StoreBusy then, RuntimeError where a far end does not start.
    """

    def __init__(self, folder: Path, kinds: tuple[DeviceKind, ...] = NEEDED, is_instant: bool = False) -> None:
        self.folder = folder
        self.platform = Platform(folder / "platform")
        self.sims: dict[str, SimProcess] = {}
        self.announced: Announcement | None = None
        self._kinds = kinds
        self._is_instant = is_instant
        self._undo = ExitStack()

    def __enter__(self) -> Stage:
        try:
            self._start()
        except BaseException:
            self._undo.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._undo.close()

    def _start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._undo.callback(LockFile(self.folder / "stage.lock").release)
        with ThreadPoolExecutor() as pool:  # leaving it waits for them all: what has started is known, and is ended
            begun = [pool.submit(self._spawn, kind.value, *self.arguments(kind.value)) for kind in self._kinds]
            self.announced = self.platform.start()
            self._undo.callback(self.platform.stop)
            self._spawn("line", "--target", self.announced.url.removeprefix("https://"))
        for one in begun:
            one.result()

    def arguments(self, kind: str) -> list[str]:
        """Return how a far end is started."""
        if kind == "printer":
            words = ["--tcp", "--out", str(self.folder / "printer")]
            return [*words, "--instant", "--undrawn"] if self._is_instant else words
        if kind in ("reader", "auxiliaries"):
            return ["--symlink", str(self.folder / f"{kind}.tty")]
        if kind == "camera" and self._is_instant:
            return ["--surface", PLAIN_DESK]
        return []

    def _spawn(self, kind: str, *words: str) -> None:
        sim = spawn(kind, *words, folder=self.folder / "control")
        self.sims[kind] = sim
        self._undo.callback(sim.stop)

    def link(self, kind: DeviceKind) -> str:
        """Return the link a driver opens."""
        return self.sims[kind.value].link

    @property
    def url(self) -> str:
        """Return the platform's address, by way of the line."""
        return "https://" + self.sims["line"].link.removeprefix("tcp:")

    def restart_platform(self) -> None:
        """Start the platform again after `platform.stop()`; the line leads to where it listens now."""
        self.announced = self.platform.start()
        self.sims["line"].control.call("target", address=self.announced.url.removeprefix("https://"))

    def unplug(self, kind: DeviceKind) -> None:
        """Pull a device's plug: its far end is killed."""
        self.sims[kind.value].kill()

    def plug_in(self, kind: DeviceKind) -> None:
        """Plug it in again."""
        self._spawn(kind.value, *self.arguments(kind.value))
