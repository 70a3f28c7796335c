"""`python -m sandbox.fleet --kiosks N`: simulated terminals against any platform URL, bounded in time and count.

Without `--url` it starts a platform of its own in a temporary folder. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sandbox.fleet_line import Line
from sandbox.fleet_terminal import GaveUp, Load, Tally, Terminal
from sandbox.words import number, place, whole

KIOSKS_MAX = 20_000
ENROLLING = 8  # at once
LAST_S = 30  # what is under way at the end may take
START_S = 60


@dataclass(frozen=True)
class Pace:
    """How busy terminals are, and for how long. `speedup` makes a day of `day_hours` pass so much faster."""

    minutes: float = 1.0
    submissions_per_day: float = 50.0
    day_hours: float = 8.0
    heartbeat_s: float = 60.0
    speedup: float = 1.0
    submissions_max: int = 1_000_000
    look_s: float = 5.0  # how often a terminal looks whether it still knows that it has a line; 0: never
    quiet_s: float = (
        30.0  # how long it goes by the last signed answer before it asks for the time; 0: it asks each time
    )
    at_once: int = KIOSKS_MAX  # submissions under way in the whole fleet: beyond what is served, more is only a jam


class Fleet:
    """Terminals that live as long as the block that holds them."""

    def __init__(self, url: str, ca: Path, kiosks: int, flaky: float = 0.0, seed: int = 1) -> None:
        trust = ssl.create_default_context(cafile=str(ca))
        self._rng = random.Random(seed)  # noqa: S311
        self.tally = Tally()
        self._terminals = []
        for index in range(kiosks):
            rng = random.Random(seed * 1_000_003 + index)  # noqa: S311
            line, mail = (Line(url, trust, flaky, rng) for _ in range(2))
            self._terminals.append(Terminal(url, line, mail, rng, self.tally))
        self._left = 0
        self._is_over = asyncio.Event()

    async def enrol(self, codes: Sequence[str]) -> None:
        """Make every terminal a device, with one heartbeat. Raises: GaveUp."""
        gate = asyncio.Semaphore(ENROLLING)

        async def one(terminal: Terminal, code: str) -> None:
            async with gate:
                await terminal.enrol(code)
                await terminal.beat()

        await asyncio.gather(*(one(*pair) for pair in zip(self._terminals, codes, strict=True)))

    async def run(self, pace: Pace, load: Load) -> float:
        """Let the fleet work; return the seconds it took. What is under way at the end is finished."""
        self._left = pace.submissions_max
        self._is_over.clear()
        for terminal in self._terminals:
            terminal.hurry(pace.speedup)
        begun = time.monotonic()
        until = begun + pace.minutes * 60
        beat_s = pace.heartbeat_s / pace.speedup
        submission_s = pace.day_hours * 3600 / max(pace.submissions_per_day, 1e-9) / pace.speedup
        beating = [asyncio.create_task(self._repeat(one.beat, beat_s, until)) for one in self._terminals]
        if pace.look_s:
            look_s, quiet_s = pace.look_s / pace.speedup, pace.quiet_s / pace.speedup
            looks = [partial(one.look, quiet_s) for one in self._terminals]
            beating += [asyncio.create_task(self._repeat(look, look_s, until)) for look in looks]
        gate = asyncio.Semaphore(pace.at_once)
        handing = [asyncio.create_task(self._submit(one, submission_s, until, load, gate)) for one in self._terminals]
        _, late = await asyncio.wait(handing, timeout=pace.minutes * 60 + LAST_S)
        if self._left > 0:
            late |= (await asyncio.wait(beating, timeout=max(0.0, until + LAST_S - time.monotonic())))[1]
        self.tally.errors.update(["late"] * len(late))
        self._is_over.set()  # once the last submission allowed is in, the beats end too
        await asyncio.wait(beating, timeout=LAST_S)
        for task in (*late, *beating):
            task.cancel()
        await asyncio.gather(*handing, *beating)
        return time.monotonic() - begun

    def close(self) -> None:
        """Hang up everywhere."""
        for terminal in self._terminals:
            terminal.hang_up()

    async def _repeat(self, act: Callable[[], Awaitable[None]], every_s: float, until: float) -> None:
        with suppress(asyncio.CancelledError):
            async for _ in self._times(every_s, until):
                try:
                    await act()
                except GaveUp as fault:
                    self.tally.errors[str(fault)] += 1

    async def _submit(
        self, terminal: Terminal, every_s: float, until: float, load: Load, gate: asyncio.Semaphore
    ) -> None:
        with suppress(asyncio.CancelledError):
            async for _ in self._times(every_s, until):
                try:
                    async with gate:
                        if self._left <= 0 or time.monotonic() > until:
                            return
                        self._left -= 1
                        await terminal.submit(load)
                except GaveUp as fault:
                    self.tally.errors[str(fault)] += 1

    async def _times(self, every_s: float, until: float) -> Any:
        """Come round every so often, from a random moment on, with a tenth of jitter."""
        due = time.monotonic() + self._rng.uniform(0, every_s)
        while due < until:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._is_over.wait(), max(0.0, due - time.monotonic()))
                return
            yield due
            due = max(due, time.monotonic() - every_s) + every_s * self._rng.uniform(0.9, 1.1)


def summarise(tally: Tally, kiosks: int, seconds: float) -> dict[str, Any]:
    """Return what a fleet has seen as plain data."""
    return {
        "kiosks": kiosks,
        "seconds": round(seconds, 1),
        "heartbeats": {"count": tally.beats, "per_s": round(tally.beats / seconds, 2), **_times_of(tally.beat_s)},
        "probes": {"count": tally.probes, "per_s": round(tally.probes / seconds, 2)},
        "submissions": {
            "count": tally.submissions,
            "per_s": round(tally.submissions / seconds, 2),
            "sealed_mb": round(tally.sealed_bytes / 1e6, 1),
            **_times_of(tally.submission_s),
        },
        "repeats": tally.repeats,
        "mismatches": tally.mismatches,
        "case_numbers": len(tally.case_numbers),
        "cuts": tally.cuts,
        "connections": tally.connections,
        "retries": dict(sorted(tally.retries.items())),
        "errors": dict(sorted(tally.errors.items())),
        "generator_cpu_s": round(sum(resource.getrusage(resource.RUSAGE_SELF)[:2]), 1),
    }


def _times_of(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds) or [0.0]
    return {
        f"p{share}_ms": round(ordered[min(len(ordered) - 1, len(ordered) * share // 100)] * 1000, 1)
        for share in (50, 95, 99)
    }


def make_load(parts: int, part_kb: int, repeat: float) -> Load:
    """Return parts that look like scans to nobody: random bytes, the same for every submission."""
    rng = random.Random(7)  # noqa: S311
    return Load([rng.randbytes(part_kb * 1024) for _ in range(parts)], repeat)


@contextmanager
def own_platform(kiosks: int) -> Iterator[tuple[str, Path, list[str]]]:
    """A sandbox in a temporary folder: its URL, its CA and codes enough."""
    with tempfile.TemporaryDirectory(prefix="jinban-fleet-") as name:
        state = Path(name) / "state"
        command = [sys.executable, "-m", "sandbox", "serve", "--state", str(state), "--auto-approve", "--tethered"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                raise OSError("the platform did not start")
            ready = json.loads(line)
            codes = Path(name) / "codes"
            code = [sys.executable, "-m", "sandbox", "code", "--state", str(state), "--count", str(kiosks)]
            subprocess.run([*code, "--out", str(codes)], check=True, stdout=subprocess.DEVNULL, timeout=START_S)
            yield ready["url"], Path(ready["ca"]), codes.read_text().split()
        finally:
            process.communicate(timeout=START_S)  # its standard input ends, and so does it


async def simulate(fleet: Fleet, codes: Sequence[str], pace: Pace, load: Load) -> float:
    """Enrol and run a fleet; return the seconds of the run."""
    try:
        await fleet.enrol(codes)
        fleet.tally.beats = 0
        fleet.tally.beat_s.clear()
        return await fleet.run(pace, load)
    finally:
        fleet.close()


def main(arguments: Sequence[str]) -> int:
    """Return 0 when nothing went wrong, 1 for errors or receipts that differ, 2 if it could not start."""
    options = _parser().parse_args(list(arguments))
    pace = Pace(
        options.minutes, options.submissions_per_day, options.day_hours, options.heartbeat_s, options.speedup,
        options.submissions_max, options.look_s, options.quiet_s, options.at_once,
    )  # fmt: skip
    load = make_load(options.parts, options.part_kb, options.repeat)
    try:
        if options.url:
            if options.ca is None or options.codes is None:
                raise ValueError("--url needs --ca and --codes")
            codes = options.codes.read_text().split()[: options.kiosks]
            if len(codes) < options.kiosks:
                raise ValueError(f"--codes: {len(codes)} codes for {options.kiosks} terminals")
            summary = _run(options, options.url, options.ca, codes, pace, load)
        else:
            with own_platform(options.kiosks) as (url, ca, codes):
                summary = _run(options, url, ca, codes, pace, load)
    except (OSError, ValueError, subprocess.SubprocessError, GaveUp) as fault:
        sys.stderr.write(f"fleet: {fault}\n")
        return 2
    sys.stdout.write(json.dumps(summary) + "\n")
    return 1 if summary["errors"] or summary["mismatches"] else 0


def _run(
    options: argparse.Namespace, url: str, ca: Path, codes: Sequence[str], pace: Pace, load: Load
) -> dict[str, Any]:
    fleet = Fleet(url.rstrip("/").removesuffix("/v1"), ca, options.kiosks, options.flaky, options.seed)
    seconds = asyncio.run(simulate(fleet, codes, pace, load))
    return summarise(fleet.tally, options.kiosks, seconds)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox.fleet", description="Simulated terminals.")
    parser.add_argument("--kiosks", type=whole(1, KIOSKS_MAX), required=True)
    parser.add_argument("--url", default="", help="https://…; default: a sandbox of its own")
    parser.add_argument("--ca", type=place, help="PEM that the platform's certificate is checked with")
    parser.add_argument(
        "--codes", type=place, help="enrolment codes, one a line: `python -m sandbox code --count N --out FILE`"
    )
    parser.add_argument("--minutes", type=number(0, 100_000), default=1.0)
    parser.add_argument("--submissions-per-day", type=number(0, 1_000_000), default=50.0, help="of each terminal")
    parser.add_argument("--day-hours", type=number(0.01, 24), default=8.0)
    parser.add_argument(
        "--submissions-max", type=whole(0, 1_000_000_000), default=1_000_000, help="of all terminals together"
    )
    parser.add_argument(
        "--at-once", type=whole(1, KIOSKS_MAX), default=KIOSKS_MAX, help="submissions under way, of all terminals"
    )
    parser.add_argument("--heartbeat-s", type=number(0.1, 86_400), default=60.0)
    parser.add_argument(
        "--look-s", type=number(0, 86_400), default=5.0, help="how often each sees to its line; 0: never"
    )
    parser.add_argument(
        "--quiet-s", type=number(0, 86_400), default=30.0, help="without a signed answer, before it asks the time"
    )
    parser.add_argument(
        "--speedup", type=number(0.001, 1_000_000), default=1.0, help="heartbeats and submissions so much more often"
    )
    parser.add_argument("--parts", type=whole(0, 1000), default=3)
    parser.add_argument("--part-kb", type=whole(1, 100_000), default=1000)
    parser.add_argument("--flaky", type=number(0, 1), default=0.0, help="share of requests whose line is cut")
    parser.add_argument(
        "--repeat", type=number(0, 1), default=0.05, help="share of PUTs sent again after their receipt"
    )
    parser.add_argument("--seed", type=whole(0, 2**31 - 1), default=1)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
