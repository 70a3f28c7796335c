"""The eye as the product meets it: one still, a live frame and hostile pictures, each through the process border.

Processor time is the eye's own, from the kernel's count of its threads; wall time is the caller's. Peak memory is the
largest resident set the process ever had (VmHWM).
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from devices.api import Deadline, DeviceError, HardwareFault
from devices.imaging.eye import Eye
from devices.sim import desk
from devices.sim.scene import Scene
from tests.fixtures.pictures import BASELINE, PROGRESSIVE, TRANSPARENT, chunk, grey_jpeg, inside_jpeg, inside_png
from tests.fixtures.pictures import png as png_of

STILLS = 9  # of each kind of paper
FRAMES = 84  # four times as many as are known again at most before one is searched
SETTLED = 12  # before that, so that a page lies still
PAPERS = ("register", "text", "table")
PATIENCE_S = 60.0
Figure = dict[str, object]

HOSTILE: dict[str, Callable[[], bytes]] = {
    "900 MP": lambda: png_of(30_000, 30_000, bytes(1_000_000)),
    "a line of 65,535 px": lambda: png_of(65_535, 1, bytes(70_000)),
    "40 MP in no data": lambda: grey_jpeg(BASELINE, 6320, 6320, fill=False),
    "2,000 scans": lambda: grey_jpeg(PROGRESSIVE, 1600, 1600, 2000),
    "progressive of 40 MP": lambda: grey_jpeg(PROGRESSIVE, 6320, 6320),
    "19 MB of fill bytes": lambda: b"\xff\xd8" + b"\xff" * 19_000_000,
    "1.5 million chunks": lambda: inside_png(png_of(64, 64, bytes(4160)), chunk(b"tEXt", b"") * 1_500_000),
    "4 million segments": lambda: inside_jpeg(grey_jpeg(BASELINE, 64, 64), b"\xff\xfe\0\2" * 4_000_000),
    "16 bits of 40 MP": lambda: png_of(6320, 6320, bytes(2_000_000), depth=16, colour=TRANSPARENT),
}
LARGEST: dict[str, Callable[[], bytes]] = {  # what is still taken
    "JPEG of 40 MP": lambda: grey_jpeg(BASELINE, 6320, 6320),
    "progressive of 16 MP, 20 scans": lambda: grey_jpeg(PROGRESSIVE, 4000, 4000, 20),
    "PNG of 40 MP": lambda: png_of(6320, 6320, bytes(6320 * 25_281), colour=TRANSPARENT),
    "interlaced, 16 bits, 16 MP": lambda: png_of(
        4000, 4000, bytes(4000 * 32_016), depth=16, colour=TRANSPARENT, interlace=1
    ),
}


class Cost(NamedTuple):
    """What one request took."""

    wall_ms: float
    cpu_ms: float


def run() -> dict[str, Figure]:
    """Return the figures of stills, live frames and hostile pictures."""
    stills, still_mb = _stills()
    frames, ours_ms = _frames("register", is_searched=True)
    rests = {paper: _frames(paper, is_searched=False)[0] for paper in ("register", "")}
    empty = _frames("", is_searched=True)[0]
    refused, refused_mb = _hostile(HOSTILE, is_refused=True)
    largest, largest_mb = _hostile(LARGEST, is_refused=False)
    cpu, wall = statistics.median(c.cpu_ms for c in stills), statistics.median(c.wall_ms for c in stills)
    worst, name = max((cost.cpu_ms / 1000, name) for name, cost in (refused | largest).items())
    told = f"{len(stills)} JPEGs of 3264×2448 px, border and PDF included"
    return {
        "still_cpu": _figure(cpu, "ms of processor", f"{told}; wall {wall:.0f}", "<= 400", cpu <= 400),
        "still_wall": _figure(wall, "ms", told),
        "still_peak": _figure(still_mb, "MB RSS", told, "<= 250", still_mb <= 250),
        "frame_cpu": _figure(statistics.median(c.cpu_ms for c in frames), "ms of processor", "1080p MJPEG, eye alone"),
        "frame_wall": _figure(statistics.median(c.wall_ms for c in frames), "ms", "1080p MJPEG, there and back"),
        "empty_cpu": _figure(statistics.median(c.cpu_ms for c in empty), "ms of processor", "an empty desk searched"),
        "frame_rest_cpu": _rest(rests["register"], "a page that lies still"),
        "empty_rest_cpu": _rest(rests[""], "a desk that stays empty"),
        "frame_ours": _figure(ours_ms, "ms of processor", "what a look costs the product's own process"),
        "hostile_peak": _figure(
            refused_mb, "MB RSS", f"{len(refused)} bombs, each refused", "<= 300", refused_mb <= 300
        ),
        "largest_peak": _figure(largest_mb, "MB RSS", ", ".join(largest), "<= 300", largest_mb <= 300),
        "hostile_cpu": _figure(worst, "s of processor", f"dearest of all: {name}", "<= 5", worst <= 5),
    }


def _figure(value: float, unit: str, beside: str, goal: str = "", holds: bool = True) -> Figure:
    shown = round(value, 2)
    return {"value": shown, "unit": unit, "ours": shown, "theirs": "", "peer": beside, "goal": goal, "holds": holds}


def _rest(costs: list[Cost], what: str) -> Figure:
    return _figure(statistics.fmean(c.cpu_ms for c in costs), "ms of processor", f"{what}, mean of {len(costs)} frames")


def _stills() -> tuple[list[Cost], float]:
    scene, pictures = Scene(), []
    for paper in PAPERS:
        scene.lay(paper, 0.0, at_once=True)
        pictures.append(bytes(desk.encode(scene.still_picture(0.0), 90)))
    eye = Eye()
    try:
        eye.examine(pictures[0], Deadline(PATIENCE_S), keep=True, as_pdf=True)  # libraries are loaded with the first
        costs = []
        for number in range(STILLS * len(PAPERS)):
            still = pictures[number % len(PAPERS)]
            costs.append(
                _cost(eye, lambda still=still: eye.examine(still, Deadline(PATIENCE_S), keep=True, as_pdf=True))
            )
        return costs, peak_mb(eye.pid)
    finally:
        eye.close()


def _frames(paper: str, is_searched: bool) -> tuple[list[Cost], float]:
    """Return what frames of a paper that lies still cost, "" for none, and the caller's own milliseconds a frame.

    `is_searched`: each frame is, as while something moves; else as the eye would, which knows a frame again.
    """
    scene = Scene()
    if paper:
        scene.lay(paper, 0.0, at_once=True)
    stream = [bytes(desk.encode(scene.stream_picture(0.0, number), 82)) for number in range(4)]
    eye = Eye()
    try:
        for number in range(SETTLED):
            eye.look(stream[number % 4], Deadline(PATIENCE_S))

        def look(number: int) -> None:
            if is_searched:
                eye.track = replace(eye.track, looked=None)
            eye.look(stream[number % 4], Deadline(PATIENCE_S))

        own = time.thread_time()
        costs = [_cost(eye, lambda n=n: look(n)) for n in range(FRAMES)]
        return costs, 1000 * (time.thread_time() - own) / FRAMES
    finally:
        eye.close()


def _hostile(pictures: dict[str, Callable[[], bytes]], *, is_refused: bool) -> tuple[dict[str, Cost], float]:
    """Return each picture's cost and the largest peak. Raises: RuntimeError where the eye did not live through it."""
    costs, peak = {}, 0.0
    for name, build in pictures.items():
        eye, asked = Eye(), _Asked(build())
        try:
            eye.examine(png_of(64, 64, bytes(4160)), Deadline(PATIENCE_S), keep=True)
            costs[name] = _cost(eye, lambda eye=eye, asked=asked: asked.ask(eye))
            if (asked.fault is not None) is not is_refused or isinstance(asked.fault, HardwareFault):
                raise RuntimeError(f"{name}: {asked.fault or 'taken'}")
            peak = max(peak, peak_mb(eye.pid))
        finally:
            eye.close()
    return costs, peak


class _Asked:
    """One hostile picture, and the refusal it got."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.fault: DeviceError | None = None

    def ask(self, eye: Eye) -> None:
        """Let the eye make a page of it, whatever the gates say."""
        try:
            eye.examine(self._data, Deadline(PATIENCE_S), keep=True, as_pdf=True)
        except DeviceError as fault:
            self.fault = fault


def _cost(eye: Eye, ask: Callable[[], object]) -> Cost:
    cpu, wall = cpu_ms(eye.pid), time.perf_counter()
    ask()
    return Cost(1000 * (time.perf_counter() - wall), cpu_ms(eye.pid) - cpu)


def cpu_ms(pid: int) -> float:
    """Return the processor time of all threads a process has, milliseconds."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text(encoding="ascii").split()[0]) for task in tasks) / 1e6


def peak_mb(pid: int) -> float:
    """Return the largest resident set a process had, MB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024
