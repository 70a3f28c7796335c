"""What a fleet costs the platform: durable PostgreSQL, two workers, simulated terminals, one machine, loopback.

The platform's processor time is read from /proc for its workers, their parent and every PostgreSQL process; the
generator's own is not in it. Ten times the pace asks of one machine what ten thousand terminals would: what it does not
manage in time is told as late, and is no error.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sandbox.fleet import Fleet, Pace, make_load, summarise
from sandbox.fleet_terminal import Tally
from tests.fixtures.postgres import running_postgres

KIOSKS, SPEEDUP = 250, 4  # the load of a thousand: each does in a minute what a terminal does in four
WORKERS = 2
PARTS, PART_KB = 3, 1000  # 3 MB a submission, as the sizing on paper assumes
REPEAT = 0.02
MEASURED_MINUTES = 0.6
ASKING_MINUTES = 0.3  # each terminal asks for the time at every look, as it does while its line is in doubt
PRESSED_MINUTES = 0.35
PRESSED = 10  # times that
AT_ONCE = 24  # when pressed: what is asked beyond the machine's strength waits outside, so that the rest is served
GOAL_PERCENT = 25.0
TICKS = os.sysconf("SC_CLK_TCK")
END_S = 20

Figure = dict[str, object]


@dataclass(frozen=True)
class Spent:
    """Processor seconds so far."""

    workers: float
    postgres: float
    generator: float


@dataclass(frozen=True)
class Live:
    """A running platform and the process ids that are its cost."""

    url: str
    ca: Path
    codes: list[str]
    sandbox: int
    postgres: int

    def spent(self) -> Spent:
        """Return what it and the generator have used until now."""
        own = resource.getrusage(resource.RUSAGE_SELF)
        return Spent(tree_seconds(self.sandbox), tree_seconds(self.postgres), own.ru_utime + own.ru_stime)


def run() -> dict[str, Figure]:
    """Return the figures of the fleet."""
    home = Path("build")  # the disk, not a memory file system: commits wait for it as they would
    home.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home) as name, running_platform(Path(name)) as live:
        return asyncio.run(measure(live))


async def measure(live: Live) -> dict[str, Figure]:
    """Enrol a fleet, let it work as terminals do, then with lines in doubt, then at ten times the pace."""
    fleet = Fleet(live.url, live.ca, KIOSKS)
    load = make_load(PARTS, PART_KB, REPEAT)
    try:
        begun = time.perf_counter()
        await fleet.enrol(live.codes)
        enrolled_s = time.perf_counter() - begun
        usual = await observe(fleet, live, Pace(minutes=MEASURED_MINUTES, speedup=SPEEDUP), load)
        asking = await observe(fleet, live, Pace(minutes=ASKING_MINUTES, speedup=SPEEDUP, quiet_s=0.0), load)
        pressed = await observe(
            fleet, live, Pace(minutes=PRESSED_MINUTES, speedup=SPEEDUP * PRESSED, at_once=AT_ONCE), load
        )
    finally:
        fleet.close()
    faults = usual.faults + asking.faults + pressed.faults
    return {
        "platform_cpu_1000": usual.figure(f"< {GOAL_PERCENT:g} %", usual.percent < GOAL_PERCENT and not usual.late),
        "platform_cpu_1000_asking": asking.figure("", True),
        "platform_cpu_10000": pressed.figure("", True),
        "heartbeat_p99_1000": usual.latency("heartbeats"),
        "heartbeat_p99_10000": pressed.latency("heartbeats"),
        "submission_p99_1000": usual.latency("submissions"),
        "submission_p99_10000": pressed.latency("submissions"),
        "wrong_answers": figure(faults, "answers", "errors and receipts that differ", "0", faults == 0),
        "enrolments": figure(round(KIOSKS / enrolled_s, 1), "per s", f"{KIOSKS} in {enrolled_s:.0f} s", "", True),
    }


@dataclass(frozen=True)
class Observed:
    """One stretch of work."""

    seen: dict[str, dict[str, float]]
    seconds: float
    workers: float
    postgres: float
    generator: float
    faults: int
    late: int

    @property
    def percent(self) -> float:
        """Return the platform's share of one core."""
        return 100 * (self.workers + self.postgres) / self.seconds

    def _share(self, seconds: float) -> float:
        return round(100 * seconds / self.seconds, 1)

    def figure(self, goal: str, holds: bool) -> Figure:
        """Return the processor figure."""
        beats, submissions = self.seen["heartbeats"], self.seen["submissions"]
        text = (
            f"workers {self._share(self.workers)} %, PostgreSQL {self._share(self.postgres)} %, "
            f"generator apart {self._share(self.generator)} %; {beats['per_s']} heartbeats/s and "
            f"{submissions['per_s']} submissions/s of {PARTS * PART_KB / 1000:g} MB, {self.late} late"
        )
        if self.seen["probes"]["count"]:
            text += f", {self.seen['probes']['per_s']} questions for the time/s"
        return figure(round(self.percent, 1), "% of one core", text, goal, holds)

    def latency(self, what: str) -> Figure:
        """Return the 99th percentile of one kind of work."""
        found = self.seen[what]
        return figure(found["p99_ms"], "ms", f"p50 {found['p50_ms']}, p95 {found['p95_ms']}", "", True)


async def observe(fleet: Fleet, live: Live, pace: Pace, load: object) -> Observed:
    """Let the fleet work for a while and return what it saw and what that cost."""
    vars(fleet.tally).update(vars(Tally()))  # terminals hold the tally itself: emptied, not replaced
    before = live.spent()
    seconds = await fleet.run(pace, load)  # type: ignore[arg-type]
    after = live.spent()
    late = fleet.tally.errors["late"]
    if not late:
        seconds = pace.minutes * 60  # all work was done: a share of the time in which it came, not of its last answer's
    seen = summarise(fleet.tally, KIOSKS, seconds)
    return Observed(
        {name: seen[name] for name in ("heartbeats", "probes", "submissions")},
        seconds,
        after.workers - before.workers,
        after.postgres - before.postgres,
        after.generator - before.generator,
        fleet.tally.errors.total() - late + fleet.tally.mismatches,
        late,
    )


@contextmanager
def running_platform(folder: Path) -> Iterator[Live]:
    """Two workers on a durable PostgreSQL of their own, blobs in a folder."""
    state = folder / "state"
    with running_postgres() as postgres:
        python = [sys.executable, "-m", "sandbox"]
        serving = ["serve", "--state", str(state), "--auto-approve", "--workers", str(WORKERS), "--tethered"]
        process = subprocess.Popen(
            [*python, *serving, "--db", postgres.create_database(), "--metrics-port", "0"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                raise OSError("the platform did not start")
            ready = json.loads(line)
            codes = folder / "codes"
            made = [*python, "code", "--state", str(state), "--count", str(KIOSKS), "--out", str(codes)]
            subprocess.run(made, check=True, stdout=subprocess.DEVNULL)
            yield Live(ready["url"], Path(ready["ca"]), codes.read_text().split(), process.pid, postgres.pid)
        finally:
            process.communicate(timeout=END_S)  # its standard input ends, and so does it


def tree_seconds(root: int) -> float:
    """Return the processor seconds of a process, its children, and those it has seen end."""
    parents: dict[int, list[int]] = {}
    times: dict[int, tuple[int, int]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        parents.setdefault(int(words[1]), []).append(int(entry.name))
        times[int(entry.name)] = (int(words[11]) + int(words[12]), int(words[13]) + int(words[14]))
    total, left = 0, [root]
    while left:
        pid = left.pop()
        total += sum(times.get(pid, (0, 0)))
        left += parents.get(pid, [])
    return total / TICKS


def figure(value: float, unit: str, ours: str, goal: str, holds: bool) -> Figure:
    """Return one figure as the report wants it."""
    return {"value": value, "unit": unit, "ours": ours, "theirs": "", "peer": "", "goal": goal, "holds": holds}
