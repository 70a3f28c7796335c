"""How soon the terminal shows its first frame, beside an empty Qt Quick window in Python, and what it holds in memory.

Both are processes of their own on the same Qt platform, timed from their start until they say on stderr that a frame
was shown. They take turns, so that a busy moment of the machine meets both; medians are compared.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from app.setting import DEFAULT_CONFIG

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 9
GOAL = 2.0
MARK = b"first frame"
SIZE = "1024x768"
PACKED = ROOT / "dist" / "jinban" / "jinban"
START_S = 60.0
FAR_ENDS = 5  # platform, line, reader, camera, printer
STEADY = 0.02  # two looks a second apart that differ by less: nothing is being loaded any more
Figure = dict[str, object]


def run() -> dict[str, Figure]:
    """Return the figures: first frame and memory, and those of the packed program where `make package` has made one.

    Raises: RuntimeError when a window does not come up.
    """
    with tempfile.TemporaryDirectory(prefix="jinban-bench-") as name, _display() as (platform, environment):
        words = ["run", "--size", SIZE, "--config", str(_config(Path(name)))]
        terminal = [sys.executable, "main.py", *words]
        empty = [sys.executable, "-m", "benchmarks.empty_window"]
        with _running(terminal, environment) as (process, _):  # also enrols: every timed start is a usual one
            mine, far_ends = _memory(process.pid)
        with _running(empty, environment) as (process, _):
            peer_mb = pss_mb(process.pid)
        commands = {"terminal": terminal, "empty": empty}
        if PACKED.is_file():
            commands["packed"] = [str(PACKED), *words]
        times = _take_turns(commands, environment)
    peer = f"an empty Qt Quick window in Python, {platform}, median of {ROUNDS}"
    figures = {
        "first_frame": _ratio(times["terminal"], times["empty"], peer, f"<= {GOAL}"),
        "memory": _megabytes(mine, f"{peer_mb:.0f} MB", "the empty window's process"),
        "memory_far_ends": _megabytes(far_ends, "", "simulators and local platform: not on a real terminal"),
    }
    if "packed" in times:
        figures["first_frame_packed"] = _ratio(times["packed"], times["empty"], peer, "")
        size = {"folder": sum(path.lstat().st_size for path in PACKED.parent.rglob("*") if path.is_file()) / 1e6}
        figures["package"] = {**_megabytes(size, "", "one folder, with the demo's far ends and platform"), "unit": "MB"}
    return figures


def _take_turns(commands: dict[str, list[str]], environment: dict[str, str]) -> dict[str, float]:
    """Return the median milliseconds to the first frame of each command; each round begins with another one."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    names = list(commands)
    for number in range(ROUNDS):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            with _running(commands[name], environment) as (_, seconds):
                times[name].append(seconds * 1000)
    return {name: statistics.median(taken) for name, taken in times.items()}


def _ratio(ours: float, theirs: float, peer: str, goal: str) -> Figure:
    return {
        "value": round(ours / theirs, 2),
        "unit": "x",
        "ours": f"{ours:.0f} ms",
        "theirs": f"{theirs:.0f} ms",
        "peer": peer,
        "goal": goal,
        "holds": not goal or ours / theirs <= GOAL,
    }


def _megabytes(parts: dict[str, float], theirs: str, peer: str) -> Figure:
    return {
        "value": round(sum(parts.values())),
        "unit": "MB PSS",
        "ours": ", ".join(f"{who} {mb:.0f} MB" for who, mb in parts.items()),
        "theirs": theirs,
        "peer": peer,
        "goal": "",
        "holds": True,
    }


def _config(folder: Path) -> Path:
    """Return a copy of the simulated terminal's configuration that keeps its state below `folder`."""
    text = DEFAULT_CONFIG.read_text(encoding="utf-8")
    own = text.replace('folder = "~/.local/state/jinban"', f'folder = "{folder / "state"}"')
    if own == text:
        raise RuntimeError(f"{DEFAULT_CONFIG.name}: no [state] folder to lead elsewhere")
    path = folder / "kiosk.toml"
    path.write_text(own, encoding="utf-8")
    return path


# ── processes ───────────────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def _display() -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the Qt platform both sides run on, and their environment: a screen of our own where Xvfb is installed."""
    base = {**os.environ, "QT_QUICK_BACKEND": "software"}
    if shutil.which("Xvfb") is None:
        yield "offscreen", base | {"QT_QPA_PLATFORM": "offscreen"}
        return
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", "1", "-screen", "0", "1920x1200x24", "-nolisten", "tcp"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert server.stdout is not None
        number = server.stdout.readline().decode().strip()
        yield "X11 (Xvfb)", base | {"QT_QPA_PLATFORM": "xcb", "DISPLAY": f":{number}"}
    finally:
        _end(server)


@contextlib.contextmanager
def _running(command: list[str], environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """Yield the process and the seconds from its start to its first frame; end it. Raises: RuntimeError."""
    started = time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        yield process, _until_shown(process) - started
    finally:
        _end(process)


def _until_shown(process: subprocess.Popen[bytes]) -> float:
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        if MARK in line:
            return time.monotonic()
        said.append(line.decode(errors="replace").strip())
    raise RuntimeError(f"no first frame: {said[-1] if said else 'ended without a word'}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.communicate(timeout=30)  # keeps the pipe empty meanwhile
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


# ── memory ──────────────────────────────────────────────────────────────────────────────────


def _memory(pid: int) -> tuple[dict[str, float], dict[str, float]]:
    """Return megabytes by process once everything runs: what is ours (terminal and eye), and the far ends."""

    def look() -> tuple[dict[str, float], dict[str, float]]:
        mine, far = {"terminal": pss_mb(pid)}, {}
        for child, words in descendants(pid):
            if any("eye" in word for word in words):
                mine["eye"] = pss_mb(child)
            else:
                far[_name_of(words)] = pss_mb(child)
        return mine, far

    seen: list[float] = []

    def is_steady() -> bool:
        mine, far = look()
        if "eye" not in mine or len(far) < FAR_ENDS:
            return False
        seen.append(sum(mine.values()))
        return len(seen) > 4 and max(seen[-3:]) - min(seen[-3:]) < STEADY * seen[-1]

    _wait(is_steady, START_S)
    return look()


def _wait(done: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise RuntimeError("the terminal did not come to rest with all its far ends")
        time.sleep(1.0)


def _name_of(words: list[str]) -> str:
    known = ("sandbox", "line", "reader", "camera", "printer")
    return next((name for name in known if name in words), Path(words[0]).name if words else "?")


def pss_mb(pid: int) -> float:
    """Return the proportional set size of one process in megabytes."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def descendants(pid: int) -> list[tuple[int, list[str]]]:
    """Return (pid, command line) of every process below `pid`."""
    children: dict[int, list[tuple[int, list[str]]]] = {}
    for path in Path("/proc").iterdir():
        if path.name.isdecimal():
            with contextlib.suppress(OSError):  # it ended meanwhile
                parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
                words = (path / "cmdline").read_bytes().decode(errors="replace").split("\0")
                children.setdefault(parent, []).append((int(path.name), words))
    found: list[tuple[int, list[str]]] = []
    waiting = [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += [child for child, _ in below]
    return found
